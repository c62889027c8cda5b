/*
 * catalog_row.h - rows of fox_wamp.service_address as the router has them.
 */
#ifndef FOX_PG_CATALOG_ROW_H
#define FOX_PG_CATALOG_ROW_H

#include "postgres.h"
#include "access/htup.h"
#include "access/tupdesc.h"

#include "core/ports.h"

/* Always true: each is one. */
extern bool fox_catalog_row(HeapTuple row, TupleDesc desc, FoxChange *change);

#endif
