/*
 * lifecycle.h - starting and stopping the router of a database.
 */
#ifndef FOX_PG_LIFECYCLE_H
#define FOX_PG_LIFECYCLE_H

#include "postgres.h"

/* The hook that stops a router before DROP DATABASE, RENAME and CREATE … TEMPLATE of its database. */
extern void fox_lifecycle_install_hook(void);

#endif
