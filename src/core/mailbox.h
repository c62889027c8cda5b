/*
 * mailbox.h - messages to callbacks of who polls for them, until they are fetched.
 *
 * A mailbox is its session's.  It holds so much and no more: then the oldest go, and a mark says how many.
 */
#ifndef FOX_CORE_MAILBOX_H
#define FOX_CORE_MAILBOX_H

#include "core/core.h"

/* False: no memory, or it is too large for any mailbox. */
extern bool fox_mailbox_put(FoxSession *s, const FoxCallbackNote *note, const FoxPayload *json);
/* Those up to that number have arrived: they go. */
extern void fox_mailbox_forget(FoxSession *s, uint64_t up_to);
/* Appends the first ones behind `after`, at most max, as elements of a JSON array; how many. */
extern uint32_t fox_mailbox_list(const FoxSession *s, uint64_t after, uint32_t max, FoxBuf *out);
extern void fox_mailbox_free(FoxSession *s);

#endif
