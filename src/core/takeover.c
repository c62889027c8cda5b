/*
 * takeover.c - a client that comes back takes its registrations over.
 *
 * Who reconnects often finds its procedure still registered by its own former session,
 * whose transport broke without anybody having noticed.  So a REGISTER that meets a
 * `single` registration of another session with the same authid waits while that session
 * is asked for a sign of life.  If one comes, the procedure is its; if none comes for
 * ANSWER_US, the session is ended as lost and the registration is made.  A session that
 * answers never loses anything: that all anonymous clients have one authid does no harm.
 *
 * fox_session_alive() may be called from anywhere below the core, so it only lets the
 * timers of who waits run out: REGISTER is gone through again in the router's next tick.
 */
#include <stdlib.h>

#include "core/core.h"

#include "base/pure.h"

#define ANSWER_US 2000000
#define CLAIMS_MAX 64			/* of one session at a time */

/* A REGISTER that waits. */
typedef struct FoxClaim
{
	FoxSession *session;
	FoxSession *holder;			/* NULL: it has gone meanwhile */
	uint64_t	registration;
	bool		answered;
	FoxNode		in_session;
	FoxNode		in_holder;
	FoxTimer	timer;
	uint64_t	request;
	FoxSlice	options;
	FoxSlice	procedure;
	char		block[];
} FoxClaim;

static void
claim_unlink(FoxClaim *c)
{
	fox_timer_clear(&c->session->realm->router->timers, &c->timer);
	fox_list_del(&c->in_session);
	fox_list_del(&c->in_holder);
	c->session->claim_count--;
}

static void
claim_due(void *ctx, FoxTimer *timer)
{
	FoxClaim   *c = fox_container(FoxClaim, timer, timer);
	FoxSession *holder = c->holder;

	claim_unlink(c);
	if (holder != NULL && !c->answered && fox_idmap_get(&holder->callees_by_id, c->registration) != NULL)
	{
		fox_router_log(ctx, FOX_LOG_INFO, "session %llu does not answer, another one of its authid takes its procedures over",
					   (unsigned long long) holder->id);
		fox_session_kill(holder, FOX_CLOSE_KILLED, FOX_LIT("it did not answer while another session asked for its procedure"));
	}
	fox_dealer_register(c->session, c->request, c->options, c->procedure, false);
	fox_pool_give(c->session->pool, c);
}

/* The timer is set, so it can be moved without memory. */
static void
claim_ripe(FoxClaim *c)
{
	FoxRouter  *r = c->session->realm->router;

	(void) fox_timer_set(&r->timers, &c->timer, fox_router_now(r), claim_due);
}

bool
fox_takeover_wait(FoxSession *s, FoxRegistration *reg, uint64_t request, FoxSlice options, FoxSlice procedure)
{
	FoxRouter  *r = s->realm->router;
	FoxSession *holder = reg->count == 1 ? reg->callees[0]->session : NULL;
	FoxClaim   *c;
	char	   *at;

	if (reg->invoke != FOX_INVOKE_SINGLE || holder == NULL || holder == s || holder->ops->probe == NULL ||
		!fox_slice_eq(holder->authid, s->authid) || s->claim_count >= CLAIMS_MAX ||
		(c = fox_pool_alloc(s->pool, sizeof(*c) + options.len + procedure.len + 1)) == NULL)
		return false;
	if (!fox_timer_set(&r->timers, &c->timer, fox_router_now(r) + ANSWER_US, claim_due))
	{
		fox_pool_give(s->pool, c);
		return false;
	}
	at = c->block;
	c->session = s;
	c->holder = holder;
	c->registration = reg->id;
	c->request = request;
	c->options = fox_slice_keep(&at, options);
	c->procedure = fox_slice_keep(&at, procedure);
	fox_list_push(&s->claims, &c->in_session);
	fox_list_push(&holder->claimed, &c->in_holder);
	s->claim_count++;
	holder->ops->probe(holder);
	return true;
}

void
fox_session_alive(FoxSession *s)
{
	fox_list_each(n, &s->claimed)
	{
		FoxClaim   *c = fox_container(FoxClaim, in_holder, n);

		c->answered = true;
		claim_ripe(c);
	}
}

void
fox_takeover_session_end(FoxSession *s)
{
	fox_list_each(n, &s->claims)
	{
		FoxClaim   *c = fox_container(FoxClaim, in_session, n);

		claim_unlink(c);
		fox_pool_give(s->pool, c);
	}
	fox_list_each(n, &s->claimed)
	{
		FoxClaim   *c = fox_container(FoxClaim, in_holder, n);

		fox_list_del(&c->in_holder);
		c->holder = NULL;
		claim_ripe(c);
	}
}
