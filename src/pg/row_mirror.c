/*
 * row_mirror.c - a table's rows as retained values (see row_mirror.h).
 *
 * As with publish(), the rows of fox_wamp.retained are written as their owner, whoever has
 * changed the table, and the trigger there hands them to the router.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"

#include "pg/change.h"
#include "pg/row_mirror.h"
#include "pg/sqlarg.h"

#define OF_TOPIC " WHERE realm OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $2"

static void
run(void **plan, const char *sql, int n, const char *const *values)
{
	FoxAsOwner	saved = fox_as_owner();

	SPI_connect();
	PG_TRY();
	{
		fox_change_context(&(FoxChangeContext){.pid = MyProcPid, .own_audience = true});
		fox_spi(plan, sql, n, values);
	}
	PG_FINALLY();
	{
		/* A savepoint may catch the error: what comes after is not this row. */
		fox_change_context(NULL);
	}
	PG_END_TRY();
	SPI_finish();
	fox_as_caller(saved);
}

void
fox_mirror_put(const char *realm, const char *topic, const char *args, const char *audience)
{
	static void *plan = NULL;
	const char *values[4] = {realm, topic, args, audience};

	run(&plan,
		"INSERT INTO fox_wamp.retained (realm, topic, args, audience) VALUES ($1, $2, $3::pg_catalog.jsonb, $4::pg_catalog.jsonb)"
		" ON CONFLICT (realm, topic) DO UPDATE SET args = EXCLUDED.args, kwargs = NULL, payload = NULL, format = NULL,"
		" expires = NULL, audience = EXCLUDED.audience", 4, values);
}

void
fox_mirror_delete(const char *realm, const char *topic)
{
	static void *plan = NULL;
	const char *values[2] = {realm, topic};

	run(&plan, "DELETE FROM fox_wamp.retained" OF_TOPIC, 2, values);
}

void
fox_mirror_clear(const char *realm, const char *regex)
{
	static void *plan = NULL;
	const char *values[2] = {realm, regex};

	run(&plan,
		"DELETE FROM fox_wamp.retained WHERE realm OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.~) $2",
		2, values);
}
