/*
 * test_http.c - HTTP requests: heads, chunks, targets, and what goes to executors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/http_call.h"
#include "codec/http_req.h"
#include "codec/url.h"
#include "gate/origin.h"

/* 200: a head; 0: more is needed; else the status of what is wrong. */
static unsigned
parse(const char *text, FoxHttpHead *h)
{
	switch (fox_http_head(text, strlen(text), h))
	{
		case FOX_HTTP_DONE:
			return 200;
		case FOX_HTTP_MORE:
			return 0;
		default:
			return h->status;
	}
}

#define GET "GET /a?b=c HTTP/1.1\r\nHost: x\r\n"

static void
heads(void **state)
{
	static const struct
	{
		const char *text;
		unsigned	status;
	}			cases[] = {
		{GET "\r\n", 200}, {"\r\n" GET "\r\n", 200}, {"GET / HTTP/1.0\r\n\r\n", 200}, {GET "A:b\r\n\r\nrest", 200},
		{"GET", 0}, {"GET / HTTP/1.1\r\n", 0}, {GET, 0}, {GET "\r", 0},
		{"GET / HTTP/1.1\r\n\r\n", 400}, {"GET / HTTP/2.0\r\n\r\n", 505}, {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 200}, {"GET / HTTP/1.x\r\n\r\n", 400}, {"GET / HTTP/a.1\r\n\r\n", 400}, {"GET /\r\n\r\n", 400}, {"GET  / HTTP/1.1\r\n\r\n", 400},
		{"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400}, {"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400}, {"GET / HTTP/1.1\nHost: x\n\n", 400},
		{GET "Host: y\r\n\r\n", 400}, {GET "A : b\r\n\r\n", 400}, {GET " folded\r\n\r\n", 400}, {GET "A: b\r\n folded\r\n\r\n", 400},
		{GET "A\r\n\r\n", 400}, {GET "A: \x01\r\n\r\n", 400}, {GET ": b\r\n\r\n", 400}, {GET "A: b\n\r\n", 400}, {GET "A: b\r\r\n\r\n", 400},
		{GET "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 200}, {GET "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
		{GET "Content-Length: +3\r\n\r\n", 400}, {GET "Content-Length: 3,3\r\n\r\n", 400}, {GET "Content-Length: \r\n\r\n", 400},
		{GET "Content-Length: 99999999999999999999\r\n\r\n", 400}, {GET "Transfer-Encoding: chunked\r\n\r\n", 200},
		{GET "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400}, {GET "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
		{GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400}, {GET "Expect: 100-continue\r\n\r\n", 200}, {GET "Expect: x\r\n\r\n", 417}
	};
	FoxHttpHead h;

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (parse(cases[i].text, &h) != cases[i].status)
			fail_msg("%s: %u", cases[i].text, parse(cases[i].text, &h));
}

static void
a_head_says_how_it_goes_on(void **state)
{
	FoxHttpHead h;

	(void) state;
	assert_int_equal(parse(GET "Content-Length: 12\r\nX-A:  b \r\nx-a: c\r\n\r\n", &h), 200);
	assert_true(fox_slice_is(h.method, "GET") && fox_slice_is(h.target, "/a?b=c"));
	assert_true(h.keep && h.has_length && h.content_length == 12 && !h.chunked && !h.upgrades);
	assert_true(fox_slice_is(fox_http_header(h.headers, "X-A"), "b"));
	assert_true(fox_absent(fox_http_header(h.headers, "X-B")));
	assert_int_equal(parse(GET "Connection: Close\r\n\r\n", &h), 200);
	assert_false(h.keep);
	assert_int_equal(parse(GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", &h), 200);
	assert_true(h.keep && h.upgrades && !h.old);
	assert_int_equal(parse(GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", &h), 200);
	assert_true(h.keep && !h.upgrades);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &h), 200);
	assert_false(h.keep);
	assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &h), 200);
	assert_true(h.keep && h.old);
}

static void
what_is_too_long(void **state)
{
	char	   *text = malloc(FOX_HTTP_HEAD_MAX + 200);
	FoxHttpHead h;

	(void) state;
	memset(text, 'a', FOX_HTTP_HEAD_MAX + 200);
	memcpy(text, "GET /", 5);
	text[FOX_HTTP_TARGET_MAX + 100] = '\0';
	assert_int_equal(parse(text, &h), 414);
	memset(text, 'a', FOX_HTTP_HEAD_MAX + 200);
	memcpy(text, GET "A: ", sizeof(GET "A: ") - 1);
	text[FOX_HTTP_HEAD_MAX + 100] = '\0';
	assert_int_equal(parse(text, &h), 431);
	free(text);
}

/* The body of chunks that come in pieces of so many bytes; NULL: they are malformed or cut off. */
static const char *
unchunk(const char *text, size_t piece, size_t max, unsigned *status)
{
	static FoxBuf body;
	FoxChunked	c = {0};
	size_t		len = strlen(text);
	FoxHttpParsed parsed = FOX_HTTP_MORE;

	fox_buf_reset(&body);
	for (size_t at = 0; at < len && parsed == FOX_HTTP_MORE;)
	{
		size_t		n = len - at < piece ? len - at : piece;
		size_t		used = 0;

		parsed = fox_chunked(&c, text + at, n, max, &body, &used, status);
		at += used;
		if (parsed == FOX_HTTP_MORE)
			assert_int_equal(used, n);
	}
	fox_buf_char(&body, '\0');
	return parsed == FOX_HTTP_DONE ? body.data : NULL;
}

static void
chunks(void **state)
{
	static const char *const bad[] = {
		"3\r\nabcd\r\n0\r\n\r\n", "x\r\n", "\r\n", "3\nabc\r\n0\r\n\r\n", "3 z\n", "fffffffffffffffff\r\n", "3\r\nabc0\r\n\r\n", "-1\r\n", "3\r\nab"
	};
	unsigned	status;

	(void) state;
	for (size_t piece = 1; piece < 20; piece++)
	{
		assert_string_equal(unchunk("3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n", piece, 100, &status), "abc0123456789");
		assert_string_equal(unchunk("0\r\n\r\n", piece, 100, &status), "");
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			assert_null(unchunk(bad[i], piece, 100, &status));
		assert_null(unchunk("3\r\nabc\r\n0\r\n\r\n", piece, 2, &status));
		assert_int_equal(status, 413);
	}
}

static void
expect_decoded(const char *text, bool plus, const char *expected)
{
	FoxBuf		out = {0};

	fox_url_decode(fox_cstr(text), plus, &out);
	fox_buf_char(&out, '\0');
	assert_string_equal(out.data, expected);
	fox_buf_free(&out);
}

static void
targets(void **state)
{
	FoxSlice	path;
	FoxSlice	query;
	FoxSlice	a;
	FoxSlice	b;
	size_t		pos = 0;

	(void) state;
	expect_decoded("a%20b+c", true, "a b c");
	expect_decoded("a%20b+c", false, "a b+c");
	expect_decoded("100%zz%4", true, "100%zz%4");
	expect_decoded("%C3%bc", true, "\xc3\xbc");
	fox_url_split(FOX_LIT("http://host:80/a/b?c"), &path, &query);
	assert_true(fox_slice_is(path, "/a/b") && fox_slice_is(query, "c"));
	fox_url_split(FOX_LIT("/a"), &path, &query);
	assert_true(fox_slice_is(path, "/a") && fox_absent(query));
	path = FOX_LIT("/a//b/");
	assert_true(fox_url_segment(path, &pos, &a) && fox_slice_is(a, "a"));
	assert_true(fox_url_segment(path, &pos, &a) && fox_slice_is(a, ""));
	assert_true(fox_url_segment(path, &pos, &a) && fox_slice_is(a, "b"));
	assert_false(fox_url_segment(path, &pos, &a));
	query = FOX_LIT("a=b&&c&d=e=f&");
	pos = 0;
	assert_true(fox_url_pair(query, &pos, &a, &b) && fox_slice_is(a, "a") && fox_slice_is(b, "b"));
	assert_true(fox_url_pair(query, &pos, &a, &b) && fox_slice_is(a, "c") && fox_slice_is(b, ""));
	assert_true(fox_url_pair(query, &pos, &a, &b) && fox_slice_is(a, "d") && fox_slice_is(b, "e=f"));
	assert_false(fox_url_pair(query, &pos, &a, &b));
}

static void
calls_and_replies_come_back_as_they_went(void **state)
{
	FoxBuf		bytes = {0};
	FoxHttpCall call = {.style = FOX_HTTP_PLAIN, .columns = FOX_HTTP_ARRAY, .caller = FOX_HTTP_SOMEBODY, .method = FOX_LIT("GET"),
		.path = FOX_LIT("/a"), .headers = FOX_LIT(""), .body = fox_slice("\0x", 2), .peer = FOX_LIT("p"), .row = FOX_LIT("1")
	};
	FoxHttpReply reply = {.status = 201, .type = FOX_LIT("t"), .headers = FOX_LIT("h"), .body = FOX_LIT("")};
	FoxHttpCall c;
	FoxHttpReply r;

	(void) state;
	fox_http_call_put(&bytes, &call);
	assert_true(fox_http_call_get(fox_buf_view(&bytes), &c));
	assert_true(c.style == FOX_HTTP_PLAIN && c.columns == FOX_HTTP_ARRAY && c.caller == FOX_HTTP_SOMEBODY);
	assert_true(fox_slice_is(c.method, "GET") && fox_absent(c.query) && fox_slice_eq(c.body, call.body) && fox_slice_is(c.row, "1") && fox_absent(c.column));
	for (size_t n = 0; n < bytes.len; n++)
		assert_false(fox_http_call_get(fox_slice(bytes.data, n), &c));
	fox_buf_reset(&bytes);
	fox_http_reply_put(&bytes, &reply);
	assert_true(fox_http_reply_get(fox_buf_view(&bytes), &r));
	assert_true(r.status == 201 && fox_slice_is(r.type, "t") && fox_slice_is(r.headers, "h") && r.body.len == 0);
	for (size_t n = 0; n < bytes.len; n++)
		assert_false(fox_http_reply_get(fox_slice(bytes.data, n), &r));
	fox_buf_free(&bytes);
}

static void
errors(void **state)
{
	FoxBuf		out = {0};

	(void) state;
	fox_http_error_put(&out, FOX_HTTP_RESULT, &(FoxHttpError){.status = 404});
	fox_http_error_put(&out, FOX_HTTP_RESULT, &(FoxHttpError){.status = 400, .text = FOX_LIT("a\"b"), .parameter = FOX_LIT("p")});
	fox_http_error_put(&out, FOX_HTTP_PLAIN, &(FoxHttpError){.status = 400, .text = FOX_LIT("t"), .sqlstate = FOX_LIT("22P02")});
	fox_buf_char(&out, '\0');
	assert_string_equal(out.data, "{\"ErrorCode\":404,\"ErrorText\":\"Not Found\"}"
						"{\"ErrorCode\":400,\"ErrorText\":\"a\\\"b\",\"Parameter\":\"p\"}"
						"{\"code\":\"22P02\",\"message\":\"t\",\"details\":null,\"hint\":null}");
	fox_buf_free(&out);
}

static void
origins(void **state)
{
	(void) state;
	assert_true(fox_origin_is_local(FOX_LIT("")) && fox_origin_is_local(FOX_LIT("http://localhost:3000")) &&
				fox_origin_is_local(FOX_LIT("http://[::1]")));
	assert_false(fox_origin_is_local(FOX_LIT("http://localhost.evil.org")) || fox_origin_is_local(FOX_LIT("null")));
	assert_true(fox_host_is_local(FOX_LIT("127.0.0.1:8080")));
	assert_false(fox_host_is_local(FOX_LIT("127.0.0.1.evil.org")) || fox_host_is_local(FOX_LIT("")));
	assert_true(fox_origin_listed("https://a.org, https://b.org", FOX_LIT("https://b.org")) && fox_origin_listed("*", FOX_LIT("https://b.org")));
	assert_false(fox_origin_listed("https://a.org", FOX_LIT("https://a.or")) || fox_origin_listed("", FOX_LIT("https://a.org")) ||
				 fox_origin_listed("*", FOX_LIT("")));
}

/* Whatever the bytes, decoding gives back what was encoded. */
static void
what_is_encoded(void **state)
{
	char		all[256];
	FoxBuf		encoded = {0};
	FoxBuf		decoded = {0};

	(void) state;
	fox_url_encode(FOX_LIT("/a b/%2F?x=1&y=\303\274~"), "/", &encoded);
	fox_buf_char(&encoded, '\0');
	assert_string_equal(encoded.data, "/a%20b/%252F%3Fx%3D1%26y%3D%C3%BC~");
	for (int i = 0; i < 256; i++)
		all[i] = (char) i;
	fox_buf_reset(&encoded);
	fox_url_encode(fox_slice(all, sizeof(all)), "", &encoded);
	fox_url_decode(fox_buf_view(&encoded), true, &decoded);
	assert_int_equal(decoded.len, sizeof(all));
	assert_memory_equal(decoded.data, all, sizeof(all));
	fox_buf_free(&encoded);
	fox_buf_free(&decoded);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads),
		cmocka_unit_test(a_head_says_how_it_goes_on),
		cmocka_unit_test(what_is_too_long),
		cmocka_unit_test(chunks),
		cmocka_unit_test(targets),
		cmocka_unit_test(calls_and_replies_come_back_as_they_went),
		cmocka_unit_test(errors),
		cmocka_unit_test(origins),
		cmocka_unit_test(what_is_encoded)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
