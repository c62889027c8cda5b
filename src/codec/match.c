/*
 * match.c - struct, emptiness and conditions of values (see match.h).
 */
#include "codec/match.h"

#include <regex.h>
#include <stdlib.h>

#include "codec/number.h"

#include "base/pure.h"

#define REGEX_PATTERN_MAX 256	/* bytes */
#define REGEX_SUBJECT_MAX 4096

static FoxMatch match_value(FoxSlice condition, FoxSlice value);

/* --- struct and emptiness --- */

/* How many elements, at most 2 are counted; the first one's value. */
static int
count_elements(FoxSlice array, FoxSlice *first)
{
	FoxSlice	value;
	size_t		pos = 0;
	int			n = 0;

	while (n < 2 && fox_json_element(array, &pos, &value))
		if (n++ == 0)
			*first = value;
	return n;
}

static bool
has_members(FoxSlice object)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	return fox_json_member(object, &pos, &key, &value);
}

FoxSlice
fox_value_struct(FoxSlice args, FoxSlice kwargs)
{
	FoxSlice	only = FOX_ABSENT;
	bool		one = count_elements(args, &only) == 1;

	if (one && fox_json_kind(only) == FOX_JSON_OBJECT)
		return only;
	if (has_members(kwargs))
		return kwargs;
	if (one)
		return only;
	return fox_absent(args) ? FOX_LIT("[]") : args;
}

bool
fox_value_empty(FoxSlice args, FoxSlice kwargs, bool kwargs_are_headers)
{
	FoxSlice	only = FOX_ABSENT;
	int			n = count_elements(args, &only);

	if (!kwargs_are_headers && has_members(kwargs))
		return false;
	return n == 0 || (n == 1 && fox_json_kind(only) == FOX_JSON_NULL);
}

/* --- members by name, whatever their escapes --- */

static FoxSlice
plain_text(FoxSlice raw, FoxBuf *scratch)
{
	/* a raw key lies between its quotes */
	return fox_json_text(fox_slice(raw.ptr - 1, raw.len + 2), scratch);
}

static bool
same_text(FoxSlice raw_a, FoxSlice raw_b)
{
	FoxBuf		a_buf = {0};
	FoxBuf		b_buf = {0};
	FoxSlice	a;
	FoxSlice	b;
	bool		same;

	if (memchr(raw_a.ptr, '\\', raw_a.len) == NULL && memchr(raw_b.ptr, '\\', raw_b.len) == NULL)
		return fox_slice_eq(raw_a, raw_b);
	a = plain_text(raw_a, &a_buf);
	b = plain_text(raw_b, &b_buf);

	/* Lone surrogates have no text: such strings are the same if they are spelt the same. */
	same = fox_absent(a) || fox_absent(b) ? fox_slice_eq(raw_a, raw_b) : fox_slice_eq(a, b);
	fox_buf_free(&a_buf);
	fox_buf_free(&b_buf);
	return same;
}

static FoxSlice
string_inside(FoxSlice value)
{
	return fox_slice(value.ptr + 1, value.len - 2);
}

static FoxSlice
member_named(FoxSlice object, FoxSlice raw_key)
{
	FoxSlice	found = FOX_ABSENT;
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_json_member(object, &pos, &key, &value))
		if (same_text(key, raw_key))
			found = value;
	return found;
}

/* Is the member that ends at pos the last one of its name?  Duplicates before it do not count. */
static bool
last_of_name(FoxSlice object, size_t pos, FoxSlice raw_key)
{
	FoxSlice	key;
	FoxSlice	value;

	while (fox_json_member(object, &pos, &key, &value))
		if (same_text(key, raw_key))
			return false;
	return true;
}

/* --- equality --- */

bool
fox_json_equal(FoxSlice a, FoxSlice b)
{
	FoxKind		kind = fox_json_kind(a);
	FoxSlice	x;
	FoxSlice	y;
	FoxSlice	key;
	size_t		i = 0;
	size_t		j = 0;

	if (kind != fox_json_kind(b))
		return false;
	switch (kind)
	{
		case FOX_JSON_NUMBER:
			return fox_number_compare(a, b) == 0;
		case FOX_JSON_STRING:
			return same_text(string_inside(a), string_inside(b));
		case FOX_JSON_ARRAY:
			for (;;)
			{
				bool		more = fox_json_element(a, &i, &x);

				if (more != fox_json_element(b, &j, &y))
					return false;
				if (!more)
					return true;
				if (!fox_json_equal(x, y))
					return false;
			}
		case FOX_JSON_OBJECT:
			while (fox_json_member(a, &i, &key, &x))
				if (last_of_name(a, i, key) &&
					(fox_absent(y = member_named(b, key)) || !fox_json_equal(x, y)))
					return false;
			while (fox_json_member(b, &j, &key, &y))
				if (fox_absent(member_named(a, key)))
					return false;
			return true;
		default:
			return true;
	}
}

/* --- operators --- */

/* Numbers with numbers, strings with strings by their bytes; false: they have no order. */
static bool
compare(FoxSlice a, FoxSlice b, int *order)
{
	FoxBuf		a_buf = {0};
	FoxBuf		b_buf = {0};
	FoxSlice	x;
	FoxSlice	y;
	bool		ordered = false;

	if (fox_json_kind(a) != fox_json_kind(b))
		return false;
	if (fox_json_kind(a) == FOX_JSON_NUMBER)
	{
		*order = fox_number_compare(a, b);
		return true;
	}
	if (fox_json_kind(a) != FOX_JSON_STRING)
		return false;
	x = fox_json_text(a, &a_buf);
	y = fox_json_text(b, &b_buf);
	if (!fox_absent(x) && !fox_absent(y))
	{
		int			c = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);

		*order = c != 0 ? c : (x.len > y.len) - (x.len < y.len);
		ordered = true;
	}
	fox_buf_free(&a_buf);
	fox_buf_free(&b_buf);
	return ordered;
}

static FoxMatch
yes_if(bool holds)
{
	return holds ? FOX_MATCH_YES : FOX_MATCH_NO;
}

static FoxMatch
op_order(const char *name, FoxSlice operand, FoxSlice value)
{
	int			order;

	if (fox_absent(value) || !compare(value, operand, &order))
		return FOX_MATCH_NO;
	switch (name[1])
	{
		case 'g':
			return yes_if(name[3] == 'e' ? order >= 0 : order > 0);
		default:
			return yes_if(name[3] == 'e' ? order <= 0 : order < 0);
	}
}

static FoxMatch
op_ne(const char *name, FoxSlice operand, FoxSlice value)
{
	(void) name;
	return yes_if(fox_absent(value) || !fox_json_equal(operand, value));
}

static FoxMatch
op_in(const char *name, FoxSlice operand, FoxSlice value)
{
	bool		found = false;
	FoxSlice	item;
	size_t		pos = 0;

	if (fox_json_kind(operand) != FOX_JSON_ARRAY)
		return FOX_MATCH_INVALID;
	while (!found && fox_json_element(operand, &pos, &item))
		found = !fox_absent(value) && fox_json_equal(item, value);
	return yes_if(found == (name[1] == 'i'));
}

static FoxMatch
op_exists(const char *name, FoxSlice operand, FoxSlice value)
{
	FoxKind		kind = fox_json_kind(operand);

	(void) name;
	if (kind != FOX_JSON_TRUE && kind != FOX_JSON_FALSE)
		return FOX_MATCH_INVALID;
	return yes_if(fox_absent(value) == (kind == FOX_JSON_FALSE));
}

/*
 * Back-references can take exponential time and bounds like {1,100} multiply when they
 * are nested, in memory too: patterns with either are refused, so that with the limits
 * of length a match is bounded.
 */
static bool
regex_is_bounded(FoxSlice pattern)
{
	for (size_t i = 0; i < pattern.len; i++)
	{
		if (pattern.ptr[i] == '{' || pattern.ptr[i] == '\0')
			return false;
		if (pattern.ptr[i] == '\\' && ++i < pattern.len && pattern.ptr[i] >= '0' && pattern.ptr[i] <= '9')
			return false;
	}
	return pattern.len <= REGEX_PATTERN_MAX;
}

static FoxMatch
op_regex(const char *name, FoxSlice operand, FoxSlice value)
{
	FoxMatch	result = FOX_MATCH_INVALID;
	FoxBuf		buf = {0};
	FoxSlice	text = fox_json_text(operand, &buf);
	char	   *pattern;
	char	   *subject;
	regex_t		regex;

	(void) name;
	pattern = fox_absent(text) || !regex_is_bounded(text) ? NULL : fox_strdup(text);
	fox_buf_reset(&buf);
	if (pattern != NULL && regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0)
	{
		text = fox_absent(value) ? FOX_ABSENT : fox_json_text(value, &buf);
		subject = fox_absent(text) || text.len > REGEX_SUBJECT_MAX || memchr(text.ptr, '\0', text.len) ? NULL :
			fox_strdup(text);
		result = yes_if(subject != NULL && regexec(&regex, subject, 0, NULL, 0) == 0);
		free(subject);
		regfree(&regex);
	}
	free(pattern);
	fox_buf_free(&buf);
	return result;
}

static const struct
{
	const char *name;
	FoxMatch	(*holds) (const char *name, FoxSlice operand, FoxSlice value);
}			operators[] = {
	{"$gt", op_order}, {"$gte", op_order}, {"$lt", op_order}, {"$lte", op_order},
	{"$ne", op_ne}, {"$in", op_in}, {"$nin", op_in}, {"$exists", op_exists}, {"$regex", op_regex},
};

#define N_OPERATORS (sizeof(operators) / sizeof(operators[0]))

/* Is any member of the object named like an operator?  Then all must be operators. */
static bool
is_operators(FoxSlice condition)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (fox_json_kind(condition) != FOX_JSON_OBJECT)
		return false;
	while (fox_json_member(condition, &pos, &key, &value))
	{
		FoxBuf		scratch = {0};
		FoxSlice	name = plain_text(key, &scratch);
		bool		found = !fox_absent(name) && name.len > 0 && name.ptr[0] == '$';

		fox_buf_free(&scratch);
		if (found)
			return true;
	}
	return false;
}

/* value may be absent: the member is not there. */
static FoxMatch
match_operators(FoxSlice condition, FoxSlice value)
{
	FoxMatch	result = FOX_MATCH_YES;
	FoxSlice	key;
	FoxSlice	operand;
	size_t		pos = 0;

	while (fox_json_member(condition, &pos, &key, &operand))
	{
		FoxMatch	one = FOX_MATCH_INVALID;

		for (size_t i = 0; i < N_OPERATORS; i++)
			if (fox_json_key_is(key, operators[i].name))
				one = operators[i].holds(operators[i].name, operand, value);
		if (one == FOX_MATCH_INVALID)
			return one;
		if (one == FOX_MATCH_NO)
			result = one;
	}
	return result;
}

/* --- conditions --- */

static FoxMatch
match_members(FoxSlice condition, FoxSlice value)
{
	FoxMatch	result = FOX_MATCH_YES;
	FoxSlice	key;
	FoxSlice	wanted;
	size_t		pos = 0;

	while (fox_json_member(condition, &pos, &key, &wanted))
	{
		FoxSlice	there = fox_json_kind(value) == FOX_JSON_OBJECT ? member_named(value, key) : FOX_ABSENT;
		FoxMatch	one = is_operators(wanted) || !fox_absent(there) ? match_value(wanted, there) : FOX_MATCH_NO;

		if (one == FOX_MATCH_INVALID)
			return one;
		if (one == FOX_MATCH_NO)
			result = one;
	}
	return fox_json_kind(value) == FOX_JSON_OBJECT ? result : FOX_MATCH_NO;
}

static FoxMatch
match_elements(FoxSlice condition, FoxSlice value)
{
	FoxSlice	wanted;
	FoxSlice	there;
	size_t		i = 0;
	size_t		j = 0;

	for (;;)
	{
		bool		more = fox_json_element(condition, &i, &wanted);
		FoxMatch	one;

		if (more != fox_json_element(value, &j, &there))
			return FOX_MATCH_NO;
		if (!more)
			return FOX_MATCH_YES;
		if ((one = match_value(wanted, there)) != FOX_MATCH_YES)
			return one;
	}
}

static FoxMatch
match_value(FoxSlice condition, FoxSlice value)
{
	if (is_operators(condition))
		return match_operators(condition, value);
	if (fox_json_kind(condition) == FOX_JSON_OBJECT)
		return match_members(condition, value);
	if (fox_json_kind(condition) == FOX_JSON_ARRAY)
		return match_elements(condition, value);
	return yes_if(fox_json_equal(condition, value));
}

FoxMatch
fox_match(FoxSlice condition, FoxSlice value)
{
	return match_value(condition, value);
}

bool
fox_condition_valid(FoxSlice condition)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (condition.len > FOX_CONDITION_MAX)
		return false;
	if (is_operators(condition))
		return match_operators(condition, FOX_ABSENT) != FOX_MATCH_INVALID;
	if (fox_json_kind(condition) == FOX_JSON_OBJECT)
	{
		while (fox_json_member(condition, &pos, &key, &value))
			if (!fox_condition_valid(value))
				return false;
	}
	else if (fox_json_kind(condition) == FOX_JSON_ARRAY)
	{
		while (fox_json_element(condition, &pos, &value))
			if (!fox_condition_valid(value))
				return false;
	}
	return true;
}

/* --- RFC 7396 --- */

static void
put_member(FoxBuf *out, FoxSlice raw_key, bool *first)
{
	if (!*first)
		fox_buf_char(out, ',');
	*first = false;
	fox_buf_char(out, '"');
	fox_buf_slice(out, raw_key);
	fox_buf_str(out, "\":");
}

void
fox_json_merge(FoxSlice target, FoxSlice patch, FoxBuf *out)
{
	bool		first = true;
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (fox_json_kind(patch) != FOX_JSON_OBJECT)
	{
		fox_buf_slice(out, patch);
		return;
	}
	if (fox_json_kind(target) != FOX_JSON_OBJECT)
		target = FOX_LIT("{}");
	fox_buf_char(out, '{');
	while (fox_json_member(target, &pos, &key, &value))
	{
		FoxSlice	change = member_named(patch, key);

		if (!last_of_name(target, pos, key) || fox_json_kind(change) == FOX_JSON_NULL)
			continue;
		put_member(out, key, &first);
		if (fox_absent(change))
			fox_buf_slice(out, value);
		else
			fox_json_merge(value, change, out);
	}
	pos = 0;
	while (fox_json_member(patch, &pos, &key, &value))
	{
		if (fox_json_kind(value) == FOX_JSON_NULL || !fox_absent(member_named(target, key)) ||
			!last_of_name(patch, pos, key))
			continue;
		put_member(out, key, &first);
		fox_json_merge(FOX_ABSENT, value, out);
	}
	fox_buf_char(out, '}');
}
