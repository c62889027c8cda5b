/*
 * login.c - log-ins, as an executor carries them out, and the cookies that stand for them.
 *
 * Nothing is kept between two questions of a log-in, and no code of a user's is run.
 * Passwords are normalized as PostgreSQL does it before it makes a verifier; those of other programs' hashes are not.
 */
#include "postgres.h"

#include "common/saslprep.h"

#include "core/jwt.h"
#include "core/password_hash.h"
#include "pg/cookie_sql.h"
#include "pg/jwt_sql.h"
#include "pg/login.h"
#include "pg/principal.h"
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
