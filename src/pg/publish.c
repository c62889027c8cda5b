/*
 * publish.c - publish(), publish_now() and wait_for().
 *
 * publish() is part of its transaction.  What is not retained goes into the ring and
 * is delivered at commit; what is retained becomes a row, written and judged now
 * under its row lock, and the table's trigger makes the ring entry.  A publish that
 * may have to wait (watch) cannot hold locks, so the router does it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "codec/match.h"
#include "pg/ask.h"
#include "pg/change.h"
#include "pg/compat.h"
#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/locks.h"
#include "pg/ring.h"
#include "pg/ring_seg.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_publish);
PG_FUNCTION_INFO_V1(fox_wamp_publish_now);
PG_FUNCTION_INFO_V1(fox_wamp_wait_for);

typedef struct Publish
{
	char	   *realm;
	char	   *topic;
	FoxSlice	args;
	FoxSlice	kwargs;
	bool		empty;
	bool		retain;
	bool		watch;
	bool		merge;
	FoxSlice	when;
	FoxSlice	will;
	FoxSlice	will_on;
	double		ttl;
	double		timeout_ms;		/* -1: not given */
	FoxSlice	delivery;		/* the options that the router needs to see */
	char	   *audience;		/* the exclude and eligible lists among them; NULL: none */
	uint64		publication;
} Publish;

typedef enum OptionType
{
	OPTION_BOOL,
	OPTION_ANY,
	OPTION_LIST,
	OPTION_NUMBER,
	OPTION_STRING,
	OPTION_WILL_ON,
	OPTION_QOS,
	OPTION_OBJECT
} OptionType;

/* Kept in step with core/options.c; delivery marks what passes to the router. */
static const struct
{
	const char *name;
	OptionType	type;
	bool		delivery;
}			option_types[] = {
	{"acknowledge", OPTION_BOOL, false},
	{"retain", OPTION_BOOL, false},
	{"watch", OPTION_BOOL, false},
	{"merge", OPTION_BOOL, false},
	{"when", OPTION_ANY, false},
	{"will", OPTION_ANY, true},
	{"will_on", OPTION_WILL_ON, true},
	{"ttl", OPTION_NUMBER, false},
	{"timeout", OPTION_NUMBER, false},
	{"exclude_me", OPTION_BOOL, true},
	{"disclose_me", OPTION_BOOL, true},
	{"exclude", OPTION_LIST, true},
	{"exclude_authid", OPTION_LIST, true},
	{"exclude_authrole", OPTION_LIST, true},
	{"eligible", OPTION_LIST, true},
	{"eligible_authid", OPTION_LIST, true},
	{"eligible_authrole", OPTION_LIST, true},
	{"rkey", OPTION_STRING, true},
	{"qos", OPTION_QOS, true},
	{"mqtt", OPTION_OBJECT, true},
};

static void pg_attribute_noreturn()
bad_option(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
			 errmsg("invalid publish options"),
			 errdetail_internal("%s", detail)));
}

static void
set_option(Publish *p, const char *name, FoxSlice value)
{
	double		number = 0;

	if (strcmp(name, "retain") == 0)
		p->retain = fox_json_is_true(value);
	else if (strcmp(name, "watch") == 0)
		p->watch = fox_json_is_true(value);
	else if (strcmp(name, "merge") == 0)
		p->merge = fox_json_is_true(value);
	else if (strcmp(name, "when") == 0)
		p->when = value;
	else if (strcmp(name, "will") == 0)
		p->will = value;
	else if (strcmp(name, "will_on") == 0)
		p->will_on = value;
	else if (strcmp(name, "ttl") == 0)
	{
		if (!fox_json_double(value, &number) || !(number > 0) || number > 1e10)
			bad_option("\"ttl\" must be a positive number of seconds.");
		p->ttl = number;
	}
	else if (strcmp(name, "timeout") == 0)
	{
		if (!fox_json_double(value, &number) || !(number >= 0) || number > 1e12)
			bad_option("\"timeout\" must be a number of milliseconds.");
		p->timeout_ms = number;
	}
}

static void
read_option(Publish *p, FoxSlice key, FoxSlice value, StringInfo delivery, StringInfo audience)
{
	FoxKind		kind = fox_json_kind(value);

	for (int i = 0; i < (int) lengthof(option_types); i++)
	{
		const char *name = option_types[i].name;

		if (!fox_json_key_is(key, name))
			continue;
		if (option_types[i].type == OPTION_BOOL && kind != FOX_JSON_TRUE && kind != FOX_JSON_FALSE)
			bad_option(psprintf("\"%s\" must be a boolean.", name));
		if (option_types[i].type == OPTION_LIST && kind != FOX_JSON_ARRAY)
			bad_option(psprintf("\"%s\" must be a list.", name));
		if (option_types[i].type == OPTION_STRING && kind != FOX_JSON_STRING)
			bad_option(psprintf("\"%s\" must be a string.", name));
		if (option_types[i].type == OPTION_NUMBER && kind != FOX_JSON_NUMBER)
			bad_option(psprintf("\"%s\" must be a number.", name));
		if (option_types[i].type == OPTION_QOS && !fox_slice_is(value, "0") && !fox_slice_is(value, "1") && !fox_slice_is(value, "2"))
			bad_option("\"qos\" must be 0, 1 or 2.");
		if (option_types[i].type == OPTION_OBJECT && kind != FOX_JSON_OBJECT)
			bad_option(psprintf("\"%s\" must be an object.", name));
		if (option_types[i].type == OPTION_WILL_ON &&
			!fox_slice_is(value, "\"lost\"") && !fox_slice_is(value, "\"end\""))
			bad_option("\"will_on\" must be \"lost\" or \"end\".");
		set_option(p, name, value);
		if (option_types[i].delivery)
			fox_append_member(delivery, name, value);
		if (option_types[i].type == OPTION_LIST)
			fox_append_member(audience, name, value);
		return;
	}
	/* A misspelt "retain" would otherwise be silently not retained. */
	if (key.len > 0 && key.ptr[0] != '_')
		bad_option(psprintf("There is no option \"%.*s\".", (int) Min(key.len, 60), key.ptr));
}

static void
read_options(Publish *p, FoxSlice options)
{
	StringInfoData delivery;
	StringInfoData audience;
	size_t		pos = 0;
	FoxSlice	key;
	FoxSlice	value;

	p->timeout_ms = -1;
	if (fox_absent(options) || fox_json_kind(options) == FOX_JSON_NULL)
		return;
	if (fox_json_kind(options) != FOX_JSON_OBJECT)
		bad_option("They must be a JSON object.");
	initStringInfo(&delivery);
	initStringInfo(&audience);
	while (fox_json_member(options, &pos, &key, &value))
		read_option(p, key, value, &delivery, &audience);
	/* Members begin with their comma. */
	if (delivery.len > 0)
		p->delivery = fox_cstr(psprintf("{%s}", delivery.data + 1));
	if (audience.len > 0)
		p->audience = psprintf("{%s}", audience.data + 1);

	if (!fox_absent(p->will) && !p->retain)
		bad_option("\"will\" needs \"retain\".");
	if (p->watch && fox_absent(p->when))
		bad_option("\"watch\" needs \"when\".");
	if (!fox_absent(p->will_on) && fox_absent(p->will))
		bad_option("\"will_on\" needs \"will\".");
	if (p->merge && !p->retain)
		bad_option("\"merge\" needs \"retain\".");
	if (p->ttl > 0 && !p->retain)
		bad_option("\"ttl\" needs \"retain\".");
	if (!fox_absent(p->when) && !fox_condition_valid(p->when))
		bad_option("\"when\" has an unknown or malformed operator.");
}

/* The arguments that publish() and publish_now() have in common: topic, args, kwargs, options, realm. */
static void
read_publish(FunctionCallInfo fcinfo, Publish *p)
{
	memset(p, 0, sizeof(Publish));
	fox_refuse_in_recovery();
	p->topic = fox_arg_text(fcinfo, 0, "topic");
	fox_topic_check(p->topic);
	p->args = fox_args_list(fox_arg_json(fcinfo, 1));
	p->kwargs = fox_kwargs_check(fox_arg_json(fcinfo, 2));
	read_options(p, fox_arg_json(fcinfo, 3));
	p->realm = fox_arg_realm(fcinfo, 4);
	fox_message_check(p->args.len + p->kwargs.len);
	fox_realm_check(p->realm);
	p->empty = fox_value_empty(p->args, p->kwargs, fox_guc_kwargs_are_headers);
	p->publication = fox_draw_id();
}

static void
publish_event(const Publish *p, FoxChange *change)
{
	memset(change, 0, sizeof(FoxChange));
	change->kind = FOX_CHANGE_EVENT;
	change->publication = p->publication;
	change->pid = MyProcPid;
	change->realm = fox_cstr(p->realm);
	change->topic = fox_cstr(p->topic);
	change->args = p->args;
	change->kwargs = p->kwargs;
	change->options = p->delivery;
}

/* --- conditions --- */

static FoxSlice
column_json(int n)
{
	return fox_cstr(fox_spi_value(n));
}

/* ERROR WF001 unless the condition holds for the stored struct (absent: there is no value). */
static void
judge(const Publish *p, FoxSlice stored)
{
	bool		holds;

	if (fox_absent(p->when))
		return;
	if (fox_json_kind(p->when) == FOX_JSON_NULL)
		holds = fox_absent(stored);
	else
		holds = !fox_absent(stored) && fox_match(p->when, stored) == FOX_MATCH_YES;
	if (!holds)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_CONDITION_FAILED),
				 errmsg("the condition of the publish to \"%s\" does not hold", p->topic),
				 fox_absent(stored) ? errdetail("The topic has no value.") :
				 fox_json_kind(p->when) == FOX_JSON_NULL ? errdetail("The topic has a value.") :
				 errdetail("The stored value does not match.")));
}

/* --- retained --- */

static void
publish_as_event(const Publish *p)
{
	FoxChange	change;

	publish_event(p, &change);
	fox_ring_add(&change);
}

static void
store_will(const Publish *p)
{
	static void *plan = NULL;
	const char *on = fox_slice_is(p->will_on, "\"end\"") ? "end" : "lost";
	const char *values[7] = {
		p->realm, p->topic, psprintf(UINT64_FORMAT, fox_backend_owner()), psprintf("%d", MyProcPid),
		psprintf(INT64_FORMAT, MyStartTimestamp), pnstrdup(p->will.ptr, p->will.len), on
	};

	/* The start goes as microseconds, for a text would lose some or depend on DateStyle. */
	fox_spi(&plan,
			"INSERT INTO fox_wamp.lock (realm, topic, owner, boot_id, pid, backend_start, will, will_on)"
			" VALUES ($1, $2, $3::pg_catalog.int8, NULL, $4::pg_catalog.int4,"
			" '2000-01-01 00:00:00+00'::pg_catalog.timestamptz OPERATOR(pg_catalog.+)"
			" ('1 microsecond'::pg_catalog.interval OPERATOR(pg_catalog.*) $5::pg_catalog.float8),"
			" $6::pg_catalog.jsonb, $7)"
			" ON CONFLICT (realm, topic) DO UPDATE SET owner = EXCLUDED.owner, boot_id = NULL, pid = EXCLUDED.pid,"
			" backend_start = EXCLUDED.backend_start, will = EXCLUDED.will, will_on = EXCLUDED.will_on,"
			" since = pg_catalog.now()",
			7, values);
}

/* The new value as columns: merged into what is stored if that was asked for. */
static void
new_value(const Publish *p, FoxSlice stored, const char **args, const char **kwargs)
{
	FoxBuf		merged = {0};
	bool		failed;

	if (!p->merge)
	{
		*args = fox_absent(p->args) ? NULL : p->args.ptr;
		*kwargs = fox_absent(p->kwargs) ? NULL : pnstrdup(p->kwargs.ptr, p->kwargs.len);
		return;
	}
	fox_json_merge(stored, fox_value_struct(p->args, p->kwargs), &merged);
	failed = merged.failed;
	*args = failed ? NULL : psprintf("[%.*s]", (int) merged.len, merged.data);
	*kwargs = NULL;
	fox_buf_free(&merged);
	if (failed)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
}

/* One attempt under the row lock; false when another transaction made the row in between. */
static bool
store(const Publish *p)
{
	static void *lock_plan = NULL;
	static void *delete_plan = NULL;
	static void *update_plan = NULL;
	static void *insert_plan = NULL;
	const char *key[2] = {p->realm, p->topic};
	const char *row[6] = {p->realm, p->topic, NULL, NULL, NULL, p->audience};
	FoxSlice	stored = FOX_ABSENT;
	bool		exists;

	exists = fox_spi(&lock_plan,
					 "SELECT args::pg_catalog.text, kwargs::pg_catalog.text FROM fox_wamp.retained"
					 " WHERE realm OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $2 FOR UPDATE",
					 2, key) > 0;
	if (exists)
		stored = fox_value_struct(fox_args_list(column_json(1)), column_json(2));
	judge(p, stored);

	if (p->empty && !p->merge)
	{
		if (exists)
			fox_spi(&delete_plan,
					"DELETE FROM fox_wamp.retained"
					" WHERE realm OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $2", 2, key);
		else
			publish_as_event(p);
		return true;
	}
	new_value(p, stored, &row[2], &row[3]);
	if (p->ttl > 0)
		row[4] = psprintf("%.6f seconds", p->ttl);
	if (exists)
		fox_spi(&update_plan,
				"UPDATE fox_wamp.retained SET args = $3::pg_catalog.jsonb, kwargs = $4::pg_catalog.jsonb,"
				" payload = NULL, format = NULL,"
				" expires = pg_catalog.now() OPERATOR(pg_catalog.+) $5::pg_catalog.interval,"
				" audience = $6::pg_catalog.jsonb"
				" WHERE realm OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $2", 6, row);
	else if (fox_spi(&insert_plan,
					 "INSERT INTO fox_wamp.retained (realm, topic, args, kwargs, expires, audience)"
					 " VALUES ($1, $2, $3::pg_catalog.jsonb, $4::pg_catalog.jsonb,"
					 " pg_catalog.now() OPERATOR(pg_catalog.+) $5::pg_catalog.interval, $6::pg_catalog.jsonb)"
					 " ON CONFLICT (realm, topic) DO NOTHING", 6, row) == 0)
		return false;
	if (!fox_absent(p->will))
		store_will(p);
	return true;
}

static void
publish_retained(const Publish *p)
{
	FoxChangeContext context = {0};
	FoxAsOwner	saved;

	context.publication = p->publication;
	context.pid = MyProcPid;
	context.options = p->delivery;
	if (!fox_absent(p->will) && !(p->empty && !p->merge))
	{
		context.owner = fox_backend_owner();
		fox_backend_end_needed();
	}
	saved = fox_as_owner();
	SPI_connect();
	PG_TRY();
	{
		fox_change_context(&context);
		while (!store(p))
			CHECK_FOR_INTERRUPTS();
	}
	PG_FINALLY();
	{
		/* A savepoint may catch the error: what comes after is not this publish. */
		fox_change_context(NULL);
	}
	PG_END_TRY();
	SPI_finish();
	fox_as_caller(saved);
}

/* Without retain a condition is judged all the same; nothing is locked. */
static void
judge_unlocked(const Publish *p)
{
	static void *plan = NULL;
	const char *key[2] = {p->realm, p->topic};
	FoxAsOwner	saved = fox_as_owner();
	FoxSlice	stored = FOX_ABSENT;

	SPI_connect();
	if (fox_spi(&plan,
				"SELECT args::pg_catalog.text, kwargs::pg_catalog.text FROM fox_wamp.retained"
				" WHERE realm OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $2", 2, key) > 0)
		stored = fox_value_struct(fox_args_list(column_json(1)), column_json(2));
	judge(p, stored);
	SPI_finish();
	fox_as_caller(saved);
}

/* --- watch --- */

static uint64
publish_watching(const Publish *p, FoxSlice options)
{
	int64		timeout = p->timeout_ms >= 0 ? (int64) p->timeout_ms : 60000;
	StringInfoData question;
	char	   *row;
	uint64		publication = 0;

	fox_refuse_waiting("a publish with option \"watch\"");
	if (!fox_absent(p->will))
		fox_backend_end_needed();
	initStringInfo(&question);
	appendStringInfo(&question, "{\"ask\":\"publish\",\"wait\":true,\"timeout_ms\":" INT64_FORMAT ",\"realm\":", timeout);
	escape_json(&question, p->realm);
	appendStringInfoString(&question, ",\"topic\":");
	escape_json(&question, p->topic);
	fox_append_member(&question, "args", p->args);
	fox_append_member(&question, "kwargs", p->kwargs);
	fox_append_member(&question, "options", options);
	appendStringInfoChar(&question, '}');

	row = fox_ask_once(question.data, timeout + 5000);
	if (row != NULL)
		(void) fox_json_uint(fox_json_get(fox_cstr(row), "publication"), &publication);
	return publication != 0 ? publication : p->publication;
}

/* --- SQL --- */

Datum
fox_wamp_publish(PG_FUNCTION_ARGS)
{
	Publish		p;

	read_publish(fcinfo, &p);
	if (p.watch)
		PG_RETURN_INT64((int64) publish_watching(&p, fox_arg_json(fcinfo, 3)));
	if (p.retain)
		publish_retained(&p);
	else
	{
		if (!fox_absent(p.when))
			judge_unlocked(&p);
		publish_as_event(&p);
	}
	PG_RETURN_INT64((int64) p.publication);
}

Datum
fox_wamp_publish_now(PG_FUNCTION_ARGS)
{
	Publish		p;
	FoxChange	change;

	read_publish(fcinfo, &p);
	if (p.retain || p.watch || !fox_absent(p.when))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("publish_now() takes none of the options \"retain\", \"when\", \"watch\""),
				 errhint("Use fox_wamp.publish().")));
	publish_event(&p, &change);
	if (fox_ring_attach() == NULL)
		fox_ring_no_router();
	if (!fox_ring_put_now(&change))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_UNAVAILABLE),
				 errmsg("the commit ring of fox_wamp is full"),
				 errhint("Raise fox_wamp.ring_size.")));
	PG_RETURN_INT64((int64) p.publication);
}

static Datum
json_datum(FoxSlice json, bool *isnull)
{
	*isnull = fox_absent(json) || fox_json_kind(json) == FOX_JSON_NULL;
	return *isnull ? (Datum) 0 : DirectFunctionCall1(jsonb_in, CStringGetDatum(fox_jsonb_text(json, NULL)));
}

Datum
fox_wamp_wait_for(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *pattern = fox_arg_text(fcinfo, 0, "pattern");
	int64		timeout = fox_arg_timeout(fcinfo, 1);
	char	   *realm = fox_arg_realm(fcinfo, 2);
	const char *problem = fox_pattern_problem(pattern, strlen(pattern));
	StringInfoData question;
	FoxBuf		scratch = {0};
	FoxSlice	row;
	FoxSlice	topic;
	uint64		publication = 0;
	Datum		values[4];
	bool		nulls[4] = {false};

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid pattern \"%s\"", fox_clip(pattern)),
				 errdetail_internal("%s", problem)));
	fox_realm_check(realm);
	InitMaterializedSRF(fcinfo, 0);
	initStringInfo(&question);
	appendStringInfoString(&question, "{\"ask\":\"wait_for\",\"realm\":");
	escape_json(&question, realm);
	appendStringInfoString(&question, ",\"pattern\":");
	escape_json(&question, pattern);
	appendStringInfoString(&question, ",\"role\":");
	escape_json(&question, GetUserNameFromId(GetUserId(), false));
	if (timeout >= 0)
		appendStringInfo(&question, ",\"timeout_ms\":" INT64_FORMAT, timeout);
	appendStringInfoChar(&question, '}');

	row = fox_cstr(fox_ask_once(question.data, timeout < 0 ? -1 : timeout + 5000));
	if (fox_absent(row))
		return (Datum) 0;
	topic = fox_json_text(fox_json_get(row, "topic"), &scratch);
	nulls[0] = fox_absent(topic);
	if (!nulls[0])
		values[0] = PointerGetDatum(cstring_to_text_with_len(topic.ptr, topic.len));
	fox_buf_free(&scratch);
	values[1] = json_datum(fox_json_get(row, "args"), &nulls[1]);
	values[2] = json_datum(fox_json_get(row, "kwargs"), &nulls[2]);
	nulls[3] = !fox_json_uint(fox_json_get(row, "publication"), &publication);
	values[3] = Int64GetDatum((int64) publication);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
