/*
 * cbor.c - CBOR (see cbor.h).
 *
 * walk() checks and, if there is an out, writes JSON: it is compiled twice, so that
 * skipping pays for nothing else.  No recursion: a level is a count that goes down, or
 * that stays where a break ends the level.
 */
#include "codec/cbor.h"

#include <math.h>

#include "codec/json_out.h"
#include "codec/utf8.h"
#include "base/pure.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

#define BREAK 0xff

/* The first three bits of a head. */
typedef enum Major
{
	M_UINT,
	M_NEGATIVE,					/* n is -1 - value */
	M_BYTES,
	M_TEXT,
	M_ARRAY,
	M_MAP,
	M_TAG,
	M_SIMPLE
} Major;

/* Of M_SIMPLE the other five. */
enum
{
	S_FALSE = 20,
	S_TRUE = 21,
	S_NULL = 22,
	S_UNDEFINED = 23,
	S_HALF = 25,
	S_FLOAT = 26,
	S_DOUBLE = 27
};

typedef struct Item
{
	Major		major;
	unsigned	info;
	bool		indefinite;
	uint64_t	n;				/* the integer, length, count or tag, or a float's bits */
} Item;

/* The head at p; returns what is behind it, or NULL. */
static inline const char *
read_head(const char *p, const char *end, Item *item)
{
	unsigned char c;
	size_t		width;

	if (p >= end)
		return NULL;
	c = (unsigned char) *p++;
	item->major = (Major) (c >> 5);
	item->info = c & 31;
	item->indefinite = false;
	item->n = item->info;
	if (item->info < 24)
		return p;
	if (item->info == 31)
	{
		item->indefinite = true;
		return item->major >= M_BYTES && item->major <= M_MAP ? p : NULL;
	}
	width = (size_t) 1 << (item->info - 24);
	if (item->info > 27 || (size_t) (end - p) < width)
		return NULL;
	switch (width)
	{
		case 1:
			item->n = fox_get_be(p, 1);
			break;
		case 2:
			item->n = fox_get_be(p, 2);
			break;
		case 4:
			item->n = fox_get_be(p, 4);
			break;
		default:
			item->n = fox_get_be(p, 8);
	}
	return p + width;
}

static inline bool
at_break(const char *p, const char *end)
{
	return p < end && (unsigned char) *p == BREAK;
}

/* The head at p behind its tags; a big number's tag is not stepped over. */
static inline const char *
read_content(const char *p, const char *end, Item *item)
{
	do
		p = read_head(p, end, item);
	while (p != NULL && item->major == M_TAG && item->n != 2 && item->n != 3);
	return p;
}

static double
to_double(const Item *item)
{
	double		d;
	float		f;
	uint32_t	bits = (uint32_t) item->n;
	int			exponent = (int) (bits >> 10 & 31);
	int			fraction = (int) (bits & 1023);

	switch (item->info)
	{
		case S_DOUBLE:
			memcpy(&d, &item->n, sizeof(d));
			return d;
		case S_FLOAT:
			memcpy(&f, &bits, sizeof(f));
			return (double) f;
		default:
			if (exponent == 31)
				d = fraction == 0 ? HUGE_VAL : NAN;
			else
				d = exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25);
			return bits & 0x8000 ? -d : d;
	}
}

/* --- strings, which may be in pieces --- */

typedef struct Pieces
{
	const char *p;				/* behind the pieces so far; at the end behind the string */
	const char *end;
	Item		head;
	bool		done;
} Pieces;

/* The next piece; absent at the end, and then p is NULL when the string is malformed. */
static inline FoxSlice
next_piece(Pieces *s)
{
	FoxSlice	piece;
	Item		item = s->head;

	if (s->done)
		return FOX_ABSENT;
	if (s->head.indefinite)
	{
		if (at_break(s->p, s->end))
		{
			s->p++;
			return FOX_ABSENT;
		}
		if ((s->p = read_head(s->p, s->end, &item)) == NULL)
			return FOX_ABSENT;
	}
	else
		s->done = true;
	if (item.major != s->head.major || item.indefinite || item.n > (uint64_t) (s->end - s->p))
	{
		s->p = NULL;
		return FOX_ABSENT;
	}
	piece = fox_slice(s->p, (size_t) item.n);
	s->p += item.n;
	return piece;
}

static ALWAYS_INLINE const char *
walk_text(const char *p, const char *end, const Item *head, FoxBuf *out)
{
	Pieces		s = {.p = p, .end = end, .head = *head};
	FoxSlice	piece;

	if (out != NULL)
		fox_json_put_char(out, '"');
	while (!fox_absent(piece = next_piece(&s)))
		if (out != NULL ? !fox_json_put_text(out, piece) : !fox_utf8_valid(piece))
			return NULL;
	if (out != NULL)
		fox_json_put_char(out, '"');
	return s.p;
}

static const char *
walk_bytes(const char *p, const char *end, const Item *head, FoxBuf *out)
{
	Pieces		s = {.p = p, .end = end, .head = *head};
	FoxSlice	piece;
	FoxBuf		whole = {0};

	while (!fox_absent(piece = next_piece(&s)))
	{
		if (out == NULL)
			continue;
		if (!head->indefinite)
			fox_json_put_bytes(out, piece);
		else
			fox_buf_slice(&whole, piece);
	}
	if (head->indefinite && out != NULL)
	{
		fox_json_put_bytes(out, fox_buf_view(&whole));
		out->failed |= whole.failed;
	}
	fox_buf_free(&whole);
	return s.p;
}

/*
 * A big number; p is behind its tag.  The first 64 significant bits are kept exactly, of the
 * rest how many they are and whether one is set, which is all that rounding asks for.
 */
static const char *
walk_big(const char *p, const char *end, bool negative, FoxBuf *out)
{
	Pieces		s = {.end = end};
	FoxSlice	piece;
	uint64_t	v = 0;
	uint64_t	rest = 0;		/* bits behind v */
	bool		sticky = false;
	bool		ones = true;	/* all of them are set: 1 more carries over */
	double		d;

	if ((s.p = read_head(p, end, &s.head)) == NULL || s.head.major != M_BYTES)
		return NULL;
	while (!fox_absent(piece = next_piece(&s)))
		for (size_t i = 0; i < piece.len; i++)
		{
			unsigned char c = (unsigned char) piece.ptr[i];

			if (rest == 0 && v >> 56 == 0)
				v = v << 8 | c;
			else
			{
				rest += 8;
				sticky |= c != 0;
				ones &= c == 0xff;
			}
		}
	if (s.p == NULL || out == NULL)
		return s.p;
	if (rest == 0)
	{
		fox_json_put_integer(out, negative, v);
		return s.p;
	}
	/* v has at least 57 bits, more than a double: the last one can stand for all behind it */
	if (negative && ones)
		d = v == UINT64_MAX ? 0x1p64 : (double) (v + 1);
	else
		d = (double) (v | (sticky || negative));
	d = ldexp(d, rest > 2048 ? 2048 : (int) rest);
	fox_json_put_double(out, negative ? -d : d);
	return s.p;
}

/* --- the walk --- */

static ALWAYS_INLINE const char *
walk_key(const char *p, const char *end, FoxBuf *out)
{
	Item		item;

	if ((p = read_head(p, end, &item)) == NULL)
		return NULL;
	if (item.major == M_TEXT)
		p = walk_text(p, end, &item, out);
	else if (item.major > M_NEGATIVE)
		return NULL;
	else if (out != NULL)
	{
		fox_json_put_char(out, '"');
		fox_json_put_integer(out, item.major == M_NEGATIVE, item.n);
		fox_json_put_char(out, '"');
	}
	if (out != NULL)
		fox_json_put_char(out, ':');
	return p;
}

static ALWAYS_INLINE const char *
walk_simple(const char *p, const Item *item, FoxBuf *out)
{
	switch (item->info)
	{
		case S_FALSE:
			if (out != NULL)
				fox_buf_slice(out, FOX_LIT("false"));
			return p;
		case S_TRUE:
			if (out != NULL)
				fox_buf_slice(out, FOX_LIT("true"));
			return p;
		case S_NULL:
		case S_UNDEFINED:
			if (out != NULL)
				fox_buf_slice(out, FOX_LIT("null"));
			return p;
		case S_HALF:
		case S_FLOAT:
		case S_DOUBLE:
			if (out != NULL)
				fox_json_put_double(out, to_double(item));
			return p;
		default:
			return NULL;
	}
}

/* A value that is no array and no map; p is behind its head. */
static ALWAYS_INLINE const char *
walk_scalar(const char *p, const char *end, const Item *item, FoxBuf *out)
{
	switch (item->major)
	{
		case M_UINT:
		case M_NEGATIVE:
			if (out != NULL)
				fox_json_put_integer(out, item->major == M_NEGATIVE, item->n);
			return p;
		case M_BYTES:
			return walk_bytes(p, end, item, out);
		case M_TEXT:
			return walk_text(p, end, item, out);
		case M_TAG:
			return walk_big(p, end, item->n == 3, out);
		default:
			return walk_simple(p, item, out);
	}
}

typedef struct Level
{
	uint64_t	left;			/* elements or members that are still to come */
	bool		map;
	bool		indefinite;
} Level;

static ALWAYS_INLINE const char *
walk(const char *p, const char *end, FoxBuf *out)
{
	Level		levels[FOX_JSON_DEPTH];
	int			depth = 0;
	Item		item;

	for (;;)
	{
		/* here a value begins, or in a map its key */
		if (depth > 0 && levels[depth - 1].map && (p = walk_key(p, end, out)) == NULL)
			return NULL;
		if ((p = read_content(p, end, &item)) == NULL)
			return NULL;
		if (item.major == M_ARRAY || item.major == M_MAP)
		{
			bool		map = item.major == M_MAP;

			/* the first bound keeps the second from wrapping */
			if (depth == FOX_JSON_DEPTH ||
				(!item.indefinite &&
				 (item.n > (uint64_t) (end - p) || item.n << map > (uint64_t) (end - p))))
				return NULL;
			if (out != NULL)
				fox_json_put_char(out, map ? '{' : '[');
			if (item.indefinite ? !at_break(p, end) : item.n > 0)
			{
				levels[depth++] = (Level){item.n, map, item.indefinite};
				continue;
			}
			p += item.indefinite;
			if (out != NULL)
				fox_json_put_char(out, map ? '}' : ']');
		}
		else if ((p = walk_scalar(p, end, &item, out)) == NULL)
			return NULL;

		/* here a value has ended */
		while (depth > 0)
		{
			Level	   *level = &levels[depth - 1];

			if (level->indefinite ? !at_break(p, end) : --level->left > 0)
				break;
			p += level->indefinite;
			depth--;
			if (out != NULL)
				fox_json_put_char(out, level->map ? '}' : ']');
		}
		if (depth == 0)
			return p;
		if (out != NULL)
			fox_json_put_char(out, ',');
	}
}

size_t
fox_cbor_skip(FoxSlice in)
{
	const char *behind = in.len > 0 ? walk(in.ptr, in.ptr + in.len, NULL) : NULL;

	return behind != NULL ? (size_t) (behind - in.ptr) : 0;
}

bool
fox_cbor_to_json(FoxSlice in, FoxBuf *out)
{
	size_t		start = out->len;
	const char *end = in.ptr + in.len;

	if (in.len > 0 && walk(in.ptr, end, out) == end && !out->failed)
		return true;
	out->len = start;
	return false;
}

/* --- single values --- */

static FoxKind
kind_of(FoxSlice value)
{
	static const FoxKind kinds[] = {
		[M_UINT] = FOX_JSON_NUMBER, [M_NEGATIVE] = FOX_JSON_NUMBER, [M_TEXT] = FOX_JSON_STRING,
		[M_ARRAY] = FOX_JSON_ARRAY, [M_MAP] = FOX_JSON_OBJECT, [M_TAG] = FOX_JSON_NUMBER,
	};
	Item		item;

	if (read_content(value.ptr, value.ptr + value.len, &item) == NULL)
		return FOX_JSON_NONE;
	if (item.major != M_SIMPLE)
		return kinds[item.major];
	switch (item.info)
	{
		case S_FALSE:
			return FOX_JSON_FALSE;
		case S_TRUE:
			return FOX_JSON_TRUE;
		case S_NULL:
		case S_UNDEFINED:
			return FOX_JSON_NULL;
		default:
			return FOX_JSON_NUMBER;
	}
}

static bool
uint_of(FoxSlice value, uint64_t *out)
{
	Item		item;

	if (read_content(value.ptr, value.ptr + value.len, &item) == NULL)
		return false;
	if (item.major == M_SIMPLE && item.info >= S_HALF)
		return fox_double_uint(to_double(&item), out);
	*out = item.n;
	return item.major == M_UINT && item.n <= UINT64_C(1) << 53;
}

static FoxSlice
text_of(FoxSlice value, FoxBuf *scratch)
{
	Pieces		s = {.end = value.ptr + value.len};
	size_t		start = scratch->len;
	FoxSlice	piece;

	if ((s.p = read_content(value.ptr, s.end, &s.head)) == NULL || s.head.major != M_TEXT)
		return FOX_ABSENT;
	if (!s.head.indefinite)
		return next_piece(&s);
	while (!fox_absent(piece = next_piece(&s)))
		fox_buf_slice(scratch, piece);
	if (scratch->failed)
		return FOX_ABSENT;
	return fox_slice(scratch->data ? scratch->data + start : "", scratch->len - start);
}

static bool
open_array(FoxSlice in, FoxElements *walk)
{
	Item		item;

	*walk = (FoxElements){.end = in.ptr + in.len};
	if ((walk->p = read_content(in.ptr, walk->end, &item)) == NULL || item.major != M_ARRAY)
		return false;
	walk->left = item.n;
	walk->indefinite = item.indefinite;
	return true;
}

static bool
next_element(FoxElements *walk, FoxSlice *value)
{
	*value = FOX_ABSENT;
	if (walk->indefinite && at_break(walk->p, walk->end))
	{
		walk->p++;
		walk->indefinite = false;
		walk->left = 0;
	}
	if (!walk->indefinite && walk->left == 0)
		return true;
	*value = fox_slice(walk->p, fox_cbor_skip(fox_slice(walk->p, (size_t) (walk->end - walk->p))));
	walk->p += value->len;
	walk->left--;
	return value->len > 0;
}

/* --- heads --- */

static size_t
put_head(char *at, FoxHead what, uint64_t n)
{
	int			size = n <= 0xff ? 0 : n <= 0xffff ? 1 : n <= 0xffffffff ? 2 : 3;

	if (n < 24)
	{
		at[0] = (char) ((unsigned) what << 5 | n);
		return 1;
	}
	at[0] = (char) ((unsigned) what << 5 | (unsigned) (24 + size));
	fox_put_be(at + 1, n, (size_t) 1 << size);
	return 1 + ((size_t) 1 << size);
}

const FoxBinary fox_cbor = {
	.length = fox_cbor_skip,
	.to_json = fox_cbor_to_json,
	.kind = kind_of,
	.uint = uint_of,
	.text = text_of,
	.open = open_array,
	.next = next_element,
	.head = put_head,
	.malformed = "malformed CBOR",
	.nil = 0xf6,
	.no = 0xf4,
	.yes = 0xf5,
	.float64 = 0xfb,
	.long_array = 0x9a,
	.long_map = 0xba,
};

bool
fox_cbor_from_json(FoxSlice json, FoxBuf *out)
{
	return fox_binary_from_json(&fox_cbor, json, out);
}
