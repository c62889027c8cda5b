/*
 * routine_result.c - what a function returns becomes JSON, row by row as it is produced.
 *
 * Numbers keep their digits, NaN and infinities are strings, json is taken as it is, jsonb without spaces, and
 * a bytea that is the whole value is WAMP's binary in JSON.  All else is to_json()'s.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/base64.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/guc.h"
#include "pg/routine.h"

typedef struct Receiver
{
	DestReceiver pub;
	const FoxRoutine *f;
	StringInfo	out;
	int			rows;
	FoxRoutineBinary binary;
	FoxRoutineRow row;			/* NULL: rows are joined */
	void	   *ctx;
	MemoryContext memory;		/* of a set's rows, reset for each; else the call's */
} Receiver;

static void
append_number(StringInfo out, const char *digits)
{
	bool		odd = digits[strspn(digits, "-0123456789.eE+")] != '\0';	/* NaN, Infinity */

	appendStringInfoString(out, odd ? "\"" : "");
	appendStringInfoString(out, digits);
	appendStringInfoString(out, odd ? "\"" : "");
}

static void
append_bytes(StringInfo out, bytea *bytes, FoxRoutineBinary binary)
{
	int			n = (int) VARSIZE_ANY_EXHDR(bytes);
	int			room = pg_b64_enc_len(n);
	int			len;

	if (binary == FOX_BINARY_HEX)
	{
		appendStringInfoString(out, "\"\\\\x");
		enlargeStringInfo(out, 2 * n + 2);
		out->len += (int) hex_encode(VARDATA_ANY(bytes), n, out->data + out->len);
		appendStringInfoChar(out, '"');
		return;
	}
	appendStringInfoString(out, "\"\\u0000");
	enlargeStringInfo(out, room + 2);
	len = pg_b64_encode(VARDATA_ANY(bytes), n, out->data + out->len, room);
	if (len < 0)
		elog(ERROR, "base64 needs more room");
	out->len += len;
	out->data[out->len] = '\0';
	appendStringInfoChar(out, '"');
}

/* The server writes a space behind each comma and colon; nobody asked for it. */
static void
append_jsonb(StringInfo out, Jsonb *json)
{
	char	   *to;
	bool		quoted = false;
	int			from = out->len;

	(void) JsonbToCString(out, &json->root, VARSIZE(json));
	to = out->data + from;
	for (const char *p = to; *p != '\0'; p++)
	{
		if (*p == '"')
			quoted = !quoted;
		if (quoted && *p == '\\')
			*to++ = *p++;
		if (quoted || *p != ' ')
			*to++ = *p;
	}
	*to = '\0';
	out->len = (int) (to - out->data);
}

static void
append_json(StringInfo out, const FoxRoutine *f, Datum value, bool isnull, FoxRoutineBinary binary)
{
	FmgrInfo   *output = unconstify(FmgrInfo *, &f->output);

	if (isnull || f->kind == FOX_RESULT_VOID)
	{
		appendStringInfoString(out, "null");
		return;
	}
	switch (f->base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
			append_number(out, OutputFunctionCall(output, value));
			break;
		case TEXTOID:
		case VARCHAROID:
			escape_json(out, OutputFunctionCall(output, value));
			break;
		case JSONOID:
			appendStringInfoString(out, OutputFunctionCall(output, value));
			break;
		case JSONBOID:
			append_jsonb(out, DatumGetJsonbP(value));
			break;
		case BYTEAOID:
			append_bytes(out, DatumGetByteaPP(value), binary);
			break;
		default:
			appendStringInfoString(out, text_to_cstring(DatumGetTextPP(FunctionCall1(output, value))));
	}
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	Receiver   *r = (Receiver *) self;
	MemoryContext saved = MemoryContextSwitchTo(r->memory);
	Datum		value;
	bool		isnull;

	value = slot_getattr(slot, 1, &isnull);
	if (r->row != NULL)
	{
		resetStringInfo(r->out);
		append_json(r->out, r->f, value, isnull, r->binary);
		r->row(r->ctx, r->out->data, r->out->len);
	}
	else
	{
		if (r->rows > 0)
			appendStringInfoChar(r->out, ',');
		append_json(r->out, r->f, value, isnull, r->binary);
	}
	r->rows++;
	if (r->out->len > (int64) fox_guc_max_message_size * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the result is longer than fox_wamp.max_message_size")));
	MemoryContextSwitchTo(saved);
	if (r->f->set)
		MemoryContextReset(r->memory);
	return true;
}

static void
begin(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
end(DestReceiver *self)
{
}

static ParamListInfo
parameters(const FoxRoutine *f, const FoxRoutineValues *values)
{
	ParamListInfo list = makeParamList(f->nargs);

	for (int i = 0; i < f->nargs; i++)
	{
		list->params[i].value = values->values[i];
		list->params[i].isnull = values->nulls[i];
		list->params[i].pflags = PARAM_FLAG_CONST;
		list->params[i].ptype = f->args[i].type;
	}
	return list;
}

void
fox_routine_run(FoxRoutine *f, Oid role, const FoxRoutineValues *values, FoxRoutineBinary binary, StringInfo out,
				FoxRoutineRow row, void *ctx)
{
	Receiver	receiver = {
		.pub = {.receiveSlot = receive, .rStartup = begin, .rShutdown = end, .rDestroy = end, .mydest = DestNone},
		.f = f, .binary = binary, .out = out, .row = f->set ? row : NULL, .ctx = ctx
	};
	SPIExecuteOptions options = {.read_only = !f->is_volatile, .dest = (DestReceiver *) &receiver};
	SPIPlanPtr	plan;
	int			result;

	fox_routine_stage = FOX_STAGE_RUN;
	plan = fox_routine_plan(f, role);
	receiver.memory = f->set ? AllocSetContextCreate(CurrentMemoryContext, "fox_wamp row", ALLOCSET_DEFAULT_SIZES) : CurrentMemoryContext;
	if (f->set && row == NULL)
		appendStringInfoChar(out, '[');
	options.params = parameters(f, values);
	result = SPI_execute_plan_extended(plan, &options);
	if (result < 0)
		elog(ERROR, "could not call the function: %s", SPI_result_code_string(result));
	if (f->set && row == NULL)
		appendStringInfoChar(out, ']');
	if (f->kind == FOX_RESULT_VOID || (f->set && row != NULL))
		resetStringInfo(out);
	if (f->set)
		MemoryContextDelete(receiver.memory);
}
