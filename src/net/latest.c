/*
 * latest.c - what a slow reader still hears: of each stream of events only the last one.
 *
 * With slow_reader = conflate an event that comes while the queue is above its soft limit is
 * kept here and not queued.  A later one of the same stream (one topic of one subscription)
 * takes its place, at the end of the line, so that what is heard is what was published with
 * the older events left out.  When the queue has room, what is kept moves into it; so it does
 * before anything that is no event, because answers must not overtake events.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "net/internal.h"

typedef struct KeptEvent
{
	FoxNode		in_line;
	uint64_t	stream;
	FoxBytes   *message;
	FoxFrame	frame;
} KeptEvent;

struct FoxLatest
{
	FoxIdMap	by_stream;
	FoxNode		line;			/* the oldest first */
	size_t		bytes;
};

static FoxLatest *
latest_of(FoxConn *conn)
{
	if (conn->latest == NULL && (conn->latest = calloc(1, sizeof(FoxLatest))) != NULL)
		fox_list_init(&conn->latest->line);
	return conn->latest;
}

static void
count_kept(FoxConn *conn, ptrdiff_t bytes)
{
	conn->latest->bytes += (size_t) bytes;
	conn->net->stats.queued += (uint64_t) bytes;
}

static void
replace(FoxConn *conn, KeptEvent *kept, FoxBytes *message, FoxFrame frame)
{
	count_kept(conn, (ptrdiff_t) message->len - (ptrdiff_t) kept->message->len);
	fox_bytes_unref(kept->message);
	kept->message = fox_bytes_ref(message);
	kept->frame = frame;
	fox_list_del(&kept->in_line);
	fox_list_push(&conn->latest->line, &kept->in_line);
	conn->net->stats.events_conflated++;
}

bool
fox_latest_keep(FoxConn *conn, uint64_t stream, FoxBytes *message, FoxFrame frame)
{
	FoxLatest  *latest = latest_of(conn);
	KeptEvent  *kept = latest != NULL ? fox_idmap_get(&latest->by_stream, stream) : NULL;

	if (kept != NULL)
	{
		replace(conn, kept, message, frame);
		return true;
	}
	if (latest == NULL || (kept = malloc(sizeof(*kept))) == NULL)
		return false;
	if (!fox_idmap_put(&latest->by_stream, stream, kept))
	{
		free(kept);
		return false;
	}
	kept->stream = stream;
	kept->message = fox_bytes_ref(message);
	kept->frame = frame;
	fox_list_push(&latest->line, &kept->in_line);
	count_kept(conn, (ptrdiff_t) message->len);
	return true;
}

size_t
fox_latest_bytes(const FoxConn *conn)
{
	return conn->latest != NULL ? conn->latest->bytes : 0;
}

/* Takes the oldest one out; the message is the caller's. */
static FoxBytes *
take_first(FoxConn *conn, FoxFrame *frame)
{
	KeptEvent  *kept = fox_container(KeptEvent, in_line, conn->latest->line.next);
	FoxBytes   *message = kept->message;

	*frame = kept->frame;
	count_kept(conn, -(ptrdiff_t) message->len);
	fox_idmap_del(&conn->latest->by_stream, kept->stream);
	fox_list_del(&kept->in_line);
	free(kept);
	return message;
}

void
fox_latest_release(FoxConn *conn, size_t room)
{
	FoxFrame	frame;

	if (conn->latest == NULL)
		return;
	while (!fox_list_empty(&conn->latest->line) && conn->queued < room)
	{
		FoxBytes   *message = take_first(conn, &frame);

		fox_conn_queue(conn, message, frame);
		fox_bytes_unref(message);
		if (conn->latest == NULL)
			return;				/* without memory for its queue the connection was cut */
	}
	if (fox_list_empty(&conn->latest->line))
		fox_latest_free(conn);
}

void
fox_latest_free(FoxConn *conn)
{
	FoxFrame	frame;

	if (conn->latest == NULL)
		return;
	while (!fox_list_empty(&conn->latest->line))
		fox_bytes_unref(take_first(conn, &frame));
	fox_map_free(&conn->latest->by_stream);
	free(conn->latest);
	conn->latest = NULL;
}
