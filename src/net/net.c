/*
 * net.c - the loop: libwebsockets on a libuv loop that somebody else waits for.
 *
 * The loop is foreign to libwebsockets, so that its plug-in neither runs it nor takes
 * signals; the router's main waits on uv_backend_fd() and calls fox_net_turn().
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/digest.h"
#include "codec/proxies.h"
#include "net/http.h"
#include "net/link_private.h"

#define LOG_PER_SECOND 5
#define HANDSHAKES_MAX 256		/* sockets that are not a connection yet, beside max_connections */
#define OTHER_DESCRIPTORS 512	/* this process opens few files beside its sockets */
#define TURN_BYTES 65536		/* that a turn reads before it writes, and the rest of one reading */

static FoxNet *logging_net;		/* libwebsockets' log has no context of its own */

/* --- log --- */

static void __attribute__((format(printf, 3, 0)))
say(FoxNet *net, int level, const char *format, va_list args)
{
	char		text[512];

	vsnprintf(text, sizeof(text), format, args);
	if (net->handler.log != NULL)
		net->handler.log(net->handler.ctx, level, text);
}

/* Of what an administrator has done, which is not limited in rate. */
static void __attribute__((format(printf, 3, 4)))
tell(FoxNet *net, int level, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	say(net, level, format, args);
	va_end(args);
}

void
fox_net_log(FoxNet *net, int level, const char *format,...)
{
	uint64_t	second = uv_hrtime() / 1000000000u;
	va_list		args;

	if (second != net->log_second)
	{
		net->log_second = second;
		net->log_count = 0;
	}
	if (net->log_count++ >= LOG_PER_SECOND)
		return;
	va_start(args, format);
	say(net, level, format, args);
	va_end(args);
}

static void
lws_log(int level, const char *line)
{
	if (logging_net != NULL)
		fox_net_log(logging_net, level == LLL_ERR ? 2 : 1, "libwebsockets: %.*s", (int) strcspn(line, "\n"), line);
}

/* --- life --- */

static void
sweep(uv_timer_t *timer)
{
	FoxNet	   *net = timer->data;
	uint64_t	now = uv_now(&net->loop);

	fox_list_each(n, &net->conns)
		fox_conn_sweep(fox_container(FoxConn, in_net, n), now);
	fox_http_sweep(net, now);
}

/*
 * Sets the soft limit of descriptors to what the connections need and returns how
 * many sockets that allows.  libwebsockets finds a connection by its descriptor in
 * one step only while its own limit is the process's: given a smaller one it searches.
 * Others (files, the server's pipes) need descriptors too: accept() at the limit would
 * fail in a loop, so that the last ones are never given to sockets.
 */
static int
set_descriptor_limit(int max_connections)
{
	rlim_t		wanted = (rlim_t) max_connections + HANDSHAKES_MAX + OTHER_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		limit.rlim_cur = limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted ? limit.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
		if (limit.rlim_cur < wanted)
			return (int) (limit.rlim_cur > 2 * OTHER_DESCRIPTORS ? limit.rlim_cur - OTHER_DESCRIPTORS : limit.rlim_cur / 2);
	}
	return max_connections + HANDSHAKES_MAX;
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void) arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
close_loop(FoxNet *net)
{
	uv_walk(&net->loop, close_handle, NULL);
	for (int i = 0; i < 100 && uv_run(&net->loop, UV_RUN_NOWAIT) != 0; i++)
		;
	uv_loop_close(&net->loop);
}

/* What is left when libwebsockets has gone, or has not come. */
static void
abandon(FoxNet *net)
{
	fox_links_end(net);
	close_loop(net);
	fox_tls_free(net->tls);
	fox_limits_end(net);
	fox_map_free(&net->peers);
	fox_map_free(&net->proxied);
	logging_net = NULL;
	free(net);
}

FoxNet *
fox_net_create(const FoxNetConfig *config, const FoxNetHandler *handler, char *err, size_t errlen)
{
	FoxNet	   *net = calloc(1, sizeof(*net));
	struct lws_context_creation_info info;
	void	   *loops[1];

	if (net == NULL || uv_loop_init(&net->loop) != 0)
	{
		snprintf(err, errlen, "could not make the event loop");
		free(net);
		return NULL;
	}
	net->config = *config;
	net->handler = *handler;
	net->cookie_secret[0] = fox_random(net->cookie_secret + 1, sizeof(net->cookie_secret) - 1);
	net->max_sockets = set_descriptor_limit(config->max_connections);
	fox_list_init(&net->conns);
	fox_list_init(&net->dirty);
	fox_list_init(&net->rated);
	fox_list_init(&net->links);
	fox_look_ups_init(&net->look_ups, &net->loop);
	fox_limits_init(net);
	logging_net = net;
	lws_set_log_level(LLL_ERR | LLL_WARN, lws_log);

	if (config->tls_port != 0 && (net->tls = fox_tls_new(config, err, errlen)) == NULL)
	{
		abandon(net);
		return NULL;
	}

	memset(&info, 0, sizeof(info));
	loops[0] = &net->loop;
	info.foreign_loops = loops;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	if (net->tls != NULL)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.user = net;
	info.pt_serv_buf_size = 65536;
	info.max_http_header_pool2 = (unsigned) net->max_sockets;	/* no handshake waits for another one's headers */
	net->context = lws_create_context(&info);
	if (net->context == NULL)
	{
		snprintf(err, errlen, "libwebsockets could not start (is the package libwebsockets-evlib-uv installed?)");
		abandon(net);
		return NULL;
	}
	uv_timer_init(&net->loop, &net->sweep);
	net->sweep.data = net;
	uv_timer_start(&net->sweep, sweep, 1000, 1000);
	uv_timer_init(&net->loop, &net->rate_timer);
	net->rate_timer.data = net;
	fox_longpoll_init(net);
	if (!fox_http_init(net))
	{
		snprintf(err, errlen, "could not make an epoll");
		fox_net_destroy(net);
		return NULL;
	}
	if (!fox_listen(net, err, errlen))
	{
		fox_net_destroy(net);
		return NULL;
	}
	return net;
}

bool
fox_net_proxies_valid(const char *list)
{
	return fox_proxies_valid(list);
}

void
fox_net_configure(FoxNet *net, const FoxNetConfig *config)
{
	int			port = net->config.port;
	int			tls_port = net->config.tls_port;
	int			more_port = net->config.more_port;
	int			more_tls_port = net->config.more_tls_port;
	char		err[440];

	net->config = *config;
	net->config.port = port;
	net->config.tls_port = tls_port;
	net->config.more_port = more_port;
	net->config.more_tls_port = more_tls_port;
	if (net->tls != NULL && !fox_tls_reload(net->tls, config, err, sizeof(err)))
		tell(net, 2, "%s; the TLS port goes on with what it had", err);
}

void
fox_net_destroy(FoxNet *net)
{
	/* What is queued leaves, as far as the sockets take it; then every connection is told. */
	net->shutting_down = true;
	fox_net_flush(net);
	fox_list_each(n, &net->conns)
		fox_conn_close(fox_container(FoxConn, in_net, n), LWS_CLOSE_STATUS_GOINGAWAY, "server shuts down");
	fox_net_flush(net);
	fox_links_end(net);
	for (int i = 0; i < 3; i++)
		uv_run(&net->loop, UV_RUN_NOWAIT);

	fox_longpoll_end(net);
	fox_unlisten(net);
	uv_close((uv_handle_t *) &net->sweep, NULL);
	uv_close((uv_handle_t *) &net->rate_timer, NULL);
	fox_http_attend(net);
	lws_context_destroy(net->context);
	fox_http_end(net);
	for (int i = 0; i < 100 && uv_run(&net->loop, UV_RUN_NOWAIT) != 0; i++)
		;
	lws_context_destroy(net->context);	/* with a foreign loop the second call frees */
	abandon(net);
}

/* --- turns --- */

int
fox_net_fd(const FoxNet *net)
{
	return uv_backend_fd(&net->loop);
}

/* Watchers that libuv has not armed yet: it does so only inside uv_run. */
static bool
has_unarmed(const FoxNet *net)
{
	return net->loop.watcher_queue[0] != (void *) &net->loop.watcher_queue;
}

int
fox_net_timeout_ms(const FoxNet *net)
{
	if (has_unarmed(net) || fox_links_wait(net) || !fox_list_empty(&net->dirty) || !fox_list_empty(&net->busy_https))
		return 0;
	return fox_limits_timeout_ms(net, uv_backend_timeout(&net->loop));
}

/*
 * OpenSSL has read more than was asked of it, which no socket tells.  libwebsockets goes
 * on with that once by itself, then it has to be woken.
 */
static bool
goes_on(FoxNet *net)
{
	if (net->tls == NULL || lws_service_adjust_timeout(net->context, 1, 0) != 0)
		return false;
	lws_cancel_service(net->context);
	return true;
}

/*
 * libwebsockets reads FOX_RX_SIZE of a WebSocket at a time.  Where so much has come more is
 * likely to wait, and what is read before the flush leaves in the same writes.
 */
static bool
reads_on(const FoxNet *net, uint64_t turn_began, uint64_t round_began)
{
	return net->stats.bytes_in - round_began >= FOX_RX_SIZE / 2 && net->stats.bytes_in - turn_began < TURN_BYTES;
}

void
fox_net_turn(FoxNet *net)
{
	uint64_t	turn_began = net->stats.bytes_in;
	uint64_t	round_began;
	int			rounds = 0;

	fox_http_attend(net);
	fox_links_attend(net);
	do
	{
		round_began = net->stats.bytes_in;
		uv_run(&net->loop, UV_RUN_NOWAIT);
	}
	while (reads_on(net, turn_began, round_began) || ((goes_on(net) || has_unarmed(net)) && ++rounds < 3));
	fox_net_flush(net);
	fox_limits_judge(net);
}

void
fox_net_flush(FoxNet *net)
{
	/* A connection that waits for its socket leaves the list; the writable callback goes on with it. */
	while (!fox_list_empty(&net->dirty))
	{
		FoxConn    *conn = fox_container(FoxConn, in_dirty, net->dirty.next);

		fox_list_del(&conn->in_dirty);
		fox_conn_flush(conn);
	}
	fox_links_flush(net);
}

void
fox_net_stats(const FoxNet *net, FoxNetStats *stats)
{
	*stats = net->stats;
}
