/*
 * inquiry.c - a SQL function that the router itself asks (see inquiry.h).
 *
 * It goes the way of the functions that clients call, without a session to answer to: its
 * invocation is a number of the router's.
 */
#include "core/inquiry.h"

#include <stdlib.h>

#include "codec/json.h"

#include "base/pure.h"

#define WARN_US UINT64_C(60000000)

struct FoxInquiry
{
	FoxRouter  *router;
	uint64_t	id;				/* 0: it has been answered */
	void		(*done) (void *ctx, FoxSlice value);
	void		(*failed) (void *ctx, FoxSlice uri, FoxSlice args);	/* NULL: done() hears of it */
	void	   *ctx;
	FoxSlice	function;		/* in block */
	char		block[];
};

FoxInquiry *
fox_inquiry_new(FoxRouter *r, const FoxFunctionCall *call, void (*done) (void *ctx, FoxSlice value), void *ctx)
{
	FoxInquiry *q = calloc(1, sizeof(*q) + call->function.len + 1);
	FoxFunctionCall c = *call;
	char	   *at;

	if (q == NULL)
		return NULL;
	at = q->block;
	*q = (FoxInquiry){.router = r, .id = ++r->last_inquiry, .done = done, .ctx = ctx};
	q->function = fox_slice_keep(&at, call->function);
	if (!fox_idmap_put(&r->inquiries, q->id, q))
	{
		free(q);
		return NULL;
	}
	c.session = 0;
	c.invocation = q->id;
	r->ports.call(r->ports.ctx, &c);
	return q;
}

void
fox_inquiry_on_failure(FoxInquiry *q, void (*failed) (void *ctx, FoxSlice uri, FoxSlice args))
{
	q->failed = failed;
}

void
fox_inquiry_free(FoxInquiry *q)
{
	FoxPorts   *ports = &q->router->ports;

	if (q->id != 0)
	{
		fox_idmap_del(&q->router->inquiries, q->id);
		ports->cancel(ports->ctx, 0, q->id);
	}
	free(q);
}

static FoxInquiry *
take(FoxRouter *r, uint64_t id)
{
	FoxInquiry *q = fox_idmap_del(&r->inquiries, id);

	if (q != NULL)
		q->id = 0;
	return q;
}

/* A row of columns comes as kwargs; void is null. */
void
fox_inquiry_result(FoxRouter *r, uint64_t id, FoxSlice args, FoxSlice kwargs)
{
	FoxInquiry *q = take(r, id);
	FoxSlice	value = FOX_ABSENT;
	size_t		pos = 0;

	if (q == NULL)
		return;
	if (fox_absent(args) || !fox_json_element(args, &pos, &value))
		value = fox_absent(kwargs) ? FOX_LIT("null") : kwargs;
	q->done(q->ctx, value);
}

/* Strangers cause this: not too often.  What went wrong in the function itself stands in the log of its process. */
void
fox_inquiry_failed(FoxRouter *r, uint64_t id, FoxSlice uri, FoxSlice args)
{
	FoxInquiry *q = take(r, id);
	FoxBuf		scratch = {0};
	FoxSlice	text = FOX_ABSENT;
	uint64_t	now = fox_router_now(r);
	size_t		pos = 0;

	if (q == NULL)
		return;
	if (q->failed != NULL)
	{
		q->failed(q->ctx, uri, args);
		return;
	}
	if (!fox_absent(args) && fox_json_element(args, &pos, &text))
		text = fox_json_text(text, &scratch);
	if (r->inquiry_warned_us == 0 || now - r->inquiry_warned_us >= WARN_US)
	{
		r->inquiry_warned_us = now;
		fox_router_log(r, FOX_LOG_WARNING, "function %.*s was asked by the router and has failed: %.*s: %.*s",
					   (int) q->function.len, q->function.ptr, (int) uri.len, uri.ptr,
					   (int) text.len, text.len > 0 ? text.ptr : "");
	}
	fox_buf_free(&scratch);
	q->done(q->ctx, FOX_ABSENT);
}
