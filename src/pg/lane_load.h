/*
 * lane_load.h - what the system executor has read for the router, on its way to whom it is for.
 */
#ifndef FOX_PG_LANE_LOAD_H
#define FOX_PG_LANE_LOAD_H

#include "pg/lane.h"
#include "pg/wire_msg.h"

/* Each reads a message of its kind to the end and hands the rows to the handler; NULL: to nobody.  w->bad says that it was malformed. */
extern void fox_load_rows(const FoxLaneHandler *handler, FoxWire *w);
extern void fox_load_mqtt(const FoxLaneHandler *handler, FoxWire *w);
extern void fox_load_setting(const FoxLaneHandler *handler, FoxWire *w);

#endif
