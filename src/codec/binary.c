/*
 * binary.c - JSON in a binary format (see binary.h).
 *
 * The text is validated first, so that the walk that writes needs no checks.  How many
 * elements an array has is known at its end only: five bytes are left for its head, and
 * a shorter head draws the contents up.  Where they are long the head stays
 * long, so that deep nesting never moves much: the work is linear in the text.
 */
#include "codec/binary.h"

#include <stdlib.h>

#include "base/base64.h"
#include "codec/utf8.h"
#include "base/pure.h"

#define MOVE_MAX 2048			/* contents that are longer keep their long head */

typedef struct Level
{
	size_t		at;				/* of the head */
	uint32_t	count;
	bool		map;
} Level;

typedef struct Writer
{
	const FoxBinary *format;
	const char *end;			/* of the text */
	FoxBuf	   *out;
} Writer;

/* Room for n more bytes, or NULL. */
static inline char *
room(FoxBuf *b, size_t n)
{
	return b->cap - b->len >= n ? b->data + b->len : fox_buf_reserve(b, n);
}

static inline const char *
skip_space(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

static inline bool
is_digit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

static void
put_byte(FoxBuf *out, unsigned char c)
{
	char	   *at = room(out, 1);

	if (at != NULL)
	{
		*at = (char) c;
		out->len++;
	}
}

static void
put_head(Writer *w, FoxHead what, uint64_t n)
{
	char	   *at = room(w->out, FOX_HEAD_SIZE);

	if (at != NULL)
		w->out->len += w->format->head(at, what, n);
}

/* --- numbers --- */

static void
put_double(Writer *w, double v)
{
	char	   *at = room(w->out, FOX_HEAD_SIZE);
	uint64_t	bits;

	if (at == NULL)
		return;
	memcpy(&bits, &v, sizeof(bits));
	at[0] = (char) w->format->float64;
	fox_put_be(at + 1, bits, 8);
	w->out->len += 9;
}

/* The general way: the C library reads a terminated copy, which is behind what has been written. */
static void
put_number_text(Writer *w, FoxSlice text)
{
	char	   *copy = room(w->out, text.len + 1);

	if (copy == NULL)
		return;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	put_double(w, strtod(copy, NULL));
}

/*
 * Up to 19 digits are an exact integer; one below 2^53 and a power of ten below 10^23 are
 * exact doubles, and one operation on them rounds as it should.
 */
static const char *
put_number(Writer *w, const char *start)
{
	static const double power[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
	};
	bool		negative = *start == '-';
	const char *p = start + negative;
	const char *end = w->end;
	const char *digits = p;
	uint64_t	v = 0;
	int64_t		scale = 0;
	size_t		n;
	bool		exact;
	double		d;

	for (; is_digit(p, end); p++)
		v = v * 10 + (uint64_t) (*p - '0');
	n = (size_t) (p - digits);
	if (p == end || (*p != '.' && *p != 'e' && *p != 'E'))
	{
		/* twenty digits that begin with 1 are the only ones that may fit and may not */
		exact = n < 20 || (n == 20 && *digits == '1' && v >= UINT64_C(10000000000000000000));
		if (exact && (!negative || v == 0))
			put_head(w, FOX_HEAD_UINT, v);
		else if (exact && v <= UINT64_C(1) << 63)
			put_head(w, FOX_HEAD_NEGATIVE, v - 1);
		else
			put_number_text(w, fox_slice(start, (size_t) (p - start)));
		return p;
	}
	if (*p == '.')
	{
		const char *point = p;

		for (p++; is_digit(p, end); p++)
			v = v * 10 + (uint64_t) (*p - '0');
		scale = point + 1 - p;
		n += (size_t) -scale;
	}
	if (p < end && (*p == 'e' || *p == 'E'))
	{
		bool		down = *++p == '-';
		int64_t		exponent = 0;

		for (p += *p == '-' || *p == '+'; is_digit(p, end); p++)
			if (exponent < 100000)
				exponent = exponent * 10 + (*p - '0');
		scale += down ? -exponent : exponent;
	}
	if (n < 20 && v <= UINT64_C(1) << 53 && scale >= -22 && scale <= 22)
	{
		d = scale < 0 ? (double) v / power[-scale] : (double) v * power[scale];
		put_double(w, negative ? -d : d);
	}
	else
		put_number_text(w, fox_slice(start, (size_t) (p - start)));
	return p;
}

/* --- strings --- */

/* The first quote or backslash at or after p, of which there is one. */
static inline const char *
find_special(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16)
	{
		__m128i		v = _mm_loadu_si128((const __m128i *) p);
		int			mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
														  _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));

		if (mask != 0)
			return p + __builtin_ctz((unsigned) mask);
		p += 16;
	}
#endif
	while (*p != '"' && *p != '\\')
		p++;
	return p;
}

/* Unescapes raw behind the room for a head; what has the form of bytes becomes bytes. */
static void
put_escaped(Writer *w, FoxSlice raw, bool key)
{
	FoxBuf	   *out = w->out;
	size_t		start = out->len;
	FoxHead		what = FOX_HEAD_TEXT;
	char	   *text;
	char	   *at;
	size_t		len;
	size_t		n;

	if (room(out, FOX_HEAD_SIZE + raw.len) == NULL)
		return;
	out->len += FOX_HEAD_SIZE;
	fox_json_unescape(raw, out);
	if (out->failed)
		return;
	at = out->data + start;
	text = at + FOX_HEAD_SIZE;
	len = out->len - start - FOX_HEAD_SIZE;
	if (!key && len > 0 && text[0] == '\0')
	{
		/* the bytes go behind the text, for it may turn out to be just text */
		FoxSlice	base64 = fox_slice(text + 1, len - 1);
		size_t		place = out->len;

		if (room(out, len) == NULL)
			return;
		at = out->data + start;
		base64.ptr = at + FOX_HEAD_SIZE + 1;
		text = out->data + place;
		if (fox_base64_decode(base64, text, &n))
		{
			what = FOX_HEAD_BYTES;
			len = n;
		}
		else
			text = at + FOX_HEAD_SIZE;
	}
	n = w->format->head(at, what, len);
	memmove(at + n, text, len);
	out->len = start + n + len;
}

/* p is at the opening quote; returns the place behind the closing one. */
static const char *
put_string(Writer *w, const char *p, bool key)
{
	const char *start = p + 1;
	size_t		len;
	char	   *at;

	p = find_special(start, w->end);
	len = (size_t) (p - start);
	if (*p != '"')
	{
		while (*p != '"')
			p = find_special(p + 2, w->end);
		put_escaped(w, fox_slice(start, (size_t) (p - start)), key);
	}
	else if ((at = room(w->out, FOX_HEAD_SIZE + len)) != NULL)
	{
		size_t		n = w->format->head(at, FOX_HEAD_TEXT, len);

		memcpy(at + n, start, len);
		w->out->len += n + len;
	}
	return p + 1;
}

/* Writes a member's name; returns where its value begins. */
static const char *
put_key(Writer *w, const char *p)
{
	p = skip_space(put_string(w, skip_space(p), true));
	return skip_space(p + 1);	/* behind the colon */
}

/* --- values --- */

static const char *
put_scalar(Writer *w, const char *p)
{
	switch (*p)
	{
		case '"':
			return put_string(w, p, false);
		case 'n':
			put_byte(w->out, w->format->nil);
			return p + 4;
		case 't':
			put_byte(w->out, w->format->yes);
			return p + 4;
		case 'f':
			put_byte(w->out, w->format->no);
			return p + 5;
		default:
			return put_number(w, p);
	}
}

static void
close_level(Writer *w, const Level *level)
{
	FoxBuf	   *out = w->out;
	size_t		len;
	size_t		n;
	char	   *at;

	if (out->failed)
		return;
	at = out->data + level->at;
	len = out->len - level->at - FOX_LONG_HEAD;
	if (len > MOVE_MAX)
	{
		at[0] = (char) (level->map ? w->format->long_map : w->format->long_array);
		fox_put_be(at + 1, level->count, 4);
		return;
	}
	n = w->format->head(at, level->map ? FOX_HEAD_MAP : FOX_HEAD_ARRAY, level->count);
	memmove(at + n, at + FOX_LONG_HEAD, len);
	out->len = level->at + n + len;
}

/* Writes the valid value at p. */
static void
put_value(Writer *w, const char *p)
{
	Level		levels[FOX_JSON_DEPTH];
	int			depth = 0;

	p = skip_space(p);
	for (;;)
	{
		/* here a value begins */
		if (*p == '[' || *p == '{')
		{
			Level	   *level = &levels[depth++];

			*level = (Level){.at = w->out->len, .map = *p == '{'};
			if (room(w->out, FOX_LONG_HEAD) == NULL)
				return;
			w->out->len += FOX_LONG_HEAD;
			p = skip_space(p + 1);
			if (*p != ']' && *p != '}')
			{
				if (level->map)
					p = put_key(w, p);
				continue;
			}
			p++;
			close_level(w, &levels[--depth]);
		}
		else
			p = put_scalar(w, p);

		/* here a value has ended */
		for (;;)
		{
			if (depth == 0)
				return;
			levels[depth - 1].count++;
			p = skip_space(p);
			if (*p++ == ',')
				break;
			close_level(w, &levels[--depth]);
		}
		p = levels[depth - 1].map ? put_key(w, p) : skip_space(p);
	}
}

bool
fox_binary_from_json(const FoxBinary *format, FoxSlice json, FoxBuf *out)
{
	Writer		w = {format, json.ptr + json.len, out};
	size_t		start = out->len;

	if (json.len > UINT32_MAX || !fox_json_valid(json, NULL))
		return false;
	put_value(&w, json.ptr);
	if (out->failed)
		out->len = start;
	return !out->failed;
}
