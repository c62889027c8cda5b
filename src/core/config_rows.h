/*
 * config_rows.h - the rows of configuration, as the router knows them.
 *
 * They come by the ring when they are changed, and by a read of all of them when the router
 * starts or the ring has had a gap.  The two overlap: what is read may be older than what the
 * ring has brought meanwhile, and what is not read has gone unheard.  Here it is decided what
 * of that is news; the files that the kinds belong to hear of nothing else.
 */
#ifndef FOX_CORE_CONFIG_ROWS_H
#define FOX_CORE_CONFIG_ROWS_H

#include "core/core.h"

/* True: the change is news to the file that its kind belongs to, or no row of configuration. */
extern bool fox_config_row_is_news(FoxRouter *r, const FoxChange *c);

/* The read is over: rows that it has not brought go, each by a fox_router_change(). */
extern void fox_config_rows_reread_end(FoxRouter *r);

extern void fox_config_rows_free(FoxRouter *r);

#endif
