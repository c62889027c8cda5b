/*
 * mqtt_sql.h - the tables of MQTT sessions that outlive their connections.
 */
#ifndef FOX_PG_MQTT_SQL_H
#define FOX_PG_MQTT_SQL_H

#include "postgres.h"

#include "core/ports.h"

/* Writes a row, in the transaction of the caller; times are those of the server.  Raises ERROR. */
extern void fox_mqtt_row_write(const FoxMqttRow *row);

/* A router starts: sessions that had a connection have lost it now. */
extern void fox_mqtt_clear(void);

/* Reads all rows: sessions, then what belongs to them, messages in their order. */
extern void fox_mqtt_load(void (*row) (const FoxMqttRow *row));

#endif
