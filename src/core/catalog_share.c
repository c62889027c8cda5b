/*
 * catalog_share.c - which share of a service a number is in (see catalog.h).
 *
 * The hash is PostgreSQL's hashint8extended() with the seed 0, so that SQL finds the same.
 */
#include "core/catalog.h"

#include <errno.h>
#include <stdlib.h>

#include "base/pure.h"

static bool
read_int64(FoxSlice json, int64_t *out)
{
	char		text[24];
	char	   *end;

	if (json.len == 0 || json.len >= sizeof(text))
		return false;
	memcpy(text, json.ptr, json.len);
	text[json.len] = '\0';
	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && end > text && text[0] != ' ' && text[0] != '+';
}

bool
fox_criterion_read(FoxSlice option, FoxCriterion *out)
{
	FoxKind		kind = fox_json_kind(option);

	*out = (FoxCriterion){.given = kind != FOX_JSON_NONE && kind != FOX_JSON_NULL};
	if (!out->given)
		return true;
	if (kind == FOX_JSON_STRING)
		option = fox_slice(option.ptr + 1, option.len - 2);
	return (kind == FOX_JSON_STRING || kind == FOX_JSON_NUMBER) && read_int64(option, &out->value);
}

static bool
is_given(FoxSlice value)
{
	return !fox_absent(value) && fox_json_kind(value) != FOX_JSON_NULL;
}

const char *
fox_share_read(FoxSlice object, FoxShare *share)
{
	FoxSlice	from = fox_json_get(object, "from");
	FoxSlice	to = fox_json_get(object, "to");
	FoxSlice	modulus = fox_json_get(object, "modulus");
	FoxSlice	remainder = fox_json_get(object, "remainder");

	*share = (FoxShare){.has_range = is_given(from) || is_given(to), .from_start = !is_given(from), .to_end = !is_given(to)};
	if ((!share->from_start && !read_int64(from, &share->from)) || (!share->to_end && !read_int64(to, &share->to)))
		return "from and to must be integers";
	if (is_given(modulus) != is_given(remainder) || (is_given(modulus) && share->has_range))
		return "a share is a range from and to, or a modulus and its remainder";
	if (is_given(modulus) && (!fox_json_uint(modulus, &share->modulus) || !fox_json_uint(remainder, &share->remainder) ||
							  share->modulus == 0 || share->remainder >= share->modulus))
		return "the remainder must be less than the modulus";
	return NULL;
}

static void
put_bound(FoxBuf *out, const char *name, bool open, int64_t value)
{
	fox_buf_str(out, name);
	if (open)
		fox_buf_str(out, "null");
	else
		fox_buf_i64(out, value);
}

void
fox_share_put(FoxBuf *out, const FoxShare *share)
{
	if (share->has_range)
	{
		put_bound(out, ",\"from\":", share->from_start, share->from);
		put_bound(out, ",\"to\":", share->to_end, share->to);
	}
	else if (share->modulus > 0)
	{
		fox_buf_str(out, ",\"modulus\":");
		fox_buf_u64(out, share->modulus);
		fox_buf_str(out, ",\"remainder\":");
		fox_buf_u64(out, share->remainder);
	}
}

bool
fox_share_same(const FoxShare *a, const FoxShare *b)
{
	return a->has_range == b->has_range && a->from_start == b->from_start && a->to_end == b->to_end &&
		a->from == b->from && a->to == b->to && a->modulus == b->modulus && a->remainder == b->remainder;
}

static uint32_t
rotate(uint32_t x, int k)
{
	return x << k | x >> (32 - k);
}

/* Bob Jenkins' lookup3 of one word. */
static uint64_t
hash_number(int64_t number)
{
	uint32_t	low = (uint32_t) number;
	uint32_t	high = (uint32_t) ((uint64_t) number >> 32);
	uint32_t	a = UINT32_C(0x9e3779b9) + 4 + 3923095;
	uint32_t	b = a;
	uint32_t	c = a;

	/* So that a number that fits into fewer bytes has the hash that it has there. */
	a += low ^ (number >= 0 ? high : ~high);
	c ^= b;
	c -= rotate(b, 14);
	a ^= c;
	a -= rotate(c, 11);
	b ^= a;
	b -= rotate(a, 25);
	c ^= b;
	c -= rotate(b, 16);
	a ^= c;
	a -= rotate(c, 4);
	b ^= a;
	b -= rotate(a, 14);
	c ^= b;
	c -= rotate(b, 24);
	return (uint64_t) b << 32 | c;
}

int
fox_share_fits(const FoxShare *share, int64_t number)
{
	if (share->has_range)
		return (share->from_start || number >= share->from) && (share->to_end || number < share->to) ? 3 : 0;
	if (share->modulus > 0)
		return hash_number(number) % share->modulus == share->remainder ? 2 : 0;
	return 1;
}
