/*
 * listen.h - plain NOTIFYs of other people's code become events.
 *
 * Router side only.  The channels are the rows of fox_wamp.bridge with direction in.
 */
#ifndef FOX_PG_LISTEN_H
#define FOX_PG_LISTEN_H

#include "core/ports.h"

/* The channel that tells the router to read fox_wamp.bridge again. */
#define FOX_LISTEN_CHANGED "fox_wamp.bridge"

/* At router start, outside a transaction: reads the channels and listens. */
extern void fox_listen_start(void);
/* Each turn, outside a transaction: hands over what has been notified. */
extern void fox_listen_turn(void (*fn) (void *ctx, const FoxChange *), void *ctx);

#endif
