/* fuzz_jwt.c - any text as a token, and its claims as a key. */
#include <stdlib.h>

#include "core/jwt.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const algs[] = {"HS256", "RS256", "ES256", "EdDSA"};
	static const char key[] = "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\"}";
	FoxSlice	text = fox_slice((const char *) data, size);
	FoxJwt		t;

	if (fox_jwt_parse(text, &t))
	{
		FoxBuf		scratch = {0};

		if (!fox_jwt_looks(text))
			abort();
		(void) fox_jwt_holds(&t, 1000, FOX_LIT("us"), FOX_LIT("them"));
		(void) fox_jwt_claim(&t, FOX_LIT("role"), &scratch);
		for (int i = 0; i < 4; i++)
		{
			(void) fox_jwk_fits(fox_cstr(algs[i]), t.claims);
			(void) fox_jwt_verify(&t, fox_cstr(algs[i]), t.claims);
			(void) fox_jwt_verify(&t, fox_cstr(algs[i]), FOX_LIT(key));
		}
		fox_buf_free(&scratch);
	}
	fox_jwt_free(&t);
	for (int i = 0; i < 4; i++)
		(void) fox_jwk_fits(fox_cstr(algs[i]), text);
	return 0;
}
