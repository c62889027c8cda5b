/*
 * callback.c - receivers that clients have passed to SQL functions (see callback.h).
 *
 *   row ──► known ──► ending ──(an executor deletes the row)──► gone
 *
 * What ends is told to nobody any more at once.  Rows are deleted a few at a time; one that can not be is
 * tried again, and at the latest by the next router, which finds no session for it.
 */
#include "core/callback.h"

#include <stdlib.h>

#include "codec/json.h"
#include "core/handler.h"
#include "core/inquiry.h"
#include "core/mailbox.h"
#include "core/meta.h"

#include "base/pure.h"

#define ENDING_AT_A_TIME 8
#define AGAIN_US UINT64_C(1000000)	/* doubled each time */
#define ATTEMPTS 10
#define ANYBODY "fox_wamp_anonymous"	/* stands in for a role that is no more */

static void delete_rows(FoxRouter *r);

FoxCallback *
fox_callback_find(FoxRouter *r, uint64_t id)
{
	FoxCallback *cb = fox_idmap_get(&r->callbacks, id);

	return cb != NULL && !cb->ending ? cb : NULL;
}

static void
callback_free(FoxCallback *cb)
{
	FoxRouter  *r = cb->router;

	if (cb->inquiry != NULL)
	{
		fox_inquiry_free(cb->inquiry);
		r->callbacks_being_deleted--;
	}
	fox_timer_clear(&r->timers, &cb->again);
	fox_list_del(&cb->node);
	fox_map_del(&r->callbacks_by_token, cb->token);
	fox_idmap_del(&r->callbacks, cb->id);
	free(cb);
}

/* --- the end --- */

static void
look_again(void *ctx, FoxTimer *timer)
{
	(void) timer;
	delete_rows(ctx);
}

static void
row_deleted(void *ctx, FoxSlice value)
{
	FoxCallback *cb = ctx;
	FoxRouter  *r = cb->router;

	fox_inquiry_free(cb->inquiry);
	cb->inquiry = NULL;
	r->callbacks_being_deleted--;
	if (!fox_absent(value) || cb->vain == ATTEMPTS)
		callback_free(cb);
	else if (!fox_timer_set(&r->timers, &cb->again, fox_router_now(r) + (AGAIN_US << cb->vain++), look_again))
		callback_free(cb);
	delete_rows(r);
}

/* As the role that it was passed by: what a table of the service's has to do then may not be done as somebody else. */
static bool
delete_row(FoxCallback *cb)
{
	FoxBuf		args = {0};
	FoxFunctionCall c = {
		.kind = FOX_RUN_PROCEDURE, .realm = FOX_LIT(""), .procedure = FOX_ABSENT,
		.function = FOX_LIT("fox_wamp.end_callback(bigint)"), .role = cb->vain == 0 ? cb->owner : FOX_LIT(ANYBODY),
		.authid = FOX_LIT("router"), .authrole = FOX_LIT("router"), .kwargs = FOX_ABSENT, .http = FOX_ABSENT
	};

	fox_buf_char(&args, '[');
	fox_buf_u64(&args, cb->id);
	fox_buf_char(&args, ']');
	c.args = fox_buf_view(&args);
	if (!args.failed)
		cb->inquiry = fox_inquiry_new(cb->router, &c, row_deleted, cb);
	fox_buf_free(&args);
	return cb->inquiry != NULL;
}

static void
delete_rows(FoxRouter *r)
{
	fox_list_each(n, &r->callbacks_ending)
	{
		FoxCallback *cb = fox_container(FoxCallback, node, n);

		if (r->callbacks_being_deleted >= ENDING_AT_A_TIME)
			return;
		if (cb->inquiry != NULL || cb->again.place != 0)
			continue;
		if (!delete_row(cb))
			return;
		r->callbacks_being_deleted++;
	}
}

void
fox_callback_end(FoxCallback *cb)
{
	if (cb->ending)
		return;
	cb->ending = true;
	cb->session = NULL;
	fox_list_del(&cb->node);
	fox_list_push(&cb->router->callbacks_ending, &cb->node);
	delete_rows(cb->router);
}

void
fox_callback_give_up(void *ctx, FoxTimer *timer)
{
	(void) ctx;
	fox_callback_end(fox_container(FoxCallback, again, timer));
}

void
fox_callbacks_target_gone(FoxSession *s, FoxCallbackKind kind, uint64_t target)
{
	fox_list_each(n, &s->callbacks)
	{
		FoxCallback *cb = fox_container(FoxCallback, node, n);

		if (cb->kind == kind && cb->target == target)
			fox_callback_end(cb);
	}
}

void
fox_callbacks_session_end(FoxSession *s)
{
	fox_list_each(n, &s->callbacks)
		fox_callback_end(fox_container(FoxCallback, node, n));
	fox_mailbox_free(s);
}

/* --- what a session has --- */

/* 0: it has no such thing. */
static uint64_t
target_of(FoxSession *s, FoxCallbackKind kind, FoxSlice uri)
{
	if (kind == FOX_CALLBACK_EVENT)
		fox_list_each(n, &s->members)
		{
			const FoxSubscription *sub = fox_container(FoxMember, in_session, n)->subscription;

			if (sub->kind == FOX_EXACT && !sub->transient && fox_slice_eq(sub->topic, uri))
				return sub->id;
		}
	if (kind == FOX_CALLBACK_INVOCATION)
		fox_list_each(n, &s->callees)
		{
			const FoxRegistration *reg = fox_container(FoxCallee, in_session, n)->registration;

			if (reg->kind == FOX_EXACT && fox_slice_eq(reg->uri, uri))
				return reg->id;
		}
	return kind == FOX_CALLBACK_POLL && s->token != NULL ? s->id : 0;
}

void
fox_ask_callback(FoxRouter *r, uint64_t ask, FoxSlice question)
{
	FoxBuf		scratch = {0};
	FoxBuf		row = {0};
	FoxSlice	uri = fox_json_text(fox_json_get(question, "uri"), &scratch);
	uint64_t	id = 0;
	FoxSession *s;
	const char *kind = "null";

	(void) fox_json_uint(fox_json_get(question, "session"), &id);
	s = fox_idmap_get(&r->sessions, id);
	if (s != NULL && fox_absent(uri))
		kind = target_of(s, FOX_CALLBACK_POLL, uri) != 0 ? "\"poll\"" : "null";
	else if (s != NULL)
		/* Who has both means the one that can answer. */
		kind = target_of(s, FOX_CALLBACK_INVOCATION, uri) != 0 ? "\"invocation\"" :
			target_of(s, FOX_CALLBACK_EVENT, uri) != 0 ? "\"event\"" : "null";
	fox_buf_str(&row, "{\"kind\":");
	fox_buf_str(&row, kind);
	fox_buf_char(&row, '}');
	r->ports.answer(r->ports.ctx, ask, row.failed ? FOX_LIT("{}") : fox_buf_view(&row), true);
	fox_buf_free(&row);
	fox_buf_free(&scratch);
}

/* --- rows --- */

static FoxCallbackKind
kind_of(FoxSlice text)
{
	if (fox_slice_is(text, "\"event\""))
		return FOX_CALLBACK_EVENT;
	if (fox_slice_is(text, "\"invocation\""))
		return FOX_CALLBACK_INVOCATION;
	return fox_slice_is(text, "\"poll\"") ? FOX_CALLBACK_POLL : FOX_CALLBACK_URL;
}

static FoxCallback *
callback_new(FoxRouter *r, FoxRealm *realm, uint64_t id, FoxSlice row)
{
	static const char *const names[4] = {"uri", "interface", "owner", "token"};
	FoxBuf		scratch[4] = {{0}};
	FoxSlice	text[4];
	size_t		size = sizeof(FoxCallback) + 1;
	FoxCallback *cb;
	char	   *at;

	for (int i = 0; i < 4; i++)
	{
		text[i] = fox_json_text(fox_json_get(row, names[i]), &scratch[i]);
		size += text[i].len;
	}
	cb = calloc(1, size);
	if (cb != NULL)
	{
		at = cb->block;
		*cb = (FoxCallback) {.router = r, .realm = realm, .id = id, .kind = kind_of(fox_json_get(row, "kind"))};
		fox_list_init(&cb->node);
		cb->uri = fox_slice_keep(&at, text[0]);
		cb->interface = fox_slice_keep(&at, text[1]);
		cb->owner = fox_slice_keep(&at, text[2]);
		cb->token = fox_slice_keep(&at, text[3]);
		if (!fox_idmap_put(&r->callbacks, id, cb) || !fox_map_put(&r->callbacks_by_token, cb->token, cb))
		{
			callback_free(cb);
			cb = NULL;
		}
	}
	for (int i = 0; i < 4; i++)
		fox_buf_free(&scratch[i]);
	if (cb == NULL)
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a callback hears nothing");
	return cb;
}

/* One that belongs to nobody any more ends at once. */
static void
settle(FoxCallback *cb, FoxSlice row)
{
	FoxRouter  *r = cb->router;
	uint64_t	session = 0;

	if (cb->kind == FOX_CALLBACK_URL)
		return;
	(void) fox_json_uint(fox_json_get(row, "session"), &session);
	cb->session = fox_idmap_get(&r->sessions, session);
	if (cb->session != NULL && !cb->session->leaving)
		cb->target = target_of(cb->session, cb->kind, cb->uri);
	if (cb->target != 0)
		fox_list_push(&cb->session->callbacks, &cb->node);
	else
		fox_callback_end(cb);
}

FoxCallback *
fox_callback_of(FoxRouter *r, uint64_t id, FoxSlice realm_name, FoxSlice row)
{
	FoxCallback *cb = fox_idmap_get(&r->callbacks, id);
	FoxRealm   *realm = fox_realm_find(r, realm_name);

	if (cb == NULL && realm != NULL && fox_json_kind(row) == FOX_JSON_OBJECT && (cb = callback_new(r, realm, id, row)) != NULL)
		settle(cb, row);
	return cb != NULL && !cb->ending ? cb : NULL;
}

/* args = [{"id":n,"session":n,"kind":text,"uri":text,"interface":text,"owner":text,"token":text}]; of a URL, what handler.c wants as well */
void
fox_callback_change(FoxRouter *r, const FoxChange *c)
{
	FoxSlice	row = FOX_ABSENT;
	FoxCallback *cb;
	uint64_t	id;
	size_t		pos = 0;

	if (fox_absent(c->args) || !fox_json_element(c->args, &pos, &row) || !fox_json_uint(fox_json_get(row, "id"), &id))
		return;
	if (kind_of(fox_json_get(row, "kind")) == FOX_CALLBACK_URL)
		fox_handler_change(r, c);
	if (!c->deleted)
		(void) fox_callback_of(r, id, c->realm, row);
	else if ((cb = fox_idmap_get(&r->callbacks, id)) != NULL && cb->inquiry == NULL)
		callback_free(cb);
}

/* topic = id */
void
fox_callback_over(FoxRouter *r, const FoxChange *c)
{
	uint64_t	id;
	FoxCallback *cb = fox_json_uint(c->topic, &id) ? fox_callback_find(r, id) : NULL;

	if (cb != NULL)
		fox_callback_end(cb);
}

void
fox_callbacks_free(FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&r->callbacks, &pos)) != NULL)
	{
		callback_free(slot->value);
		pos = 0;
	}
	fox_map_free(&r->callbacks);
	fox_map_free(&r->callbacks_by_token);
}

/* --- the client's own word --- */

static const char *
release(FoxMetaCall *c)
{
	FoxCallback *cb;
	uint64_t	id;

	if (!fox_meta_id(c, 0, "callback", &id))
		return FOX_ERR_INVALID_ARGUMENT;
	cb = fox_callback_find(c->realm->router, id);
	/* The id of a URL's is known to who receives there. */
	if (cb == NULL || cb->realm != c->realm || (cb->session != c->session && cb->kind != FOX_CALLBACK_URL))
	{
		fox_buf_str(&c->out, "false");
		return NULL;
	}
	fox_callback_end(cb);
	fox_buf_str(&c->out, "true");
	return NULL;
}

const FoxMetaProcedure fox_callback_procedures[] = {
	{"fox_wamp.callback.release", release, false},
	{NULL, NULL, false}
};
