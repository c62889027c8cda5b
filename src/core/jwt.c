/*
 * jwt.c - JSON Web Tokens (see jwt.h).
 */
#include "core/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/base64.h"
#include "base/digest.h"
#include "codec/json.h"

#include "base/pure.h"

#define LEEWAY 30				/* seconds that clocks may differ */
#define SECRET_MIN 32			/* bytes, of HS256 */
#define RSA_MIN 2048			/* bits */
#define P256 32					/* bytes of a coordinate */

/* --- tokens --- */

static bool
in_base64url(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool
is_compact(FoxSlice token)
{
	int			dots = 0;

	for (size_t i = 0; i < token.len; i++)
		if (token.ptr[i] == '.')
			dots++;
		else if (!in_base64url(token.ptr[i]))
			return false;
	return dots == 2;
}

static bool
is_object(FoxSlice text)
{
	FoxKind		kind;

	return fox_json_valid(text, &kind) && kind == FOX_JSON_OBJECT;
}

bool
fox_jwt_looks(FoxSlice token)
{
	const char *dot = token.len > 0 ? memchr(token.ptr, '.', token.len) : NULL;
	FoxBuf		header = {0};
	bool		looks = dot != NULL && is_compact(token) &&
		fox_base64url_decode(fox_slice(token.ptr, (size_t) (dot - token.ptr)), &header) && is_object(fox_buf_view(&header));

	fox_buf_free(&header);
	return looks;
}

static FoxSlice
text_of(FoxSlice object, const char *name, FoxBuf *scratch)
{
	FoxSlice	value = fox_json_get(object, name);

	return fox_absent(value) ? FOX_ABSENT : fox_json_text(value, scratch);
}

bool
fox_jwt_parse(FoxSlice token, FoxJwt *t)
{
	FoxSlice	header;
	size_t		from = 0;
	int			n = 0;

	memset(t, 0, sizeof(*t));
	if (token.len > FOX_JWT_MAX || !is_compact(token))
		return false;
	for (size_t i = 0; i <= token.len; i++)
	{
		if (i < token.len && token.ptr[i] != '.')
			continue;
		if (!fox_base64url_decode(fox_slice(token.ptr + from, i - from), &t->parts[n]))
			return false;
		if (++n == 2)
			t->signed_part = fox_slice(token.ptr, i);
		from = i + 1;
	}
	header = fox_buf_view(&t->parts[0]);
	t->claims = fox_buf_view(&t->parts[1]);
	if (!is_object(header) || !is_object(t->claims) || !fox_absent(fox_json_get(header, "crit")))
		return false;			/* what it calls critical is nothing that we know */
	t->alg = text_of(header, "alg", &t->texts[0]);
	t->kid = text_of(header, "kid", &t->texts[1]);
	return !fox_absent(t->alg) && (fox_absent(fox_json_get(header, "kid")) || !fox_absent(t->kid));
}

void
fox_jwt_free(FoxJwt *t)
{
	for (int i = 0; i < 3; i++)
		fox_buf_free(&t->parts[i]);
	fox_buf_free(&t->texts[0]);
	fox_buf_free(&t->texts[1]);
}

/* --- keys --- */

/* A member of the JWK that is base64url, as bytes. */
static bool
member(FoxSlice jwk, const char *name, FoxBuf *out)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = text_of(jwk, name, &scratch);
	bool		ok = !fox_absent(text) && fox_base64url_decode(text, out) && out->len > 0;

	fox_buf_free(&scratch);
	return ok;
}

static bool
says(FoxSlice jwk, const char *name, const char *value)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = text_of(jwk, name, &scratch);
	bool		same = !fox_absent(text) && fox_slice_is(text, value);

	fox_buf_free(&scratch);
	return same;
}

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY   *key = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *
rsa_key(FoxSlice jwk)
{
	FoxBuf		n = {0};
	FoxBuf		e = {0};
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM	   *modulus = NULL;
	BIGNUM	   *exponent = NULL;
	EVP_PKEY   *key = NULL;

	if (build != NULL && says(jwk, "kty", "RSA") && member(jwk, "n", &n) && member(jwk, "e", &e) && n.len <= 1024 && e.len <= 8)
	{
		modulus = BN_bin2bn((unsigned char *) n.data, (int) n.len, NULL);
		exponent = BN_bin2bn((unsigned char *) e.data, (int) e.len, NULL);
		if (modulus != NULL && exponent != NULL && BN_num_bits(modulus) >= RSA_MIN && BN_is_odd(exponent) && !BN_is_one(exponent) &&
			OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
			OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
			key = from_params("RSA", build);
	}
	OSSL_PARAM_BLD_free(build);
	BN_free(modulus);
	BN_free(exponent);
	fox_buf_free(&n);
	fox_buf_free(&e);
	return key;
}

static EVP_PKEY *
p256_key(FoxSlice jwk)
{
	FoxBuf		x = {0};
	FoxBuf		y = {0};
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	unsigned char point[1 + 2 * P256] = {POINT_CONVERSION_UNCOMPRESSED};
	EVP_PKEY   *key = NULL;

	if (build != NULL && says(jwk, "kty", "EC") && says(jwk, "crv", "P-256") && member(jwk, "x", &x) && member(jwk, "y", &y) &&
		x.len == P256 && y.len == P256)
	{
		memcpy(point + 1, x.data, P256);
		memcpy(point + 1 + P256, y.data, P256);
		if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
			OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
			key = from_params("EC", build);
	}
	OSSL_PARAM_BLD_free(build);
	fox_buf_free(&x);
	fox_buf_free(&y);
	return key;
}

static EVP_PKEY *
ed25519_key(FoxSlice jwk)
{
	FoxBuf		x = {0};
	EVP_PKEY   *key = NULL;

	if (says(jwk, "kty", "OKP") && says(jwk, "crv", "Ed25519") && member(jwk, "x", &x) && x.len == 32)
		key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (unsigned char *) x.data, x.len);
	fox_buf_free(&x);
	return key;
}

/* --- algorithms --- */

/* JWS has the two numbers of the signature one behind the other, OpenSSL in DER. */
static bool
p256_der(FoxSlice raw, FoxBuf *out)
{
	ECDSA_SIG  *signature = raw.len == 2 * P256 ? ECDSA_SIG_new() : NULL;
	BIGNUM	   *r = NULL;
	BIGNUM	   *s = NULL;
	unsigned char *der = NULL;
	int			len = 0;

	if (signature == NULL)
		return false;
	r = BN_bin2bn((const unsigned char *) raw.ptr, P256, NULL);
	s = BN_bin2bn((const unsigned char *) raw.ptr + P256, P256, NULL);
	if (r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1)
	{
		r = s = NULL;			/* they are the signature's now */
		len = i2d_ECDSA_SIG(signature, &der);
		if (len > 0)
			fox_buf_put(out, der, (size_t) len);
	}
	BN_free(r);
	BN_free(s);
	OPENSSL_free(der);
	ECDSA_SIG_free(signature);
	return len > 0 && !out->failed;
}

static bool
verify_with(EVP_PKEY *key, const EVP_MD *hash, FoxSlice data, FoxSlice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool		ok = key != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, hash, NULL, key) == 1 &&
		EVP_DigestVerify(ctx, (const unsigned char *) signature.ptr, signature.len,
						 (const unsigned char *) data.ptr, data.len) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static bool
verify_hmac(FoxSlice jwk, FoxSlice data, FoxSlice signature)
{
	FoxBuf		secret = {0};
	unsigned char mac[FOX_SHA256];
	bool		ok = says(jwk, "kty", "oct") && member(jwk, "k", &secret) && secret.len >= SECRET_MIN &&
		fox_hmac_sha256(fox_buf_view(&secret), data, mac) &&
		fox_same_secret(fox_bytes_slice(mac, sizeof(mac)), signature);

	if (secret.cap > 0)
		fox_wipe(secret.data, secret.cap);
	fox_buf_free(&secret);
	return ok;
}

static bool
verify_p256(EVP_PKEY *key, FoxSlice data, FoxSlice signature)
{
	FoxBuf		der = {0};
	bool		ok = p256_der(signature, &der) && verify_with(key, EVP_sha256(), data, fox_buf_view(&der));

	fox_buf_free(&der);
	return ok;
}

static EVP_PKEY *
public_key(FoxSlice alg, FoxSlice jwk)
{
	EVP_PKEY   *key = fox_slice_is(alg, "RS256") ? rsa_key(jwk) :
		fox_slice_is(alg, "ES256") ? p256_key(jwk) :
		fox_slice_is(alg, "EdDSA") ? ed25519_key(jwk) : NULL;

	ERR_clear_error();
	return key;
}

bool
fox_jwk_fits(FoxSlice alg, FoxSlice jwk)
{
	FoxBuf		secret = {0};
	EVP_PKEY   *key;
	bool		fits;

	if (!is_object(jwk))
		return false;
	if (fox_slice_is(alg, "HS256"))
	{
		fits = says(jwk, "kty", "oct") && member(jwk, "k", &secret) && secret.len >= SECRET_MIN;
		fox_buf_free(&secret);
		return fits;
	}
	key = public_key(alg, jwk);
	EVP_PKEY_free(key);
	return key != NULL;
}

bool
fox_jwt_verify(const FoxJwt *t, FoxSlice alg, FoxSlice jwk)
{
	FoxSlice	signature = fox_buf_view(&t->parts[2]);
	EVP_PKEY   *key;
	bool		ok;

	if (!fox_slice_eq(t->alg, alg) || !is_object(jwk))
		return false;
	if (fox_slice_is(alg, "HS256"))
		return verify_hmac(jwk, t->signed_part, signature);
	key = public_key(alg, jwk);
	if (fox_slice_is(alg, "ES256"))
		ok = verify_p256(key, t->signed_part, signature);
	else
		ok = verify_with(key, fox_slice_is(alg, "EdDSA") ? NULL : EVP_sha256(), t->signed_part, signature);
	EVP_PKEY_free(key);
	return ok;
}

/* --- claims --- */

static bool
is_for(FoxSlice aud, FoxSlice audience)
{
	FoxBuf		scratch = {0};
	FoxSlice	one;
	size_t		pos = 0;
	bool		found = false;

	if (fox_json_kind(aud) == FOX_JSON_ARRAY)
		while (!found && fox_json_element(aud, &pos, &one))
			found = fox_json_kind(one) == FOX_JSON_STRING && is_for(one, audience);
	else
		found = !fox_absent(audience) && fox_slice_eq(fox_json_text(aud, &scratch), audience);
	fox_buf_free(&scratch);
	return found;
}

bool
fox_jwt_holds(const FoxJwt *t, int64_t now, FoxSlice audience, FoxSlice issuer)
{
	FoxSlice	aud = fox_json_get(t->claims, "aud");
	FoxSlice	nbf = fox_json_get(t->claims, "nbf");
	FoxSlice	exp = fox_json_get(t->claims, "exp");
	FoxBuf		scratch = {0};
	FoxSlice	iss = text_of(t->claims, "iss", &scratch);
	double		until;
	double		from = 0;
	bool		holds = !fox_absent(exp) && fox_json_double(exp, &until) && until + LEEWAY > (double) now &&
		(fox_absent(nbf) || (fox_json_double(nbf, &from) && from <= (double) now + LEEWAY)) &&
		(fox_absent(issuer) || (!fox_absent(iss) && fox_slice_eq(iss, issuer)));

	if (!fox_absent(aud) || !fox_absent(audience))
		holds = holds && !fox_absent(aud) && is_for(aud, audience);
	fox_buf_free(&scratch);
	return holds;
}

FoxSlice
fox_jwt_claim(const FoxJwt *t, FoxSlice name, FoxBuf *scratch)
{
	FoxSlice	key;
	FoxSlice	value;
	FoxSlice	found = FOX_ABSENT;
	size_t		pos = 0;

	while (fox_json_member(t->claims, &pos, &key, &value))
		if (fox_slice_eq(key, name))
			found = value;
	return fox_absent(found) ? FOX_ABSENT : fox_json_text(found, scratch);
}
