/*
 * deflate_offer.h - what a client offers of permessage-deflate (RFC 7692), and our answer.
 *
 * A client may make several offers, the best one first.  One with a parameter that is
 * unknown, doubled or has a bad value is declined; of a malformed header all are.
 */
#ifndef FOX_CODEC_DEFLATE_OFFER_H
#define FOX_CODEC_DEFLATE_OFFER_H

#include "base/slice.h"

typedef struct FoxDeflateOffer
{
	int			made;			/* offers of permessage-deflate, declined ones among them */
	uint8_t		window_bits;	/* of the first good one: how far back our DEFLATE may refer, 8 to 15; 0: none is good */
	bool		limits_window;	/* and it says so */
} FoxDeflateOffer;

#define FOX_DEFLATE_ANSWER 96	/* bytes that an answer's parameters take at most, NUL and all */

/* Reads a Sec-WebSocket-Extensions header. */
extern FoxDeflateOffer fox_deflate_offer(FoxSlice header);
/* Writes what stands behind the extension's name in the answer to a good offer; returns its length. */
extern size_t fox_deflate_answer(const FoxDeflateOffer *offer, char *p);

#endif
