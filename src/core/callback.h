/*
 * callback.h - receivers that clients have passed to SQL functions: rows of fox_wamp.callback_registry.
 *
 * A row names what a session has subscribed to or registered, the mailbox of a session, or a URL.  It
 * is the router that knows when such a thing ends; then, or when asked to, it has the row deleted
 * by a SQL function, which tells the service that had it.
 */
#ifndef FOX_CORE_CALLBACK_H
#define FOX_CORE_CALLBACK_H

#include "core/core.h"

typedef enum FoxCallbackKind
{
	FOX_CALLBACK_EVENT,			/* a subscription */
	FOX_CALLBACK_INVOCATION,	/* a registration */
	FOX_CALLBACK_POLL,			/* the mailbox */
	FOX_CALLBACK_URL
} FoxCallbackKind;

struct FoxCallback
{
	FoxNode		node;			/* in session->callbacks, or in router->callbacks_ending */
	FoxRouter  *router;
	FoxRealm   *realm;
	uint64_t	id;
	FoxCallbackKind kind;
	FoxSession *session;		/* NULL: of a URL, or it is ending */
	uint64_t	target;			/* id of the subscription or registration */
	uint64_t	requests;		/* that it has got so far */
	uint32_t	failures;		/* in a row */
	bool		ending;
	uint32_t	vain;			/* attempts to have the row deleted */
	struct FoxInquiry *inquiry; /* that does so just now */
	FoxTimer	again;
	FoxSlice	uri;			/* these are in block */
	FoxSlice	interface;
	FoxSlice	owner;			/* role that it was passed by */
	FoxSlice	token;			/* what its URI for others ends with */
	char		block[];
};

#define FOX_CALLBACK_URI "fox_wamp.cb."	/* what URIs of callbacks begin with, for whom they were passed on to */

/* A row has come or has gone. */
extern void fox_callback_change(FoxRouter *r, const FoxChange *c);
/* Something for one of them, or the word that it is to end. */
extern void fox_callback_message(FoxRouter *r, const FoxChange *c);
extern void fox_callback_over(FoxRouter *r, const FoxChange *c);
/* NULL: there is none, or it is ending. */
extern FoxCallback *fox_callback_find(FoxRouter *r, uint64_t id);
/* As fox_callback_find(); one that has been told of before its row has come is made of the row. */
extern FoxCallback *fox_callback_of(FoxRouter *r, uint64_t id, FoxSlice realm, FoxSlice row);
extern void fox_callback_end(FoxCallback *cb);

/* The timer of one that has failed too often. */
extern void fox_callback_give_up(void *ctx, FoxTimer *timer);

/* What of a session ends ends its callbacks. */
extern void fox_callbacks_target_gone(FoxSession *s, FoxCallbackKind kind, uint64_t target);
extern void fox_callbacks_session_end(FoxSession *s);
extern void fox_callbacks_free(FoxRouter *r);

/* --- callback_send.c --- */

/* One-way.  False: no memory. */
extern bool fox_callback_send(FoxCallback *cb, FoxSlice method, FoxSlice args, FoxSlice kwargs);
/* A call of it, whose caller is s; answered through the session's ops.  The URI of an error, or NULL. */
extern const char *fox_callback_call(FoxCallback *cb, FoxSession *s, uint64_t request, uint64_t timeout_ms, FoxSlice method, FoxSlice args,
									 FoxSlice kwargs);
/* A call of the URI that a callback has for those whom it was passed on to. */
extern const char *fox_callback_forward(FoxSession *s, FoxSlice uri, FoxSlice args, FoxSlice kwargs, const char **text);

/* --- questions of SQL's --- */

/* {"session","uri"} or {"session","poll":true}: what the session has of that kind, as {"kind":…} or {"kind":null}. */
extern void fox_ask_callback(FoxRouter *r, uint64_t ask, FoxSlice question);
/* {"callback","row","method","args","kwargs","timeout_ms"}: as fox_ask_call(). */
extern void fox_ask_callback_call(FoxRouter *r, uint64_t ask, FoxSlice question, int pid);

#endif
