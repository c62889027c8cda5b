/*
 * unheard.h - events of SQL that sessions which keep their messages may not have heard yet.
 *
 * A transaction that publishes leaves such an event in fox_wamp.mqtt_unheard, and the row goes
 * with the transaction that writes it to the queues: what has committed is heard once, whatever
 * crashes.  So an event may come twice, by the ring and as a row; who comes second is not heard.
 */
#ifndef FOX_CORE_UNHEARD_H
#define FOX_CORE_UNHEARD_H

#include "core/core.h"

/* Has the event of that row been heard? */
extern bool fox_unheard_is_heard(const FoxRouter *r, uint64_t row);
/* It has been heard just now, of the ring or (silent) as a row: the row goes, behind what was written of it. */
extern void fox_unheard_heard(FoxRouter *r, const FoxChange *c);
/* The ring has brought it, and does not bring it again. */
extern void fox_unheard_over(FoxRouter *r, uint64_t row);
/* router->deliveries_written has grown. */
extern void fox_unheard_written(FoxRouter *r);
extern void fox_unheard_free(FoxRouter *r);

#endif
