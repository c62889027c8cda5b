/*
 * mqtt_bridge_row.h - rows of fox_wamp.mqtt_bridge and fox_wamp.mqtt_bridge_topic as the router has them.
 */
#ifndef FOX_PG_MQTT_BRIDGE_ROW_H
#define FOX_PG_MQTT_BRIDGE_ROW_H

#include "postgres.h"
#include "access/htup.h"
#include "access/tupdesc.h"

#include "core/ports.h"

/* ERROR for a row that could not be carried out. */
extern void fox_mqtt_bridge_check(HeapTuple row, TupleDesc desc);
extern void fox_mqtt_bridge_topic_check(HeapTuple row, TupleDesc desc);
/* Always true: each is one. */
extern bool fox_mqtt_bridge_row(HeapTuple row, TupleDesc desc, FoxChange *change);
extern bool fox_mqtt_bridge_topic_row(HeapTuple row, TupleDesc desc, FoxChange *change);

#endif
