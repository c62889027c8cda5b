/*
 * http_call.c - HTTP requests and replies as runs of bytes (see http_call.h).
 */
#include "codec/http_call.h"

#include "codec/http_req.h"
#include "codec/json.h"

#include "base/pure.h"

#define NONE UINT64_MAX			/* length of an absent slice */

static void
put(FoxBuf *out, FoxSlice s)
{
	uint64_t	len = fox_absent(s) ? NONE : s.len;

	fox_buf_put(out, &len, sizeof(len));
	fox_buf_slice(out, s);
}

static FoxSlice
get(FoxSlice *from, bool *bad)
{
	FoxSlice	s = FOX_ABSENT;
	uint64_t	len;

	if (*bad || from->len < sizeof(len))
	{
		*bad = true;
		return FOX_ABSENT;
	}
	memcpy(&len, from->ptr, sizeof(len));
	from->ptr += sizeof(len);
	from->len -= sizeof(len);
	if (len == NONE)
		return FOX_ABSENT;
	if (len > from->len)
	{
		*bad = true;
		return FOX_ABSENT;
	}
	s = fox_slice(from->ptr, (size_t) len);
	from->ptr += len;
	from->len -= (size_t) len;
	return s;
}

void
fox_http_call_put(FoxBuf *out, const FoxHttpCall *call)
{
	char		kinds[3] = {(char) call->style, (char) call->columns, (char) call->caller};

	put(out, fox_slice(kinds, sizeof(kinds)));
	put(out, call->method);
	put(out, call->path);
	put(out, call->query);
	put(out, call->headers);
	put(out, call->body);
	put(out, call->peer);
	put(out, call->row);
	put(out, call->column);
	put(out, call->echo);
}

bool
fox_http_call_get(FoxSlice bytes, FoxHttpCall *call)
{
	bool		bad = false;
	FoxSlice	kinds = get(&bytes, &bad);

	if (kinds.len != 3)
		return false;
	*call = (FoxHttpCall){
		.style = (FoxHttpStyle) kinds.ptr[0], .columns = (FoxHttpColumns) kinds.ptr[1], .caller = (FoxHttpCaller) kinds.ptr[2]
	};
	call->method = get(&bytes, &bad);
	call->path = get(&bytes, &bad);
	call->query = get(&bytes, &bad);
	call->headers = get(&bytes, &bad);
	call->body = get(&bytes, &bad);
	call->peer = get(&bytes, &bad);
	call->row = get(&bytes, &bad);
	call->column = get(&bytes, &bad);
	call->echo = get(&bytes, &bad);
	return !bad;
}

void
fox_http_reply_put(FoxBuf *out, const FoxHttpReply *reply)
{
	uint32_t	status = reply->status;

	put(out, fox_slice((const char *) &status, sizeof(status)));
	put(out, reply->type);
	put(out, reply->headers);
	put(out, reply->body);
}

bool
fox_http_reply_get(FoxSlice bytes, FoxHttpReply *reply)
{
	bool		bad = false;
	FoxSlice	number = get(&bytes, &bad);
	uint32_t	status;

	if (number.len != sizeof(status))
		return false;
	memcpy(&status, number.ptr, sizeof(status));
	reply->status = status;
	reply->type = get(&bytes, &bad);
	reply->headers = get(&bytes, &bad);
	reply->body = get(&bytes, &bad);
	return !bad;
}

/* --- errors --- */

static void
member(FoxBuf *out, const char *name, FoxSlice text, bool nulls)
{
	if (fox_absent(text) && !nulls)
		return;
	fox_buf_str(out, ",\"");
	fox_buf_str(out, name);
	fox_buf_str(out, "\":");
	if (fox_absent(text))
		fox_buf_str(out, "null");
	else
		fox_buf_json_str(out, text);
}

void
fox_http_error_put(FoxBuf *out, FoxHttpStyle style, const FoxHttpError *e)
{
	FoxSlice	text = fox_absent(e->text) ? fox_cstr(fox_http_phrase(e->status)) : e->text;

	if (style == FOX_HTTP_RESULT)
	{
		fox_buf_str(out, "{\"ErrorCode\":");
		fox_buf_u64(out, e->status);
		if (fox_json_valid(text, NULL) && fox_json_kind(text) == FOX_JSON_OBJECT)
		{
			fox_buf_str(out, ",\"ErrorText\":");
			fox_buf_slice(out, text);
		}
		else
			member(out, "ErrorText", text, false);
		member(out, "Parameter", e->parameter, false);
		member(out, "Uri", e->uri, false);
		member(out, "SqlState", e->sqlstate, false);
		member(out, "Detail", e->detail, false);
		member(out, "Hint", e->hint, false);
	}
	else
	{
		fox_buf_str(out, "{\"code\":");
		if (fox_absent(e->sqlstate))
		{
			fox_buf_char(out, '"');
			fox_buf_u64(out, e->status);
			fox_buf_char(out, '"');
		}
		else
			fox_buf_json_str(out, e->sqlstate);
		member(out, "message", text, false);
		member(out, "details", e->detail, true);
		member(out, "hint", e->hint, true);
	}
	fox_buf_char(out, '}');
}
