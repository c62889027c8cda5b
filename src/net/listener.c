/*
 * listener.c - the addresses that the router listens on.
 *
 * libwebsockets with IPv6 takes an IPv4 literal as interface for "any address", so
 * every literal gets a vhost of its own with the other family switched off, and each
 * is bound once by hand first: that tells what is wrong in words.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/internal.h"

#define SUBPROTOCOL "wamp.2.json"

/* libwebsockets' own pings know nothing of ours and of paused connections: none. */
static const lws_retry_bo_t no_pings;

static bool
names_subprotocol(struct lws *wsi)
{
	char		list[256];
	char	   *rest = list;
	char	   *item;

	if (lws_hdr_copy(wsi, list, sizeof(list), WSI_TOKEN_PROTOCOL) <= 0)
		return false;
	while ((item = strsep(&rest, ", \t")) != NULL)
		if (strcmp(item, SUBPROTOCOL) == 0)
			return true;
	return false;
}

/* True: the connection may serve another request.  A body that came with this one is not read. */
static bool
http_answer(struct lws *wsi, unsigned status, const char *text)
{
	unsigned char buf[LWS_PRE + 512];
	unsigned char *start = buf + LWS_PRE;
	unsigned char *p = start;
	unsigned char *end = buf + sizeof(buf) - 1;
	size_t		len = strlen(text);
	bool		get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0;

	if (lws_add_http_common_headers(wsi, status, "text/plain", len, &p, end) ||
		(!get && lws_add_http_header_by_token(wsi, WSI_TOKEN_CONNECTION, (const unsigned char *) "close", 5, &p, end)) ||
		lws_finalize_write_http_header(wsi, start, &p, end) ||
		lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0)
		return false;
	memcpy(start, text, len);
	return lws_write(wsi, start, len, LWS_WRITE_HTTP_FINAL) == (int) len && get;
}

/* Plain HTTP: there is nothing here for a browser yet; a WebSocket must name a subprotocol. */
static int
http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	FoxNet	   *net = lws_context_user(lws_get_context(wsi));

	switch (reason)
	{
		case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
			if (net->stats.connections >= (uint64_t) net->config.max_connections ||
				net->sockets >= net->max_sockets)
			{
				net->stats.refused++;
				return 1;
			}
			return 0;
		case LWS_CALLBACK_WSI_CREATE:
			net->sockets++;
			return 0;
		case LWS_CALLBACK_WSI_DESTROY:
			net->sockets--;
			return 0;
		case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
			if (in != NULL && strcasecmp(in, "websocket") == 0 && names_subprotocol(wsi))
				return 0;
			net->stats.refused++;
			return http_answer(wsi, HTTP_STATUS_BAD_REQUEST, "fox_wamp: ask for the WebSocket subprotocol " SUBPROTOCOL "\n") ? 1 : -1;
		case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
			/* The list has ours, but libwebsockets took the name of this protocol, which stands before it. */
			net->stats.refused++;
			return -1;
		case LWS_CALLBACK_HTTP:
			if (!http_answer(wsi, HTTP_STATUS_NOT_FOUND, "fox_wamp: WebSocket endpoint\n") ||
				lws_http_transaction_completed(wsi))
				return -1;
			return 0;
		case LWS_CALLBACK_RAW_ADOPT:
			return -1;			/* not HTTP */
		default:
			return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

/* Without tx_packet_size no write would take more than rx_buffer_size bytes. */
static const struct lws_protocols protocols[] = {
	{.name = "http", .callback = http_callback, .rx_buffer_size = 1024},
	{.name = SUBPROTOCOL, .callback = fox_conn_callback, .per_session_data_size = sizeof(FoxConn),
	.rx_buffer_size = FOX_RX_SIZE, .tx_packet_size = FOX_OUT_CHUNK},
	{0}
};

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

static bool
listen_on(FoxNet *net, const char *address, char *err, size_t errlen)
{
	char		name[96];
	struct lws_context_creation_info info;

	if (!can_bind(address, net->config.port, err, errlen))
		return false;
	memset(&info, 0, sizeof(info));
	snprintf(name, sizeof(name), "fox_wamp %s", address ? address : "*");
	info.vhost_name = name;
	info.port = net->config.port;
	info.iface = address;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_FALLBACK_TO_APPLY_LISTEN_ACCEPT_CONFIG;
	info.listen_accept_role = "raw-skt";
	info.listen_accept_protocol = "http";
	info.timeout_secs = 10;
	info.retry_and_idle_policy = &no_pings;
	info.ka_time = 60;
	info.ka_probes = 3;
	info.ka_interval = 10;
	if (address != NULL && strchr(address, ':') == NULL)
		info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
	else if (address != NULL)
		info.options |= LWS_SERVER_OPTION_IPV6_V6ONLY_MODIFY | LWS_SERVER_OPTION_IPV6_V6ONLY_VALUE;
	if (lws_create_vhost(net->context, &info) == NULL)
	{
		snprintf(err, errlen, "could not listen on %s:%d", address ? address : "*", net->config.port);
		return false;
	}
	return true;
}

bool
fox_listen(FoxNet *net, char *err, size_t errlen)
{
	char		list[512];
	char	   *rest = list;
	char	   *item;
	bool		any = false;

	if (snprintf(list, sizeof(list), "%s", net->config.listen_addresses) >= (int) sizeof(list))
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
		if (!listen_on(net, strcmp(item, "*") == 0 ? NULL : item, err, errlen))
			return false;
		any = true;
	}
	if (!any)
		snprintf(err, errlen, "fox_wamp.listen_addresses is empty");
	return any;
}
