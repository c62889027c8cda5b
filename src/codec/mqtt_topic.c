/*
 * mqtt_topic.c - topics in two notations (see mqtt_topic.h).
 */
#include "codec/mqtt_topic.h"

#include "base/pure.h"

static const char digits[] = "0123456789ABCDEF";

/* A notation: what separates levels, what else has to be escaped, and if there are empty levels. */
typedef struct Notation
{
	char		separator;
	bool		(*escapes) (unsigned char c);
	bool		empty_levels;
} Notation;

static bool
wamp_escapes(unsigned char c)
{
	return c == '.' || (c >= 1 && c <= ' ') || c == 0x7f;
}

static bool
mqtt_escapes(unsigned char c)
{
	return c == '/' || c == '+';
}

static const Notation wamp = {'.', wamp_escapes, false};
static const Notation mqtt = {'/', mqtt_escapes, true};

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/*
 * Of what follows a `%`: how many times 25 stands before an escape code, or -1 if there is none.  The code of an
 * empty level is one only where it is all of its level.
 */
static int
escape_depth(const Notation *n, const char *p, const char *end, bool whole_level, int *code)
{
	int			depth = 0;

	while (end - p >= 2 && p[0] == '2' && p[1] == '5')
	{
		depth++;
		p += 2;
	}
	if (end - p < 2 || digit(p[0]) < 0 || digit(p[1]) < 0)
		return -1;
	*code = digit(p[0]) << 4 | digit(p[1]);
	if (*code == 0)
		return !n->empty_levels && whole_level && end - p == 2 ? depth : -1;
	return n->escapes((unsigned char) *code) ? depth : -1;
}

/* Writes a level's characters. */
static void
write_level(const Notation *to, FoxSlice read, FoxBuf *out)
{
	const char *end = read.ptr + read.len;
	int			code;

	if (read.len == 0 && !to->empty_levels)
		fox_buf_str(out, "%00");
	for (const char *p = read.ptr; p < end; p++)
	{
		if (to->escapes((unsigned char) *p))
		{
			fox_buf_char(out, '%');
			fox_buf_char(out, digits[(unsigned char) *p >> 4]);
			fox_buf_char(out, digits[*p & 15]);
			continue;
		}
		fox_buf_char(out, *p);
		if (*p == '%' && escape_depth(to, p + 1, end, p == read.ptr, &code) >= 0)
			fox_buf_str(out, "25");
	}
}

/* Reads a level of one notation and writes it in the other. */
static void
rewrite_level(const Notation *from, const Notation *to, FoxSlice level, FoxBuf *out)
{
	FoxBuf		plain = {0};
	FoxBuf	   *chars = &plain;
	const char *end = level.ptr + level.len;
	int			code = 0;
	FoxSlice	read = level;

	if (memchr(level.ptr, '%', level.len) != NULL)
	{
		for (const char *p = level.ptr; p < end; p++)
		{
			int			depth = *p == '%' ? escape_depth(from, p + 1, end, p == level.ptr, &code) : -1;

			if (depth < 0)
				fox_buf_char(chars, *p);
			else if (depth == 0)
			{
				if (code != 0)
					fox_buf_char(chars, (char) code);
				p += 2;
			}
			else
			{
				fox_buf_char(chars, '%');
				p += 2;			/* one 25 less */
			}
		}
		out->failed |= plain.failed;
		read = fox_buf_view(&plain);
	}
	write_level(to, read, out);
	fox_buf_free(&plain);
}

/* Nearly all topics have nothing to escape: they are copied, with the other separator. */
static bool
rewrite_plain(const Notation *from, const Notation *to, FoxSlice topic, FoxBuf *out)
{
	char	   *p = fox_buf_reserve(out, topic.len);
	char		before = from->separator;

	if (p == NULL)
		return true;
	for (size_t i = 0; i < topic.len; i++)
	{
		char		c = topic.ptr[i];

		if (c == '%' || (c == from->separator && before == c) || (c != from->separator && to->escapes((unsigned char) c)))
			return false;
		p[i] = c == from->separator ? to->separator : c;
		before = c;
	}
	if (before == from->separator)
		return false;
	out->len += topic.len;
	return true;
}

/* Takes the first level off; false: there was none left. */
static bool
next_level(FoxSlice *rest, char separator, FoxSlice *level)
{
	const char *p;

	if (fox_absent(*rest))
		return false;
	p = memchr(rest->ptr, separator, rest->len);
	*level = p == NULL ? *rest : fox_slice(rest->ptr, (size_t) (p - rest->ptr));
	*rest = p == NULL ? FOX_ABSENT : fox_slice(p + 1, rest->len - level->len - 1);
	return true;
}

static void
rewrite(const Notation *from, const Notation *to, FoxSlice topic, FoxBuf *out)
{
	FoxSlice	level;

	if (rewrite_plain(from, to, topic, out))
		return;
	for (bool first = true; next_level(&topic, from->separator, &level); first = false)
	{
		if (!first)
			fox_buf_char(out, to->separator);
		rewrite_level(from, to, level, out);
	}
}

void
fox_topic_level(FoxSlice text, FoxBuf *uri)
{
	if (text.len > 0)
		write_level(&wamp, text, uri);
}

void
fox_topic_from_mqtt(FoxSlice topic, FoxBuf *uri)
{
	rewrite(&mqtt, &wamp, topic, uri);
}

void
fox_topic_to_mqtt(FoxSlice uri, FoxBuf *topic)
{
	rewrite(&wamp, &mqtt, uri, topic);
}

FoxMqttFilterKind
fox_filter_from_mqtt(FoxSlice filter, FoxBuf *uri)
{
	FoxMqttFilterKind kind = FOX_MQTT_FILTER_TOPIC;
	bool		star = false;
	FoxSlice	level;

	if (filter.len == 0)
		return FOX_MQTT_FILTER_INVALID;
	for (bool first = true; next_level(&filter, '/', &level); first = false)
	{
		bool		rest = fox_slice_is(level, "#");

		if (!first)
			fox_buf_char(uri, '.');
		star = star || fox_slice_is(level, "*");
		if (rest || fox_slice_is(level, "+"))
		{
			if (rest && !fox_absent(filter))
				return FOX_MQTT_FILTER_INVALID;
			fox_buf_char(uri, rest ? '#' : '*');
			kind = FOX_MQTT_FILTER_PATTERN;
		}
		else if (memchr(level.ptr, '+', level.len) != NULL || memchr(level.ptr, '#', level.len) != NULL)
			return FOX_MQTT_FILTER_INVALID;
		else
			rewrite_level(&mqtt, &wamp, level, uri);
	}
	return kind == FOX_MQTT_FILTER_PATTERN && star ? FOX_MQTT_FILTER_INVALID : kind;
}

size_t
fox_topic_levels(FoxSlice topic, char separator)
{
	size_t		levels = 1;

	for (size_t i = 0; i < topic.len; i++)
		levels += topic.ptr[i] == separator;
	return levels;
}

bool
fox_filter_share(FoxSlice *filter, FoxSlice *group)
{
	static const char prefix[] = "$share/";
	FoxSlice	rest;
	const char *end;

	*group = FOX_ABSENT;
	if (filter->len < sizeof(prefix) - 1 || memcmp(filter->ptr, prefix, sizeof(prefix) - 1) != 0)
		return !fox_slice_is(*filter, "$share");
	rest = fox_slice(filter->ptr + sizeof(prefix) - 1, filter->len - (sizeof(prefix) - 1));
	end = memchr(rest.ptr, '/', rest.len);
	if (end == NULL || end == rest.ptr || end + 1 == rest.ptr + rest.len)
		return false;
	*group = fox_slice(rest.ptr, (size_t) (end - rest.ptr));
	*filter = fox_slice(end + 1, rest.len - group->len - 1);
	return memchr(group->ptr, '+', group->len) == NULL && memchr(group->ptr, '#', group->len) == NULL;
}
