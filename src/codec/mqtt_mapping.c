/*
 * mqtt_mapping.c - topics of one broker as those of another (see mqtt_mapping.h).
 */
#include "codec/mqtt_mapping.h"

#include "codec/mqtt_topic.h"
#include "codec/mqtt_wire.h"

#include "base/pure.h"

#define FILTER_MAX 2000			/* bytes */

static bool
has_wildcard(FoxSlice text)
{
	return memchr(text.ptr, '+', text.len) != NULL || memchr(text.ptr, '#', text.len) != NULL;
}

void
fox_mqtt_mapping_filter(const FoxMqttMapping *m, bool remote, FoxBuf *filter)
{
	fox_buf_slice(filter, remote ? m->remote_prefix : m->local_prefix);
	fox_buf_slice(filter, m->pattern);
}

static bool
filter_valid(const FoxMqttMapping *m, bool remote)
{
	FoxBuf		filter = {0};
	FoxBuf		uri = {0};
	FoxSlice	text;
	bool		valid;

	fox_mqtt_mapping_filter(m, remote, &filter);
	text = fox_buf_view(&filter);
	valid = !filter.failed && text.len > 0 && text.len <= FILTER_MAX && fox_mqtt_text_valid(text) &&
		!fox_slice_begins(text, FOX_LIT("$share/")) && fox_filter_from_mqtt(text, &uri) != FOX_MQTT_FILTER_INVALID;
	fox_buf_free(&uri);
	fox_buf_free(&filter);
	return valid;
}

/* Topics that clients do not publish to. */
static bool
is_reserved(const FoxMqttMapping *m)
{
	static const char *const reserved[] = {"$SYS/", "$call/", "$reply/", "wamp/", "fox_wamp/"};
	FoxBuf		filter = {0};
	bool		is = false;

	fox_mqtt_mapping_filter(m, false, &filter);
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		is |= fox_slice_begins(fox_buf_view(&filter), fox_cstr(reserved[i]));
	fox_buf_free(&filter);
	return is;
}

const char *
fox_mqtt_mapping_problem(const FoxMqttMapping *m, bool in)
{
	if (has_wildcard(m->local_prefix) || has_wildcard(m->remote_prefix))
		return "A prefix has no wildcards.";
	if (!filter_valid(m, false))
		return "With its local prefix it is no filter of MQTT, or a shared one.";
	if (!filter_valid(m, true))
		return "With its remote prefix it is no filter of MQTT, or a shared one.";
	if (in && is_reserved(m))
		return "Nobody publishes to the router's own topics: give it another local prefix.";
	return NULL;
}

/* --- matching --- */

/* Takes the next level off; absent afterwards: that was the last one. */
static FoxSlice
next_level(FoxSlice *rest)
{
	const char *slash = memchr(rest->ptr, '/', rest->len);
	FoxSlice	level = fox_slice(rest->ptr, slash != NULL ? (size_t) (slash - rest->ptr) : rest->len);

	*rest = slash != NULL ? fox_slice(slash + 1, rest->len - level.len - 1) : FOX_ABSENT;
	return level;
}

static bool
levels_match(FoxSlice filter, FoxSlice topic)
{
	while (!fox_absent(filter))
	{
		FoxSlice	level = next_level(&filter);

		if (fox_slice_is(level, "#"))
			return true;
		if (fox_absent(topic))
			return false;
		if (!fox_slice_eq(level, next_level(&topic)) && !fox_slice_is(level, "+"))
			return false;
	}
	return fox_absent(topic);
}

bool
fox_mqtt_filter_matches(FoxSlice filter, FoxSlice topic)
{
	/* Topics that begin with $ are for filters that begin with it. */
	if (topic.len > 0 && topic.ptr[0] == '$' && filter.len > 0 && (filter.ptr[0] == '+' || filter.ptr[0] == '#'))
		return false;
	return levels_match(filter, topic);
}

/* The filter is prefix and pattern in one: what is behind the prefix is the pattern's. */
static bool
fits(FoxSlice prefix, FoxSlice pattern, FoxSlice topic)
{
	if (prefix.len == 0)
		return fox_mqtt_filter_matches(pattern, topic);
	return fox_slice_begins(topic, prefix) && levels_match(pattern, fox_slice(topic.ptr + prefix.len, topic.len - prefix.len));
}

bool
fox_mqtt_mapping_topic(const FoxMqttMapping *m, bool remote, FoxSlice topic, FoxBuf *other)
{
	FoxSlice	from = remote ? m->remote_prefix : m->local_prefix;
	FoxSlice	to = remote ? m->local_prefix : m->remote_prefix;

	/* `#` stands for no levels too: what is left may be no topic. */
	if (!fits(from, m->pattern, topic) || topic.len - from.len + to.len == 0)
		return false;
	fox_buf_slice(other, to);
	fox_buf_put(other, topic.ptr + from.len, topic.len - from.len);
	return !other->failed;
}
