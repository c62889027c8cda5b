/*
 * http_callback.c - callbacks by HTTP: who can not be reached polls.
 *
 *   GET     /root/callback?wait=25&max=100&after=17   messages to callbacks of the session whose token is brought; those up to
 *                                                     17 have arrived.  If there are none it waits so many seconds for one
 *   DELETE  /root/callback/ID                         releases one of the session's, or a URL
 */
#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/url.h"
#include "core/callback.h"
#include "core/mailbox.h"
#include "gate/http_private.h"

#include "base/pure.h"

#define WAIT_DEFAULT 25
#define WAIT_MAX 60
#define MESSAGES_DEFAULT 100
#define MESSAGES_MAX 1000

/* --- polling --- */

/* True: it has been answered. */
static bool
answer(FoxHttpPeer *p, bool empty_too)
{
	FoxBuf		body = {0};
	bool		wrap = p->style == FOX_HTTP_RESULT;
	uint32_t	n;

	fox_buf_str(&body, wrap ? "{\"Result\":[" : "[");
	n = fox_mailbox_list(p->session, p->after, p->max, &body);
	fox_buf_str(&body, wrap ? "]}" : "]");
	if (body.failed)
		fox_http_fail(p, 503, NULL, FOX_ABSENT);
	else if (n > 0 || empty_too)
		fox_http_reply(p, 200, FOX_LIT(FOX_HTTP_TYPE_JSON), FOX_LIT("Cache-Control: no-store\r\n"), fox_buf_view(&body));
	fox_buf_free(&body);
	return p->request == 0;
}

static void
time_is_up(void *ctx, FoxTimer *timer)
{
	(void) ctx;
	(void) answer(fox_container(FoxHttpPeer, heartbeat, timer), true);
}

void
fox_http_callback_mail(FoxHttpSession *hs)
{
	FoxMapSlot *slot;
	size_t		pos = 0;

	while ((slot = fox_map_next(&hs->asking, &pos)) != NULL)
	{
		FoxHttpPeer *p = slot->value;

		if (p->wish == FOX_HTTP_WISH_POLL && answer(p, false))
			pos = 0;			/* the map has changed */
	}
}

/* A parameter of that name into *value; false: it is no number up to max. */
static bool
read_number(FoxSlice query, const char *wanted, uint64_t max, uint64_t *value)
{
	FoxSlice	name;
	FoxSlice	text;
	size_t		pos = 0;

	while (!fox_absent(query) && fox_url_pair(query, &pos, &name, &text))
		if (fox_http_same(name, fox_cstr(wanted)))
			return fox_json_valid(text, NULL) && fox_json_uint(text, value) && *value <= max;
	return true;
}

static void
poll(FoxHttpPeer *p, FoxSlice query)
{
	uint64_t	wait = WAIT_DEFAULT;
	uint64_t	max = MESSAGES_DEFAULT;
	uint64_t	after = 0;

	if (!read_number(query, "wait", UINT64_MAX, &wait) || !read_number(query, "max", UINT64_MAX, &max) || max == 0 ||
		!read_number(query, "after", UINT64_MAX, &after))
	{
		fox_http_fail(p, 400, "wait, max and after must be numbers, and max not 0", FOX_ABSENT);
		return;
	}
	p->wish = FOX_HTTP_WISH_POLL;
	p->max = (uint32_t) (max < MESSAGES_MAX ? max : MESSAGES_MAX);
	p->after = after;
	if (!fox_http_enter(p))
	{
		fox_http_fail(p, 503, NULL, FOX_ABSENT);
		return;
	}
	fox_mailbox_forget(p->session, after);
	if (wait > WAIT_MAX)
		wait = WAIT_MAX;
	if (!answer(p, wait == 0) && !fox_router_timer_set(p->router, &p->heartbeat, fox_router_now(p->router) + wait * 1000000, time_is_up))
		(void) answer(p, true);
}

/* --- releasing --- */

static void
release(FoxHttpPeer *p, const FoxRoot *root, FoxSlice text)
{
	uint64_t	id;
	FoxCallback *cb = fox_json_valid(text, NULL) && fox_json_uint(text, &id) ? fox_callback_find(p->router, id) : NULL;
	const FoxSession *s = p->shared != NULL ? p->shared->session : NULL;

	/* The id of a URL's is known to who receives there. */
	if (cb == NULL || !fox_slice_eq(cb->realm->name, root->realm) || (cb->kind != FOX_CALLBACK_URL && cb->session != s))
	{
		fox_http_fail(p, 404, "there is no such callback of the session", FOX_ABSENT);
		return;
	}
	fox_callback_end(cb);
	fox_http_reply(p, 200, FOX_ABSENT, FOX_ABSENT, FOX_LIT(""));
}

/* --- requests --- */

bool
fox_http_callback(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice name, FoxSlice query)
{
	static const char one[] = "callback.";
	bool		names_one = name.len >= sizeof(one) && fox_http_same(fox_slice(name.ptr, sizeof(one) - 1), FOX_LIT(one));
	unsigned	verbs = names_one ? FOX_DELETE : FOX_GET;

	if (!names_one && !fox_http_same(name, FOX_LIT("callback")))
		return false;
	if (fox_slice_is(ask->method, "OPTIONS"))
		fox_http_reply_options(p, verbs, ask->headers);
	else if (fox_verb_named(ask->method) != verbs)
		fox_http_fail_verb(p, verbs);
	else if (names_one)
		release(p, root, fox_slice(name.ptr + sizeof(one) - 1, name.len - sizeof(one) + 1));
	else if (p->shared == NULL)
		fox_http_challenge(p, "the request brings no token of a session");
	else
		poll(p, query);
	return true;
}
