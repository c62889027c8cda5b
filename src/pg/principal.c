/*
 * principal.c - who may log in (see principal.h).
 *
 * A user's name goes before a role's.  Every name is looked for in the same way, and is
 * given what nothing fits if there is nothing: unknown ones take as long as known ones.
 * As hashes cost more or less, a name without one gets the cost of a user or a role, by chance
 * but always the same: which answers are slow says how many have which hashes, and not who.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "codec/json.h"
#include "pg/principal.h"
#include "pg/sqlarg.h"

bool
fox_principal_name_valid(const char *name)
{
	return *name != '\0' && strcmp(name, "anonymous") != 0 && strcmp(name, "sql") != 0 && strcmp(name, "router") != 0;
}

/* By GRANT: superusers are members of nothing by being superusers. */
static bool
may_connect(Oid role)
{
	Oid			connect = get_role_oid("fox_wamp_connect", true);

	return OidIsValid(role) && OidIsValid(connect) && is_member_of_role_nosuper(role, connect);
}

static FoxSlice
column(int n)
{
	char	   *text = fox_spi_value(n);

	return text == NULL ? FOX_ABSENT : fox_cstr(text);
}

static bool
is_true(int n)
{
	return fox_slice_is(column(n), "t");
}

/* Of the same name always the same. */
static void
seed(const char *authid, unsigned char out[FOX_SHA256])
{
	(void) fox_hmac_sha256(fox_slice(GetMockAuthenticationNonce(), MOCK_AUTH_NONCE_LEN), fox_cstr(authid), out);
}

void
fox_principal_find(const char *realm, const char *authid, bool with_password, bool superusers, FoxPrincipal *who)
{
	static void *plan = NULL;
	const char *values[3] = {realm, authid, NULL};
	bool		is_user;
	bool		may;
	Oid			role;
	uint64		chance;

	memset(who, 0, sizeof(*who));
	seed(authid, who->seed);
	memcpy(&chance, who->seed, sizeof(chance));
	values[2] = psprintf(UINT64_FORMAT, chance >> 1);
	(void) fox_spi(&plan,
				   "SELECT u.id IS NOT NULL, r.rolname, r.oid, r.rolsuper,"
				   " r.rolcanlogin, r.rolvaliduntil IS NULL OR r.rolvaliduntil > now(),"
				   " has_database_privilege(r.oid, d.oid, 'CONNECT'),"
				   " CASE WHEN u.id IS NULL THEN r.rolpassword ELSE u.verifier END, u.cra_verifier,"
				   " (SELECT json_agg(k.public_key)::text FROM fox_wamp.auth_key k"
				   " WHERE k.user_id = u.id OR (u.id IS NULL AND k.pg_role = $2)),"
				   " (SELECT o.verifier FROM fox_wamp.auth_user o WHERE o.verifier IS NOT NULL AND o.id > $3::int8 % (SELECT"
				   " greatest(coalesce(max(m.id), 0) + (SELECT count(*) FROM pg_auth_members c"
				   " WHERE c.roleid = to_regrole('fox_wamp_connect')), 1)"
				   " FROM fox_wamp.auth_user m WHERE m.verifier IS NOT NULL) ORDER BY o.id LIMIT 1)"
				   " FROM pg_database d"
				   " LEFT JOIN fox_wamp.auth_user u ON u.logon_name = $2 AND (u.realm IS NULL OR u.realm = $1)"
				   " LEFT JOIN fox_wamp.auth_group g ON g.id = u.group_id"
				   " LEFT JOIN pg_authid r ON r.rolname = coalesce(g.pg_role, $2)"
				   " WHERE d.datname = current_database()", 3, values);
	is_user = is_true(1);
	role = fox_absent(column(3)) ? InvalidOid : (Oid) strtoul(column(3).ptr, NULL, 10);
	may = OidIsValid(role) && fox_principal_name_valid(authid) && (superusers || !is_true(4)) && is_true(7);
	if (!is_user)
		may = may && may_connect(role) && is_true(5) && (is_true(6) || !with_password);
	who->scram = column(8);
	who->cra = column(9);
	who->keys = column(10);
	who->stand_in = column(11);
	if (!may)
		return;
	who->authid = fox_cstr(authid);
	who->authrole = column(2);
	who->provider = is_user ? FOX_LIT("fox_wamp") : FOX_LIT("postgresql");
}

char *
fox_principal_of_key(const char *key)
{
	static void *plan = NULL;

	return fox_spi(&plan, "SELECT coalesce(u.logon_name, k.pg_role) FROM fox_wamp.auth_key k"
				   " LEFT JOIN fox_wamp.auth_user u ON u.id = k.user_id WHERE k.public_key = lower($1)", 1, &key) == 0 ? NULL :
		fox_spi_value(1);
}

bool
fox_principal_role(const char *name, bool superusers)
{
	static void *plan = NULL;

	return fox_principal_name_valid(name) && may_connect(get_role_oid(name, true)) &&
		fox_spi(&plan, "SELECT r.rolsuper FROM pg_authid r, pg_database d WHERE r.rolname = $1"
				" AND d.datname = current_database() AND has_database_privilege(r.oid, d.oid, 'CONNECT')", 1, &name) == 1 &&
		(superusers || !is_true(1));
}

static FoxSlice
found_text(FoxSlice found, const char *name)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_auth_text(found, name, &scratch);

	if (!fox_absent(text))
		text = memchr(text.ptr, '\0', text.len) != NULL ? FOX_ABSENT : fox_cstr(pnstrdup(text.ptr, text.len));
	fox_buf_free(&scratch);
	return text;
}

/* A secret is the derived key where there is a salt, as WAMP-CRA's clients compute it. */
static FoxSlice
found_cra(FoxSlice found)
{
	FoxSlice	secret = found_text(found, "secret");
	FoxSlice	salt = found_text(found, "salt");
	uint64_t	iterations = 0;

	if (fox_absent(secret))
		return FOX_ABSENT;
	if (fox_absent(salt))
		return fox_cstr(psprintf("PLAIN$%s", secret.ptr));
	if (!fox_json_uint(fox_json_get(found, "iterations"), &iterations))
		iterations = 1000;
	return fox_cstr(psprintf("WAMP-CRA$" UINT64_FORMAT ":%s$%s", iterations, salt.ptr, secret.ptr));
}

bool
fox_principal_found(const FoxAuthQuestion *q, FoxPrincipal *who)
{
	FoxSlice	role = found_text(q->found, "role");
	FoxSlice	authid = found_text(q->found, "authid");
	FoxSlice	extra = fox_json_get(q->found, "extra");
	FoxSlice	key = found_text(q->found, "public_key");

	memset(who, 0, sizeof(*who));
	if (fox_absent(authid) && !fox_absent(q->authid))
		authid = fox_cstr(pnstrdup(q->authid.ptr, q->authid.len));
	seed(fox_absent(q->authid) ? "" : pnstrdup(q->authid.ptr, q->authid.len), who->seed);
	who->cra = found_cra(q->found);
	who->scram = found_text(q->found, "verifier");
	if (fox_json_kind(extra) == FOX_JSON_OBJECT)
		who->extra = extra;
	/* Unless it names one, the authenticator has seen the client's key and has named a role for it. */
	if (fox_absent(key))
		key = found_text(q->authextra, "pubkey");
	if (!fox_absent(key) && strspn(key.ptr, "0123456789abcdefABCDEF") == key.len)
		who->keys = fox_cstr(psprintf("[\"%s\"]", asc_tolower(key.ptr, key.len)));
	if (fox_absent(role))
		return true;			/* nobody */
	if (fox_absent(authid) || !fox_principal_name_valid(authid.ptr) || !fox_principal_role(role.ptr, q->superusers))
		return false;
	who->authid = authid;
	who->authrole = role;
	who->provider = FOX_LIT("dynamic");
	return true;
}
