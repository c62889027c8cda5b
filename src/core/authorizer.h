/*
 * authorizer.h - requests on their way past the permissions, the authorizers that some of them name, and publish hooks.
 */
#ifndef FOX_CORE_AUTHORIZER_H
#define FOX_CORE_AUTHORIZER_H

#include "core/inquiry.h"
#include "core/permission.h"

/* What a session has asked for. */
typedef struct FoxWish
{
	FoxAction	action;
	uint64_t	request;
	FoxSlice	options;
	FoxSlice	uri;
	FoxMatchKind kind;
	FoxSlice	args;			/* in the session's encoding */
	FoxSlice	kwargs;
} FoxWish;

typedef enum FoxPass
{
	FOX_PASSES,
	FOX_REFUSED,				/* the caller is to say so */
	FOX_WAITS					/* the request comes again by itself, from the beginning */
} FoxPass;

typedef struct FoxPermit
{
	FoxDisclosure disclosure;
	const char *uri;			/* of a refusal; the text is valid until the next one */
	const char *text;
} FoxPermit;

/*
 * May the session have what it has asked for?  An authorizer is asked in its turn, a publish hook after it, and
 * later requests of the session keep behind it; again: it has been asked, and was content.
 */
extern FoxPass fox_permit_slowly(FoxSession *s, const FoxWish *wish, bool again, FoxPermit *permit);

static inline FoxPass
fox_permit(FoxSession *s, const FoxWish *wish, bool again, FoxPermit *permit)
{
	permit->disclosure = s->realm->disclosure;
	return (s->realm->open && s->realm->hooks == NULL) || s->exempt ? FOX_PASSES : fox_permit_slowly(s, wish, again, permit);
}

/* Asks an authorizer that is a function whether the session may; as fox_inquiry_new(). */
extern FoxInquiry *fox_authorizer_inquire(const FoxSession *s, const FoxWish *wish, const FoxAuthority *authorizer,
										  void (*done) (void *ctx, FoxSlice value), void *ctx);

/* CANCEL of a call that has not passed, and *open if more of it follows; false: there is none. */
extern bool fox_authorizer_cancel(FoxSession *s, uint64_t request, bool *open);
extern void fox_authorizer_session_end(FoxSession *s);

#endif
