/*
 * auto_subscription.h - what MQTT clients are subscribed to when they connect, without asking: rows of fox_wamp.mqtt_auto_subscription.
 *
 * `%u` and `%c` are levels of a filter that stand for the user and the client identifier.
 */
#ifndef FOX_CORE_AUTO_SUBSCRIPTION_H
#define FOX_CORE_AUTO_SUBSCRIPTION_H

#include "core/session.h"

typedef struct FoxAutoSubscription
{
	FoxSlice	filter;			/* in MQTT's notation */
	uint8_t		qos;
	bool		no_local;
	bool		as_published;
	uint8_t		retain_handling;
} FoxAutoSubscription;

/* A row has come, has changed or has gone. */
extern void fox_auto_subscription_change(FoxRouter *r, const FoxChange *c);

/*
 * Those of the session, by its realm, role and client identifier, with its names for placeholders; valid for the call.  Where
 * a name can be no level of a filter, or there is none, the row is not for it.
 */
extern void fox_auto_subscriptions(const FoxSession *s, void (*fn) (void *ctx, const FoxAutoSubscription *sub), void *ctx);

/* Why the filter of a row is none, as a sentence; NULL: nothing is wrong with it. */
extern const char *fox_auto_subscription_problem(FoxSlice filter, bool no_local);

#endif
