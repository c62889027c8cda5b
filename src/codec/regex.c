/*
 * regex.c - POSIX extended regular expressions of strangers (see regex.h).
 *
 * The C library writes repetitions out before it compiles: "a++++++++" doubles with
 * every sign, ((a{99}){99}){99} takes all memory there is.  It also starts again at
 * every byte of the text, and back references take exponential time.  So patterns are
 * measured first, back references are refused, and the search is one anchored pass.
 */
#include "codec/regex.h"

#include <regex.h>
#include <stdlib.h>

#include "base/pure.h"

#define PATTERN_MAX 256			/* bytes */
#define TEXT_MAX 4096			/* bytes */
#define POSITIONS_MAX 256		/* of the pattern once its repetitions are written out */

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

/*
 * Copies the pattern to out as it is handed to the library.  False: it would not compile
 * and run in bounded time and memory.
 */
static bool
prepare(FoxSlice pattern, FoxBuf *out)
{
	size_t		outside[PATTERN_MAX];	/* per open group: positions before it */
	int			depth = 0;
	size_t		before = 0;		/* positions of this group up to the last item */
	size_t		last = 0;		/* positions of the last item, which a repetition multiplies */
	size_t		copies;
	const char *p = pattern.ptr;
	const char *end = p + pattern.len;

	if (pattern.len > PATTERN_MAX || memchr(p, '\0', pattern.len) != NULL)
		return false;
	fox_buf_str(out, PREFIX);
	while (p < end)
	{
		const char *item = p;
		char		c = *p++;

		switch (c)
		{
			case '(':
				outside[depth++] = before + last;
				before = last = 0;
				break;
			case ')':
				if (depth == 0)
					return false;
				last += before + 1;
				before = outside[--depth];
				break;
			case '+':
				last *= 2;
				break;
			case '{':
				if ((p = read_interval(p, end, &copies)) == NULL)
					return false;
				last *= copies;
				break;
			case '*':
			case '?':
				last++;
				break;
			default:
				if (c == '[' && (p = skip_bracket(p, end)) == NULL)
					return false;
				if (c == '\\' && (p == end || (*p++ >= '1' && p[-1] <= '9')))
					return false;
				before += last;
				last = 1;
		}
		if (before + last > POSITIONS_MAX)
			return false;
		if (c == '^')
			fox_buf_str(out, START);
		else
			fox_buf_put(out, item, (size_t) (p - item));
	}
	fox_buf_put(out, ")", 2);	/* with its NUL */
	return depth == 0 && !out->failed;
}

FoxMatch
fox_regex_match(FoxSlice pattern, FoxSlice text)
{
	FoxMatch	result = FOX_MATCH_INVALID;
	FoxBuf		prepared = {0};
	char		subject[TEXT_MAX + 1];
	regex_t		regex;

	if (prepare(pattern, &prepared) && regcomp(&regex, prepared.data, REG_EXTENDED | REG_NOSUB) == 0)
	{
		result = FOX_MATCH_NO;
		if (!fox_absent(text) && text.len <= TEXT_MAX && memchr(text.ptr, '\0', text.len) == NULL)
		{
			memcpy(subject, text.ptr, text.len);
			subject[text.len] = '\0';
			if (regexec(&regex, subject, 0, NULL, 0) == 0)
				result = FOX_MATCH_YES;
		}
		regfree(&regex);
	}
	fox_buf_free(&prepared);
	return result;
}
