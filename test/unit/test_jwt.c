/* test_jwt.c - JSON Web Tokens: vectors of RFC 7515, tokens that lie, keys that are none. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/base64.h"
#include "base/digest.h"
#include "core/jwt.h"

/* RFC 7515, A.1 and A.3; both expire at 1300819380. */
#define CLAIMS "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define HS256 "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define HS256_KEY "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"
#define ES256_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define ES256 "eyJhbGciOiJFUzI1NiJ9." CLAIMS "." ES256_SIGNATURE
#define ES256_KEY "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"

#define SECRET_KEY "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"}"
#define SECRET "01234567890123456789012345678901"

static void
put_base64url(FoxBuf *out, FoxSlice text)
{
	size_t		from = out->len;

	fox_base64_encode(text, out);
	while (out->len > from && out->data[out->len - 1] == '=')
		out->len--;
	for (size_t i = from; i < out->len; i++)
		out->data[i] = out->data[i] == '+' ? '-' : out->data[i] == '/' ? '_' : out->data[i];
}

/* A token of that header and those claims, signed with SECRET whatever the header says. */
static FoxSlice
token(const char *header, const char *claims)
{
	static FoxBuf out;
	unsigned char mac[32];

	fox_buf_reset(&out);
	put_base64url(&out, fox_cstr(header));
	fox_buf_char(&out, '.');
	put_base64url(&out, fox_cstr(claims));
	assert_true(fox_hmac_sha256(FOX_LIT(SECRET), fox_buf_view(&out), mac));
	fox_buf_char(&out, '.');
	put_base64url(&out, fox_bytes_slice(mac, sizeof(mac)));
	return fox_buf_view(&out);
}

static bool
verified(FoxSlice text, const char *alg, const char *jwk)
{
	FoxJwt		t;
	bool		ok = fox_jwt_parse(text, &t) && fox_jwt_verify(&t, fox_cstr(alg), fox_cstr(jwk));

	fox_jwt_free(&t);
	return ok;
}

static void
test_vectors(void **state)
{
	FoxJwt		t;

	(void) state;
	assert_true(verified(FOX_LIT(HS256), "HS256", HS256_KEY));
	assert_true(verified(FOX_LIT(ES256), "ES256", ES256_KEY));
	assert_true(fox_jwt_parse(FOX_LIT(HS256), &t));
	assert_true(fox_jwt_holds(&t, 1300819379, FOX_ABSENT, FOX_ABSENT));
	assert_true(fox_jwt_holds(&t, 1300819380 + 29, FOX_ABSENT, FOX_ABSENT));
	assert_false(fox_jwt_holds(&t, 1300819380 + 30, FOX_ABSENT, FOX_ABSENT));
	assert_true(fox_jwt_holds(&t, 1300819379, FOX_ABSENT, FOX_LIT("joe")));
	assert_false(fox_jwt_holds(&t, 1300819379, FOX_ABSENT, FOX_LIT("jim")));
	assert_false(fox_jwt_holds(&t, 1300819379, FOX_LIT("us"), FOX_ABSENT));
	fox_jwt_free(&t);
}

static void
test_confusion(void **state)
{
	char		text[600];

	(void) state;
	/* The key's algorithm counts, not the token's. */
	assert_true(verified(token("{\"alg\":\"HS256\"}", "{}"), "HS256", SECRET_KEY));
	assert_false(verified(token("{\"alg\":\"none\"}", "{}"), "HS256", SECRET_KEY));
	assert_false(verified(token("{\"alg\":\"RS256\"}", "{}"), "HS256", SECRET_KEY));
	assert_false(verified(token("{\"alg\":\"hs256\"}", "{}"), "HS256", SECRET_KEY));
	assert_false(verified(token("{\"alg\":\"HS256\"}", "{}"), "RS256", SECRET_KEY));
	assert_false(verified(token("{\"alg\":\"HS256\"}", "{}"), "none", SECRET_KEY));
	assert_false(verified(token("{\"alg\":\"none\"}", "{}"), "none", SECRET_KEY));
	assert_false(verified(FOX_LIT("eyJhbGciOiJub25lIn0.e30."), "none", SECRET_KEY));
	assert_false(verified(FOX_LIT("eyJhbGciOiJub25lIn0.e30."), "HS256", SECRET_KEY));
	assert_false(verified(token("{}", "{}"), "HS256", SECRET_KEY));
	assert_false(verified(token("{\"alg\":\"HS256\",\"alg\":\"none\"}", "{}"), "HS256", SECRET_KEY));
	assert_false(verified(token("{\"alg\":[\"HS256\"]}", "{}"), "HS256", SECRET_KEY));
	/* A public key is no secret. */
	assert_false(verified(token("{\"alg\":\"HS256\"}", "{}"), "HS256", ES256_KEY));
	assert_false(verified(FOX_LIT(HS256), "ES256", ES256_KEY));
	/* One signature in other forms: cut, longer, DER, zero. */
	snprintf(text, sizeof(text), "%.*s", (int) sizeof(ES256) - 3, ES256);
	assert_false(verified(fox_cstr(text), "ES256", ES256_KEY));
	snprintf(text, sizeof(text), "%sAA", ES256);
	assert_false(verified(fox_cstr(text), "ES256", ES256_KEY));
	snprintf(text, sizeof(text), "eyJhbGciOiJFUzI1NiJ9." CLAIMS ".%086d", 0);
	assert_false(verified(fox_cstr(text), "ES256", ES256_KEY));
	snprintf(text, sizeof(text), "eyJhbGciOiJFUzI1NiJ9." CLAIMS ".%.*s", 86,
			 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	assert_false(verified(fox_cstr(text), "ES256", ES256_KEY));
	assert_false(verified(token("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "{}"), "HS256", SECRET_KEY));
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "e30.W10.AAAA", "W10.e30.AAAA", "eyJhbGciOjF9.e30.AAAA",
		"eyJhbGciOiJIUzI1NiJ9.e30=.AAAA", "eyJhbGciOiJIUzI1NiJ9.e3 0.AAAA", "eyJhbGciOiJIUzI1NiJ9.e30.AA+A",
		"eyJhbGciOiJIUzI1NiJ9.e31.AAAA", "eyJhbGciOiJIUzI1NiJ9.e30.A", "eyJhbGciOiJIUzI1NiIsImtpZCI6MX0.e30.AAAA",
	};
	static char long_one[FOX_JWT_MAX + 10];
	FoxJwt		t;

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (fox_jwt_parse(fox_cstr(bad[i]), &t))
			fail_msg("taken: %s", bad[i]);
		fox_jwt_free(&t);
	}
	assert_true(fox_jwt_looks(FOX_LIT("eyJhbGciOiJub25lIn0.e30.")));
	assert_true(fox_jwt_looks(FOX_LIT("eyJhbGciOiJIUzI1NiJ9.no.one")));
	assert_false(fox_jwt_looks(FOX_LIT("my.pass.word")));
	assert_false(fox_jwt_looks(FOX_LIT("..")));
	assert_false(fox_jwt_looks(FOX_LIT("W10.e30.AAAA")));
	memset(long_one, 'e', sizeof(long_one));
	long_one[20] = long_one[40] = '.';
	assert_false(fox_jwt_parse(fox_slice(long_one, sizeof(long_one)), &t));
	fox_jwt_free(&t);
}

static bool
holds(const char *claims, const char *audience)
{
	FoxJwt		t;
	bool		ok = fox_jwt_parse(token("{\"alg\":\"HS256\"}", claims), &t) &&
		fox_jwt_holds(&t, 1000, fox_cstr(audience), FOX_ABSENT);

	fox_jwt_free(&t);
	return ok;
}

static void
test_claims(void **state)
{
	(void) state;
	assert_true(holds("{\"exp\":2000}", NULL));
	assert_true(holds("{\"exp\":2000.5}", NULL));
	assert_false(holds("{}", NULL));
	assert_false(holds("{\"exp\":\"2000\"}", NULL));
	assert_false(holds("{\"exp\":null}", NULL));
	assert_false(holds("{\"exp\":900}", NULL));
	assert_false(holds("{\"exp\":2000,\"exp\":900}", NULL));
	assert_false(holds("{\"exp\":-1e400}", NULL));
	assert_true(holds("{\"exp\":2000,\"nbf\":1029}", NULL));
	assert_false(holds("{\"exp\":2000,\"nbf\":1031}", NULL));
	assert_false(holds("{\"exp\":2000,\"nbf\":\"0\"}", NULL));
	assert_true(holds("{\"exp\":2000,\"aud\":\"us\"}", "us"));
	assert_true(holds("{\"exp\":2000,\"aud\":[\"them\",\"us\"]}", "us"));
	assert_false(holds("{\"exp\":2000,\"aud\":[\"them\",[\"us\"]]}", "us"));
	assert_false(holds("{\"exp\":2000,\"aud\":\"them\"}", "us"));
	assert_false(holds("{\"exp\":2000,\"aud\":[]}", "us"));
	assert_false(holds("{\"exp\":2000,\"aud\":7}", "us"));
	assert_false(holds("{\"exp\":2000}", "us"));
	assert_false(holds("{\"exp\":2000,\"aud\":\"us\"}", NULL));
}

static void
test_keys(void **state)
{
	(void) state;
	assert_true(fox_jwk_fits(FOX_LIT("HS256"), FOX_LIT(SECRET_KEY)));
	assert_true(fox_jwk_fits(FOX_LIT("ES256"), FOX_LIT(ES256_KEY)));
	assert_true(fox_jwk_fits(FOX_LIT("EdDSA"), FOX_LIT("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}")));
	assert_false(fox_jwk_fits(FOX_LIT("HS256"), FOX_LIT("{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}")));
	assert_false(fox_jwk_fits(FOX_LIT("HS256"), FOX_LIT(ES256_KEY)));
	assert_false(fox_jwk_fits(FOX_LIT("RS256"), FOX_LIT(ES256_KEY)));
	assert_false(fox_jwk_fits(FOX_LIT("ES256"), FOX_LIT(SECRET_KEY)));
	assert_false(fox_jwk_fits(FOX_LIT("none"), FOX_LIT(SECRET_KEY)));
	assert_false(fox_jwk_fits(FOX_LIT("RS256"), FOX_LIT("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}")));
	/* no point of the curve */
	assert_false(fox_jwk_fits(FOX_LIT("ES256"), FOX_LIT("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
														"\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}")));
	assert_false(fox_jwk_fits(FOX_LIT("EdDSA"), FOX_LIT("[]")));
	assert_false(fox_jwk_fits(FOX_LIT("EdDSA"), FOX_LIT("{")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors), cmocka_unit_test(test_confusion), cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_claims), cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
