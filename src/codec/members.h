/*
 * members.h - an object's members by name.
 *
 * For whoever looks up many names: with fox_json_get() two large objects of strangers
 * would be compared in quadratic time.
 */
#ifndef FOX_CODEC_MEMBERS_H
#define FOX_CODEC_MEMBERS_H

#include "base/hash.h"
#include "codec/json.h"

#define FOX_MEMBERS_FEW 8

typedef struct FoxMembers
{
	FoxSlice	object;
	int			few;			/* so many members are listed here; beyond FOX_MEMBERS_FEW: in map */
	struct
	{
		FoxSlice	key;		/* raw */
		FoxSlice	value;
	}			list[FOX_MEMBERS_FEW];
	FoxMap		map;			/* unescaped name → first byte of the value */
	FoxBuf		names;			/* the map's keys that had escapes */
} FoxMembers;

/*
 * Indexes a valid value's members; what is no object has none.  False: no memory.  The
 * index borrows the object; free it in any case.
 */
extern bool fox_members_init(FoxMembers *m, FoxSlice object);
extern void fox_members_free(FoxMembers *m);
/*
 * The last member of that name, or the absent slice.  A raw key stands between its
 * quotes, as fox_json_member() gives it: they are looked at.
 */
extern FoxSlice fox_members_get(const FoxMembers *m, FoxSlice raw_key);
/*
 * Walks the members in their order, leaving out those that a later one of the same name
 * replaces: start with *pos = 0; false at the end.
 */
extern bool fox_members_next(const FoxMembers *m, size_t *pos, FoxSlice *raw_key, FoxSlice *value);
/* Are the texts between the quotes of two strings the same, whatever their escapes? */
extern bool fox_json_same_text(FoxSlice raw_a, FoxSlice raw_b);

#endif
