/*
 * lane_slow.c - writes that must wait (see lane_slow.h).
 *
 *   system executor ──locked──► topic's line ──► slow executor ──► answered
 *          │                                                          │
 *          └──behind──► session's line ─────────► queue ◄─── both lines end
 *
 * A write stands in one line only.  The earliest of its session's that stands in a
 * topic's line is the one that the session is stuck on; whatever is later stands
 * behind it.  A write may come back whose session is stuck on a later one already; then
 * the two change places, which the fence makes possible: the later one has not left.
 */
#include "postgres.h"

#include <stdlib.h>

#include "base/hash.h"
#include "pg/lane_slow.h"

typedef struct SlowTopic
{
	FoxNode		node;			/* in turns */
	FoxNode		waiting;
	FoxRequest *sent;			/* with the slow executor */
	FoxSlice	key;			/* in block */
	char		block[];
} SlowTopic;

typedef struct SlowSession
{
	uint64		id;
	FoxRequest *stuck;			/* on this one, in its topic's line */
	FoxNode		waiting;
} SlowSession;

static FoxMap topics = {0};		/* SlowTopics by key */
static FoxNode turns;			/* the same in the order of their turns */
static FoxIdMap sessions = {0};	/* SlowSessions */
static FoxNode *queue;

void
fox_slow_init(FoxNode *to)
{
	queue = to;
	fox_list_init(&turns);
}

size_t
fox_slow_topics(void)
{
	return topics.count;
}

static SlowTopic *
topic_line(FoxSlice key)
{
	SlowTopic  *t = fox_map_get(&topics, key);

	if (t != NULL)
		return t;
	t = malloc(sizeof(SlowTopic) + key.len);
	if (t == NULL)
		return NULL;
	memcpy(t->block, key.ptr, key.len);
	t->key = fox_slice(t->block, key.len);
	t->sent = NULL;
	fox_list_init(&t->waiting);
	if (!fox_map_put(&topics, t->key, t))
	{
		free(t);
		return NULL;
	}
	fox_list_push(&turns, &t->node);
	return t;
}

static SlowSession *
session_line(const FoxRequest *r)
{
	return r->session != 0 && sessions.count > 0 ? fox_idmap_get(&sessions, r->session) : NULL;
}

/* r makes its session, which has no line, wait. */
static bool
stick(FoxRequest *r)
{
	SlowSession *s;

	if (r->session == 0)
		return true;
	s = malloc(sizeof(SlowSession));
	if (s == NULL)
		return false;
	s->id = r->session;
	s->stuck = r;
	fox_list_init(&s->waiting);
	if (!fox_idmap_put(&sessions, s->id, s))
	{
		free(s);
		return false;
	}
	return true;
}

/* Writes keep the order of their ids, for some come back after later ones were put here. */
static void
stand_in(FoxNode *line, FoxRequest *r)
{
	FoxNode    *after = line->prev;

	while (after != line && fox_container(FoxRequest, node, after)->id > r->id)
		after = after->prev;
	fox_list_del(&r->node);
	fox_list_push_front(after, &r->node);
}

/* False: it stands in no line. */
static bool
divert(FoxRequest *r)
{
	SlowSession *s = session_line(r);
	SlowTopic  *t;

	if (s != NULL)
	{
		stand_in(&s->waiting, r);
		return true;
	}
	t = fox_map_get(&topics, r->key);
	if (t == NULL)
		return false;
	(void) stick(r);			/* without memory only the session's order suffers */
	stand_in(&t->waiting, r);
	return true;
}

void
fox_slow_divert(FoxRequest *r, uint64 fence)
{
	r->fence = fence;
	if (topics.count > 0 || sessions.count > 0)
		(void) divert(r);
}

/* What its session was stuck on is through: the others go on, up to one whose topic has a line. */
static void
end_session_line(FoxRequest *r)
{
	SlowSession *s = session_line(r);

	if (s == NULL || s->stuck != r)
		return;
	fox_idmap_del(&sessions, s->id);
	while (!fox_list_empty(&s->waiting))
	{
		FoxRequest *next = fox_container(FoxRequest, node, s->waiting.next);

		fox_list_del(&next->node);
		if (!divert(next))
			fox_list_push(queue, &next->node);
	}
	free(s);
}

/* The lock is gone, or at least its first victim: the others take the fast way again. */
static void
end_topic_line(SlowTopic *t)
{
	FoxNode		waiting;

	fox_list_init(&waiting);
	while (!fox_list_empty(&t->waiting))
	{
		FoxNode    *n = t->waiting.next;

		fox_list_del(n);
		fox_list_push(&waiting, n);
	}
	fox_list_del(&t->node);
	fox_map_del(&topics, t->key);
	free(t);
	while (!fox_list_empty(&waiting))
	{
		FoxRequest *r = fox_container(FoxRequest, node, waiting.next);

		fox_list_del(&r->node);
		fox_list_push(queue, &r->node);
		end_session_line(r);
	}
}

/* r takes the place of a later write of its session, which goes behind it. */
static void
change_places(SlowSession *s, FoxRequest *r)
{
	FoxRequest *later = s->stuck;
	SlowTopic  *t = fox_map_get(&topics, later->key);

	s->stuck = r;
	stand_in(&s->waiting, later);
	if (t != NULL && t->sent == NULL && fox_list_empty(&t->waiting))
		end_topic_line(t);
}

bool
fox_slow_returned(FoxRequest *r, bool behind, uint64 fence)
{
	SlowSession *s = session_line(r);
	SlowTopic  *t;

	r->fence = fence;
	if (s != NULL && (behind || s->stuck->id < r->id))
	{
		stand_in(&s->waiting, r);
		return true;
	}
	if ((t = topic_line(r->key)) == NULL)
		return false;
	stand_in(&t->waiting, r);
	if (s == NULL)
		return stick(r);
	change_places(s, r);
	return true;
}

void
fox_slow_again(FoxRequest *r)
{
	SlowTopic  *t = fox_map_get(&topics, r->key);

	if (t == NULL || t->sent != r)
		return;
	t->sent = NULL;
	fox_list_del(&r->node);
	fox_list_push_front(&t->waiting, &r->node);
}

void
fox_slow_left(FoxRequest *r)
{
	SlowTopic  *t = topics.count > 0 ? fox_map_get(&topics, r->key) : NULL;

	if (t != NULL && (t->sent == r || (t->waiting.next == &r->node && t->waiting.prev == &r->node)))
	{
		fox_list_del(&r->node);
		end_topic_line(t);
	}
	end_session_line(r);
}

FoxRequest *
fox_slow_next(uint64 answered)
{
	SlowTopic  *t = fox_container(SlowTopic, node, turns.next);
	FoxRequest *r;

	fox_list_del(&t->node);
	fox_list_push(&turns, &t->node);
	if (t->sent != NULL)
		return NULL;
	r = fox_container(FoxRequest, node, t->waiting.next);
	return answered < r->fence ? NULL : r;
}

void
fox_slow_sent(FoxRequest *r)
{
	SlowTopic  *t = fox_map_get(&topics, r->key);

	if (t != NULL)
		t->sent = r;
}
