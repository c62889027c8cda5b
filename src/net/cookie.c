/*
 * cookie.c - the cookie of a WebSocket's handshake (see cookie.h).
 *
 * The token is given before the connection has a place to keep it: what is kept is its
 * number, and the token is made of that and a secret of this process.
 */
#include <stdio.h>

#include "base/digest.h"
#include "codec/cookie.h"
#include "net/cookie.h"

static bool
is_secure(struct lws *wsi, const FoxConnInfo *info)
{
	return lws_get_ssl(wsi) != NULL || (info->confidential && !info->loopback);
}

static void
token_of(const FoxNet *net, uint64_t number, char token[FOX_COOKIE + 1])
{
	unsigned char mac[FOX_SHA256];
	FoxBuf		text = {0};

	token[0] = '\0';
	if (net->cookie_secret[0] == 0 ||
		!fox_hmac_sha256(fox_bytes_slice(net->cookie_secret + 1, sizeof(net->cookie_secret) - 1),
						 fox_slice((const char *) &number, sizeof(number)), mac))
		return;
	fox_hex_encode(fox_bytes_slice(mac, sizeof(mac)), &text);
	if (!text.failed)
		snprintf(token, FOX_COOKIE + 1, "%.*s", FOX_COOKIE, text.data);
	fox_buf_free(&text);
}

bool
fox_cookie_answers(FoxConn *conn, struct lws *wsi, struct lws_process_html_args *headers)
{
	FoxNet	   *net = lws_context_user(lws_get_context(wsi));
	FoxConnInfo info = {0};
	char		token[FOX_COOKIE + 1];
	FoxBuf		value = {0};
	unsigned char *p = (unsigned char *) headers->p;
	bool		added;

	conn->cookie_number = 0;
	if (net->config.cookie_seconds == 0)
		return true;
	fox_peer_of_request(wsi, &info);
	if (!info.confidential)
		return true;
	token_of(net, net->last_cookie + 1, token);
	if (token[0] == '\0')
		return true;
	conn->cookie_number = ++net->last_cookie;
	fox_cookie_put(&value, fox_cookie_name(is_secure(wsi, &info)), token, is_secure(wsi, &info), net->config.cookie_seconds);
	added = !value.failed && lws_add_http_header_by_name(wsi, (const unsigned char *) "set-cookie:", (const unsigned char *) value.data,
														 (int) value.len, &p, p + headers->max_len) == 0;
	headers->p = (char *) p;
	fox_buf_free(&value);
	return added;
}

void
fox_cookies_of_request(const FoxNet *net, uint64_t number, struct lws *wsi, FoxConnInfo *info)
{
	char		header[4096];
	char		host[256];
	int			n;
	FoxSlice	token;

	if (number == 0)
		return;
	token_of(net, number, info->new_cookie);
	n = lws_hdr_copy(wsi, header, sizeof(header), WSI_TOKEN_HTTP_COOKIE);
	if (n <= 0 || lws_hdr_copy(wsi, host, sizeof(host), WSI_TOKEN_HOST) <= 0 || !fox_cookie_origin(info->origin, host))
		return;
	token = fox_cookie_token(fox_slice(header, (size_t) n), is_secure(wsi, info));
	if (!fox_absent(token))
		snprintf(info->cookie, sizeof(info->cookie), "%.*s", (int) token.len, token.ptr);
}
