/*
 * cookie_sql.c - cookies that stand for who has logged in (see cookie_sql.h).
 *
 * What is kept is the hash of the token, and one of the password's verifier: with another
 * password, as with a role that may log in no longer, the cookie stands for nobody.
 *
 * Each connection is given another token, which takes over what the former stood for and
 * its end.  That one counts for a while still, for its browser may not have got the new one.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"

#include "base/digest.h"
#include "codec/json.h"
#include "pg/cookie_sql.h"
#include "pg/principal.h"
#include "pg/sqlarg.h"
#include "pg/store_sql.h"

#define VALID "expires > now() AND (replaced IS NULL OR replaced > now() - interval '1 hour')"

static const char *
hash_of(FoxSlice text)
{
	unsigned char digest[FOX_SHA256];
	FoxBuf		hex = {0};
	char	   *copy;

	if (!fox_sha256(text, digest))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not hash a cookie")));
	fox_hex_encode(fox_bytes_slice(digest, sizeof(digest)), &hex);
	copy = pnstrdup(hex.data, hex.len);
	fox_buf_free(&hex);
	return copy;
}

static char *
member(FoxSlice object, const char *name)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_auth_text(object, name, &scratch);
	char	   *copy = fox_absent(text) || memchr(text.ptr, '\0', text.len) != NULL ? NULL : pnstrdup(text.ptr, text.len);

	fox_buf_free(&scratch);
	return copy;
}

/* --- what is told --- */

static void
carry(const char *from, const char *to)
{
	static void *put = NULL;
	static void *replace = NULL;
	const char *values[2] = {hash_of(fox_cstr(from)), hash_of(fox_cstr(to))};

	fox_store_begin();
	fox_spi(&put, "INSERT INTO fox_wamp.auth_cookie (hash, realm, authid, authrole, authprovider, authmethod, credential, expires)"
			" SELECT $2, realm, authid, authrole, authprovider, authmethod, credential, expires"
			" FROM fox_wamp.auth_cookie WHERE hash = $1 AND " VALID " ON CONFLICT DO NOTHING", 2, values);
	fox_spi(&replace, "UPDATE fox_wamp.auth_cookie SET replaced = now() WHERE hash = $1 AND replaced IS NULL", 1, values);
	fox_store_commit();
}

static void
forget(const char *cookie)
{
	static void *plan = NULL;
	const char *values[1] = {hash_of(fox_cstr(cookie))};

	fox_store_begin();
	fox_spi(&plan, "DELETE FROM fox_wamp.auth_cookie WHERE hash = $1", 1, values);
	fox_store_commit();
}

/* A token is short-lived on purpose: who has one gets no cookie. */
static void
keep(const char *cookie, FoxSlice who)
{
	static void *plan = NULL;
	const char *names[] = {"realm", "authid", "authrole", "authprovider", "authmethod"};
	const char *values[8] = {hash_of(fox_cstr(cookie))};
	uint64_t	seconds = 0;
	FoxPrincipal principal;

	for (int i = 0; i < (int) lengthof(names); i++)
		if ((values[i + 1] = member(who, names[i])) == NULL)
			return;
	if (!fox_json_uint(fox_json_get(who, "seconds"), &seconds) || strcmp(values[4], "jwt") == 0)
		return;
	fox_store_begin();
	fox_principal_find(values[1], values[2], false, true, &principal);
	values[6] = strcmp(values[4], "dynamic") == 0 ? "" : hash_of(principal.scram);
	values[7] = psprintf(UINT64_FORMAT, seconds);
	fox_spi(&plan, "INSERT INTO fox_wamp.auth_cookie (hash, realm, authid, authrole, authprovider, authmethod, credential, expires)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8::int8 * interval '1 second')"
			" ON CONFLICT (hash) DO UPDATE SET realm = EXCLUDED.realm, authid = EXCLUDED.authid, authrole = EXCLUDED.authrole,"
			" authprovider = EXCLUDED.authprovider, authmethod = EXCLUDED.authmethod, credential = EXCLUDED.credential,"
			" since = now(), expires = EXCLUDED.expires, replaced = NULL", 8, values);
	fox_store_commit();
}

bool
fox_cookie_told(FoxSlice question)
{
	char	   *from = member(question, "carry_cookie");
	char	   *to = member(question, "to");
	char	   *kept = member(question, "keep_cookie");
	char	   *gone = member(question, "forget_cookie");

	if (from != NULL && to != NULL)
		carry(from, to);
	if (kept != NULL)
		keep(kept, question);
	if (gone != NULL)
		forget(gone);
	return from != NULL || kept != NULL || gone != NULL;
}

/* --- who it is --- */

/* A principal of our tables or of the server's, as the row has it. */
static bool
is_still(const char *realm, const char *authid, bool superusers, bool with_password, FoxPrincipal *who)
{
	static const char *const names[] = {"authrole", "provider", "credential"};
	char	   *row[lengthof(names)];

	for (int i = 0; i < (int) lengthof(names); i++)
		row[i] = fox_spi_value(i + 2);
	fox_principal_find(realm, authid, with_password, superusers, who);
	return !fox_absent(who->authid) && fox_slice_is(who->authrole, row[0]) && fox_slice_is(who->provider, row[1]) &&
		strcmp(hash_of(who->scram), row[2]) == 0;
}

void
fox_cookie_find(const FoxAuthQuestion *q, const char *realm, FoxPrincipal *who)
{
	static void *plan = NULL;
	const char *values[2] = {hash_of(q->cookie), realm};
	char	   *authid;
	char	   *role;
	char	   *provider;
	char	   *method;
	bool		holds;

	memset(who, 0, sizeof(*who));
	if (fox_spi(&plan, "SELECT authid, authrole, authprovider, credential, authmethod FROM fox_wamp.auth_cookie"
				" WHERE hash = $1 AND realm = $2 AND " VALID, 2, values) == 0)
		return;
	authid = fox_spi_value(1);
	role = fox_spi_value(2);
	provider = fox_spi_value(3);
	method = fox_spi_value(5);
	if (strcmp(provider, "dynamic") == 0)
	{
		holds = fox_principal_role(role, q->superusers);
		*who = (FoxPrincipal) {.authid = fox_cstr(authid), .authrole = fox_cstr(role), .provider = fox_cstr(provider)};
	}
	else
		holds = is_still(realm, authid, q->superusers, strcmp(method, "cryptosign") != 0 && strcmp(method, "tls") != 0, who);
	if (!holds)
		memset(who, 0, sizeof(*who));
}
