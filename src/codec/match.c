/*
 * match.c - struct, emptiness and conditions of values (see match.h).
 */
#include "codec/match.h"

#include "codec/members.h"
#include "codec/number.h"
#include "codec/regex.h"

#include "base/pure.h"

static FoxMatch (*jsonpath) (FoxSlice path, FoxSlice value);

static FoxMatch match_value(FoxSlice condition, FoxSlice value);

void
fox_match_use_jsonpath(FoxMatch (*fn) (FoxSlice path, FoxSlice value))
{
	jsonpath = fn;
}

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

void
fox_will_value(FoxSlice will, FoxSlice *args, FoxSlice *kwargs, FoxBuf *scratch)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;
	bool		taken_apart = false;

	*args = *kwargs = FOX_ABSENT;
	if (fox_absent(will) || fox_json_kind(will) == FOX_JSON_NULL)
		return;
	while (fox_json_member(will, &pos, &key, &value))
	{
		taken_apart = true;
		if (fox_json_key_is(key, "args") && fox_json_kind(value) == FOX_JSON_ARRAY)
			*args = value;
		else if (fox_json_key_is(key, "kwargs") && fox_json_kind(value) == FOX_JSON_OBJECT)
			*kwargs = value;
		else
		{
			taken_apart = false;
			break;
		}
	}
	if (taken_apart)
		return;
	*kwargs = FOX_ABSENT;
	fox_buf_char(scratch, '[');
	fox_buf_slice(scratch, will);
	fox_buf_char(scratch, ']');
	*args = fox_buf_view(scratch);
}

/* --- equality --- */

static FoxSlice
string_inside(FoxSlice value)
{
	return fox_slice(value.ptr + 1, value.len - 2);
}

static bool
equal_elements(FoxSlice a, FoxSlice b)
{
	FoxSlice	x;
	FoxSlice	y;
	size_t		i = 0;
	size_t		j = 0;

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
}

static bool
equal_members(const FoxMembers *a, const FoxMembers *b)
{
	FoxSlice	key;
	FoxSlice	x;
	FoxSlice	y;
	size_t		pos = 0;

	while (fox_members_next(b, &pos, &key, &y))
		if (fox_absent(fox_members_get(a, key)))
			return false;
	pos = 0;
	while (fox_members_next(a, &pos, &key, &x))
		if (fox_absent(y = fox_members_get(b, key)) || !fox_json_equal(x, y))
			return false;
	return true;
}

static bool
equal_objects(FoxSlice a, FoxSlice b)
{
	FoxMembers	x;
	FoxMembers	y;
	bool		ready = fox_members_init(&x, a);
	bool		equal;

	ready = fox_members_init(&y, b) && ready;
	equal = ready && equal_members(&x, &y);
	fox_members_free(&x);
	fox_members_free(&y);
	return equal;
}

bool
fox_json_equal(FoxSlice a, FoxSlice b)
{
	FoxKind		kind = fox_json_kind(a);

	if (kind != fox_json_kind(b))
		return false;
	switch (kind)
	{
		case FOX_JSON_NUMBER:
			return fox_number_compare(a, b) == 0;
		case FOX_JSON_STRING:
			return fox_json_same_text(string_inside(a), string_inside(b));
		case FOX_JSON_ARRAY:
			return equal_elements(a, b);
		case FOX_JSON_OBJECT:
			return equal_objects(a, b);
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

static FoxMatch
op_regex(const char *name, FoxSlice operand, FoxSlice value)
{
	FoxMatch	result = FOX_MATCH_INVALID;
	FoxBuf		pattern_buf = {0};
	FoxBuf		text_buf = {0};
	FoxSlice	pattern = fox_json_text(operand, &pattern_buf);

	(void) name;
	if (!fox_absent(pattern))
		result = fox_regex_match(pattern, fox_json_text(value, &text_buf));
	fox_buf_free(&pattern_buf);
	fox_buf_free(&text_buf);
	return result;
}

static FoxMatch
op_jsonpath(const char *name, FoxSlice operand, FoxSlice value)
{
	FoxMatch	result = FOX_MATCH_INVALID;
	FoxBuf		buf = {0};
	FoxSlice	path = fox_json_text(operand, &buf);

	(void) name;
	if (!fox_absent(path) && jsonpath != NULL)
		result = jsonpath(path, value);
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
	{"$jsonpath", op_jsonpath},
};

#define N_OPERATORS (sizeof(operators) / sizeof(operators[0]))

/* Is any member of the object named like an operator?  Then all must be operators. */
static bool
is_operators(FoxSlice condition)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_json_member(condition, &pos, &key, &value))
		if ((key.len > 0 && key.ptr[0] == '$') || (key.len >= 6 && memcmp(key.ptr, "\\u0024", 6) == 0))
			return true;
	return false;
}

static FoxMatch
match_operator(FoxSlice raw_name, FoxSlice operand, FoxSlice value)
{
	for (size_t i = 0; i < N_OPERATORS; i++)
		if (fox_json_key_is(raw_name, operators[i].name))
			return operators[i].holds(operators[i].name, operand, value);
	return FOX_MATCH_INVALID;
}

/* --- conditions --- */

/* All members are looked at even if one does not hold: a later one may be invalid. */
static FoxMatch
match_members(const FoxMembers *condition, bool of_operators, FoxSlice value, const FoxMembers *members)
{
	FoxMatch	result = of_operators || fox_json_kind(value) == FOX_JSON_OBJECT ? FOX_MATCH_YES : FOX_MATCH_NO;
	FoxSlice	key;
	FoxSlice	wanted;
	size_t		pos = 0;

	while (fox_members_next(condition, &pos, &key, &wanted))
	{
		FoxMatch	one;

		if (of_operators)
			one = match_operator(key, wanted, value);
		else
		{
			FoxSlice	there = fox_members_get(members, key);

			one = !fox_absent(there) || is_operators(wanted) ? match_value(wanted, there) : FOX_MATCH_NO;
		}
		if (one == FOX_MATCH_INVALID)
			return one;
		if (one == FOX_MATCH_NO)
			result = one;
	}
	return result;
}

/* value may be absent: the member is not there. */
static FoxMatch
match_object(FoxSlice condition, FoxSlice value)
{
	bool		of_operators = is_operators(condition);
	FoxMatch	result = FOX_MATCH_INVALID;
	FoxMembers	wanted;
	FoxMembers	there;
	bool		ready = fox_members_init(&wanted, condition);

	/* operators look at the value as a whole */
	ready = fox_members_init(&there, of_operators ? FOX_ABSENT : value) && ready;
	if (ready)
		result = match_members(&wanted, of_operators, value, &there);
	fox_members_free(&wanted);
	fox_members_free(&there);
	return result;
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
	switch (fox_json_kind(condition))
	{
		case FOX_JSON_OBJECT:
			return match_object(condition, value);
		case FOX_JSON_ARRAY:
			return match_elements(condition, value);
		default:
			return yes_if(fox_json_equal(condition, value));
	}
}

FoxMatch
fox_match(FoxSlice condition, FoxSlice value)
{
	return match_value(condition, value);
}

static bool
condition_valid(FoxSlice condition, int *programs)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (is_operators(condition))
	{
		while (fox_json_member(condition, &pos, &key, &value))
			*programs += fox_json_key_is(key, "$regex") || fox_json_key_is(key, "$jsonpath");
		return *programs <= FOX_CONDITION_REGEX_MAX && match_object(condition, FOX_ABSENT) != FOX_MATCH_INVALID;
	}
	if (fox_json_kind(condition) == FOX_JSON_OBJECT)
	{
		while (fox_json_member(condition, &pos, &key, &value))
			if (!condition_valid(value, programs))
				return false;
	}
	else if (fox_json_kind(condition) == FOX_JSON_ARRAY)
	{
		while (fox_json_element(condition, &pos, &value))
			if (!condition_valid(value, programs))
				return false;
	}
	return true;
}

bool
fox_condition_valid(FoxSlice condition)
{
	int			programs = 0;

	return condition.len <= FOX_CONDITION_MAX && condition_valid(condition, &programs);
}
