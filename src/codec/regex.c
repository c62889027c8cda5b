/*
 * regex.c - POSIX extended regular expressions of strangers (see regex.h).
 *
 * The C library writes repetitions out before it compiles: "a++++++++" doubles with
 * every sign, ((a{99}){99}){99} takes all memory there is.  What repeats something that
 * may be empty, as (a*)* does, takes several times as long with each such repetition.
 * It also starts again at every byte of the text, and back references take exponential
 * time.  So patterns are measured first, back references are refused, and the search is
 * one anchored pass.
 */
#include "codec/regex.h"

#include <regex.h>
#include <stdlib.h>

#include "base/hash.h"

#include "base/pure.h"

#define PATTERN_MAX 256			/* bytes */
#define TEXT_MAX 4096			/* bytes */
#define POSITIONS_MAX 256		/* of the pattern once its repetitions are written out */
#define LOOPS_MAX 8				/* repetitions of what may be empty, "?" among them; the same */

/* Behind a newline that .* went over, glibc takes ^ for matched, but not its own name for the start. */
#ifdef __GLIBC__
#define START "\\`"
#else
#define START "^"
#endif

#define PREFIX START ".*("

/* The place behind a bracket expression, or NULL; p is behind its '['. */
static const char *
skip_bracket(const char *p, const char *end)
{
	if (p < end && *p == '^')
		p++;
	if (p < end && *p == ']')
		p++;
	for (; p < end && *p != ']'; p++)
	{
		char		kind;

		if (*p != '[' || end - p < 2 || (p[1] != ':' && p[1] != '.' && p[1] != '='))
			continue;
		kind = p[1];
		for (p += 2; end - p >= 2 && !(p[0] == kind && p[1] == ']'); p++)
			;
		if (end - p < 2)
			return NULL;
		p++;
	}
	return p < end ? p + 1 : NULL;
}

static const char *
read_count(const char *p, const char *end, size_t *n)
{
	for (*n = 0; p < end && *p >= '0' && *p <= '9'; p++)
		if (*n <= POSITIONS_MAX)
			*n = *n * 10 + (size_t) (*p - '0');
	return p;
}

/* {m}, {m,} or {m,n}: the place behind it and how many copies it makes, or NULL; p is behind the '{'. */
static const char *
read_interval(const char *p, const char *end, size_t *copies)
{
	const char *digits = p;
	size_t		least;
	size_t		most;

	if ((p = read_count(p, end, &least)) == digits)
		return NULL;
	most = least;
	if (p < end && *p == ',')
	{
		digits = ++p;
		if ((p = read_count(p, end, &most)) == digits)
			most = least + 1;
	}
	*copies = most > 0 ? most : 1;
	return p < end && *p == '}' && most >= least ? p + 1 : NULL;
}

/* What a part of the pattern costs, and whether it matches the empty text. */
typedef struct Part
{
	size_t		positions;
	size_t		loops;			/* repetitions of what may be empty */
	bool		empty;
} Part;

static const Part nothing = {0, 0, true};

static Part
joined(Part a, Part b)
{
	return (Part){a.positions + b.positions, a.loops + b.loops, a.empty && b.empty};
}

static Part
repeated(Part item, size_t copies, bool empty)
{
	return (Part){item.positions * copies, (item.loops + item.empty) * copies, item.empty || empty};
}

/* A group that is open; the whole pattern is one as well. */
typedef struct Group
{
	Part		before;			/* of this branch, up to the last item */
	Part		last;			/* the last item, to which a repetition belongs */
	bool		empty;			/* an earlier branch may be */
} Group;

static Part
closed(const Group *g)
{
	Part		all = joined(g->before, g->last);

	return (Part){all.positions + 1, all.loops, all.empty || g->empty};
}

static void
next_item(Group *g, Part item)
{
	g->before = joined(g->before, g->last);
	g->last = item;
}

/* Costs are of all branches; each begins empty. */
static void
next_branch(Group *g)
{
	Part		all = joined(g->before, g->last);

	g->empty = g->empty || all.empty;
	g->before = (Part){all.positions + 1, all.loops, true};
	g->last = nothing;
}

static const char *
read_repetition(Part *item, const char *p, const char *end)
{
	size_t		copies;
	const char *digits = p;

	if ((p = read_interval(p, end, &copies)) != NULL)
		*item = repeated(*item, copies, *digits == '0');
	return p;
}

/* Of a character, or of what is none. */
static const char *
read_item(Part *item, const char *p, const char *end)
{
	char		c = p[-1];

	*item = (Part){1, 0, c == '^' || c == '$'};
	if (c == '[')
		return skip_bracket(p, end);
	if (c != '\\')
		return p;
	if (p == end || (*p >= '1' && *p <= '9'))
		return NULL;
	item->empty = strchr("<>bB`'", *p) != NULL;
	return p + 1;
}

/*
 * Copies the pattern to out as it is handed to the library.  False: it would not compile
 * and run in bounded time and memory.
 */
static bool
prepare(FoxSlice pattern, FoxBuf *out)
{
	Group		groups[PATTERN_MAX + 1] = {{nothing, nothing, false}};
	Group	   *g = groups;		/* the innermost */
	Part		item;
	Part		all;
	const char *p = pattern.ptr;
	const char *end = p + pattern.len;

	if (pattern.len > PATTERN_MAX || memchr(p, '\0', pattern.len) != NULL)
		return false;
	fox_buf_str(out, PREFIX);
	while (p < end)
	{
		const char *begin = p;
		char		c = *p++;

		switch (c)
		{
			case '(':
				*++g = (Group){nothing, nothing, false};
				break;
			case ')':
				if (g == groups)
					return false;
				item = closed(g--);
				next_item(g, item);
				break;
			case '|':
				next_branch(g);
				break;
			case '+':
				g->last = repeated(g->last, 2, false);
				break;
			case '*':
			case '?':
				g->last = repeated(g->last, 1, true);
				g->last.positions++;
				break;
			case '{':
				p = read_repetition(&g->last, p, end);
				break;
			default:
				p = read_item(&item, p, end);
				next_item(g, item);
		}
		if (p == NULL)
			return false;
		all = joined(g->before, g->last);
		if (all.positions > POSITIONS_MAX || all.loops > LOOPS_MAX)
			return false;
		if (c == '^')
			fox_buf_str(out, START);
		else
			fox_buf_put(out, begin, (size_t) (p - begin));
	}
	fox_buf_put(out, ")", 2);	/* with its NUL */
	return g == groups && !out->failed;
}

/* --- compiled patterns --- */

#define CACHED 32				/* a power of two */
#define CACHED_BYTES 65536		/* of text that one compilation is used for */

/*
 * The library adds to its automaton as it meets new texts, without bound; so a pattern
 * is compiled anew after CACHED_BYTES of them.
 */
typedef struct Compiled
{
	size_t		len;			/* of the pattern; 0: unused */
	size_t		scanned;
	char		pattern[PATTERN_MAX];
	regex_t		regex;
} Compiled;

static Compiled cache[CACHED];

/* NULL: the pattern is malformed or could cost too much. */
static Compiled *
compiled(FoxSlice pattern)
{
	Compiled   *c = &cache[fox_hash_bytes(pattern.ptr, pattern.len) % CACHED];
	FoxBuf		prepared = {0};
	bool		ok;

	if (c->len == pattern.len && pattern.len > 0 && memcmp(c->pattern, pattern.ptr, c->len) == 0 &&
		c->scanned < CACHED_BYTES)
		return c;
	if (c->len > 0)
		regfree(&c->regex);
	c->len = 0;
	ok = pattern.len > 0 && prepare(pattern, &prepared) &&
		regcomp(&c->regex, prepared.data, REG_EXTENDED | REG_NOSUB) == 0;
	fox_buf_free(&prepared);
	if (!ok)
		return NULL;
	memcpy(c->pattern, pattern.ptr, pattern.len);
	c->len = pattern.len;
	c->scanned = 0;
	return c;
}

FoxMatch
fox_regex_match(FoxSlice pattern, FoxSlice text)
{
	bool		can_match = !fox_absent(text) && text.len <= TEXT_MAX && memchr(text.ptr, '\0', text.len) == NULL;
	char		subject[TEXT_MAX + 1];
	Compiled   *c;

	if (pattern.len == 0)		/* it is found in every text */
		return can_match ? FOX_MATCH_YES : FOX_MATCH_NO;
	if ((c = compiled(pattern)) == NULL)
		return FOX_MATCH_INVALID;
	if (!can_match)
		return FOX_MATCH_NO;
	memcpy(subject, text.ptr, text.len);
	subject[text.len] = '\0';
	c->scanned += text.len + 1;
	return regexec(&c->regex, subject, 0, NULL, 0) == 0 ? FOX_MATCH_YES : FOX_MATCH_NO;
}
