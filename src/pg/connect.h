/*
 * connect.h - how the router's processes connect to a database.
 */
#ifndef FOX_PG_CONNECT_H
#define FOX_PG_CONNECT_H

#include "postgres.h"

/* As the bootstrap superuser, whatever the database has stored for who connects. */
extern void fox_connect(Oid database);

#endif
