/*
 * batch.h - the batched WebSocket subprotocols: many messages in one.
 *
 * In JSON each message is followed by a record separator; 0x1e is the one of the
 * specification, and 0x18 what it also says and others send.  Binary messages have
 * their length before them, 32 bits, big-endian.  A stream has nothing between its messages; what comes in
 * is taken apart by mqtt_stream.h.
 */
#ifndef FOX_CODEC_BATCH_H
#define FOX_CODEC_BATCH_H

#include "base/slice.h"

typedef enum FoxBatch
{
	FOX_BATCH_NONE,
	FOX_BATCH_TEXT,
	FOX_BATCH_BINARY,
	FOX_BATCH_STREAM			/* MQTT: packets follow each other, and may go on in the next message */
} FoxBatch;

/* What a message takes in a batch beside its own bytes. */
extern size_t fox_batch_extra(FoxBatch batch);
/* Writes bytes from to from + n of a message as it stands in a batch, with what is before and behind it. */
extern void fox_batch_copy(FoxBatch batch, FoxSlice message, size_t from, size_t n, unsigned char *p);
/*
 * The next message of the bytes *at to end; *at moves behind it.  False: malformed; an
 * empty batch is, and at the end of one there is nothing to ask for.
 */
extern bool fox_batch_next(FoxBatch batch, char **at, char *end, char **message, size_t *len);

#endif
