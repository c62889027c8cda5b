/*
 * history_sql.c - the event history as an executor reads and writes it.
 *
 * What is kept is decided in the router (core/history.c): an event that comes is a
 * row, one that it lets go is a row less.  Events of realms without a policy can only
 * be left over, and go at the start.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "pg/history_sql.h"
#include "pg/portions.h"
#include "pg/sqlarg.h"
#include "pg/store_sql.h"

#define PORTION 1000			/* rows, then their memory is given back */

/* --- loading --- */

static void
load_event(void *ctx, HeapTuple row, TupleDesc desc)
{
	const FoxBootSink *sink = ctx;
	FoxChange	change = {.kind = FOX_CHANGE_PAST, .silent = true};
	bool		isnull;
	Datum		payload = SPI_getbinval(row, desc, 5, &isnull);

	change.realm = fox_cstr(SPI_getvalue(row, desc, 1));
	change.topic = fox_cstr(SPI_getvalue(row, desc, 2));
	fox_store_value(SPI_getvalue(row, desc, 3), SPI_getvalue(row, desc, 4), isnull ? NULL : DatumGetByteaPP(payload),
					SPI_getvalue(row, desc, 6), &change.args, &change.kwargs, &change.original);
	change.publication = (uint64) DatumGetInt64(SPI_getbinval(row, desc, 7, &isnull));
	change.options = fox_cstr(SPI_getvalue(row, desc, 8));
	sink->row(&change);
}

void
fox_past_load(const FoxBootSink *sink)
{
	static void *left_over = NULL;

	fox_spi(&left_over, "DELETE FROM fox_wamp.event_history h"
			" WHERE NOT EXISTS (SELECT FROM fox_wamp.history p WHERE p.realm = h.realm)", 0, NULL);
	fox_read_portions("SELECT realm, topic, args::text, kwargs::text, payload, format, publication,"
					  " json_strip_nulls(json_build_object('position', position,"
					  " 'at', (extract(epoch FROM at) * 1000000)::int8,"
					  " 'session', session, 'authid', authid, 'authrole', authrole))::text"
					  " FROM fox_wamp.event_history ORDER BY realm, position",
					  load_event, unconstify(FoxBootSink *, sink));
}

/* --- writing --- */

static char *
text_of(FoxSlice s)
{
	return fox_absent(s) ? NULL : pnstrdup(s.ptr, s.len);
}

/* The array [args, kwargs] in hexadecimal, as bytea reads it. */
static char *
payload_hex(FoxSlice args, FoxSlice kwargs)
{
	StringInfoData s;
	char	   *hex;

	initStringInfo(&s);
	appendStringInfoChar(&s, '[');
	appendBinaryStringInfo(&s, fox_absent(args) ? "null" : args.ptr, fox_absent(args) ? 4 : (int) args.len);
	appendStringInfoChar(&s, ',');
	appendBinaryStringInfo(&s, fox_absent(kwargs) ? "null" : kwargs.ptr, fox_absent(kwargs) ? 4 : (int) kwargs.len);
	appendStringInfoChar(&s, ']');
	hex = palloc((Size) s.len * 2 + 1);
	hex[hex_encode(s.data, s.len, hex)] = '\0';
	return hex;
}

/* [authid, authrole]: one argument for two columns. */
static char *
auth_json(const FoxPastRow *row)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoChar(&s, '[');
	escape_json(&s, fox_absent(row->authid) ? "" : text_of(row->authid));
	appendStringInfoChar(&s, ',');
	escape_json(&s, fox_absent(row->authrole) ? "" : text_of(row->authrole));
	appendStringInfoChar(&s, ']');
	return s.data;
}

static void
write_event(const FoxPastRow *row, bool careful)
{
	static void *plan = NULL;
	const char *values[10];
	bool		changed = false;

	values[0] = text_of(row->realm);
	values[1] = psprintf(UINT64_FORMAT, row->position);
	values[2] = psprintf(UINT64_FORMAT, row->publication);
	values[3] = text_of(row->topic);
	values[4] = fox_jsonb_text(row->args, &changed);
	values[5] = fox_jsonb_text(row->kwargs, &changed);
	if (careful && !(fox_jsonb_takes(values[4]) && fox_jsonb_takes(values[5])))
	{
		changed = true;
		values[4] = values[5] = NULL;
	}
	values[6] = !changed ? NULL : payload_hex(row->args, row->kwargs);
	values[7] = row->session == 0 ? NULL : psprintf(UINT64_FORMAT, row->session);
	values[8] = row->session == 0 ? NULL : auth_json(row);
	values[9] = psprintf(INT64_FORMAT, row->at_us);
	fox_spi(&plan,
			"INSERT INTO fox_wamp.event_history (realm, position, publication, topic, args, kwargs, payload, format,"
			" session, authid, authrole, at)"
			" VALUES ($1, $2::int8, $3::int8, $4, $5::jsonb, $6::jsonb, decode($7, 'hex'),"
			" CASE WHEN $7 IS NOT NULL THEN 'json' END, $8::int8, $9::json ->> 0, $9::json ->> 1,"
			" timestamptz 'epoch' + $10::int8 * interval '1 microsecond')"
			" ON CONFLICT DO NOTHING", 10, values);
}

static void
delete_event(const FoxPastRow *row)
{
	static void *plan = NULL;
	const char *values[2];

	values[0] = text_of(row->realm);
	values[1] = psprintf(UINT64_FORMAT, row->position);
	fox_spi(&plan, "DELETE FROM fox_wamp.event_history WHERE realm = $1 AND position = $2::int8", 2, values);
}

void
fox_history_write(FoxWire *rows, bool careful)
{
	MemoryContext portion;
	MemoryContext saved;
	int			n = 0;

	fox_store_begin();
	portion = AllocSetContextCreate(CurrentMemoryContext, "fox_wamp history", ALLOCSET_DEFAULT_SIZES);
	saved = MemoryContextSwitchTo(portion);
	while (fox_wire_more(rows))
	{
		FoxPastRow	row;

		fox_wire_past(rows, &row);
		if (rows->bad)
			break;
		if (row.deleted)
			delete_event(&row);
		else
			write_event(&row, careful);
		if (++n % PORTION == 0)
			MemoryContextReset(portion);
	}
	MemoryContextSwitchTo(saved);
	fox_store_commit();
}
