/*
 * config_row.h - tables of configuration that the router has a copy of.
 *
 * A row comes to the router in two ways, by the table's trigger when it is changed and by the
 * load when the router starts or reads again; it is put into words in one place.
 */
#ifndef FOX_PG_CONFIG_ROW_H
#define FOX_PG_CONFIG_ROW_H

#include "pg/boot_sql.h"

/* The rows of all those tables, realms first; inside fox_store_begin() and _commit(). */
extern void fox_config_load(const FoxBootSink *sink);

#endif
