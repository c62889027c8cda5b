/*
 * permission_row.h - rows of fox_wamp.permission as the router keeps them, for permission*.c alone.
 */
#ifndef FOX_CORE_PERMISSION_ROW_H
#define FOX_CORE_PERMISSION_ROW_H

#include "core/permission.h"

#define FOX_EVERYBODY "public"	/* which no database role can be named */

typedef enum FoxSay
{
	FOX_SAYS_NOTHING,
	FOX_SAYS_NO,
	FOX_SAYS_YES
} FoxSay;

typedef struct FoxPermission FoxPermission;

struct FoxPermission
{
	FoxPermission *next;		/* same pattern and kind, another role */
	FoxNode		in_realm;
	FoxNode		in_personal;
	FoxPattern	pattern;
	unsigned	placeholders;	/* set of FoxPlaceholder that is in it */
	FoxSay		says[FOX_ACTIONS];
	FoxSay		discloses;
	FoxSlice	role;			/* these are owned, in block, like the pattern */
	FoxAuthority authorizer;
	char		block[];
};

struct FoxPermissions
{
	FoxIndex	index;			/* → FoxPermission, first of a chain; without those that have placeholders */
	FoxNode		personal;		/* these */
	FoxNode		all;
	size_t		open;			/* rows that allow everybody everything */
	size_t		others;			/* that do not; neither has those for the router's own URIs, which are asked for by themselves */
};

/* What the rows say to a session. */
extern FoxDecision fox_permission_look(const FoxSession *s, FoxAction action, FoxPattern what);

#endif
