/*
 * mqtt_row.h - retained values that came by MQTT: the row keeps the message as it was, in format 'mqtt'.
 */
#ifndef FOX_PG_MQTT_ROW_H
#define FOX_PG_MQTT_ROW_H

#include "postgres.h"

#include "base/slice.h"

/* What the message is in WAMP, palloc'ed; false: it is none, or the format is another. */
extern bool fox_mqtt_row_value(FoxSlice message, const char *format, FoxSlice *args, FoxSlice *kwargs);

#endif
