/*
 * lane_behind.h - rows that are written behind what has happened: they are joined here
 * until the next turn of the lanes takes them to the system executor.
 *
 * Everything is copied.  What a full memory drops is said in the log.
 */
#ifndef FOX_PG_LANE_BEHIND_H
#define FOX_PG_LANE_BEHIND_H

#include "pg/lane_request.h"

extern void fox_behind_registration(FoxSlice realm, uint64 id, FoxSlice uri, FoxSlice match, FoxSlice invoke, uint64 callees);
/* NOTIFY channel, payload (bridges of direction out). */
extern void fox_behind_notify(FoxSlice channel, FoxSlice payload);
/* A row of the event history; told to past_written() of lane.h whether it was dropped or not. */
extern void fox_behind_past(const FoxPastRow *row);
/* An event for the queue of a durable handler; false: too much waits. */
extern bool fox_behind_deliver(const FoxDelivery *d);
/* A row of an MQTT session, in one order with them and counted with them. */
extern bool fox_behind_mqtt(const FoxMqttRow *row);
/* The next message, under the id given; NULL: none. */
extern FoxRequest *fox_behind_take(uint64 id, bool registrations_too, bool past_too, bool deliveries_too);

#endif
