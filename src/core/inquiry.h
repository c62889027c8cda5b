/*
 * inquiry.h - a SQL function that the router itself asks, for an answer of its own: authorizers, authenticators, publish hooks.
 */
#ifndef FOX_CORE_INQUIRY_H
#define FOX_CORE_INQUIRY_H

#include "core/core.h"

typedef struct FoxInquiry FoxInquiry;

/*
 * Calls the function (`session` and `invocation` are the inquiry's own; role absent: as its
 * owner).  done() comes once, when nothing else of the core is at work, unless the inquiry is
 * freed before; value is the JSON that the function has returned, absent if it has failed,
 * which the log has heard of.  NULL: no memory.
 */
extern FoxInquiry *fox_inquiry_new(FoxRouter *r, const FoxFunctionCall *call, void (*done) (void *ctx, FoxSlice value), void *ctx);
/* failed() comes in place of done() if the function fails, with the error's URI and args; the log hears nothing then. */
extern void fox_inquiry_on_failure(FoxInquiry *q, void (*failed) (void *ctx, FoxSlice uri, FoxSlice args));
/* Stops the function if it still runs; also to be called by done(). */
extern void fox_inquiry_free(FoxInquiry *q);

/* What comes back from the port `call` without a session. */
extern void fox_inquiry_result(FoxRouter *r, uint64_t id, FoxSlice args, FoxSlice kwargs);
extern void fox_inquiry_failed(FoxRouter *r, uint64_t id, FoxSlice uri, FoxSlice args);

#endif
