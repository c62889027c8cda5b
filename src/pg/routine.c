/*
 * routine.c - finding a SQL function, and the plan that calls it (see routine.h).
 *
 * Plans are kept by role as well: the planner may inline a function for which the role
 * has EXECUTE, and would not ask again for another role.  Every argument stands in the
 * call as a parameter of its type, so that no overload can be meant instead.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/hash.h"
#include "pg/callback_arg.h"
#include "pg/compat.h"
#include "pg/routine.h"

#define PLANS_MAX 1000			/* of all routines */

FoxRoutineStage fox_routine_stage;
char		fox_routine_argument[NAMEDATALEN];

static MemoryContext cache_context;
static FoxMap routines = {0};	/* by signature */
static int	plans = 0;
static bool outdated = false;

/* --- which functions will do --- */

static bool
is_input(const char *modes, int i)
{
	return modes == NULL || modes[i] == PROARGMODE_IN || modes[i] == PROARGMODE_INOUT || modes[i] == PROARGMODE_VARIADIC;
}

static const char *
result_problem(Oid type, bool has_columns)
{
	if (type == RECORDOID && !has_columns)
		return "It returns records without saying which columns they have.";
	if (get_typtype(type) == TYPTYPE_PSEUDO && type != VOIDOID && type != RECORDOID)
		return "Its result has a pseudo-type.";
	return NULL;
}

const char *
fox_routine_problem(HeapTuple proc)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(proc);
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n = get_func_arg_info(proc, &types, &names, &modes);

	if (form->prokind != PROKIND_FUNCTION)
		return "It is not a function: procedures, aggregates and window functions can not be called.";
	if (isTempNamespace(form->pronamespace))
		return "It is a temporary function of this session.";
	for (int i = 0; i < n; i++)
		if (is_input(modes, i) && get_typtype(types[i]) == TYPTYPE_PSEUDO)
			return "It has an argument of a pseudo-type.";
	return result_problem(form->prorettype, modes != NULL);
}

/* --- the cache --- */

static void
catalog_changed(Datum arg, int cache, uint32 hash)
{
	outdated = true;
}

void
fox_routine_setup(void)
{
	cache_context = AllocSetContextCreate(TopMemoryContext, "fox_wamp routines", ALLOCSET_DEFAULT_SIZES);
	CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, catalog_changed, (Datum) 0);
}

void
fox_routine_refresh(void)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	if (!outdated && plans < PLANS_MAX)
		return;
	outdated = false;
	while ((slot = fox_map_next(&routines, &pos)) != NULL)
		for (FoxRoutineRole *r = ((FoxRoutine *) slot->value)->roles; r != NULL; r = r->next)
			if (r->plan != NULL)
				SPI_freeplan(r->plan);
	fox_map_free(&routines);
	routines = (FoxMap) {0};
	plans = 0;
	MemoryContextReset(cache_context);
}

/* --- finding --- */

/* Names and types of the input arguments; defaults are those of the last ones. */
static void
read_args(FoxRoutine *f, HeapTuple proc)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(proc);
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n = get_func_arg_info(proc, &types, &names, &modes);
	bool		no_defaults;
	Datum		trees = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_proargdefaults, &no_defaults);
	List	   *defaults = no_defaults ? NIL : castNode(List, stringToNode(TextDatumGetCString(trees)));
	int			first_default = form->pronargs - list_length(defaults);

	f->args = palloc0(sizeof(FoxRoutineArg) * (n + 1));
	f->out_names = palloc0(sizeof(char *) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		FoxRoutineArg *arg = &f->args[f->nargs];
		Oid			input;

		if (!form->proretset && modes != NULL && (modes[i] == PROARGMODE_OUT || modes[i] == PROARGMODE_INOUT))
			f->out_names[f->nout++] = pstrdup(names != NULL ? names[i] : "");
		if (!is_input(modes, i))
			continue;
		arg->name = names != NULL ? pstrdup(names[i]) : "";
		arg->type = types[i];
		arg->base = getBaseType(arg->type);
		arg->element = get_element_type(arg->base);
		arg->takes_json = arg->base == JSONOID || arg->base == JSONBOID || OidIsValid(arg->element) || get_typtype(arg->base) == TYPTYPE_COMPOSITE;
		arg->is_callback = fox_callback_is_type(arg->type);
		getTypeInputInfo(arg->type, &input, &arg->ioparam);
		fmgr_info_cxt(input, &arg->input, f->context);
		if (f->nargs >= first_default)
			arg->default_value = list_nth(defaults, f->nargs - first_default);
		f->nargs++;
	}
	f->variadic = OidIsValid(form->provariadic);
}

/* What the type's name says of it, for HTTP. */
static void
name_result(FoxRoutine *f)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(f->type));
	Form_pg_type type;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", f->type);
	type = (Form_pg_type) GETSTRUCT(tuple);
	if (type->typtype == TYPTYPE_DOMAIN && strchr(NameStr(type->typname), '/') != NULL)
		f->media = pstrdup(NameStr(type->typname));
	f->is_response = strcmp(NameStr(type->typname), "http_response") == 0 &&
		type->typnamespace == get_namespace_oid("fox_wamp", true);
	ReleaseSysCache(tuple);
}

static void
read_result(FoxRoutine *f, HeapTuple proc)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(proc);
	Oid			output;
	bool		varlena;

	f->set = form->proretset;
	f->is_volatile = form->provolatile == PROVOLATILE_VOLATILE;
	f->type = form->prorettype;
	f->base = getBaseType(f->type);
	f->kind = f->type == VOIDOID ? FOX_RESULT_VOID : type_is_rowtype(f->type) ? FOX_RESULT_RECORD : FOX_RESULT_VALUE;
	name_result(f);
	switch (f->base)
	{
		case VOIDOID:
			break;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case TEXTOID:
		case VARCHAROID:
		case JSONOID:
		case JSONBOID:
		case BYTEAOID:
			getTypeOutputInfo(f->type, &output, &varlena);
			fmgr_info_cxt(output, &f->output, f->context);
			break;
		default:
			fmgr_info_cxt(F_TO_JSON, &f->output, f->context);
			fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSON, JSONOID, list_make1(makeNullConst(f->type, -1, InvalidOid)),
													 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL), &f->output);
	}
}

static FoxRoutine *
read_routine(Oid oid)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "fox_wamp routine", ALLOCSET_SMALL_SIZES);
	MemoryContext saved = MemoryContextSwitchTo(context);
	HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	FoxRoutine *f = palloc0(sizeof(FoxRoutine));
	const char *problem;

	if (!HeapTupleIsValid(proc))
		elog(ERROR, "cache lookup failed for function %u", oid);
	problem = fox_routine_problem(proc);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the function can not be called"),
				 errdetail_internal("%s", problem)));
	f->context = context;
	f->oid = oid;
	f->schema = ((Form_pg_proc) GETSTRUCT(proc))->pronamespace;
	f->owner = ((Form_pg_proc) GETSTRUCT(proc))->proowner;
	read_args(f, proc);
	read_result(f, proc);
	ReleaseSysCache(proc);
	MemoryContextSwitchTo(saved);
	return f;
}

FoxRoutine *
fox_routine_find(FoxSlice signature)
{
	FoxRoutine *f = fox_map_get(&routines, signature);
	char	   *text;
	Oid			oid;

	fox_routine_stage = FOX_STAGE_FIND;
	fox_routine_argument[0] = '\0';
	if (f != NULL)
		return f;
	text = pnstrdup(signature.ptr, signature.len);
	oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(text)));
	f = read_routine(oid);
	text = MemoryContextStrdup(f->context, text);
	if (!fox_map_put(&routines, fox_slice(text, signature.len), f))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	MemoryContextSetParent(f->context, cache_context);
	return f;
}

static FoxRoutineRole *
known_role(const FoxRoutine *f, Oid role)
{
	FoxRoutineRole *r = f->roles;

	while (r != NULL && r->role != role)
		r = r->next;
	return r;
}

static FoxRoutineRole *
of_role(FoxRoutine *f, Oid role)
{
	FoxRoutineRole *r = known_role(f, role);

	if (r != NULL)
		return r;
	r = MemoryContextAllocZero(f->context, sizeof(FoxRoutineRole));
	r->role = role;
	r->next = f->roles;
	f->roles = r;
	return r;
}

void
fox_routine_check(FoxRoutine *f, Oid role)
{
	const FoxRoutineRole *r = known_role(f, role);
	AclResult	result;

	if (r != NULL && r->may_execute)
		return;
	result = FOX_ACLCHECK_SCHEMA(f->schema, role, ACL_USAGE);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_SCHEMA, get_namespace_name(f->schema));
	result = FOX_ACLCHECK_FUNCTION(f->oid, role, ACL_EXECUTE);
	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(f->oid));
	of_role(f, role)->may_execute = true;
}

/* --- planning --- */

static SPIPlanPtr
prepare(const FoxRoutine *f)
{
	StringInfoData sql;
	Oid			types[FUNC_MAX_ARGS];
	SPIPlanPtr	plan;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s(", quote_qualified_identifier(get_namespace_name(f->schema), get_func_name(f->oid)));
	for (int i = 0; i < f->nargs; i++)
	{
		types[i] = f->args[i].type;
		appendStringInfo(&sql, "%s%s$%d", i > 0 ? ", " : "", f->variadic && i == f->nargs - 1 ? "VARIADIC " : "", i + 1);
	}
	appendStringInfoChar(&sql, ')');
	plan = SPI_prepare(sql.data, f->nargs, types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", sql.data, SPI_result_code_string(SPI_result));
	pfree(sql.data);
	return plan;
}

SPIPlanPtr
fox_routine_plan(FoxRoutine *f, Oid role)
{
	FoxRoutineRole *r = of_role(f, role);

	if (r->plan == NULL)
	{
		r->plan = prepare(f);
		plans++;
	}
	return r->plan;
}
