/*
 * queue.h - fox_wamp.delivery: what durable handlers have yet to hear.
 *
 * Whatever a transaction publishes is queued by itself, so that it is there exactly if the
 * transaction has committed, a router or none.
 */
#ifndef FOX_PG_QUEUE_H
#define FOX_PG_QUEUE_H

#include "postgres.h"

#include "core/ports.h"

/* Is the change an event that a durable handler hears? */
extern bool fox_queue_takes(const FoxChange *change);
/* Writes it to the queues of all who do. */
extern void fox_queue_write(const FoxChange *change);

/*
 * An event that so many handlers have set off is handled from now on, until end(); what is
 * published meanwhile is set off by one more.
 */
extern void fox_queue_handling(uint8 hops);
extern void fox_queue_handling_end(void);
/* Of what is published now; ERROR 54001 when handlers have set off one another too often. */
extern uint8 fox_queue_hops(const FoxChange *change);

#endif
