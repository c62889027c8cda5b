/*
 * errcodes.h - the SQLSTATEs of fox_wamp: class WF.
 *
 * Applications branch on them, so a code never changes its meaning.
 */
#ifndef FOX_PG_ERRCODES_H
#define FOX_PG_ERRCODES_H

#include "utils/elog.h"

#define ERRCODE_FOX_CONDITION_FAILED	MAKE_SQLSTATE('W', 'F', '0', '0', '1')
#define ERRCODE_FOX_NO_SUCH_REALM		MAKE_SQLSTATE('W', 'F', '0', '0', '2')
#define ERRCODE_FOX_INVALID_ARGUMENT	MAKE_SQLSTATE('W', 'F', '0', '0', '3')
#define ERRCODE_FOX_NOT_RUNNING			MAKE_SQLSTATE('W', 'F', '0', '0', '4')
#define ERRCODE_FOX_TIMEOUT				MAKE_SQLSTATE('W', 'F', '0', '0', '5')
#define ERRCODE_FOX_UNAVAILABLE			MAKE_SQLSTATE('W', 'F', '0', '0', '6')
#define ERRCODE_FOX_NO_SUCH_PROCEDURE	MAKE_SQLSTATE('W', 'F', '0', '0', '7')
#define ERRCODE_FOX_CALL_FAILED			MAKE_SQLSTATE('W', 'F', '0', '0', '8')
#define ERRCODE_FOX_RAISED				MAKE_SQLSTATE('W', 'F', '0', '0', '9')

#endif
