/*
 * mqtt_bridge.h - carries out bridges to other MQTT brokers.
 *
 * A bridge splices two sessions: one of the remote broker, whose client it is, and one of our own, kept like that of any
 * other client, with the client identifier `$bridge/` and the name.  What comes from one side goes to the other under the
 * same packet identifier, acknowledgements too: what is under way, and what waits, is known by the two brokers and outlives
 * the connection, and the router.  The bridge itself keeps nothing.
 */
#ifndef FOX_GATE_MQTT_BRIDGE_H
#define FOX_GATE_MQTT_BRIDGE_H

#include "gate/dialer.h"
#include "gate/mqtt_gate.h"

/* Bridges are carried out from now on, by these connections.  dialer is copied. */
extern void fox_mqtt_broker_bridge(FoxMqttBroker *b, const FoxDialer *dialer);

#endif
