/*
 * authorizer.c - requests on their way past the permissions (see authorizer.h).
 *
 * A row of fox_wamp.permission may name a procedure, or a function of the database, that has
 * the last word.  It is called like Crossbar's: (details of the session, URI, action, options,
 * match), and answers with a boolean or with {"allow": boolean, "disclose": boolean, "cache": boolean}.
 * Requests wait for the answer in their session's list (asked.h).
 */
#include "core/asked.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/denial.h"
#include "core/hook.h"

#include "base/pure.h"

#define ANSWER_OPTIONS "{\"timeout\":5000}"

/* --- refusals --- */

static FoxPass
refuse(const FoxSession *s, const FoxWish *wish, const char *uri, const char *why, FoxPermit *permit)
{
	permit->uri = uri;
	permit->text = fox_refusal_text(s, wish->action, wish->uri, why);
	fox_denied_to(s, fox_action_name(wish->action), wish->uri, permit->text);
	return FOX_REFUSED;
}

static FoxPass
refuse_answer(const FoxSession *s, const FoxWish *wish, FoxAskedState state, FoxPermit *permit)
{
	return state == FOX_ASKED_NO ? refuse(s, wish, FOX_ERR_NOT_AUTHORIZED, ": the authorizer does not allow it", permit) :
		refuse(s, wish, FOX_ERR_AUTHORIZATION_FAILED, ": the authorizer has given no answer", permit);
}

/* --- questions --- */

/* What the authorizer has said, as JSON; nothing, or what makes no sense, is no answer. */
static void
take_answer(FoxAsked *a, FoxSlice value)
{
	FoxSlice	disclose = FOX_ABSENT;
	FoxSlice	cache = FOX_ABSENT;
	FoxAskedState state = FOX_ASKED_FAILED;

	if (fox_json_kind(value) == FOX_JSON_OBJECT)
	{
		disclose = fox_json_get(value, "disclose");
		cache = fox_json_get(value, "cache");
		value = fox_json_get(value, "allow");
	}
	if (fox_json_kind(value) == FOX_JSON_TRUE || fox_json_kind(value) == FOX_JSON_FALSE)
		state = fox_json_is_true(value) ? FOX_ASKED_YES : FOX_ASKED_NO;
	if (fox_json_kind(disclose) == FOX_JSON_TRUE || fox_json_kind(disclose) == FOX_JSON_FALSE)
		a->disclosure = fox_json_is_true(disclose) ? FOX_DISCLOSE_ALWAYS : FOX_DISCLOSE_NEVER;
	/* Rows that have changed meanwhile may have another authorizer, or none. */
	if (state != FOX_ASKED_FAILED && a->wish.kind == FOX_EXACT && fox_json_is_true(cache) &&
		a->number == a->session->realm->router->permissions_number)
		fox_permission_keep(a->session, a->wish.action, a->wish.uri,
							(FoxDecision){state == FOX_ASKED_YES ? FOX_ALLOWED : FOX_FORBIDDEN, a->disclosure, NULL});
	fox_asked_answered(a, state);
}

static void
question_result(FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	FoxAsked   *a = fox_idmap_get(&s->realm->router->questions, request);

	FoxBuf		memory = {0};
	FoxPayload	json;
	FoxSlice	first = FOX_ABSENT;
	size_t		pos = 0;

	(void) ppt;
	if (a == NULL || progress || a->state != FOX_ASKED_OPEN)
		return;
	if (fox_payload_as(payload, FOX_JSON, &memory, &json) && !fox_absent(json.args))
		(void) fox_json_element(json.args, &pos, &first);
	take_answer(a, first);
	fox_buf_free(&memory);
}

static void
question_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxAsked   *a = fox_idmap_get(&s->realm->router->questions, request);

	(void) what;
	if (a == NULL || a->state != FOX_ASKED_OPEN)
		return;
	fox_router_log(s->realm->router, FOX_LOG_DEBUG, "an authorizer has failed: %.*s", (int) why->uri.len, why->uri.ptr);
	fox_asked_answered(a, FOX_ASKED_FAILED);
}

/* What it has asked stays without answers until the time for them is over. */
static void
asking_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	(void) reason, (void) message;
	s->realm->asking = NULL;
}

static const FoxSessionOps asking_ops = {.result = question_result, .failed = question_failed, .ended = asking_ended};

static const FoxSessionInfo asking_info = {
	.authid = FOX_LIT("router"), .authrole = FOX_LIT("router"), .authmethod = FOX_LIT("internal"),
	.peer = FOX_LIT("router"), .protocol = FOX_LIT("internal")
};

static void
put_question(FoxBuf *b, const FoxSession *s, const FoxWish *wish)
{
	fox_buf_str(b, "[{");
	fox_asked_put_session(b, s);
	fox_buf_str(b, "},");
	fox_buf_json_str(b, wish->uri);
	fox_buf_char(b, ',');
	fox_buf_json_str(b, fox_cstr(fox_action_name(wish->action)));
	fox_buf_char(b, ',');
	fox_buf_slice(b, fox_json_kind(wish->options) == FOX_JSON_OBJECT ? wish->options : FOX_LIT("{}"));
	fox_buf_char(b, ',');
	fox_buf_json_str(b, fox_cstr(fox_match_name(wish->kind)));
	fox_buf_char(b, ']');
}

/* An answer that is there at once (there is no such procedure) is taken up in the next tick like any other. */
static void
ask_procedure(FoxAsked *a, FoxSlice procedure, FoxSlice args)
{
	FoxRealm   *realm = a->session->realm;
	FoxRouter  *r = realm->router;
	const char *reason;

	if (a->question == 0)
		a->question = ++r->last_question;
	if (realm->asking == NULL)
		realm->asking = fox_session_join(r, realm->name, &asking_info, &asking_ops, NULL, &reason);
	if (realm->asking == NULL || !fox_idmap_put(&r->questions, a->question, a))
		fox_asked_answered(a, FOX_ASKED_FAILED);
	else
		fox_session_call(realm->asking, a->question, FOX_LIT(ANSWER_OPTIONS), procedure, args, FOX_ABSENT);
}

/* A function's null is a no, as in a condition of SQL's. */
static void
function_said(void *ctx, FoxSlice value)
{
	FoxAsked   *a = ctx;

	fox_inquiry_free(a->inquiry);
	a->inquiry = NULL;
	if (a->state == FOX_ASKED_OPEN)
		take_answer(a, fox_json_kind(value) == FOX_JSON_NULL ? FOX_LIT("false") : value);
}

FoxInquiry *
fox_authorizer_inquire(const FoxSession *s, const FoxWish *wish, const FoxAuthority *authorizer,
					   void (*done) (void *ctx, FoxSlice value), void *ctx)
{
	FoxBuf		args = {0};
	FoxInquiry *inquiry = NULL;

	put_question(&args, s, wish);
	if (!args.failed)
		inquiry = fox_inquiry_new(s->realm->router, &(FoxFunctionCall){
			.realm = s->realm->name, .function = authorizer->function, .role = authorizer->role,
			.caller = s->id, .authid = s->authid, .authrole = s->authrole, .timeout_ms = FOX_ANSWER_MS, .args = fox_buf_view(&args)
		}, done, ctx);
	fox_buf_free(&args);
	return inquiry;
}

static void
ask(FoxAsked *a, const FoxAuthority *authorizer)
{
	FoxBuf		args = {0};

	if (!fox_absent(authorizer->function))
	{
		a->inquiry = fox_authorizer_inquire(a->session, &a->wish, authorizer, function_said, a);
		if (a->inquiry == NULL)
			fox_asked_answered(a, FOX_ASKED_FAILED);
		return;
	}
	put_question(&args, a->session, &a->wish);
	if (args.failed)
		fox_asked_answered(a, FOX_ASKED_FAILED);
	else
		ask_procedure(a, authorizer->procedure, fox_buf_view(&args));
	fox_buf_free(&args);
}

/* --- the door --- */

/* Further parts of a call go where its beginning goes. */
static bool
is_later_part(const FoxSession *s, const FoxWish *wish)
{
	if (wish->action == FOX_MAY_CALL)
		fox_list_each(n, &s->asked)
		{
			const FoxAsked *a = fox_container(FoxAsked, in_session, n);

			if (a->wish.action == FOX_MAY_CALL && a->wish.request == wish->request)
				return true;
		}
	return false;
}

/* Behind what waits, if anything does; asks, if that is to be asked. */
static FoxPass
queue_up(FoxSession *s, const FoxWish *wish, FoxDecision d, FoxPermit *permit)
{
	bool		later_part = is_later_part(s, wish);
	FoxAsked   *a = fox_asked_new(s, wish);

	if (a == NULL)
		return refuse(s, wish, FOX_ERR_AUTHORIZATION_FAILED, ": too many requests wait for the authorizer", permit);
	a->disclosure = d.disclosure;
	if (d.verdict == FOX_ALLOWED && wish->action == FOX_MAY_PUBLISH)
		return fox_hook_ask(a, permit);
	if (d.verdict != FOX_TO_BE_ASKED || later_part)
		return FOX_WAITS;
	if (!fox_asked_open(a))
	{
		fox_asked_free(a);
		return refuse(s, wish, FOX_ERR_AUTHORIZATION_FAILED, ": out of memory", permit);
	}
	ask(a, d.authorizer);
	return FOX_WAITS;
}

/* It has kept its place, and is to be asked now; or rows have changed meanwhile. */
static FoxPass
wait_at_head(FoxAsked *a, FoxDecision d, FoxPermit *permit)
{
	if (!fox_asked_open(a))
		return refuse(a->session, &a->wish, FOX_ERR_AUTHORIZATION_FAILED, ": out of memory", permit);
	a->disclosure = d.disclosure;
	a->stays = true;
	ask(a, d.authorizer);
	return FOX_WAITS;
}

static FoxPass
authorize(FoxSession *s, const FoxWish *wish, bool again, FoxDecision d, FoxPermit *permit)
{
	FoxAsked   *resumed = s->resumed;
	bool		denied = resumed != NULL && !resumed->permitted && resumed->state == FOX_ASKED_NO;

	if (d.verdict == FOX_ALLOWED || (d.verdict == FOX_TO_BE_ASKED && again))
		return FOX_PASSES;
	if (d.verdict == FOX_FORBIDDEN && !denied)
		return refuse(s, wish, FOX_ERR_NOT_AUTHORIZED, "", permit);
	if (resumed == NULL)
		return queue_up(s, wish, d, permit);
	permit->disclosure = resumed->disclosure;
	if (resumed->permitted)
		return FOX_PASSES;
	switch (resumed->state)
	{
		case FOX_ASKED_NOTHING:
			return wait_at_head(resumed, d, permit);
		case FOX_ASKED_YES:
			return FOX_PASSES;
		default:
			return refuse_answer(s, wish, resumed->state, permit);
	}
}

FoxPass
fox_permit_slowly(FoxSession *s, const FoxWish *wish, bool again, FoxPermit *permit)
{
	FoxDecision d = fox_permission(s, wish->action, wish->uri, wish->kind);
	FoxPass		pass;

	permit->disclosure = d.disclosure;
	if (s->resumed == NULL && !again && !fox_list_empty(&s->asked))
		return queue_up(s, wish, d, permit);
	pass = authorize(s, wish, again, d, permit);
	return pass == FOX_PASSES && wish->action == FOX_MAY_PUBLISH ? fox_hook_pass(s, wish, permit) : pass;
}

bool
fox_authorizer_cancel(FoxSession *s, uint64_t request, bool *open)
{
	bool		found = false;

	fox_list_each(n, &s->asked)
	{
		FoxAsked   *a = fox_container(FoxAsked, in_session, n);

		if (a->wish.action != FOX_MAY_CALL || a->wish.request != request)
			continue;
		found = true;
		*open = fox_json_is_true(fox_json_get(a->wish.options, "progress"));
		fox_asked_free(a);
	}
	if (found)
		fox_asked_next(s);
	return found;
}

void
fox_authorizer_session_end(FoxSession *s)
{
	fox_list_each(n, &s->asked)
		fox_asked_free(fox_container(FoxAsked, in_session, n));
}
