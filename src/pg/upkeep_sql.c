/*
 * upkeep_sql.c - what an executor writes besides retained values.
 *
 * Expired values go by DELETE like anybody's, so their events come from the table's
 * trigger.  A NOTIFY carries less than 8,000 bytes: what is longer is stored and the
 * NOTIFY names the row.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/sqlarg.h"
#include "pg/store_sql.h"
#include "pg/upkeep_sql.h"

#define EXPIRE_PORTION 1000
#define NOTIFY_LIMIT 7900

bool
fox_upkeep_expire(void)
{
	static void *expire = NULL;
	static void *forget = NULL;
	static void *cookies = NULL;
	static void *addresses = NULL;
	uint64		n;

	fox_store_begin();
	n = fox_spi(&expire,
				"DELETE FROM fox_wamp.retained r USING"
				" (SELECT realm, topic FROM fox_wamp.retained WHERE expires <= now() ORDER BY expires"
				"  LIMIT " CppAsString2(EXPIRE_PORTION) " FOR UPDATE SKIP LOCKED) AS d"
				" WHERE r.realm = d.realm AND r.topic = d.topic", 0, NULL);
	fox_spi(&forget, "DELETE FROM fox_wamp.notify_payload WHERE at < now() - interval '1 hour'", 0, NULL);
	fox_spi(&cookies, "DELETE FROM fox_wamp.auth_cookie WHERE expires <= now() OR replaced <= now() - interval '1 hour'", 0, NULL);
	fox_spi(&addresses, "DELETE FROM fox_wamp.service_address WHERE expires_at <= now()", 0, NULL);
	fox_store_commit();
	return n >= EXPIRE_PORTION;
}

static char *
text_of(FoxSlice s)
{
	return fox_absent(s) ? NULL : pnstrdup(s.ptr, s.len);
}

void
fox_upkeep_registration(FoxWire *rows)
{
	static void *put = NULL;
	static void *delete = NULL;

	fox_store_begin();
	while (fox_wire_more(rows))
	{
		const char *values[6];
		uint64		callees;

		values[0] = text_of(fox_wire_slice(rows));
		values[1] = psprintf(UINT64_FORMAT, fox_wire_u64(rows));
		values[2] = text_of(fox_wire_slice(rows));
		values[3] = text_of(fox_wire_slice(rows));
		values[4] = text_of(fox_wire_slice(rows));
		callees = fox_wire_u64(rows);
		values[5] = psprintf(UINT64_FORMAT, callees);
		if (rows->bad)
			break;
		if (callees == 0)
			fox_spi(&delete, "DELETE FROM fox_wamp.registration WHERE realm = $1 AND id = $2::int8", 2, values);
		else
			fox_spi(&put,
					"INSERT INTO fox_wamp.registration (realm, id, uri, match, invoke, callees)"
					" VALUES ($1, $2::int8, $3, $4, $5, $6::int8)"
					" ON CONFLICT (realm, id) DO UPDATE SET uri = EXCLUDED.uri, match = EXCLUDED.match,"
					" invoke = EXCLUDED.invoke, callees = EXCLUDED.callees", 6, values);
	}
	fox_store_commit();
}

/* The payload itself, or what names the row that holds it. */
static const char *
notify_payload(char *payload)
{
	static void *plan = NULL;
	const char *values[2];

	if (strlen(payload) < NOTIFY_LIMIT)
		return payload;
	values[0] = psprintf(UINT64_FORMAT, fox_draw_id());
	values[1] = payload;
	fox_spi(&plan, "INSERT INTO fox_wamp.notify_payload (id, payload) VALUES ($1::int8, $2)", 2, values);
	return psprintf("{\"fox_wamp_payload\":%s}", values[0]);
}

void
fox_upkeep_notify(FoxWire *rows)
{
	fox_store_begin();
	while (fox_wire_more(rows))
	{
		char	   *channel = text_of(fox_wire_slice(rows));
		char	   *payload = text_of(fox_wire_slice(rows));

		if (rows->bad || channel == NULL || payload == NULL)
			break;
		if (channel[0] == '\0' || strlen(channel) >= NAMEDATALEN)
		{
			ereport(WARNING,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("fox_wamp.bridge names channel \"%s\", whose length no NOTIFY allows", fox_clip(channel))));
			continue;
		}
		Async_Notify(channel, notify_payload(payload));
	}
	fox_store_commit();
}
