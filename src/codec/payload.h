/*
 * payload.h - args and kwargs in the encoding they came in.
 *
 * The router passes payloads on as bytes; only a receiver of another encoding makes it
 * rewrite them.
 */
#ifndef FOX_CODEC_PAYLOAD_H
#define FOX_CODEC_PAYLOAD_H

#include "codec/binary.h"

typedef enum FoxEncoding
{
	FOX_JSON,
	FOX_MSGPACK,
	FOX_CBOR,
	FOX_MQTT					/* the bytes of an application message, and its properties (mqtt_payload.h) */
} FoxEncoding;

#define FOX_ENCODINGS 3			/* those of WAMP's messages */

typedef struct FoxPayload
{
	FoxEncoding encoding;
	FoxSlice	args;			/* an array or absent, in that encoding; of MQTT the bytes */
	FoxSlice	kwargs;			/* a map or absent, in that encoding; of MQTT the properties */
} FoxPayload;

/*
 * The payload in another encoding: *out borrows from in when the encodings are the same,
 * otherwise from scratch, to which it is appended (what scratch held may move); in must not borrow from
 * scratch.  False when it is malformed or memory is out; then scratch->len is as before.
 */
extern bool fox_payload_as(const FoxPayload *in, FoxEncoding encoding, FoxBuf *scratch, FoxPayload *out);

/* What describes a binary encoding; NULL for JSON and MQTT. */
extern const FoxBinary *fox_binary_of(FoxEncoding encoding);

#endif
