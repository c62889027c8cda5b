/*
 * internal.h - what net.c, conn.c and listener.c share.
 */
#ifndef FOX_NET_INTERNAL_H
#define FOX_NET_INTERNAL_H

#include <libwebsockets.h>
#include <uv.h>

#include "base/dlist.h"
#include "net/net.h"

struct FoxNet
{
	uv_loop_t	loop;
	uv_timer_t	sweep;			/* once a second: pings and dead peers */
	struct lws_context *context;
	FoxNetConfig config;
	FoxNetHandler handler;
	FoxNode		conns;
	FoxNode		dirty;			/* have something to send or to close */
	FoxNetStats stats;
	int			sockets;		/* accepted and not yet gone, handshakes included */
	int			max_sockets;	/* what the descriptor limit allows */
	bool		shutting_down;
	uint64_t	log_second;		/* libwebsockets' messages are limited in rate */
	int			log_count;
};

#define FOX_RX_SIZE 2048		/* a longer message arrives in pieces; every connection owns that much */
#define FOX_OUT_CHUNK (128 * 1024)	/* most that one write takes */

/* What a queued message is; kept in the low bits of its pointer. */
typedef enum FoxFrame
{
	FRAME_TEXT,
	FRAME_BINARY,
	FRAME_PING,
	FRAME_CLOSE
} FoxFrame;

/*
 * Where a connection stands.  It only ever moves down this list:
 *
 *   OPEN     -> CLOSING   fox_conn_close()
 *   CLOSING  -> CLOSED    the queue is sent, our Close frame at its end
 *   OPEN, CLOSING -> CLOSED   the peer's Close frame came
 *   any      -> CUT       too slow, dead, broken, or CLOSING and CLOSED for too long
 */
typedef enum FoxConnState
{
	CONN_OPEN,
	CONN_CLOSING,				/* what is queued is still sent, nothing more is queued or delivered */
	CONN_CLOSED,				/* nothing may be written: our stream has ended */
	CONN_CUT					/* libwebsockets frees it soon */
} FoxConnState;

struct FoxConn
{
	FoxNet	   *net;
	struct lws *wsi;
	void	   *gate;
	FoxNode		in_net;
	FoxNode		in_dirty;
	uintptr_t  *queue;			/* ring of FoxBytes pointers, tagged with their FoxFrame */
	uint32_t	first;
	uint32_t	count;
	uint32_t	cap;			/* a power of two, or 0 */
	uint32_t	sent;			/* bytes of the first message that have left in fragments */
	size_t		queued;			/* bytes, see ITEM_COST */
	char	   *join;			/* a message of which more is to come */
	size_t		join_len;
	size_t		join_cap;
	uint64_t	last_in_ms;
	uint64_t	closing_since_ms;
	bool		ping_sent;
	bool		paused;
	FoxConnState state;
	FoxCloseCause cause;
};

/* --- conn.c --- */

extern int	fox_conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
extern void fox_conn_flush(FoxConn *conn);
extern void fox_conn_sweep(FoxConn *conn, uint64_t now_ms);
extern void fox_conn_shut(FoxConn *conn, FoxCloseCause cause);	/* cuts it, without waiting for anything */

/* --- listener.c --- */

/* Opens every address of the configuration; false with a text in err. */
extern bool fox_listen(FoxNet *net, char *err, size_t errlen);

#endif
