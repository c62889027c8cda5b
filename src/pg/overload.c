/*
 * overload.c - which function of a name a call means (see overload.h).
 *
 * By the names of arguments and by how many are given by position, never by types: those of a query are all text.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/lsyscache.h"

#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/url.h"
#include "pg/overload.h"

typedef struct Call
{
	List	   *names;			/* char * */
	int			positions;
	int			skipped;
	bool		strict;			/* a name that the function does not have is an error */
	Oid			whole;			/* type that takes the body whole, TEXTOID or BYTEAOID; InvalidOid: none has to */
} Call;

/* --- what is supplied --- */

static void
add_name(Call *call, FoxBuf *name)
{
	if (name->len > 0)
		call->names = lappend(call->names, pnstrdup(name->data, name->len));
	fox_buf_free(name);
}

static void
add_pairs(Call *call, FoxSlice pairs)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (!fox_absent(pairs) && fox_url_pair(pairs, &pos, &key, &value))
	{
		FoxBuf		name = {0};

		fox_url_decode(key, true, &name);
		add_name(call, &name);
	}
}

static void
add_json(Call *call, FoxSlice json)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (fox_absent(json))
		return;
	if (fox_json_kind(json) == FOX_JSON_ARRAY)
		while (fox_json_element(json, &pos, &value))
			call->positions++;
	else if (fox_json_kind(json) == FOX_JSON_OBJECT)
		while (fox_json_member(json, &pos, &key, &value))
		{
			FoxBuf		name = {0};

			fox_json_unescape(key, &name);
			add_name(call, &name);
		}
}

static void
add_http(Call *call, const FoxHttpCall *http)
{
	FoxSlice	type = fox_http_header(http->headers, "content-type");
	FoxSlice	json;
	FoxKind		kind;

	call->strict = http->style == FOX_HTTP_PLAIN;
	add_pairs(call, http->query);
	if (http->body.len == 0)
		return;
	if (fox_http_is_type(type, "application/x-www-form-urlencoded"))
		add_pairs(call, http->body);
	else if (fox_http_is_type(type, "text/plain"))
		call->whole = TEXTOID;
	else if (fox_http_is_type(type, "application/octet-stream"))
		call->whole = BYTEAOID;
	else if (fox_json_valid(http->body, NULL) && fox_json_scan(http->body.ptr, http->body.ptr + http->body.len, &json, &kind) != NULL)
		add_json(call, json);
}

/* --- what fits --- */

static bool
is_named(const FoxRoutine *f, int i, const char *name)
{
	return f->args[i].name[0] != '\0' && pg_strcasecmp(f->args[i].name, name) == 0;
}

static bool
is_supplied(const Call *call, const FoxRoutine *f, int i)
{
	ListCell   *c;

	foreach(c, call->names)
		if (is_named(f, i, lfirst(c)))
			return true;
	return false;
}

/* How many of the names are arguments that no position has taken; *others: of how many that can not be said. */
static int
names_taken(const Call *call, const FoxRoutine *f, int first, int *others)
{
	ListCell   *c;
	int			taken = 0;

	*others = 0;
	foreach(c, call->names)
	{
		int			i = first;

		while (i < f->nargs && !is_named(f, i, lfirst(c)))
			i++;
		if (i < f->nargs)
			taken++;
		else
			(*others)++;
	}
	return taken;
}

static bool
takes_whole(const Call *call, const FoxRoutine *f)
{
	Oid			type;

	if (f->nargs != call->skipped + 1)
		return false;
	type = f->args[call->skipped].base;
	return type == call->whole || (call->whole == TEXTOID && type == VARCHAROID);
}

/* How much of what is supplied it takes; *fits: and it can be called with that. */
static int
take(const Call *call, const FoxRoutine *f, bool *fits)
{
	int			first = call->skipped + call->positions;	/* that no position reaches */
	int			others;
	int			taken = call->positions + names_taken(call, f, first, &others);

	*fits = (first <= f->nargs || f->variadic) && !(call->strict && others > 0);
	if (OidIsValid(call->whole))
		*fits = *fits && takes_whole(call, f);
	else
		for (int i = first; i < f->nargs; i++)
			if (f->args[i].default_value == NULL && !(f->variadic && i == f->nargs - 1) && !is_supplied(call, f, i))
				*fits = false;
	return taken;
}

/* The next signature; false at the end. */
static bool
next_signature(FoxSlice *rest, FoxSlice *signature)
{
	const char *zero;

	if (rest->len == 0)
		return false;
	zero = memchr(rest->ptr, '\0', rest->len);
	*signature = fox_slice(rest->ptr, zero != NULL ? (size_t) (zero - rest->ptr) : rest->len);
	*rest = zero != NULL ? fox_slice(zero + 1, rest->len - signature->len - 1) : FOX_LIT("");
	return true;
}

FoxRoutine *
fox_overload_find(FoxSlice signatures, const FoxSupplied *supplied)
{
	Call		call = {.skipped = supplied->skipped, .strict = true};
	FoxRoutine *best = NULL;
	bool		best_fits = false;
	bool		tie = false;
	int			most = -1;
	FoxSlice	signature;

	if (memchr(signatures.ptr, '\0', signatures.len) == NULL)
		return fox_routine_find(signatures);
	if (supplied->http != NULL)
		add_http(&call, supplied->http);
	else
	{
		add_json(&call, supplied->args);
		add_json(&call, supplied->kwargs);
	}
	while (next_signature(&signatures, &signature))
	{
		FoxRoutine *f = fox_routine_find(signature);
		bool		fits;
		int			taken = take(&call, f, &fits);

		if (best != NULL && (fits == best_fits ? taken <= most : best_fits))
		{
			tie = tie || (fits && taken == most);
			continue;
		}
		best = f;
		best_fits = fits;
		most = taken;
		tie = false;
	}
	if (tie)
	{
		fox_routine_stage = FOX_STAGE_BIND;
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_FUNCTION),
				 errmsg("the call is ambiguous: several functions take these parameters")));
	}
	return best;
}
