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
	[FRAME_PONG] = 0x0a, [FRAME_CLOSE] = 0x08, [FRAME_COMPRESSED_TEXT] = 0x41, [FRAME_COMPRESSED_BINARY] = 0x42};

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

/* Packets have their own lengths. */
static size_t
no_header(unsigned char *p, FoxFrame frame, size_t whole, size_t sent, size_t part)
{
	(void) p, (void) frame, (void) whole, (void) sent, (void) part;
	return 0;
}

#define WEBSOCKET(batch) {&fox_socket, LWS_WRITE_HTTP, batch, true, true, websocket_header}
#define LONGPOLL(batch) {&fox_longpoll, LWS_WRITE_HTTP, batch, false, false, NULL}

const FoxFraming fox_framing_websocket[] = {
	[FOX_BATCH_NONE] = WEBSOCKET(FOX_BATCH_NONE),
	[FOX_BATCH_TEXT] = WEBSOCKET(FOX_BATCH_TEXT),
	[FOX_BATCH_BINARY] = WEBSOCKET(FOX_BATCH_BINARY),
	[FOX_BATCH_STREAM] = WEBSOCKET(FOX_BATCH_STREAM)
};
const FoxFraming fox_framing_rawsocket = {&fox_socket, LWS_WRITE_RAW, FOX_BATCH_NONE, true, false, rawsocket_header};
const FoxFraming fox_framing_mqtt = {&fox_socket, LWS_WRITE_RAW, FOX_BATCH_STREAM, false, false, no_header};
const FoxFraming fox_framing_longpoll[] = {
	[FOX_BATCH_NONE] = LONGPOLL(FOX_BATCH_NONE),
	[FOX_BATCH_TEXT] = LONGPOLL(FOX_BATCH_TEXT),
	[FOX_BATCH_BINARY] = LONGPOLL(FOX_BATCH_BINARY)
};

static FoxFrame
kind_of(uintptr_t item)
{
	return (FoxFrame) (item & FOX_FRAME_MASK);
}

static const FoxBytes *
bytes_of(uintptr_t item)
{
	return (const FoxBytes *) (item & ~FOX_FRAME_MASK);
}

static FoxBatch
batch_of(const FoxFraming *framing, uintptr_t item)
{
	return kind_of(item) <= FRAME_BINARY ? framing->batch : FOX_BATCH_NONE;
}

size_t
fox_frame_length(const FoxFraming *framing, uintptr_t item)
{
	return bytes_of(item)->len + fox_batch_extra(batch_of(framing, item));
}

/* How many bytes of messages at the head of the queue may share a frame, at most room. */
static size_t
shared_length(const FoxConn *conn, size_t room)
{
	size_t		sum = 0;

	for (uint32_t i = 0; i < conn->count; i++)
	{
		uintptr_t	item = conn->queue[(conn->first + i) & (conn->cap - 1)];
		size_t		len = fox_frame_length(conn->framing, item);

		if (batch_of(conn->framing, item) == FOX_BATCH_NONE || len > room - sum)
			break;
		sum += len;
	}
	return sum;
}

size_t
fox_frame_together(const FoxConn *conn, size_t room)
{
	size_t		first = conn->count > 0 ? fox_frame_length(conn->framing, conn->queue[conn->first]) : 0;
	size_t		sum = shared_length(conn, room);

	return sum > first ? sum : first;
}

void
fox_frame_take(FoxConn *conn, unsigned char *p, size_t n)
{
	while (n > 0)
	{
		uintptr_t	item = conn->queue[conn->first];
		const FoxBytes *m = bytes_of(item);
		size_t		part = fox_frame_length(conn->framing, item) - conn->sent;

		if (part > n)
			part = n;
		fox_batch_copy(batch_of(conn->framing, item), fox_slice(m->data, m->len), conn->sent, part, p);
		fox_conn_sent(conn, part);
		p += part;
		n -= part;
	}
}

size_t
fox_frame_join(FoxConn *conn, unsigned char *p)
{
	size_t		n = 0;

	while (conn->count > 0 && n + HEADER_MAX < FOX_OUT_CHUNK)
	{
		uintptr_t	item = conn->queue[conn->first];
		size_t		room = FOX_OUT_CHUNK - HEADER_MAX - n;
		size_t		sent = conn->sent;
		size_t		whole = fox_frame_length(conn->framing, item);
		size_t		part = whole - sent;

		if (part > room)
		{
			if (n > 0)
				break;
			part = room;
		}
		else if (sent == 0 && batch_of(conn->framing, item) != FOX_BATCH_NONE)
			part = whole = shared_length(conn, room);
		n += conn->framing->header(p + n, kind_of(item), whole, sent, part);
		if (part == 0)
			fox_conn_sent(conn, 0);
		else
			fox_frame_take(conn, p + n, part);
		n += part;
	}
	return n;
}
