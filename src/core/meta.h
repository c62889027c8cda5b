/*
 * meta.h - the meta API's own nouns, shared by meta*.c, testament.c and reflect.c.
 *
 * A meta procedure is a function of the router that a client calls like any other
 * (WAMP advanced profile, "Meta API").  It answers at once: its result goes into
 * `out`, or it returns the URI of an error.
 */
#ifndef FOX_CORE_META_H
#define FOX_CORE_META_H

#include "codec/json.h"
#include "core/core.h"

typedef struct FoxMetaCall
{
	FoxSession *session;		/* the caller */
	FoxRealm   *realm;
	FoxSlice	procedure;
	FoxSlice	args;			/* JSON array or absent, as the caller gave them */
	FoxSlice	kwargs;			/* JSON object or absent */
	FoxBuf		out;			/* the result's one argument as JSON; empty: no arguments */
	const char *text;			/* of an error; NULL: none */
} FoxMetaCall;

/* NULL: done; otherwise the error's URI (static), with c->text if there is more to say. */
typedef const char *(*FoxMetaFn) (FoxMetaCall *c);

typedef struct FoxMetaProcedure
{
	const char *name;
	FoxMetaFn	fn;
	bool		guarded;		/* changes what is not the caller's: it takes a permission of its own */
} FoxMetaProcedure;

/* Each file's procedures; a NULL name ends the list. */
extern const FoxMetaProcedure fox_meta_session_procedures[];
extern const FoxMetaProcedure fox_meta_registration_procedures[];
extern const FoxMetaProcedure fox_meta_subscription_procedures[];
extern const FoxMetaProcedure fox_meta_history_procedures[];
extern const FoxMetaProcedure fox_testament_procedures[];
extern const FoxMetaProcedure fox_reflect_procedures[];
extern const FoxMetaProcedure fox_callback_procedures[];

/* --- arguments --- */

/* The place-th positional argument, or the keyword argument of that name, or absent; null counts as absent. */
extern FoxSlice fox_meta_arg(const FoxMetaCall *c, int place, const char *name);
/* The same as an id: false (c->text is set) when it is none. */
extern bool fox_meta_id(FoxMetaCall *c, int place, const char *name, uint64_t *id);
/* The same as a text, unescaped into scratch; absent (c->text is set) when it is none. */
extern FoxSlice fox_meta_text(FoxMetaCall *c, int place, const char *name, FoxBuf *scratch);

/*
 * The client's session that the second argument names, and why it loses something:
 * *reason is the caller's to free.  NULL: *error is set.
 */
extern FoxSession *fox_meta_whom(FoxMetaCall *c, const char *name, const char *fallback, char **reason, const char **error);

/* --- results --- */

/* Appends a moment (microseconds since 1970) as an ISO 8601 string in UTC, with so many digits of a second. */
extern void fox_meta_put_moment(FoxBuf *b, const char *name, int64_t us, int digits);
/* The same of a moment of the router's clock, with three. */
extern void fox_meta_put_time(FoxBuf *b, const char *name, FoxRouter *r, uint64_t at_us);
/* Appends an id as an element of an array that began with '['. */
extern void fox_meta_put_id(FoxBuf *b, uint64_t id);

/* --- events --- */

/* Has anybody subscribed to that topic of the router's?  Nothing is to be built otherwise. */
extern bool fox_meta_heard(FoxRealm *realm, const char *topic);
/* Publishes args (a JSON array without memory trouble) and frees it; s hears nothing when it is leaving. */
extern void fox_meta_publish(FoxRealm *realm, const char *topic, FoxBuf *args, const FoxSession *s);
/* [session, id]: what most meta events say. */
extern void fox_meta_publish_ids(FoxRealm *realm, const char *topic, const FoxSession *s, uint64_t id);

#endif
