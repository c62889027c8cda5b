/*
 * deflate.c - permessage-deflate of WebSockets (RFC 7692).
 *
 * No message refers to an earlier one: we demand client_no_context_takeover and promise
 * server_no_context_takeover, whatever was offered.  So an event is compressed once for
 * all its subscribers, its compressed form kept beside the plain one (FoxBytes), and no
 * session has a state of its own (some 300 kB for both directions).  A client that
 * limits our window to n bits has messages of up to 2^n bytes compressed: those refer no
 * further back, made with whatever window.
 *
 * libwebsockets' own extension is of no use.  It sends nothing that was compressed
 * already, keeps a state for each connection, refers to earlier messages, and takes of
 * the answer's parameters those only that the client has named.  What is here in its
 * place is an extension that does nothing, which makes libwebsockets pass RSV1.  A
 * compressed message is collected as any other, up to the limit of its length, and decompressed
 * when it is whole, up to that limit again.
 *
 * Messages of the batched subprotocols are sent uncompressed: a frame has what happens to
 * be queued for one peer, so nothing could be shared.  What such a peer sends may be compressed.
 */
#include "net/deflate.h"

#include "codec/deflate.h"
#include "codec/deflate_offer.h"
#include "net/internal.h"

#define RSV1 0x40				/* of lws_get_reserved_bits() */
#define SHORTEST 512			/* a shorter one is not made smaller by what would be worth some 10 us */
#define KEEP (256 * 1024)		/* of the buffer: a long message is rare */

/* --- the handshake --- */

static int
do_nothing(struct lws_context *context, const struct lws_extension *extension, struct lws *wsi,
		   enum lws_extension_callback_reasons reason, void *user, void *in, size_t len)
{
	static const struct lws_ext_options no_options[] = {{NULL, EXTARG_NONE}};

	(void) context;
	(void) extension;
	(void) wsi;
	(void) user;
	(void) len;
	if (reason == LWS_EXT_CB_CONSTRUCT)
		*(const struct lws_ext_options **) in = no_options;
	return 0;
}

const struct lws_extension fox_deflate_extension[] = {{"permessage-deflate", do_nothing, NULL}, {NULL, NULL, NULL}};

static FoxDeflateOffer
offer_of(struct lws *wsi)
{
	char		header[256];	/* libwebsockets refuses longer ones */

	if (lws_hdr_copy(wsi, header, sizeof(header), WSI_TOKEN_EXTENSIONS) <= 0)
		return (FoxDeflateOffer) {0};
	return fox_deflate_offer(fox_cstr(header));
}

/*
 * libwebsockets asks for each offer, and gives a handshake up that has another one behind
 * the one that was taken: it is always the last.
 */
bool
fox_deflate_accepts(FoxNet *net, FoxConn *conn, struct lws *wsi)
{
	FoxDeflateOffer offer;

	if (!net->config.compression)
		return false;
	offer = offer_of(wsi);
	if (offer.window_bits == 0 || ++conn->offers_seen < offer.made)
		return false;
	conn->window_bits = offer.window_bits;
	return true;
}

/* libwebsockets has written the extension's name and the end of its line, and nothing behind it. */
bool
fox_deflate_answers(const FoxConn *conn, struct lws *wsi, struct lws_process_html_args *headers)
{
	FoxDeflateOffer offer;

	if (conn->window_bits == 0)
		return true;
	if (headers->max_len < FOX_DEFLATE_ANSWER)
		return false;
	offer = offer_of(wsi);
	headers->p -= 2;
	headers->p += fox_deflate_answer(&offer, headers->p);
	memcpy(headers->p, "\r\n", 2);
	headers->p += 2;
	return true;
}

/* --- what comes --- */

/* The frame whose header came last. */
static bool
marked(const FoxConn *conn)
{
	return (lws_get_reserved_bits(conn->wsi) & RSV1) != 0;
}

bool
fox_deflate_marks(FoxConn *conn)
{
	bool		begins = !conn->in_frame;

	conn->in_frame = lws_remaining_packet_payload(conn->wsi) > 0;
	if (begins && lws_is_first_fragment(conn->wsi))
		conn->compressed = marked(conn);
	else if (begins)
		return !marked(conn);
	return true;
}

bool
fox_deflate_marks_control(const FoxConn *conn)
{
	return conn->window_bits != 0 && marked(conn);
}

/* The last header was no message's that has come, nor of one that has yet to come. */
bool
fox_deflate_marks_ping(const FoxConn *conn)
{
	return fox_deflate_marks_control(conn) && !conn->compressed && !lws_is_first_fragment(conn->wsi);
}

/* --- what goes --- */

/* NULL without memory, or if it would not be shorter. */
static FoxBytes *
compress(const FoxBytes *message)
{
	static FoxBuf buffer;
	FoxBytes   *compressed = NULL;

	fox_buf_reset(&buffer);
	if (fox_deflate(fox_slice(message->data, message->len), &buffer) && buffer.len < message->len)
		compressed = fox_bytes_new(buffer.data, buffer.len);
	if (buffer.cap > KEEP)
		fox_buf_free(&buffer);
	return compressed;
}

FoxBytes *
fox_deflated(const FoxConn *conn, FoxBytes *message)
{
	if (conn->state != CONN_OPEN || conn->framing->batch != FOX_BATCH_NONE || message->len < SHORTEST ||
		(conn->window_bits < 15 && message->len > 1u << conn->window_bits))
		return NULL;
	if (message->shorter == NULL && (message->shorter = compress(message)) == NULL)
		message->shorter = message;
	return message->shorter == message ? NULL : message->shorter;
}
