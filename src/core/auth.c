/*
 * auth.c - methods of logging in (see auth.h).
 */
#include "core/auth.h"

#include "base/base64.h"
#include "codec/json.h"
#include "core/password_hash.h"
#include "core/verifier.h"

#include "base/pure.h"

#define NONCE 18				/* bytes */

static const char *const names[] = {
	[FOX_AUTH_ANONYMOUS] = "anonymous",
	[FOX_AUTH_TICKET] = "ticket",
	[FOX_AUTH_WAMPCRA] = "wampcra",
	[FOX_AUTH_SCRAM] = "wamp-scram",
	[FOX_AUTH_CRYPTOSIGN] = "cryptosign",
	[FOX_AUTH_TLS] = "tls",
	[FOX_AUTH_COOKIE] = "cookie",
};

const char *
fox_auth_name(FoxAuthMethod method)
{
	return names[method];
}

bool
fox_auth_named(FoxSlice name, FoxAuthMethod *method)
{
	for (int i = 0; i < FOX_AUTH_METHODS; i++)
		if (fox_slice_is(name, names[i]))
		{
			*method = (FoxAuthMethod) i;
			return true;
		}
	return false;
}

/* --- questions --- */

FoxSlice
fox_auth_text(FoxSlice object, const char *name, FoxBuf *scratch)
{
	FoxSlice	value = fox_json_kind(object) == FOX_JSON_OBJECT ? fox_json_get(object, name) : FOX_ABSENT;

	return fox_absent(value) ? FOX_ABSENT : fox_json_text(value, scratch);
}

bool
fox_auth_set(FoxSlice object, const char *name)
{
	FoxSlice	value = fox_json_kind(object) == FOX_JSON_OBJECT ? fox_json_get(object, name) : FOX_ABSENT;

	return !fox_absent(value) && fox_json_kind(value) != FOX_JSON_NULL;
}

bool
fox_auth_read(FoxSlice json, FoxAuthQuestion *q)
{
	FoxSlice	method;

	memset(q, 0, sizeof(*q));
	if (!fox_json_valid(json, NULL) || fox_json_kind(json) != FOX_JSON_OBJECT)
		return false;
	method = fox_auth_text(json, "method", &q->texts[0]);
	q->realm = fox_auth_text(json, "realm", &q->texts[1]);
	q->authid = fox_auth_text(json, "authid", &q->texts[2]);
	q->certificate = fox_auth_text(json, "certificate", &q->texts[3]);
	q->authextra = fox_json_get(json, "authextra");
	q->signature = fox_auth_text(json, "signature", &q->texts[4]);
	q->cookie = fox_auth_text(json, "cookie", &q->texts[5]);
	q->argon2 = fox_json_is_true(fox_json_get(json, "argon2"));
	q->superusers = fox_json_is_true(fox_json_get(json, "superusers"));
	q->answered = !fox_absent(q->signature);
	q->extra = fox_json_get(json, "extra");
	q->found = fox_json_get(json, "found");
	q->state = fox_json_get(json, "state");
	return !fox_absent(method) && fox_auth_named(method, &q->method) && !fox_absent(q->realm) &&
		fox_json_uint(fox_json_get(json, "session"), &q->session);
}

void
fox_auth_free(FoxAuthQuestion *q)
{
	for (size_t i = 0; i < sizeof(q->texts) / sizeof(q->texts[0]); i++)
	{
		if (q->texts[i].cap > 0)
			fox_wipe(q->texts[i].data, q->texts[i].cap);
		fox_buf_free(&q->texts[i]);
	}
}

/* --- answers --- */

void
fox_auth_put(FoxBuf *out, const char *name, FoxSlice text)
{
	if (fox_absent(text))
		return;
	if (out->len > 0 && out->data[out->len - 1] != '{')
		fox_buf_char(out, ',');
	fox_buf_char(out, '"');
	fox_buf_str(out, name);
	fox_buf_str(out, "\":");
	fox_buf_json_str(out, text);
}

void
fox_auth_refuse(FoxBuf *out, const char *uri, const char *text)
{
	fox_buf_char(out, '{');
	fox_auth_put(out, "refused", fox_cstr(uri));
	fox_auth_put(out, "text", fox_cstr(text));
	fox_buf_char(out, '}');
}

/* Of an unknown name and of a wrong secret alike. */
void
fox_auth_deny(FoxBuf *out)
{
	fox_auth_refuse(out, FOX_AUTH_DENIED, "the log-in has failed");
}

/* Members of the principal's own, but those that the method has; each with its comma. */
static void
put_extra(FoxBuf *out, FoxSlice extra, FoxSlice authextra)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_json_kind(extra) == FOX_JSON_OBJECT && fox_json_member(extra, &pos, &key, &value))
	{
		FoxBuf		name = {0};

		fox_json_unescape(key, &name);
		fox_buf_char(&name, '\0');
		if (!name.failed && (fox_absent(authextra) || fox_absent(fox_json_get(authextra, name.data))))
		{
			if (out->data[out->len - 1] != '{')
				fox_buf_char(out, ',');
			fox_buf_json_str(out, fox_slice(name.data, name.len - 1));
			fox_buf_char(out, ':');
			fox_buf_slice(out, value);
		}
		out->failed = out->failed || name.failed;
		fox_buf_free(&name);
	}
}

void
fox_auth_welcome(FoxBuf *out, const FoxPrincipal *who, FoxSlice authextra)
{
	fox_buf_str(out, "{\"welcome\":{");
	fox_auth_put(out, "authid", who->authid);
	fox_auth_put(out, "authrole", who->authrole);
	fox_auth_put(out, "authprovider", who->provider);
	fox_buf_str(out, ",\"authextra\":");
	fox_buf_slice(out, fox_absent(authextra) ? FOX_LIT("{}") : authextra);
	if (out->len > 0 && !out->failed)
		out->len--;				/* the brace */
	put_extra(out, who->extra, authextra);
	fox_buf_str(out, "}}}");
}

void
fox_auth_nonce(FoxBuf *out)
{
	unsigned char random[NONCE];

	if (fox_random(random, sizeof(random)))
		fox_base64_encode(fox_bytes_slice(random, sizeof(random)), out);
	else
		out->failed = true;
}

/* --- a ticket is a password; a certificate has been checked by TLS, and a cookie by who has looked for the principal --- */

static void
ticket_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	(void) q, (void) who;
	fox_buf_str(out, "{\"challenge\":{},\"state\":{}}");
}

static void
ticket_check(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	FoxSlice	verifier = fox_absent(who->scram) ? who->stand_in : who->scram;
	bool		known = !fox_absent(who->authid) && !fox_absent(who->scram);
	bool		affordable;
	FoxScramVerifier v;

	if (!fox_absent(verifier) && fox_password_hash_looks(verifier))
	{
		if (fox_password_hash_fits(verifier, q->signature) && known)
			fox_auth_welcome(out, who, FOX_ABSENT);
		else
			fox_auth_deny(out);
		return;
	}
	/* A role may choose the verifier of its own password: it is not to keep the executor busy. */
	affordable = !fox_absent(verifier) && fox_scram_parse(verifier, &v) && fox_scram_affordable(&v);
	if (!affordable)
		fox_scram_make_up(who->seed, q->argon2, &v);
	if (fox_scram_password_fits(&v, q->signature) && affordable && known)
		fox_auth_welcome(out, who, FOX_ABSENT);
	else
		fox_auth_deny(out);
	fox_wipe(&v, sizeof(v));
}

static void
tls_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	(void) q;
	if (fox_absent(who->authid))
		fox_auth_refuse(out, FOX_AUTH_NO_PRINCIPAL, "the certificate is nobody's who may log in");
	else
		fox_auth_welcome(out, who, FOX_ABSENT);
}

static void
cookie_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	(void) q;
	if (fox_absent(who->authid))
		fox_auth_deny(out);
	else
		fox_auth_welcome(out, who, FOX_ABSENT);
}

static void
never(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	(void) q, (void) who;
	fox_auth_deny(out);
}

typedef void (*Step) (const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out);

static const struct
{
	Step		challenge;
	Step		check;
}			methods[] = {
	[FOX_AUTH_ANONYMOUS] = {never, never},
	[FOX_AUTH_TICKET] = {ticket_challenge, ticket_check},
	[FOX_AUTH_WAMPCRA] = {fox_cra_challenge, fox_cra_check},
	[FOX_AUTH_SCRAM] = {fox_scram_challenge, fox_scram_check},
	[FOX_AUTH_CRYPTOSIGN] = {fox_sign_challenge, fox_sign_check},
	[FOX_AUTH_TLS] = {tls_challenge, never},
	[FOX_AUTH_COOKIE] = {cookie_challenge, never},
};

void
fox_auth_answer(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out)
{
	(q->answered ? methods[q->method].check : methods[q->method].challenge) (q, who, out);
}
