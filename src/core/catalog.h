/*
 * catalog.h - where services are: rows of fox_wamp.service_address, and what sessions announce.
 *
 * An entry names a service and a URL; there may be many of one service, each for a share of
 * what it is about: a range of numbers, or those whose hash leaves a remainder.  Entries of
 * sessions vanish with them, and any may have a time at which it does.  Clients see those of
 * their realm.
 */
#ifndef FOX_CORE_CATALOG_H
#define FOX_CORE_CATALOG_H

#include "core/meta.h"

typedef struct FoxOffer FoxOffer;

/* A row has come, has changed or has gone. */
extern void fox_catalog_change(FoxRouter *r, const FoxChange *c);
extern void fox_catalog_free(FoxRealm *realm);
extern void fox_catalog_session_end(FoxSession *s);
/* Answers with what sessions have announced, one row each. */
extern void fox_catalog_answer(FoxRouter *r, uint64_t ask);

/* Number of a service's share; the value of an option: absent, an integer, or a string of one. */
typedef struct FoxCriterion
{
	bool		given;
	int64_t		value;
} FoxCriterion;

/* False: the option is no integer. */
extern bool fox_criterion_read(FoxSlice option, FoxCriterion *out);

/* The newest offer of a share that the criterion is in: ranges go before remainders, and these before what has all.  NULL: none. */
extern const FoxOffer *fox_catalog_pick(const FoxRealm *realm, FoxSlice service, FoxCriterion criterion);
/* Whose procedure it is, if that is another node than this one. */
extern const FoxOffer *fox_catalog_elsewhere(const FoxRealm *realm, FoxSlice procedure, FoxCriterion criterion);
extern FoxSlice fox_offer_url(const FoxOffer *offer);
/* Appends {"service","node","url","realm","uri_prefix","contract"}. */
extern void fox_offer_put(FoxBuf *out, const FoxOffer *offer);

/* --- catalog_share.c --- */

/* What of all numbers an offer is for. */
typedef struct FoxShare
{
	bool		has_range;
	bool		from_start;		/* no lower bound */
	bool		to_end;			/* no upper bound */
	int64_t		from;
	int64_t		to;				/* not included */
	uint64_t	modulus;		/* 0: none */
	uint64_t	remainder;
} FoxShare;

/* NULL, or what is wrong: of "from", "to", "modulus" and "remainder" of the object. */
extern const char *fox_share_read(FoxSlice object, FoxShare *share);
extern void fox_share_put(FoxBuf *out, const FoxShare *share);
extern bool fox_share_same(const FoxShare *a, const FoxShare *b);
/* How well the number fits: 0 not at all, 1 because the share is everything, 2 by its remainder, 3 by its range. */
extern int	fox_share_fits(const FoxShare *share, int64_t number);

/* --- */

/* Members of the session's list, in core.h: offers. */
extern const FoxMetaProcedure fox_catalog_procedures[];

#define FOX_ERR_MOVED "fox_wamp.error.moved"

#endif
