/*
 * callback_arg.c - arguments of a function that are callbacks (see callback_arg.h).
 *
 * Only the router knows what a session has; it is asked.  What it says may be over when the row is
 * committed: the router looks again when the row comes to it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "codec/json.h"
#include "core/callback.h"
#include "net/url_allow.h"
#include "pg/ask.h"
#include "pg/callback_arg.h"
#include "pg/callback_row.h"
#include "pg/caller.h"
#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/locks.h"
#include "pg/sqlarg.h"

#define ANSWER_MS 30000

bool
fox_callback_is_type(Oid type)
{
	Oid			schema = get_namespace_oid("fox_wamp", true);
	Oid			callback = OidIsValid(schema) ?
		GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("callback"), ObjectIdGetDatum(schema)) : InvalidOid;

	while (OidIsValid(callback) && OidIsValid(type) && type != callback)
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

		if (!HeapTupleIsValid(tuple))
			return false;
		type = ((Form_pg_type) GETSTRUCT(tuple))->typtype == TYPTYPE_DOMAIN ? ((Form_pg_type) GETSTRUCT(tuple))->typbasetype : InvalidOid;
		ReleaseSysCache(tuple);
	}
	return OidIsValid(callback) && type == callback;
}

static void pg_attribute_noreturn()
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
			 errmsg_internal("%s", message),
			 hint != NULL ? errhint("%s", hint) : 0));
}

static char *
type_name(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	name = pstrdup(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname));
	ReleaseSysCache(tuple);
	return name;
}

/* What the caller's session has under that URI, or for NULL as a mailbox; NULL: nothing. */
static char *
kind_of(const FoxCaller *caller, const char *uri)
{
	StringInfoData question;
	FoxSlice	kind;

	initStringInfo(&question);
	appendStringInfo(&question, "{\"ask\":\"callback\",\"session\":" UINT64_FORMAT, caller->session);
	if (uri != NULL)
	{
		appendStringInfoString(&question, ",\"uri\":");
		escape_json(&question, uri);
	}
	appendStringInfoChar(&question, '}');
	kind = fox_json_get(fox_cstr(fox_ask_once(question.data, ANSWER_MS)), "kind");
	return fox_json_kind(kind) == FOX_JSON_STRING ? pnstrdup(kind.ptr + 1, kind.len - 2) : NULL;
}

/* That is known by its URI for others. */
static char *
passed_on(const char *uri)
{
	static void *plan = NULL;
	const char *token = strrchr(uri, '.') + 1;
	MemoryContext memory = CurrentMemoryContext;
	FoxAsOwner	saved = fox_as_owner();
	char	   *id = NULL;

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (fox_spi(&plan, "SELECT id::pg_catalog.text FROM fox_wamp.callback_registry WHERE token OPERATOR(pg_catalog.=) $1", 1, &token) > 0)
		id = MemoryContextStrdup(memory, fox_spi_value(1));
	PopActiveSnapshot();
	SPI_finish();
	fox_as_caller(saved);
	if (id == NULL)
		refuse("the callback has been released, or is another server's", NULL);
	return id;
}

static char *
text_of(FoxSlice json)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_json_text(json, &scratch);
	char	   *copy = fox_absent(text) ? NULL : pnstrdup(text.ptr, text.len);

	fox_buf_free(&scratch);
	return copy;
}

static void
take_uri(const FoxCaller *caller, FoxCallbackRow *row)
{
	if (caller->session == 0 || caller->http != NULL)
		refuse("an HTTP request has registered nothing", "Its callbacks are {\"poll\":true} and {\"url\":\"…\"}.");
	row->kind = kind_of(caller, row->uri);
	if (row->kind == NULL)
		refuse(psprintf("the session has neither subscribed to nor registered \"%s\"", fox_clip(row->uri)), NULL);
}

static void
take_mailbox(const FoxCaller *caller, FoxCallbackRow *row)
{
	row->uri = "";
	row->kind = caller->http != NULL && caller->session != 0 ? kind_of(caller, NULL) : NULL;
	if (row->kind == NULL)
		refuse("only a session of HTTP can poll", "POST /root/auth begins one; the request has to bring its token.");
}

static void
take_url(FoxCallbackRow *row)
{
	const char *problem = fox_url_problem(row->uri);

	row->kind = "url";
	row->session = "0";
	if (problem != NULL)
		refuse("invalid URL of a callback", problem);
	if (!fox_url_allowed(row->uri, fox_guc_callback_url_allow))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("fox_wamp.callback_url_allow does not allow that URL")));
}

char *
fox_callback_argument(const FoxRoutine *f, int i, FoxSlice json)
{
	const FoxCaller *caller = fox_caller();
	FoxSlice	url = fox_json_kind(json) == FOX_JSON_OBJECT ? fox_json_get(json, "url") : FOX_ABSENT;
	FoxCallbackRow row = {.uri = text_of(fox_absent(url) ? json : url)};

	if (fox_json_kind(json) == FOX_JSON_NULL)
		return NULL;
	if (caller == NULL)
		refuse("nobody calls who could have a callback", NULL);
	if (fox_absent(url) && row.uri != NULL && strncmp(row.uri, FOX_CALLBACK_URI, strlen(FOX_CALLBACK_URI)) == 0)
		return passed_on(row.uri);
	row.session = psprintf(UINT64_FORMAT, caller->session);
	row.realm = pnstrdup(caller->realm.ptr, caller->realm.len);
	row.interface = type_name(f->args[i].type);
	row.service = get_namespace_name(f->schema);
	row.owner = GetUserNameFromId(GetUserId(), false);
	if (!fox_absent(url) && row.uri != NULL)
		take_url(&row);
	else if (row.uri != NULL)
		take_uri(caller, &row);
	else if (fox_json_kind(json) == FOX_JSON_OBJECT && fox_json_is_true(fox_json_get(json, "poll")))
		take_mailbox(caller, &row);
	else
		refuse("a callback is a URI, {\"poll\":true} or {\"url\":\"…\"}", NULL);
	return fox_callback_enter(&row);
}
