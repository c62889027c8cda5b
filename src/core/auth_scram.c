/*
 * auth_scram.c - WAMP-SCRAM: RFC 5802 and 7677 in WAMP's messages, with PBKDF2 or Argon2id.
 *
 * Server and client prove to each other that they know what is derived from the password;
 * a verifier of pg_authid is one, so that a database role logs in with its own password.
 */
#include "base/base64.h"
#include "core/auth.h"
#include "core/verifier.h"

#include "base/pure.h"

#define NONCE_MIN 8				/* characters of the client's */
#define NONCE_MAX 128

static bool
verifier_of(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxScramVerifier *v)
{
	if (!fox_absent(who->scram) && fox_scram_parse(who->scram, v))
		return !fox_absent(who->authid);
	fox_scram_make_up(who->seed, q->argon2, v);
	return false;
}

static bool
is_nonce(FoxSlice text)
{
	char		bytes[NONCE_MAX];
	size_t		len;

	return !fox_absent(text) && text.len >= NONCE_MIN && text.len <= NONCE_MAX && fox_base64_decode(text, bytes, &len);
}

/* Plain SCRAM: the gate says how the client has written its name, and the nonce is any text without commas. */
static bool
is_plain(FoxSlice name, FoxSlice nonce)
{
	if (fox_absent(name) || memchr(name.ptr, ',', name.len) != NULL || fox_absent(nonce) || nonce.len < NONCE_MIN || nonce.len > NONCE_MAX)
		return false;
	for (size_t i = 0; i < nonce.len; i++)
		if (nonce.ptr[i] < '!' || nonce.ptr[i] > '~' || nonce.ptr[i] == ',')
			return false;
	return true;
}

/* "n=<authid>,r=<client's nonce>,r=<nonce>,s=<salt>,i=<iterations>"; name: the authid as it was written. */
static void
first_messages(FoxSlice authid, FoxSlice name, FoxSlice client, FoxSlice nonce, const FoxScramVerifier *v, FoxBuf *out)
{
	fox_buf_str(out, "n=");
	fox_buf_slice(out, name);
	for (size_t i = 0; fox_absent(name) && i < authid.len; i++)
		if (authid.ptr[i] == ',')
			fox_buf_str(out, "=2C");
		else if (authid.ptr[i] == '=')
			fox_buf_str(out, "=3D");
		else
			fox_buf_char(out, authid.ptr[i]);
	fox_buf_str(out, ",r=");
	fox_buf_slice(out, client);
	fox_buf_str(out, ",r=");
	fox_buf_slice(out, nonce);
	fox_buf_str(out, ",s=");
	fox_buf_slice(out, v->salt_text);
	fox_buf_str(out, ",i=");
	fox_buf_u64(out, v->iterations);
}

void
fox_scram_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	FoxScramVerifier v;
	FoxBuf		scratch[2] = {{0}};
	FoxBuf		nonce = {0};
	FoxBuf		first = {0};
	FoxSlice	client = fox_auth_text(q->authextra, "nonce", &scratch[0]);
	FoxSlice	name = fox_auth_text(q->authextra, "sasl_name", &scratch[1]);

	if (fox_absent(name) ? !is_nonce(client) : !is_plain(name, client))
		fox_auth_refuse(out, FOX_AUTH_FAILED, "authextra.nonce must be 8 to 128 characters of base64");
	else if (fox_auth_set(q->authextra, "channel_binding"))
		fox_auth_refuse(out, FOX_AUTH_FAILED, "channel binding is not supported");
	else
	{
		(void) verifier_of(q, who, &v);
		fox_buf_slice(&nonce, client);
		fox_auth_nonce(&nonce);
		first_messages(q->authid, name, client, fox_buf_view(&nonce), &v, &first);
		fox_buf_str(out, "{\"challenge\":{");
		fox_auth_put(out, "nonce", fox_buf_view(&nonce));
		fox_auth_put(out, "salt", v.salt_text);
		fox_auth_put(out, "kdf", fox_cstr(v.memory > 0 ? "argon2id13" : "pbkdf2"));
		fox_buf_str(out, ",\"iterations\":");
		fox_buf_u64(out, v.iterations);
		if (v.memory > 0)
		{
			fox_buf_str(out, ",\"memory\":");
			fox_buf_u64(out, v.memory);
		}
		fox_buf_str(out, "},\"state\":{");
		fox_auth_put(out, "nonce", fox_buf_view(&nonce));
		fox_auth_put(out, "first", fox_buf_view(&first));
		fox_buf_str(out, "}}");
		out->failed = out->failed || nonce.failed || first.failed;
		fox_wipe(&v, sizeof(v));
	}
	fox_buf_free(&scratch[0]);
	fox_buf_free(&scratch[1]);
	fox_buf_free(&nonce);
	fox_buf_free(&first);
}

/* Does the proof hold over the first messages and c=<binding>,r=<nonce>?  Then mac is the server's signature. */
static bool
proof_holds(const FoxScramVerifier *v, FoxSlice proof, FoxSlice first, const char *binding, FoxSlice nonce,
			unsigned char mac[FOX_SHA256])
{
	FoxBuf		text = {0};
	unsigned char key[FOX_SHA256];
	unsigned char stored[FOX_SHA256];
	bool		holds;

	fox_buf_slice(&text, first);
	fox_buf_str(&text, ",c=");
	fox_buf_str(&text, binding);
	fox_buf_str(&text, ",r=");
	fox_buf_slice(&text, nonce);
	holds = !text.failed && fox_hmac_sha256(fox_bytes_slice(v->stored_key, FOX_SHA256), fox_buf_view(&text), key);
	for (size_t i = 0; i < FOX_SHA256; i++)
		key[i] ^= (unsigned char) proof.ptr[i];
	holds = fox_sha256(fox_bytes_slice(key, sizeof(key)), stored) && holds;
	holds = fox_hmac_sha256(fox_bytes_slice(v->server_key, FOX_SHA256), fox_buf_view(&text), mac) && holds;
	holds = fox_same_secret(fox_bytes_slice(stored, sizeof(stored)), fox_bytes_slice(v->stored_key, FOX_SHA256)) && holds;
	fox_wipe(key, sizeof(key));
	fox_buf_free(&text);
	return holds;
}

/* Autobahn|Python looks for the server's signature under a name of its own. */
static void
welcome(const FoxPrincipal *who, const unsigned char mac[FOX_SHA256], FoxBuf *out)
{
	FoxBuf		text = {0};
	FoxBuf		extra = {0};

	fox_base64_encode(fox_bytes_slice(mac, FOX_SHA256), &text);
	fox_buf_char(&extra, '{');
	fox_auth_put(&extra, "verifier", fox_buf_view(&text));
	fox_auth_put(&extra, "scram_server_signature", fox_buf_view(&text));
	fox_buf_char(&extra, '}');
	fox_auth_welcome(out, who, fox_buf_view(&extra));
	out->failed = out->failed || text.failed || extra.failed;
	fox_buf_free(&text);
	fox_buf_free(&extra);
}

void
fox_scram_check(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	/* "n,,", what Autobahn|Python has for it, and "y,,": the client would bind a channel if the server could */
	static const char *const bindings[] = {"biws", "", "eSws"};
	FoxScramVerifier v;
	FoxBuf		scratch[3] = {{0}};
	char		proof[48];
	size_t		len = 0;
	unsigned char mac[FOX_SHA256];
	FoxSlice	first = fox_auth_text(q->state, "first", &scratch[0]);
	FoxSlice	nonce = fox_auth_text(q->state, "nonce", &scratch[1]);
	FoxSlice	said = fox_auth_text(q->extra, "nonce", &scratch[2]);
	bool		known = verifier_of(q, who, &v);
	bool		fits = q->signature.len == 44 && fox_base64_decode(q->signature, proof, &len) && len == FOX_SHA256 &&
		!fox_absent(first) && !fox_absent(nonce) && !fox_auth_set(q->extra, "channel_binding") && !fox_auth_set(q->extra, "cbind_data") &&
		(fox_absent(said) || fox_slice_eq(said, nonce));

	if (fits)
	{
		fits = proof_holds(&v, fox_slice(proof, len), first, bindings[0], nonce, mac) ||
			proof_holds(&v, fox_slice(proof, len), first, bindings[1], nonce, mac) ||
			proof_holds(&v, fox_slice(proof, len), first, bindings[2], nonce, mac);
	}
	if (fits && known)
		welcome(who, mac, out);
	else
		fox_auth_deny(out);
	for (size_t i = 0; i < 3; i++)
		fox_buf_free(&scratch[i]);
	fox_wipe(&v, sizeof(v));
}
