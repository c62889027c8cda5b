/*
 * ask_view.c - views of what the router has in memory, answered at once, row by row (see ask.h).
 */
#include "codec/json.h"
#include "codec/json_out.h"
#include "core/ask.h"
#include "core/catalog.h"
#include "core/denial.h"
#include "core/handler.h"
#include "core/mqtt_bridge.h"

#include "base/pure.h"

/* Rows on their way to who asks. */
typedef struct Rows
{
	FoxRouter  *router;
	uint64_t	ask;
	FoxBuf		row;
} Rows;

static FoxBuf *
row_begin(Rows *rows)
{
	fox_buf_char(&rows->row, '{');
	return &rows->row;
}

static FoxBuf *
row_begin_in(Rows *rows, const FoxRealm *realm)
{
	FoxBuf	   *row = row_begin(rows);

	fox_json_put_member(row, "realm", realm->name);
	return row;
}

static void
row_end(Rows *rows)
{
	fox_buf_char(&rows->row, '}');
	fox_ask_answer_row(rows->router, rows->ask, &rows->row, false);
}

static void
rows_end(Rows *rows)
{
	fox_buf_free(&rows->row);
	rows->router->ports.answer(rows->router->ports.ctx, rows->ask, FOX_ABSENT, true);
}

static void
put_age(const Rows *rows, FoxBuf *row, uint64_t since_us)
{
	fox_json_put_number(row, "age_ms", (fox_router_now(rows->router) - since_us) / 1000);
}

static void
put_session(Rows *rows, const FoxSession *s)
{
	FoxBuf	   *row = row_begin_in(rows, s->realm);

	fox_json_put_number(row, "id", s->id);
	fox_json_put_member(row, "authid", s->authid);
	fox_json_put_member(row, "authrole", s->authrole);
	fox_json_put_member(row, "authmethod", s->authmethod);
	fox_json_put_member(row, "peer", s->peer);
	fox_json_put_member(row, "transport", s->transport != NULL ? fox_cstr(s->transport) : FOX_LIT(""));
	fox_json_put_member(row, "protocol", s->protocol);
	if (!fox_absent(s->client_id))
		fox_json_put_member(row, "client_id", s->client_id);
	fox_json_put_name(row, "connected");
	fox_buf_str(row, s->ops->reachable == NULL || s->ops->reachable(s) ? "true" : "false");
	put_age(rows, row, s->joined_us);
	row_end(rows);
}

static void
put_subscription(Rows *rows, const FoxRealm *realm, const FoxSubscription *sub)
{
	FoxBuf	   *row = row_begin_in(rows, realm);

	fox_json_put_number(row, "id", sub->id);
	fox_json_put_member(row, "topic", sub->topic);
	fox_json_put_member(row, "match", fox_cstr(fox_match_name(sub->kind)));
	fox_json_put_number(row, "subscribers", sub->count);
	put_age(rows, row, sub->created_us);
	if (!fox_absent(sub->filter))
	{
		fox_json_put_name(row, "filter");
		fox_buf_slice(row, sub->filter);
	}
	row_end(rows);
}

static void
put_waiters(Rows *rows, const FoxRealm *realm, const FoxQueue *q)
{
	fox_list_each(n, &q->waiters)
	{
		const FoxPending *w = fox_container(FoxPending, in_order, n);
		FoxBuf	   *row = row_begin_in(rows, realm);

		fox_json_put_member(row, "topic", q->topic);
		fox_json_put_number(row, "session", w->session_id);
		put_age(rows, row, w->since_us);
		fox_json_put_name(row, "condition");
		fox_buf_slice(row, w->p.when);
		row_end(rows);
	}
}

static void
answer_sessions(FoxRouter *r, uint64_t ask)
{
	Rows		rows = {r, ask, {0}};
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&r->sessions, &pos)) != NULL)
		if (!((const FoxSession *) slot->value)->passing)
			put_session(&rows, slot->value);
	rows_end(&rows);
}

static void
answer_subscriptions(FoxRouter *r, uint64_t ask)
{
	Rows		rows = {r, ask, {0}};
	size_t		at = 0;
	FoxMapSlot *realm;

	while ((realm = fox_map_next(&r->realms, &at)) != NULL)
	{
		size_t		pos = 0;
		FoxMapSlot *slot;

		while ((slot = fox_map_next(&((FoxRealm *) realm->value)->subscriptions_by_id, &pos)) != NULL)
			put_subscription(&rows, realm->value, slot->value);
	}
	rows_end(&rows);
}

static void
answer_waiters(FoxRouter *r, uint64_t ask)
{
	Rows		rows = {r, ask, {0}};
	size_t		at = 0;
	FoxMapSlot *realm;

	while ((realm = fox_map_next(&r->realms, &at)) != NULL)
	{
		size_t		pos = 0;
		FoxMapSlot *slot;

		while ((slot = fox_map_next(&((FoxRealm *) realm->value)->queues, &pos)) != NULL)
			put_waiters(&rows, realm->value, slot->value);
	}
	rows_end(&rows);
}

static void
put_stat(void *arg, const char *name, uint64_t value)
{
	Rows	   *rows = arg;
	FoxBuf	   *row = row_begin(rows);

	fox_json_put_member(row, "name", fox_cstr(name));
	fox_json_put_number(row, "value", value);
	row_end(rows);
}

static void
answer_stats(FoxRouter *r, uint64_t ask)
{
	const struct
	{
		const char *name;
		uint64_t	value;
	}			stats[] = {
		{"sessions", r->sessions.count},
		{"publishes", r->stats.publishes},
		{"events", r->stats.events},
		{"calls", r->stats.calls},
		{"condition_failed", r->stats.condition_failed},
		{"publishes_refused", r->stats.publishes_refused},
		{"writes", r->stats.writes},
		{"writes_refused", r->stats.writes_refused},
		{"writes_in_flight", r->pendings.count},
		{"gaps", r->stats.gaps},
		{"casts_failed", r->stats.casts_failed},
		{"logins_failed", r->stats.logins_failed},
		{"denied", r->stats.denied},
		{"row_events_dropped", r->stats.row_events_dropped},
		{"handler_runs", r->stats.handler_runs},
		{"handler_failures", r->stats.handler_failures},
		{"handler_events_dropped", r->stats.handler_events_dropped},
		{"callbacks", r->callbacks.count},
		{"callback_messages_dropped", r->stats.callback_messages_dropped},
	};
	Rows		rows = {r, ask, {0}};

	for (size_t i = 0; i < sizeof(stats) / sizeof(stats[0]); i++)
		put_stat(&rows, stats[i].name, stats[i].value);
	r->ports.stats(r->ports.ctx, put_stat, &rows);
	rows_end(&rows);
}

bool
fox_ask_view(FoxRouter *r, uint64_t ask, FoxSlice name)
{
	static const struct
	{
		const char *name;
		void		(*answer) (FoxRouter *r, uint64_t ask);
	}			views[] = {
		{"sessions", answer_sessions},
		{"subscriptions", answer_subscriptions},
		{"waiters", answer_waiters},
		{"handlers", fox_handlers_answer},
		{"denials", fox_denials_answer},
		{"mqtt_bridges", fox_mqtt_bridges_answer},
		{"catalog", fox_catalog_answer},
		{"stats", answer_stats},
	};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
		if (fox_slice_is(name, views[i].name))
		{
			views[i].answer(r, ask);
			return true;
		}
	return false;
}
