/*
 * history.h - events that are kept: what get_events answers with, and SUBSCRIBE's `after`.
 *
 * A policy (a row of fox_wamp.history) keeps the last events of a topic or a pattern in
 * the order of their delivery.  An event is kept once, however many policies keep it.
 */
#ifndef FOX_CORE_HISTORY_H
#define FOX_CORE_HISTORY_H

#include "core/core.h"

typedef struct FoxPolicy FoxPolicy;

struct FoxPast
{
	uint32_t	refs;			/* policies and subscriptions that are being served */
	uint32_t	kept;			/* policies, and who is just recording it */
	bool		stored;			/* the table has it, or will have */
	uint64_t	position;		/* order of delivery; key in the table */
	uint64_t	publication;
	int64_t		at_us;			/* since 1970 */
	FoxDisclosed publisher;
	FoxSlice	topic;
	FoxSlice	args;			/* JSON or absent */
	FoxSlice	kwargs;
	char		block[];
};

extern void fox_past_unref(FoxPast *past);

/* Delivered to everybody who had subscribed: whoever keeps the topic's events keeps it. */
extern void fox_history_record(FoxRealm *realm, FoxEvent *e);

/*
 * A policy that keeps the events of a subscription to that topic: its own, or one that
 * covers the topic; with a publication, one that has it.  NULL: none.
 */
extern FoxPolicy *fox_history_find(FoxRealm *realm, FoxSlice topic, FoxMatchKind kind, uint64_t publication);
extern size_t fox_policy_count(const FoxPolicy *p);
extern FoxPast *fox_policy_at(const FoxPolicy *p, size_t i);	/* the oldest is 0 */
/* Where the publication is; false: it is not there. */
extern bool fox_policy_place(const FoxPolicy *p, uint64_t publication, size_t *i);
/* Is the event one of the subscription's? */
extern bool fox_past_is_for(const FoxPast *past, const FoxSubscription *sub);

/*
 * Begins to send what p has behind the publication and is the subscription's; live events wait
 * behind that (snapshot.c).  False: no memory.
 */
extern bool fox_history_replay(const FoxPolicy *p, uint64_t publication, FoxMember *m);

#endif
