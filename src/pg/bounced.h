/*
 * bounced.h - what a writer has sent back and its router has yet to take note of.
 *
 * A topic that somebody else had locked is refused until the router knows of each
 * write that came back, and so is everything of the same order (FoxWrite): what was
 * sent behind such a write must not overtake it.
 */
#ifndef FOX_PG_BOUNCED_H
#define FOX_PG_BOUNCED_H

#include "postgres.h"

#include "pg/wire_msg.h"

/* What must come of a write before it is tried: BEHIND, SLOW, or DONE if nothing stands against it. */
extern FoxOutcome fox_bounced(const FoxWrite *w);
/* The write goes back with that outcome; harmless for others than SLOW and BEHIND.  May raise ERROR (no memory). */
extern void fox_bounce(const FoxWrite *w, FoxOutcome outcome);
/* The router has taken note of one of them. */
extern void fox_bounce_seen(FoxOutcome outcome, FoxSlice realm, FoxSlice topic, uint64 order);

#endif
