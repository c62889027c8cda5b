/*
 * sqlarg.c - what the SQL functions have in common: arguments, realm, owner.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/jsonb.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "codec/json_sql.h"
#include "core/ports.h"
#include "core/uri.h"
#include "pg/compat.h"
#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/sqlarg.h"

#define TOPIC_LIMIT 2000

static const char *
uri_problem(const char *p, Size length, bool pattern)
{
	Size		begin = 0;

	if (length == 0)
		return "It is empty.";
	if (length > TOPIC_LIMIT)
		return "It is longer than 2000 bytes.";
	for (Size i = 0; i <= length; i++)
	{
		unsigned char c = i < length ? (unsigned char) p[i] : '.';

		if (c == '.')
		{
			if (i == begin)
				return "It has an empty component.";
			begin = i + 1;
		}
		else if (c <= ' ' || c == 0x7f)
			return "It contains white space or a control character.";
		else if (c == '#' || c == '*')
		{
			if (!pattern)
				return "It contains \"#\" or \"*\".";
			if (i != begin || (i + 1 < length && p[i + 1] != '.'))
				return "\"#\" and \"*\" stand for whole components.";
			if (c == '#' && i + 1 < length)
				return "\"#\" can only be the last component.";
		}
	}
	return NULL;
}

const char *
fox_topic_problem(const char *topic, Size length)
{
	return uri_problem(topic, length, false);
}

const char *
fox_pattern_problem(const char *pattern, Size length)
{
	return uri_problem(pattern, length, true);
}

const char *
fox_clip(const char *text)
{
	int			length = strlen(text);

	return length <= 100 ? text : pnstrdup(text, pg_mbcliplen(text, length, 100));
}

void
fox_topic_check(const char *topic)
{
	const char *problem = fox_topic_problem(topic, strlen(topic));

	/* Nobody takes what SQL publishes for the router's word. */
	if (problem == NULL && fox_uri_reserved(fox_cstr(topic)))
		problem = "Topics below wamp. and fox_wamp. are the router's own.";
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid topic \"%s\"", fox_clip(topic)),
				 errdetail_internal("%s", problem),
				 errhint("A topic is a list of components joined by dots, such as \"sensor.kitchen.temperature\".")));
}

char *
fox_arg_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_NARGS() <= n || PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("%s must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static const char *
default_realm(void)
{
	return fox_guc_default_realm[0] != '\0' ? fox_guc_default_realm : "realm1";
}

char *
fox_default_realm(void)
{
	return pstrdup(default_realm());
}

bool
fox_is_default_realm(const char *realm)
{
	return strcmp(realm, default_realm()) == 0;
}

char *
fox_arg_realm(FunctionCallInfo fcinfo, int n)
{
	if (PG_NARGS() > n && !PG_ARGISNULL(n))
		return text_to_cstring(PG_GETARG_TEXT_PP(n));
	return fox_default_realm();
}

int64
fox_interval_ms(const Interval *span)
{
	double		us = (double) span->time + ((double) span->day + (double) span->month * 30) * USECS_PER_DAY;

	return (int64) Max(Min(us / 1000, 1e13), us < 0 ? -1e13 : 0);
}

int64
fox_arg_timeout(FunctionCallInfo fcinfo, int n)
{
	int64		ms;

	if (PG_NARGS() <= n || PG_ARGISNULL(n))
		return -1;
	ms = fox_interval_ms(PG_GETARG_INTERVAL_P(n));
	if (ms < 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("timeout must not be negative")));
	return ms;
}

FoxSlice
fox_arg_json(FunctionCallInfo fcinfo, int n)
{
	Jsonb	   *value;

	if (PG_NARGS() <= n || PG_ARGISNULL(n))
		return FOX_ABSENT;
	value = PG_GETARG_JSONB_P(n);
	return fox_cstr(JsonbToCString(NULL, &value->root, VARSIZE(value)));
}

FoxSlice
fox_args_list(FoxSlice args)
{
	if (fox_absent(args) || fox_json_kind(args) == FOX_JSON_ARRAY)
		return args;
	return fox_cstr(psprintf("[%.*s]", (int) args.len, args.ptr));
}

FoxSlice
fox_kwargs_check(FoxSlice kwargs)
{
	FoxKind		kind;

	if (fox_absent(kwargs))
		return kwargs;
	kind = fox_json_kind(kwargs);
	if (kind == FOX_JSON_NULL)
		return FOX_ABSENT;
	if (kind != FOX_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("kwargs must be a JSON object")));
	return kwargs;
}

char *
fox_jsonb_text(FoxSlice json, bool *changed)
{
	FoxBuf		clean = {0};
	char	   *text;

	if (fox_absent(json))
		return NULL;
	if (!fox_json_for_sql(json, &clean))
		return pnstrdup(json.ptr, json.len);
	if (changed != NULL)
		*changed = true;
	text = clean.failed ? NULL : pnstrdup(clean.data, clean.len);
	fox_buf_free(&clean);
	if (text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return text;
}

bool
fox_jsonb_takes(const char *text)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool takes = false;

	if (text == NULL)
		return true;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		(void) DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
		ReleaseCurrentSubTransaction();
		takes = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(memory);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	return takes;
}

void
fox_append_member(StringInfo out, const char *name, FoxSlice json)
{
	if (!fox_absent(json))
		appendStringInfo(out, ",\"%s\":%.*s", name, (int) json.len, json.ptr);
}

void
fox_message_check(Size bytes)
{
	if (bytes > (Size) fox_guc_max_message_size * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("message of %zu bytes is too large", bytes),
				 errhint("Raise fox_wamp.max_message_size.")));
}

uint64
fox_draw_id(void)
{
	return FOX_PUBLICATION_OF_DATABASE(FOX_RANDOM64());
}

void
fox_refuse_in_recovery(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot publish during recovery"),
				 errhint("Connect to the primary server.")));
}

FoxAsOwner
fox_as_owner(void)
{
	FoxAsOwner	saved;
	Oid			schema = get_namespace_oid("fox_wamp", false);
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	GetUserIdAndSecContext(&saved.user, &saved.context);
	SetUserIdAndSecContext(owner, saved.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	return saved;
}

void
fox_as_caller(FoxAsOwner saved)
{
	SetUserIdAndSecContext(saved.user, saved.context);
}

uint64
fox_spi(void **plan, const char *sql, int nargs, const char *const *values)
{
	Datum		datums[10];
	char		nulls[10];
	int			result;

	Assert(nargs <= 10);
	if (*plan == NULL)
	{
		Oid			types[10];
		SPIPlanPtr	made;

		for (int i = 0; i < nargs; i++)
			types[i] = TEXTOID;
		made = SPI_prepare(sql, nargs, types);
		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
		*plan = made;
	}
	for (int i = 0; i < nargs; i++)
	{
		nulls[i] = values[i] == NULL ? 'n' : ' ';
		datums[i] = values[i] == NULL ? (Datum) 0 : CStringGetTextDatum(values[i]);
	}
	result = SPI_execute_plan((SPIPlanPtr) *plan, datums, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(result));
	return SPI_processed;
}

/* After an ERROR the transaction's end, or that of its part, restores what is set here. */
uint64
fox_spi_own(void **plan, const char *sql, int nargs, const char *const *values)
{
	FoxAsOwner	saved = fox_as_owner();
	bool		read_only = XactReadOnly;
	uint64		n;

	XactReadOnly = false;
	n = fox_spi(plan, sql, nargs, values);
	XactReadOnly = read_only;
	fox_as_caller(saved);
	return n;
}

char *
fox_spi_value(int n)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, n);
}

/*
 * The realm that was found last.  The trigger on fox_wamp.realm invalidates the table
 * in every relation cache, which is transactional: other backends hear of it when the
 * change has committed, our own at once and again when it is rolled back.
 */
static char known_realm[NAMEDATALEN] = "";
static Oid	realm_table = InvalidOid;

static void
forget_realm(Datum arg pg_attribute_unused(), Oid relation)
{
	if (relation == realm_table || !OidIsValid(relation))
		known_realm[0] = '\0';
}

void
fox_realm_check(const char *realm)
{
	static void *plan = NULL;
	FoxAsOwner	saved;
	uint64		found;

	if (known_realm[0] != '\0' && strcmp(known_realm, realm) == 0)
		return;
	if (!OidIsValid(realm_table))
		CacheRegisterRelcacheCallback(forget_realm, (Datum) 0);
	realm_table = get_relname_relid("realm", get_namespace_oid("fox_wamp", false));
	saved = fox_as_owner();
	SPI_connect();
	found = fox_spi(&plan, "SELECT 1 FROM fox_wamp.realm WHERE name OPERATOR(pg_catalog.=) $1", 1, &realm);
	SPI_finish();
	fox_as_caller(saved);
	if (found == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_NO_SUCH_REALM),
				 errmsg("realm \"%s\" does not exist", realm),
				 errhint("SELECT fox_wamp.create_realm(%s);", quote_literal_cstr(realm))));
	if (strlen(realm) < sizeof(known_realm))
		strcpy(known_realm, realm);
}
