/*
 * service_audit.c - calls of services that are to be known later: rows of fox_wamp.service_call (see service_exec.h).
 *
 * A call that succeeds is noted in its own transaction, so that what it has done is there exactly if its row is.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/service_exec.h"
#include "pg/sqlarg.h"

/* By to_jsonb(), as the caller: types may have functions of their own for that. */
char *
fox_audit_input(FoxRoutine *f, const FoxRoutineValues *values)
{
	MemoryContext memory = CurrentMemoryContext;
	StringInfoData sql;
	Oid			types[FUNC_MAX_ARGS];
	char		nulls[FUNC_MAX_ARGS];
	char	   *input;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT pg_catalog.jsonb_build_object(");
	for (int i = 0; i < f->nargs; i++)
	{
		const char *name = f->args[i].name[0] != '\0' ? f->args[i].name : psprintf("$%d", i + 1);

		types[i] = f->args[i].type;
		nulls[i] = values->nulls[i] ? 'n' : ' ';
		appendStringInfo(&sql, "%s%s, $%d", i > 0 ? ", " : "", quote_literal_cstr(name), i + 1);
	}
	appendStringInfoChar(&sql, ')');
	SPI_connect();
	if (SPI_execute_with_args(sql.data, f->nargs, types, unconstify(FoxRoutineValues *, values)->values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not note the arguments of a call");
	input = MemoryContextStrdup(memory, fox_spi_value(1));
	SPI_finish();
	return input;
}

static char *
text_of(FoxSlice s)
{
	return pnstrdup(s.ptr, s.len);
}

void
fox_audit_note(const FoxServiceCall *call, const char *output, const char *error)
{
	static void *plan = NULL;
	const FoxCaller *caller = call->caller;
	const char *values[10] = {
		psprintf(INT64_FORMAT, GetCurrentTimestamp() - call->since), text_of(caller->procedure), call->named, call->input,
		output != NULL ? fox_jsonb_text(fox_cstr(output), NULL) : NULL, error, psprintf(UINT64_FORMAT, caller->session),
		text_of(caller->authid), text_of(caller->authrole), call->peer
	};

	SPI_connect();
	(void) fox_spi_own(&plan, "INSERT INTO fox_wamp.service_call (at, microseconds, procedure, instance, input, output, error, session, authid, authrole, peer)"
						   " VALUES (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => $1::pg_catalog.float8 OPERATOR(pg_catalog./) 1e6),"
						   " $1::pg_catalog.int8, $2, $3, $4::pg_catalog.jsonb, $5::pg_catalog.jsonb, $6, $7::pg_catalog.int8, $8, $9, $10)", 10, values);
	SPI_finish();
}
