/*
 * delivery_sql.c - events of clients on their way to the queues of durable handlers (see delivery_sql.h).
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/memutils.h"

#include "pg/delivery_sql.h"
#include "pg/mqtt_sql.h"
#include "pg/sqlarg.h"
#include "pg/store_sql.h"

#define PORTION 1000			/* rows, then their memory is given back */

static void
write_delivery(const FoxDelivery *d, bool careful)
{
	static void *plan = NULL;
	const char *values[8] = {
		psprintf(UINT64_FORMAT, d->handler), psprintf(UINT64_FORMAT, d->publication), psprintf("%u", d->hops),
		pnstrdup(d->topic.ptr, d->topic.len), fox_jsonb_text(d->args, NULL), fox_jsonb_text(d->kwargs, NULL),
		fox_jsonb_text(d->details, NULL), NULL
	};

	if (careful && !(fox_jsonb_takes(values[4]) && fox_jsonb_takes(values[5])))
	{
		values[4] = values[5] = NULL;
		values[7] = "22023: the event's arguments are nothing that jsonb takes";
	}
	fox_spi(&plan,
			"INSERT INTO fox_wamp.delivery (handler, publication, hops, topic, args, kwargs, details, last_error, dead)"
			" SELECT h.id, $2::int8, $3::int2, $4, $5::jsonb, $6::jsonb, $7::jsonb, $8, $8 IS NOT NULL"
			" FROM fox_wamp.receiver h WHERE h.id = $1::int8", 8, values);
}

void
fox_delivery_write(FoxWire *rows, bool careful)
{
	MemoryContext portion;
	MemoryContext saved;
	int			n = 0;

	fox_store_begin();
	portion = AllocSetContextCreate(CurrentMemoryContext, "fox_wamp deliveries", ALLOCSET_DEFAULT_SIZES);
	saved = MemoryContextSwitchTo(portion);
	while (fox_wire_more(rows))
	{
		FoxDelivery d;
		FoxMqttRow	row;

		if (fox_wire_is_mqtt(rows))
		{
			fox_wire_mqtt(rows, &row);
			if (!rows->bad)
				fox_mqtt_row_write(&row);
		}
		else
		{
			fox_wire_delivery(rows, &d);
			if (!rows->bad)
				write_delivery(&d, careful);
		}
		if (rows->bad)
			break;
		if (++n % PORTION == 0)
			MemoryContextReset(portion);
	}
	MemoryContextSwitchTo(saved);
	fox_store_commit();
}

void
fox_delivery_clear(void)
{
	static void *plan = NULL;

	fox_store_begin();
	fox_spi(&plan, "DELETE FROM fox_wamp.delivery d"
			" WHERE NOT EXISTS (SELECT FROM fox_wamp.receiver h WHERE h.id = d.handler)", 0, NULL);
	fox_store_commit();
}

void
fox_delivery_owners(void)
{
	static void *plan = NULL;

	fox_store_begin();
	/* The table's trigger writes the owner. */
	fox_spi(&plan, "UPDATE fox_wamp.handler h SET owner = '' FROM pg_proc p"
			" WHERE p.oid = to_regprocedure(h.function) AND pg_get_userbyid(p.proowner) <> h.owner", 0, NULL);
	fox_store_commit();
}
