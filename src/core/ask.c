/*
 * ask.c - questions that SQL backends put to the router (pg/ask.h).
 *
 * Views are answered at once, row by row (ask_view.c).  lock, unlock and wait_for are requests of
 * a session of the backend's own, so that they obey the very rules that hold for
 * everybody else; the ask's id is the request id.
 */
#include <stdlib.h>

#include "codec/json.h"
#include "codec/json_out.h"
#include "core/ask.h"
#include "core/callback.h"
#include "core/permission.h"

#include "base/pure.h"

/* --- answering --- */

void
fox_ask_answer_row(FoxRouter *r, uint64_t ask, FoxBuf *row, bool last)
{
	r->ports.answer(r->ports.ctx, ask, row->failed ? FOX_LIT("{}") : fox_buf_view(row), last);
	fox_buf_reset(row);
}

static void
answer_text(FoxRouter *r, uint64_t ask, const char *text)
{
	r->ports.answer(r->ports.ctx, ask, fox_cstr(text), true);
}

void
fox_ask_answer_error(FoxRouter *r, uint64_t ask, FoxSlice uri, FoxSlice text)
{
	FoxBuf		row = {0};

	fox_buf_str(&row, "{\"error\":");
	fox_buf_json_str(&row, uri);
	fox_buf_str(&row, ",\"message\":");
	fox_buf_json_str(&row, fox_absent(text) ? uri : text);
	fox_buf_char(&row, '}');
	fox_ask_answer_row(r, ask, &row, true);
	fox_buf_free(&row);
}

/* --- sessions of backends --- */

/* Marks the request id of a lock, whose failure to get it is an answer and no error. */
#define LOCK_REQUEST ((uint64_t) 1 << 62)

static void
sql_done(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	FoxBuf		row = {0};

	if (what != FOX_REQ_PUBLISH)
		return;
	fox_buf_str(&row, "{\"ok\":true");
	fox_json_put_number(&row, "publication", id);
	fox_buf_char(&row, '}');
	fox_ask_answer_row(s->realm->router, request & ~LOCK_REQUEST, &row, true);
	fox_buf_free(&row);
}

static void
sql_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxRouter  *r = s->realm->router;

	(void) what;
	if ((request & LOCK_REQUEST) != 0 &&
		(fox_slice_is(why->uri, FOX_ERR_INVALID_PAYLOAD) || fox_slice_is(why->uri, FOX_ERR_TIMEOUT)))
		answer_text(r, request & ~LOCK_REQUEST, "{\"ok\":false}");
	else
		fox_ask_answer_error(r, request & ~LOCK_REQUEST, why->uri, why->text);
}

/* A router that ends takes nothing from a backend, which lives on: the rows say so to the next one. */
static void
sql_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	(void) message;
	if (strcmp(reason, FOX_CLOSE_SYSTEM) != 0)
		return;
	fox_list_each(n, &s->owned)
		fox_will_drop(fox_container(FoxOwned, in_session, n)->value);
}

static void
sql_unsubscribed(FoxSession *s, uint64_t subscription, const char *reason)
{
	(void) s, (void) subscription, (void) reason;
}

static void
wait_event(FoxSession *s, const FoxSubscription *sub, FoxEvent *e)
{
	FoxAsker   *a = s->data;
	const FoxPayload *json;
	FoxBuf		row = {0};

	(void) sub;
	if (a->done || (json = fox_event_json(e)) == NULL)
		return;
	fox_buf_char(&row, '{');
	fox_json_put_member(&row, "topic", e->topic);
	fox_json_put_number(&row, "publication", e->publication);
	if (!fox_absent(json->args))
	{
		fox_buf_str(&row, ",\"args\":");
		fox_buf_slice(&row, json->args);
	}
	if (!fox_absent(json->kwargs))
	{
		fox_buf_str(&row, ",\"kwargs\":");
		fox_buf_slice(&row, json->kwargs);
	}
	fox_buf_char(&row, '}');
	fox_ask_answer_row(a->router, a->ask, &row, true);
	fox_buf_free(&row);
	a->done = true;				/* delivery is under way: it is taken down by the next turn */
}

static void
wait_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxAsker   *a = s->data;

	sql_failed(s, what, request, why);
	a->done = true;
}

/* What the asker may hear no longer. */
static void
wait_unsubscribed(FoxSession *s, uint64_t subscription, const char *reason)
{
	FoxAsker   *a = s->data;

	(void) subscription;
	if (!a->done)
		fox_ask_answer_error(a->router, a->ask, fox_cstr(reason), FOX_ABSENT);
	a->done = true;
}

static void
wait_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxAsker   *a = s->data;

	(void) message;
	if (!a->done)
		fox_ask_answer_error(a->router, a->ask, fox_cstr(reason), FOX_ABSENT);
	a->done = true;
	a->session = NULL;
}

static const FoxSessionOps sql_ops = {
	.done = sql_done, .failed = sql_failed, .unsubscribed = sql_unsubscribed, .ended = sql_ended
};

static const FoxSessionOps wait_ops = {
	.event = wait_event, .done = sql_done, .failed = wait_failed,
	.unsubscribed = wait_unsubscribed, .ended = wait_ended
};

const FoxSessionInfo fox_sql_info = {
	.authid = FOX_LIT("sql"), .authrole = FOX_LIT("sql"), .authmethod = FOX_LIT("sql"),
	.peer = FOX_LIT("backend"), .protocol = FOX_LIT("sql")
};

FoxSession *
fox_backend_session(FoxRouter *r, FoxSlice realm, int32_t pid, const char **reason)
{
	FoxSession *s = fox_idmap_get(&r->backends, (uint64_t) pid);

	if (s != NULL && fox_slice_eq(s->realm->name, realm))
		return s;
	if (s != NULL)
	{
		*reason = FOX_ERR_INVALID_ARGUMENT;
		if (!fox_list_empty(&s->owned) || !fox_list_empty(&s->pendings))
			return NULL;
		fox_session_leave(s, FOX_END_GOODBYE);	/* it holds nothing there any more */
	}
	s = fox_session_join(r, realm, &fox_sql_info, &sql_ops, NULL, reason);
	if (s == NULL)
		return NULL;
	s->pid = pid;
	if (!fox_idmap_put(&r->backends, (uint64_t) pid, s))
	{
		s->pid = 0;
		fox_session_leave(s, FOX_END_LOST);
		*reason = FOX_ERR_UNAVAILABLE;
		return NULL;
	}
	return s;
}

/* The same, with the failure as the answer. */
static FoxSession *
backend_session(FoxRouter *r, uint64_t ask, FoxSlice realm, int pid)
{
	const char *reason;
	FoxSession *s = fox_backend_session(r, realm, pid, &reason);

	if (s == NULL)
		fox_ask_answer_error(r, ask, fox_cstr(reason), strcmp(reason, FOX_ERR_INVALID_ARGUMENT) == 0 ?
					 FOX_LIT("this backend holds locks in another realm") : FOX_ABSENT);
	return s;
}

static FoxSlice
text_of(FoxSlice question, const char *name, FoxBuf *scratch)
{
	FoxSlice	value = fox_json_get(question, name);

	return fox_absent(value) ? FOX_ABSENT : fox_json_text(value, scratch);
}

static uint64_t
number_of(FoxSlice question, const char *name)
{
	FoxSlice	value = fox_json_get(question, name);
	uint64_t	n = 0;

	return !fox_absent(value) && fox_json_uint(value, &n) ? n : 0;
}

/* {"realm","topic","value","wait","timeout_ms"}: the mutex recipe, as a publish of the backend's session. */
static void
ask_lock(FoxRouter *r, uint64_t ask, FoxSlice q, FoxSlice realm, FoxSlice topic, int pid)
{
	FoxSession *s = backend_session(r, ask, realm, pid);
	FoxSlice	value = fox_json_get(q, "value");
	FoxBuf		options = {0};
	FoxBuf		args = {0};

	if (s == NULL)
		return;
	fox_buf_str(&options, "{\"acknowledge\":true,\"retain\":true,\"when\":null,\"will\":null,\"will_on\":\"end\"");
	if (fox_json_is_true(fox_json_get(q, "wait")))
	{
		fox_buf_str(&options, ",\"watch\":true,\"timeout\":");
		fox_buf_u64(&options, number_of(q, "timeout_ms"));
	}
	fox_buf_char(&options, '}');
	fox_buf_char(&args, '[');
	fox_buf_slice(&args, fox_absent(value) || fox_json_kind(value) == FOX_JSON_NULL ? FOX_LIT("true") : value);
	fox_buf_char(&args, ']');
	if (options.failed || args.failed)
		fox_ask_answer_error(r, ask, fox_cstr(FOX_ERR_UNAVAILABLE), FOX_ABSENT);
	else
		fox_session_publish(s, ask | LOCK_REQUEST, fox_buf_view(&options), topic, fox_buf_view(&args), FOX_ABSENT);
	fox_buf_free(&options);
	fox_buf_free(&args);
}

/* {"realm","topic","args","kwargs","options","timeout_ms"}: a publish that waits for its condition. */
static void
ask_publish(FoxRouter *r, uint64_t ask, FoxSlice q, FoxSlice realm, FoxSlice topic, int pid)
{
	FoxSession *s = backend_session(r, ask, realm, pid);
	FoxSlice	given = fox_json_get(q, "options");
	FoxSlice	args = fox_json_get(q, "args");
	FoxSlice	kwargs = fox_json_get(q, "kwargs");
	FoxBuf		options = {0};
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (s == NULL)
		return;
	fox_buf_char(&options, '{');
	while (fox_json_member(given, &pos, &key, &value))
	{
		if (fox_json_key_is(key, "acknowledge") || fox_json_key_is(key, "timeout"))
			continue;
		fox_buf_char(&options, '"');
		fox_buf_slice(&options, key);
		fox_buf_str(&options, "\":");
		fox_buf_slice(&options, value);
		fox_buf_char(&options, ',');
	}
	fox_buf_str(&options, "\"acknowledge\":true,\"timeout\":");
	fox_buf_u64(&options, number_of(q, "timeout_ms"));
	fox_buf_char(&options, '}');
	if (options.failed)
		fox_ask_answer_error(r, ask, fox_cstr(FOX_ERR_UNAVAILABLE), FOX_ABSENT);
	else
		fox_session_publish(s, ask, fox_buf_view(&options), topic,
							fox_json_kind(args) == FOX_JSON_ARRAY ? args : FOX_ABSENT,
							fox_json_kind(kwargs) == FOX_JSON_OBJECT ? kwargs : FOX_ABSENT);
	fox_buf_free(&options);
}

static void
ask_unlock(FoxRouter *r, uint64_t ask, FoxSlice realm, FoxSlice topic, int pid)
{
	FoxSession *s = fox_idmap_get(&r->backends, (uint64_t) pid);
	FoxRealm   *where = fox_realm_find(r, realm);
	FoxValue   *v = where ? fox_retained_get(where, topic) : NULL;

	if (s == NULL || v == NULL || v->owned == NULL || v->owned->session != s)
		answer_text(r, ask, "{\"ok\":false}");
	else
		fox_session_publish(s, ask | LOCK_REQUEST, FOX_LIT("{\"acknowledge\":true,\"retain\":true}"), topic,
							FOX_ABSENT, FOX_ABSENT);
}

/* --- questions that wait --- */

FoxAsker *
fox_asker_new(FoxRouter *r, uint64_t ask)
{
	FoxAsker   *a = calloc(1, sizeof(*a));

	if (a == NULL)
	{
		fox_ask_answer_error(r, ask, fox_cstr(FOX_ERR_UNAVAILABLE), FOX_ABSENT);
		return NULL;
	}
	a->router = r;
	a->ask = ask;
	fox_list_push(&r->asks, &a->node);
	return a;
}

void
fox_asker_free(FoxAsker *a)
{
	fox_timer_clear(&a->router->timers, &a->timer);
	if (a->session != NULL)
		fox_session_leave(a->session, FOX_END_GOODBYE);
	fox_list_del(&a->node);
	free(a);
}

static void
wait_timeout(void *ctx, FoxTimer *timer)
{
	FoxAsker   *a = fox_container(FoxAsker, timer, timer);

	if (!a->done)
		fox_ask_answer_error(ctx, a->ask, fox_cstr(FOX_ERR_TIMEOUT), FOX_LIT("no event came in time"));
	fox_asker_free(a);
}

static void
ask_wait_for(FoxRouter *r, uint64_t ask, FoxSlice q, FoxSlice realm, FoxSlice pattern)
{
	FoxAsker   *a = fox_asker_new(r, ask);
	uint64_t	timeout = number_of(q, "timeout_ms");
	FoxSessionInfo info = fox_sql_info;
	FoxBuf		role_buf = {0};
	const char *reason;

	if (a == NULL)
		return;
	info.role = text_of(q, "role", &role_buf);
	info.subscription_revocation = true;
	a->session = fox_session_join(r, realm, &info, &wait_ops, a, &reason);
	fox_buf_free(&role_buf);
	if (a->session == NULL)
	{
		fox_ask_answer_error(r, ask, fox_cstr(reason), FOX_ABSENT);
		fox_asker_free(a);
		return;
	}
	a->session->exempt = false;	/* it hears what its role may subscribe to */
	fox_session_subscribe(a->session, ask, FOX_LIT("{}"), pattern);
	if (timeout > 0)
		fox_timer_set(&r->timers, &a->timer, fox_router_now(r) + timeout * 1000, wait_timeout);
}

static void
ask_sync(FoxRouter *r, uint64_t ask)
{
	FoxAsker   *a = fox_asker_new(r, ask);

	if (a == NULL)
		return;
	a->is_sync = true;
	a->reviews = r->reviews_wanted;
	a->ticket = r->next_ticket;
	a->past = r->past_sent;
	a->deliveries = r->deliveries_sent;
	a->sights = r->sights_taken;
	a->roles = r->roles_wanted;
	fox_permissions_settle(r);
	fox_ask_progress(r);
}

static bool
settled(FoxRouter *r, uint64_t ticket)
{
	return fox_list_empty(&r->unsettled) ||
		fox_container(FoxPending, in_unsettled, r->unsettled.next)->ticket > ticket;
}

void
fox_ask_progress(FoxRouter *r)
{
	fox_list_each(n, &r->asks)
	{
		FoxAsker   *a = fox_container(FoxAsker, node, n);

		if (a->is_sync && settled(r, a->ticket) && r->past_written >= a->past &&
			r->deliveries_written >= a->deliveries && r->sights_done >= a->sights && r->roles_read >= a->roles &&
			r->reviews_done >= a->reviews)
		{
			answer_text(r, a->ask, "{\"ok\":true}");
			fox_asker_free(a);
		}
		else if (a->done)
			fox_asker_free(a);
	}
}

static void
ask_kill(FoxRouter *r, uint64_t ask, FoxSlice q)
{
	FoxSession *s = fox_idmap_get(&r->sessions, number_of(q, "session"));
	FoxBuf		scratch = {0};
	FoxSlice	reason = text_of(q, "reason", &scratch);
	char	   *uri = !fox_absent(reason) && fox_uri_valid(reason, false) ? fox_strdup(reason) : NULL;

	/* A reason that is a URI is the GOODBYE's; any other text is its message. */
	if (s != NULL)
		fox_session_kill(s, uri ? uri : FOX_CLOSE_KILLED, uri ? FOX_ABSENT : reason);
	answer_text(r, ask, s != NULL ? "{\"ok\":true}" : "{\"ok\":false}");
	free(uri);
	fox_buf_free(&scratch);
}

/* {"realm","client_id","forget"}: the connection of an MQTT client ends, or all of its session. */
static void
ask_kill_client(FoxRouter *r, uint64_t ask, FoxSlice q, FoxSlice realm_name)
{
	FoxRealm   *realm = fox_realm_find(r, realm_name);
	FoxBuf		scratch = {0};
	FoxSlice	client_id = text_of(q, "client_id", &scratch);
	bool		forget = fox_json_is_true(fox_json_get(q, "forget"));
	bool		done = false;

	if (realm != NULL && !fox_absent(client_id))
		fox_list_each(n, &realm->sessions)
		{
			FoxSession *s = fox_container(FoxSession, in_realm, n);

			if (fox_absent(s->client_id) || !fox_slice_eq(s->client_id, client_id))
				continue;
			if (forget || s->ops->disconnect == NULL)
			{
				fox_session_kill(s, FOX_CLOSE_KILLED, FOX_ABSENT);
				done = true;
			}
			else
				done |= s->ops->disconnect(s, FOX_CLOSE_KILLED);
			break;
		}
	answer_text(r, ask, done ? "{\"ok\":true}" : "{\"ok\":false}");
	fox_buf_free(&scratch);
}

/* The asker has gone: what it waited for is given up. */
static void
withdrawn(FoxRouter *r, uint64_t ask, int pid)
{
	FoxSession *s = fox_idmap_get(&r->backends, (uint64_t) pid);

	if (s != NULL)
	{
		fox_sync_withdraw(s, ask);
		fox_sync_withdraw(s, ask | LOCK_REQUEST);
	}
	fox_list_each(n, &r->asks)
	{
		FoxAsker   *a = fox_container(FoxAsker, node, n);

		if (a->ask == ask)
		{
			fox_asker_free(a);
			return;
		}
	}
}

static void
ask_of_topic(FoxRouter *r, uint64_t ask, FoxSlice q, FoxSlice name, FoxSlice realm, FoxSlice topic, int pid)
{
	if (fox_absent(realm) || fox_absent(topic))
		fox_ask_answer_error(r, ask, fox_cstr(FOX_ERR_INVALID_ARGUMENT), FOX_LIT("unknown question, or realm or topic is missing"));
	else if (fox_slice_is(name, "lock"))
		ask_lock(r, ask, q, realm, topic, pid);
	else if (fox_slice_is(name, "publish"))
		ask_publish(r, ask, q, realm, topic, pid);
	else if (fox_slice_is(name, "unlock"))
		ask_unlock(r, ask, realm, topic, pid);
	else if (fox_slice_is(name, "call"))
		fox_ask_call(r, ask, q, realm, topic, pid);
	else if (fox_slice_is(name, "wait_for"))
		ask_wait_for(r, ask, q, realm, topic);
	else
		fox_ask_answer_error(r, ask, fox_cstr(FOX_ERR_INVALID_ARGUMENT), FOX_LIT("unknown question"));
}

void
fox_router_ask(FoxRouter *r, uint64_t ask, FoxSlice q, int pid)
{
	FoxBuf		name_buf = {0};
	FoxBuf		realm_buf = {0};
	FoxBuf		topic_buf = {0};
	FoxSlice	name;
	FoxSlice	realm;
	FoxSlice	topic;
	FoxSession *s;

	if (fox_absent(q))
	{
		withdrawn(r, ask, pid);
		return;
	}
	if (!fox_json_valid(q, NULL) || fox_json_kind(q) != FOX_JSON_OBJECT)
	{
		fox_ask_answer_error(r, ask, fox_cstr(FOX_ERR_INVALID_ARGUMENT), FOX_LIT("a question must be a JSON object"));
		return;
	}
	name = text_of(q, "ask", &name_buf);
	realm = text_of(q, "realm", &realm_buf);
	topic = text_of(q, fox_slice_is(name, "wait_for") ? "pattern" : "topic", &topic_buf);

	if (fox_slice_is(name, "callback"))
		fox_ask_callback(r, ask, q);
	else if (fox_slice_is(name, "callback_call"))
		fox_ask_callback_call(r, ask, q, pid);
	else if (fox_slice_is(name, "sync"))
		ask_sync(r, ask);
	else if (fox_slice_is(name, "kill"))
		ask_kill(r, ask, q);
	else if (fox_slice_is(name, "kill_client"))
		ask_kill_client(r, ask, q, realm);
	else if (fox_slice_is(name, "backend_end"))
	{
		if ((s = fox_idmap_get(&r->backends, (uint64_t) pid)) != NULL)
			fox_session_leave(s, FOX_END_LOST);
		answer_text(r, ask, "{\"ok\":true}");
	}
	else if (!fox_ask_view(r, ask, name))
		ask_of_topic(r, ask, q, name, realm, topic, pid);
	fox_buf_free(&name_buf);
	fox_buf_free(&realm_buf);
	fox_buf_free(&topic_buf);
}

void
fox_asks_free(FoxRouter *r)
{
	while (!fox_list_empty(&r->asks))
		fox_asker_free(fox_container(FoxAsker, node, r->asks.next));
}
