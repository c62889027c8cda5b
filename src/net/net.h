/*
 * net.h - the sockets: one listener, its connections, and the loop's three faces.
 *
 * The only header through which the router's main reaches libwebsockets.  Nothing
 * here calls PostgreSQL.  Upward it speaks through FoxNetHandler: a connection
 * opens, whole messages arrive, it closes; no callback may longjmp.
 *
 * The port speaks WebSocket, RawSocket, HTTP long-poll and MQTT: the first bytes decide.  A second port speaks the same inside TLS.
 */
#ifndef FOX_NET_NET_H
#define FOX_NET_NET_H

#include "base/buf.h"

typedef struct FoxNet FoxNet;
typedef struct FoxConn FoxConn;
typedef struct FoxHttp FoxHttp;

/* A file's path, relative to the current directory or not, and the setting that it came from. */
typedef struct FoxTlsFile
{
	const char *path;
	const char *setting;
} FoxTlsFile;

/* What becomes of a reader whose queue is above the soft limit. */
typedef enum FoxSlowReader
{
	FOX_SLOW_DISCONNECT,		/* it is cut when its time is up */
	FOX_SLOW_DROP,				/* it misses events */
	FOX_SLOW_CONFLATE			/* of each stream of events it hears the last one only (latest.c) */
} FoxSlowReader;

/* Ports that one listens on; members of a set. */
enum
{
	FOX_PORT_PLAIN = 1,
	FOX_PORT_TLS = 2,
	FOX_PORT_MORE = 4,
	FOX_PORT_MORE_TLS = 8
};

typedef struct FoxNetConfig
{
	const char *listen_addresses;	/* comma-separated IPv4/IPv6 literals, "localhost" or "*" */
	int			port;
	int			tls_port;		/* 0: no TLS, and none of the next five is looked at */
	int			more_port;		/* takes what port does; 0: none */
	int			more_tls_port;	/* takes what tls_port does, if there is one; 0: none */
	FoxTlsFile	tls_cert;
	FoxTlsFile	tls_key;
	FoxTlsFile	tls_ca;			/* path "" or NULL: clients are asked for no certificate */
	FoxTlsFile	tls_crl;		/* path "" or NULL: no certificate counts as revoked */
	int			tls_min_version;	/* 2: TLS 1.2, 3: TLS 1.3 */
	bool		http2;			/* on the TLS port, for clients that offer it */
	const char *trusted_proxies;	/* addresses and networks, as proxies.h has them; "": none */
	const char *handshake_headers;	/* names of headers that are kept of WAMP clients' handshakes; "" or NULL: none */
	unsigned	proxy_protocol;	/* ports where connections of those begin with a PROXY header */
	const char *unix_socket;	/* path of a unix socket to listen on as well; "" or NULL: none */
	size_t		max_message_size;	/* bytes of one message; larger: close 1009 */
	size_t		out_hard_limit;		/* bytes queued on one connection before it is cut */
	size_t		out_soft_limit;		/* bytes queued on one connection: too slow, if for out_soft_time_ms */
	int			out_soft_time_ms;
	FoxSlowReader slow_reader;
	size_t		max_memory;			/* of this process; above it the slowest are cut, nothing is read, nobody let in */
	int			ping_interval_ms;	/* 0: no pings */
	int			ping_timeout_ms;	/* no sign of life for that long after a ping: cut */
	int			max_connections;
	int			connections_per_address;	/* 0: no limit */
	int			message_rate;	/* messages a second from one connection; 0: no limit */
	size_t		byte_rate;		/* bytes a second; 0: no limit */
	uint64_t	cookie_seconds;	/* WebSockets are given a cookie for so long; 0: none */
	bool		compression;	/* WebSockets that offer permessage-deflate get it */
	size_t		http_max_body;	/* of an HTTP request; a longer one: 413 */
} FoxNetConfig;

typedef enum FoxCloseCause
{
	FOX_CLOSE_PEER,				/* orderly close by the peer, or after our own fox_conn_close */
	FOX_CLOSE_LOST,				/* reset, EOF without a close frame, or dead by ping */
	FOX_CLOSE_SLOW,				/* too much queued, or for too long; memory short */
	FOX_CLOSE_TOO_BIG,
	FOX_CLOSE_SHUTDOWN
} FoxCloseCause;

typedef struct FoxConnInfo
{
	char		peer[64];		/* "127.0.0.1:54321", "unix:4711" with the peer's process id; port 0: told by a header of HTTP */
	char		subprotocol[32];	/* "wamp.2.json", "" if none was asked for */
	const char *transport;		/* "websocket", "rawsocket", "rawsocket-unix", "tcp", "unix" or "longpoll"; a constant */
	bool		loopback;		/* peer address is loopback or a unix socket, and nobody is told of by a PROXY header, X-Forwarded-For or Forwarded */
	bool		tls;			/* of the socket, a proxy's or not */
	bool		confidential;	/* TLS, or loopback as above */
	char		certificate[256];	/* common name of the client's certificate, which TLS has checked; "" if none */
	char		origin[256];	/* Origin header or "" */
	char		cookie[65];		/* that a WebSocket has brought along, if its page may use it; "" if none */
	char		new_cookie[65];	/* that it has been given; "" if none */
	FoxSlice	headers;		/* of its handshake, those that are kept, as http_req.h walks them; absent: none; borrowed */
} FoxConnInfo;

/* An HTTP request that has come whole; slices are borrowed for the length of the call. */
typedef struct FoxHttpRequest
{
	unsigned	status;			/* 0, or the request can not be taken: the status says why, and the rest is what is known of it */
	FoxSlice	method;
	FoxSlice	target;
	FoxSlice	headers;		/* as they came, see http_req.h */
	FoxSlice	body;
	bool		measured;		/* how long its body is was told before it, or by frames */
	const FoxConnInfo *info;	/* who asks, as far as the proxy in front is believed */
} FoxHttpRequest;

typedef struct FoxNetHandler
{
	void	   *ctx;
	/* A handshake is done.  Returns the gate's object, or NULL to refuse (the connection is closed). */
	void	   *(*open) (void *ctx, FoxConn *conn, const FoxConnInfo *info);
	/* One whole message.  data is writable and followed by at least one spare byte; gone after the call. */
	void		(*message) (void *gate, char *data, size_t len, bool binary);
	/* A sign of life of the peer, after fox_conn_probe(); called from anywhere, must not touch connections. */
	void		(*alive) (void *gate);
	/* The last call for this connection, exactly once after open succeeded. */
	void		(*close) (void *gate, FoxCloseCause cause);
	/* The first HTTP request of a connection comes.  NULL: no memory, it is closed. */
	void	   *(*http_open) (void *ctx, FoxHttp *http);
	/* The next one comes when fox_http_answer() has been called, now or later. */
	void		(*http_request) (void *gate, const FoxHttpRequest *request);
	/* The last call for this connection; an answer that is due is not. */
	void		(*http_close) (void *gate);
	void		(*log) (void *ctx, int level, const char *text);	/* level: 0 debug 1 info 2 warning 3 error */
} FoxNetHandler;

/* Is it a list of addresses and networks that trusted_proxies can be? */
extern bool fox_net_proxies_valid(const char *list);
/* Is it a list of headers that handshake_headers can be? */
extern bool fox_net_headers_valid(const char *list);
/* The ports that a list such as "port, mqtt_tls_port" names; false: it is none. */
extern bool fox_net_ports(const char *list, unsigned *ports);

/* NULL on failure with a text in err (e.g. "could not listen on 127.0.0.1:8080: Address already in use"). */
extern FoxNet *fox_net_create(const FoxNetConfig *config, const FoxNetHandler *handler, char *err, size_t errlen);
/*
 * Applies limits, ping times and compression of a new configuration to live and later connections, and what its TLS files
 * hold now to later ones (if they are bad: a warning, and what was there stays); not addresses, ports and unix socket.
 */
extern void fox_net_configure(FoxNet *net, const FoxNetConfig *config);
/* Closes every connection (close 1001) with FOX_CLOSE_SHUTDOWN, sends what can be sent at once, frees all. */
extern void fox_net_destroy(FoxNet *net);

/* The loop: a descriptor to wait on for reading, how long to wait at most, and one turn. */
extern int	fox_net_fd(const FoxNet *net);
extern int	fox_net_timeout_ms(const FoxNet *net);	/* -1: no timer */
extern void fox_net_turn(FoxNet *net);	/* handles what is ready, then flushes; never blocks */
/* Sends what was queued since the last flush; call after work that did not come from fox_net_turn. */
extern void fox_net_flush(FoxNet *net);

/*
 * Queues one text (binary == false) or binary message.  The reference is kept, not
 * the bytes copied, until the flush joins them into few large writes.
 */
extern void fox_conn_send(FoxConn *conn, FoxBytes *message, bool binary);
/*
 * The same for a message that the peer can miss: one that is longer than it takes is left
 * out, instead of cutting the connection, and so may be one that a slow reader would wait for
 * (slow_reader).  A later message of the same stream makes an earlier one superfluous.
 */
extern void fox_conn_send_event(FoxConn *conn, FoxBytes *message, bool binary, uint64_t stream);
/* Closes when everything queued is sent: code is a WebSocket close code (1000, 1002, 1009 …). */
extern void fox_conn_close(FoxConn *conn, int code, const char *reason);
/* A longer message of the peer's closes the connection; 0: only one longer than the configuration's max_message_size. */
extern void fox_conn_limit(FoxConn *conn, size_t bytes);
/* Stops and restarts reading from a connection (back-pressure); what has been read already may still come. */
extern void fox_conn_pause(FoxConn *conn, bool paused);
/* Asks the peer for a sign of life: the next one is told by alive(), which is called at once if nothing is read from it. */
extern void fox_conn_probe(FoxConn *conn);
/*
 * Memory has run out for a message to this connection: cuts those with the most bytes queued, of so
 * many in all, this one too if it is among them; false: there was nothing to free.
 */
extern bool fox_conn_relieve(FoxConn *conn, size_t bytes);
extern size_t fox_conn_queued(const FoxConn *conn);	/* bytes not yet handed to the kernel */

/*
 * Answers the request that waits.  headers: lines that end with CRLF, those of length and
 * connection not among them; the body is left out for HEAD, its length is not.
 */
extern void fox_http_answer(FoxHttp *http, unsigned status, FoxSlice headers, FoxSlice body);

/*
 * Answers it with a body that comes in parts, and ends with the connection; what a slow reader
 * has to wait for is limited by out_hard_limit.
 */
extern void fox_http_stream(FoxHttp *http, unsigned status, FoxSlice headers);
extern void fox_http_part(FoxHttp *http, FoxSlice part);
extern void fox_http_part_last(FoxHttp *http);

typedef struct FoxNetStats
{
	uint64_t	connections;	/* open now */
	uint64_t	accepted;		/* ever */
	uint64_t	refused;		/* above max_connections or connections_per_address, memory short, a bad handshake, or unknown subprotocol */
	uint64_t	slow_cut;
	uint64_t	memory_cut;		/* of slow_cut: because memory was short */
	uint64_t	dead_cut;
	uint64_t	too_big;
	uint64_t	too_big_for_peer;	/* messages not sent, longer than the peer takes */
	uint64_t	events_dropped;	/* for slow readers */
	uint64_t	events_conflated;	/* replaced by a later one, for slow readers */
	uint64_t	rate_pauses;	/* reading paused, for a sender was too fast */
	uint64_t	bytes_in;
	uint64_t	bytes_out;
	uint64_t	queued;			/* bytes in all out queues */
	uint64_t	http_connections;	/* open now, of those that speak HTTP */
	uint64_t	http_requests;
} FoxNetStats;

extern void fox_net_stats(const FoxNet *net, FoxNetStats *stats);

#endif
