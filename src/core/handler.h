/*
 * handler.h - SQL functions that are subscribers: rows of fox_wamp.handler.
 *
 * Each is a session of the router's own with one subscription, so that patterns, audience
 * and order are those of any other subscriber.  It runs in an executor, by the port `call`.
 */
#ifndef FOX_CORE_HANDLER_H
#define FOX_CORE_HANDLER_H

#include "core/core.h"

/* A row has come, has changed or has gone. */
extern void fox_handler_change(FoxRouter *r, const FoxChange *c);
/* The queue of a durable handler has something to do; of all of them. */
extern void fox_handler_queued(FoxRouter *r, const FoxChange *c);
extern void fox_handlers_queued(FoxRouter *r);
/* The port `deliver` has taken an event for it, that no topic has brought. */
extern void fox_handler_delivering(FoxRouter *r, uint64_t id);

/* What has become of a run. */
extern bool fox_is_handler(const FoxSession *s);
extern void fox_handler_ran(FoxSession *s, uint64_t invocation, FoxSlice args);
extern void fox_handler_failed(FoxSession *s, uint64_t invocation, FoxSlice args);

/* Answers a question with a row for each. */
extern void fox_handlers_answer(FoxRouter *r, uint64_t ask);

#endif
