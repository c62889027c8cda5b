/*
 * world.h - a router without a server: peers are message lists, the store is a small
 * array that judges conditions like the executor does and commits on demand.
 */
#ifndef FOX_TEST_WORLD_H
#define FOX_TEST_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/auth.h"
#include "core/router.h"
#include "gate/transport.h"

typedef struct Peer Peer;

extern FoxRouter *world_open(void);	/* with realm1, where everybody may do everything */
extern void world_close(void);
extern int	world_set_up(void **state);	/* the same for cmocka */
extern int	world_tear_down(void **state);
extern void world_reread_begin(void);	/* a re-read, which brings realm1 */
extern void world_open_realm(void);	/* the rows for that, which a re-read has to bring again */
/* A row of fox_wamp.permission (match pattern) comes, with such members: "publish":true; or it goes. */
extern void world_permit(const char *pattern, const char *role, const char *says);
extern void world_forbid(const char *pattern, const char *role);
extern void world_commit(void);	/* carries out the writes that wait */
extern void world_pass_ms(uint64_t ms);	/* time goes by, timers run */
extern void world_store_full(bool full);	/* the store takes no writes */
extern void world_refuse(bool refuse);	/* it refuses every condition */
extern int	world_writes(void);	/* writes carried out or refused since the start */
extern int	world_notified(void);	/* events that went to channels since the start */
extern int	world_past(void);	/* rows of the event history since the start */
extern int	world_rows(void);	/* stored values */
extern const char *world_answer(void);	/* the last row answered to an ask */
extern FoxRouter *world_router(void);
extern const char *world_question(void);	/* the last of a log-in */
extern uint64_t world_login_token(void);	/* that question's */
extern bool world_login_gone(uint64_t token);	/* it was the last that nobody waits for any more */
extern void world_login(const FoxPrincipal *who);	/* answers it, as an executor does that knows only who */
extern void world_login_answer(const char *answer);	/* the same by hand; NULL: there is no answer */
extern FoxRouterConfig *world_config(void);	/* for fox_router_configure() */
extern FoxPeer *world_peer(void);	/* what later peers' transports say of them */

/* SQL functions: the last call as "function role caller's pid (args) {kwargs} progress timeout", once; "" when there is none. */
extern const char *world_called(void);
extern const char *world_instance(void);	/* that the last one has for itself, or "(if asked for)" and what it would have; "" : none */
extern uint64_t world_last_session(void);	/* that made the last one, for answers to others of it */
extern int	world_calls(void);	/* since the start */
/* The last event that went to the queue of a durable handler: "id topic args", once; "" when there is none. */
extern const char *world_delivered(void);
/* The row of an event that was to be deleted last, once; 0: none. */
extern uint64_t world_over(void);
/* How many bits of topics are kept, and which was the last that changed. */
extern int	world_kept(unsigned *bit);
extern void world_deliveries_full(bool full);	/* no queue takes any */
extern int	world_canceled(void);	/* cancels since the start */
/* What becomes of the last call; NULL: absent. */
extern void world_returns(bool progress, const char *args, const char *kwargs);
extern void world_fails(const char *uri, const char *args);

extern Peer *peer_open(void);	/* not joined */
extern Peer *peer_join(void);	/* joined realm1 with all features */
extern void peer_send(Peer *p, const char *format,...) __attribute__((format(printf, 2, 3)));
/* The next message that p has got, as text; "" when there is none. */
extern const char *peer_next(Peer *p);
/* Fails unless the next message equals text; every "%" in text stands for one number. */
extern void peer_expect(Peer *p, const char *text);
extern void peer_expect_nothing(Peer *p);
extern uint64_t peer_number(int i);	/* the i-th number that "%" stood for in the last expect */
extern void peer_deaf(Peer *p, bool deaf);	/* what it gets is not kept */
extern size_t peer_limit(const Peer *p);	/* of one message of its own; 0: the usual */
extern bool peer_closed(const Peer *p);
extern int	peer_probes(const Peer *p);	/* how often its transport was asked for a sign of life */
extern void peer_silent(Peer *p);	/* from now on it gives none by itself */
extern void peer_lives(Peer *p);	/* such a sign comes */
extern void peer_lose(Peer *p);	/* its transport breaks */

#endif
