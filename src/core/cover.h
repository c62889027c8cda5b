/*
 * cover.h - what two patterns of URIs have to do with each other.
 */
#ifndef FOX_CORE_COVER_H
#define FOX_CORE_COVER_H

#include "core/placeholder.h"

typedef struct FoxPattern
{
	FoxSlice	uri;
	FoxMatchKind kind;
	const FoxNames *names;		/* what its placeholders stand for; NULL: it has none */
} FoxPattern;

static inline FoxPattern
fox_pattern(FoxSlice uri, FoxMatchKind kind)
{
	return (FoxPattern){.uri = uri, .kind = kind};
}

/* Does every URI that b matches match a too? */
extern bool fox_pattern_covers(FoxPattern a, FoxPattern b);
/* Is there a URI that matches both? */
extern bool fox_patterns_meet(FoxPattern a, FoxPattern b);
/*
 * Of two patterns that meet: above 0 if a says more exactly what it matches, below 0 if b does, else 0.
 * The first component in which they differ decides: a name goes before the beginning of a name
 * (the longer one first), that before any one component, and that before the rest of a URI.
 */
extern int	fox_pattern_compare(FoxPattern a, FoxPattern b);

#endif
