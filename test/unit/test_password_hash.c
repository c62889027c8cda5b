/*
 * test_password_hash.c - hashes of passwords that other programs have made, of the password "secret".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/password_hash.h"

static const char *const hashes[] = {
	"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
	"$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
	"$7$101$c2FsdHNhbHRzYWx0$Hd71hnNoKcARd6Fkl1rUE+opfs3V78ZJB2AgXXC1kaKQiWfi5S5qX7D1mY5b+bIzvyidWMnS8VA+YAsAygq9EA==",
	"$7$101$jYtI5K3L+Lj9GzK1$TatijmgEm6EqsjafpZPb2k5ROrmj5Jv/Fe+9ZzuWjk7/NqyPrBUSmqRFcq6bypwh1LSsBKcedzINduw5TQOV5A==",
	"PBKDF2$sha512$1000$c2FsdHNhbHRzYWx0$bePzWo/796SGZ2lBKpZcU2FQhQXnjiEADnvU8yLzaxu1BwlSR076rTWeGRrvgBz757DxNPmtAZpVls5xSi9daw==",
	"PBKDF2$sha256$1000$c2FsdHNhbHRzYWx0$sVaWem31qy3rw+Ldi3plA/XzhMSNi9/XHnnD1Ytj05o=",
	"pbkdf2_sha256$1000$textsalt$rsfLoKRxPgTcpncDh6EZarWldNkOKOWjVmcAzHuDSos="
};

static void
the_password_fits_and_no_other(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
	{
		FoxSlice	hash = fox_cstr(hashes[i]);

		assert_true(fox_password_hash_looks(hash));
		if (!fox_password_hash_fits(hash, FOX_LIT("secret")))
			fail_msg("%s", hashes[i]);
		assert_false(fox_password_hash_fits(hash, FOX_LIT("Secret")));
		assert_false(fox_password_hash_fits(hash, FOX_LIT("")));
		assert_false(fox_password_hash_fits(hash, FOX_LIT("secret\0x")));
		/* What is cut off anywhere, or has more behind it, fits nothing. */
		for (size_t n = 0; n < hash.len; n++)
			assert_false(fox_password_hash_fits(fox_slice(hash.ptr, n), FOX_LIT("secret")));
	}
}

static void
what_is_none_or_too_dear_fits_nothing(void **state)
{
	static const char *const texts[] = {
		"$2b$15$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "$2b$0x$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
		"$7$0$c2FsdA==$c2FsdHNhbHRzYWx0c2FsdA==", "$7$600001$c2FsdA==$c2FsdHNhbHRzYWx0c2FsdA==", "$7$99999999999999999999$c2FsdA==$c2FsdHNhbHRzYWx0c2FsdA==",
		"$7$1$!$c2FsdHNhbHRzYWx0c2FsdA==", "$7$1$c2FsdA==$", "$7$1$c2FsdA==$c2FsdA==", "PBKDF2$sha1$1$c2FsdA==$c2FsdHNhbHRzYWx0c2FsdA=="
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(fox_password_hash_fits(fox_cstr(texts[i]), FOX_LIT("secret")));
	assert_false(fox_password_hash_looks(FOX_LIT("SCRAM-SHA-256$4096:c2FsdA==$a:b")));
	assert_false(fox_password_hash_looks(FOX_LIT("")));
}

static void
the_cost_says_no_more(void **state)
{
	static const char *const costs[][2] = {
		{"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "$2b$04"}, {"$7$101$c2FsdA==$eA==", "$7$101"},
		{"PBKDF2$sha512$1000$c2FsdA==$eA==", "PBKDF2$sha512$1000"}, {"pbkdf2_sha256$1000$textsalt$eA==", "pbkdf2_sha256$1000"},
		{"SCRAM-SHA-256$4096:c2FsdA==$a:b", "SCRAM-SHA-256$4096"}, {"ARGON2ID13$2,19456:c2FsdA==$a:b", "ARGON2ID13$2,19456"},
		{"$2b$", "$2b$"}, {"", ""}
	};

	(void) state;
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		assert_true(fox_slice_is(fox_password_cost(fox_cstr(costs[i][0])), costs[i][1]));
	assert_true(fox_slice_is(fox_password_cost(FOX_ABSENT), "a made-up verifier"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_password_fits_and_no_other),
		cmocka_unit_test(what_is_none_or_too_dear_fits_nothing), cmocka_unit_test(the_cost_says_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
