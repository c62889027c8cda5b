/*
 * handler_run.c - what an executor does for a handler (see handler_run.h).
 *
 * Only the executor looks into the queue of a durable handler: it takes what is due, topic
 * by topic in order, and answers with what it has done:
 *
 *   {"done":n,"failed":n,"error":text or null,"more":bool,"next_ms":n, -1 if nothing has failed}
 *
 * A queue is rung once too often rather than once too seldom: while an executor attends
 * to it the next ring sends another.
 */
#include "core/handler_run.h"

#include <stdlib.h>

#include "codec/json.h"

#include "base/pure.h"

#define WAITING_BYTES ((size_t) 16 * 1024 * 1024)
#define AGAIN_US 100000			/* after no executor could be had; doubled each time */
#define AGAIN_DOUBLINGS 8
#define WARN_US 1000000			/* between two words in the log on one handler */

/* --- what goes wrong --- */

static void
note_failures(FoxHandler *h, uint64_t n, FoxSlice error)
{
	FoxRouter  *r = h->session->realm->router;
	uint64_t	now = fox_router_now(r);
	char	   *copy = fox_absent(error) ? NULL : fox_strdup(error);

	h->failures += n;
	h->unheard += n;
	r->stats.handler_failures += n;
	if (copy != NULL)
	{
		free(h->last_error);
		h->last_error = copy;
	}
	if (h->warned_us != 0 && now - h->warned_us < WARN_US)
		return;
	fox_router_log(r, FOX_LOG_WARNING, "the handler %s has failed, %llu times since this was last said: %s", h->function.ptr,
				   (unsigned long long) h->unheard, h->last_error != NULL ? h->last_error : "unknown error");
	h->warned_us = now;
	h->unheard = 0;
}

void
fox_handler_drop(FoxHandler *h, const char *why)
{
	h->dropped++;
	h->session->realm->router->stats.handler_events_dropped++;
	note_failures(h, 1, fox_cstr(why));
}

/* --- runs --- */

static FoxRun *
run_new(FoxHandler *h, FoxSlice topic, FoxSlice args)
{
	FoxRun	   *run = calloc(1, sizeof(*run) + topic.len + args.len + 1);
	char	   *at;

	if (run == NULL)
		return NULL;
	at = run->block;
	run->number = ++h->last_run;
	run->topic = fox_slice_keep(&at, topic);
	run->args = fox_slice_keep(&at, args);
	fox_list_init(&run->node);
	return run;
}

static void
runs_free(FoxNode *list)
{
	fox_list_each(n, list)
		free(fox_container(FoxRun, node, n));
	fox_list_init(list);
}

static bool
topic_runs(const FoxHandler *h, FoxSlice topic)
{
	fox_list_each(n, &h->running)
		if (fox_slice_eq(fox_container(FoxRun, node, n)->topic, topic))
			return true;
	return false;
}

/* The first whose topic is not in work; NULL: none. */
static FoxRun *
next_waiting(FoxHandler *h)
{
	fox_list_each(n, &h->waiting)
	{
		FoxRun	   *run = fox_container(FoxRun, node, n);

		if (topic_runs(h, run->topic))
			continue;
		fox_list_del(&run->node);
		h->n_waiting--;
		h->waiting_bytes -= run->args.len;
		return run;
	}
	return NULL;
}

static void
again(void *ctx, FoxTimer *timer)
{
	FoxHandler *h = fox_container(FoxHandler, again, timer);

	(void) ctx;
	fox_handler_ring(h);
}

static void
ring_in(FoxHandler *h, uint64_t us)
{
	FoxRouter  *r = h->session->realm->router;
	uint64_t	due = fox_router_now(r) + us;

	if (h->again.place == 0 || h->again.due_us > due)
		(void) fox_timer_set(&r->timers, &h->again, due, again);
}

static void
start(FoxHandler *h, FoxRun *run)
{
	FoxPorts   *ports = &h->session->realm->router->ports;
	FoxFunctionCall c = {
		.kind = !run->attends ? FOX_RUN_HANDLER : h->posts ? FOX_RUN_POSTS : FOX_RUN_QUEUE, .handler = h->id, .hops = run->hops,
		.session = h->session->id, .invocation = run->number,
		.realm = h->session->realm->name, .procedure = h->function, .function = h->function,
		.role = FOX_ABSENT, .authid = FOX_ABSENT, .authrole = FOX_ABSENT, .args = run->args, .kwargs = FOX_ABSENT
	};

	h->n_running++;
	fox_list_push(&h->running, &run->node);
	ports->call(ports->ctx, &c);
}

void
fox_handler_work(FoxHandler *h)
{
	while (h->n_running < h->concurrency)
	{
		FoxRun	   *run = h->rung ? run_new(h, FOX_ABSENT, FOX_ABSENT) : next_waiting(h);

		if (run == NULL && h->rung)
			ring_in(h, AGAIN_US);
		if (run == NULL)
			return;
		if (h->rung)
		{
			h->rung = false;
			run->attends = true;
			run->args = FOX_ABSENT;
		}
		start(h, run);
	}
}

static FoxRun *
run_of(FoxHandler *h, uint64_t number)
{
	fox_list_each(n, &h->running)
		if (fox_container(FoxRun, node, n)->number == number)
			return fox_container(FoxRun, node, n);
	return NULL;
}

static void
run_end(FoxHandler *h, FoxRun *run)
{
	fox_list_del(&run->node);
	h->n_running--;
	free(run);
}

static void
attended(FoxHandler *h, FoxSlice report)
{
	FoxBuf		text = {0};
	uint64_t	done = 0;
	uint64_t	failed = 0;
	uint64_t	next_ms;

	(void) fox_json_uint(fox_json_get(report, "done"), &done);
	(void) fox_json_uint(fox_json_get(report, "failed"), &failed);
	h->runs += done + failed;
	h->session->realm->router->stats.handler_runs += done + failed;
	if (failed > 0)
		note_failures(h, failed, fox_json_text(fox_json_get(report, "error"), &text));
	fox_buf_free(&text);
	h->vain = 0;
	if (fox_json_is_true(fox_json_get(report, "more")))
		h->rung = true;
	else if (fox_json_uint(fox_json_get(report, "next_ms"), &next_ms))	/* not -1 */
		ring_in(h, next_ms * 1000);
}

void
fox_handler_ran(FoxSession *s, uint64_t invocation, FoxSlice args)
{
	FoxHandler *h = s->data;
	FoxRun	   *run = run_of(h, invocation);
	FoxSlice	report = FOX_ABSENT;
	size_t		pos = 0;

	if (run == NULL)
		return;
	if (run->attends && !fox_absent(args) && fox_json_element(args, &pos, &report))
		attended(h, report);
	else
	{
		h->runs++;
		s->realm->router->stats.handler_runs++;
	}
	run_end(h, run);
	fox_handler_work(h);
}

/* A queue is attended to later; an event that no function has seen to its end is lost. */
void
fox_handler_failed(FoxSession *s, uint64_t invocation, FoxSlice args)
{
	FoxHandler *h = s->data;
	FoxRun	   *run = run_of(h, invocation);
	FoxBuf		text = {0};
	FoxSlice	error = FOX_ABSENT;
	size_t		pos = 0;

	if (run == NULL)
		return;
	if (!fox_absent(args) && fox_json_element(args, &pos, &error))
		error = fox_json_text(error, &text);
	if (run->attends)
		ring_in(h, (uint64_t) AGAIN_US << (h->vain < AGAIN_DOUBLINGS ? h->vain++ : AGAIN_DOUBLINGS));
	else
	{
		h->runs++;
		s->realm->router->stats.handler_runs++;
		note_failures(h, 1, error);
	}
	fox_buf_free(&text);
	run_end(h, run);
	fox_handler_work(h);
}

void
fox_handler_ring(FoxHandler *h)
{
	h->rung = true;
	fox_handler_work(h);
}

void
fox_handler_wait(FoxHandler *h, const FoxEvent *e, FoxSlice args)
{
	FoxRun	   *run = NULL;

	if (h->n_waiting < h->session->realm->router->config.call_queue_limit && h->waiting_bytes + args.len <= WAITING_BYTES)
		run = run_new(h, e->topic, args);
	if (run == NULL)
	{
		fox_handler_drop(h, "too many events wait");
		return;
	}
	run->hops = e->hops;
	h->n_waiting++;
	h->waiting_bytes += args.len;
	fox_list_push(&h->waiting, &run->node);
	fox_handler_work(h);
}

void
fox_handler_give_up(FoxHandler *h)
{
	fox_timer_clear(&h->session->realm->router->timers, &h->again);
	runs_free(&h->waiting);
	runs_free(&h->running);
}
