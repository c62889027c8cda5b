/*
 * call_role.h - the role that a call runs as, and nothing that outlives the call.
 */
#ifndef FOX_PG_CALL_ROLE_H
#define FOX_PG_CALL_ROLE_H

#include "postgres.h"

#include "base/slice.h"

/* Once a process: what a call may not be disturbed by. */
extern void fox_call_role_setup(void);

/* The role of that name, in a transaction; ERROR when there is none. */
extern Oid	fox_call_role(FoxSlice name);

/*
 * A transaction begins, in which everything runs as the role, session_user included,
 * with the role's own settings.  SET ROLE, RESET ROLE and SET SESSION AUTHORIZATION are
 * refused in it.
 */
extern void fox_call_role_enter(Oid role);
/* What is due at commit runs now, as the role; what the call has left behind goes.  Then the transaction commits. */
extern void fox_call_role_commit(void);
/* After an ERROR: the transaction is rolled back, and what would outlive it goes too. */
extern void fox_call_role_abort(void);

#endif
