/*
 * mqtt_payload.h - application messages of MQTT as args and kwargs, and the other way.
 *
 * MQTT to WAMP: JSON is taken as what it is: an array is args, an object kwargs, anything else the
 * one arg; an object of exactly args (an array) and kwargs (an object) is both; no bytes are neither.
 * Other text is a string, other bytes are binary, as the one arg.  WAMP to MQTT is the reverse.
 *
 * Properties are those that a message takes with it, encoded as in a PUBLISH without their length.
 */
#ifndef FOX_CODEC_MQTT_PAYLOAD_H
#define FOX_CODEC_MQTT_PAYLOAD_H

#include "codec/mqtt_props.h"

/* A single string becomes its text instead of JSON; for the whole process, by the administrator. */
extern void fox_mqtt_strings_raw(bool raw);

/* Results are in scratch, to which they are appended, or absent; false: no memory. */
extern bool fox_mqtt_to_json(FoxSlice bytes, FoxBuf *scratch, FoxSlice *args, FoxSlice *kwargs);
extern bool fox_mqtt_from_json(FoxSlice args, FoxSlice kwargs, FoxBuf *scratch, FoxSlice *bytes, FoxSlice *props);

/*
 * Appends base, encoded properties, with those of a JSON object as fox_mqtt_props_json() makes them, their length
 * before them.  False: no memory.
 */
extern bool fox_mqtt_props_of(FoxSlice details, FoxSlice base, FoxBuf *out);

/* Appends the properties as a JSON object. */
extern void fox_mqtt_props_json(FoxSlice props, FoxBuf *out);

/* A message in one piece, as it is stored: its QoS, properties and bytes. */
extern void fox_mqtt_pack(uint8_t qos, FoxSlice props, FoxSlice bytes, FoxBuf *out);
/* False: it is none. */
extern bool fox_mqtt_unpack(FoxSlice packed, uint8_t *qos, FoxSlice *props, FoxSlice *bytes);

#endif
