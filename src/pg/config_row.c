/*
 * config_row.c - tables of configuration that the router has a copy of (see config_row.h).
 *
 * For each table there is a function that says as a FoxChange what a row of it means; what
 * the args are is said where the core reads them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/auto_subscription.h"
#include "core/placeholder.h"
#include "pg/callback_row.h"
#include "pg/catalog_row.h"
#include "pg/column.h"
#include "pg/config_row.h"
#include "pg/errcodes.h"
#include "pg/listen.h"
#include "pg/mqtt_bridge_row.h"
#include "pg/ring.h"
#include "pg/sqlarg.h"
#include "pg/table.h"

typedef struct ConfigTable
{
	const char *name;
	FoxChangeKind kind;
	int			columns;
	int			keys;			/* so many of the first columns, all of them text, say which row it is */
	/* ERROR for a row that the router could not take; NULL: it takes all. */
	void		(*check) (HeapTuple row, TupleDesc desc);
	/* Realm, topic, args, and kwargs where a topic may have many rows: which one it is; false: the router's copy has no such rows, it listens for what they name. */
	bool		(*fill) (HeapTuple row, TupleDesc desc, FoxChange *change);
	void	   *plan;			/* of the load */
} ConfigTable;

PG_FUNCTION_INFO_V1(fox_wamp_config_trigger);

/* --- args --- */

static char *
text_column(HeapTuple row, TupleDesc desc, int column)
{
	return unconstify(char *, fox_text_column(row, desc, column).ptr);
}

/* Of an array of texts; absent when it is null. */
static FoxSlice
array_column(HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(row, column, desc, &isnull);

	return isnull ? FOX_ABSENT : fox_cstr(TextDatumGetCString(DirectFunctionCall1(array_to_json, value)));
}

/* Of an interval that is more than none, in milliseconds; absent when it is null. */
static FoxSlice
ms_column(HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(row, column, desc, &isnull);

	return isnull ? FOX_ABSENT : fox_cstr(psprintf(INT64_FORMAT, Max(fox_interval_ms(DatumGetIntervalP(value)), 1)));
}

/* One object of members as fox_append_member() makes them, each with its comma in front. */
static FoxSlice
args_of(const StringInfoData *members)
{
	return fox_cstr(psprintf("[{%s}]", members->len > 0 ? members->data + 1 : ""));
}

/* --- checks --- */

static void pg_attribute_noreturn()
bad_pattern(FoxSlice pattern, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
			 errmsg("invalid pattern \"%s\"", fox_clip(pattern.ptr)),
			 errdetail_internal("%s", detail)));
}

/* Of tables whose columns 2 and 3 are a pattern and its match. */
static void
check_any_pattern(HeapTuple row, TupleDesc desc)
{
	FoxSlice	pattern = fox_text_column(row, desc, 2);
	FoxSlice	match = fox_text_column(row, desc, 3);
	FoxMatchKind kind;

	if (!fox_match_named(match, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("match must be exact, prefix, wildcard or pattern")));
	if (!fox_uri_pattern_valid(pattern, kind, false))
		bad_pattern(pattern, psprintf("No subscription with match \"%s\" could have it.", match.ptr));
}

/* The same, where the router's own URIs make no sense. */
static void
check_pattern(HeapTuple row, TupleDesc desc)
{
	FoxSlice	pattern = fox_text_column(row, desc, 2);

	check_any_pattern(row, desc);
	if (fox_uri_reserved(pattern))
		bad_pattern(pattern, "It is the router's own.");
}

/* The same of permissions, which may have placeholders. */
static void
check_permission(HeapTuple row, TupleDesc desc)
{
	FoxSlice	pattern = fox_text_column(row, desc, 2);
	FoxMatchKind kind;
	const char *problem;

	check_any_pattern(row, desc);
	(void) fox_match_named(fox_text_column(row, desc, 3), &kind);
	if ((problem = fox_placeholder_problem(pattern, kind)) != NULL)
		bad_pattern(pattern, problem);
}

static void
check_auto_subscription(HeapTuple row, TupleDesc desc)
{
	FoxSlice	filter = fox_text_column(row, desc, 2);
	const char *problem = fox_auto_subscription_problem(filter, fox_bool_column(row, desc, 6));

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("MQTT clients cannot be subscribed to \"%s\"", fox_clip(filter.ptr)),
				 errdetail_internal("%s", problem)));
}

static void
check_bridge(HeapTuple row, TupleDesc desc)
{
	FoxSlice	pattern = fox_text_column(row, desc, 4);
	FoxSlice	channel = fox_text_column(row, desc, 3);
	const char *problem;

	if (channel.len == 0 || channel.len >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid channel name \"%s\"", fox_clip(channel.ptr)),
				 errdetail("A channel name has 1 to %d bytes.", NAMEDATALEN - 1)));
	if (fox_slice_is(fox_text_column(row, desc, 1), "in"))
		fox_topic_check(pattern.ptr);
	else if ((problem = fox_pattern_problem(pattern.ptr, pattern.len)) != NULL)
		bad_pattern(pattern, problem);
}

static void
check_auth_method(HeapTuple row, TupleDesc desc)
{
	FoxSlice	authenticator = fox_text_column(row, desc, 3);

	if (!fox_absent(authenticator) && (!fox_uri_valid(authenticator, false) || fox_uri_reserved(authenticator)))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("invalid procedure \"%s\"", fox_clip(authenticator.ptr))));
}

/* --- rows --- */

/* realm: name, strict, disclosure */
static bool
fill_realm(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "strict", fox_boolean_column(row, desc, 2));
	fox_append_member(&args, "disclosure", fox_quoted_column(row, desc, 3));
	change->realm = fox_text_column(row, desc, 1);
	change->args = args_of(&args);
	return true;
}

/* auth_method: realm, method, authenticator, authenticator_function, authenticator_role */
static bool
fill_auth_method(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "authenticator", fox_quoted_column(row, desc, 3));
	fox_append_member(&args, "function", fox_quoted_column(row, desc, 4));
	fox_append_member(&args, "function_role", fox_quoted_column(row, desc, 5));
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_text_column(row, desc, 2);
	change->args = args_of(&args);
	return true;
}

/* history: realm, pattern, match, keep_count, keep_age */
static bool
fill_history(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "match", fox_quoted_column(row, desc, 3));
	fox_append_member(&args, "keep_count", fox_integer_column(row, desc, 4));
	fox_append_member(&args, "keep_ms", ms_column(row, desc, 5));
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_text_column(row, desc, 2);
	change->args = args_of(&args);
	change->kwargs = fox_quoted_column(row, desc, 3);
	return true;
}

/* Of tables whose key is realm, pattern, match and one column more: all of that, beside the members that are their own. */
static bool
fill_pattern(HeapTuple row, TupleDesc desc, FoxChange *change, const char *fourth, StringInfo args)
{
	FoxSlice	match = fox_quoted_column(row, desc, 3);
	FoxSlice	value = fox_quoted_column(row, desc, 4);

	fox_append_member(args, "match", match);
	fox_append_member(args, fourth, value);
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_text_column(row, desc, 2);
	change->args = args_of(args);
	change->kwargs = fox_cstr(psprintf("[%s,%s]", match.ptr, value.ptr));
	return true;
}

/* trust_level: realm, pattern, match, authrole, level */
static bool
fill_trust_level(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "level", fox_integer_column(row, desc, 5));
	return fill_pattern(row, desc, change, "authrole", &args);
}

/* mqtt_auto_subscription: realm, filter, role, client_id, qos, no_local, retain_as_published, retain_handling */
static bool
fill_auto_subscription(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	FoxSlice	role = fox_quoted_column(row, desc, 3);
	FoxSlice	client_id = fox_quoted_column(row, desc, 4);
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "role", role);
	fox_append_member(&args, "client_id", client_id);
	fox_append_member(&args, "qos", fox_integer_column(row, desc, 5));
	fox_append_member(&args, "no_local", fox_boolean_column(row, desc, 6));
	fox_append_member(&args, "retain_as_published", fox_boolean_column(row, desc, 7));
	fox_append_member(&args, "retain_handling", fox_integer_column(row, desc, 8));
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_text_column(row, desc, 2);
	change->args = args_of(&args);
	change->kwargs = fox_cstr(psprintf("[%s,%s]", role.ptr, client_id.ptr));
	return true;
}

/* exposed_service: realm, root, name, schema, lifetime, contract, publish_signature, anonymous, result_as, audit, hash */
static bool
fill_exposed_service(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	FoxSlice	contract = fox_quoted_column(row, desc, 6);
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "root", fox_quoted_column(row, desc, 2));
	fox_append_member(&args, "service", fox_quoted_column(row, desc, 3));
	fox_append_member(&args, "schema", fox_quoted_column(row, desc, 4));
	fox_append_member(&args, "lifetime", fox_quoted_column(row, desc, 5));
	fox_append_member(&args, "contract", fox_absent(contract) ? fox_quoted_column(row, desc, 11) : contract);
	fox_append_member(&args, "result_as", fox_quoted_column(row, desc, 9));
	fox_append_member(&args, "audit", fox_boolean_column(row, desc, 10));
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_cstr(psprintf("%s.%s", fox_text_column(row, desc, 2).ptr, fox_text_column(row, desc, 3).ptr));
	change->args = args_of(&args);
	return true;
}

/* exposed_function: realm, root, name, function, concurrency, timeout, methods, anonymous, result_as, table_name, bound, service */
static bool
fill_exposed_function(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "function", fox_quoted_column(row, desc, 4));
	fox_append_member(&args, "concurrency", fox_integer_column(row, desc, 5));
	fox_append_member(&args, "timeout", ms_column(row, desc, 6));
	fox_append_member(&args, "methods", array_column(row, desc, 7));
	fox_append_member(&args, "anonymous", fox_boolean_column(row, desc, 8));
	fox_append_member(&args, "result_as", fox_quoted_column(row, desc, 9));
	fox_append_member(&args, "bound", fox_quoted_column(row, desc, 11));
	if (!heap_attisnull(row, 10, desc))
	{
		char	   *table = psprintf("%s.%s", fox_text_column(row, desc, 2).ptr, fox_text_column(row, desc, 10).ptr);

		fox_append_member(&args, "table", fox_quoted(fox_cstr(asc_tolower(table, strlen(table)))));
	}
	fox_append_member(&args, "service", fox_quoted_column(row, desc, 12));
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_cstr(psprintf("%s.%s", fox_text_column(row, desc, 2).ptr, fox_text_column(row, desc, 3).ptr));
	change->args = args_of(&args);
	change->kwargs = fox_quoted_column(row, desc, 4);
	return true;
}

/* exposed_table: realm, root, name, relation, verbs */
static bool
fill_exposed_table(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "function", FOX_LIT("\"" FOX_TABLE_REQUEST "\""));
	fox_append_member(&args, "methods", array_column(row, desc, 5));
	fox_append_member(&args, "bound", FOX_LIT("\"rows\""));
	fox_append_member(&args, "table", fox_quoted_column(row, desc, 4));
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_cstr(psprintf("%s.%s", fox_text_column(row, desc, 2).ptr, fox_text_column(row, desc, 3).ptr));
	change->args = args_of(&args);
	change->kwargs = FOX_LIT("null");
	return true;
}

/*
 * permission: realm, pattern, match, role, allow_publish, allow_subscribe, allow_call, allow_register,
 * disclose, authorizer, authorizer_function, authorizer_role
 */
static bool
fill_permission(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "publish", fox_boolean_column(row, desc, 5));
	fox_append_member(&args, "subscribe", fox_boolean_column(row, desc, 6));
	fox_append_member(&args, "call", fox_boolean_column(row, desc, 7));
	fox_append_member(&args, "register", fox_boolean_column(row, desc, 8));
	fox_append_member(&args, "disclose", fox_boolean_column(row, desc, 9));
	fox_append_member(&args, "authorizer", fox_quoted_column(row, desc, 10));
	fox_append_member(&args, "function", fox_quoted_column(row, desc, 11));
	fox_append_member(&args, "function_role", fox_quoted_column(row, desc, 12));
	return fill_pattern(row, desc, change, "role", &args);
}

/* publish_hook: realm, pattern, match, function, function_role */
static bool
fill_publish_hook(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	FoxSlice	match = fox_quoted_column(row, desc, 3);
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "match", match);
	fox_append_member(&args, "function", fox_quoted_column(row, desc, 4));
	fox_append_member(&args, "function_role", fox_quoted_column(row, desc, 5));
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_text_column(row, desc, 2);
	change->args = args_of(&args);
	change->kwargs = match;
	return true;
}

/* handler: realm, pattern, match, function, id, owner, durable, concurrency, … */
static bool
fill_handler(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "id", fox_cstr(psprintf(UINT64_FORMAT, fox_id_column(row, desc, 5))));
	fox_append_member(&args, "owner", fox_quoted_column(row, desc, 6));
	fox_append_member(&args, "durable", fox_boolean_column(row, desc, 7));
	fox_append_member(&args, "concurrency", fox_integer_column(row, desc, 8));
	return fill_pattern(row, desc, change, "function", &args);
}

/* webhook: realm, pattern, match, id, owner, concurrency, … */
static bool
fill_webhook(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;
	char	   *id = psprintf(UINT64_FORMAT, fox_id_column(row, desc, 4));

	initStringInfo(&args);
	fox_append_member(&args, "id", fox_cstr(id));
	fox_append_member(&args, "match", fox_quoted_column(row, desc, 3));
	fox_append_member(&args, "function", fox_quoted(fox_cstr(psprintf("webhook %s", id))));
	fox_append_member(&args, "owner", fox_quoted_column(row, desc, 5));
	fox_append_member(&args, "durable", FOX_LIT("true"));
	fox_append_member(&args, "posts", FOX_LIT("true"));
	fox_append_member(&args, "concurrency", fox_integer_column(row, desc, 6));
	change->realm = fox_text_column(row, desc, 1);
	change->topic = fox_text_column(row, desc, 2);
	change->args = args_of(&args);
	change->kwargs = fox_cstr(id);
	return true;
}

/* callback_registry: realm, uri, interface, kind, service, owner, token, id, session; a row never changes */
static bool
fill_callback(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	FoxCallbackRow values = {
		.id = psprintf(UINT64_FORMAT, fox_id_column(row, desc, 8)), .session = psprintf(UINT64_FORMAT, fox_id_column(row, desc, 9)),
		.uri = text_column(row, desc, 2), .interface = text_column(row, desc, 3), .kind = text_column(row, desc, 4),
		.owner = text_column(row, desc, 6), .token = text_column(row, desc, 7)
	};

	change->realm = fox_text_column(row, desc, 1);
	change->topic = FOX_LIT("");
	change->args = fox_cstr(psprintf("[%s]", fox_callback_row_json(&values).ptr));
	change->kwargs = fox_cstr(values.id);
	return true;
}

/* root: name, realm, style, auth */
static bool
fill_root(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "style", fox_quoted_column(row, desc, 3));
	fox_append_member(&args, "auth", fox_boolean_column(row, desc, 4));
	change->realm = fox_text_column(row, desc, 2);
	change->topic = fox_text_column(row, desc, 1);
	change->args = args_of(&args);
	return true;
}

/* bridge: direction, realm, channel, pattern */
static bool
fill_bridge(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	if (fox_slice_is(fox_text_column(row, desc, 1), "in"))
		return false;
	change->realm = fox_text_column(row, desc, 2);
	change->topic = fox_text_column(row, desc, 4);
	change->args = fox_cstr(psprintf("[%s]", fox_quoted_column(row, desc, 3).ptr));
	change->kwargs = fox_quoted_column(row, desc, 3);
	return true;
}

/* In the order of the load. */
static ConfigTable tables[] = {
	{"realm", FOX_CHANGE_REALM, 3, 1, NULL, fill_realm, NULL},
	{"auth_method", FOX_CHANGE_AUTH, 5, 2, check_auth_method, fill_auth_method, NULL},
	{"history", FOX_CHANGE_HISTORY, 5, 3, check_pattern, fill_history, NULL},
	{"trust_level", FOX_CHANGE_TRUST, 5, 4, check_pattern, fill_trust_level, NULL},
	{"mqtt_auto_subscription", FOX_CHANGE_AUTO_SUBSCRIPTION, 8, 4, check_auto_subscription, fill_auto_subscription, NULL},
	{"mqtt_bridge", FOX_CHANGE_MQTT_BRIDGE, 14, 1, fox_mqtt_bridge_check, fox_mqtt_bridge_row, NULL},
	{"mqtt_bridge_topic", FOX_CHANGE_MQTT_BRIDGE_TOPIC, 6, 5, fox_mqtt_bridge_topic_check, fox_mqtt_bridge_topic_row, NULL},
	{"root", FOX_CHANGE_ROOT, 4, 2, NULL, fill_root, NULL},
	{"exposed_table", FOX_CHANGE_EXPOSED, 5, 3, NULL, fill_exposed_table, NULL},
	{"exposed_service", FOX_CHANGE_SERVICE, 11, 3, NULL, fill_exposed_service, NULL},
	{"exposed_function", FOX_CHANGE_EXPOSED, 12, 4, NULL, fill_exposed_function, NULL},
	{"service_address", FOX_CHANGE_CATALOG, 12, 3, NULL, fox_catalog_row, NULL},
	{"permission", FOX_CHANGE_PERMISSION, 12, 4, check_permission, fill_permission, NULL},
	{"publish_hook", FOX_CHANGE_HOOK, 5, 3, check_pattern, fill_publish_hook, NULL},
	{"handler", FOX_CHANGE_HANDLER, 10, 4, check_any_pattern, fill_handler, NULL},
	{"webhook", FOX_CHANGE_HANDLER, 12, 3, check_any_pattern, fill_webhook, NULL},
	{"callback_registry", FOX_CHANGE_CALLBACK, 9, 0, NULL, fill_callback, NULL},
	{"bridge", FOX_CHANGE_BRIDGE_OUT, 4, 4, check_bridge, fill_bridge, NULL},
};

/* --- the trigger --- */

static const ConfigTable *
table_of(Relation relation)
{
	if (RelationGetNamespace(relation) == get_namespace_oid("fox_wamp", true))
		for (int i = 0; i < (int) lengthof(tables); i++)
			if (strcmp(tables[i].name, RelationGetRelationName(relation)) == 0)
				return &tables[i];
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("table \"%s\" is not one that this trigger knows", RelationGetRelationName(relation))));
}

static void
hand_over(const ConfigTable *table, HeapTuple row, TupleDesc desc, bool deleted)
{
	FoxChange	change = {.kind = table->kind, .deleted = deleted};

	/* The router is a listener: what it listens on comes to it as a notification. */
	if (table->fill(row, desc, &change))
		fox_ring_add(&change);
	else
		Async_Notify(FOX_LISTEN_CHANGED, "");
}

/* A row that gets other keys is deleted and added. */
static bool
keys_differ(const ConfigTable *table, HeapTuple a, HeapTuple b, TupleDesc desc)
{
	for (int i = 1; i <= table->keys; i++)
		if (!fox_same_column(a, b, desc, i))
			return true;
	return false;
}

Datum
fox_wamp_config_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = fox_trigger_data(fcinfo, 0);
	const ConfigTable *table = table_of(data->tg_relation);
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	bool		update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	bool		deleted = TRIGGER_FIRED_BY_DELETE(data->tg_event);
	HeapTuple	row = update ? data->tg_newtuple : data->tg_trigtuple;

	(void) fox_trigger_data(fcinfo, table->columns);
	if (deleted || (update && keys_differ(table, data->tg_trigtuple, row, desc)))
		hand_over(table, data->tg_trigtuple, desc, true);
	if (!deleted)
	{
		if (table->check != NULL)
			table->check(row, desc);
		hand_over(table, row, desc, false);
	}
	if (table->kind == FOX_CHANGE_REALM)
		CacheInvalidateRelcache(data->tg_relation);	/* see fox_realm_check() */
	return PointerGetDatum(NULL);
}

/* --- the load --- */

void
fox_config_load(const FoxBootSink *sink)
{
	for (int i = 0; i < (int) lengthof(tables); i++)
	{
		ConfigTable *table = &tables[i];
		uint64		n = fox_spi(&table->plan, psprintf("SELECT * FROM fox_wamp.%s", table->name), 0, NULL);

		for (uint64 k = 0; k < n; k++)
		{
			FoxChange	change = {.kind = table->kind, .silent = true};

			if (table->fill(SPI_tuptable->vals[k], SPI_tuptable->tupdesc, &change))
				sink->row(&change);
		}
	}
}
