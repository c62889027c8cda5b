/*
 * row_mirror.h - a table's rows as retained values.
 */
#ifndef FOX_PG_ROW_MIRROR_H
#define FOX_PG_ROW_MIRROR_H

#include "postgres.h"

/* audience: JSON, whom the value is for; NULL: everybody. */
extern void fox_mirror_put(const char *realm, const char *topic, const char *args, const char *audience);
extern void fox_mirror_delete(const char *realm, const char *topic);
/* Deletes the values of all topics that match the regular expression. */
extern void fox_mirror_clear(const char *realm, const char *regex);

#endif
