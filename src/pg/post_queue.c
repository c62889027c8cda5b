/*
 * post_queue.c - queues whose events are POSTed to a URL (see post_queue.h).
 *
 *   due ──page──► next of its topic ──POST──► over ──noted──► gone, or waits in the table to be tried again
 *
 * This process alone takes from these queues, so it need not lock what it sends: a delivery stays in its
 * table until its answer has been noted, and is sent again if the process dies before that.  Of
 * a topic one is under way at a time.  Queues take turns at the connections that there may be in all;
 * a slow server holds as many as its webhook's concurrency.
 */
#include "postgres.h"

#include <time.h>

#include "access/xact.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/digest.h"
#include "base/dlist.h"
#include "codec/json.h"
#include "net/url_allow.h"
#include "pg/guc.h"
#include "pg/post_queue.h"
#include "pg/post_sql.h"

#define RETRY_MS 200			/* after the database did not take what was to be noted */
#define SNIPPET 200				/* bytes of an answer that an error shows */
#define HEADERS_MAX 64

typedef struct Attend
{
	FoxNode		node;
	uint64		id;
} Attend;

typedef struct Queue
{
	FoxNode		node;			/* in their turns */
	MemoryContext memory;
	char	   *handler;
	FoxNode		attends;
	bool		look;			/* there may be more in the table than in the page */
	FoxQueued	page[FOX_QUEUE_PAGE];
	int			n;
	bool		begun[FOX_QUEUE_PAGE];	/* or left alone */
	MemoryContext page_memory;
	int			concurrency;
	FoxNode		posts;
	int			under_way;
	uint64		done;
	uint64		failed;
	bool		broken;			/* the database could not be asked */
	char	   *error;			/* of the last failure; in memory */
} Queue;

typedef struct Post
{
	FoxNode		node;
	Queue	   *queue;
	MemoryContext memory;
	FoxQueued	item;
	bool		over;
	FoxPostOutcome outcome;
} Post;

static FoxNode queues;
static int	under_way = 0;
static FoxPoster *poster;
static FoxPostReport report;
static TimestampTz kept_up = 0;

void
fox_post_queues_start(FoxPostReport new_report)
{
	fox_list_init(&queues);
	report = new_report;
	poster = fox_poster_new();
	if (poster == NULL)
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
}

/* Runs fn; an error ends its transaction and is logged.  False: it failed. */
static bool
guarded(void (*fn) (void *), void *arg)
{
	MemoryContext saved = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		fn(arg);
		done = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(saved);
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(saved);
	return done;
}

/* --- queues --- */

static Queue *
queue_of(const char *handler)
{
	MemoryContext memory;
	Queue	   *q;

	fox_list_each(n, &queues)
		if (strcmp(fox_container(Queue, node, n)->handler, handler) == 0)
			return fox_container(Queue, node, n);
	memory = AllocSetContextCreate(TopMemoryContext, "fox_wamp queue", ALLOCSET_SMALL_SIZES);
	q = MemoryContextAllocZero(memory, sizeof(Queue));
	q->memory = memory;
	q->page_memory = AllocSetContextCreate(memory, "fox_wamp page", ALLOCSET_SMALL_SIZES);
	q->handler = MemoryContextStrdup(memory, handler);
	q->concurrency = 1;
	fox_list_init(&q->attends);
	fox_list_init(&q->posts);
	fox_list_push(&queues, &q->node);
	return q;
}

void
fox_post_attend(uint64 id, uint64 handler)
{
	char		name[24];
	Queue	   *q;
	Attend	   *a;

	snprintf(name, sizeof(name), UINT64_FORMAT, handler);
	q = queue_of(name);
	a = MemoryContextAlloc(q->memory, sizeof(Attend));
	a->id = id;
	fox_list_push(&q->attends, &a->node);
	q->look = true;
}

static void
read_page(void *arg)
{
	Queue	   *q = arg;
	StringInfoData busy;

	MemoryContextReset(q->page_memory);
	q->n = 0;
	MemoryContextSwitchTo(q->page_memory);
	initStringInfo(&busy);
	fox_list_each(n, &q->posts)
		fox_queue_leave(&busy, fox_container(Post, node, n)->item.topic);
	q->n = fox_post_page(q->handler, &busy, q->page_memory, q->page, &q->concurrency);
	memset(q->begun, 0, sizeof(q->begun));
}

static bool
topic_is_under_way(const Queue *q, const char *topic)
{
	fox_list_each(n, &q->posts)
		if (strcmp(fox_container(Post, node, n)->item.topic, topic) == 0)
			return true;
	return false;
}

/* The first of the page whose topic is free: its number; -1: none, -2: nor will there be one. */
static int
next_of_page(const Queue *q)
{
	int			none = -2;

	for (int i = 0; i < q->n; i++)
	{
		if (q->begun[i])
			continue;
		if (!topic_is_under_way(q, q->page[i].topic))
			return i;
		none = -1;
	}
	return none;
}

/* --- requests --- */

typedef struct Request
{
	Post	   *post;
	FoxPostItem item;
	bool		found;
} Request;

static void
read_item(void *arg)
{
	Request    *r = arg;

	r->found = fox_post_item(r->post->item.id, r->post->memory, &r->item);
}

/* X-Fox-Signature: what somebody who knows the secret has sent, and when. */
static char *
signature_of(const FoxPostItem *item)
{
	unsigned char digest[FOX_SHA256];
	char		hex[FOX_SHA256 * 2 + 1];
	long long	now = (long long) time(NULL);
	char	   *text = psprintf("%lld.%s", now, item->body);

	if (!fox_hmac_sha256(fox_cstr(item->secret), fox_cstr(text), digest))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not sign a request")));
	for (int i = 0; i < FOX_SHA256; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return psprintf("X-Fox-Signature: t=%lld,v1=%s", now, hex);
}

/* The user's come after ours, which fox_wamp.webhook does not let them name. */
static void
put_headers(const Request *r, const char *headers[HEADERS_MAX])
{
	FoxSlice	own = fox_cstr(r->item.headers);
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;
	int			n = 0;

	headers[n++] = "Content-Type: application/json";
	headers[n++] = "Expect:";
	headers[n++] = psprintf("X-Fox-Delivery: %s", r->post->item.id);
	headers[n++] = psprintf("X-Fox-Attempt: %s", r->item.attempt);
	if (r->item.secret != NULL)
		headers[n++] = signature_of(&r->item);
	while (!fox_absent(own) && n < HEADERS_MAX - 1 && fox_json_member(own, &pos, &key, &value))
	{
		FoxBuf		scratch = {0};
		FoxSlice	text = fox_json_text(value, &scratch);

		/* libcurl takes a header without a value for one that is not to be sent. */
		if (text.len > 0)
			headers[n++] = psprintf("%.*s: %.*s", (int) key.len, key.ptr, (int) text.len, text.ptr);
		else
			headers[n++] = psprintf("%.*s;", (int) key.len, key.ptr);
		fox_buf_free(&scratch);
	}
	headers[n] = NULL;
}

static void
post_over(Post *post, int status, const char *error)
{
	post->over = true;
	post->outcome.status = status;
	post->outcome.error = error != NULL ? MemoryContextStrdup(post->memory, error) : NULL;
}

static void
post_send(Request *r)
{
	const char *headers[HEADERS_MAX];
	FoxPost		post = {.url = r->item.url, .headers = headers, .body = fox_cstr(r->item.body), .timeout_ms = r->item.timeout_ms, .tag = r->post};
	MemoryContext saved = MemoryContextSwitchTo(r->post->memory);

	put_headers(r, headers);
	if (!fox_url_allowed(r->item.url, fox_guc_webhook_allow))
		post_over(r->post, 0, "fox_wamp.webhook_allow does not allow the URL");
	else if (!fox_poster_send(poster, &post))
		post_over(r->post, 0, "out of memory");
	MemoryContextSwitchTo(saved);
}

static void
post_free(Post *post)
{
	fox_list_del(&post->node);
	post->queue->under_way--;
	under_way--;
	MemoryContextDelete(post->memory);
}

/* False: the database could not be asked. */
static bool
begin(Queue *q, const FoxQueued *item)
{
	MemoryContext memory = AllocSetContextCreate(TopMemoryContext, "fox_wamp post", ALLOCSET_SMALL_SIZES);
	Post	   *post = MemoryContextAllocZero(memory, sizeof(Post));
	Request		r = {.post = post};
	bool		asked;

	post->queue = q;
	post->memory = memory;
	post->item.id = MemoryContextStrdup(memory, item->id);
	post->item.topic = MemoryContextStrdup(memory, item->topic);
	post->outcome.id = post->item.id;
	fox_list_push(&q->posts, &post->node);
	q->under_way++;
	under_way++;
	asked = guarded(read_item, &r);
	if (asked && r.found)
		post_send(&r);
	else
		post_free(post);
	return asked;
}

static void
fill(Queue *q)
{
	while (!q->broken && q->under_way < q->concurrency && under_way < fox_guc_webhook_connections)
	{
		int			i = next_of_page(q);

		if (i >= 0)
		{
			q->begun[i] = true;
			q->broken = !begin(q, &q->page[i]);
		}
		else if (i == -1 || !q->look)
			break;
		else
		{
			q->look = false;
			q->broken = !guarded(read_page, q);
			if (q->n > 0)
				q->look = true;
		}
	}
}

/* --- answers --- */

/* The beginning of the answer, as far as it is plain text. */
static char *
error_of(const FoxPosted *posted)
{
	StringInfoData s;

	if (posted->status == 0)
		return psprintf("no answer: %s", posted->error);
	initStringInfo(&s);
	appendStringInfo(&s, "HTTP status %ld", posted->status);
	for (size_t i = 0; i < posted->body.len && i < SNIPPET; i++)
		appendStringInfo(&s, "%s%c", i == 0 ? ": " : "", posted->body.ptr[i] >= ' ' && posted->body.ptr[i] < 0x7f ? posted->body.ptr[i] : ' ');
	return s.data;
}

static void
on_posted(void *ctx, const FoxPosted *posted)
{
	Post	   *post = posted->tag;
	MemoryContext saved = MemoryContextSwitchTo(post->memory);
	bool		done = (posted->status >= 200 && posted->status < 300) || posted->status == 410;

	post->outcome.gone = posted->status == 410;
	post->outcome.took_ms = posted->took_ms;
	post_over(post, (int) posted->status, done ? NULL : error_of(posted));
	MemoryContextSwitchTo(saved);
}

typedef struct Note
{
	const Post *post;
	FoxQueueOutcome outcome;
} Note;

static void
note(void *arg)
{
	Note	   *n = arg;

	MemoryContextSwitchTo(n->post->memory);
	n->outcome = fox_post_note(&n->post->outcome);
}

/* Later ones of its topic have to wait. */
static void
leave_alone(Queue *q, const char *topic)
{
	for (int i = 0; i < q->n; i++)
		if (strcmp(q->page[i].topic, topic) == 0)
			q->begun[i] = true;
}

/* False: the database has not taken it. */
static bool
finish(Post *post)
{
	Queue	   *q = post->queue;
	Note		n = {.post = post};

	if (!guarded(note, &n))
		return false;
	q->look = true;
	q->done += n.outcome == FOX_QUEUE_DONE;
	q->failed += n.outcome == FOX_QUEUE_FAILED || n.outcome == FOX_QUEUE_DEAD;
	if (post->outcome.error != NULL)
		q->error = MemoryContextStrdup(q->memory, post->outcome.error);
	if (n.outcome == FOX_QUEUE_FAILED)
		leave_alone(q, post->item.topic);
	post_free(post);
	return true;
}

/* --- reports --- */

typedef struct Next
{
	const Queue *queue;
	int64		ms;
} Next;

static void
next_ms(void *arg)
{
	Next	   *n = arg;

	n->ms = fox_post_next_ms(n->queue->handler);
}

static void
end(Queue *q)
{
	Next		next = {.queue = q};
	StringInfoData json;

	MemoryContextSwitchTo(q->memory);
	if (q->broken || !guarded(next_ms, &next))
		next.ms = RETRY_MS;
	initStringInfo(&json);
	appendStringInfo(&json, "[{\"done\":" UINT64_FORMAT ",\"failed\":" UINT64_FORMAT ",\"more\":false,\"next_ms\":" INT64_FORMAT ",\"error\":",
					 q->done, q->failed, next.ms);
	if (q->error == NULL)
		appendStringInfoString(&json, "null");
	else
		escape_json(&json, q->error);
	appendStringInfoString(&json, "}]");
	fox_list_each(n, &q->attends)
	{
		report(fox_container(Attend, node, n)->id, json.data);
		/* What was done is counted once. */
		resetStringInfo(&json);
		appendStringInfo(&json, "[{\"done\":0,\"failed\":0,\"more\":false,\"next_ms\":" INT64_FORMAT ",\"error\":null}]", next.ms);
	}
	fox_list_del(&q->node);
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(q->memory);
}

/* --- turns --- */

static void
keep_up(void *arg)
{
	fox_post_upkeep();
}

static void
lower(long *wait, long ms)
{
	if (*wait < 0 || *wait > ms)
		*wait = ms;
}

void
fox_post_turn(long *wait_ms)
{
	Queue	   *first = NULL;

	fox_poster_turn(poster, on_posted, NULL);
	fox_list_each(n, &queues)
	{
		Queue	   *q = fox_container(Queue, node, n);

		fill(q);
		fox_list_each(m, &q->posts)
		{
			Post	   *post = fox_container(Post, node, m);

			if (post->over)
				lower(wait_ms, finish(post) ? 0 : RETRY_MS);
		}
		if (q->under_way == 0 && (q->broken || (!q->look && next_of_page(q) == -2)))
			end(q);
		else if (first == NULL)
			first = q;
	}
	/* Who was first this time is last the next. */
	if (first != NULL)
	{
		fox_list_del(&first->node);
		fox_list_push(&queues, &first->node);
	}
	if (TimestampDifferenceExceeds(kept_up, GetCurrentTimestamp(), 60 * 1000))
	{
		kept_up = GetCurrentTimestamp();
		(void) guarded(keep_up, NULL);
	}
}

int
fox_post_waits(FoxPosterWait *waits, int max, long *wait_ms)
{
	return fox_poster_waits(poster, waits, max, wait_ms);
}
