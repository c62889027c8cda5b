/*
 * listener.c - the addresses that the router listens on.
 *
 * libwebsockets with IPv6 takes an IPv4 literal as interface for "any address", so
 * every literal gets a vhost of its own with the other family switched off, and each
 * is bound once by hand first: that tells what is wrong in words.  A unix socket is a
 * vhost as well.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/deflate.h"
#include "net/http.h"
#include "net/subprotocol.h"

/* libwebsockets' own pings know nothing of ours and of paused connections: none. */
static const lws_retry_bo_t no_pings;

/*
 * Every connection is accepted as a RawSocket and then taken for HTTP, until its first byte tells.  libwebsockets
 * frees the RawSocket's data at the end of it only if the protocol of that moment has data as well.
 *
 * What a WebSocket may ask for stands behind the first two, each as in subprotocol.c.  Without tx_packet_size no
 * write would take more than rx_buffer_size bytes.
 */
#define WEBSOCKET(subprotocol) \
	{.name = subprotocol, .callback = fox_websocket_callback, .per_session_data_size = sizeof(FoxConn), \
	.rx_buffer_size = FOX_RX_SIZE, .tx_packet_size = FOX_OUT_CHUNK}

static lws_callback_function http_callback;

static const struct lws_protocols protocols[] = {
	{.name = "http", .callback = http_callback, .per_session_data_size = sizeof(FoxConn), .rx_buffer_size = 1024},
	{.name = "rawsocket", .callback = fox_rawsocket_callback, .per_session_data_size = sizeof(FoxConn),
	.tx_packet_size = FOX_OUT_CHUNK},
	WEBSOCKET("wamp.2.json"),
	WEBSOCKET("wamp.2.msgpack"),
	WEBSOCKET("wamp.2.cbor"),
	WEBSOCKET("wamp.2.json.batched"),
	WEBSOCKET("wamp.2.msgpack.batched"),
	WEBSOCKET("wamp.2.cbor.batched"),
	WEBSOCKET("mqtt"),
	WEBSOCKET("mqttv3.1"),
	{0}
};

bool
fox_listener_full(const FoxNet *net)
{
	return net->limits.pressed || net->stats.connections >= (uint64_t) net->config.max_connections;
}

static bool
names_subprotocol(struct lws *wsi)
{
	char		list[256];
	char	   *rest = list;
	char	   *item;

	if (lws_hdr_copy(wsi, list, sizeof(list), WSI_TOKEN_PROTOCOL) <= 0)
		return false;
	while ((item = strsep(&rest, ", \t")) != NULL)
		if (fox_subprotocol(fox_cstr(item)) != NULL)
			return true;
	return false;
}

/* Says why, and ends the connection. */
static int
refuse(struct lws *wsi, unsigned status, const char *text)
{
	unsigned char buf[LWS_PRE + 512];
	unsigned char *start = buf + LWS_PRE;
	unsigned char *p = start;
	unsigned char *end = buf + sizeof(buf) - 1;
	size_t		len = strlen(text);

	if (!lws_add_http_common_headers(wsi, status, "text/plain", len, &p, end) &&
		!lws_add_http_header_by_token(wsi, WSI_TOKEN_CONNECTION, (const unsigned char *) "close", 5, &p, end) &&
		!lws_finalize_write_http_header(wsi, start, &p, end) && lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) == 0)
	{
		memcpy(start, text, len);
		(void) lws_write(wsi, start, len, LWS_WRITE_HTTP_FINAL);
	}
	return -1;
}

/* 0: go on; otherwise the client has been answered. */
static int
confirm_upgrade(FoxNet *net, struct lws *wsi, const char *to)
{
	FoxConnInfo info;
	unsigned	status = HTTP_STATUS_BAD_REQUEST;
	const char *text = "fox_wamp: ask for the WebSocket subprotocol wamp.2.json, wamp.2.msgpack, wamp.2.cbor or mqtt\n";

	fox_peer_of_request(wsi, &info);
	if (fox_listener_full(net))
	{
		status = HTTP_STATUS_SERVICE_UNAVAILABLE;
		text = "fox_wamp: too many connections\n";
	}
	else if (fox_address_full(net, &info))
	{
		status = 429;
		text = "fox_wamp: too many connections from your address\n";
	}
	else if (to != NULL && strcasecmp(to, "websocket") == 0 && names_subprotocol(wsi))
		return 0;
	net->stats.refused++;
	return refuse(wsi, status, text);
}

/* Every connection, until it is known for what it is; of HTTP the handshakes of WebSockets only (http.c). */
static int
http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	FoxNet	   *net = lws_context_user(lws_get_context(wsi));
	switch (reason)
	{
		case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
			if (net->limits.pressed || net->sockets >= net->max_sockets)
			{
				net->stats.refused++;
				return 1;
			}
			return 0;
		case LWS_CALLBACK_WSI_CREATE:
			net->sockets++;
			return 0;
		case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
			fox_http_greet(net, wsi);
			return 0;
		case LWS_CALLBACK_WSI_DESTROY:
			net->sockets--;
			fox_http_destroyed(net, wsi);
			fox_proxied_gone(net, wsi);
			return 0;
		case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
			fox_tls_serve(net->tls, user);
			return 0;
		case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
			return confirm_upgrade(net, wsi, in);
		case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
			/* The list has ours, but libwebsockets took the name of this protocol, which stands before it. */
			net->stats.refused++;
			return -1;
		default:
			return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static bool
can_bind(const char *address, int port, char *err, size_t errlen)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t) port)};
	bool		is6 = address != NULL && inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
	int			one = 1;
	int			fd;
	bool		bound;

	if (address != NULL && !is6 && inet_pton(AF_INET, address, &in4.sin_addr) != 1)
	{
		snprintf(err, errlen, "\"%s\" in fox_wamp.listen_addresses is not an IP address", address);
		return false;
	}
	fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && is6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
		bind(fd, is6 ? (struct sockaddr *) &in6 : (struct sockaddr *) &in4, is6 ? sizeof(in6) : sizeof(in4)) == 0 &&
		listen(fd, 1) == 0;
	if (!bound)
		snprintf(err, errlen, "could not listen on %s:%d: %s", address ? address : "*", port, strerror(errno));
	if (fd >= 0)
		close(fd);
	return bound;
}

/* What all addresses have in common; libwebsockets keeps the name's pointer. */
static void
vhost_info(struct lws_context_creation_info *info)
{
	memset(info, 0, sizeof(*info));
	info->vhost_name = "fox_wamp";
	info->protocols = protocols;
	info->extensions = fox_deflate_extension;
	info->options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG;
	info->listen_accept_role = "raw-skt";
	info->listen_accept_protocol = "rawsocket";
	info->timeout_secs = 10;
	info->retry_and_idle_policy = &no_pings;
}

static bool
listen_on(FoxNet *net, const char *address, int port, bool tls, char *err, size_t errlen)
{
	struct lws_context_creation_info info;

	if (!can_bind(address, port, err, errlen))
		return false;
	vhost_info(&info);
	info.port = port;
	if (tls)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
			LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;	/* reading them takes seconds; we are nobody's client */
	info.iface = address;
	info.ka_time = 60;
	info.ka_probes = 3;
	info.ka_interval = 10;
	if (address != NULL && strchr(address, ':') == NULL)
		info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
	else if (address != NULL)
		info.options |= LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY | LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE;
	if (lws_create_vhost(net->context, &info) == NULL)
	{
		snprintf(err, errlen, "could not listen on %s:%d", address ? address : "*", port);
		return false;
	}
	return true;
}

/* The file of a socket that nobody listens on any more goes; false: something else is there. */
static bool
clear_unix_path(const struct sockaddr_un *a, char *err, size_t errlen)
{
	struct stat st;
	int			fd;
	bool		stale;

	if (lstat(a->sun_path, &st) != 0)
	{
		if (errno == ENOENT)
			return true;
		snprintf(err, errlen, "could not listen on %s: %s", a->sun_path, strerror(errno));
		return false;
	}
	if (!S_ISSOCK(st.st_mode))
	{
		snprintf(err, errlen, "could not listen on %s: it is not a socket", a->sun_path);
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	stale = fd >= 0 && connect(fd, (const struct sockaddr *) a, sizeof(*a)) != 0 && errno == ECONNREFUSED &&
		unlink(a->sun_path) == 0;
	if (!stale)
		snprintf(err, errlen, "could not listen on %s: %s", a->sun_path, strerror(EADDRINUSE));
	if (fd >= 0)
		close(fd);
	return stale;
}

/* Its file is for the server's user alone. */
static bool
listen_on_unix(FoxNet *net, const char *path, char *err, size_t errlen)
{
	struct lws_context_creation_info info;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct lws_vhost *vhost;
	mode_t		mask;

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s", path) >= (int) sizeof(a.sun_path))
	{
		snprintf(err, errlen, "fox_wamp.unix_socket is longer than %zu bytes", sizeof(a.sun_path) - 1);
		return false;
	}
	if (!clear_unix_path(&a, err, errlen))
		return false;
	vhost_info(&info);
	memcpy(net->unix_path, a.sun_path, sizeof(net->unix_path));
	info.options |= LWS_SERVER_OPTION_UNIX_SOCK;
	info.iface = net->unix_path;	/* at the end it is unlinked */
	mask = umask(077);
	vhost = lws_create_vhost(net->context, &info);
	umask(mask);
	if (vhost == NULL)
	{
		snprintf(err, errlen, "could not listen on %s", path);
		return false;
	}
	return true;
}

void
fox_unlisten(FoxNet *net)
{
	if (net->unix_path[0] != '\0')
		unlink(net->unix_path);
	net->unix_path[0] = '\0';
}

bool
fox_listen(FoxNet *net, char *err, size_t errlen)
{
	char	   *rest = net->addresses;
	char	   *item;
	bool		any = false;

	if (snprintf(net->addresses, sizeof(net->addresses), "%s", net->config.listen_addresses) >= (int) sizeof(net->addresses))
	{
		snprintf(err, errlen, "fox_wamp.listen_addresses is too long");
		return false;
	}
	while ((item = strsep(&rest, ",")) != NULL)
	{
		item += strspn(item, " \t");
		item[strcspn(item, " \t")] = '\0';
		if (*item == '\0')
			continue;
		if (strcmp(item, "localhost") == 0)
			item = "127.0.0.1";
		if (strcmp(item, "*") == 0)
			item = NULL;
		if (!listen_on(net, item, net->config.port, false, err, errlen) ||
			(net->config.more_port != 0 && !listen_on(net, item, net->config.more_port, false, err, errlen)) ||
			(net->tls != NULL && !listen_on(net, item, net->config.tls_port, true, err, errlen)) ||
			(net->tls != NULL && net->config.more_tls_port != 0 && !listen_on(net, item, net->config.more_tls_port, true, err, errlen)))
			return false;
		any = true;
	}
	if (!any)
		snprintf(err, errlen, "fox_wamp.listen_addresses is empty");
	else if (net->config.unix_socket != NULL && net->config.unix_socket[0] != '\0')
		return listen_on_unix(net, net->config.unix_socket, err, errlen);
	return any;
}
