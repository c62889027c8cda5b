/*
 * frame.h - what queued messages look like on the wire.
 */
#ifndef FOX_NET_FRAME_H
#define FOX_NET_FRAME_H

#include <libwebsockets.h>

#include "codec/batch.h"
#include "net/net.h"

/* What a queued message is; kept in the low bits of its pointer. */
typedef enum FoxFrame
{
	FRAME_TEXT,
	FRAME_BINARY,
	FRAME_PING,
	FRAME_PONG,
	FRAME_CLOSE,
	FRAME_PLAIN,				/* goes out as it is */
	FRAME_COMPRESSED_TEXT,		/* by permessage-deflate */
	FRAME_COMPRESSED_BINARY
} FoxFrame;

#define FOX_FRAME_MASK ((uintptr_t) 7)

/* What brings the messages of a connection to its peer. */
typedef struct FoxCarrier
{
	void		(*flush) (FoxConn *conn);	/* sends what is queued, as much as can be sent now */
	void		(*flow) (FoxConn *conn, bool on);	/* nothing more is read, or again */
	void		(*cut) (FoxConn *conn);	/* has fox_conn_closed() called: soon, never at once */
	void		(*probe) (FoxConn *conn);	/* has fox_conn_heard() called if the peer is alive */
	void		(*sweep) (FoxConn *conn, uint64_t now_ms);	/* once a second while OPEN: is the peer alive? */
	int			patience_ms;	/* for what is queued to leave after a close, and for the peer's answer */
} FoxCarrier;

typedef struct FoxFraming
{
	const FoxCarrier *carrier;
	enum lws_write_protocol write;	/* how libwebsockets passes our bytes on untouched */
	FoxBatch	batch;			/* many messages may share one of the transport's */
	bool		pings;			/* it has frames that ask for a sign of life */
	bool		says_goodbye;	/* ends with a Close frame that the peer answers; otherwise with the stream */
	/* Writes what stands before bytes sent to sent + part of a message of whole bytes; returns its length. */
	size_t		(*header) (unsigned char *p, FoxFrame frame, size_t whole, size_t sent, size_t part);
} FoxFraming;

extern const FoxFraming fox_framing_websocket[];	/* by FoxBatch */
extern const FoxFraming fox_framing_longpoll[]; /* by FoxBatch */
extern const FoxFraming fox_framing_rawsocket;
extern const FoxFraming fox_framing_mqtt;

/* Bytes that a queued message takes on the wire, headers aside. */
extern size_t fox_frame_length(const FoxFraming *framing, uintptr_t item);
/* Moves queued messages into the buffer of FOX_OUT_CHUNK bytes, as many as fit, and returns their length. */
extern size_t fox_frame_join(FoxConn *conn, unsigned char *p);
/* Bytes of the messages at the head of the queue that may leave together, at most room if they are more than one. */
extern size_t fox_frame_together(const FoxConn *conn, size_t room);
/* Moves n bytes of the queue's head to p, without headers. */
extern void fox_frame_take(FoxConn *conn, unsigned char *p, size_t n);

#endif
