/*
 * asked.c - the list of a session's requests that wait for a word (see asked.h).
 */
#include "codec/json_out.h"
#include "core/asked.h"

#include "base/pure.h"

#define ANSWER_US (FOX_ANSWER_MS * 1000)
#define ASKED_MAX 1000			/* requests of one session that wait, and their bytes */
#define ASKED_BYTES_MAX ((size_t) 16 * 1024 * 1024)

void
fox_asked_free(FoxAsked *a)
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
	s->asked_bytes -= a->bytes;
	fox_buf_free(&a->altered);
	fox_buf_free(&a->error);
	fox_pool_give(s->pool, a);
}

FoxAsked *
fox_asked_new(FoxSession *s, const FoxWish *wish)
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
	a->bytes = n;
	s->asked_count++;
	s->asked_bytes += n;
	fox_list_push(&s->asked, &a->in_session);
	return a;
}

bool
fox_asked_more(FoxAsked *a, size_t bytes)
{
	FoxSession *s = a->session;

	if (s->asked.next != &a->in_session && s->asked_bytes + bytes > ASKED_BYTES_MAX)
		return false;
	a->bytes += bytes;
	s->asked_bytes += bytes;
	return true;
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
		fox_asked_free(a);
}

static void
go_on(void *ctx, FoxTimer *timer)
{
	FoxAsked   *a = fox_container(FoxAsked, timer, timer);
	FoxSession *s = a->session;

	(void) ctx;
	if (a->state == FOX_ASKED_OPEN)
		a->state = FOX_ASKED_FAILED;
	while (!fox_list_empty(&s->asked) && (a = fox_container(FoxAsked, in_session, s->asked.next))->state != FOX_ASKED_OPEN)
		resume(a);
}

void
fox_asked_answered(FoxAsked *a, FoxAskedState state)
{
	FoxRouter  *r = a->session->realm->router;

	a->state = state;
	(void) fox_timer_set(&r->timers, &a->timer, fox_router_now(r), go_on);	/* it is set: this needs no memory */
}

void
fox_asked_put_session(FoxBuf *b, const FoxSession *s)
{
	fox_json_put_number(b, "session", s->id);
	fox_json_put_member(b, "realm", s->realm->name);
	fox_json_put_member(b, "authid", s->authid);
	fox_json_put_member(b, "authrole", s->authrole);
	fox_json_put_member(b, "authmethod", s->authmethod);
	fox_json_put_member(b, "role", fox_session_role(s));
	if (!fox_absent(s->client_id))
		fox_json_put_member(b, "client_id", s->client_id);
}

bool
fox_asked_open(FoxAsked *a)
{
	FoxRouter  *r = a->session->realm->router;

	if (!fox_timer_set(&r->timers, &a->timer, fox_router_now(r) + ANSWER_US, go_on))
		return false;
	if (a->question != 0)
		fox_idmap_del(&r->questions, a->question);
	a->question = 0;
	a->state = FOX_ASKED_OPEN;
	a->number = r->permissions_number;
	return true;
}

void
fox_asked_next(FoxSession *s)
{
	FoxRouter  *r = s->realm->router;
	FoxAsked   *a;

	if (fox_list_empty(&s->asked))
		return;
	a = fox_container(FoxAsked, in_session, s->asked.next);
	if (a->state != FOX_ASKED_OPEN && !fox_timer_set(&r->timers, &a->timer, fox_router_now(r), go_on))
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: requests of a session wait for its next one");
}
