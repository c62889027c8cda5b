/*
 * store_plan.c - the prepared statements of the writer.
 *
 * Made at first use and kept for the life of the executor, for parsing and planning
 * cost more than the write.  The executor's search_path is pg_catalog.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "pg/store_plan.h"

#define MAX_PARAMS 8

#define LOCK_ROWS \
	" FROM fox_wamp.retained r JOIN unnest($1, $2) AS k(realm, topic)" \
	" ON r.realm = k.realm AND r.topic = k.topic ORDER BY r.realm, r.topic FOR UPDATE OF r"
#define VALUES "SELECT r.realm, r.topic, r.args::text, r.kwargs::text, r.payload, r.format"

typedef struct Statement
{
	const char *sql;
	int			nargs;
	Oid			types[MAX_PARAMS];
	SPIPlanPtr	plan;
} Statement;

static Statement statements[FOX_N_PLANS] = {
	[FOX_PLAN_LOCK] = {"SELECT r.realm, r.topic" LOCK_ROWS " SKIP LOCKED", 2, {TEXTARRAYOID, TEXTARRAYOID}},
	[FOX_PLAN_LOCK_VALUES] = {VALUES LOCK_ROWS " SKIP LOCKED", 2, {TEXTARRAYOID, TEXTARRAYOID}},
	[FOX_PLAN_LOCK_PATIENT] = {VALUES LOCK_ROWS, 2, {TEXTARRAYOID, TEXTARRAYOID}},
	[FOX_PLAN_EXISTS] = {
		"SELECT r.realm, r.topic FROM fox_wamp.retained r JOIN unnest($1, $2) AS k(realm, topic)"
		" ON r.realm = k.realm AND r.topic = k.topic", 2, {TEXTARRAYOID, TEXTARRAYOID}},
	[FOX_PLAN_OWNER] = {
		"SELECT l.owner, r.publication FROM fox_wamp.lock l JOIN fox_wamp.retained r"
		" ON r.realm = l.realm AND r.topic = l.topic WHERE l.realm = $1 AND l.topic = $2", 2, {TEXTOID, TEXTOID}},
	[FOX_PLAN_INSERT] = {
		"INSERT INTO fox_wamp.retained (realm, topic, args, kwargs, payload, format, expires, audience)"
		" VALUES ($1, $2, $3, $4, $5, $8, $6, $7)"
		" ON CONFLICT (realm, topic) DO NOTHING",
		8, {TEXTOID, TEXTOID, JSONBOID, JSONBOID, BYTEAOID, TIMESTAMPTZOID, JSONBOID, TEXTOID}},
	[FOX_PLAN_UPDATE] = {
		"UPDATE fox_wamp.retained SET args = $3, kwargs = $4, payload = $5,"
		" format = $8, expires = $6, audience = $7"
		" WHERE realm = $1 AND topic = $2",
		8, {TEXTOID, TEXTOID, JSONBOID, JSONBOID, BYTEAOID, TIMESTAMPTZOID, JSONBOID, TEXTOID}},
	[FOX_PLAN_DELETE] = {"DELETE FROM fox_wamp.retained WHERE realm = $1 AND topic = $2", 2, {TEXTOID, TEXTOID}},
	[FOX_PLAN_DISOWN] = {
		"UPDATE fox_wamp.retained SET owned = false WHERE realm = $1 AND topic = $2", 2, {TEXTOID, TEXTOID}},
	[FOX_PLAN_BACKEND] = {
		"SELECT a.backend_start FROM pg_stat_get_activity($1) AS a WHERE a.pid = $1", 1, {INT4OID}},
	[FOX_PLAN_WILL] = {
		"INSERT INTO fox_wamp.lock (realm, topic, owner, boot_id, pid, backend_start, will, will_on)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (realm, topic) DO UPDATE SET owner = EXCLUDED.owner, boot_id = EXCLUDED.boot_id,"
		" pid = EXCLUDED.pid, backend_start = EXCLUDED.backend_start, will = EXCLUDED.will,"
		" will_on = EXCLUDED.will_on, since = now()",
		8, {TEXTOID, TEXTOID, INT8OID, INT8OID, INT4OID, TIMESTAMPTZOID, JSONBOID, TEXTOID}},
	/* The row that is there is returned, so that the statement says which message it is of. */
	[FOX_PLAN_RECEIVED] = {
		"INSERT INTO fox_wamp.mqtt_received AS m (session, packet, publication, topic, message, expires, stored)"
		" VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())"
		" ON CONFLICT (session, packet) DO UPDATE SET packet = m.packet RETURNING m.xmax = 0, m.publication",
		6, {INT8OID, INT8OID, INT8OID, TEXTOID, BYTEAOID, TIMESTAMPTZOID}},
};

void
fox_plan_run(FoxPlan which, Datum *values, const char *nulls)
{
	Statement  *s = &statements[which];
	int			result;

	if (s->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(s->sql, s->nargs, s->types);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		if (SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_keepplan failed");
		s->plan = plan;
	}
	result = SPI_execute_plan(s->plan, values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
}
