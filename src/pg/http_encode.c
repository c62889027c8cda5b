/*
 * http_encode.c - a reply in the form that is cheapest for its asker: 304 for what it has, gzip for what is long.
 *
 * It is done where the reply is made, in the executor: the router has other things to do. The
 * entity tag is a weak one, for it is the same with and without compression.
 */
#include "postgres.h"

#include <zlib.h>

#include "common/hashfn.h"
#include "utils/builtins.h"

#include "codec/http_req.h"
#include "pg/http_exec.h"

#define WORTH_IT 1024			/* bytes of a body */
#define LEVEL 1					/* the others take several times as long for a few percent */
#define TAG_BYTES 12
#define TAG_SIZE (sizeof("W/\"\"") + 2 * TAG_BYTES)

/* --- entity tags --- */

static bool
has_header(const StringInfoData *headers, const char *name)
{
	return !fox_absent(fox_http_header(fox_slice(headers->data, headers->len), name));
}

/* Is the tag one of the list's, with or without its W/? */
static bool
is_listed(FoxSlice list, const char *tag)
{
	return !fox_absent(list) && (fox_http_lists(list, "*") || fox_http_lists(list, tag) || fox_http_lists(list, tag + 2));
}

/* By chance two bodies in 2^96 have the same one; who makes such on purpose is served his own old body. */
static void
write_tag(FoxSlice body, char tag[TAG_SIZE])
{
	const unsigned char *bytes = (const unsigned char *) body.ptr;
	uint64		hash[2];
	char	   *end = tag + 3;

	hash[0] = hash_bytes_extended(bytes, (int) body.len, 0);
	hash[1] = hash_bytes_extended(bytes, (int) body.len, hash[0]);
	memcpy(tag, "W/\"", 3);
	end += hex_encode((const char *) hash, TAG_BYTES, end);
	memcpy(end, "\"", 2);
}

static void
put_tag(FoxHttpReply *reply, const FoxHttpCall *call, StringInfo headers)
{
	char		tag[TAG_SIZE];

	if (has_header(headers, "etag"))
		return;
	write_tag(reply->body, tag);
	appendStringInfoString(headers, "ETag: ");
	appendStringInfoString(headers, tag);
	appendStringInfoString(headers, "\r\n");
	if (!is_listed(fox_http_header(call->headers, "if-none-match"), tag))
		return;
	reply->status = 304;
	reply->type = FOX_ABSENT;
	reply->body = FOX_LIT("");
}

/* --- compression --- */

/* Text shrinks; pictures and the like are as short as they get. */
static bool
shrinks(FoxSlice type)
{
	return !fox_absent(type) && (type.len >= 5 && (pg_strncasecmp(type.ptr, "text/", 5) == 0 ||
												   (type.len >= 16 && pg_strncasecmp(type.ptr, "application/json", 16) == 0)));
}

/* Does Accept-Encoding have gzip, and not with a weight of zero? */
static bool
accepts(FoxSlice list)
{
	const char *word = fox_absent(list) ? "" : pnstrdup(list.ptr, list.len);
	const char *q;

	/* Words are told apart by what they are made of: "x-gzip" is the same coding. */
	word = strcasestr(word, "gzip");
	if (word == NULL)
		return false;
	word += strlen("gzip");
	word += strspn(word, " \t");
	q = word[0] == ';' ? word + 1 + strspn(word + 1, " \t") : "";
	return pg_strncasecmp(q, "q=", 2) != 0 || strtod(q + 2, NULL) > 0;
}

/* Absent: it can not be done, or is not shorter. */
static FoxSlice
gzip(FoxSlice body)
{
	z_stream	z = {0};
	char	   *out = palloc(body.len);
	FoxSlice	made = FOX_ABSENT;

	if (deflateInit2(&z, LEVEL, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return FOX_ABSENT;
	z.next_in = (Bytef *) unconstify(char *, body.ptr);
	z.avail_in = body.len;
	z.next_out = (Bytef *) out;
	z.avail_out = body.len;
	if (deflate(&z, Z_FINISH) == Z_STREAM_END)
		made = fox_slice(out, z.total_out);
	deflateEnd(&z);
	return made;
}

static void
compress_body(FoxHttpReply *reply, const FoxHttpCall *call, StringInfo headers)
{
	FoxSlice	shorter;

	if (!accepts(fox_http_header(call->headers, "accept-encoding")) || fox_absent(shorter = gzip(reply->body)))
		return;
	reply->body = shorter;
	appendStringInfoString(headers, "Content-Encoding: gzip\r\n");
}

void
fox_http_encode(FoxHttpReply *reply, const FoxHttpCall *call, StringInfo headers)
{
	bool		may_shrink = reply->body.len >= WORTH_IT && shrinks(reply->type) && !has_header(headers, "content-encoding");

	if (may_shrink)
		appendStringInfoString(headers, "Vary: Accept-Encoding\r\n");
	if (fox_http_reads(call) && reply->status == 200)
		put_tag(reply, call, headers);
	if (may_shrink && reply->status != 304)
		compress_body(reply, call, headers);
}
