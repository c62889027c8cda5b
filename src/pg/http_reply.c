/*
 * http_reply.c - what a function has returned, or an ERROR, becomes an HTTP reply.
 *
 * The function may say more than its value: by its type (a domain whose name is a media
 * type, fox_wamp.http_response), by set_status(), and in PostgREST's way by the settings
 * response.status and response.headers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "codec/http_req.h"
#include "codec/json.h"
#include "pg/http_exec.h"

static FoxBuf made = {0};		/* the reply in hand */

FoxSlice
fox_http_reply_made(void)
{
	if (made.failed)
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return fox_buf_view(&made);
}

static void
make(const FoxHttpReply *reply)
{
	if (made.cap > 1024 * 1024)
		fox_buf_free(&made);
	fox_buf_reset(&made);
	made.failed = false;
	fox_http_reply_put(&made, reply);
}

/* --- values out of JSON --- */

/* The text of a JSON string, palloc'ed; absent: it is none. */
static FoxSlice
text_of(FoxSlice json)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_absent(json) ? FOX_ABSENT : fox_json_text(json, &scratch);

	if (!fox_absent(text))
		text = fox_slice(pnstrdup(text.ptr, text.len), text.len);
	fox_buf_free(&scratch);
	return text;
}

/* The bytes of "\x…". */
static FoxSlice
bytes_of(FoxSlice json)
{
	FoxSlice	text = text_of(json);
	char	   *bytes;
	uint64		n;

	if (text.len < 2)
		return FOX_LIT("");
	bytes = palloc(text.len / 2 + 1);
	n = hex_decode(text.ptr + 2, text.len - 2, bytes);
	return fox_slice(bytes, n);
}

static FoxSlice
view(const StringInfoData *s)
{
	return fox_slice(s->data, s->len);
}

/* --- headers --- */

static bool
is_ours(FoxSlice name)
{
	static const char *const ours[] = {"content-length", "connection", "transfer-encoding", "keep-alive", "upgrade", "date"};

	for (int i = 0; i < (int) lengthof(ours); i++)
		if (fox_http_same(name, fox_cstr(ours[i])))
			return true;
	return false;
}

static void
append_header(StringInfo out, FoxSlice *type, FoxSlice name, FoxSlice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (((unsigned char) value.ptr[i] < ' ' && value.ptr[i] != '\t') || value.ptr[i] == 127)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the value of header \"%.*s\" has a control character", (int) name.len, name.ptr)));
	if (!fox_http_is_token(name) || is_ours(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("header \"%.*s\" can not be set", (int) name.len, name.ptr)));
	if (fox_http_same(name, FOX_LIT("content-type")))
	{
		*type = value;
		return;
	}
	appendBinaryStringInfo(out, name.ptr, (int) name.len);
	appendStringInfoString(out, ": ");
	appendBinaryStringInfo(out, value.ptr, (int) value.len);
	appendStringInfoString(out, "\r\n");
}

/* Of an object, or an array of them. */
static void
append_headers(StringInfo out, FoxSlice *type, FoxSlice json)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (fox_json_kind(json) == FOX_JSON_ARRAY)
	{
		while (fox_json_element(json, &pos, &value))
			if (fox_json_kind(value) == FOX_JSON_OBJECT)
				append_headers(out, type, value);
		return;
	}
	while (fox_json_kind(json) == FOX_JSON_OBJECT && fox_json_member(json, &pos, &key, &value))
	{
		FoxSlice	text = fox_json_kind(value) == FOX_JSON_STRING ? text_of(value) : value;

		if (fox_absent(text))
			text = FOX_LIT("\n");	/* no such text can be: it is refused */
		append_header(out, type, text_of(fox_slice(key.ptr - 1, key.len + 2)), text);
	}
}

/* --- what the function has said beside its value --- */

static unsigned
check_status(int64 status)
{
	if (status < 200 || status > 599)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the status of a reply must be from 200 to 599")));
	return (unsigned) status;
}

static void
apply_settings(FoxHttpReply *reply, StringInfo headers)
{
	const char *status = GetConfigOption("response.status", true, false);
	const char *lines = GetConfigOption("response.headers", true, false);

	if (fox_http_said()->status != 0)
		reply->status = fox_http_said()->status;
	if (fox_http_said()->location != NULL)
		appendStringInfo(headers, "Location: %s\r\n", fox_http_said()->location);
	if (status != NULL && status[0] != '\0')
		reply->status = check_status(strtol(status, NULL, 10));
	if (lines != NULL && lines[0] != '\0')
	{
		if (!fox_json_valid(fox_cstr(lines), NULL))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("response.headers is not JSON")));
		append_headers(headers, &reply->type, fox_cstr(pstrdup(lines)));
	}
}

/* --- results --- */

static void
fail_with(FoxHttpReply *reply, const FoxHttpCall *call, const FoxHttpError *e)
{
	FoxBuf		body = {0};

	fox_http_error_put(&body, call->style, e);
	reply->status = e->status;
	reply->type = FOX_LIT(FOX_HTTP_TYPE_JSON);
	reply->body = body.failed ? FOX_LIT("") : fox_slice(pnstrdup(body.data, body.len), body.len);
	fox_buf_free(&body);
}

/* A value of fox_wamp.http_response, as an object. */
static void
take_response(FoxHttpReply *reply, const FoxHttpCall *call, FoxSlice json, StringInfo headers)
{
	FoxSlice	type = text_of(fox_json_get(json, "content_type"));
	FoxSlice	more = fox_json_get(json, "headers");
	uint64_t	status = 200;

	(void) fox_json_uint(fox_json_get(json, "status"), &status);
	reply->status = check_status((int64) status);
	reply->body = bytes_of(fox_json_get(json, "body"));
	if (!fox_absent(type))
	{
		StringInfoData none;

		initStringInfo(&none);
		append_header(&none, &reply->type, FOX_LIT("Content-Type"), type);
	}
	else if (reply->body.len > 0)
		reply->type = FOX_LIT(FOX_HTTP_TYPE_TEXT);
	append_headers(headers, &reply->type, more);
	if (reply->status >= 400 && !fox_json_is_true(fox_json_get(json, "raw")))
		fail_with(reply, call, &(FoxHttpError) {.status = reply->status, .text = reply->body.len > 0 ? reply->body : FOX_ABSENT});
}

/* The values of an object's members. */
static void
append_values(StringInfo out, FoxSlice object)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	appendStringInfoChar(out, '[');
	while (fox_json_member(object, &pos, &key, &value))
	{
		if (out->data[out->len - 1] != '[')
			appendStringInfoChar(out, ',');
		appendBinaryStringInfo(out, value.ptr, (int) value.len);
	}
	appendStringInfoChar(out, ']');
}

static void
append_value(StringInfo out, const FoxHttpCall *call, const FoxRoutine *f, FoxSlice json)
{
	FoxSlice	row;
	size_t		pos = 0;

	if (call->columns != FOX_HTTP_ARRAY || f->kind != FOX_RESULT_RECORD)
		appendBinaryStringInfo(out, json.ptr, (int) json.len);
	else if (fox_json_kind(json) == FOX_JSON_OBJECT)
		append_values(out, json);
	else if (fox_json_kind(json) == FOX_JSON_ARRAY)
	{
		appendStringInfoChar(out, '[');
		while (fox_json_element(json, &pos, &row))
		{
			if (out->data[out->len - 1] != '[')
				appendStringInfoChar(out, ',');
			append_values(out, row);
		}
		appendStringInfoChar(out, ']');
	}
	else
		appendBinaryStringInfo(out, json.ptr, (int) json.len);
}

static void
take_value(FoxHttpReply *reply, const FoxHttpCall *call, const FoxRoutine *f, StringInfo json)
{
	StringInfoData body;

	initStringInfo(&body);
	if (call->style == FOX_HTTP_RESULT)
		appendStringInfoString(&body, "{\"Result\":");
	append_value(&body, call, f, view(json));
	if (call->style == FOX_HTTP_RESULT && !fox_absent(call->echo))
		appendStringInfo(&body, ",\"id\":%.*s", (int) call->echo.len, call->echo.ptr);
	if (call->style == FOX_HTTP_RESULT)
		appendStringInfoChar(&body, '}');
	reply->body = view(&body);
	reply->type = FOX_LIT(FOX_HTTP_TYPE_JSON);
}

/* The text of a value whose type is a media type. */
static void
take_media(FoxHttpReply *reply, const FoxRoutine *f, StringInfo json)
{
	FoxSlice	value = view(json);

	if (fox_json_kind(value) != FOX_JSON_STRING)
		reply->body = fox_json_kind(value) == FOX_JSON_NULL ? FOX_LIT("") : value;
	else
		reply->body = f->base == BYTEAOID ? bytes_of(value) : text_of(value);
	reply->type = fox_cstr(strcmp(f->media, "application/json") == 0 ? FOX_HTTP_TYPE_JSON :
						   strchr(f->media, ';') != NULL || strncmp(f->media, "text/", 5) != 0 ? f->media :
						   psprintf("%s; charset=UTF-8", f->media));
}

void
fox_http_result(const FoxRoutine *f, const FoxHttpCall *call, StringInfo json, MemoryContext context)
{
	MemoryContext saved = MemoryContextSwitchTo(context);
	FoxHttpReply reply = {.status = 200, .type = FOX_ABSENT, .body = FOX_LIT("")};
	StringInfoData headers;

	initStringInfo(&headers);
	if (fox_http_said()->has_body)
	{
		reply.type = fox_http_said()->type;
		reply.body = fox_http_said()->body;
	}
	else if (f->is_response && !f->set && json->data[0] == '{')
		take_response(&reply, call, view(json), &headers);
	else if (f->media != NULL && !f->set)
		take_media(&reply, f, json);
	else if (f->kind == FOX_RESULT_VOID && call->columns < FOX_HTTP_VALUES)
		reply.status = call->style == FOX_HTTP_PLAIN ? 204 : 200;
	else
		take_value(&reply, call, f, json);
	apply_settings(&reply, &headers);
	fox_http_encode(&reply, call, &headers);
	reply.headers = view(&headers);
	make(&reply);
	MemoryContextSwitchTo(saved);
}

/* --- errors --- */

/* What PostgREST answers. */
static unsigned
plain_status(const char *state, unsigned status)
{
	static const struct
	{
		const char *prefix;
		unsigned	status;
	}			table[] = {
		{"08", 503}, {"09", 500}, {"0L", 403}, {"0P", 403}, {"23503", 409}, {"23505", 409}, {"25006", 405}, {"25", 500},
		{"28", 403}, {"2D", 500}, {"38", 500}, {"39", 500}, {"3B", 500}, {"40", 500}, {"53400", 500}, {"53", 503}, {"54", 500},
		{"55", 500}, {"57", 500}, {"58", 500}, {"F0", 500}, {"HV", 500}, {"P0001", 400}, {"P0", 500}, {"XX", 500},
		{"42883", 404}, {"42P01", 404}, {"42P17", 500}
	};

	if (status != 500)
		return status;
	for (int i = 0; i < (int) lengthof(table); i++)
		if (strncmp(state, table[i].prefix, strlen(table[i].prefix)) == 0)
			return table[i].status;
	return 400;
}

void
fox_http_failed(const FoxHttpCall *call, const ErrorData *e, const FoxCallError *error)
{
	FoxSlice	kwargs = fox_cstr(error->kwargs);
	const char *state = pstrdup(unpack_sql_state(e->sqlerrcode));
	const char *message = e->message != NULL ? e->message : "";
	FoxHttpReply reply = {.headers = FOX_LIT("")};
	FoxHttpError out = {
		.status = error->status, .text = fox_cstr(message), .sqlstate = fox_cstr(state),
		.detail = text_of(fox_json_get(kwargs, "detail")), .hint = text_of(fox_json_get(kwargs, "hint")),
		.parameter = text_of(fox_json_get(kwargs, "parameter"))
	};

	if (e->sqlerrcode == ERRCODE_READ_ONLY_SQL_TRANSACTION)
		out.status = 405;
	if (call->style == FOX_HTTP_PLAIN || fox_http_said()->rows)
		out.status = plain_status(state, out.status);
	else if (out.status == 500)
		out.text = fox_cstr(psprintf("%s: %s", state, message));
	if (e->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE && out.status == 403 && call->caller < FOX_HTTP_SOMEBODY)
	{
		out.status = 401;
		reply.headers = FOX_LIT("WWW-Authenticate: Basic realm=\"fox_wamp\", charset=\"UTF-8\"\r\nWWW-Authenticate: Bearer\r\n");
	}
	else if (out.status == 405)
		reply.headers = FOX_LIT("Allow: POST\r\n");
	if (call->style == FOX_HTTP_RESULT && strncmp(state, "WF", 2) == 0)
		out.sqlstate = FOX_ABSENT;
	fail_with(&reply, call, &out);
	make(&reply);
}
