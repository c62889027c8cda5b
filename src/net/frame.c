/*
 * frame.c - queued messages joined into frames of our own making (see frame.h).
 *
 * What is written is a number of whole WebSocket frames, so that libwebsockets' own Pong
 * and Close frames never land inside one; a message longer than a write leaves as
 * fragments, between which they may.  RawSocket has no such frames: a long message is
 * one header and as many writes as it takes.
 */
#include "net/internal.h"

#include "codec/rawsocket.h"

#define HEADER_MAX 10

static size_t
websocket_header(unsigned char *p, FoxFrame frame, size_t whole, size_t sent, size_t part)
{
	static const unsigned char opcodes[] = {[FRAME_TEXT] = 0x01, [FRAME_BINARY] = 0x02, [FRAME_PING] = 0x09,
	[FRAME_PONG] = 0x0a, [FRAME_CLOSE] = 0x08};

	p[0] = sent == 0 ? opcodes[frame] : 0;
	if (sent + part == whole)
		p[0] |= 0x80;
	if (part < 126)
	{
		p[1] = (unsigned char) part;
		return 2;
	}
	if (part < 65536)
	{
		p[1] = 126;
		p[2] = (unsigned char) (part >> 8);
		p[3] = (unsigned char) part;
		return 4;
	}
	p[1] = 127;
	for (int i = 0; i < 8; i++)
		p[2 + i] = (unsigned char) ((uint64_t) part >> (56 - 8 * i));
	return 10;
}

static size_t
rawsocket_header(unsigned char *p, FoxFrame frame, size_t whole, size_t sent, size_t part)
{
	static const FoxRawType types[] = {[FRAME_TEXT] = FOX_RAW_MESSAGE, [FRAME_BINARY] = FOX_RAW_MESSAGE,
	[FRAME_PING] = FOX_RAW_PING, [FRAME_PONG] = FOX_RAW_PONG};

	(void) part;
	if (sent > 0 || frame == FRAME_PLAIN)
		return 0;
	fox_raw_header(p, types[frame], whole);
	return FOX_RAW_HEADER;
}

const FoxFraming fox_framing_websocket = {LWS_WRITE_HTTP, true, websocket_header};
const FoxFraming fox_framing_rawsocket = {LWS_WRITE_RAW, false, rawsocket_header};

size_t
fox_frame_join(FoxConn *conn, unsigned char *p)
{
	const FoxFraming *framing = conn->framing;
	size_t		n = 0;

	while (conn->count > 0)
	{
		uintptr_t	item = conn->queue[conn->first];
		FoxFrame	frame = (FoxFrame) (item & FOX_FRAME_MASK);
		const FoxBytes *m = (const FoxBytes *) (item & ~FOX_FRAME_MASK);
		size_t		part = m->len - conn->sent;

		if (n + HEADER_MAX + part > FOX_OUT_CHUNK)
		{
			if (n > 0)
				break;
			part = FOX_OUT_CHUNK - HEADER_MAX;
		}
		n += framing->header(p + n, frame, m->len, conn->sent, part);
		memcpy(p + n, m->data + conn->sent, part);
		n += part;
		fox_conn_sent(conn, part);
	}
	return n;
}
