/* HTTP: any bytes as a head, as chunks, as a target; a head must be the same however much follows it. */
#include <stdlib.h>

#include "codec/http_call.h"
#include "codec/http_req.h"
#include "codec/url.h"

static void
chunks(const char *p, size_t len)
{
	FoxChunked	c = {0};
	FoxBuf		body = {0};
	size_t		used;
	unsigned	status;

	for (size_t at = 0; at < len; at += used)
		if (fox_chunked(&c, p + at, len - at < 7 ? len - at : 7, 1000, &body, &used, &status) != FOX_HTTP_MORE)
			break;
	if (body.len > 1000)
		abort();
	fox_buf_free(&body);
}

static void
target(FoxSlice text)
{
	FoxBuf		out = {0};
	FoxSlice	path;
	FoxSlice	query;
	FoxSlice	a;
	FoxSlice	b;
	size_t		pos = 0;

	fox_url_split(text, &path, &query);
	while (fox_url_segment(path, &pos, &a))
		fox_url_decode(a, false, &out);
	pos = 0;
	while (!fox_absent(query) && fox_url_pair(query, &pos, &a, &b))
		fox_url_decode(b, true, &out);
	if (out.len > text.len)
		abort();
	fox_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *) data;
	FoxHttpHead h;
	FoxHttpHead again;
	FoxHttpCall call;
	FoxHttpReply reply;
	FoxSlice	name;
	FoxSlice	value;
	size_t		pos = 0;

	if (fox_http_head(p, size, &h) == FOX_HTTP_DONE)
	{
		if (h.len > size || fox_http_head(p, h.len, &again) != FOX_HTTP_DONE || again.len != h.len)
			abort();
		while (fox_http_header_next(h.headers, &pos, &name, &value))
			if (value.ptr < h.headers.ptr || value.ptr + value.len > h.headers.ptr + h.headers.len)
				abort();
		if (pos != h.headers.len)
			abort();
		target(h.target);
	}
	chunks(p, size);
	target(fox_slice(p, size));
	(void) fox_http_call_get(fox_slice(p, size), &call);
	(void) fox_http_reply_get(fox_slice(p, size), &reply);
	return 0;
}
