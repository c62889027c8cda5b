/*
 * ask.h - a backend asks the router, the router answers with rows.
 *
 * A small array of slots in the ring's segment; a question does not wait behind
 * unresolved ring entries.  The answer streams through an shm_mq in a DSM segment
 * that the asking backend made.  Questions and rows are JSON object texts; a
 * question has a member "ask" that names it:
 *   sessions, subscriptions, waiters, stats, lock, unlock, wait_for,
 *   sync, kill, backend_end, publish (publish_now with exclude etc.)
 * A row {"error":"<WAMP URI>","message":"…"} is raised as an ERROR by the asker.
 */
#ifndef FOX_PG_ASK_H
#define FOX_PG_ASK_H

#include "postgres.h"

#include "base/slice.h"

/* --- backend side --- */

typedef struct FoxAsk FoxAsk;

/* Sends the question; ERROR (WF004, hint start()) when no router runs for this database. */
extern FoxAsk *fox_ask_begin(const char *question);
/* The next row as a palloc'ed C string, or NULL at the end.  Interruptible; timeout_ms < 0: none; ERROR when the router ends. */
extern char *fox_ask_next(FoxAsk *ask, int64 timeout_ms, bool *timed_out);
extern void fox_ask_end(FoxAsk *ask);	/* also withdraws the question if it is still open */

/* At backend exit: tells the router {"ask":"backend_end"}; never fails, waits 100 ms at most. */
extern void fox_ask_backend_end(void);

/* --- router side --- */

/* Takes up new questions: fn(ctx, ask id, question text, asking pid).  Withdrawn ones: fn with question absent. */
extern void fox_ask_poll(void (*fn) (void *ctx, uint64 ask, FoxSlice question, int pid), void *ctx);
/* One row of the answer; last ends it.  Never blocks: rows wait in memory until the asker reads. */
extern void fox_ask_answer(uint64 ask, FoxSlice row, bool last);
extern void fox_ask_pump(void); /* pushes waiting rows on; call each turn */

#endif
