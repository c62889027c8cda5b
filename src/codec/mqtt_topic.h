/*
 * mqtt_topic.h - topics and filters of MQTT in WAMP's notation, and the other way.
 *
 * Both are notations for a list of levels, which a topic is: `a/b/c` is `a.b.c`.  A character
 * that a notation gives a meaning is escaped where it is none: `.` and white space in WAMP
 * (`%2E`, `%20`), `/` and `+` in MQTT (`%2F`, `%2B`); a level without characters, which WAMP does
 * not have, is `%00` there.  A `%` stands for itself unless what follows reads as (25)* and an escape
 * code of that notation: then writing adds one 25 and reading takes one away.  So every topic has
 * one form in either notation, and comes back as it was.
 */
#ifndef FOX_CODEC_MQTT_TOPIC_H
#define FOX_CODEC_MQTT_TOPIC_H

#include "base/buf.h"

/* Appends; the topic is valid in its notation. */
extern void fox_topic_from_mqtt(FoxSlice topic, FoxBuf *uri);
extern void fox_topic_to_mqtt(FoxSlice uri, FoxBuf *topic);

/* Appends any text as one level of a topic in WAMP's notation; nothing for an absent or empty one. */
extern void fox_topic_level(FoxSlice text, FoxBuf *uri);

typedef enum FoxMqttFilterKind
{
	FOX_MQTT_FILTER_INVALID,
	FOX_MQTT_FILTER_TOPIC,		/* no wildcard: one topic */
	FOX_MQTT_FILTER_PATTERN
} FoxMqttFilterKind;

/*
 * Appends the filter as a topic or a pattern (`+` is `*`, `#` stays) and says which.  A level that is `*` and
 * nothing else can not be told from a wildcard in a pattern: beside one it makes the filter invalid.
 */
extern FoxMqttFilterKind fox_filter_from_mqtt(FoxSlice filter, FoxBuf *uri);

/* How many levels a topic or a filter has, in MQTT's notation ('/') or in WAMP's ('.'). */
extern size_t fox_topic_levels(FoxSlice topic, char separator);

/* Takes `$share/group/` off the filter; group is absent without one.  False: malformed. */
extern bool fox_filter_share(FoxSlice *filter, FoxSlice *group);

#endif
