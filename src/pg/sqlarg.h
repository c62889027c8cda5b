/*
 * sqlarg.h - what the SQL functions have in common: arguments, realm, owner.
 */
#ifndef FOX_PG_SQLARG_H
#define FOX_PG_SQLARG_H

#include "postgres.h"
#include "fmgr.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

#include "base/slice.h"

/* What is wrong with a concrete topic, as a sentence for errdetail; NULL: nothing. */
extern const char *fox_topic_problem(const char *topic, Size length);
/* The same for a pattern, where * and # stand for components. */
extern const char *fox_pattern_problem(const char *pattern, Size length);
/* What a message says of a text that may be long: at most 100 bytes, of whole characters. */
extern const char *fox_clip(const char *text);
/* ERROR WF003 unless the topic is fine. */
extern void fox_topic_check(const char *topic);

/* fox_wamp.default_realm; palloc'ed. */
extern char *fox_default_realm(void);
extern bool fox_is_default_realm(const char *realm);
/* The realm of argument n, or fox_wamp.default_realm when it is NULL or not there; palloc'ed. */
extern char *fox_arg_realm(FunctionCallInfo fcinfo, int n);
/* ERROR WF002 when fox_wamp.realm has no such row. */
extern void fox_realm_check(const char *realm);
/* Text of argument n; ERROR WF003 naming it when it is NULL. */
extern char *fox_arg_text(FunctionCallInfo fcinfo, int n, const char *name);
/* An interval in milliseconds, months of 30 days. */
extern int64 fox_interval_ms(const Interval *span);
/* Milliseconds of the interval in argument n; -1 when NULL. */
extern int64 fox_arg_timeout(FunctionCallInfo fcinfo, int n);
/* The jsonb in argument n as JSON text, absent when NULL. */
extern FoxSlice fox_arg_json(FunctionCallInfo fcinfo, int n);
/* args as WAMP has them: a value that is no array is the only argument. */
extern FoxSlice fox_args_list(FoxSlice args);
/* ERROR WF003 unless kwargs are absent or an object; JSON null counts as absent. */
extern FoxSlice fox_kwargs_check(FoxSlice kwargs);

/*
 * The text of a JSON value as jsonb takes it (codec/json_sql.h), palloc'ed; NULL for an
 * absent one.  *changed, if asked for, is set when it is not the same text.
 */
extern char *fox_jsonb_text(FoxSlice json, bool *changed);
/* Does jsonb take the text?  Numbers and depths have limits there.  NULL is taken; in a subtransaction. */
extern bool fox_jsonb_takes(const char *text);
/* Appends ,"name":json; nothing for an absent one. */
extern void fox_append_member(StringInfo out, const char *name, FoxSlice json);

/* ERROR 54000 when args and kwargs of so many bytes are more than fox_wamp.max_message_size. */
extern void fox_message_check(Size bytes);

/* A random publication id, 1 to 2^53. */
extern uint64 fox_draw_id(void);

/* ERROR 25006 on a standby. */
extern void fox_refuse_in_recovery(void);

/*
 * Statements on the extension's own tables run as the owner of schema fox_wamp.
 * Functions of others that such a statement fires can not change the role.
 */
typedef struct FoxAsOwner
{
	Oid			user;
	int			context;
} FoxAsOwner;

extern FoxAsOwner fox_as_owner(void);
extern void fox_as_caller(FoxAsOwner saved);

/* Runs a plan made at first use and kept; arguments are text, NULL where value is NULL.  Returns SPI's row count. */
extern uint64 fox_spi(void **plan, const char *sql, int nargs, const char *const *values);
/* The same of a statement of the extension's own: as its owner, whatever the transaction may do. */
extern uint64 fox_spi_own(void **plan, const char *sql, int nargs, const char *const *values);
/* Column n (from 1) of row 0 of the last result, or NULL. */
extern char *fox_spi_value(int n);

#endif
