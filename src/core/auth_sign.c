/*
 * auth_sign.c - WAMP-cryptosign: an Ed25519 signature over 32 random bytes.
 *
 * The answer is the signature and, behind it, what was signed, in hexadecimal; only a
 * signature over this log-in's own challenge counts.
 */
#include <openssl/evp.h>

#include "codec/json.h"
#include "core/auth.h"

#include "base/pure.h"

#define KEY 32
#define CHALLENGE 32
#define SIGNATURE 64

static bool
has_key(const FoxPrincipal *who, FoxSlice key)
{
	FoxSlice	one;
	size_t		pos = 0;
	bool		has = false;

	if (fox_absent(who->authid) || fox_json_kind(who->keys) != FOX_JSON_ARRAY)
		return false;
	while (fox_json_element(who->keys, &pos, &one))
	{
		FoxBuf		scratch = {0};

		has = fox_slice_eq(fox_json_text(one, &scratch), key) || has;
		fox_buf_free(&scratch);
	}
	return has;
}

void
fox_sign_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	FoxBuf		scratch = {0};
	FoxBuf		hex = {0};
	FoxBuf		key_text = {0};
	unsigned char key[KEY];
	unsigned char random[CHALLENGE];
	FoxSlice	pubkey = fox_auth_text(q->authextra, "pubkey", &scratch);

	(void) who;
	if (fox_absent(pubkey) || !fox_hex_decode(pubkey, key, sizeof(key)))
		fox_auth_refuse(out, FOX_AUTH_FAILED, "authextra.pubkey must be a public key: 64 hexadecimal digits");
	else if (fox_auth_set(q->authextra, "channel_binding"))
		fox_auth_refuse(out, FOX_AUTH_FAILED, "channel binding is not supported");
	else
	{
		fox_hex_encode(fox_bytes_slice(random, fox_random(random, sizeof(random)) ? sizeof(random) : 0), &hex);
		fox_hex_encode(fox_bytes_slice(key, sizeof(key)), &key_text);
		fox_buf_str(out, "{\"challenge\":{");
		fox_auth_put(out, "challenge", fox_buf_view(&hex));
		fox_buf_str(out, "},\"state\":{");
		fox_auth_put(out, "challenge", fox_buf_view(&hex));
		fox_auth_put(out, "pubkey", fox_buf_view(&key_text));
		fox_buf_str(out, "}}");
		out->failed = out->failed || hex.len != 2 * CHALLENGE || key_text.failed;
	}
	fox_buf_free(&scratch);
	fox_buf_free(&hex);
	fox_buf_free(&key_text);
}

static bool
verify(const unsigned char key[KEY], const unsigned char signature[SIGNATURE], const unsigned char challenge[CHALLENGE])
{
	EVP_PKEY   *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool		ok = pkey != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		EVP_DigestVerify(ctx, signature, SIGNATURE, challenge, CHALLENGE) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return ok;
}

void
fox_sign_check(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	FoxBuf		scratch[2] = {{0}};
	unsigned char key[KEY];
	unsigned char challenge[CHALLENGE];
	unsigned char signature[SIGNATURE];
	unsigned char said[CHALLENGE];
	FoxSlice	hex = fox_auth_text(q->state, "challenge", &scratch[0]);
	FoxSlice	pubkey = fox_auth_text(q->state, "pubkey", &scratch[1]);
	FoxSlice	text = q->signature;
	bool		fits = !fox_absent(hex) && fox_hex_decode(hex, challenge, sizeof(challenge)) &&
		!fox_absent(pubkey) && fox_hex_decode(pubkey, key, sizeof(key)) &&
		(text.len == 2 * SIGNATURE || text.len == 2 * (SIGNATURE + CHALLENGE)) &&
		fox_hex_decode(fox_slice(text.ptr, 2 * SIGNATURE), signature, sizeof(signature));

	if (fits && text.len > 2 * SIGNATURE)
		fits = fox_hex_decode(fox_slice(text.ptr + 2 * SIGNATURE, 2 * CHALLENGE), said, sizeof(said)) &&
			memcmp(said, challenge, sizeof(said)) == 0;
	fits = fits && verify(key, signature, challenge);
	if (has_key(who, pubkey) && fits)
		fox_auth_welcome(out, who, FOX_ABSENT);
	else
		fox_auth_deny(out);
	fox_buf_free(&scratch[0]);
	fox_buf_free(&scratch[1]);
}
