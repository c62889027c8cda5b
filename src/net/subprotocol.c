/*
 * subprotocol.c - see subprotocol.h.
 */
#include "net/subprotocol.h"

static const FoxSubprotocol subprotocols[] = {
	{"wamp.2.json", "wamp.2.json", FOX_BATCH_NONE, false},
	{"wamp.2.msgpack", "wamp.2.msgpack", FOX_BATCH_NONE, true},
	{"wamp.2.cbor", "wamp.2.cbor", FOX_BATCH_NONE, true},
	{"wamp.2.json.batched", "wamp.2.json", FOX_BATCH_TEXT, false},
	{"wamp.2.msgpack.batched", "wamp.2.msgpack", FOX_BATCH_BINARY, true},
	{"wamp.2.cbor.batched", "wamp.2.cbor", FOX_BATCH_BINARY, true},
	{"mqtt", "mqtt", FOX_BATCH_STREAM, true},
	{"mqttv3.1", "mqtt", FOX_BATCH_STREAM, true}
};

const FoxSubprotocol *
fox_subprotocol(FoxSlice name)
{
	for (size_t i = 0; i < sizeof(subprotocols) / sizeof(subprotocols[0]); i++)
		if (fox_slice_is(name, subprotocols[i].name))
			return &subprotocols[i];
	return NULL;
}
