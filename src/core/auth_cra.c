/*
 * auth_cra.c - WAMP-CRA: a hash over the challenge, keyed with the secret or with what is derived from it.
 */
#include <stdio.h>
#include <time.h>

#include "base/base64.h"
#include "core/auth.h"
#include "core/verifier.h"

#include "base/pure.h"

/* What is kept of the principal, or something made up: false. */
static bool
verifier_of(const FoxPrincipal *who, FoxCraVerifier *v)
{
	if (!fox_absent(who->cra) && fox_cra_parse(who->cra, v))
		return !fox_absent(who->authid);
	fox_cra_make_up(who->seed, v);
	return false;
}

/* It names no role: that of an unknown name would have to be made up. */
static void
challenge_text(const FoxAuthQuestion *q, FoxBuf *out)
{
	FoxBuf		nonce = {0};
	char		now[32];
	time_t		t = time(NULL);
	struct tm	tm;

	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&t, &tm));
	fox_auth_nonce(&nonce);
	fox_buf_char(out, '{');
	fox_auth_put(out, "authid", q->authid);
	fox_auth_put(out, "authmethod", FOX_LIT("wampcra"));
	fox_auth_put(out, "authprovider", FOX_LIT("fox_wamp"));
	fox_auth_put(out, "nonce", fox_buf_view(&nonce));
	fox_auth_put(out, "timestamp", fox_cstr(now));
	fox_buf_str(out, ",\"session\":");
	fox_buf_u64(out, q->session);
	fox_buf_char(out, '}');
	if (nonce.failed)
		out->failed = true;
	fox_buf_free(&nonce);
}

void
fox_cra_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	FoxCraVerifier v;
	FoxBuf		text = {0};

	(void) verifier_of(who, &v);
	challenge_text(q, &text);
	fox_buf_str(out, "{\"challenge\":{");
	fox_auth_put(out, "challenge", fox_buf_view(&text));
	if (v.iterations > 0)
	{
		fox_auth_put(out, "salt", v.salt);
		fox_buf_str(out, ",\"keylen\":32,\"iterations\":");
		fox_buf_u64(out, v.iterations);
	}
	fox_buf_str(out, "},\"state\":{");
	fox_auth_put(out, "challenge", fox_buf_view(&text));
	fox_buf_str(out, "}}");
	if (text.failed)
		out->failed = true;
	fox_buf_free(&text);
	fox_wipe(&v, sizeof(v));
}

void
fox_cra_check(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	FoxCraVerifier v;
	FoxBuf		scratch = {0};
	FoxBuf		wanted = {0};
	unsigned char mac[FOX_SHA256];
	bool		known = verifier_of(who, &v);
	FoxSlice	challenge = fox_auth_text(q->state, "challenge", &scratch);
	bool		fits = !fox_absent(challenge) && fox_hmac_sha256(v.key, challenge, mac);

	fox_base64_encode(fox_bytes_slice(mac, fits ? sizeof(mac) : 0), &wanted);
	fits = fits && !wanted.failed && fox_same_secret(fox_buf_view(&wanted), q->signature);
	if (fits && known)
		fox_auth_welcome(out, who, FOX_ABSENT);
	else
		fox_auth_deny(out);
	fox_buf_free(&wanted);
	fox_buf_free(&scratch);
	fox_wipe(&v, sizeof(v));
}
