/*
 * overload.h - several functions of one name: which of them a call means.
 */
#ifndef FOX_PG_OVERLOAD_H
#define FOX_PG_OVERLOAD_H

#include "codec/http_call.h"
#include "pg/routine.h"

/* What a call supplies, by whichever door. */
typedef struct FoxSupplied
{
	int			skipped;		/* arguments in front that are not the caller's: a row */
	FoxSlice	args;			/* WAMP's; JSON or absent, both */
	FoxSlice	kwargs;
	const FoxHttpCall *http;	/* NULL: none */
} FoxSupplied;

/*
 * The function among those of the signatures, which have zero bytes between them: of those that can be called with what is
 * supplied the one that takes most of it.  ERROR if there are two; if there is none, the one that comes nearest, whose
 * arguments will say what is missing.
 */
extern FoxRoutine *fox_overload_find(FoxSlice signatures, const FoxSupplied *supplied);

#endif
