/*
 * authority.h - whom the router asks who a peer is, or whether a session may have what it
 * wants: a procedure of the realm, or a function of the database.
 */
#ifndef FOX_CORE_AUTHORITY_H
#define FOX_CORE_AUTHORITY_H

#include "base/buf.h"

typedef struct FoxAuthority
{
	FoxSlice	procedure;		/* absent: it is no procedure */
	FoxSlice	function;		/* its signature; absent: it is no function */
	FoxSlice	role;			/* database role that the function runs as; absent: its owner */
} FoxAuthority;

/* What a row of configuration says of it, and the texts that it says it in. */
typedef struct FoxAuthorityRow
{
	FoxAuthority authority;
	FoxBuf		texts[3];
} FoxAuthorityRow;

static inline bool
fox_authority_set(const FoxAuthority *a)
{
	return !fox_absent(a->procedure) || !fox_absent(a->function);
}

/* Of a JSON object: the procedure is the member of that name, the others are function and function_role. */
extern void fox_authority_read(FoxSlice row, const char *procedure, FoxAuthorityRow *out);
extern void fox_authority_row_free(FoxAuthorityRow *row);

/* How many bytes a copy takes beside the struct, and the copy, whose texts go to *at. */
extern size_t fox_authority_size(const FoxAuthority *a);
extern FoxAuthority fox_authority_keep(char **at, const FoxAuthority *a);

#endif
