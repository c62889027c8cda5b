/*
 * proxy_protocol.c - see proxy_protocol.h, and HAProxy's proxy-protocol.txt.
 *
 * A header is read from its beginning each time that more of it has come: it is short, and
 * nothing has to be kept between.  What can not become one is bad as soon as it shows.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "codec/proxy_protocol.h"

#include "base/pure.h"

#define V2_HEAD 16				/* octets before the addresses */
#define TLV_HEAD 3				/* type, and a length of two octets */
#define TLV_CRC32C 0x03
#define TLV_SSL 0x20
#define SSL_HEAD 5				/* what the client has done, and the verdict on its certificate */
#define SSL_CLIENT_USES_IT 0x01

static FoxProxyResult
bad(FoxProxyHeader *h, const char *fault)
{
	h->fault = fault;
	return FOX_PROXY_BAD;
}

/* An IPv4 address in IPv6's clothes is that IPv4 address. */
static void
tell(FoxProxyHeader *h, int family, const unsigned char *address, unsigned port)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	char		host[INET6_ADDRSTRLEN] = "";

	if (family == AF_INET6 && memcmp(address, mapped, sizeof(mapped)) == 0)
	{
		family = AF_INET;
		address += sizeof(mapped);
	}
	inet_ntop(family, address, host, sizeof(host));
	snprintf(h->peer, sizeof(h->peer), family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, port);
	h->client = FOX_PROXY_TOLD;
}

/* --- version 1 --- */

/* The word up to the next blank, or to the end of the line; false: there is none, or it is too long for an address. */
static bool
next_word(const char **p, const char *end, char *word, size_t size)
{
	const char *blank = memchr(*p, ' ', (size_t) (end - *p));
	size_t		len = (size_t) ((blank != NULL ? blank : end) - *p);

	if (len == 0 || len >= size || memchr(*p, '\0', len) != NULL)
		return false;
	memcpy(word, *p, len);
	word[len] = '\0';
	*p += len + (blank != NULL ? 1 : 0);
	return true;
}

static bool
read_port(const char *word, unsigned *port)
{
	size_t		len = strspn(word, "0123456789");

	if (len == 0 || len > 5 || word[len] != '\0' || (word[0] == '0' && len > 1))
		return false;
	*port = 0;
	for (size_t i = 0; i < len; i++)
		*port = *port * 10 + (unsigned) (word[i] - '0');
	return *port <= UINT16_MAX;
}

/* "203.0.113.9 192.0.2.1 50000 8080": where from, where to. */
static FoxProxyResult
read_addresses(const char *p, const char *end, int family, FoxProxyHeader *h)
{
	unsigned char from[16];
	unsigned char to[16];
	unsigned	from_port;
	unsigned	to_port;
	char		word[INET6_ADDRSTRLEN];

	if (!next_word(&p, end, word, sizeof(word)) || inet_pton(family, word, from) != 1 ||
		!next_word(&p, end, word, sizeof(word)) || inet_pton(family, word, to) != 1)
		return bad(h, "an address is none of its family");
	if (!next_word(&p, end, word, sizeof(word)) || !read_port(word, &from_port) ||
		!next_word(&p, end, word, sizeof(word)) || !read_port(word, &to_port))
		return bad(h, "a port is none");
	if (p != end || end[-1] == ' ')
		return bad(h, "something follows the ports");
	tell(h, family, from, from_port);
	return FOX_PROXY_DONE;
}

static bool
begins(const char *p, const char *end, const char *with)
{
	size_t		len = strlen(with);

	return (size_t) (end - p) >= len && memcmp(p, with, len) == 0;
}

static FoxProxyResult
read_v1(const char *p, size_t len, FoxProxyHeader *h)
{
	static const char tcp4[] = "PROXY TCP4 ";
	static const char tcp6[] = "PROXY TCP6 ";
	static const char unknown[] = "PROXY UNKNOWN";
	const char *newline = memchr(p, '\n', len < FOX_PROXY_V1_MAX ? len : FOX_PROXY_V1_MAX);
	const char *end;

	if (newline == NULL)
		return len < FOX_PROXY_V1_MAX ? FOX_PROXY_MORE : bad(h, "its line is longer than 107 octets");
	if (newline[-1] != '\r')
		return bad(h, "its line does not end with CR LF");
	end = newline - 1;
	h->len = (size_t) (newline + 1 - p);
	if (begins(p, end, tcp4))
		return read_addresses(p + sizeof(tcp4) - 1, end, AF_INET, h);
	if (begins(p, end, tcp6))
		return read_addresses(p + sizeof(tcp6) - 1, end, AF_INET6, h);
	if (!begins(p, end, unknown) || (p + sizeof(unknown) - 1 != end && p[sizeof(unknown) - 1] != ' '))
		return bad(h, "it names no protocol");
	h->client = FOX_PROXY_UNTOLD;
	return FOX_PROXY_DONE;
}

/* --- version 2 --- */

static unsigned
read_u16(const unsigned char *p)
{
	return (unsigned) p[0] << 8 | p[1];
}

/* Of n octets, of which those of the sum itself, at `sum`, count as zero. */
static uint32_t
crc32c(const unsigned char *p, size_t n, size_t sum)
{
	uint32_t	crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++)
	{
		crc ^= i >= sum && i < sum + 4 ? 0 : p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
	}
	return ~crc;
}

/* The TLVs from `at` to the header's end. */
static FoxProxyResult
read_tlvs(const unsigned char *p, size_t at, FoxProxyHeader *h)
{
	while (at < h->len)
	{
		size_t		len = h->len - at >= TLV_HEAD ? read_u16(p + at + 1) : 0;
		const unsigned char *value = p + at + TLV_HEAD;

		if (h->len - at < TLV_HEAD + len)
			return bad(h, "a TLV is longer than what there is");
		if (p[at] == TLV_CRC32C &&
			(len != 4 || crc32c(p, h->len, at + TLV_HEAD) != ((uint32_t) read_u16(value) << 16 | read_u16(value + 2))))
			return bad(h, "its checksum is wrong");
		if (p[at] == TLV_SSL)
		{
			if (len < SSL_HEAD)
				return bad(h, "what it says of TLS is cut off");
			h->tls = value[0] & SSL_CLIENT_USES_IT ? FOX_PROXY_TLS_YES : FOX_PROXY_TLS_NO;
		}
		at += TLV_HEAD + len;
	}
	return FOX_PROXY_DONE;
}

/* What the octet of family and transport stands for: its block's size. */
static FoxProxyResult
read_block(const unsigned char *p, FoxProxyHeader *h)
{
	size_t		block;

	switch (p[13])
	{
		case 0x00:				/* unspecified */
			block = 0;
			break;
		case 0x11:				/* IPv4: two addresses, two ports */
		case 0x12:
			block = 12;
			break;
		case 0x21:				/* IPv6 */
		case 0x22:
			block = 36;
			break;
		case 0x31:				/* unix sockets: two paths */
		case 0x32:
			block = 216;
			break;
		default:
			return bad(h, "it has no such family of addresses");
	}
	if (h->len < V2_HEAD + block)
		return bad(h, "its addresses are cut off");
	h->client = FOX_PROXY_UNTOLD;
	if (p[13] == 0x11)
		tell(h, AF_INET, p + V2_HEAD, read_u16(p + V2_HEAD + 8));
	else if (p[13] == 0x21)
		tell(h, AF_INET6, p + V2_HEAD, read_u16(p + V2_HEAD + 32));
	return read_tlvs(p, V2_HEAD + block, h);
}

static FoxProxyResult
read_v2(const unsigned char *p, size_t len, FoxProxyHeader *h)
{
	if (len > 12 && p[12] != 0x20 && p[12] != 0x21)
		return bad(h, "it has no such version or command");
	if (len < V2_HEAD)
		return FOX_PROXY_MORE;
	h->len = V2_HEAD + read_u16(p + 14);
	if (h->len > FOX_PROXY_MAX)
		return bad(h, "it is longer than 4096 octets");
	if (len < h->len)
		return FOX_PROXY_MORE;
	if (p[12] == 0x21)
		return read_block(p, h);
	h->client = FOX_PROXY_ITSELF;	/* whatever the rest says */
	return FOX_PROXY_DONE;
}

FoxProxyResult
fox_proxy_header(const char *p, size_t len, FoxProxyHeader *h)
{
	static const char v1[] = "PROXY ";
	static const char v2[] = "\r\n\r\n\0\r\nQUIT\n";
	const size_t v1_len = sizeof(v1) - 1;
	const size_t v2_len = sizeof(v2) - 1;

	memset(h, 0, sizeof(*h));
	if (memcmp(p, v1, len < v1_len ? len : v1_len) == 0)
		return len < v1_len ? FOX_PROXY_MORE : read_v1(p, len, h);
	if (memcmp(p, v2, len < v2_len ? len : v2_len) == 0)
		return len < v2_len ? FOX_PROXY_MORE : read_v2((const unsigned char *) p, len, h);
	return bad(h, "it is none");
}
