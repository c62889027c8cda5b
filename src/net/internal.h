/*
 * internal.h - what the files of this folder share.
 */
#ifndef FOX_NET_INTERNAL_H
#define FOX_NET_INTERNAL_H

#include <libwebsockets.h>
#include <uv.h>

#include "base/dlist.h"
#include "base/hash.h"
#include "codec/mqtt_stream.h"
#include "codec/proxy_protocol.h"
#include "codec/rawsocket.h"
#include "net/frame.h"
#include "net/look_up.h"
#include "net/net.h"
#include "net/tls.h"

/* See limits.c. */
typedef struct FoxLimits
{
	int			statm;			/* /proc/self/statm */
	bool		pressed;		/* above the cap, and not yet well below it again */
	size_t		unjudged;		/* bytes queued since the last look */
	uint64_t	pressed_ms;		/* since when, or when it ended */
	uint64_t	judged_ms;
	uint64_t	trimmed_ms;
	uint64_t	warned_ms;
} FoxLimits;

struct FoxNet
{
	uv_loop_t	loop;
	uv_timer_t	sweep;			/* once a second: pings and dead peers */
	struct lws_context *context;
	FoxTls	   *tls;			/* NULL: no TLS port */
	FoxNetConfig config;
	FoxNetHandler handler;
	FoxNode		conns;
	FoxNode		dirty;			/* have something to send or to close */
	FoxMap		polls;			/* FoxPoll by its id */
	FoxNode		busy_polls;		/* have ended, or go on, in the next turn */
	uv_timer_t	poll_timer;		/* of that */
	int			http_poll;		/* an epoll of the sockets that speak HTTP, or whose first bytes are waited for */
	uv_poll_t	http_watch;		/* of that */
	FoxIdMap	https;			/* FoxHttp by the address of its struct lws */
	FoxNode		busy_https;		/* have to go on, or to be closed */
	FoxNode		rated;			/* connections that have sent too much (rate.c) */
	uv_timer_t	rate_timer;
	FoxMap		peers;			/* FoxAddress by text (address.c) */
	FoxIdMap	proxied;		/* FoxProxyHeader by the address of its struct lws (proxied.c) */
	FoxNode		links;			/* of link.c */
	uint32_t	failed_links;
	FoxLookUps	look_ups;
	FoxNetStats stats;
	FoxLimits	limits;
	int			sockets;		/* accepted and not yet gone, handshakes included */
	int			max_sockets;	/* what the descriptor limit allows */
	bool		shutting_down;
	unsigned char cookie_secret[33];	/* the first byte: there is one */
	uint64_t	last_cookie;
	char		addresses[512];		/* libwebsockets keeps pointers into it */
	char		unix_path[108];	/* bound; "" if none */
	uint64_t	log_second;		/* messages are limited in rate */
	int			log_count;
};

#define FOX_RX_SIZE 2048		/* a longer message arrives in pieces; every connection owns that much */
#define FOX_OUT_CHUNK (128 * 1024)	/* most that one write takes */

/*
 * Where a connection stands.  It only ever moves down this list:
 *
 *   GREETING -> OPEN      RawSocket: its handshake was taken
 *   OPEN     -> CLOSING   fox_conn_close()
 *   CLOSING  -> CLOSED    the queue is sent, our Close frame or the end of our stream behind it
 *   OPEN, CLOSING -> CLOSED   the peer's Close frame came
 *   any      -> CUT       too slow, dead, broken, or GREETING, CLOSING and CLOSED for too long
 */
typedef enum FoxConnState
{
	CONN_GREETING,				/* no gate yet */
	CONN_OPEN,
	CONN_CLOSING,				/* what is queued is still sent, nothing more is queued or delivered */
	CONN_CLOSED,				/* nothing may be written: our stream has ended */
	CONN_CUT					/* libwebsockets frees it soon */
} FoxConnState;

/* Why nothing is read from a connection. */
typedef enum FoxHold
{
	HOLD_GATE = 1,				/* fox_conn_pause() */
	HOLD_MEMORY = 2,			/* the process has more than its cap */
	HOLD_RATE = 8,				/* it has sent too much (rate.c) */
	HOLD_WRITE = 4				/* libwebsockets holds a partial write: it would not read, and find that out without end */
} FoxHold;

/* What a connection has sent (rate.c). */
typedef struct FoxRate
{
	FoxNode		in_rated;		/* while it is held */
	uint64_t	paid_us;		/* what has been sent is paid for at that time */
	void		(*hold) (struct FoxRate *rate, bool on);	/* nothing is read, or again */
} FoxRate;

typedef struct FoxLatest FoxLatest;
typedef struct FoxAddress FoxAddress;

struct FoxConn
{
	FoxNet	   *net;
	struct lws *wsi;			/* its socket, if it has one of its own */
	void	   *gate;
	const FoxFraming *framing;
	FoxConnState state;
	FoxCloseCause cause;
	FoxNode		in_net;
	FoxNode		in_dirty;
	uintptr_t  *queue;			/* ring of FoxBytes pointers, tagged with their FoxFrame */
	uint32_t	first;
	uint32_t	count;
	uint32_t	cap;			/* a power of two, or 0 */
	uint32_t	sent;			/* bytes of the first message that have left */
	size_t		queued;			/* bytes, see ITEM_COST */
	FoxLatest  *latest;			/* events that are not queued yet, or NULL */
	uint64_t	taken;			/* least that was read from its socket if all is masked (masking.c) */
	FoxAddress *address;		/* NULL: it is not counted */
	FoxRate		rate;
	size_t		in_max;			/* longest one that is taken from it; 0: the configuration's */
	char	   *join;			/* WebSocket: a message of which more is to come */
	size_t		join_len;
	size_t		join_cap;		/* long-poll: bytes that its requests have in memory */
	FoxRawReader raw;			/* RawSocket */
	FoxMqttStream stream;		/* MQTT */
	uint64_t	last_in_ms;
	uint64_t	since_ms;		/* when it entered a state other than OPEN */
	uint64_t	over_since_ms;	/* its queue is above the soft limit since then; 0: it is not */
	uint64_t	cookie_number;	/* WebSocket: which cookie it was given; 0: none */
	uint8_t		held;			/* set of FoxHold */
	bool		ping_sent;
	bool		probed;			/* the gate waits for a sign of life */
	bool		binary;			/* RawSocket and long-poll: its messages are */
	uint8_t		mask_tries;		/* looks at taken that are left */
	uint8_t		window_bits;	/* WebSocket with permessage-deflate: how far back what we send may refer; 0: without */
	uint8_t		offers_seen;	/* of permessage-deflate, during the handshake */
	bool		compressed;		/* the message that comes is */
	bool		in_frame;		/* its frame is not whole yet */
	uint32_t	peer_max;		/* longest message that the peer takes */
};

/* --- conn.c --- */

/* Before anything else: a connection in that state. */
extern void fox_conn_init(FoxConn *conn, FoxNet *net, struct lws *wsi, const FoxFraming *framing, FoxConnState state);
/* Opens the gate; false: refused, the caller closes. */
extern bool fox_conn_open(FoxConn *conn, const FoxConnInfo *info);
/* The socket has gone. */
extern void fox_conn_closed(FoxConn *conn);
extern void fox_conn_heard(FoxConn *conn);
/* Queues without looking at limits. */
extern void fox_conn_queue(FoxConn *conn, FoxBytes *message, FoxFrame frame);
/* Queues for an open connection and looks at limits. */
extern void fox_conn_put(FoxConn *conn, FoxBytes *message, FoxFrame frame);
/* Of the first message of the queue part more bytes are on their way. */
extern void fox_conn_sent(FoxConn *conn, size_t part);
extern void fox_conn_flush(FoxConn *conn);
extern void fox_conn_sweep(FoxConn *conn, uint64_t now_ms);
extern void fox_conn_hold(FoxConn *conn, FoxHold why, bool on);
/*
 * What came whole: one message, or a batch of them if the framing has batches; a spare byte
 * is behind it.  A malformed batch closes it.
 */
extern void fox_conn_deliver(FoxConn *conn, char *data, size_t len, bool binary);
/* One whole message; a spare byte is behind it. */
extern void fox_conn_message(FoxConn *conn, char *data, size_t len, bool binary);
/* The longest message that may come. */
extern size_t fox_conn_in_max(const FoxConn *conn);
/* Closes with cause FOX_CLOSE_TOO_BIG, and counts. */
extern void fox_conn_too_big(FoxConn *conn);
/* Our stream has ended: what is still queued can not be sent any more. */
extern void fox_conn_end_stream(FoxConn *conn, FoxConnState state);
extern void fox_conn_shut(FoxConn *conn, FoxCloseCause cause);	/* cuts it, without waiting for anything */

/* --- latest.c: events for a slow reader --- */

/* Keeps the event instead of an earlier one of its stream; false: no memory. */
extern bool fox_latest_keep(FoxConn *conn, uint64_t stream, FoxBytes *message, FoxFrame frame);
/* Queues what is kept while less than room is queued; SIZE_MAX: all of it. */
extern void fox_latest_release(FoxConn *conn, size_t room);
extern size_t fox_latest_bytes(const FoxConn *conn);
extern void fox_latest_free(FoxConn *conn);

/* --- socket.c, longpoll.c: the carriers --- */

extern const FoxCarrier fox_socket;
extern const FoxCarrier fox_longpoll;

extern void fox_longpoll_init(FoxNet *net);
extern void fox_longpoll_end(FoxNet *net);	/* closes what is left */

/* --- websocket.c, rawsocket.c: callbacks of libwebsockets --- */

extern int	fox_websocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
extern int	fox_rawsocket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

/* --- listener.c --- */

/* Opens every address of the configuration; false with a text in err. */
extern bool fox_listen(FoxNet *net, char *err, size_t errlen);
extern void fox_unlisten(FoxNet *net);	/* removes the unix socket's file */
/* No more connections are taken: there are too many, or memory is short. */
extern bool fox_listener_full(const FoxNet *net);

/* --- limits.c --- */

extern void fox_limits_init(FoxNet *net);
extern void fox_limits_end(FoxNet *net);
/* Looks at the memory, if it is time to; may cut connections. */
extern void fox_limits_judge(FoxNet *net);
/* So much more is queued: after enough of that the memory is looked at within a turn. */
extern void fox_limits_queued(FoxNet *net, size_t bytes);
/* How long the loop may sleep at most, given what else it waits for. */
extern int	fox_limits_timeout_ms(const FoxNet *net, int timeout_ms);

/* --- masking.c --- */

/* A WebSocket is open: its first messages are to be looked at. */
extern void fox_masking_begin(FoxConn *conn);
/* A frame of so many bytes, header aside, has come; false: it was not masked. */
extern bool fox_masking_holds(FoxConn *conn, size_t len);

/* --- rate.c --- */

extern void fox_rate_init(FoxRate *rate, void (*hold) (FoxRate *rate, bool on));
extern void fox_rate_end(FoxRate *rate);
/* The connection has sent a message, or a request, of so many bytes; may hold it. */
extern void fox_rate_spend(FoxNet *net, FoxRate *rate, size_t bytes);
extern void fox_rate_release(uv_timer_t *timer);

/* --- address.c --- */

/* The peer's address has as many connections as it may. */
extern bool fox_address_full(const FoxNet *net, const FoxConnInfo *info);
/* One connection more; NULL: it is not counted. */
extern FoxAddress *fox_address_enter(FoxNet *net, const FoxConnInfo *info);
extern void fox_address_leave(FoxNet *net, FoxAddress *address);	/* which may be NULL */

/* --- proxied.c --- */

/* Is a connection that has just come a trusted proxy's, to a port where those begin with a PROXY header? */
extern bool fox_proxied_by(const FoxNet *net, struct lws *wsi);
/*
 * Reads on in its header, of which come is what was taken of the socket before; no byte behind it
 * is.  FOX_PROXY_BAD: why stands in the log, and it is to be closed.
 */
extern FoxProxyResult fox_proxied_read(FoxNet *net, struct lws *wsi, FoxBuf *come);
/* What its header told of a client; NULL: there was none, or the proxy itself is the client. */
extern const FoxProxyHeader *fox_proxied(const FoxNet *net, struct lws *wsi);
extern void fox_proxied_gone(FoxNet *net, struct lws *wsi);

/* --- peer.c --- */

/* The address in "127.0.0.1:54321" or "[::1]:54321". */
extern void fox_peer_host(const char *peer, char *host, size_t size);
/* Who is at the other end: info's peer, loopback, TLS and certificate; true if it came over the unix socket. */
extern bool fox_peer_address(struct lws *wsi, FoxConnInfo *info);
/* Who asks by HTTP: the same, and what the headers say of it and of the origin. */
extern void fox_peer_of_request(struct lws *wsi, FoxConnInfo *info);
/* The same, of a request whose headers are at hand: info is that of the socket. */
extern void fox_peer_of_headers(const FoxNet *net, FoxSlice headers, FoxConnInfo *info);

/* --- net.c --- */

/* A line for the server's log, limited in rate; levels as in FoxNetHandler. */
extern void fox_net_log(FoxNet *net, int level, const char *format,...) __attribute__((format(printf, 3, 4)));

#endif
