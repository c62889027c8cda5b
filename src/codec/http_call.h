/*
 * http_call.h - an HTTP request on its way to the function that it calls, and the reply.
 *
 * What the gate knows of a request goes to an executor as one run of bytes, and so does
 * what is to be answered.  Numbers are in the machine's own order: both ends are one binary.
 */
#ifndef FOX_CODEC_HTTP_CALL_H
#define FOX_CODEC_HTTP_CALL_H

#include "base/buf.h"

typedef enum FoxHttpStyle
{
	FOX_HTTP_RESULT,			/* {"Result":…}, {"ErrorCode":…,"ErrorText":…} */
	FOX_HTTP_PLAIN				/* the value alone, {"code":…,"message":…}: PostgREST's way */
} FoxHttpStyle;

/* How several columns are put. */
typedef enum FoxHttpColumns
{
	FOX_HTTP_OBJECT,
	FOX_HTTP_ARRAY,
	FOX_HTTP_VALUES,			/* a service's: all values of a method in one array, and in one object by their names */
	FOX_HTTP_NAMES
} FoxHttpColumns;

/* Which session a caller has, as session_id() says it. */
typedef enum FoxHttpCaller
{
	FOX_HTTP_NOBODY,			/* the root wants a log-in, and there was none */
	FOX_HTTP_ANYBODY,			/* the root wants none, and there was none */
	FOX_HTTP_SOMEBODY,			/* who has logged in for this request */
	FOX_HTTP_MEMBER				/* who has brought the token of a session, which goes on */
} FoxHttpCaller;

typedef struct FoxHttpCall
{
	FoxHttpStyle style;
	FoxHttpColumns columns;
	FoxHttpCaller caller;
	FoxSlice	method;
	FoxSlice	path;
	FoxSlice	query;			/* absent: none */
	FoxSlice	headers;		/* as they came, see fox_http_header() */
	FoxSlice	body;
	FoxSlice	peer;			/* "127.0.0.1:54321" */
	FoxSlice	row;			/* of the table that the path names, still encoded; absent: none */
	FoxSlice	column;			/* of that row, the same */
	FoxSlice	echo;			/* JSON that the reply has as "id"; absent: none */
} FoxHttpCall;

typedef struct FoxHttpReply
{
	unsigned	status;
	FoxSlice	type;			/* of the body; absent: none */
	FoxSlice	headers;		/* lines that end with CRLF */
	FoxSlice	body;
} FoxHttpReply;

extern void fox_http_call_put(FoxBuf *out, const FoxHttpCall *call);
/* Slices point into bytes; false: it is no such call. */
extern bool fox_http_call_get(FoxSlice bytes, FoxHttpCall *call);
extern void fox_http_reply_put(FoxBuf *out, const FoxHttpReply *reply);
extern bool fox_http_reply_get(FoxSlice bytes, FoxHttpReply *reply);

/* The body of an error, in that style; sqlstate, detail, hint and parameter may be absent. */
typedef struct FoxHttpError
{
	unsigned	status;
	FoxSlice	text;			/* absent: the status's phrase */
	FoxSlice	sqlstate;
	FoxSlice	detail;
	FoxSlice	hint;
	FoxSlice	parameter;
	FoxSlice	uri;			/* that WAMP has for it */
} FoxHttpError;

extern void fox_http_error_put(FoxBuf *out, FoxHttpStyle style, const FoxHttpError *e);

#define FOX_HTTP_TYPE_JSON "application/json; charset=UTF-8"
#define FOX_HTTP_TYPE_TEXT "text/plain; charset=UTF-8"

#endif
