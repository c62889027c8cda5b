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

/* Plain HTTP: there is nothing here for a browser yet; a WebSocket must name a subprotocol. */
static int
http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	FoxNet	   *net;

	switch (reason)
	{
		case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
			net = lws_context_user(lws_get_context(wsi));
			if (net->stats.connections >= (uint64_t) net->config.max_connections)
			{
				net->stats.refused++;
				return 1;
			}
			return 0;
		case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
			net = lws_context_user(lws_get_context(wsi));
			net->stats.refused++;
			lws_return_http_status(wsi, HTTP_STATUS_BAD_REQUEST, "the subprotocol must be wamp.2.json");
			return -1;
		case LWS_CALLBACK_HTTP:
			if (lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, "fox_wamp: WebSocket endpoint") < 0 ||
				lws_http_transaction_completed(wsi))
				return -1;
			return 0;
		default:
			return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}

static const struct lws_protocols protocols[] = {
	{.name = "http", .callback = http_callback, .rx_buffer_size = 1024},
	{.name = "wamp.2.json", .callback = fox_conn_callback, .per_session_data_size = sizeof(FoxConn), .rx_buffer_size = 2048},
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
	info.options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND;
	info.timeout_secs = 10;
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

	snprintf(list, sizeof(list), "%s", net->config.listen_addresses);
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
