/*
 * ask_view.c - views of what the router has in memory, answered at once, row by row (see ask.h).
 */
#include "codec/json.h"
#include "core/ask.h"
#include "core/catalog.h"
#include "core/denial.h"
#include "core/handler.h"
#include "core/meta.h"

#include "base/pure.h"

static uint64_t
age_ms(FoxRouter *r, uint64_t since_us)
{
	return (fox_router_now(r) - since_us) / 1000;
}

static void
answer_sessions(FoxRouter *r, uint64_t ask)
{
	FoxBuf		row = {0};
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&r->sessions, &pos)) != NULL)
	{
		FoxSession *s = slot->value;

		if (s->passing)
			continue;
		fox_buf_char(&row, '{');
		fox_meta_put_text(&row, "realm", s->realm->name);
		fox_meta_put_number(&row, "id", s->id);
		fox_meta_put_text(&row, "authid", s->authid);
		fox_meta_put_text(&row, "authrole", s->authrole);
		fox_meta_put_text(&row, "authmethod", s->authmethod);
		fox_meta_put_text(&row, "peer", s->peer);
		fox_meta_put_text(&row, "transport", s->transport != NULL ? fox_cstr(s->transport) : FOX_LIT(""));
		fox_meta_put_text(&row, "protocol", s->protocol);
		if (!fox_absent(s->client_id))
			fox_meta_put_text(&row, "client_id", s->client_id);
		fox_buf_str(&row, s->ops->reachable == NULL || s->ops->reachable(s) ? ",\"connected\":true" : ",\"connected\":false");
		fox_meta_put_number(&row, "age_ms", age_ms(r, s->joined_us));
		fox_buf_char(&row, '}');
		fox_ask_answer_row(r, ask, &row, false);
	}
	fox_buf_free(&row);
	r->ports.answer(r->ports.ctx, ask, FOX_ABSENT, true);
}

static void
answer_subscriptions(FoxRouter *r, uint64_t ask)
{
	FoxBuf		row = {0};
	size_t		at = 0;
	FoxMapSlot *realm_slot;

	while ((realm_slot = fox_map_next(&r->realms, &at)) != NULL)
	{
		FoxRealm   *realm = realm_slot->value;
		size_t		pos = 0;
		FoxMapSlot *slot;

		while ((slot = fox_map_next(&realm->subscriptions_by_id, &pos)) != NULL)
		{
			FoxSubscription *sub = slot->value;

			fox_buf_char(&row, '{');
			fox_meta_put_text(&row, "realm", realm->name);
			fox_meta_put_number(&row, "id", sub->id);
			fox_meta_put_text(&row, "topic", sub->topic);
			fox_meta_put_text(&row, "match", fox_cstr(fox_match_name(sub->kind)));
			fox_meta_put_number(&row, "subscribers", sub->count);
			fox_meta_put_number(&row, "age_ms", age_ms(r, sub->created_us));
			if (!fox_absent(sub->filter))
			{
				fox_meta_name(&row, "filter");
				fox_buf_slice(&row, sub->filter);
			}
			fox_buf_char(&row, '}');
			fox_ask_answer_row(r, ask, &row, false);
		}
	}
	fox_buf_free(&row);
	r->ports.answer(r->ports.ctx, ask, FOX_ABSENT, true);
}

static void
answer_waiters(FoxRouter *r, uint64_t ask)
{
	FoxBuf		row = {0};
	size_t		at = 0;
	FoxMapSlot *realm_slot;

	while ((realm_slot = fox_map_next(&r->realms, &at)) != NULL)
	{
		FoxRealm   *realm = realm_slot->value;
		size_t		pos = 0;
		FoxMapSlot *slot;

		while ((slot = fox_map_next(&realm->queues, &pos)) != NULL)
		{
			FoxQueue   *q = slot->value;

			fox_list_each(n, &q->waiters)
			{
				FoxPending *w = fox_container(FoxPending, in_order, n);

				fox_buf_char(&row, '{');
				fox_meta_put_text(&row, "realm", realm->name);
				fox_meta_put_text(&row, "topic", q->topic);
				fox_meta_put_number(&row, "session", w->session_id);
				fox_meta_put_number(&row, "age_ms", age_ms(r, w->since_us));
				fox_meta_name(&row, "condition");
				fox_buf_slice(&row, w->p.when);
				fox_buf_char(&row, '}');
				fox_ask_answer_row(r, ask, &row, false);
			}
		}
	}
	fox_buf_free(&row);
	r->ports.answer(r->ports.ctx, ask, FOX_ABSENT, true);
}

typedef struct StatRows
{
	FoxRouter  *router;
	uint64_t	ask;
	FoxBuf		row;
} StatRows;

static void
put_stat(void *arg, const char *name, uint64_t value)
{
	StatRows   *rows = arg;

	fox_buf_char(&rows->row, '{');
	fox_meta_put_text(&rows->row, "name", fox_cstr(name));
	fox_meta_put_number(&rows->row, "value", value);
	fox_buf_char(&rows->row, '}');
	fox_ask_answer_row(rows->router, rows->ask, &rows->row, false);
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
	StatRows	rows = {r, ask, {0}};

	for (size_t i = 0; i < sizeof(stats) / sizeof(stats[0]); i++)
		put_stat(&rows, stats[i].name, stats[i].value);
	r->ports.stats(r->ports.ctx, put_stat, &rows);
	fox_buf_free(&rows.row);
	r->ports.answer(r->ports.ctx, ask, FOX_ABSENT, true);
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
