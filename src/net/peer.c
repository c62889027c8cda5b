/*
 * peer.c - who is at the other end of a socket.
 */
#define _GNU_SOURCE				/* struct ucred */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "net/internal.h"
#include "codec/http_req.h"
#include "codec/proxies.h"

static void
unix_peer(int fd, FoxConnInfo *info)
{
	struct ucred who;
	socklen_t	len = sizeof(who);

	info->loopback = true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		snprintf(info->peer, sizeof(info->peer), "unix:%ld", (long) who.pid);
	else
		snprintf(info->peer, sizeof(info->peer), "unix");
}

/*
 * Somebody whom a proxy has passed on is not from the loopback address, wherever the proxy is.  Of TLS it tells
 * about the client's way to it: the rest of the way is to be confidential as well.
 */
static void
take_told(const FoxProxyHeader *told, FoxConnInfo *info)
{
	if (told->client == FOX_PROXY_TOLD)
		snprintf(info->peer, sizeof(info->peer), "%s", told->peer);
	if (told->tls == FOX_PROXY_TLS_UNTOLD)
		info->confidential = info->tls;
	else
		info->confidential = info->confidential && told->tls == FOX_PROXY_TLS_YES;
	info->loopback = false;
}

bool
fox_peer_address(struct lws *wsi, FoxConnInfo *info)
{
	const FoxProxyHeader *told = fox_proxied(lws_context_user(lws_get_context(wsi)), wsi);
	struct sockaddr_storage a;
	socklen_t	len = sizeof(a);
	char		host[INET6_ADDRSTRLEN] = "?";
	int			fd = lws_get_socket_fd(wsi);
	bool		tls;

	snprintf(info->peer, sizeof(info->peer), "?");
	info->loopback = false;
	info->tls = info->confidential = tls = fox_tls_peer(wsi, info->certificate, sizeof(info->certificate));
	if (getpeername(fd, (struct sockaddr *) &a, &len) != 0)
		return false;
	if (a.ss_family == AF_UNIX)
	{
		unix_peer(fd, info);
		info->confidential = true;
		return true;
	}
	if (a.ss_family == AF_INET)
	{
		struct sockaddr_in *in4 = (struct sockaddr_in *) &a;

		inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
		snprintf(info->peer, sizeof(info->peer), "%s:%d", host, ntohs(in4->sin_port));
		info->loopback = (ntohl(in4->sin_addr.s_addr) >> 24) == 127;
	}
	else if (a.ss_family == AF_INET6)
	{
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &a;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(info->peer, sizeof(info->peer), "[%s]:%d", host, ntohs(in6->sin6_port));
		info->loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
			(IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == 127);
	}
	info->confidential = tls || info->loopback;
	if (told != NULL)
		take_told(told, info);
	return false;
}

void
fox_peer_host(const char *peer, char *host, size_t size)
{
	const char *end = strrchr(peer, ':');

	snprintf(host, size, "%s", peer);
	if (end != NULL && (size_t) (end - peer) < size)
		host[end - peer] = '\0';
	if (host[0] == '[')
	{
		memmove(host, host + 1, strlen(host));
		host[strcspn(host, "]")] = '\0';
	}
}

/*
 * A request that a proxy has passed on is not from the loopback address, wherever the proxy is.  Who it is from, and
 * whether it came confidentially, is told by trusted proxies alone.
 */
static void
see_through_proxy(const FoxNet *net, const char *forwarded_for, const char *proto, FoxConnInfo *info)
{
	bool		safe_link = info->confidential;
	char		address[sizeof(info->peer)];

	info->loopback = false;
	info->confidential = info->tls;
	fox_peer_host(info->peer, address, sizeof(address));
	if (!fox_proxies_hold(net->config.trusted_proxies, address) || forwarded_for[0] == '\0' ||
		!fox_proxies_client(net->config.trusted_proxies, forwarded_for, address, sizeof(address)))
		return;
	snprintf(info->peer, sizeof(info->peer), strchr(address, ':') != NULL ? "[%.40s]:0" : "%.40s:0", address);
	if (proto[0] != '\0')
		info->confidential = safe_link && (strcmp(proto, "https") == 0 || strcmp(proto, "wss") == 0);
}

void
fox_peer_of_request(struct lws *wsi, FoxConnInfo *info)
{
	char		forwarded_for[512] = "";
	char		proto[8] = "";
	bool		forwarded = lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0 ||
		lws_hdr_custom_length(wsi, "forwarded:", 10) > 0;

	(void) fox_peer_address(wsi, info);
	if (lws_hdr_copy(wsi, forwarded_for, sizeof(forwarded_for), WSI_TOKEN_X_FORWARDED_FOR) < 0)
		forwarded_for[0] = '\0';
	if (lws_hdr_custom_copy(wsi, proto, sizeof(proto), "x-forwarded-proto:", 18) < 0)
		proto[0] = '\0';
	if (forwarded)
		see_through_proxy(lws_context_user(lws_get_context(wsi)), forwarded_for, proto, info);
	if (lws_hdr_copy(wsi, info->origin, sizeof(info->origin), WSI_TOKEN_ORIGIN) < 0)
		info->origin[0] = '\0';
}

/* Empty if there is none, or if it is too long to be true. */
static void
copy_header(FoxSlice headers, const char *name, char *out, size_t size)
{
	FoxSlice	value = fox_http_header(headers, name);

	if (fox_absent(value) || value.len >= size)
		value = FOX_LIT("");
	memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
}

void
fox_peer_of_headers(const FoxNet *net, FoxSlice headers, FoxConnInfo *info)
{
	char		forwarded_for[512];
	char		proto[8];

	copy_header(headers, "x-forwarded-for", forwarded_for, sizeof(forwarded_for));
	copy_header(headers, "x-forwarded-proto", proto, sizeof(proto));
	if (!fox_absent(fox_http_header(headers, "x-forwarded-for")) || !fox_absent(fox_http_header(headers, "forwarded")))
		see_through_proxy(net, forwarded_for, proto, info);
	copy_header(headers, "origin", info->origin, sizeof(info->origin));
}
