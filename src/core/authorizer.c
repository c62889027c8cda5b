/*
 * authorizer.c - requests on their way past the permissions (see authorizer.h).
 *
 * A row of fox_wamp.permission may name a procedure, or a function of the database, that has
 * the last word.  It is called like Crossbar's: (details of the session, URI, action, options,
 * match), and answers with a boolean or with {"allow": boolean, "disclose": boolean, "cache": boolean}.
 *
 *      request ──► its session's list ──question──► answered ──► at the head ──► goes on
 *
 * Questions are put at once and may be answered in any order; requests leave the list in
 * that in which they came, since a session may count on it.  Who goes on goes through the
 * whole request again, with s->resumed set.  No answer within ANSWER_US is none.
 */
#include "core/authorizer.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/denial.h"

#include "base/pure.h"

#define ANSWER_MS 5000
#define ANSWER_US (ANSWER_MS * 1000)
#define ANSWER_OPTIONS "{\"timeout\":5000}"
#define ASKED_MAX 1000			/* requests of one session that wait, and their bytes */
#define ASKED_BYTES_MAX ((size_t) 16 * 1024 * 1024)

typedef enum AskedState
{
	ASKED_NOTHING,				/* it only keeps its place */
	ASKED_OPEN,
	ASKED_YES,
	ASKED_NO,
	ASKED_FAILED
} AskedState;

typedef struct FoxAsked
{
	FoxSession *session;
	AskedState	state;
	bool		stays;			/* it was resumed, and is to be asked */
	uint64_t	question;		/* to a procedure; 0: none was put */
	FoxInquiry *inquiry;		/* to a function, as long as it is not answered */
	uint64_t	number;			/* of the last change when the question was put */
	FoxDisclosure disclosure;
	FoxNode		in_session;
	FoxTimer	timer;
	FoxWish		wish;			/* slices into block */
	char		block[];
} FoxAsked;

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
refuse_answer(const FoxSession *s, const FoxWish *wish, AskedState state, FoxPermit *permit)
{
	return state == ASKED_NO ? refuse(s, wish, FOX_ERR_NOT_AUTHORIZED, ": the authorizer does not allow it", permit) :
		refuse(s, wish, FOX_ERR_AUTHORIZATION_FAILED, ": the authorizer has given no answer", permit);
}

/* --- the list --- */

static void
asked_free(FoxAsked *a)
{
	FoxSession *s = a->session;
	FoxRouter  *r = s->realm->router;

	fox_timer_clear(&r->timers, &a->timer);
	if (a->question != 0)
		fox_idmap_del(&r->questions, a->question);
	if (a->inquiry != NULL)
		fox_inquiry_free(a->inquiry);
	fox_list_del(&a->in_session);
	s->asked_count--;
	s->asked_bytes -= sizeof(*a) + a->wish.options.len + a->wish.uri.len + a->wish.args.len + a->wish.kwargs.len;
	fox_pool_give(s->pool, a);
}

static FoxAsked *
asked_new(FoxSession *s, const FoxWish *wish)
{
	size_t		n = sizeof(FoxAsked) + wish->options.len + wish->uri.len + wish->args.len + wish->kwargs.len;
	FoxAsked   *a;
	char	   *at;

	if (s->asked_count >= ASKED_MAX || (s->asked_count > 0 && s->asked_bytes + n > ASKED_BYTES_MAX) ||
		(a = fox_pool_alloc(s->pool, n + 1)) == NULL)
		return NULL;
	at = a->block;
	a->session = s;
	a->wish = *wish;
	a->wish.options = fox_slice_keep(&at, wish->options);
	a->wish.uri = fox_slice_keep(&at, wish->uri);
	a->wish.args = fox_slice_keep(&at, wish->args);
	a->wish.kwargs = fox_slice_keep(&at, wish->kwargs);
	s->asked_count++;
	s->asked_bytes += n;
	fox_list_push(&s->asked, &a->in_session);
	return a;
}

/* Goes through the request again; it leaves the list, or waits at its head. */
static void
resume(FoxAsked *a)
{
	FoxSession *s = a->session;
	const FoxWish *w = &a->wish;

	s->resumed = a;
	a->stays = false;
	switch (w->action)
	{
		case FOX_MAY_PUBLISH:
			fox_session_publish(s, w->request, w->options, w->uri, w->args, w->kwargs);
			break;
		case FOX_MAY_SUBSCRIBE:
			fox_session_subscribe(s, w->request, w->options, w->uri);
			break;
		case FOX_MAY_CALL:
			fox_session_call(s, w->request, w->options, w->uri, w->args, w->kwargs);
			break;
		default:
			fox_session_register(s, w->request, w->options, w->uri);
	}
	s->resumed = NULL;
	if (!a->stays)
		asked_free(a);
}

static void
go_on(void *ctx, FoxTimer *timer)
{
	FoxAsked   *a = fox_container(FoxAsked, timer, timer);
	FoxSession *s = a->session;

	(void) ctx;
	if (a->state == ASKED_OPEN)
		a->state = ASKED_FAILED;
	while (!fox_list_empty(&s->asked) && (a = fox_container(FoxAsked, in_session, s->asked.next))->state != ASKED_OPEN)
		resume(a);
}

/* The answer may come from anywhere below the core: the list moves in the router's next tick. */
static void
answered(FoxAsked *a, AskedState state)
{
	FoxRouter  *r = a->session->realm->router;

	a->state = state;
	(void) fox_timer_set(&r->timers, &a->timer, fox_router_now(r), go_on);	/* it is set: this needs no memory */
}

/* --- questions --- */

/* What the authorizer has said, as JSON; nothing, or what makes no sense, is no answer. */
static void
take_answer(FoxAsked *a, FoxSlice value)
{
	FoxSlice	disclose = FOX_ABSENT;
	FoxSlice	cache = FOX_ABSENT;
	AskedState	state = ASKED_FAILED;

	if (fox_json_kind(value) == FOX_JSON_OBJECT)
	{
		disclose = fox_json_get(value, "disclose");
		cache = fox_json_get(value, "cache");
		value = fox_json_get(value, "allow");
	}
	if (fox_json_kind(value) == FOX_JSON_TRUE || fox_json_kind(value) == FOX_JSON_FALSE)
		state = fox_json_is_true(value) ? ASKED_YES : ASKED_NO;
	if (fox_json_kind(disclose) == FOX_JSON_TRUE || fox_json_kind(disclose) == FOX_JSON_FALSE)
		a->disclosure = fox_json_is_true(disclose) ? FOX_DISCLOSE_ALWAYS : FOX_DISCLOSE_NEVER;
	/* Rows that have changed meanwhile may have another authorizer, or none. */
	if (state != ASKED_FAILED && a->wish.kind == FOX_EXACT && fox_json_is_true(cache) &&
		a->number == a->session->realm->router->permissions_number)
		fox_permission_keep(a->session, a->wish.action, a->wish.uri,
							(FoxDecision){state == ASKED_YES ? FOX_ALLOWED : FOX_FORBIDDEN, a->disclosure, NULL});
	answered(a, state);
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
	if (a == NULL || progress || a->state != ASKED_OPEN)
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
	if (a == NULL || a->state != ASKED_OPEN)
		return;
	fox_router_log(s->realm->router, FOX_LOG_DEBUG, "an authorizer has failed: %.*s", (int) why->uri.len, why->uri.ptr);
	answered(a, ASKED_FAILED);
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
put_text(FoxBuf *b, const char *before, FoxSlice text)
{
	fox_buf_str(b, before);
	fox_buf_json_str(b, text);
}

static void
put_question(FoxBuf *b, const FoxSession *s, const FoxWish *wish)
{
	fox_buf_str(b, "[{\"session\":");
	fox_buf_u64(b, s->id);
	put_text(b, ",\"realm\":", s->realm->name);
	put_text(b, ",\"authid\":", s->authid);
	put_text(b, ",\"authrole\":", s->authrole);
	put_text(b, ",\"authmethod\":", s->authmethod);
	put_text(b, ",\"role\":", fox_session_role(s));
	if (!fox_absent(s->client_id))
		put_text(b, ",\"client_id\":", s->client_id);
	put_text(b, "},", wish->uri);
	put_text(b, ",", fox_cstr(fox_action_name(wish->action)));
	fox_buf_char(b, ',');
	fox_buf_slice(b, fox_json_kind(wish->options) == FOX_JSON_OBJECT ? wish->options : FOX_LIT("{}"));
	put_text(b, ",", fox_cstr(fox_match_name(wish->kind)));
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
		answered(a, ASKED_FAILED);
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
	if (a->state == ASKED_OPEN)
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
			.caller = s->id, .authid = s->authid, .authrole = s->authrole, .timeout_ms = ANSWER_MS, .args = fox_buf_view(&args)
		}, done, ctx);
	fox_buf_free(&args);
	return inquiry;
}

static void
ask(FoxAsked *a, const FoxAuthority *authorizer)
{
	FoxBuf		args = {0};

	a->state = ASKED_OPEN;
	a->number = a->session->realm->router->permissions_number;
	if (!fox_absent(authorizer->function))
	{
		a->inquiry = fox_authorizer_inquire(a->session, &a->wish, authorizer, function_said, a);
		if (a->inquiry == NULL)
			answered(a, ASKED_FAILED);
		return;
	}
	put_question(&args, a->session, &a->wish);
	if (args.failed)
		answered(a, ASKED_FAILED);
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
	FoxRouter  *r = s->realm->router;
	bool		later_part = is_later_part(s, wish);
	FoxAsked   *a = asked_new(s, wish);

	if (a == NULL)
		return refuse(s, wish, FOX_ERR_AUTHORIZATION_FAILED, ": too many requests wait for the authorizer", permit);
	a->disclosure = d.disclosure;
	if (d.verdict != FOX_TO_BE_ASKED || later_part)
		return FOX_WAITS;
	if (!fox_timer_set(&r->timers, &a->timer, fox_router_now(r) + ANSWER_US, go_on))
	{
		asked_free(a);
		return refuse(s, wish, FOX_ERR_AUTHORIZATION_FAILED, ": out of memory", permit);
	}
	ask(a, d.authorizer);
	return FOX_WAITS;
}

/* It has kept its place, and is to be asked now; or rows have changed meanwhile. */
static FoxPass
wait_at_head(FoxAsked *a, FoxDecision d, FoxPermit *permit)
{
	FoxRouter  *r = a->session->realm->router;

	if (!fox_timer_set(&r->timers, &a->timer, fox_router_now(r) + ANSWER_US, go_on))
		return refuse(a->session, &a->wish, FOX_ERR_AUTHORIZATION_FAILED, ": out of memory", permit);
	a->disclosure = d.disclosure;
	a->stays = true;
	ask(a, d.authorizer);
	return FOX_WAITS;
}

FoxPass
fox_permit_slowly(FoxSession *s, const FoxWish *wish, bool again, FoxPermit *permit)
{
	FoxAsked   *resumed = s->resumed;
	FoxDecision d = fox_permission_decide(s, wish->action, fox_pattern(wish->uri, wish->kind));

	permit->disclosure = d.disclosure;
	if (resumed == NULL && !again && !fox_list_empty(&s->asked))
		return queue_up(s, wish, d, permit);
	if (d.verdict == FOX_ALLOWED || (d.verdict == FOX_TO_BE_ASKED && again))
		return FOX_PASSES;
	if (d.verdict == FOX_FORBIDDEN && (resumed == NULL || resumed->state != ASKED_NO))
		return refuse(s, wish, FOX_ERR_NOT_AUTHORIZED, "", permit);
	if (resumed == NULL)
		return queue_up(s, wish, d, permit);
	permit->disclosure = resumed->disclosure;
	switch (resumed->state)
	{
		case ASKED_NOTHING:
			return wait_at_head(resumed, d, permit);
		case ASKED_YES:
			return FOX_PASSES;
		default:
			return refuse_answer(s, wish, resumed->state, permit);
	}
}

bool
fox_authorizer_cancel(FoxSession *s, uint64_t request, bool *open)
{
	FoxRouter  *r = s->realm->router;
	bool		found = false;

	fox_list_each(n, &s->asked)
	{
		FoxAsked   *a = fox_container(FoxAsked, in_session, n);

		if (a->wish.action != FOX_MAY_CALL || a->wish.request != request)
			continue;
		found = true;
		*open = fox_json_is_true(fox_json_get(a->wish.options, "progress"));
		asked_free(a);
	}
	/* Who is the first now may have its answer. */
	if (found && !fox_list_empty(&s->asked))
	{
		FoxAsked   *a = fox_container(FoxAsked, in_session, s->asked.next);

		if (a->state != ASKED_OPEN && !fox_timer_set(&r->timers, &a->timer, fox_router_now(r), go_on))
			fox_router_log(r, FOX_LOG_ERROR, "out of memory: requests of a session wait for its next one");
	}
	return found;
}

void
fox_authorizer_session_end(FoxSession *s)
{
	fox_list_each(n, &s->asked)
		asked_free(fox_container(FoxAsked, in_session, n));
}
