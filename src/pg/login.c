/*
 * login.c - log-ins, as an executor carries them out, and the cookies that stand for them.
 *
 * Nothing is kept between two questions of a log-in, and no code of a user's is run.
 * Passwords are normalized as PostgreSQL does it before it makes a verifier; those of other programs' hashes are not.
 */
#include "postgres.h"

#include "common/saslprep.h"

#include "utils/guc.h"

#include "codec/json.h"
#include "codec/json_out.h"
#include "core/jwt.h"
#include "core/password_hash.h"
#include "pg/cookie_sql.h"
#include "pg/guc.h"
#include "pg/jwt_sql.h"
#include "pg/login.h"
#include "pg/principal.h"
#include "pg/sqlarg.h"
#include "pg/store_sql.h"

static char *
c_string(FoxSlice s)
{
	return fox_absent(s) || memchr(s.ptr, '\0', s.len) != NULL ? NULL : pnstrdup(s.ptr, s.len);
}

/* The name that the question is about; NULL: none. */
static char *
name_of(const FoxAuthQuestion *q)
{
	FoxBuf		scratch = {0};
	FoxSlice	key;
	char	   *name = NULL;

	if (q->method == FOX_AUTH_TLS && !fox_absent(q->authid) && !fox_slice_eq(q->authid, q->certificate))
		return NULL;
	if (q->method == FOX_AUTH_TLS)
		return c_string(q->certificate);
	if (q->method != FOX_AUTH_CRYPTOSIGN || !fox_absent(q->authid))
		return c_string(q->authid);
	key = fox_auth_text(q->authextra, "pubkey", &scratch);
	if (!fox_absent(key) && c_string(key) != NULL)
		name = fox_principal_of_key(c_string(key));
	fox_buf_free(&scratch);
	return name;
}

static void
normalize_password(FoxAuthQuestion *q)
{
	char	   *password = c_string(q->signature);
	char	   *normal;

	if (password != NULL && pg_saslprep(password, &normal) == SASLPREP_SUCCESS)
		q->signature = fox_cstr(normal);
}

/* For who wants to know what log-ins cost. */
static void
log_cost(const FoxPrincipal *who)
{
	FoxSlice	cost = fox_password_cost(fox_absent(who->scram) ? who->stand_in : who->scram);
	char	   *text = pnstrdup(cost.ptr, cost.len);

	/* A log that has no verifier in it does not look as if it had. */
	for (char *c = text; *c != '\0'; c++)
		if (*c == '$')
			*c = ' ';
	ereport(DEBUG1,
			(errmsg_internal("fox_wamp holds a password against: %s", text)));
}

static void
answer_of_principal(FoxAuthQuestion *q, const char *realm, FoxBuf *out)
{
	FoxPrincipal who;
	char	   *name = name_of(q);

	fox_principal_find(realm, name ? name : "", q->method != FOX_AUTH_CRYPTOSIGN && q->method != FOX_AUTH_TLS,
					   q->superusers, &who);
	if (q->method == FOX_AUTH_TICKET && q->answered && (fox_absent(who.scram) || !fox_password_hash_looks(who.scram)))
		normalize_password(q);
	if (q->method == FOX_AUTH_TICKET && q->answered)
		log_cost(&who);
	fox_auth_answer(q, &who, out);
}

/* A ticket has been looked at by the authenticator. */
static void
answer_of_found(FoxAuthQuestion *q, FoxBuf *out)
{
	FoxPrincipal who;

	if (!fox_principal_found(q, &who))
		fox_auth_refuse(out, FOX_AUTH_NO_ROLE, "the authenticator has named no role that may log in");
	else if (q->method != FOX_AUTH_TICKET)
		fox_auth_answer(q, &who, out);
	else if (fox_absent(who.authid))
		fox_auth_deny(out);
	else
		fox_auth_welcome(out, &who, FOX_ABSENT);
}

static void
answer_of_cookie(const FoxAuthQuestion *q, const char *realm, FoxBuf *out)
{
	FoxPrincipal who;

	fox_cookie_find(q, realm, &who);
	fox_auth_answer(q, &who, out);
}

/* What ALTER ROLE has set, in this database before all; NULL: nothing. */
static char *
setting_of(const char *role)
{
	static void *plan = NULL;

	if (fox_spi(&plan, "SELECT pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1) FROM pg_db_role_setting s"
				" JOIN pg_roles r ON r.oid = s.setrole, pg_catalog.unnest(s.setconfig) o"
				" WHERE r.rolname = $1 AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = pg_catalog.current_database()))"
				" AND pg_catalog.starts_with(o, 'fox_wamp.http_session_timeout=') ORDER BY s.setdatabase DESC LIMIT 1", 1, &role) == 0)
		return NULL;
	return fox_spi_value(1);
}

/* Who has logged in may have a role with a time of its own for sessions that no connection holds. */
static void
put_timeout(FoxBuf *out)
{
	FoxSlice	welcome = fox_json_get(fox_buf_view(out), "welcome");
	FoxBuf		scratch = {0};
	FoxSlice	role = fox_absent(welcome) ? FOX_ABSENT : fox_auth_text(welcome, "authrole", &scratch);
	char	   *name = fox_absent(role) ? NULL : c_string(role);
	char	   *value = name == NULL ? NULL : setting_of(name);
	int			seconds;

	fox_buf_free(&scratch);
	if (value == NULL)
		return;
	if (!parse_int(value, &seconds, GUC_UNIT_S, NULL) || seconds < 1 || seconds > FOX_SESSION_TIMEOUT_MAX)
		ereport(WARNING,
				(errmsg("fox_wamp passes over the http_session_timeout \"%s\" of role \"%s\"", fox_clip(value), name)));
	else
	{
		out->len -= strlen("}}");
		fox_json_put_number(out, "session_timeout", (uint64) seconds);
		fox_buf_str(out, "}}");
	}
}

static void
answer(FoxAuthQuestion *q, FoxBuf *out)
{
	char	   *realm;

	fox_store_begin();
	realm = c_string(q->realm);
	if (q->method == FOX_AUTH_COOKIE)
		answer_of_cookie(q, realm ? realm : "", out);
	else if (!fox_absent(q->found))
		answer_of_found(q, out);
	else if (q->method == FOX_AUTH_TICKET && q->answered && fox_jwt_looks(q->signature))
		fox_jwt_answer(q, realm ? realm : "", out);
	else
		answer_of_principal(q, realm ? realm : "", out);
	put_timeout(out);
	fox_store_commit();
}

void
fox_login_answer(FoxSlice question, FoxBuf *out)
{
	FoxAuthQuestion q;
	bool		is_question;

	if (fox_cookie_told(question))
	{
		fox_buf_str(out, "{}");
		return;
	}
	is_question = fox_auth_read(question, &q);
	PG_TRY();
	{
		if (is_question)
			answer(&q, out);
		else
			fox_auth_refuse(out, FOX_AUTH_FAILED, "the log-in could not be carried out");
	}
	PG_FINALLY();
	{
		fox_auth_free(&q);
	}
	PG_END_TRY();
}
