/*
 * rawsocket.c - WAMP RawSocket (see rawsocket.h).
 *
 * The byte behind a frame belongs to whom the frame is handed to.  When the next frame
 * stands there, the byte is kept and put back; when nothing does, the frame moves down
 * by one, over its own header, because memory may end with the bytes that were read.
 */
#include "codec/rawsocket.h"

#include <stdlib.h>

#include "base/pure.h"

#define FIRST_BODY 4096			/* a payload in pieces starts with that much, and doubles as it comes */

/* --- the handshake --- */

FoxRawRefusal
fox_raw_hello(const unsigned char *octets, FoxRawHello *hello)
{
	unsigned	serializer = octets[1] & 0x0f;

	if (octets[2] != 0 || octets[3] != 0)
		return FOX_RAW_BAD_RESERVED;
	if (serializer < FOX_RAW_JSON || serializer > FOX_RAW_CBOR)
		return FOX_RAW_BAD_SERIALIZER;
	hello->serializer = (FoxRawSerializer) serializer;
	hello->max = (uint32_t) 1 << (9 + (octets[1] >> 4));
	return FOX_RAW_WELCOME;
}

static unsigned
exponent(size_t limit)
{
	unsigned	n = 24;

	while (n > 9 && (size_t) 1 << n > limit)
		n--;
	return n;
}

uint32_t
fox_raw_announced(size_t limit)
{
	return (uint32_t) 1 << exponent(limit);
}

void
fox_raw_accept(unsigned char *octets, FoxRawSerializer serializer, uint32_t max)
{
	octets[0] = FOX_RAW_MAGIC;
	octets[1] = (unsigned char) ((exponent(max) - 9) << 4 | (unsigned) serializer);
	octets[2] = octets[3] = 0;
}

void
fox_raw_refuse(unsigned char *octets, FoxRawRefusal why)
{
	octets[0] = FOX_RAW_MAGIC;
	octets[1] = (unsigned char) ((unsigned) why << 4);
	octets[2] = octets[3] = 0;
}

/* --- frames --- */

void
fox_raw_header(unsigned char *octets, FoxRawType type, size_t len)
{
	octets[0] = (unsigned char) (type | (len == FOX_RAW_LONGEST ? 0x08 : 0));
	octets[1] = (unsigned char) (len >> 16);
	octets[2] = (unsigned char) (len >> 8);
	octets[3] = (unsigned char) len;
}

/* FOX_RAW_FRAME: the four octets may stand before a frame; its length is r->len. */
static FoxRawResult
read_header(FoxRawReader *r, const unsigned char *octets)
{
	r->len = (uint32_t) octets[1] << 16 | (uint32_t) octets[2] << 8 | octets[3];
	if ((octets[0] & 0xf0) != 0 || (octets[0] & 0x07) > FOX_RAW_PONG)
		return FOX_RAW_RESERVED;
	if ((octets[0] & 0x08) != 0)
	{
		if (r->len != 0)
			return FOX_RAW_RESERVED;
		r->len = FOX_RAW_LONGEST;
	}
	return r->len > r->max ? FOX_RAW_TOO_LONG : FOX_RAW_FRAME;
}

static void
drop_body(FoxRawReader *r)
{
	free(r->body);
	r->body = NULL;
	r->cap = r->got = 0;
	r->head_len = 0;
	r->delivered = false;
}

static void
put_back_spare(FoxRawReader *r)
{
	if (r->spare != NULL)
		*r->spare = r->kept;
	r->spare = NULL;
}

/* The header is known, the whole payload stands at data. */
static void
hand_out(FoxRawReader *r, char *data, char *end, FoxRawFrame *frame)
{
	frame->type = (FoxRawType) (((unsigned char *) data)[-FOX_RAW_HEADER] & 0x07);
	frame->len = r->len;
	if (data + r->len == end)
	{
		frame->data = data - 1;
		if (r->len > 0)
			memmove(frame->data, data, r->len);
		return;
	}
	frame->data = data;
	r->spare = data + r->len;
	r->kept = *r->spare;
}

/* Appends n bytes to the payload, which has room for one more afterwards. */
static bool
put_body(FoxRawReader *r, const char *p, uint32_t n)
{
	uint32_t	cap = r->cap ? r->cap : FIRST_BODY;
	char	   *body;

	while (cap < r->got + n + 1)
		cap *= 2;
	if (cap > r->len + 1)
		cap = r->len + 1;
	if (cap != r->cap)
	{
		if ((body = realloc(r->body, cap)) == NULL)
			return false;
		r->body = body;
		r->cap = cap;
	}
	if (n > 0)
		memcpy(r->body + r->got, p, n);
	r->got += n;
	return true;
}

FoxRawResult
fox_raw_next(FoxRawReader *r, char **at, char *end, FoxRawFrame *frame)
{
	uint32_t	n;

	put_back_spare(r);
	if (r->delivered)
		drop_body(r);
	if (r->head_len < FOX_RAW_HEADER)
	{
		FoxRawResult result;

		if (r->head_len == 0 && end - *at >= FOX_RAW_HEADER)
		{
			char	   *data = *at + FOX_RAW_HEADER;

			if ((result = read_header(r, (unsigned char *) *at)) != FOX_RAW_FRAME)
				return result;
			if (end - data >= (ptrdiff_t) r->len)
			{
				hand_out(r, data, end, frame);
				*at = data + r->len;
				return FOX_RAW_FRAME;
			}
		}
		while (r->head_len < FOX_RAW_HEADER && *at < end)
			r->head[r->head_len++] = (unsigned char) *(*at)++;
		if (r->head_len < FOX_RAW_HEADER)
			return FOX_RAW_MORE;
		if ((result = read_header(r, r->head)) != FOX_RAW_FRAME)
			return result;
	}
	n = end - *at < (ptrdiff_t) (r->len - r->got) ? (uint32_t) (end - *at) : r->len - r->got;
	if (!put_body(r, *at, n))
		return FOX_RAW_NO_MEMORY;
	*at += n;
	if (r->got < r->len)
		return FOX_RAW_MORE;
	r->delivered = true;
	*frame = (FoxRawFrame) {(FoxRawType) (r->head[0] & 0x07), r->body, r->len};
	return FOX_RAW_FRAME;
}

void
fox_raw_reader_free(FoxRawReader *r)
{
	r->spare = NULL;
	drop_body(r);
}
