/*
 * mqtt_stream.h - packets of MQTT out of a stream of bytes.
 */
#ifndef FOX_CODEC_MQTT_STREAM_H
#define FOX_CODEC_MQTT_STREAM_H

#include "base/buf.h"

typedef enum FoxMqttNext
{
	FOX_MQTT_MORE,				/* everything is taken; a packet goes on in the next piece, or none has begun */
	FOX_MQTT_PACKET,
	FOX_MQTT_NO_MEMORY
} FoxMqttNext;

/* Zero is one at its beginning. */
typedef struct FoxMqttStream
{
	FoxBuf		begun;			/* a packet of which more is to come */
	bool		handed_out;		/* that one has been */
	bool		broken;			/* nothing can be found any more in what follows */
} FoxMqttStream;

/*
 * The next packet of the bytes *at to end; *at moves on.  One that lies wholly in them is not
 * copied.  Of one that is longer than max bytes, or whose length is malformed, its beginning is
 * handed out, as far as its length is known, and nothing after it.  A packet is valid until the next call.
 */
extern FoxMqttNext fox_mqtt_next(FoxMqttStream *s, size_t max, const char **at, const char *end, FoxSlice *packet);
extern void fox_mqtt_stream_free(FoxMqttStream *s);

#endif
