/*
 * http_req.h - HTTP/1.1 requests (RFC 9112): heads, and bodies in chunks.
 *
 * Strict where two readers could disagree on where a request ends: lines end with CRLF,
 * nothing is folded, a length is said once, and never together with chunks.
 */
#ifndef FOX_CODEC_HTTP_REQ_H
#define FOX_CODEC_HTTP_REQ_H

#include "base/buf.h"

#define FOX_HTTP_TARGET_MAX 8192
#define FOX_HTTP_HEAD_MAX 32768	/* the target included */

typedef enum FoxHttpParsed
{
	FOX_HTTP_MORE,				/* it is cut off */
	FOX_HTTP_DONE,
	FOX_HTTP_BAD				/* the status says why */
} FoxHttpParsed;

/* Slices point into what was parsed. */
typedef struct FoxHttpHead
{
	unsigned	status;			/* of FOX_HTTP_BAD */
	size_t		len;			/* of the head, its empty line included */
	FoxSlice	method;
	FoxSlice	target;
	FoxSlice	headers;		/* all lines */
	uint64_t	content_length;
	bool		has_length;
	bool		chunked;
	bool		keep;			/* the connection may serve another request */
	bool		expects;		/* waits for 100 Continue before it sends its body */
	bool		upgrades;		/* to a WebSocket */
	bool		old;			/* HTTP/1.0: a connection that is kept is to say so */
} FoxHttpHead;

extern FoxHttpParsed fox_http_head(const char *p, size_t len, FoxHttpHead *h);

/* Walks the lines: start with *pos = 0; false at the end. */
extern bool fox_http_header_next(FoxSlice headers, size_t *pos, FoxSlice *name, FoxSlice *value);
/* The first header of that name, or the absent slice; case does not matter. */
extern FoxSlice fox_http_header(FoxSlice headers, const char *name);
/* Is the word (in lower case) one of the list's, case aside? */
extern bool fox_http_lists(FoxSlice list, const char *word);
/* Is a Content-Type that media type (in lower case), whatever its parameters? */
extern bool fox_http_is_type(FoxSlice type, const char *name);
/* Can it be the name of a header, or a method? */
extern bool fox_http_is_token(FoxSlice s);
/* Equal but for case? */
extern bool fox_http_same(FoxSlice a, FoxSlice b);

/* What stands for a status, as "Not Found". */
extern const char *fox_http_phrase(unsigned status);

/* --- bodies in chunks --- */

typedef struct FoxChunked
{
	uint64_t	left;			/* of the chunk */
	uint8_t		state;
	uint8_t		digits;
	uint16_t	line;			/* bytes of the line so far */
} FoxChunked;

/*
 * Appends what p has of the body and sets *used to what was taken.  FOX_HTTP_BAD with status 400 or,
 * for a body of more than max bytes, 413.  A zeroed FoxChunked begins a body.
 */
extern FoxHttpParsed fox_chunked(FoxChunked *c, const char *p, size_t len, size_t max, FoxBuf *body, size_t *used, unsigned *status);

#endif
