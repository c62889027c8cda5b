/*
 * net_echo.c - src/net/ alone, to be driven by hand or by a script: an echo server that
 * waits for its loop as the router does, with poll() on fox_net_fd().
 *
 *   net_echo PORT [ADDRESSES [PING_INTERVAL_MS [PING_TIMEOUT_MS [MAX_CONNECTIONS [UNIX_SOCKET]]]]]
 *
 * The first byte of a message says what to do with the rest:
 *   B rest       send rest to every connection
 *   M n          send n messages of 120 bytes to every connection
 *   G n          send one message of n bytes back
 *   C            close with 1000 inside the callback; what follows is not to arrive
 *   D            the same from outside a turn, as the router's main may
 *   F n          send n messages of 1,000 bytes back from outside a turn
 *   P ms         pause reading from this connection for so long
 *   X            shut the server down
 *   S            send the statistics
 *   E n          send n events of 1,000 bytes, which may be dropped, to every connection
 * Anything else comes back as it is.  Connections whose origin is "refuse" are refused.
 * In the environment: DROP drops events of slow readers, MAX_MB caps the memory, COMPRESSION
 * takes offers of permessage-deflate.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/dlist.h"
#include "net/net.h"

#define MESSAGE_SIZE (4 * 1024 * 1024)
#define OUT_LIMIT (8 * 1024 * 1024)

typedef struct Peer
{
	FoxNode		node;
	FoxConn    *conn;
	int			later;			/* 'D', 'F' or 'P': to be done outside a turn */
	long		amount;
	char		greeting[400];
} Peer;

static FoxNet *net;
static FoxNode peers;
static int	waiting;			/* peers with something to do later */
static bool stop;
static int	closes[FOX_CLOSE_SHUTDOWN + 1];

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
send_text(FoxConn *conn, const char *p, size_t n, bool binary)
{
	FoxBytes   *m = fox_bytes_new(p, n);

	fox_conn_send(conn, m, binary);
	fox_bytes_unref(m);
}

static void
send_all(const char *p, size_t n)
{
	FoxBytes   *m = fox_bytes_new(p, n);

	fox_list_each(node, &peers)
		fox_conn_send(fox_container(Peer, node, node)->conn, m, false);
	fox_bytes_unref(m);
}

static void
send_filler(FoxConn *conn, size_t n)
{
	char	   *p = malloc(n);

	memset(p, 'g', n);
	send_text(conn, p, n, false);
	free(p);
}

static void
send_events(long n)
{
	static char event[1000];
	FoxBytes   *m;

	memset(event, 'e', sizeof(event));
	m = fox_bytes_new(event, sizeof(event));
	while (n-- > 0)
		fox_list_each(node, &peers)
			fox_conn_send_event(fox_container(Peer, node, node)->conn, m, false, 0);
	fox_bytes_unref(m);
}

static void
send_stats(FoxConn *conn)
{
	FoxNetStats s;
	struct rusage r;
	char		text[512];
	int			n;

	fox_net_stats(net, &s);
	getrusage(RUSAGE_SELF, &r);
	n = snprintf(text, sizeof(text), "{\"connections\":%lu,\"accepted\":%lu,\"refused\":%lu,\"slow\":%lu,\"dead\":%lu,"
				 "\"big\":%lu,\"memory\":%lu,\"dropped\":%lu,\"in\":%lu,\"out\":%lu,\"queued\":%lu,\"cpu_us\":%ld,\"closes\":[%d,%d,%d,%d,%d]}",
				 s.connections, s.accepted, s.refused, s.slow_cut, s.dead_cut, s.too_big, s.memory_cut, s.events_dropped, s.bytes_in, s.bytes_out,
				 s.queued,
				 (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000L + r.ru_utime.tv_usec + r.ru_stime.tv_usec,
				 closes[0], closes[1], closes[2], closes[3], closes[4]);
	send_text(conn, text, (size_t) n, false);
}

static void *
on_open(void *ctx, FoxConn *conn, const FoxConnInfo *info)
{
	Peer	   *p;

	(void) ctx;
	if (strcmp(info->origin, "refuse") == 0)
	{
		send_text(conn, "never", 5, false);
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	p->conn = conn;
	fox_list_push(&peers, &p->node);
	if (strcmp(info->origin, "greet") == 0)
	{
		int			n = snprintf(p->greeting, sizeof(p->greeting), "%s %s %s %d", info->transport, info->peer, info->subprotocol,
							 info->loopback);

		send_text(conn, p->greeting, (size_t) n, false);
	}
	return p;
}

static void
on_message(void *gate, char *data, size_t len, bool binary)
{
	Peer	   *p = gate;
	char	   *rest = data + 1;
	static char filler[120];

	data[len] = '\0';			/* the contract: one spare byte */
	switch (data[0])
	{
		case 'B':
			send_all(rest, len - 1);
			break;
		case 'M':
			memset(filler, 'm', sizeof(filler));
			for (long i = 0, n = atol(rest); i < n; i++)
				send_all(filler, sizeof(filler));
			break;
		case 'E':
			send_events(atol(rest));
			break;
		case 'G':
			send_filler(p->conn, (size_t) atol(rest));
			break;
		case 'C':
			send_text(p->conn, "bye", 3, false);
			fox_conn_close(p->conn, 1000, "as you wish");
			send_text(p->conn, "late", 4, false);
			break;
		case 'P':
			fox_conn_pause(p->conn, true);
			/* FALLTHROUGH */
		case 'D':
		case 'F':
			waiting += p->later == 0;
			p->later = data[0];
			p->amount = data[0] == 'P' ? now_ms() + atol(rest) : atol(rest);
			break;
		case 'X':
			stop = true;
			break;
		case 'S':
			send_stats(p->conn);
			break;
		default:
			send_text(p->conn, data, len, binary);
	}
}

static void
on_close(void *gate, FoxCloseCause cause)
{
	Peer	   *p = gate;

	closes[cause]++;
	waiting -= p->later != 0;
	fox_list_del(&p->node);
	free(p);
	/* A session that ends may publish: to others, while this one is being closed. */
	fox_list_each(node, &peers)
		send_text(fox_container(Peer, node, node)->conn, "gone", 4, false);
}

static void
on_log(void *ctx, int level, const char *text)
{
	(void) ctx;
	fprintf(stderr, "log %d: %s\n", level, text);
}

static void
outside_turn(void)
{
	if (waiting == 0)
		return;
	fox_list_each(node, &peers)
	{
		Peer	   *p = fox_container(Peer, node, node);

		if (p->later == 0)
			continue;
		if (p->later == 'D')
			fox_conn_close(p->conn, 4001, "from outside");
		else if (p->later == 'F')
			for (long i = 0; i < p->amount; i++)
				send_filler(p->conn, 1000);
		else if (p->later == 'P')
		{
			if (now_ms() < p->amount)
				continue;
			fox_conn_pause(p->conn, false);
		}
		p->later = 0;
		waiting--;
	}
	fox_net_flush(net);
}

int
main(int argc, char **argv)
{
	FoxNetHandler handler = {NULL, on_open, on_message, NULL, on_close, on_log};
	FoxNetConfig config = {
		.listen_addresses = argc > 2 ? argv[2] : "127.0.0.1",
		.port = argc > 1 ? atoi(argv[1]) : 8099,
		.max_message_size = MESSAGE_SIZE,
		.out_hard_limit = OUT_LIMIT,
		.out_soft_limit = OUT_LIMIT / 2,
		.out_soft_time_ms = 2000,
		.drop_events = getenv("DROP") != NULL,
		.max_memory = getenv("MAX_MB") ? (size_t) atol(getenv("MAX_MB")) << 20 : SIZE_MAX,
		.ping_interval_ms = argc > 3 ? atoi(argv[3]) : 0,
		.ping_timeout_ms = argc > 4 ? atoi(argv[4]) : 1000,
		.max_connections = argc > 5 ? atoi(argv[5]) : 5000,
		.unix_socket = argc > 6 ? argv[6] : "",
		.compression = getenv("COMPRESSION") != NULL,
	};
	char		err[256];

	fox_list_init(&peers);
	net = fox_net_create(&config, &handler, err, sizeof(err));
	if (net == NULL)
	{
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!stop)
	{
		struct pollfd fd = {.fd = fox_net_fd(net), .events = POLLIN};
		int			timeout = fox_net_timeout_ms(net);

		poll(&fd, 1, timeout < 0 || timeout > 100 ? 100 : timeout);
		fox_net_turn(net);
		outside_turn();
	}
	fox_net_destroy(net);
	fprintf(stderr, "closes: peer %d lost %d slow %d too big %d shutdown %d\n",
			closes[0], closes[1], closes[2], closes[3], closes[4]);
	return fox_list_empty(&peers) ? 0 : 1;
}
