/*
 * delivery_queue.c - statements on the queue of one durable handler (see delivery_queue.h).
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/memutils.h"

#include "pg/delivery_queue.h"
#include "pg/sqlarg.h"

#define PAGE_TEXT CppAsString2(FOX_QUEUE_PAGE)

int
fox_queue_page(const char *handler, StringInfo left_alone, MemoryContext memory, FoxQueued items[FOX_QUEUE_PAGE])
{
	static void *plan = NULL;
	const char *values[2] = {handler, psprintf("{%s}", left_alone->data)};
	int			n;

	n = (int) fox_spi(&plan,
					  "SELECT d.id, d.topic FROM fox_wamp.delivery d"
					  " WHERE d.handler = $1::int8 AND NOT d.dead AND d.topic <> ALL ($2::text[])"
					  " AND NOT EXISTS (SELECT FROM fox_wamp.delivery f WHERE f.handler = d.handler AND f.topic = d.topic"
					  " AND NOT f.dead AND f.attempts > 0 AND f.next_try > clock_timestamp() AND f.id <= d.id)"
					  " ORDER BY d.id LIMIT " PAGE_TEXT, 2, values);
	for (int i = 0; i < n; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;

		items[i].id = MemoryContextStrdup(memory, SPI_getvalue(row, desc, 1));
		items[i].topic = MemoryContextStrdup(memory, SPI_getvalue(row, desc, 2));
	}
	return n;
}

void
fox_queue_leave(StringInfo left_alone, const char *topic)
{
	if (left_alone->len > 0)
		appendStringInfoChar(left_alone, ',');
	appendStringInfoChar(left_alone, '"');
	for (const char *p = topic; *p != '\0'; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfoChar(left_alone, '\\');
		appendStringInfoChar(left_alone, *p);
	}
	appendStringInfoChar(left_alone, '"');
}

FoxQueueOutcome
fox_queue_note_failure(const char *id, const char *error, int status)
{
	static void *plan = NULL;
	const char *values[3] = {id, error, status == 0 ? NULL : psprintf("%d", status)};

	if (fox_spi(&plan,
				"UPDATE fox_wamp.delivery d SET attempts = d.attempts + 1, last_error = $2, last_status = $3::int4,"
				" dead = d.attempts + 1 >= h.max_attempts,"
				" next_try = clock_timestamp() + least(h.retry_delay * power(2, least(d.attempts, 30)), interval '1 hour')"
				" FROM fox_wamp.receiver h WHERE h.id = d.handler AND d.id = $1::int8 RETURNING d.dead, d.topic, h.name", 3, values) == 0)
		return FOX_QUEUE_GONE;
	if (strcmp(fox_spi_value(1), "t") != 0)
		return FOX_QUEUE_FAILED;
	ereport(WARNING,
			(errmsg("fox_wamp: the handler %s has failed too often for an event of \"%s\": %s", fox_spi_value(3), fox_spi_value(2), error),
			 errhint("SELECT fox_wamp.retry_delivery(%s);", id)));
	return FOX_QUEUE_DEAD;
}

int64
fox_queue_next_ms(const char *handler)
{
	static void *plan = NULL;
	char	   *text;

	fox_spi(&plan,
			"SELECT coalesce(greatest(ceil(extract(epoch FROM min(f.next_try) - clock_timestamp()) * 1000), 1), -1)::int8"
			" FROM fox_wamp.delivery f WHERE f.handler = $1::int8 AND NOT f.dead AND f.attempts > 0", 1, &handler);
	text = fox_spi_value(1);
	return text != NULL ? (int64) strtoll(text, NULL, 10) : -1;
}

void
fox_queue_clear(const char *handler)
{
	static void *plan = NULL;

	fox_spi(&plan, "DELETE FROM fox_wamp.delivery d WHERE d.handler = $1::int8"
			" AND NOT EXISTS (SELECT FROM fox_wamp.receiver h WHERE h.id = d.handler)", 1, &handler);
}
