/*
 * kept.h - which topics are heard by sessions that keep their messages, roughly.
 *
 * SQL's transactions ask before they take the trouble of keeping an event until it is in the
 * queues (unheard.h).  One bit stands for all topics with a first component whose hash it is.
 */
#ifndef FOX_CORE_KEPT_H
#define FOX_CORE_KEPT_H

#include "core/core.h"

/* The bit of a topic, or of a pattern that begins with the same component; the same in every process, and not FOX_KEPT_ALL. */
extern unsigned fox_kept_bit(FoxSlice realm, FoxSlice topic);
/* A session that keeps its messages subscribes, or does so no more: goes out by the port `kept`. */
extern void fox_kept_change(const FoxMember *m, bool on);

#endif
