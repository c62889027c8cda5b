/*
 * router.h - the core's face: what gates call, and what the server's side tells it.
 *
 * One FoxRouter per database.  It owns realms, sessions, subscriptions,
 * registrations, calls, the copy of the retained values and the waiters.  It knows
 * no protocol: a session is reached through its FoxSessionOps, which its gate gives.
 */
#ifndef FOX_CORE_ROUTER_H
#define FOX_CORE_ROUTER_H

#include "base/dlist.h"
#include "base/hash.h"
#include "core/ports.h"

typedef struct FoxRouter FoxRouter;
typedef struct FoxSession FoxSession;

typedef struct FoxRouterConfig
{
	bool		kwargs_are_headers;
	bool		strict_request_ids;
	uint64_t	watch_timeout_ms;	/* 0: none */
	uint32_t	callback_failures;	/* in a row, that end a callback; 0: none do */
	uint32_t	call_queue_limit;	/* queued calls per registration */
	uint32_t	waiter_limit;	/* waiting publishes of one session */
	bool		anonymous;		/* anonymous log-in on loopback */
	uint64_t	auth_timeout_ms;	/* for a log-in; 0: any time */
	bool		superuser_login;	/* roles that are superusers may log in */
	bool		argon2;			/* passwords of users are kept by Argon2id */
	uint32_t	sessions_per_role;	/* of clients; 0: any number */
	uint64_t	token_timeout_s;	/* after which a session ends whose token nobody has brought */
	uint32_t	tokens_per_user;	/* of one address; 0: any number */
	uint64_t	cookie_seconds;	/* a cookie stands for who has logged in for so long; 0: there are none */
	uint32_t	auth_attempts;	/* that may fail in a minute, of one address and of one name; 0: any number */
	uint64_t	instance_timeout_ms;	/* instances of services that nobody calls live as long; 0: for ever */
	char		http_origins[1024];	/* whose pages may read what HTTP answers; "*": all */
	char		node[64];		/* name of this router among those of a catalog; "": it has none */
	char		anonymous_role[64];	/* database role that anonymous sessions stand for */
} FoxRouterConfig;

/* NULL: no memory.  The config may be replaced at any time between calls. */
extern FoxRouter *fox_router_new(const FoxPorts *ports, const FoxRouterConfig *config);
extern void fox_router_configure(FoxRouter *r, const FoxRouterConfig *config);
extern void fox_router_free(FoxRouter *r);

/* Ends every session as lost (reason wamp.close.system_shutdown is sent first). */
extern void fox_router_shutdown(FoxRouter *r);

/* A committed change, in ring order. */
extern void fox_router_change(FoxRouter *r, const FoxChange *change);
/* A write that will make no change. text may be NULL. */
extern void fox_router_refused(FoxRouter *r, uint64_t token, FoxRefusal why, const char *text);
/* The answer to a question of the port `login`; absent: there is none. */
extern void fox_router_login_answer(FoxRouter *r, uint64_t token, FoxSlice answer);
/* Does a realm say how clients may log in? */
extern bool fox_router_authenticates(const FoxRouter *r);
/* Of the rows given to the port `past` since the start so many are done with. */
extern void fox_router_past_written(FoxRouter *r, uint64_t rows);
/* Of the events given to the port `deliver` since the start so many are in the queue. */
extern void fox_router_deliveries_written(FoxRouter *r, uint64_t deliveries);
/* What has become of a call of a SQL function: a part of its result, its result, or an error; args and kwargs are JSON. */
extern void fox_router_function_result(FoxRouter *r, uint64_t session, uint64_t invocation, bool progress,
									   FoxSlice args, FoxSlice kwargs);
extern void fox_router_function_failed(FoxRouter *r, uint64_t session, uint64_t invocation, FoxSlice uri,
									   FoxSlice args, FoxSlice kwargs);
/*
 * Roles or GRANTs may have changed, for the n-th time: they will come as FOX_CHANGE_ROLES.
 * They have come, as they were after that time.
 */
extern uint64_t fox_router_roles_wanted(FoxRouter *r);
extern void fox_router_roles_read(FoxRouter *r, uint64_t n);
/* A question of a backend (ask.h); absent question: the asker has gone. */
extern void fox_router_ask(FoxRouter *r, uint64_t ask, FoxSlice question, int pid);

/*
 * Re-reading retained (start-up, gap): begin, PUTs with silent = true, end: what was not put is deleted.  Changes that come in
 * between go before what is read: it begins before the read is asked for.
 */
extern void fox_router_reread_begin(FoxRouter *r);
extern void fox_router_reread_end(FoxRouter *r);

/* Timers and sliced work (snapshots).  Returns milliseconds until the next call is due; 0: more work waits; -1: none. */
extern int	fox_router_tick(FoxRouter *r);
/* When the next is due, for what has come since the tick. */
extern int	fox_router_wait(FoxRouter *r);

#endif
