/*
 * routine.h - a SQL function as callers see it: arguments in JSON, results in JSON.
 *
 * Any door may use it (WAMP does, by call_executor.c): find, bind, run, within a
 * transaction and in the caller's role.  What goes wrong is an ERROR; *stage says whose
 * fault it is.  Everything looked up is cached until the catalogs change.
 */
#ifndef FOX_PG_ROUTINE_H
#define FOX_PG_ROUTINE_H

#include "postgres.h"
#include "access/htup.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

#include "base/slice.h"

typedef struct FoxRoutineArg
{
	char	   *name;			/* empty: it has none */
	Oid			type;
	Oid			base;			/* of a domain what it is over, else the type itself */
	Oid			element;		/* of an array; InvalidOid: it is none */
	bool		takes_json;		/* which can say more of it than text: json, arrays, composite types */
	FmgrInfo	input;
	Oid			ioparam;
	bool		is_callback;	/* of fox_wamp.callback, or a domain over it */
	Node	   *default_value;	/* expression; NULL: the argument has to be given */
} FoxRoutineArg;

/* How the rows of the result become JSON. */
typedef enum FoxRoutineResult
{
	FOX_RESULT_VOID,
	FOX_RESULT_VALUE,
	FOX_RESULT_RECORD			/* columns with names */
} FoxRoutineResult;

/* What is kept of a role that calls it. */
typedef struct FoxRoutineRole
{
	struct FoxRoutineRole *next;
	Oid			role;
	bool		may_execute;	/* known to; false: not known */
	SPIPlanPtr	plan;			/* which holds what the role's privileges have allowed; NULL: not made yet */
} FoxRoutineRole;

typedef struct FoxRoutine
{
	MemoryContext context;
	Oid			oid;
	Oid			schema;
	Oid			owner;
	int			nargs;			/* input arguments */
	FoxRoutineArg *args;
	bool		variadic;		/* the last one is */
	int			nout;			/* output arguments, INOUT ones too; of a set none: they are columns */
	char	  **out_names;		/* empty: it has none */
	bool		set;
	bool		is_volatile;
	FoxRoutineResult kind;
	Oid			type;			/* of a row of the result */
	Oid			base;			/* as of an argument */
	char	   *media;			/* a domain's name that is a media type, which the result is of; NULL: it is not */
	bool		is_response;	/* it is fox_wamp.http_response */
	FmgrInfo	output;			/* to_json() of that type, or its output function */
	FoxRoutineRole *roles;
} FoxRoutine;

/* Whose fault an error is that is raised just now. */
typedef enum FoxRoutineStage
{
	FOX_STAGE_FIND,				/* no such function, or not for that role */
	FOX_STAGE_BIND,				/* the caller's, of the argument named in fox_routine_argument */
	FOX_STAGE_RECORD,			/* the caller's: it has named no row of a table */
	FOX_STAGE_RUN
} FoxRoutineStage;

extern FoxRoutineStage fox_routine_stage;
extern char fox_routine_argument[NAMEDATALEN];	/* that is just being read; empty: none */

/* What keeps a function (a row of pg_proc) from being called, as a sentence; NULL: nothing. */
extern const char *fox_routine_problem(HeapTuple proc);

/* Once a process, before anything else. */
extern void fox_routine_setup(void);
/* Forgets what has changed; between calls. */
extern void fox_routine_refresh(void);
/* ERROR when there is none. */
extern FoxRoutine *fox_routine_find(FoxSlice signature);
/* ERROR when the role may not execute it. */
extern void fox_routine_check(FoxRoutine *f, Oid role);
/* The plan that calls it, with all arguments as parameters; with SPI connected. */
extern SPIPlanPtr fox_routine_plan(FoxRoutine *f, Oid role);

/* --- routine_args.c --- */

typedef struct FoxRoutineValues
{
	bool		given[FUNC_MAX_ARGS];
	Datum		values[FUNC_MAX_ARGS];
	bool		nulls[FUNC_MAX_ARGS];
} FoxRoutineValues;

/* args: a JSON array or absent; kwargs: a JSON object or absent.  The values are in the current memory context. */
extern void fox_routine_bind(FoxRoutine *f, FoxSlice args, FoxSlice kwargs, FoxRoutineValues *out);
/* The same in steps: between begin and end any argument may be given, once. */
extern void fox_routine_bind_begin(const FoxRoutine *f, FoxRoutineValues *out);
extern void fox_routine_bind_json(FoxRoutine *f, FoxSlice args, FoxSlice kwargs, FoxRoutineValues *out);
/* The i-th by the text that its type's input function takes; NULL: it is null. */
extern void fox_routine_set(FoxRoutine *f, int i, char *literal, FoxRoutineValues *out);
/* The i-th by a JSON value. */
extern void fox_routine_set_json(FoxRoutine *f, int i, FoxSlice json, FoxRoutineValues *out);
/* The name that the key of a JSON object's member says, palloc'ed. */
extern char *fox_routine_name(FoxSlice key);
/* Its number, -1: there is none of that name; the very name goes before one that differs by case. */
extern int	fox_routine_argument_named(const FoxRoutine *f, const char *name);
/* Defaults for what was not given, or the ERROR that it is missing. */
extern void fox_routine_bind_end(FoxRoutine *f, FoxRoutineValues *out);
/* A JSON value as text that the type's input function takes; false: it is null. */
extern bool fox_json_literal(FoxSlice json, Oid type, StringInfo out);

/* --- routine_result.c --- */

typedef enum FoxRoutineBinary
{
	FOX_BINARY_WAMP,
	FOX_BINARY_HEX
} FoxRoutineBinary;

/* One row of a set, as JSON, while it runs. */
typedef void (*FoxRoutineRow) (void *ctx, const char *json, int len);

/*
 * Runs it, with SPI connected.  Appends to out the result as JSON: nothing for void, the
 * value, an object of the columns, or of a set an array of these, unless row is given,
 * which gets each of them.  A bytea is WAMP's binary or PostgreSQL's \x….
 */
extern void fox_routine_run(FoxRoutine *f, Oid role, const FoxRoutineValues *values, FoxRoutineBinary binary, StringInfo out,
							FoxRoutineRow row, void *ctx);

#endif
