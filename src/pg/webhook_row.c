/*
 * webhook_row.c - rows of fox_wamp.webhook before they are stored, and which URLs they may name.
 *
 * The row names its owner, whom the router holds against who is eligible for an event: whoever
 * has made it, or a role whose privileges that one has.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "codec/json.h"
#include "codec/mqtt_url.h"
#include "core/index.h"
#include "net/url_allow.h"
#include "pg/column.h"
#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_webhook_before);
PG_FUNCTION_INFO_V1(fox_wamp_allowed_url);
PG_FUNCTION_INFO_V1(fox_wamp_topic_matches);

#define COL_OWNER 5
#define COL_URL 7
#define COL_HEADERS 9
#define COLUMNS 12
#define OWN_HEADERS_MAX 32

static void pg_attribute_noreturn()
invalid(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
			 errmsg("invalid %s", what),
			 errdetail_internal("%s", detail)));
}

/* --- headers --- */

/* They say how the request is made, or are the router's own. */
static bool
is_ours(const char *name)
{
	static const char *const ours[] = {"connection", "content-length", "content-type", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"};

	for (int i = 0; i < (int) lengthof(ours); i++)
		if (pg_strcasecmp(name, ours[i]) == 0)
			return true;
	return pg_strncasecmp(name, "x-fox-", 6) == 0;
}

static char *
text_of(FoxSlice json)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_json_text(json, &scratch);
	char	   *copy = fox_absent(text) ? NULL : pnstrdup(text.ptr, text.len);

	/* A zero byte has been cut off. */
	if (copy != NULL && strlen(copy) != text.len)
		copy = NULL;
	fox_buf_free(&scratch);
	return copy;
}

static void
check_header(FoxSlice key, FoxSlice value)
{
	char	   *name = text_of(fox_cstr(psprintf("\"%.*s\"", (int) key.len, key.ptr)));
	char	   *text = text_of(value);

	if (name == NULL || name[0] == '\0' || name[strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] != '\0')
		invalid("headers", "A name is made of letters, digits and hyphens.");
	if (text == NULL)
		invalid("headers", psprintf("The value of \"%s\" must be a string.", name));
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			invalid("headers", psprintf("The value of \"%s\" holds a control character.", name));
	if (is_ours(name))
		invalid("headers", psprintf("\"%s\" is not for you to say.", name));
}

static void
check_headers(FoxSlice headers)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;
	int			n = 0;

	if (fox_absent(headers))
		return;
	if (fox_json_kind(headers) != FOX_JSON_OBJECT)
		invalid("headers", "They must be a JSON object.");
	while (fox_json_member(headers, &pos, &key, &value))
	{
		check_header(key, value);
		if (++n > OWN_HEADERS_MAX)
			invalid("headers", "There may be 32 of them.");
	}
}

/* --- rows --- */

Datum
fox_wamp_webhook_before(PG_FUNCTION_ARGS)
{
	TriggerData *data = fox_trigger_data(fcinfo, COLUMNS);
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	FoxSlice	url = fox_text_column(row, desc, COL_URL);
	FoxSlice	owner = fox_text_column(row, desc, COL_OWNER);
	const char *problem;
	int			column = COL_OWNER;
	Datum		value;
	bool		isnull = false;

	/* Whoever publishes reads both tables anew when this one is invalidated: see queue.c. */
	CacheInvalidateRelcacheByRelid(get_relname_relid("handler", RelationGetNamespace(data->tg_relation)));
	if (TRIGGER_FIRED_BY_DELETE(data->tg_event) || fox_absent(url))
		return PointerGetDatum(row);
	if ((problem = fox_url_problem(url.ptr)) != NULL)
		invalid("URL", problem);
	check_headers(fox_json_column(row, desc, COL_HEADERS));
	if (owner.len == 0)
		owner = fox_cstr(GetUserNameFromId(GetUserId(), false));
	else if (!has_privs_of_role(GetUserId(), get_role_oid(owner.ptr, false)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the webhook would hear what role \"%s\" may, whose privileges you do not have", owner.ptr)));
	value = CStringGetTextDatum(owner.ptr);
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 1, &column, &value, &isnull));
}

/* Returns the URL, or raises an error if the setting does not allow it. */
Datum
fox_wamp_allowed_url(PG_FUNCTION_ARGS)
{
	char	   *url = fox_arg_text(fcinfo, 0, "url");
	char	   *setting = fox_arg_text(fcinfo, 1, "setting");
	bool		is_broker = strcmp(setting, "fox_wamp.mqtt_bridge_allow") == 0;
	FoxMqttUrl	broker;
	const char *list = GetConfigOption(setting, false, false);
	const char *problem = is_broker ? fox_mqtt_url_read(fox_cstr(url), &broker) : fox_url_problem(url);

	if (problem != NULL)
		invalid("URL", problem);
	if (is_broker ? !fox_mqtt_url_allowed(fox_cstr(url), list) : !fox_url_allowed(url, list))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s does not allow that URL", setting),
				 errhint("As a superuser: ALTER DATABASE %s SET %s = '%s'; then SELECT pg_reload_conf(); and a new session.",
						 quote_identifier(get_database_name(MyDatabaseId)), setting, is_broker ? "the.host:port" : "https://the.host/path")));
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

static void
note_match(void *ctx, void *value)
{
	*(bool *) ctx = true;
}

Datum
fox_wamp_topic_matches(PG_FUNCTION_ARGS)
{
	FoxSlice	topic = fox_cstr(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	FoxSlice	pattern = fox_cstr(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	FoxSlice	match = fox_cstr(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	FoxIndex   *index = palloc0(sizeof(FoxIndex));
	FoxMatchKind kind;
	bool		matches = false;

	if (!fox_match_named(match, &kind) || !fox_index_put(index, pattern, kind, index))
		PG_RETURN_BOOL(false);
	fox_index_match(index, topic, note_match, &matches);
	fox_index_free(index);
	PG_RETURN_BOOL(matches);
}
