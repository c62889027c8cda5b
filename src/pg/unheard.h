/*
 * unheard.h - fox_wamp.mqtt_unheard: what transactions publish and MQTT sessions keep (core/unheard.h).
 *
 * A row is there exactly if its transaction has committed, a router or none.
 */
#ifndef FOX_PG_UNHEARD_H
#define FOX_PG_UNHEARD_H

#include "postgres.h"

#include "core/ports.h"
#include "pg/ring_seg.h"

/* Is the change an event of this transaction's that such a session may hear?  ring: NULL without a router. */
extern bool fox_unheard_takes(const FoxChange *change, FoxRingHeader *ring);
/* At PRE_COMMIT. */
extern void fox_unheard_write(const FoxChange *change, uint64 id);
/* All rows, in their order, as changes that are silent; in the executor, in its transaction. */
extern void fox_unheard_load(void (*sink) (const FoxChange *change));

#endif
