/*
 * mqtt_stream.c - packets of MQTT out of a stream of bytes (see mqtt_stream.h).
 */
#include "codec/mqtt_stream.h"

#include "base/pure.h"

#define HEAD_MAX 5				/* the type and a length of four bytes */

typedef enum Head
{
	HEAD_SHORT,					/* cut off */
	HEAD_WHOLE,
	HEAD_BROKEN
} Head;

/* The length of the packet that begins there, its head included, and that of the head. */
static Head
read_head(const char *p, size_t n, size_t *head, size_t *whole)
{
	size_t		length = 0;

	for (size_t i = 1; i < HEAD_MAX; i++)
	{
		if (i >= n)
			return HEAD_SHORT;
		length |= (size_t) (p[i] & 0x7f) << (7 * (i - 1));
		*head = i + 1;
		*whole = *head + length;
		if ((p[i] & 0x80) == 0)
			return HEAD_WHOLE;
	}
	return HEAD_BROKEN;
}

/* What stands at p: how many bytes of it make what is handed out; 0: more are needed. */
static size_t
measure(FoxMqttStream *s, const char *p, size_t n, size_t max)
{
	size_t		head = 0;
	size_t		whole = 0;
	Head		found = read_head(p, n, &head, &whole);

	if (found == HEAD_SHORT)
		return 0;
	if (found == HEAD_BROKEN || whole > max)
	{
		s->broken = true;
		return head;
	}
	return whole <= n ? whole : 0;
}

FoxMqttNext
fox_mqtt_next(FoxMqttStream *s, size_t max, const char **at, const char *end, FoxSlice *packet)
{
	size_t		n;
	size_t		head;
	size_t		whole;

	if (s->handed_out)
		fox_mqtt_stream_free(s);
	if (s->broken)
		*at = end;
	if (*at == end)
		return FOX_MQTT_MORE;
	if (s->begun.len == 0 && (n = measure(s, *at, (size_t) (end - *at), max)) > 0)
	{
		*packet = fox_slice(*at, n);
		*at += n;
		return FOX_MQTT_PACKET;
	}
	/* First as much as tells the length, then as much as the packet has. */
	while (*at < end)
	{
		Head		found = read_head(s->begun.data, s->begun.len, &head, &whole);
		size_t		wanted = found == HEAD_SHORT ? 1 : whole - s->begun.len;

		n = wanted < (size_t) (end - *at) ? wanted : (size_t) (end - *at);
		fox_buf_put(&s->begun, *at, n);
		if (s->begun.failed)
			return FOX_MQTT_NO_MEMORY;
		*at += n;
		if ((n = measure(s, s->begun.data, s->begun.len, max)) > 0)
		{
			*packet = fox_slice(s->begun.data, n);
			s->handed_out = true;
			return FOX_MQTT_PACKET;
		}
	}
	return FOX_MQTT_MORE;
}

void
fox_mqtt_stream_free(FoxMqttStream *s)
{
	fox_buf_free(&s->begun);
	s->begun = (FoxBuf) {0};
	s->handed_out = false;
}
