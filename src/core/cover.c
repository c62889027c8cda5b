/*
 * cover.c - what two patterns of URIs have to do with each other (see cover.h).
 *
 * A pattern of whatever kind is a row of steps, one for each component and one for its
 * end; a string prefix ends in the beginning of a component, behind which anything may
 * follow.  Two patterns are compared step by step.  A placeholder is the name that it stands for.
 */
#include "core/cover.h"

#include "base/pure.h"

/* By how exactly they say what they match. */
typedef enum StepKind
{
	STEP_REST,					/* no components or many; nothing follows it */
	STEP_ANY,					/* one component */
	STEP_START,					/* a component that begins so, then the rest; nothing follows it */
	STEP_END,
	STEP_NAME
} StepKind;

typedef struct Step
{
	StepKind	kind;
	FoxSlice	text;			/* of STEP_NAME and STEP_START */
} Step;

typedef struct Walk
{
	FoxSlice	rest;
	FoxMatchKind kind;
	const FoxNames *names;
	bool		begun;
} Walk;

static Walk
walk(FoxPattern p)
{
	return (Walk){.rest = p.uri, .kind = p.kind, .names = p.names};
}

static Step
name(const Walk *w, FoxSlice component)
{
	return (Step){STEP_NAME, w->names != NULL ? fox_placeholder_value(w->names, component) : component};
}

static Step
next(Walk *w)
{
	bool		first = !w->begun;
	FoxSlice	c;

	w->begun = true;
	if (!fox_uri_component(&w->rest, &c))
		return (Step){.kind = STEP_END};
	if (w->kind == FOX_PREFIX && fox_absent(w->rest))
		return (Step){STEP_START, c};
	if (w->kind == FOX_PATTERN && fox_slice_is(c, "#"))
		/* No URI is empty. */
		return first ? (Step){STEP_START, FOX_LIT("")} : (Step){.kind = STEP_REST};
	if ((w->kind == FOX_PATTERN && fox_slice_is(c, "*")) || (w->kind == FOX_WILDCARD && c.len == 0))
		return (Step){.kind = STEP_ANY};
	return name(w, c);
}

bool
fox_pattern_covers(FoxPattern a, FoxPattern b)
{
	Walk		of_a = walk(a);
	Walk		of_b = walk(b);

	for (;;)
	{
		Step		x = next(&of_a);
		Step		y = next(&of_b);

		switch (x.kind)
		{
			case STEP_REST:
				return true;
			case STEP_START:
				return y.kind == STEP_ANY ? x.text.len == 0 :
					(y.kind == STEP_NAME || y.kind == STEP_START) && fox_slice_begins(y.text, x.text);
			case STEP_END:
				return y.kind == STEP_END;
			case STEP_ANY:
				if (y.kind != STEP_ANY && y.kind != STEP_NAME)
					return false;
				break;
			case STEP_NAME:
				if (y.kind != STEP_NAME || !fox_slice_eq(x.text, y.text))
					return false;
				break;
		}
	}
}

bool
fox_patterns_meet(FoxPattern a, FoxPattern b)
{
	Walk		of_a = walk(a);
	Walk		of_b = walk(b);

	for (;;)
	{
		Step		x = next(&of_a);
		Step		y = next(&of_b);

		if (x.kind == STEP_REST || y.kind == STEP_REST)
			return true;
		if (x.kind == STEP_END || y.kind == STEP_END)
			return x.kind == y.kind;
		if (x.kind == STEP_START || y.kind == STEP_START)
			return x.kind == STEP_ANY || y.kind == STEP_ANY ||
				(x.kind == STEP_START && fox_slice_begins(y.text, x.text)) ||
				(y.kind == STEP_START && fox_slice_begins(x.text, y.text));
		if (x.kind == STEP_NAME && y.kind == STEP_NAME && !fox_slice_eq(x.text, y.text))
			return false;
	}
}

/* What begins with nothing is hardly more than the rest. */
static int
weight(Step s)
{
	return s.kind == STEP_START && s.text.len == 0 ? STEP_REST * 2 + 1 : (int) s.kind * 2;
}

int
fox_pattern_compare(FoxPattern a, FoxPattern b)
{
	Walk		of_a = walk(a);
	Walk		of_b = walk(b);

	for (;;)
	{
		Step		x = next(&of_a);
		Step		y = next(&of_b);

		if (weight(x) != weight(y))
			return weight(x) - weight(y);
		if (x.kind == STEP_START)
			return (x.text.len > y.text.len) - (x.text.len < y.text.len);
		if (x.kind == STEP_END || x.kind == STEP_REST)
			return 0;
	}
}
