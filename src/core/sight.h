/*
 * sight.h - events and values that only those hear who may see a row of a table.
 *
 * Who may is the database's to say, by the policies of the table: an executor is asked, role
 * by role, and nothing is told before it has answered.  The row comes with the change, in the
 * option fox_wamp.row, which no client may set, and stays with a value in its audience:
 *
 *   {"table":name, "columns":[name, …] or absent, "row":text or absent,
 *    "former":text, "former_args":[…], "former_kwargs":{…}}
 *
 * The texts are as the table's row type reads them; without a row who has the privilege to
 * read the table may hear.  Who could see the former row and can not see the new one hears
 * that it has gone.
 */
#ifndef FOX_CORE_SIGHT_H
#define FOX_CORE_SIGHT_H

#include "core/core.h"

/*
 * Delivers the event, later and in the order of these calls, to those who may see the row
 * of p; former: the value that the topic had, whose row counts as the former one; or NULL.
 */
extern void fox_sight_deliver(FoxRealm *realm, const FoxEvent *e, const FoxSession *publisher, const FoxPublish *p,
							  const FoxValue *former);

/* Does the member hear the event of p, which has its seers? */
extern bool fox_sight_allows(const FoxPublish *p, const FoxMember *m);

/*
 * Asks which of the rows (JSON as above, separated by commas, without brackets) the session may see; fox_snapshot_seen()
 * will have the answer, unless fox_sight_forget() comes before.  False: it can not be asked.
 */
extern bool fox_sight_of(FoxSession *s, FoxSlice rows, FoxSnapshot *snap);
extern void fox_sight_forget(FoxRealm *realm, const FoxSnapshot *snap);

/* An executor has answered; absent: it could not. */
extern bool fox_is_sight(const FoxSession *s);
extern void fox_sight_answered(FoxSession *s, uint64_t invocation, FoxSlice args);

#endif
