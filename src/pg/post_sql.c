/*
 * post_sql.c - statements of the executor of POST requests (see post_sql.h).
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/memutils.h"

#include "pg/post_sql.h"
#include "pg/sqlarg.h"
#include "pg/store_sql.h"

static char *
text_in(MemoryContext memory, int column)
{
	char	   *text = fox_spi_value(column);

	return text != NULL ? MemoryContextStrdup(memory, text) : NULL;
}

int
fox_post_page(const char *handler, StringInfo left_alone, MemoryContext memory, FoxQueued items[FOX_QUEUE_PAGE], int *concurrency)
{
	static void *plan = NULL;
	int			n = 0;

	fox_store_begin();
	if (fox_spi(&plan, "SELECT t.concurrency FROM fox_wamp.post_target t WHERE t.id = $1::int8", 1, &handler) > 0)
	{
		*concurrency = atoi(fox_spi_value(1));
		n = fox_queue_page(handler, left_alone, memory, items);
	}
	else
		fox_queue_clear(handler);
	fox_store_commit();
	return n;
}

bool
fox_post_item(const char *id, MemoryContext memory, FoxPostItem *item)
{
	static void *plan = NULL;
	bool		found;

	fox_store_begin();
	found = fox_spi(&plan,
					"SELECT t.url, t.secret, t.headers::text, fox_wamp.post_body(d), d.attempts + 1,"
					" ceil(extract(epoch FROM t.timeout) * 1000)::int8"
					" FROM fox_wamp.delivery d JOIN fox_wamp.post_target t ON t.id = d.handler WHERE d.id = $1::int8 AND NOT d.dead",
					1, &id) > 0;
	if (found)
		*item = (FoxPostItem) {
			.url = text_in(memory, 1), .secret = text_in(memory, 2), .headers = text_in(memory, 3), .body = text_in(memory, 4),
			.attempt = text_in(memory, 5), .timeout_ms = strtol(fox_spi_value(6), NULL, 10)
		};
	fox_store_commit();
	return found;
}

/* Out of the queue and, of a webhook, into the log. */
static void
finish(const FoxPostOutcome *o)
{
	static void *plan = NULL;
	static void *end_plan = NULL;
	const char *values[3] = {o->id, psprintf("%d", o->status), psprintf(UINT64_FORMAT, o->took_ms)};

	if (o->gone)
		fox_spi(&end_plan, "DELETE FROM fox_wamp.webhook w USING fox_wamp.delivery d WHERE d.id = $1::int8 AND w.id = d.handler", 1, values);
	fox_spi(&plan,
			"WITH sent AS (DELETE FROM fox_wamp.delivery d WHERE d.id = $1::int8 RETURNING d.*)"
			" INSERT INTO fox_wamp.webhook_log (delivery, webhook, topic, publication, attempts, status, took)"
			" SELECT s.id, s.handler, s.topic, s.publication, s.attempts + 1, $2::int4, $3::int8 * interval '1 ms'"
			" FROM sent s JOIN fox_wamp.webhook w ON w.id = s.handler"
			" ON CONFLICT (delivery) DO UPDATE SET attempts = EXCLUDED.attempts, status = EXCLUDED.status, took = EXCLUDED.took, at = EXCLUDED.at",
			3, values);
}

FoxQueueOutcome
fox_post_note(const FoxPostOutcome *o)
{
	FoxQueueOutcome outcome = FOX_QUEUE_DONE;

	fox_store_begin();
	if (o->error != NULL)
		outcome = fox_queue_note_failure(o->id, o->error, o->status);
	else
		finish(o);
	fox_store_commit();
	return outcome;
}

int64
fox_post_next_ms(const char *handler)
{
	int64		ms;

	fox_store_begin();
	ms = fox_queue_next_ms(handler);
	fox_store_commit();
	return ms;
}

void
fox_post_upkeep(void)
{
	static void *plan = NULL;

	fox_store_begin();
	fox_spi(&plan, "DELETE FROM fox_wamp.webhook_log l WHERE l.at < now() - interval '1 day'", 0, NULL);
	fox_store_commit();
}
