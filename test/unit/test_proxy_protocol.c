/*
 * test_proxy_protocol.c - what a proxy says of its client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codec/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal) literal, sizeof(literal) - 1
#define IPV4 "\xcb\x00\x71\x09" "\xc0\x00\x02\x01" "\xc3\x50" "\x1f\x90"
#define IPV6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" "\xc3\x50" "\x1f\x90"

/* What is read of it: from memory that ends where it does, so that a look behind it is found. */
static FoxProxyResult
read_header(const char *p, size_t len, FoxProxyHeader *h)
{
	char	   *exact = malloc(len + (len == 0));
	FoxProxyResult result;

	memcpy(exact, p, len);
	result = fox_proxy_header(exact, len, h);
	free(exact);
	return result;
}

/* Every beginning of it is waited for; it is done with its last octet, whatever follows. */
static void
done(const char *p, size_t len, FoxProxyClient client, const char *peer, FoxProxyTls tls)
{
	FoxProxyHeader h;
	char	   *longer = malloc(len + 3);

	for (size_t i = 0; i < len; i++)
		assert_int_equal(read_header(p, i, &h), FOX_PROXY_MORE);
	memcpy(longer, p, len);
	memcpy(longer + len, "\x10\r\n", 3);
	for (size_t more = 0; more <= 3; more++)
	{
		assert_int_equal(read_header(longer, len + more, &h), FOX_PROXY_DONE);
		assert_int_equal(h.len, len);
		assert_int_equal(h.client, client);
		assert_string_equal(h.peer, peer);
		assert_int_equal(h.tls, tls);
	}
	free(longer);
}

static void
bad(const char *p, size_t len)
{
	FoxProxyHeader h;

	assert_int_equal(read_header(p, len, &h), FOX_PROXY_BAD);
	assert_non_null(h.fault);
}

static void
test_lines(void **state)
{
	char		longest[FOX_PROXY_V1_MAX + 1] = "PROXY UNKNOWN ";

	(void) state;
	done(BYTES("PROXY TCP4 203.0.113.9 192.0.2.1 50000 8080\r\n"), FOX_PROXY_TOLD, "203.0.113.9:50000", FOX_PROXY_TLS_UNTOLD);
	done(BYTES("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"), FOX_PROXY_TOLD, "255.255.255.255:65535", FOX_PROXY_TLS_UNTOLD);
	done(BYTES("PROXY TCP6 2001:db8::7 ::1 50000 8080\r\n"), FOX_PROXY_TOLD, "[2001:db8::7]:50000", FOX_PROXY_TLS_UNTOLD);
	done(BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
		 FOX_PROXY_TOLD, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", FOX_PROXY_TLS_UNTOLD);
	done(BYTES("PROXY TCP6 ::ffff:203.0.113.9 ::1 50000 8080\r\n"), FOX_PROXY_TOLD, "203.0.113.9:50000", FOX_PROXY_TLS_UNTOLD);
	done(BYTES("PROXY UNKNOWN\r\n"), FOX_PROXY_UNTOLD, "", FOX_PROXY_TLS_UNTOLD);
	done(BYTES("PROXY UNKNOWN what ever  it\r is\r\n"), FOX_PROXY_UNTOLD, "", FOX_PROXY_TLS_UNTOLD);
	memset(longest + 14, 'x', sizeof(longest) - 14);
	memcpy(longest + FOX_PROXY_V1_MAX - 2, "\r\n", 2);
	done(longest, FOX_PROXY_V1_MAX, FOX_PROXY_UNTOLD, "", FOX_PROXY_TLS_UNTOLD);
	memcpy(longest + FOX_PROXY_V1_MAX - 2, "x\r\n", 3);
	bad(longest, FOX_PROXY_V1_MAX);
	bad(longest, FOX_PROXY_V1_MAX + 1);
}

static void
test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"GET / HTTP/1.1\r\n", "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXX", "PROXY\r\n", "PROXY \r\n", "\x10", "\x7f", "\r\n\r\n\r",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
		"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8  1 2\r\n", "PROXY TCP4\r\n", "PROXY TCP4 \r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 65536 1\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999999999\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2x\r\n", "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
		"PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP6 ::1 5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7 1 2\r\n",
		"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY UNKNOWNS\r\n", "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP4 localhost 5.6.7.8 1 2\r\n",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		bad(lines[i], strlen(lines[i]));
	bad(BYTES("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n"));
}

static void
test_binary(void **state)
{
	char		unix_sockets[16 + 216] = SIGNATURE "\x21\x31\x00\xd8";
	char		longest[FOX_PROXY_MAX] = SIGNATURE "\x21\x00\x0f\xf0\x04\x0f\xed";

	(void) state;
	done(BYTES(SIGNATURE "\x21\x11\x00\x0c" IPV4), FOX_PROXY_TOLD, "203.0.113.9:50000", FOX_PROXY_TLS_UNTOLD);
	done(BYTES(SIGNATURE "\x21\x21\x00\x24" IPV6), FOX_PROXY_TOLD, "[2001:db8::7]:50000", FOX_PROXY_TLS_UNTOLD);
	done(BYTES(SIGNATURE "\x21\x12\x00\x0c" IPV4), FOX_PROXY_UNTOLD, "", FOX_PROXY_TLS_UNTOLD);
	done(BYTES(SIGNATURE "\x21\x22\x00\x24" IPV6), FOX_PROXY_UNTOLD, "", FOX_PROXY_TLS_UNTOLD);
	done(BYTES(SIGNATURE "\x21\x00\x00\x00"), FOX_PROXY_UNTOLD, "", FOX_PROXY_TLS_UNTOLD);
	done(unix_sockets, sizeof(unix_sockets), FOX_PROXY_UNTOLD, "", FOX_PROXY_TLS_UNTOLD);
	done(longest, sizeof(longest), FOX_PROXY_UNTOLD, "", FOX_PROXY_TLS_UNTOLD);
	/* Of the proxy itself: whatever follows is left out. */
	done(BYTES(SIGNATURE "\x20\x00\x00\x00"), FOX_PROXY_ITSELF, "", FOX_PROXY_TLS_UNTOLD);
	done(BYTES(SIGNATURE "\x20\x11\x00\x0c" IPV4), FOX_PROXY_ITSELF, "", FOX_PROXY_TLS_UNTOLD);
	done(BYTES(SIGNATURE "\x20\x99\x00\x02\xff\xff"), FOX_PROXY_ITSELF, "", FOX_PROXY_TLS_UNTOLD);
}

static void
test_tlvs(void **state)
{
	(void) state;
	done(BYTES(SIGNATURE "\x21\x11\x00\x16" IPV4 "\x04\x00\x00" "\x05\x00\x04" "abcd"), FOX_PROXY_TOLD, "203.0.113.9:50000", FOX_PROXY_TLS_UNTOLD);
	done(BYTES(SIGNATURE "\x21\x11\x00\x14" IPV4 "\x20\x00\x05" "\x01\0\0\0\0"), FOX_PROXY_TOLD, "203.0.113.9:50000", FOX_PROXY_TLS_YES);
	done(BYTES(SIGNATURE "\x21\x11\x00\x14" IPV4 "\x20\x00\x05" "\x06\0\0\0\0"), FOX_PROXY_TOLD, "203.0.113.9:50000", FOX_PROXY_TLS_NO);
	done(BYTES(SIGNATURE "\x21\x11\x00\x13" IPV4 "\x03\x00\x04" "\x94\x5c\x63\x6d"), FOX_PROXY_TOLD, "203.0.113.9:50000", FOX_PROXY_TLS_UNTOLD);
}

static void
test_bad_binary(void **state)
{
	(void) state;
	bad(BYTES(SIGNATURE "\x11"));
	bad(BYTES(SIGNATURE "\x31"));
	bad(BYTES(SIGNATURE "\x22"));
	bad(BYTES("\r\n\r\n\0\r\nQUIX"));
	bad(BYTES(SIGNATURE "\x21\x00\x0f\xf1"));
	bad(BYTES(SIGNATURE "\x20\x00\xff\xff"));
	bad(BYTES(SIGNATURE "\x21\x01\x00\x00"));
	bad(BYTES(SIGNATURE "\x21\x10\x00\x0c" IPV4));
	bad(BYTES(SIGNATURE "\x21\x13\x00\x0c" IPV4));
	bad(BYTES(SIGNATURE "\x21\x41\x00\x0c" IPV4));
	bad(BYTES(SIGNATURE "\x21\x11\x00\x0b" IPV4));
	bad(BYTES(SIGNATURE "\x21\x21\x00\x0c" IPV4));
	bad(BYTES(SIGNATURE "\x21\x31\x00\x0c" IPV4));
	/* TLVs that are cut off, and those that lie. */
	bad(BYTES(SIGNATURE "\x21\x11\x00\x0d" IPV4 "\x04"));
	bad(BYTES(SIGNATURE "\x21\x11\x00\x0e" IPV4 "\x04\x00"));
	bad(BYTES(SIGNATURE "\x21\x11\x00\x10" IPV4 "\x04\x00\x02" "a"));
	bad(BYTES(SIGNATURE "\x21\x11\x00\x0f" IPV4 "\x04\xff\xff"));
	bad(BYTES(SIGNATURE "\x21\x11\x00\x13" IPV4 "\x20\x00\x04" "\x01\0\0\0"));
	bad(BYTES(SIGNATURE "\x21\x11\x00\x13" IPV4 "\x03\x00\x04" "\0\0\0\0"));
	bad(BYTES(SIGNATURE "\x21\x11\x00\x12" IPV4 "\x03\x00\x03" "\0\0\0"));
	bad(BYTES(SIGNATURE "\x21\x00\x00\x07" "\x03\x00\x04" "abcd"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_tlvs),
		cmocka_unit_test(test_bad_binary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
