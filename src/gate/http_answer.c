/*
 * http_answer.c - answers of the HTTP gate (see http_private.h).
 */
#include "codec/http_req.h"
#include "core/core.h"
#include "core/service.h"
#include "gate/http_private.h"

#include "base/pure.h"

void
fox_http_reply(FoxHttpPeer *p, unsigned status, FoxSlice type, FoxSlice more, FoxSlice body)
{
	FoxBuf		headers = {0};

	if (!fox_absent(type))
	{
		fox_buf_str(&headers, "Content-Type: ");
		fox_buf_slice(&headers, type);
		fox_buf_str(&headers, "\r\nX-Content-Type-Options: nosniff\r\n");
	}
	if (p->origin[0] != '\0')
	{
		fox_buf_str(&headers, "Access-Control-Allow-Origin: ");
		fox_buf_str(&headers, p->origin);
		fox_buf_str(&headers, "\r\nAccess-Control-Expose-Headers: Allow, ETag, Location\r\n");
	}
	if (p->router->config.http_origins[0] != '\0')
		fox_buf_str(&headers, "Vary: Origin\r\n");
	fox_buf_slice(&headers, more);
	if (!p->streaming)
	{
		fox_http_leave(p);
		p->request = 0;
	}
	p->calling = p->streaming;
	if (p->streaming)
		p->transport.stream(p->transport.conn, status, fox_buf_view(&headers));
	else if (headers.failed)
		p->transport.answer(p->transport.conn, 503, FOX_LIT(""), FOX_LIT(""));
	else
		p->transport.answer(p->transport.conn, status, fox_buf_view(&headers), body);
	fox_buf_free(&headers);
}

static void
fail(FoxHttpPeer *p, const FoxHttpError *e, FoxSlice more)
{
	FoxBuf		body = {0};

	fox_http_error_put(&body, p->style, e);
	fox_http_reply(p, e->status, FOX_LIT(FOX_HTTP_TYPE_JSON), more, fox_buf_view(&body));
	fox_buf_free(&body);
}

void
fox_http_fail(FoxHttpPeer *p, unsigned status, const char *text, FoxSlice more)
{
	fail(p, &(FoxHttpError){.status = status, .text = fox_cstr(text)}, more);
}

void
fox_http_fail_uri(FoxHttpPeer *p, FoxSlice uri, FoxSlice text)
{
	static const struct
	{
		const char *uri;
		unsigned	status;
	}			statuses[] = {
		{FOX_ERR_NO_SUCH_PROCEDURE, 404}, {FOX_ERR_NOT_AUTHORIZED, 403}, {FOX_ERR_AUTHORIZATION_FAILED, 500},
		{FOX_ERR_INVALID_ARGUMENT, 400}, {FOX_ERR_INVALID_URI, 400}, {FOX_ERR_TIMEOUT, 504}, {FOX_ERR_CANCELED, 503},
		{FOX_ERR_UNAVAILABLE, 503}, {FOX_ERR_NO_AVAILABLE_CALLEE, 503}, {FOX_ERR_TOO_MANY_SESSIONS, 503},
		{FOX_ERR_NO_SUCH_REALM, 404}, {FOX_ERR_CONTRACT_MISMATCH, 412}
	};
	bool		bridged = p->wish != FOX_HTTP_WISH_FUNCTION;
	unsigned	status = !bridged || (uri.len > 9 && strncmp(uri.ptr, "pg.error.", 9) == 0) ? 500 : 400;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (fox_slice_is(uri, statuses[i].uri))
			status = statuses[i].status;
	if (status == 403 && p->credentials.len == 0 && p->shared == NULL)
		fox_http_challenge(p, "log in to call that");
	else
		fail(p, &(FoxHttpError){.status = status, .text = text, .uri = bridged ? uri : FOX_ABSENT},
			 status == 503 ? FOX_LIT("Retry-After: 1\r\n") : FOX_ABSENT);
}

static void
put_allow(FoxBuf *out, const char *header, unsigned verbs)
{
	fox_buf_str(out, header);
	fox_verbs_put(verbs, out);
	fox_buf_str(out, "\r\n");
}

void
fox_http_fail_verb(FoxHttpPeer *p, unsigned verbs)
{
	FoxBuf		more = {0};

	put_allow(&more, "Allow: ", verbs);
	fox_http_fail(p, 405, NULL, fox_buf_view(&more));
	fox_buf_free(&more);
}

/* A preflight asks for headers of its own: whoever may ask may send any. */
void
fox_http_reply_options(FoxHttpPeer *p, unsigned verbs, FoxSlice headers)
{
	FoxSlice	wanted = fox_http_header(headers, "access-control-request-headers");
	FoxBuf		more = {0};

	put_allow(&more, "Allow: OPTIONS, ", verbs);
	if (p->origin[0] != '\0')
	{
		put_allow(&more, "Access-Control-Allow-Methods: ", verbs);
		if (!fox_absent(wanted))
		{
			fox_buf_str(&more, "Access-Control-Allow-Headers: ");
			fox_buf_slice(&more, wanted);
			fox_buf_str(&more, "\r\n");
		}
		fox_buf_str(&more, "Access-Control-Max-Age: 86400\r\n");
	}
	fox_http_reply(p, 204, FOX_ABSENT, fox_buf_view(&more), FOX_LIT(""));
	fox_buf_free(&more);
}

void
fox_http_challenge(FoxHttpPeer *p, const char *text)
{
	fox_http_fail(p, 401, text, FOX_LIT("WWW-Authenticate: Basic realm=\"fox_wamp\", charset=\"UTF-8\"\r\n"
				  "WWW-Authenticate: Bearer\r\n"));
}
