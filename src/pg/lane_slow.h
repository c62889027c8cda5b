/*
 * lane_slow.h - writes that must wait: their topic is locked, or their session's
 * earlier write waits.
 *
 * A topic that somebody else has locked is a line of its own: its writes go to the
 * slow executor one by one.  A session one of whose writes stands in such a line is
 * a line too, because a publisher's writes take effect in the order in which they
 * were published: its later writes, to whatever topics,
 * stand there until that one is through.  Other sessions go on.
 *
 * Requests belong to the caller; a line only holds their node.
 */
#ifndef FOX_PG_LANE_SLOW_H
#define FOX_PG_LANE_SLOW_H

#include "postgres.h"

#include "pg/lane_request.h"

/* Where requests go when their line has come to its end. */
extern void fox_slow_init(FoxNode *queue);

/*
 * Takes a new write off the queue if its topic or its session has a line.  `fence`
 * writes have been sent: until they are answered, earlier ones may still come back.
 */
extern void fox_slow_divert(FoxRequest *r, uint64 fence);

/*
 * The system executor sent r back: its topic is locked, or (behind) its session's
 * earlier write was.  False: no memory, r must be refused.
 */
extern bool fox_slow_returned(FoxRequest *r, bool behind, uint64 fence);

/* The slow executor found r's topic still locked. */
extern void fox_slow_again(FoxRequest *r);

/*
 * r is answered, whatever it came to: its topic's line ends, and so does its
 * session's.  Harmless for a request that stands in no line.
 */
extern void fox_slow_left(FoxRequest *r);

/* How many topics have a line. */
extern size_t fox_slow_topics(void);

/*
 * The first write of the next topic's line, in turn, if it may leave once `answered`
 * writes have been answered; NULL: that line stands still.
 */
extern FoxRequest *fox_slow_next(uint64 answered);
/* The caller has given it to the slow executor. */
extern void fox_slow_sent(FoxRequest *r);

#endif
