/*
 * post_request.c - what a POST request of a delivery says of itself (see post_request.h).
 */
#include "postgres.h"

#include <time.h>

#include "base/digest.h"
#include "codec/json.h"
#include "pg/post_request.h"

/* X-Fox-Signature: what somebody who knows the secret has sent, and when. */
static char *
signature_of(const FoxPostItem *item)
{
	unsigned char digest[FOX_SHA256];
	char		hex[FOX_SHA256 * 2 + 1];
	long long	now = (long long) time(NULL);
	char	   *text = psprintf("%lld.%s", now, item->body);

	if (!fox_hmac_sha256(fox_cstr(item->secret), fox_cstr(text), digest))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not sign a request")));
	for (int i = 0; i < FOX_SHA256; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return psprintf("X-Fox-Signature: t=%lld,v1=%s", now, hex);
}

/* The user's come after ours, which fox_wamp.webhook does not let them name. */
void
fox_post_headers(const char *delivery, const FoxPostItem *item, const char *headers[FOX_POST_HEADERS])
{
	FoxSlice	own = fox_cstr(item->headers);
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;
	int			n = 0;

	headers[n++] = "Content-Type: application/json";
	headers[n++] = "Expect:";
	headers[n++] = psprintf("X-Fox-Delivery: %s", delivery);
	headers[n++] = psprintf("X-Fox-Attempt: %s", item->attempt);
	if (item->secret != NULL)
		headers[n++] = signature_of(item);
	while (!fox_absent(own) && n < FOX_POST_HEADERS - 1 && fox_json_member(own, &pos, &key, &value))
	{
		FoxBuf		scratch = {0};
		FoxSlice	text = fox_json_text(value, &scratch);

		/* libcurl takes a header without a value for one that is not to be sent. */
		if (text.len > 0)
			headers[n++] = psprintf("%.*s: %.*s", (int) key.len, key.ptr, (int) text.len, text.ptr);
		else
			headers[n++] = psprintf("%.*s;", (int) key.len, key.ptr);
		fox_buf_free(&scratch);
	}
	headers[n] = NULL;
}
