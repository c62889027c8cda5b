/*
 * routine_args.c - JSON arguments become the values of a function's parameters.
 *
 * Each value is first written as the text that its type's own input function takes: a
 * scalar as it is, an array as {…}, an object for a composite type as (…), JSON for
 * json and jsonb, WAMP's binary as \x….  So what a type accepts, and what it says of what
 * it does not, is the type's business.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/base64.h"
#include "codec/json.h"
#include "pg/callback_arg.h"
#include "pg/errcodes.h"
#include "pg/routine.h"

/* --- text of a value --- */

/* The inside of "…" in an array or a row literal. */
static void
append_quoted(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	for (const char *p = text; *p != '\0'; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *p);
	}
	appendStringInfoChar(out, '"');
}

static void
append_part(StringInfo out, FoxSlice json, Oid type, const char *null)
{
	StringInfoData part;

	initStringInfo(&part);
	if (fox_json_literal(json, type, &part))
		append_quoted(out, part.data);
	else
		appendStringInfoString(out, null);
	pfree(part.data);
}

static void
append_array(StringInfo out, FoxSlice json, Oid element)
{
	bool		plain = OidIsValid(get_element_type(element)) ||
		getBaseType(element) == JSONOID || getBaseType(element) == JSONBOID;
	FoxSlice	value;
	size_t		pos = 0;

	check_stack_depth();
	appendStringInfoChar(out, '{');
	while (fox_json_element(json, &pos, &value))
	{
		if (out->data[out->len - 1] != '{')
			appendStringInfoChar(out, ',');
		/* A dimension more, unless the element itself is made of arrays. */
		if (!plain && fox_json_kind(value) == FOX_JSON_ARRAY)
			append_array(out, value, element);
		else
			append_part(out, value, element, "NULL");
	}
	appendStringInfoChar(out, '}');
}

/* As with parameters: the very name, or else the same but for case. */
static FoxSlice
member(FoxSlice object, const char *name)
{
	FoxSlice	exact = fox_json_get(object, name);
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	if (!fox_absent(exact))
		return exact;
	while (fox_json_member(object, &pos, &key, &value))
		if (key.len == strlen(name) && pg_strncasecmp(key.ptr, name, key.len) == 0)
			return value;
	return FOX_ABSENT;
}

static void
append_row(StringInfo out, FoxSlice json, Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	bool		first = true;

	check_stack_depth();
	appendStringInfoChar(out, '(');
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);
		FoxSlice	value;

		if (column->attisdropped)
			continue;
		if (!first)
			appendStringInfoChar(out, ',');
		first = false;
		value = member(json, NameStr(column->attname));
		if (!fox_absent(value))
			append_part(out, value, column->atttypid, "");
	}
	appendStringInfoChar(out, ')');
	ReleaseTupleDesc(desc);
}

static void
append_binary(StringInfo out, FoxSlice base64)
{
	char	   *bytes = palloc(base64.len + 1);
	size_t		n;

	if (!fox_base64_decode(base64, bytes, &n))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid base64 in a binary value")));
	appendStringInfoString(out, "\\x");
	enlargeStringInfo(out, (int) n * 2);
	out->len += (int) hex_encode(bytes, n, out->data + out->len);
	out->data[out->len] = '\0';
	pfree(bytes);
}

static void
append_text(StringInfo out, FoxSlice json, Oid type)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_json_text(json, &scratch);
	Size		len = text.len;
	char	   *copy = fox_absent(text) ? NULL : palloc_extended(len + 1, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);

	if (copy != NULL)
		memcpy(copy, text.ptr, len);
	fox_buf_free(&scratch);
	if (copy == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("a string is not valid Unicode")));
	if (len > 0 && copy[0] == '\0' && type == BYTEAOID)
		append_binary(out, fox_slice(copy + 1, len - 1));
	else if (memchr(copy, '\0', len) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg(copy[0] == '\0' ? "a binary value can only be had by a bytea" :
						"a string with the character 0 can not be had by SQL")));
	else
		appendBinaryStringInfo(out, copy, (int) len);
	pfree(copy);
}

bool
fox_json_literal(FoxSlice json, Oid type, StringInfo out)
{
	FoxKind		kind = fox_json_kind(json);
	Oid			base;
	Oid			element;

	if (kind == FOX_JSON_NULL)
		return false;
	if (kind != FOX_JSON_STRING && kind != FOX_JSON_ARRAY && kind != FOX_JSON_OBJECT)
	{
		appendBinaryStringInfo(out, json.ptr, (int) json.len);
		return true;
	}
	base = getBaseType(type);
	if (base == JSONOID || base == JSONBOID)
		appendBinaryStringInfo(out, json.ptr, (int) json.len);
	else if (kind == FOX_JSON_ARRAY && OidIsValid(element = get_element_type(base)))
		append_array(out, json, element);
	else if (kind == FOX_JSON_OBJECT && get_typtype(base) == TYPTYPE_COMPOSITE)
		append_row(out, json, base);
	else if (kind == FOX_JSON_STRING)
		append_text(out, json, base);
	else
		appendBinaryStringInfo(out, json.ptr, (int) json.len);
	return true;
}

/* --- parameters --- */

static void
name_argument(const FoxRoutine *f, int i)
{
	if (i < f->nargs && f->args[i].name[0] != '\0')
		strlcpy(fox_routine_argument, f->args[i].name, NAMEDATALEN);
	else
		snprintf(fox_routine_argument, NAMEDATALEN, "%d", i + 1);
}

/* A domain wants to see its nulls. */
void
fox_routine_set(FoxRoutine *f, int i, char *literal, FoxRoutineValues *out)
{
	FoxRoutineArg *arg = &f->args[i];

	name_argument(f, i);
	if (out->given[i])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"%s\" is given twice", fox_routine_argument)));
	out->values[i] = InputFunctionCall(&arg->input, literal, arg->ioparam, -1);
	out->nulls[i] = literal == NULL;
	out->given[i] = true;
	fox_routine_argument[0] = '\0';
}

void
fox_routine_set_json(FoxRoutine *f, int i, FoxSlice json, FoxRoutineValues *out)
{
	StringInfoData literal;
	bool		any;

	name_argument(f, i);
	if (f->args[i].is_callback)
	{
		fox_routine_set(f, i, fox_callback_argument(f, i, json), out);
		return;
	}
	initStringInfo(&literal);
	any = fox_json_literal(json, f->args[i].type, &literal);
	fox_routine_set(f, i, any ? literal.data : NULL, out);
	pfree(literal.data);
}

/* What is left of the list from the element at pos on, as an array of its own. */
static FoxSlice
rest_of(FoxSlice first, FoxSlice args)
{
	StringInfoData rest;

	initStringInfo(&rest);
	appendStringInfoChar(&rest, '[');
	appendBinaryStringInfo(&rest, first.ptr, (int) (args.ptr + args.len - first.ptr));
	return fox_slice(rest.data, rest.len);
}

static void
bind_positions(FoxRoutine *f, FoxSlice args, FoxRoutineValues *out)
{
	FoxSlice	value;
	size_t		pos = 0;

	int			first = f->nargs > 0 && out->given[0] ? 1 : 0;	/* behind the row that it is of */

	for (int i = first; fox_json_element(args, &pos, &value); i++)
	{
		FoxSlice	next;
		size_t		after = pos;

		if (i >= f->nargs)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("too many arguments"),
					 errdetail("The function has %d.", f->nargs - first)));
		if (f->variadic && i == f->nargs - 1 &&
			(fox_json_kind(value) != FOX_JSON_ARRAY || fox_json_element(args, &after, &next)))
		{
			fox_routine_set_json(f, i, rest_of(value, args), out);
			return;
		}
		fox_routine_set_json(f, i, value, out);
	}
}

int
fox_routine_argument_named(const FoxRoutine *f, const char *name)
{
	int			found = -1;

	for (int i = 0; i < f->nargs; i++)
		if (f->args[i].name[0] != '\0' && strcmp(f->args[i].name, name) == 0)
			return i;
	for (int i = 0; i < f->nargs; i++)
		if (f->args[i].name[0] != '\0' && pg_strcasecmp(f->args[i].name, name) == 0)
		{
			if (found >= 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("parameter \"%s\" is ambiguous", name)));
			found = i;
		}
	return found;
}

char *
fox_routine_name(FoxSlice key)
{
	StringInfoData name;

	initStringInfo(&name);
	append_text(&name, fox_slice(key.ptr - 1, key.len + 2), TEXTOID);
	return name.data;
}

static void
bind_names(FoxRoutine *f, FoxSlice kwargs, FoxRoutineValues *out)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	while (fox_json_member(kwargs, &pos, &key, &value))
	{
		char	   *name = fox_routine_name(key);
		int			i;

		strlcpy(fox_routine_argument, name, NAMEDATALEN);
		i = fox_routine_argument_named(f, name);
		if (i < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown parameter \"%s\"", name)));
		fox_routine_set_json(f, i, value, out);
		pfree(name);
	}
}

/* Its functions are the author's: what they do wrong is not the caller's fault. */
static void
take_default(const FoxRoutine *f, int i, FoxRoutineValues *out)
{
	Node	   *expression = f->args[i].default_value;
	EState	   *estate;
	int16		len;
	bool		by_value;
	Datum		value;

	if (IsA(expression, Const))
	{
		out->values[i] = castNode(Const, expression)->constvalue;
		out->nulls[i] = castNode(Const, expression)->constisnull;
		return;
	}
	fox_routine_stage = FOX_STAGE_RUN;
	estate = CreateExecutorState();
	value = ExecEvalExprSwitchContext(ExecPrepareExpr((Expr *) expression, estate), GetPerTupleExprContext(estate), &out->nulls[i]);
	get_typlenbyval(f->args[i].type, &len, &by_value);
	out->values[i] = out->nulls[i] ? (Datum) 0 : datumCopy(value, by_value, len);
	FreeExecutorState(estate);
	fox_routine_stage = FOX_STAGE_BIND;
}

void
fox_routine_bind_begin(const FoxRoutine *f, FoxRoutineValues *out)
{
	fox_routine_stage = FOX_STAGE_BIND;
	fox_routine_argument[0] = '\0';
	memset(out->given, 0, sizeof(bool) * f->nargs);
}

void
fox_routine_bind_json(FoxRoutine *f, FoxSlice args, FoxSlice kwargs, FoxRoutineValues *out)
{
	if (!fox_absent(args))
		bind_positions(f, args, out);
	if (!fox_absent(kwargs))
		bind_names(f, kwargs, out);
}

void
fox_routine_bind(FoxRoutine *f, FoxSlice args, FoxSlice kwargs, FoxRoutineValues *out)
{
	fox_routine_bind_begin(f, out);
	fox_routine_bind_json(f, args, kwargs, out);
	fox_routine_bind_end(f, out);
}

void
fox_routine_bind_end(FoxRoutine *f, FoxRoutineValues *out)
{
	for (int i = 0; i < f->nargs; i++)
	{
		if (out->given[i])
			continue;
		if (f->args[i].default_value != NULL)
			take_default(f, i, out);
		else if (f->variadic && i == f->nargs - 1)
			fox_routine_set_json(f, i, FOX_LIT("[]"), out);
		else
		{
			name_argument(f, i);
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("Missing Parameter"),
					 errdetail("Parameter \"%s\" has no default.", fox_routine_argument)));
		}
	}
}
