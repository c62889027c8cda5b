/*
 * review.c - subscriptions and registrations that a function has allowed (see review.h).
 *
 * A wish comes at the commit of a transaction, whose end is waited for by an executor: the
 * functions would answer as before.  What sessions have been told meanwhile, to be kept, is void then.
 *
 * A pass goes through all that sessions hold, a slice in a turn, with a few questions open at
 * a time: who calls functions meanwhile is to get through.  Another wish begins a new pass;
 * what is answered to the former does not count any more.
 */
#include "core/review.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/authorizer.h"
#include "core/inquiry.h"

#include "base/pure.h"

#define OPEN_MAX 8				/* questions at a time */
#define SLICE 256				/* of the list in a turn */
#define WAIT_FOR "fox_wamp.transaction_ended(text)"
#define WAIT_MS 10000

/* What a session holds. */
typedef struct Held
{
	uint64_t	session;
	uint64_t	id;
	bool		registration;	/* else a subscription */
} Held;

struct FoxReview
{
	FoxRouter  *router;
	FoxBuf		held;			/* Held of the pass, in any order */
	size_t		at;				/* bytes of it that are done */
	uint64_t	number;			/* of the last wish that the pass fulfils */
	FoxNode		questions;
	unsigned	open;			/* so many of them */
	unsigned	waits;			/* and so many for the end of transactions */
	char		transaction[64];	/* the last one that was waited for */
	FoxTimer	timer;
};

typedef struct Question
{
	FoxNode		node;
	struct FoxReview *review;
	FoxInquiry *inquiry;
	uint64_t	number;			/* of its pass */
	Held		held;			/* of a wait: no session */
} Question;

static void go_on(void *ctx, FoxTimer *timer);

static void
go_on_soon(struct FoxReview *v)
{
	FoxRouter  *r = v->router;

	if (!fox_timer_set(&r->timers, &v->timer, fox_router_now(r), go_on))
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: sessions may keep what authorizers do not allow any more");
}

static void
revoke(FoxRouter *r, const Held *held)
{
	FoxSession *s = fox_idmap_get(&r->sessions, held->session);

	if (s == NULL)
		return;
	if (held->registration)
		fox_registration_revoke(s->realm, held->id, s, FOX_ERR_NOT_AUTHORIZED);
	else
		fox_subscription_revoke(s->realm, held->id, s, FOX_ERR_NOT_AUTHORIZED);
}

static void
question_free(Question *q)
{
	if (q->inquiry != NULL)
		fox_inquiry_free(q->inquiry);
	fox_list_del(&q->node);
	if (q->held.session == 0)
		q->review->waits--;
	else
		q->review->open--;
	free(q);
}

/* No answer is a no. */
static void
answered(void *ctx, FoxSlice value)
{
	Question   *q = ctx;
	struct FoxReview *v = q->review;

	if (fox_json_kind(value) == FOX_JSON_OBJECT)
		value = fox_json_get(value, "allow");
	if (q->number == v->number && !fox_json_is_true(value))
		revoke(v->router, &q->held);
	question_free(q);
	go_on_soon(v);
}

static void
ask(struct FoxReview *v, FoxSession *s, const Held *held, const FoxWish *wish, const FoxAuthority *authorizer)
{
	Question   *q = calloc(1, sizeof(*q));

	if (q == NULL)
	{
		revoke(v->router, held);
		return;
	}
	*q = (Question){.review = v, .number = v->number, .held = *held};
	fox_list_push(&v->questions, &q->node);
	v->open++;
	q->inquiry = fox_authorizer_inquire(s, wish, authorizer, answered, q);
	if (q->inquiry == NULL)
	{
		revoke(v->router, held);
		question_free(q);
	}
}

static void
ended(void *ctx, FoxSlice value)
{
	Question   *q = ctx;
	struct FoxReview *v = q->review;

	(void) value;
	question_free(q);
	v->router->permissions_number++;
	go_on_soon(v);
}

/* Without memory, or an executor, the pass begins at once. */
static void
wait_for(struct FoxReview *v, FoxSlice transaction)
{
	FoxFunctionCall c = {.function = FOX_LIT(WAIT_FOR), .realm = FOX_LIT(""), .timeout_ms = WAIT_MS, .args = transaction};
	Question   *q;

	if (fox_absent(transaction) || transaction.len >= sizeof(v->transaction) || fox_slice_is(transaction, v->transaction) ||
		(q = calloc(1, sizeof(*q))) == NULL)
		return;
	memcpy(v->transaction, transaction.ptr, transaction.len);
	v->transaction[transaction.len] = '\0';
	q->review = v;
	fox_list_push(&v->questions, &q->node);
	v->waits++;
	q->inquiry = fox_inquiry_new(v->router, &c, ended, q);
	if (q->inquiry == NULL)
		question_free(q);
}

/* It is asked for if a function has a say in it. */
static void
look_at(struct FoxReview *v, const Held *held)
{
	FoxSession *s = fox_idmap_get(&v->router->sessions, held->session);
	const FoxSubscription *sub = s != NULL && !held->registration ? fox_idmap_get(&s->realm->subscriptions_by_id, held->id) : NULL;
	const FoxRegistration *reg = s != NULL && held->registration ? fox_idmap_get(&s->realm->registrations_by_id, held->id) : NULL;
	FoxWish		wish = {.options = FOX_LIT("{}")};
	FoxDecision d;

	if (sub != NULL && !fox_uri_reserved(sub->topic))
		wish = (FoxWish){.action = FOX_MAY_SUBSCRIBE, .options = wish.options, .uri = sub->topic, .kind = sub->kind};
	else if (reg != NULL)
		wish = (FoxWish){.action = FOX_MAY_REGISTER, .options = wish.options, .uri = reg->uri, .kind = reg->kind};
	else
		return;
	d = fox_permission(s, wish.action, wish.uri, wish.kind);
	if (d.verdict == FOX_TO_BE_ASKED && !fox_absent(d.authorizer->function))
		ask(v, s, held, &wish, d.authorizer);
}

static void
collect_realm(struct FoxReview *v, const FoxRealm *realm)
{
	fox_list_each(n, &realm->sessions)
	{
		const FoxSession *s = fox_container(FoxSession, in_realm, n);

		if (s->exempt)
			continue;
		fox_list_each(m, &s->members)
			fox_buf_put(&v->held, &(Held){s->id, fox_container(FoxMember, in_session, m)->subscription->id, false}, sizeof(Held));
		fox_list_each(m, &s->callees)
			fox_buf_put(&v->held, &(Held){s->id, fox_container(FoxCallee, in_session, m)->registration->id, true}, sizeof(Held));
	}
}

static void
begin(struct FoxReview *v)
{
	FoxRouter  *r = v->router;
	size_t		pos = 0;
	FoxMapSlot *slot;

	fox_buf_reset(&v->held);
	v->at = 0;
	v->number = r->reviews_wanted;
	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
		if (!((FoxRealm *) slot->value)->open)
			collect_realm(v, slot->value);
	if (v->held.failed)
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: sessions may keep what authorizers do not allow any more");
}

static void
go_on(void *ctx, FoxTimer *timer)
{
	struct FoxReview *v = fox_container(struct FoxReview, timer, timer);
	FoxRouter  *r = v->router;
	Held		held;

	(void) ctx;
	if (v->waits > 0)
		return;
	if (v->number != r->reviews_wanted)
		begin(v);
	for (int i = 0; i < SLICE && v->at < v->held.len && v->open < OPEN_MAX; i++)
	{
		memcpy(&held, v->held.data + v->at, sizeof(held));
		v->at += sizeof(held);
		look_at(v, &held);
	}
	if (v->at < v->held.len)
	{
		if (v->open < OPEN_MAX)
			go_on_soon(v);
		return;
	}
	if (v->open > 0)
		return;
	fox_buf_free(&v->held);
	r->reviews_done = v->number;
	fox_ask_progress(r);
}

void
fox_review_wanted(FoxRouter *r, FoxSlice transaction)
{
	r->reviews_wanted++;
	if (r->review == NULL && (r->review = calloc(1, sizeof(*r->review))) != NULL)
	{
		r->review->router = r;
		fox_list_init(&r->review->questions);
	}
	if (r->review != NULL)
	{
		wait_for(r->review, transaction);
		go_on_soon(r->review);
	}
	else
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: sessions may keep what authorizers do not allow any more");
}

void
fox_review_free(FoxRouter *r)
{
	if (r->review == NULL)
		return;
	fox_list_each(n, &r->review->questions)
		question_free(fox_container(Question, node, n));
	fox_timer_clear(&r->timers, &r->review->timer);
	fox_buf_free(&r->review->held);
	free(r->review);
	r->review = NULL;
}
