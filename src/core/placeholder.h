/*
 * placeholder.h - components of a pattern that stand for who asks: `%u` for its authid, `%c` for its MQTT client identifier.
 *
 * Each is one component, whatever the name has in it: a name is escaped as a topic's level is (codec/mqtt_topic.h),
 * and neither `*` nor `#` is a wildcard in it.
 */
#ifndef FOX_CORE_PLACEHOLDER_H
#define FOX_CORE_PLACEHOLDER_H

#include "core/uri.h"

/* What they stand for: components as topics have them; absent: nobody is called anything, and nothing matches. */
typedef struct FoxNames
{
	FoxSlice	user;
	FoxSlice	client;
} FoxNames;

typedef enum FoxPlaceholder
{
	FOX_PLACEHOLDER_USER = 1,
	FOX_PLACEHOLDER_CLIENT = 2
} FoxPlaceholder;

/* The set of FoxPlaceholder that is among the components. */
extern unsigned fox_placeholders(FoxSlice uri);
/* Why the placeholders of a pattern are none, as a sentence; NULL: nothing is wrong with them. */
extern const char *fox_placeholder_problem(FoxSlice uri, FoxMatchKind kind);
/* What a component stands for if it is a placeholder, maybe absent; else itself. */
extern FoxSlice fox_placeholder_value(const FoxNames *names, FoxSlice component);

#endif
