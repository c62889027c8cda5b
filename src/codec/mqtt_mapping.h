/*
 * mqtt_mapping.h - topics of one broker as those of another, as bridges map them.
 *
 * A mapping is a pattern and a prefix on either side: `sensor/#` with the prefixes `` and `site/7/` is `sensor/#` here and
 * `site/7/sensor/#` there.
 */
#ifndef FOX_CODEC_MQTT_MAPPING_H
#define FOX_CODEC_MQTT_MAPPING_H

#include "base/buf.h"

typedef struct FoxMqttMapping
{
	FoxSlice	pattern;		/* a filter, or empty: the prefixes are the topics */
	FoxSlice	local_prefix;
	FoxSlice	remote_prefix;
} FoxMqttMapping;

/* Why it is none, as a sentence; NULL: nothing is wrong with it.  in: messages come from the remote. */
extern const char *fox_mqtt_mapping_problem(const FoxMqttMapping *m, bool in);

/* Does the filter match the topic?  Both in MQTT's notation, the filter valid and not shared. */
extern bool fox_mqtt_filter_matches(FoxSlice filter, FoxSlice topic);

/* Appends the filter of a side. */
extern void fox_mqtt_mapping_filter(const FoxMqttMapping *m, bool remote, FoxBuf *filter);

/*
 * Appends what the topic is called at the other side; remote: it is one of the remote's.  False: the mapping is not for
 * it, and nothing was appended.
 */
extern bool fox_mqtt_mapping_topic(const FoxMqttMapping *m, bool remote, FoxSlice topic, FoxBuf *other);

#endif
