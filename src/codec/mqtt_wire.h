/*
 * mqtt_wire.h - the data types of MQTT: integers, strings, binary data.
 *
 * A FoxMqttReader goes over bytes that may end anywhere; what was not there, or not as it
 * has to be, leaves it bad, and is zero or absent.
 */
#ifndef FOX_CODEC_MQTT_WIRE_H
#define FOX_CODEC_MQTT_WIRE_H

#include "base/buf.h"
#include "codec/utf8.h"

#define FOX_MQTT_VARINT_MAX 268435455u	/* four bytes */

typedef struct FoxMqttReader
{
	const char *at;
	const char *end;
	bool		bad;
} FoxMqttReader;

static inline FoxMqttReader
fox_mqtt_reader(FoxSlice bytes)
{
	return (FoxMqttReader){bytes.ptr, bytes.ptr + bytes.len, false};
}

static inline size_t
fox_mqtt_left(const FoxMqttReader *r)
{
	return (size_t) (r->end - r->at);
}

static inline FoxSlice
fox_mqtt_take(FoxMqttReader *r, size_t n)
{
	const char *at = r->at;

	if (r->bad || fox_mqtt_left(r) < n)
	{
		r->bad = true;
		return FOX_ABSENT;
	}
	r->at += n;
	return fox_slice(at, n);
}

/* A number of n bytes, big-endian. */
static inline uint32_t
fox_mqtt_number(FoxMqttReader *r, size_t n)
{
	FoxSlice	bytes = fox_mqtt_take(r, n);
	uint32_t	v = 0;

	for (size_t i = 0; i < bytes.len; i++)
		v = v << 8 | (unsigned char) bytes.ptr[i];
	return v;
}

static inline uint32_t
fox_mqtt_varint(FoxMqttReader *r)
{
	uint32_t	v = 0;

	for (int shift = 0; shift < 28; shift += 7)
	{
		uint32_t	byte = fox_mqtt_number(r, 1);

		v |= (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
		{
			r->bad |= byte == 0 && shift > 0;	/* not the fewest bytes */
			return v;
		}
	}
	r->bad = true;
	return 0;
}

static inline FoxSlice
fox_mqtt_binary(FoxMqttReader *r)
{
	return fox_mqtt_take(r, fox_mqtt_number(r, 2));
}

/* A text that a string of MQTT may be: UTF-8 without U+0000. */
static inline bool
fox_mqtt_text_valid(FoxSlice text)
{
	return fox_utf8_valid(text) && memchr(text.ptr, 0, text.len) == NULL;
}

static inline FoxSlice
fox_mqtt_string(FoxMqttReader *r)
{
	FoxSlice	s = fox_mqtt_binary(r);

	if (r->bad || fox_mqtt_text_valid(s))
		return s;
	r->bad = true;
	return FOX_ABSENT;
}

/* --- writing --- */

static inline void
fox_mqtt_put_number(FoxBuf *b, uint32_t v, size_t n)
{
	char	   *p = fox_buf_reserve(b, n);

	if (p == NULL)
		return;
	for (size_t i = n; i > 0; i--, v >>= 8)
		p[i - 1] = (char) v;
	b->len += n;
}

static inline size_t
fox_mqtt_varint_size(uint32_t v)
{
	return v < 128 ? 1 : v < 16384 ? 2 : v < 2097152 ? 3 : 4;
}

static inline void
fox_mqtt_put_varint(FoxBuf *b, uint32_t v)
{
	for (; v > 127; v >>= 7)
		fox_buf_char(b, (char) (v | 0x80));
	fox_buf_char(b, (char) v);
}

/* s has at most 65535 bytes. */
static inline void
fox_mqtt_put_string(FoxBuf *b, FoxSlice s)
{
	fox_mqtt_put_number(b, (uint32_t) s.len, 2);
	fox_buf_slice(b, s);
}

#endif
