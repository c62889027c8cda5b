/*
 * http_bind.c - query and body of an HTTP request become the values of a function's parameters.
 *
 * What is said by name in the body goes before the query, and of a name that is repeated
 * the first counts, but for arrays, which take all.  Text is what the type's input function
 * takes, or JSON where JSON can say more: for json, arrays and composite types.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/url.h"
#include "pg/callback_arg.h"
#include "pg/http_exec.h"

#define PAIRS_MAX 512

#define ERRCODE_STATUS(a, b, c) MAKE_SQLSTATE('P', 'T', a, b, c)

/* --- text --- */

static char *
decoded(FoxSlice text)
{
	char	   *copy = palloc(text.len + 1);
	size_t		len = fox_url_decode_to(text, true, copy);

	copy[len] = '\0';
	(void) pg_verifymbstr(copy, (int) len, false);
	return copy;
}

static char *
quoted(const char *text)
{
	StringInfoData out;

	initStringInfo(&out);
	escape_json(&out, text);
	return out.data;
}

static bool
is_json(const char *text, FoxKind kind)
{
	FoxKind		found;

	return fox_json_valid(fox_cstr(text), &found) && (kind == FOX_JSON_NONE || found == kind);
}

/* The literal of a type that text stands for. */
static char *
literal_of(char *text, Oid type)
{
	Oid			base = getBaseType(type);
	StringInfoData out;

	initStringInfo(&out);
	if (base == JSONOID || base == JSONBOID)
		return is_json(text, FOX_JSON_NONE) ? text : quoted(text);
	if ((get_typtype(base) == TYPTYPE_COMPOSITE && is_json(text, FOX_JSON_OBJECT)) ||
		(OidIsValid(get_element_type(base)) && is_json(text, FOX_JSON_ARRAY)))
	{
		(void) fox_json_literal(fox_cstr(text), type, &out);
		return out.data;
	}
	return text;
}

/* --- pairs of names and values --- */

static bool
same_name(FoxSlice name, const char *decoded_name)
{
	return pg_strcasecmp(decoded(name), decoded_name) == 0;
}

/* All values of that name from pos on, as one array. */
static char *
collect(FoxSlice pairs, size_t pos, const char *name, char *first, Oid element)
{
	StringInfoData out;
	FoxSlice	key;
	FoxSlice	value;
	bool		more = false;
	char	   *text = first;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	do
	{
		char	   *literal = literal_of(text, element);

		appendStringInfoString(&out, more ? ",\"" : "\"");
		for (const char *p = literal; *p != '\0'; p++)
		{
			if (*p == '"' || *p == '\\')
				appendStringInfoChar(&out, '\\');
			appendStringInfoChar(&out, *p);
		}
		appendStringInfoChar(&out, '"');
		more = false;
		while (!more && fox_url_pair(pairs, &pos, &key, &value))
			more = same_name(key, name);
		if (more)
			text = decoded(value);
	} while (more);
	appendStringInfoChar(&out, '}');
	return out.data;
}

/* The parameter of that name, unless it has a value already; -1: none is wanted. */
static int
wanted(const FoxRoutine *f, const char *name, bool strict, const FoxRoutineValues *out)
{
	int			i = fox_routine_argument_named(f, name);

	if (i < 0 && strict)
		ereport(ERROR,
				(errcode(ERRCODE_STATUS('4', '0', '4')),
				 errmsg("unknown parameter \"%s\"", name)));
	return i < 0 || out->given[i] ? -1 : i;
}

static void
bind_pairs(FoxRoutine *f, FoxSlice pairs, bool strict, FoxRoutineValues *out)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;
	int			n = 0;

	while (fox_url_pair(pairs, &pos, &key, &value))
	{
		const FoxRoutineArg *arg;
		char	   *name;
		char	   *text;
		int			i;

		if (++n > PAIRS_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
					 errmsg("more than %d parameters", PAIRS_MAX)));
		name = decoded(key);
		i = wanted(f, name, strict, out);
		if (i < 0)
			continue;
		arg = &f->args[i];
		strlcpy(fox_routine_argument, arg->name, NAMEDATALEN);
		text = decoded(value);
		if (OidIsValid(arg->element) && text[0] != '{' && !is_json(text, FOX_JSON_ARRAY))
			text = collect(pairs, pos, name, text, arg->element);
		else if (arg->is_callback)
			text = fox_callback_argument(f, i, fox_cstr(is_json(text, FOX_JSON_OBJECT) ? text : quoted(text)));
		else if (arg->takes_json)
			text = literal_of(text, arg->type);
		fox_routine_set(f, i, text, out);
	}
}

static void
bind_members(FoxRoutine *f, FoxSlice object, bool strict, FoxRoutineValues *out)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_json_member(object, &pos, &key, &value))
	{
		int			i = wanted(f, fox_routine_name(key), strict, out);

		if (i >= 0)
			fox_routine_set_json(f, i, value, out);
	}
}

/* --- bodies --- */

/* The one that takes a body whole: the only argument of that type without a name, or the only one there is; -1: none does. */
static int
whole_argument(const FoxRoutine *f, Oid type, Oid other, bool named, const FoxRoutineValues *out)
{
	int			i = f->nargs > 0 && out->given[0] ? 1 : 0;	/* behind the row that it is of */

	if (f->nargs != i + 1 || (f->args[i].name[0] != '\0' && !named))
		return -1;
	return f->args[i].base == type || f->args[i].base == other ? i : -1;
}

static void pg_attribute_noreturn()
unsupported(FoxSlice type)
{
	ereport(ERROR,
			(errcode(ERRCODE_STATUS('4', '1', '5')),
			 errmsg("the function takes no body of the type %.*s", (int) Min(type.len, 100), type.ptr)));
}

static void
bind_json(FoxRoutine *f, FoxSlice body, bool strict, FoxRoutineValues *out)
{
	int			whole = whole_argument(f, JSONOID, JSONBOID, false, out);
	FoxSlice	value;
	FoxKind		kind;

	if (!fox_json_valid(body, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("the body is not valid JSON")));
	(void) fox_json_scan(body.ptr, body.ptr + body.len, &value, &kind);
	if (whole >= 0)
		fox_routine_set(f, whole, pnstrdup(value.ptr, value.len), out);
	else if (kind == FOX_JSON_ARRAY)
		fox_routine_bind_json(f, value, FOX_ABSENT, out);
	else if (kind == FOX_JSON_OBJECT)
		bind_members(f, value, strict, out);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the body must be a JSON object of parameters, or an array of them")));
}

static void
bind_text(FoxRoutine *f, FoxSlice type, FoxSlice body, FoxRoutineValues *out)
{
	int			whole = whole_argument(f, TEXTOID, VARCHAROID, true, out);
	char	   *text = pnstrdup(body.ptr, body.len);

	if (whole < 0)
		unsupported(type);
	(void) pg_verifymbstr(text, (int) body.len, false);
	fox_routine_set(f, whole, text, out);
}

static void
bind_bytes(FoxRoutine *f, FoxSlice type, FoxSlice body, FoxRoutineValues *out)
{
	int			whole = whole_argument(f, BYTEAOID, BYTEAOID, true, out);
	bytea	   *bytes;

	if (whole < 0)
		unsupported(type);
	bytes = palloc(VARHDRSZ + body.len);
	SET_VARSIZE(bytes, VARHDRSZ + body.len);
	memcpy(VARDATA(bytes), body.ptr, body.len);
	out->values[whole] = PointerGetDatum(bytes);
	out->nulls[whole] = false;
	out->given[whole] = true;
}

/* Without what stands behind a semicolon. */
static FoxSlice
content_type(const FoxHttpCall *call)
{
	FoxSlice	type = fox_http_header(call->headers, "content-type");
	const char *end = type.len > 0 ? memchr(type.ptr, ';', type.len) : NULL;

	if (end != NULL)
		type.len = (size_t) (end - type.ptr);
	while (type.len > 0 && type.ptr[type.len - 1] == ' ')
		type.len--;
	return type;
}

static void
bind_body(FoxRoutine *f, const FoxHttpCall *call, bool strict, FoxRoutineValues *out)
{
	FoxSlice	type = content_type(call);
	bool		is_json_type = fox_absent(type) || fox_http_same(type, FOX_LIT("application/json")) ||
		(type.len > 5 && fox_http_same(fox_slice(type.ptr + type.len - 5, 5), FOX_LIT("+json")));
	bool		form = fox_http_same(type, FOX_LIT("application/x-www-form-urlencoded"));

	if (call->body.len == 0 && (fox_absent(type) || is_json_type || form || fox_http_reads(call)))
		return;
	if (is_json_type)
		bind_json(f, call->body, strict, out);
	else if (form)
		bind_pairs(f, call->body, strict, out);
	else if (fox_http_same(type, FOX_LIT("text/plain")))
		bind_text(f, type, call->body, out);
	else if (fox_http_same(type, FOX_LIT("application/octet-stream")))
		bind_bytes(f, type, call->body, out);
	else
		unsupported(type);
}

/* The query of a service's method may be a JSON array as it is. */
static bool
bind_list(FoxRoutine *f, const FoxHttpCall *call, FoxRoutineValues *out)
{
	char	   *text;

	if (call->columns < FOX_HTTP_VALUES || call->body.len > 0)
		return false;
	text = decoded(call->query);
	if (!is_json(text, FOX_JSON_ARRAY))
		return false;
	fox_routine_bind_json(f, fox_cstr(text), FOX_ABSENT, out);
	return true;
}

void
fox_http_bind(FoxRoutine *f, const FoxHttpCall *call, FoxRoutineValues *out)
{
	bool		strict = call->style == FOX_HTTP_PLAIN;

	bind_body(f, call, strict, out);
	if (!fox_absent(call->query) && !bind_list(f, call, out))
		bind_pairs(f, call->query, strict, out);
}
