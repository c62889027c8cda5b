/*
 * http_context.c - what a function may ask of the request that calls it, and say of the reply.
 *
 * NULL without such a request; no setting can forge it.  PostgREST's settings request.method,
 * .path, .headers and .jwt.claims are there too, for functions that come from it.  They are
 * made anew when a request says something else than the one before it, for many clients ask
 * the same again and again.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "base/base64.h"
#include "codec/http_req.h"
#include "codec/json.h"
#include "pg/caller.h"
#include "pg/errcodes.h"
#include "pg/http_exec.h"

PG_FUNCTION_INFO_V1(fox_wamp_http_method);
PG_FUNCTION_INFO_V1(fox_wamp_request_path);
PG_FUNCTION_INFO_V1(fox_wamp_request_table);
PG_FUNCTION_INFO_V1(fox_wamp_request_id);
PG_FUNCTION_INFO_V1(fox_wamp_remote_ip);
PG_FUNCTION_INFO_V1(fox_wamp_user_agent);
PG_FUNCTION_INFO_V1(fox_wamp_in_header);
PG_FUNCTION_INFO_V1(fox_wamp_in_body);
PG_FUNCTION_INFO_V1(fox_wamp_set_status);

static FoxHttpSaid said;

bool
fox_http_reads(const FoxHttpCall *call)
{
	return fox_slice_is(call->method, "GET") || fox_slice_is(call->method, "HEAD");
}

const FoxHttpSaid *
fox_http_said(void)
{
	return &said;
}

void
fox_http_say_nothing(void)
{
	said = (FoxHttpSaid) {.status = 0};
}

void
fox_http_say_rows(void)
{
	said.rows = true;
}

void
fox_http_say_status(unsigned status)
{
	said.status = status;
}

void
fox_http_say_location(const char *location)
{
	said.location = MemoryContextStrdup(TopTransactionContext, location);
}

void
fox_http_say_body(const char *type, FoxSlice body)
{
	char	   *copy = MemoryContextAlloc(TopTransactionContext, body.len + 1);

	memcpy(copy, body.ptr, body.len);
	said.has_body = true;
	said.type = fox_cstr(type);
	said.body = fox_slice(copy, body.len);
}

static void
set(const char *name, FoxSlice value)
{
	SetConfigOption(name, pnstrdup(value.ptr, value.len), PGC_USERSET, PGC_S_SESSION);
}

static void
set_headers(FoxSlice headers)
{
	StringInfoData json;
	FoxSlice	name;
	FoxSlice	value;
	size_t		pos = 0;

	initStringInfo(&json);
	while (fox_http_header_next(headers, &pos, &name, &value))
	{
		if (!pg_verifymbstr(value.ptr, (int) value.len, true))
			continue;
		appendStringInfoChar(&json, json.len > 0 ? ',' : '{');
		escape_json(&json, asc_tolower(name.ptr, name.len));
		appendStringInfoChar(&json, ':');
		escape_json(&json, pnstrdup(value.ptr, value.len));
	}
	appendStringInfoString(&json, json.len > 0 ? "}" : "{}");
	set("request.headers", fox_slice(json.data, json.len));
}

/* What a token in three parts says of itself; it has been checked when its bearer has logged in. Absent: there is none. */
static FoxSlice
token_claims(const FoxHttpCall *call, FoxBuf *claims)
{
	FoxSlice	bearer = fox_http_header(call->headers, "authorization");
	const char *first;
	const char *second;

	if (bearer.len <= 7 || !fox_http_same(fox_slice(bearer.ptr, 7), FOX_LIT("bearer ")) ||
		(first = memchr(bearer.ptr, '.', bearer.len)) == NULL ||
		(second = memchr(first + 1, '.', (size_t) (bearer.ptr + bearer.len - first - 1))) == NULL ||
		!fox_base64url_decode(fox_slice(first + 1, (size_t) (second - first - 1)), claims))
		return FOX_ABSENT;
	return fox_buf_view(claims);
}

/* The token's, if there is one, with the role that the caller really has. */
static void
set_claims(const FoxHttpCall *call, const FoxCaller *caller)
{
	FoxBuf		decoded = {0};
	FoxSlice	claims = token_claims(call, &decoded);
	StringInfoData json;
	FoxSlice	key;
	FoxSlice	value;
	FoxKind		kind;
	size_t		pos = 0;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"role\":");
	escape_json(&json, pnstrdup(caller->role.ptr, caller->role.len));
	if (!fox_absent(claims) && fox_json_valid(claims, &kind) && kind == FOX_JSON_OBJECT && pg_verifymbstr(claims.ptr, (int) claims.len, true))
	{
		(void) fox_json_scan(claims.ptr, claims.ptr + claims.len, &claims, &kind);
		while (fox_json_member(claims, &pos, &key, &value))
			if (!fox_json_key_is(key, "role"))
				appendStringInfo(&json, ",\"%.*s\":%.*s", (int) key.len, key.ptr, (int) value.len, value.ptr);
	}
	else if (call->caller >= FOX_HTTP_SOMEBODY)
	{
		appendStringInfoString(&json, ",\"sub\":");
		escape_json(&json, pnstrdup(caller->authid.ptr, caller->authid.len));
	}
	appendStringInfoChar(&json, '}');
	fox_buf_free(&decoded);
	set("request.jwt.claims", fox_slice(json.data, json.len));
}

/* All that the settings are made of. */
static void
put_request(FoxBuf *b, const FoxHttpCall *call, const FoxCaller *caller)
{
	const FoxSlice parts[] = {call->method, call->path, caller->role, caller->authid, call->headers};

	for (int i = 0; i < lengthof(parts); i++)
	{
		fox_buf_u64(b, parts[i].len);
		fox_buf_char(b, ' ');
		fox_buf_slice(b, parts[i]);
	}
	fox_buf_u64(b, call->caller);
}

static void
set_request(const FoxHttpCall *call, const FoxCaller *caller)
{
	set("request.method", call->method);
	set("request.path", call->path);
	set_headers(call->headers);
	set_claims(call, caller);
}

/* Nothing is left of a request for a call that is none. */
static void
set_no_request(void)
{
	set("request.method", FOX_LIT(""));
	set("request.path", FOX_LIT(""));
	set("request.headers", FOX_LIT(""));
	set("request.jwt.claims", FOX_LIT(""));
}

void
fox_http_begin(const FoxHttpCall *call, const FoxCaller *caller)
{
	static FoxBuf current = {0};	/* what the settings are of; empty: that is not known */
	static FoxBuf asked = {0};
	FoxBuf		former = current;

	fox_buf_reset(&asked);
	asked.failed = false;
	if (call != NULL)
		put_request(&asked, call, caller);
	else
		fox_buf_char(&asked, '-');
	if (!asked.failed && fox_slice_eq(fox_buf_view(&asked), fox_buf_view(&current)))
		return;
	fox_buf_reset(&current);
	if (call != NULL)
		set_request(call, caller);
	else
		set_no_request();
	if (asked.failed)
		return;
	current = asked;
	asked = former;
}

/* --- getters --- */

static const FoxHttpCall *
request(void)
{
	const FoxCaller *caller = fox_caller();

	return caller != NULL ? caller->http : NULL;
}

static Datum
text_or_null(FunctionCallInfo fcinfo, FoxSlice s)
{
	/* A client may send anything. */
	if (fox_absent(s) || !pg_verifymbstr(s.ptr, (int) s.len, true))
		PG_RETURN_NULL();
	return PointerGetDatum(cstring_to_text_with_len(s.ptr, (int) s.len));
}

Datum
fox_wamp_http_method(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, request() ? request()->method : FOX_ABSENT);
}

Datum
fox_wamp_request_path(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, request() ? request()->path : FOX_ABSENT);
}

/* By any door. */
Datum
fox_wamp_request_table(PG_FUNCTION_ARGS)
{
	const FoxCaller *caller = fox_caller();

	if (caller == NULL || fox_absent(caller->table))
		PG_RETURN_NULL();
	return DirectFunctionCall1(regclassin, CStringGetDatum(pnstrdup(caller->table.ptr, caller->table.len)));
}

Datum
fox_wamp_request_id(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, fox_cstr(fox_caller_row()));
}

/* "127.0.0.1:54321" or "[::1]:54321"; NULL for what is no address. */
Datum
fox_wamp_remote_ip(PG_FUNCTION_ARGS)
{
	const FoxCaller *caller = fox_caller();
	FoxSlice	peer = request() != NULL ? request()->peer : caller != NULL ? caller->peer : FOX_ABSENT;
	char	   *text;
	char	   *colon;

	if (fox_absent(peer))
		PG_RETURN_NULL();
	text = pnstrdup(peer.ptr, peer.len);
	if ((colon = strrchr(text, ':')) == NULL || strncmp(text, "unix", 4) == 0)
		PG_RETURN_NULL();
	*colon = '\0';
	if (text[0] == '[')
	{
		text++;
		text[strcspn(text, "]")] = '\0';
	}
	return DirectFunctionCall1(inet_in, CStringGetDatum(text));
}

/* Of the request, or of the handshake that a WAMP client has come with. */
static FoxSlice
header(const char *name)
{
	const FoxCaller *caller = fox_caller();
	FoxSlice	headers = request() != NULL ? request()->headers : caller != NULL ? caller->headers : FOX_ABSENT;

	return fox_absent(headers) ? FOX_ABSENT : fox_http_header(headers, name);
}

Datum
fox_wamp_user_agent(PG_FUNCTION_ARGS)
{
	const FoxCaller *caller = fox_caller();

	return text_or_null(fcinfo, caller != NULL && !fox_absent(caller->agent) ? caller->agent : header("user-agent"));
}

Datum
fox_wamp_in_header(PG_FUNCTION_ARGS)
{
	return text_or_null(fcinfo, header(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

Datum
fox_wamp_in_body(PG_FUNCTION_ARGS)
{
	if (request() == NULL || fox_absent(request()->body))
		PG_RETURN_NULL();
	/* A bytea is laid out as a text is. */
	return PointerGetDatum(cstring_to_text_with_len(request()->body.ptr, (int) request()->body.len));
}

Datum
fox_wamp_set_status(PG_FUNCTION_ARGS)
{
	int			status = PG_GETARG_INT32(0);

	if (status < 200 || status > 599)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the status of a reply must be from 200 to 599")));
	fox_http_say_status((unsigned) status);
	PG_RETURN_VOID();
}
