/*
 * msgpack.c - MessagePack (see msgpack.h).
 *
 * walk() checks and, if there is an out, writes JSON: it is compiled twice, so that
 * skipping pays for nothing else.  No recursion: a level is a count that goes down.
 */
#include "codec/msgpack.h"

#include "codec/json_out.h"
#include "codec/utf8.h"
#include "base/pure.h"

typedef enum Type
{
	T_INVALID,
	T_NIL,
	T_FALSE,
	T_TRUE,
	T_UINT,
	T_NEGATIVE,					/* n is -1 - value */
	T_INT,						/* only in the table: UINT or NEGATIVE, by its sign */
	T_FLOAT,
	T_STR,
	T_BIN,
	T_EXT,
	T_ARRAY,
	T_MAP
} Type;

typedef struct Item
{
	Type		type;
	uint64_t	n;				/* the integer, or the length or the count */
	double		number;
} Item;

/* Of the bytes 0xc0 to 0xdf: the type, and how many bytes its number has. */
static const struct
{
	unsigned char type;
	unsigned char width;
}			heads[32] = {
	{T_NIL, 0}, {T_INVALID, 0}, {T_FALSE, 0}, {T_TRUE, 0}, {T_BIN, 1}, {T_BIN, 2}, {T_BIN, 4},
	{T_EXT, 1}, {T_EXT, 2}, {T_EXT, 4}, {T_FLOAT, 4}, {T_FLOAT, 8},
	{T_UINT, 1}, {T_UINT, 2}, {T_UINT, 4}, {T_UINT, 8}, {T_INT, 1}, {T_INT, 2}, {T_INT, 4}, {T_INT, 8},
	{T_EXT, 0}, {T_EXT, 0}, {T_EXT, 0}, {T_EXT, 0}, {T_EXT, 0},
	{T_STR, 1}, {T_STR, 2}, {T_STR, 4}, {T_ARRAY, 2}, {T_ARRAY, 4}, {T_MAP, 2}, {T_MAP, 4},
};

static inline double
to_double(uint64_t bits, int width)
{
	double		d;
	float		f;
	uint32_t	half = (uint32_t) bits;

	if (width == 4)
	{
		memcpy(&f, &half, sizeof(f));
		return (double) f;
	}
	memcpy(&d, &bits, sizeof(d));
	return d;
}

/* The head at p, below end; returns what is behind it, or NULL. */
static inline const char *
read_head(const char *p, const char *end, Item *item)
{
	unsigned char c = (unsigned char) *p++;
	size_t		width;

	if (c < 0x80)
		*item = (Item){.type = T_UINT, .n = c};
	else if (c >= 0xe0)
		*item = (Item){.type = T_NEGATIVE, .n = 0xff - c};
	else if (c < 0xc0)
	{
		if (c < 0x90)
			*item = (Item){.type = T_MAP, .n = c & 15};
		else if (c < 0xa0)
			*item = (Item){.type = T_ARRAY, .n = c & 15};
		else
			*item = (Item){.type = T_STR, .n = c & 31};
	}
	else
	{
		item->type = heads[c - 0xc0].type;
		width = heads[c - 0xc0].width;
		if ((size_t) (end - p) < width)
			return NULL;
		switch (width)
		{
			case 0:
				item->n = c >= 0xd4 ? UINT64_C(1) << (c - 0xd4) : 0;
				break;
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
		p += width;
		if (item->type == T_FLOAT)
			item->number = to_double(item->n, (int) width);
		else if (item->type == T_INT)
		{
			bool		negative = item->n >> (8 * width - 1) != 0;

			item->type = negative ? T_NEGATIVE : T_UINT;
			if (negative)
				item->n = ~item->n & (UINT64_MAX >> (64 - 8 * width));
		}
	}
	return p;
}

/* --- extensions --- */

/* Year, month and day of a day's number, which counts from 1970-01-01. */
static void
civil_date(int64_t day, int64_t *year, unsigned *month, unsigned *day_of_month)
{
	int64_t		shifted = day + 719468;	/* from the first of March of the year 0 */
	int64_t		era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	unsigned	of_era = (unsigned) (shifted - era * 146097);
	unsigned	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned	of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned	shifted_month = (5 * of_year + 2) / 153;

	*day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
	*month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
	*year = (int64_t) year_of_era + era * 400 + (*month <= 2);
}

static void
put_decimal(FoxBuf *out, uint64_t v, int digits, char behind)
{
	char		text[16];

	for (int i = digits; i > 0; i--, v /= 10)
		text[i - 1] = (char) ('0' + v % 10);
	text[digits] = behind;
	fox_buf_put(out, text, (size_t) digits + 1);
}

/* The one extension: -1, a timestamp of 4, 8 or 12 bytes.  p is behind the type. */
static bool
put_timestamp(const char *p, uint64_t len, FoxBuf *out)
{
	int64_t		seconds;
	int64_t		day;
	int64_t		year;
	uint64_t	nanos = 0;
	unsigned	month;
	unsigned	day_of_month;
	uint64_t	of_day;

	if (len == 4)
		seconds = (int64_t) fox_get_be(p, 4);
	else if (len == 8)
	{
		seconds = (int64_t) (fox_get_be(p, 8) & ((UINT64_C(1) << 34) - 1));
		nanos = fox_get_be(p, 8) >> 34;
	}
	else if (len == 12)
	{
		nanos = fox_get_be(p, 4);
		seconds = (int64_t) fox_get_be(p + 4, 8);
	}
	else
		return false;
	/* from 0000-01-01T00:00:00Z to 9999-12-31T23:59:59Z */
	if (nanos > 999999999 || seconds < INT64_C(-62167219200) || seconds > INT64_C(253402300799))
		return false;
	if (out == NULL)
		return true;
	day = (seconds - (seconds < 0 ? 86399 : 0)) / 86400;
	of_day = (uint64_t) (seconds - day * 86400);
	civil_date(day, &year, &month, &day_of_month);
	fox_buf_char(out, '"');
	put_decimal(out, (uint64_t) year, 4, '-');
	put_decimal(out, month, 2, '-');
	put_decimal(out, day_of_month, 2, 'T');
	put_decimal(out, of_day / 3600, 2, ':');
	put_decimal(out, of_day / 60 % 60, 2, ':');
	put_decimal(out, of_day % 60, 2, nanos > 0 ? '.' : 'Z');
	if (nanos > 0)
		put_decimal(out, nanos, 9, 'Z');
	fox_buf_char(out, '"');
	return true;
}

/* --- the walk --- */

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* A text in its quotes; p is behind its head. */
static ALWAYS_INLINE const char *
walk_text(const char *p, const char *end, uint64_t len, FoxBuf *out)
{
	FoxSlice	text = fox_slice(p, (size_t) len);

	if (len > (uint64_t) (end - p))
		return NULL;
	if (out == NULL)
		return fox_utf8_valid(text) ? p + len : NULL;
	fox_json_put_char(out, '"');
	if (!fox_json_put_text(out, text))
		return NULL;
	fox_json_put_char(out, '"');
	return p + len;
}

static ALWAYS_INLINE const char *
walk_key(const char *p, const char *end, FoxBuf *out)
{
	Item		item;

	if (p >= end || (p = read_head(p, end, &item)) == NULL)
		return NULL;
	if (item.type == T_STR)
		p = walk_text(p, end, item.n, out);
	else if (item.type != T_UINT && item.type != T_NEGATIVE)
		return NULL;
	else if (out != NULL)
	{
		fox_json_put_char(out, '"');
		fox_json_put_integer(out, item.type == T_NEGATIVE, item.n);
		fox_json_put_char(out, '"');
	}
	if (out != NULL)
		fox_json_put_char(out, ':');
	return p;
}

/* A value that is no array and no map; p is behind its head. */
static ALWAYS_INLINE const char *
walk_scalar(const char *p, const char *end, const Item *item, FoxBuf *out)
{
	switch (item->type)
	{
		case T_NIL:
			if (out != NULL)
				fox_buf_slice(out, FOX_LIT("null"));
			return p;
		case T_FALSE:
			if (out != NULL)
				fox_buf_slice(out, FOX_LIT("false"));
			return p;
		case T_TRUE:
			if (out != NULL)
				fox_buf_slice(out, FOX_LIT("true"));
			return p;
		case T_UINT:
		case T_NEGATIVE:
			if (out != NULL)
				fox_json_put_integer(out, item->type == T_NEGATIVE, item->n);
			return p;
		case T_FLOAT:
			if (out != NULL)
				fox_json_put_double(out, item->number);
			return p;
		case T_STR:
			return walk_text(p, end, item->n, out);
		case T_BIN:
			if (item->n > (uint64_t) (end - p))
				return NULL;
			if (out != NULL)
				fox_json_put_bytes(out, fox_slice(p, (size_t) item->n));
			return p + item->n;
		case T_EXT:
			if (item->n >= (uint64_t) (end - p))
				return NULL;
			if ((signed char) *p >= 0)
			{
				if (out != NULL)
					fox_json_put_bytes(out, fox_slice(p + 1, (size_t) item->n));
			}
			else if ((signed char) *p != -1 || !put_timestamp(p + 1, item->n, out))
				return NULL;
			return p + 1 + item->n;
		default:
			return NULL;
	}
}

typedef struct Level
{
	uint64_t	left;			/* elements or members that are still to come */
	bool		map;
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
		if (p >= end || (p = read_head(p, end, &item)) == NULL)
			return NULL;
		if (item.type == T_ARRAY || item.type == T_MAP)
		{
			bool		map = item.type == T_MAP;

			if (depth == FOX_JSON_DEPTH || item.n << map > (uint64_t) (end - p))
				return NULL;
			if (out != NULL)
				fox_json_put_char(out, map ? '{' : '[');
			if (item.n > 0)
			{
				levels[depth++] = (Level){item.n, map};
				continue;
			}
			if (out != NULL)
				fox_json_put_char(out, map ? '}' : ']');
		}
		else if ((p = walk_scalar(p, end, &item, out)) == NULL)
			return NULL;

		/* here a value has ended */
		while (depth > 0 && --levels[depth - 1].left == 0)
		{
			depth--;
			if (out != NULL)
				fox_json_put_char(out, levels[depth].map ? '}' : ']');
		}
		if (depth == 0)
			return p;
		if (out != NULL)
			fox_json_put_char(out, ',');
	}
}

size_t
fox_msgpack_skip(FoxSlice in)
{
	const char *behind = in.len > 0 ? walk(in.ptr, in.ptr + in.len, NULL) : NULL;

	return behind != NULL ? (size_t) (behind - in.ptr) : 0;
}

bool
fox_msgpack_to_json(FoxSlice in, FoxBuf *out)
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
		[T_NIL] = FOX_JSON_NULL, [T_FALSE] = FOX_JSON_FALSE, [T_TRUE] = FOX_JSON_TRUE,
		[T_UINT] = FOX_JSON_NUMBER, [T_NEGATIVE] = FOX_JSON_NUMBER, [T_FLOAT] = FOX_JSON_NUMBER,
		[T_STR] = FOX_JSON_STRING, [T_ARRAY] = FOX_JSON_ARRAY, [T_MAP] = FOX_JSON_OBJECT,
	};
	Item		item;

	if (value.len == 0 || read_head(value.ptr, value.ptr + value.len, &item) == NULL)
		return FOX_JSON_NONE;
	return kinds[item.type];
}

static bool
uint_of(FoxSlice value, uint64_t *out)
{
	Item		item;

	if (value.len == 0 || read_head(value.ptr, value.ptr + value.len, &item) == NULL)
		return false;
	if (item.type == T_FLOAT)
		return fox_double_uint(item.number, out);
	*out = item.n;
	return item.type == T_UINT && item.n <= UINT64_C(1) << 53;
}

static FoxSlice
text_of(FoxSlice value, FoxBuf *scratch)
{
	const char *end = value.ptr + value.len;
	const char *p;
	Item		item;

	(void) scratch;
	if (value.len == 0 || (p = read_head(value.ptr, end, &item)) == NULL || item.type != T_STR)
		return FOX_ABSENT;
	return fox_slice(p, (size_t) item.n);
}

static bool
open_array(FoxSlice in, FoxElements *walk)
{
	Item		item;

	*walk = (FoxElements){.end = in.ptr + in.len};
	if (in.len == 0 || (walk->p = read_head(in.ptr, walk->end, &item)) == NULL || item.type != T_ARRAY)
		return false;
	walk->left = item.n;
	return true;
}

static bool
next_element(FoxElements *walk, FoxSlice *value)
{
	*value = FOX_ABSENT;
	if (walk->left == 0)
		return true;
	*value = fox_slice(walk->p, fox_msgpack_skip(fox_slice(walk->p, (size_t) (walk->end - walk->p))));
	walk->p += value->len;
	walk->left--;
	return value->len > 0;
}

/* --- heads --- */

/* A first byte and n in the smallest of 1, 2, 4 and 8 bytes, whose first bytes follow each other. */
static size_t
put_wide(char *at, unsigned char of_one, uint64_t n)
{
	int			size = n <= 0xff ? 0 : n <= 0xffff ? 1 : n <= 0xffffffff ? 2 : 3;

	at[0] = (char) (of_one + size);
	fox_put_be(at + 1, n, (size_t) 1 << size);
	return 1 + ((size_t) 1 << size);
}

static size_t
put_head(char *at, FoxHead what, uint64_t n)
{
	bool		map = what == FOX_HEAD_MAP;

	switch (what)
	{
		case FOX_HEAD_UINT:
			if (n > 0x7f)
				return put_wide(at, 0xcc, n);
			at[0] = (char) n;
			return 1;
		case FOX_HEAD_NEGATIVE:
			if (n > 0x1f)
			{
				int			size = n <= 0x7f ? 0 : n <= 0x7fff ? 1 : n <= 0x7fffffff ? 2 : 3;

				at[0] = (char) (0xd0 + size);
				fox_put_be(at + 1, ~n, (size_t) 1 << size);
				return 1 + ((size_t) 1 << size);
			}
			at[0] = (char) (0xff - n);
			return 1;
		case FOX_HEAD_BYTES:
			return put_wide(at, 0xc4, n);
		case FOX_HEAD_TEXT:
			if (n > 31)
				return put_wide(at, 0xd9, n);
			at[0] = (char) (0xa0 + n);
			return 1;
		default:
			if (n > 15)
			{
				/* there is no form of one byte */
				size_t		width = n <= 0xffff ? 2 : 4;

				at[0] = (char) ((map ? 0xde : 0xdc) + (width == 4));
				fox_put_be(at + 1, n, width);
				return 1 + width;
			}
			at[0] = (char) ((map ? 0x80 : 0x90) + n);
			return 1;
	}
}

const FoxBinary fox_msgpack = {
	.length = fox_msgpack_skip,
	.to_json = fox_msgpack_to_json,
	.kind = kind_of,
	.uint = uint_of,
	.text = text_of,
	.open = open_array,
	.next = next_element,
	.head = put_head,
	.malformed = "malformed MessagePack",
	.nil = 0xc0,
	.no = 0xc2,
	.yes = 0xc3,
	.float64 = 0xcb,
	.long_array = 0xdd,
	.long_map = 0xdf,
};

bool
fox_msgpack_from_json(FoxSlice json, FoxBuf *out)
{
	return fox_binary_from_json(&fox_msgpack, json, out);
}
