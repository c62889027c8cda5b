/*
 * http_chunked.c - bodies in chunks (see http_req.h).
 *
 *   SIZE  hex digits of a chunk's length, then an extension that nobody reads, CRLF
 *   DATA  the chunk
 *   NEXT  the CRLF behind it
 *   TAIL  lines behind the last chunk, which nobody reads either; an empty one ends the body
 */
#include "codec/http_req.h"

#include "base/pure.h"

#define LINE_MAX 4096

enum
{
	SIZE, EXTENSION, SIZE_LF, DATA, NEXT_CR, NEXT_LF, TAIL, TAIL_LINE, TAIL_LINE_LF, TAIL_LF
};

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte that is not of the body; false: it does not belong there. */
static bool
step(FoxChunked *c, char byte, bool *done)
{
	int			digit = hex_digit(byte);

	if (++c->line > LINE_MAX)
		return false;
	switch (c->state)
	{
		case SIZE:
			if (digit >= 0 && c->digits < 15)
			{
				c->left = c->left * 16 + (uint64_t) digit;
				c->digits++;
				return true;
			}
			if (c->digits == 0 || digit >= 0)
				return false;
			c->state = byte == '\r' ? SIZE_LF : EXTENSION;
			return byte == '\r' || byte == ';' || byte == ' ' || byte == '\t';
		case EXTENSION:
			if (byte == '\r')
				c->state = SIZE_LF;
			return byte != '\n' && byte != '\0';
		case SIZE_LF:
			c->state = c->left > 0 ? DATA : TAIL;
			c->line = c->digits = 0;
			return byte == '\n';
		case NEXT_CR:
			c->state = NEXT_LF;
			return byte == '\r';
		case NEXT_LF:
			c->state = SIZE;
			c->line = 0;
			return byte == '\n';
		case TAIL:
			c->state = byte == '\r' ? TAIL_LF : TAIL_LINE;
			return byte != '\n' && byte != '\0';
		case TAIL_LINE:
			if (byte == '\r')
				c->state = TAIL_LINE_LF;
			return byte != '\n' && byte != '\0';
		case TAIL_LINE_LF:
			c->state = TAIL;
			return byte == '\n';
		default:
			*done = true;
			return byte == '\n';
	}
}

FoxHttpParsed
fox_chunked(FoxChunked *c, const char *p, size_t len, size_t max, FoxBuf *body, size_t *used, unsigned *status)
{
	const char *at = p;
	const char *end = p + len;
	bool		done = false;

	*status = 400;
	while (at < end && !done)
	{
		size_t		n = (size_t) (end - at);

		if (c->state != DATA)
		{
			if (!step(c, *at++, &done))
				return FOX_HTTP_BAD;
			continue;
		}
		if (n > c->left)
			n = (size_t) c->left;
		if (c->left > max || body->len + n > max)
		{
			*status = 413;
			return FOX_HTTP_BAD;
		}
		fox_buf_put(body, at, n);
		at += n;
		c->left -= n;
		if (c->left == 0)
			c->state = NEXT_CR;
	}
	*used = (size_t) (at - p);
	if (body->failed)
	{
		*status = 413;
		return FOX_HTTP_BAD;
	}
	return done ? FOX_HTTP_DONE : FOX_HTTP_MORE;
}
