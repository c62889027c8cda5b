/*
 * cookie.c - cookies of logged-in peers (see cookie.h): questions to which nobody waits for an answer.
 */
#include "core/cookie.h"

#include "base/pure.h"

#define TASKS_MAX 1000			/* that wait for an executor */

/* Strangers' cookies cost the database little. */
static bool
send_question(FoxRouter *r, FoxSlice question)
{
	uint64_t	token = ++r->next_token;

	if (r->cookie_tasks.count >= TASKS_MAX || !fox_idmap_put(&r->cookie_tasks, token, r))
		return false;
	if (r->ports.login(r->ports.ctx, token, question))
		return true;
	fox_idmap_del(&r->cookie_tasks, token);
	return false;
}

bool
fox_cookie_task_done(FoxRouter *r, uint64_t token)
{
	return fox_idmap_del(&r->cookie_tasks, token) != NULL;
}

/* The question is wiped. */
static void
tell(FoxRouter *r, FoxBuf *question)
{
	fox_buf_char(question, '}');
	if (question->failed || !send_question(r, fox_buf_view(question)))
		fox_router_log(r, FOX_LOG_INFO, "too many log-ins are under way: a client's cookie is lost");
	if (question->cap > 0)
		fox_wipe(question->data, question->cap);
	fox_buf_free(question);
}

void
fox_cookie_carry(FoxRouter *r, const char *from, const char *to)
{
	FoxBuf		question = {0};

	fox_buf_char(&question, '{');
	fox_auth_put(&question, "carry_cookie", fox_cstr(from));
	fox_auth_put(&question, "to", fox_cstr(to));
	tell(r, &question);
}

/* Not before who has logged in is let in: an answer that is right may come behind too many that were not. */
void
fox_cookie_keep(FoxRouter *r, const char *cookie, FoxSlice realm, const FoxSessionInfo *who)
{
	FoxBuf		question = {0};

	if (r->config.cookie_seconds == 0)
		return;
	fox_buf_char(&question, '{');
	fox_auth_put(&question, "keep_cookie", fox_cstr(cookie));
	fox_auth_put(&question, "realm", realm);
	fox_auth_put(&question, "authid", who->authid);
	fox_auth_put(&question, "authrole", who->authrole);
	fox_auth_put(&question, "authprovider", who->authprovider);
	fox_auth_put(&question, "authmethod", who->authmethod);
	fox_buf_str(&question, ",\"seconds\":");
	fox_buf_u64(&question, r->config.cookie_seconds);
	tell(r, &question);
}

void
fox_cookie_forget(FoxRouter *r, const char *cookie)
{
	FoxBuf		question = {0};

	fox_buf_char(&question, '{');
	fox_auth_put(&question, "forget_cookie", fox_cstr(cookie));
	tell(r, &question);
}
