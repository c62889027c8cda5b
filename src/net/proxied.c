/*
 * proxied.c - connections that begin with a PROXY header, and what it told of them.
 *
 * The header comes before TLS and before the first bytes that tell a protocol.  No byte
 * behind it is taken from the socket, so that whoever reads next begins where the client did.
 * What was told is kept beside the connections: libwebsockets owns theirs, and few have any.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "codec/proxies.h"
#include "net/internal.h"

static const struct
{
	const char *name;
	unsigned	port;
}			names[] = {
	{"port", FOX_PORT_PLAIN}, {"tls_port", FOX_PORT_TLS}, {"mqtt_port", FOX_PORT_MORE}, {"mqtt_tls_port", FOX_PORT_MORE_TLS}
};

/* 0: no port has that name. */
static unsigned
port_named(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len && memcmp(names[i].name, name, len) == 0)
			return names[i].port;
	return 0;
}

bool
fox_net_ports(const char *list, unsigned *ports)
{
	static const char blanks[] = " \t";

	*ports = 0;
	list += strspn(list, blanks);
	while (*list != '\0')
	{
		size_t		len = strcspn(list, ", \t");
		unsigned	port = port_named(list, len);

		if (port == 0)
			return false;
		*ports |= port;
		list += len;
		list += strspn(list, blanks);
		if (*list == '\0')
			return true;
		if (*list++ != ',')
			return false;
		list += strspn(list, blanks);
		if (*list == '\0')
			return false;
	}
	return true;
}

/* Which of the configuration's ports a connection came by; 0: the unix socket. */
static unsigned
port_of(const FoxNetConfig *config, struct lws *wsi)
{
	int			port = lws_get_vhost_listen_port(lws_get_vhost(wsi));

	if (port <= 0)
		return 0;
	return port == config->port ? FOX_PORT_PLAIN : port == config->tls_port ? FOX_PORT_TLS :
		port == config->more_port ? FOX_PORT_MORE : port == config->more_tls_port ? FOX_PORT_MORE_TLS : 0;
}

bool
fox_proxied_by(const FoxNet *net, struct lws *wsi)
{
	FoxConnInfo info;
	char		host[sizeof(info.peer)];

	if ((net->config.proxy_protocol & port_of(&net->config, wsi)) == 0 || fox_peer_address(wsi, &info))
		return false;
	fox_peer_host(info.peer, host, sizeof(host));
	return fox_proxies_hold(net->config.trusted_proxies, host);
}

/* False: there is no memory for it. */
static bool
keep(FoxNet *net, struct lws *wsi, const FoxProxyHeader *header)
{
	FoxProxyHeader *kept;

	if (header->client == FOX_PROXY_ITSELF)
		return true;
	if ((kept = malloc(sizeof(*kept))) == NULL)
		return false;
	*kept = *header;
	if (fox_idmap_put(&net->proxied, (uint64_t) (uintptr_t) wsi, kept))
		return true;
	free(kept);
	return false;
}

static FoxProxyResult
refuse(FoxNet *net, struct lws *wsi, const char *fault)
{
	FoxConnInfo info;

	(void) fox_peer_address(wsi, &info);
	net->stats.refused++;
	fox_net_log(net, 2, "the PROXY header that %s began with was refused: %s", info.peer, fault);
	return FOX_PROXY_BAD;
}

/* Takes so many bytes of the socket, which are known to be there. */
static bool
take(int fd, FoxBuf *to, size_t len)
{
	char	   *p = fox_buf_reserve(to, len);

	if (p == NULL || recv(fd, p, len, MSG_DONTWAIT) != (ssize_t) len)
		return false;
	to->len += len;
	return true;
}

/* What is there just now. */
static FoxProxyResult
read_on(FoxNet *net, struct lws *wsi, FoxBuf *come, bool *nothing_now)
{
	int			fd = lws_get_socket_fd(wsi);
	size_t		had = come->len;
	char		ahead[FOX_PROXY_MAX];
	ssize_t		n;
	FoxProxyHeader header;
	FoxProxyResult result;

	if (had > 0)
		memcpy(ahead, come->data, had);
	n = recv(fd, ahead + had, sizeof(ahead) - had, MSG_PEEK | MSG_DONTWAIT);
	*nothing_now = n < 0 && errno == EAGAIN;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return FOX_PROXY_MORE;
	if (n <= 0)
		return had == 0 ? FOX_PROXY_BAD : refuse(net, wsi, "the stream ended within it");
	result = fox_proxy_header(ahead, had + (size_t) n, &header);
	if (result == FOX_PROXY_BAD)
		return refuse(net, wsi, header.fault);
	if (!take(fd, come, result == FOX_PROXY_MORE ? (size_t) n : header.len - had) ||
		(result == FOX_PROXY_DONE && !keep(net, wsi, &header)))
		return refuse(net, wsi, "there was no memory for it");
	return result;
}

FoxProxyResult
fox_proxied_read(FoxNet *net, struct lws *wsi, FoxBuf *come)
{
	FoxProxyResult result;
	bool		nothing_now;

	/* Until the socket has no more: what came together with the last octet, an end too, is told of only once. */
	do
		result = read_on(net, wsi, come, &nothing_now);
	while (result == FOX_PROXY_MORE && !nothing_now);
	if (result == FOX_PROXY_DONE)
		fox_buf_free(come);
	return result;
}

const FoxProxyHeader *
fox_proxied(const FoxNet *net, struct lws *wsi)
{
	return net->proxied.count == 0 ? NULL : fox_idmap_get(&net->proxied, (uint64_t) (uintptr_t) wsi);
}

void
fox_proxied_gone(FoxNet *net, struct lws *wsi)
{
	if (net->proxied.count > 0)
		free(fox_idmap_del(&net->proxied, (uint64_t) (uintptr_t) wsi));
}
