/*
 * subprotocol.h - what WebSocket's subprotocols are called, and what each of them says.
 */
#ifndef FOX_NET_SUBPROTOCOL_H
#define FOX_NET_SUBPROTOCOL_H

#include "codec/batch.h"

typedef struct FoxSubprotocol
{
	const char *name;			/* "wamp.2.json.batched" */
	const char *encoding;		/* what the gate hears of: "wamp.2.json"; batches are the transport's affair */
	FoxBatch	batch;
	bool		binary;			/* its messages are */
} FoxSubprotocol;

/* The subprotocol of that name, a constant; NULL: it is none of ours. */
extern const FoxSubprotocol *fox_subprotocol(FoxSlice name);

#endif
