/*
 * rawsocket.h - WAMP RawSocket: the handshake, and frames out of a stream of bytes.
 *
 * A frame is four octets and a payload:
 *
 *     RRRR XTTT  LLLL LLLL  LLLL LLLL  LLLL LLLL
 *
 * R reserved, T the type, L the payload's length; X is set for a payload of exactly
 * 2^24 octets, and L is then zero.
 */
#ifndef FOX_CODEC_RAWSOCKET_H
#define FOX_CODEC_RAWSOCKET_H

#include "base/slice.h"

#define FOX_RAW_MAGIC 0x7f
#define FOX_RAW_HELLO 4			/* octets of the handshake, either way */
#define FOX_RAW_HEADER 4		/* octets before a payload */
#define FOX_RAW_LONGEST ((uint32_t) 1 << 24)

/* --- the handshake --- */

typedef enum FoxRawSerializer
{
	FOX_RAW_NONE,
	FOX_RAW_JSON,
	FOX_RAW_MSGPACK,
	FOX_RAW_CBOR
} FoxRawSerializer;

/* The error of a reply, as on the wire; 0 is none. */
typedef enum FoxRawRefusal
{
	FOX_RAW_WELCOME,
	FOX_RAW_BAD_SERIALIZER,
	FOX_RAW_BAD_LENGTH,
	FOX_RAW_BAD_RESERVED,
	FOX_RAW_FULL
} FoxRawRefusal;

typedef struct FoxRawHello
{
	FoxRawSerializer serializer;
	uint32_t	max;			/* longest message that the client takes */
} FoxRawHello;

/* Reads the client's four octets, of which the first is the magic one; hello is set if they are welcome. */
extern FoxRawRefusal fox_raw_hello(const unsigned char *octets, FoxRawHello *hello);
/* The longest message that a router with this limit can announce: a power of two from 2^9 to 2^24. */
extern uint32_t fox_raw_announced(size_t limit);
/* Writes the router's four octets; max is of fox_raw_announced(). */
extern void fox_raw_accept(unsigned char *octets, FoxRawSerializer serializer, uint32_t max);
extern void fox_raw_refuse(unsigned char *octets, FoxRawRefusal why);

/* --- frames --- */

typedef enum FoxRawType
{
	FOX_RAW_MESSAGE,
	FOX_RAW_PING,
	FOX_RAW_PONG
} FoxRawType;

/* Writes the four octets before a payload of len octets, at most FOX_RAW_LONGEST. */
extern void fox_raw_header(unsigned char *octets, FoxRawType type, size_t len);

typedef enum FoxRawResult
{
	FOX_RAW_MORE,				/* everything is taken; the frame goes on in the next piece */
	FOX_RAW_FRAME,
	FOX_RAW_RESERVED,			/* a bit or a type without a meaning */
	FOX_RAW_TOO_LONG,
	FOX_RAW_NO_MEMORY
} FoxRawResult;

/* Zero but for max is a reader at the beginning of a stream. */
typedef struct FoxRawReader
{
	uint32_t	max;			/* longest payload that is taken */
	uint32_t	len;			/* of the frame in hand */
	uint32_t	got;			/* of its payload, in body */
	uint32_t	cap;
	char	   *body;			/* a payload that came in pieces */
	unsigned char head[FOX_RAW_HEADER];
	uint8_t		head_len;
	bool		delivered;		/* the frame in body has been handed out */
	char	   *spare;			/* the byte behind a frame that was handed out, */
	char		kept;			/* and what stood there */
} FoxRawReader;

typedef struct FoxRawFrame
{
	FoxRawType	type;
	char	   *data;			/* writable, and so is the byte behind it */
	size_t		len;
} FoxRawFrame;

/*
 * The next frame of the bytes *at to end, which are writable; *at moves on.  A frame that
 * lies wholly in them is not copied.  It is valid until the next call and no longer than
 * those bytes.  Call again until it is not FOX_RAW_FRAME; after an error no more.
 */
extern FoxRawResult fox_raw_next(FoxRawReader *r, char **at, char *end, FoxRawFrame *frame);
extern void fox_raw_reader_free(FoxRawReader *r);

#endif
