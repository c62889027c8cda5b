/*
 * fuzz_http_gate.c - requests of two connections, any bytes, to a router that answers calls between them.
 *
 * Requests are told apart by a record separator; each is a head and what stands behind its empty line.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/http_req.h"
#include "gate/http_gate.h"
#include "router.h"

static char token[128];			/* of the last session that has begun */

static void
answer(void *conn, unsigned status, FoxSlice headers, FoxSlice body)
{
	const char *at = body.len > 0 ? memmem(body.ptr, body.len, "\"token\":\"", 9) : NULL;

	(void) conn;
	if (status < 100 || status > 599 || (headers.len > 0 && (headers.len < 2 || headers.ptr[headers.len - 1] != '\n')))
		abort();
	if (at != NULL && at + 9 + 68 <= body.ptr + body.len)
		snprintf(token, sizeof(token), "Authorization: Bearer %.68s\r\n", at + 9);
}

static void
stream(void *conn, unsigned status, FoxSlice headers)
{
	answer(conn, status, headers, FOX_LIT(""));
}

static void
part(void *conn, FoxSlice bytes)
{
	(void) conn, (void) bytes;
}

static void
end(void *conn)
{
	(void) conn;
}

static void
request(void *gate, const char *p, size_t len)
{
	FoxHttpHead head;
	FoxBuf		headers = {0};

	if (fox_http_head(p, len, &head) != FOX_HTTP_DONE)
	{
		fox_http_gate_request(gate, &(FoxHttpAsk){.status = 400});
		return;
	}
	fox_buf_slice(&headers, head.headers);
	if (fox_absent(fox_http_header(head.headers, "x-token")))
		fox_buf_str(&headers, "");
	else
		fox_buf_str(&headers, token);
	fox_http_gate_request(gate, &(FoxHttpAsk){
		.method = head.method, .target = head.target, .headers = fox_buf_view(&headers), .body = fox_slice(p + head.len, len - head.len),
		.address = "127.0.0.1:1", .origin = "", .loopback = true, .confidential = true, .certificate = ""
	});
	fox_buf_free(&headers);
}

static void
row(FoxRouter *router, FoxChangeKind kind, const char *topic, const char *args)
{
	fox_router_change(router, &(FoxChange){.kind = kind, .realm = FOX_LIT("realm1"), .topic = fox_cstr(topic), .args = fox_cstr(args)});
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FoxRouter  *router = fuzz_router_open();
	FoxHttpTransport transport = {NULL, answer, stream, part, end};
	void	   *gates[2];
	int			turn = 0;

	token[0] = '\0';
	row(router, FOX_CHANGE_ROOT, "root", "[{\"style\":\"result\",\"auth\":false}]");
	row(router, FOX_CHANGE_ROOT, "api", "[{\"style\":\"plain\",\"auth\":true}]");
	row(router, FOX_CHANGE_EXPOSED, "root.f", "[{\"function\":\"f()\"}]");
	row(router, FOX_CHANGE_EXPOSED, "root.t", "[{\"function\":\"t()\",\"methods\":[\"GET\",\"PUT\"],\"bound\":\"rows\",\"table\":\"a.t\"}]");
	row(router, FOX_CHANGE_EXPOSED, "root.t.g", "[{\"function\":\"g(a.t)\",\"bound\":\"row\",\"table\":\"root.t\"}]");
	for (int i = 0; i < 2; i++)
		gates[i] = fox_http_gate_open(router, &transport);
	for (size_t at = 0; at < size && turn < 64; turn++)
	{
		const uint8_t *next = memchr(data + at, '\x1e', size - at);
		size_t		n = next ? (size_t) (next - (data + at)) : size - at;
		char	   *copy = malloc(n + 1);

		memcpy(copy, data + at, n);
		/* A connection has one request at a time: a new one stands for its next. */
		if (turn >= 2)
			fuzz_commit();
		fox_http_gate_close(gates[turn & 1]);
		gates[turn & 1] = fox_http_gate_open(router, &transport);
		request(gates[turn & 1], copy, n);
		free(copy);
		fox_router_tick(router);
		at += n + 1;
	}
	for (int i = 0; i < 2; i++)
		fox_http_gate_close(gates[i]);
	fuzz_router_close();
	return 0;
}
