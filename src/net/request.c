/*
 * request.c - HTTP requests of the long-poll transport: headers, bodies, answers.
 *
 * A body is read to its end before it is answered, since a socket that is closed with
 * unread bytes takes the answer with it; one that is too long, or whose length is not
 * known, is answered first and then dropped as it comes, up to a limit.
 *
 * A session is reached by an id that nobody can guess, not by cookies: so pages of any
 * origin may ask, and "*" tells their browsers so, unless cookies came along.  Whether
 * such a page may join is the gate's decision, by the Origin of /open.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/url.h"
#include "net/request.h"

#define PREFIX "/longpoll"
#define SMALL_BODY 4096			/* of what has no messages in it */
#define DROP_MAX (64 * 1024 * 1024)
#define DRAIN_S 60				/* for the socket to take an answer */
#define IDLE_S 30				/* a kept connection without a request */
#define IDLE_TOLD "20"			/* what clients are told, to be the first to close */
#define OUT_KEPT (256 * 1024)

static FoxBuf out;				/* one answer, with room for libwebsockets before it */

/* --- the request and its session --- */

static void
weigh(FoxRequest *r, size_t bytes)
{
	if (r->poll != NULL)
		r->poll->conn.join_cap += bytes - r->weight;
	r->weight = bytes;
}

void
fox_request_join(FoxRequest *r, FoxPoll *poll)
{
	r->poll = poll;
	fox_list_push(&poll->requests, &r->in_poll);
}

void
fox_request_leave(FoxRequest *r)
{
	if (r->poll == NULL)
		return;
	weigh(r, 0);
	if (r->poll->receive == r)
		r->poll->receive = NULL;
	r->poll = NULL;
	fox_list_del(&r->in_poll);
}

static void
request_free(FoxRequest *r)
{
	lws_set_opaque_user_data(r->wsi, NULL);
	fox_request_leave(r);
	fox_buf_free(&r->body);
	fox_buf_free(&r->location);
	free(r);
}

/* --- answers --- */

static const char *
status_text(unsigned status)
{
	switch (status)
	{
		case 200:
			return "OK";
		case 202:
			return "Accepted";
		case 204:
			return "No Content";
		case 307:
			return "Temporary Redirect";
		case 400:
			return "Bad Request";
		case 404:
			return "Not Found";
		case 405:
			return "Method Not Allowed";
		case 409:
			return "Conflict";
		case 410:
			return "Gone";
		case 411:
			return "Length Required";
		case 413:
			return "Content Too Large";
		default:
			return "Service Unavailable";
	}
}

char *
fox_request_head(FoxRequest *r, unsigned status, const char *type, size_t len)
{
	fox_buf_reset(&out);
	out.failed = false;
	if (fox_buf_reserve(&out, LWS_PRE) == NULL)
		return NULL;
	out.len = LWS_PRE;
	fox_buf_str(&out, "HTTP/1.1 ");
	fox_buf_u64(&out, status);
	fox_buf_char(&out, ' ');
	fox_buf_str(&out, status_text(status));
	if (status != 204)
	{
		fox_buf_str(&out, "\r\nContent-Length: ");
		fox_buf_u64(&out, len);
	}
	if (len > 0)
	{
		fox_buf_str(&out, "\r\nContent-Type: ");
		fox_buf_str(&out, type);
	}
	fox_buf_str(&out, "\r\nCache-Control: no-store");
	if (status == 307)
	{
		fox_buf_str(&out, "\r\nLocation: ");
		fox_buf_slice(&out, fox_buf_view(&r->location));
	}
	if (status == 204 || status == 405)
		fox_buf_str(&out, "\r\nAllow: POST, OPTIONS");
	if (r->share)
		fox_buf_str(&out, "\r\nAccess-Control-Allow-Origin: *");
	if (r->share && status == 204)
		fox_buf_str(&out, "\r\nAccess-Control-Allow-Methods: POST\r\nAccess-Control-Allow-Headers: Content-Type"
					"\r\nAccess-Control-Max-Age: 86400");
	fox_buf_str(&out, r->keep ? "\r\nKeep-Alive: timeout=" IDLE_TOLD : "\r\nConnection: close");
	fox_buf_str(&out, "\r\n\r\n");
	if (r->bodyless)
		len = 0;
	if (fox_buf_reserve(&out, len + 1) == NULL || out.failed)
		return NULL;
	out.len += len;
	return out.data + out.len - len;
}

/* The answer has left. */
static int
done(FoxRequest *r)
{
	struct lws *wsi = r->wsi;
	bool		keep = r->keep;

	request_free(r);
	if (!keep || lws_http_transaction_completed(wsi) != 0)
		return -1;
	lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_KEEPALIVE_IDLE, IDLE_S);
	return 0;
}

int
fox_request_send(FoxRequest *r)
{
	size_t		len = out.len - LWS_PRE;
	int			written = lws_write(r->wsi, (unsigned char *) out.data + LWS_PRE, len, LWS_WRITE_HTTP);

	if (out.cap > OUT_KEPT)
		fox_buf_free(&out);
	if (written < 0)
		return -1;
	fox_buf_free(&r->body);
	if (r->lingers)
		return 0;
	if (!lws_partial_buffered(r->wsi))
		return done(r);
	r->draining = true;
	weigh(r, len);
	lws_set_timeout(r->wsi, PENDING_TIMEOUT_HTTP_CONTENT, DRAIN_S);
	lws_callback_on_writable(r->wsi);
	return 0;
}

int
fox_request_answer(FoxRequest *r)
{
	size_t		len = strlen(r->text);
	char	   *body = fox_request_head(r, r->status, FOX_TYPE_TEXT, len);

	if (body == NULL)
		return -1;
	if (!r->bodyless)
		memcpy(body, r->text, len);
	return fox_request_send(r);
}

void
fox_request_decide(FoxRequest *r, unsigned status, const char *text)
{
	r->status = status;
	r->text = text;
	if (r->complete && !r->draining)
		lws_callback_on_writable(r->wsi);
}

/* --- headers --- */

/* /open or /ID/VERB behind the prefix.  False: no such resource. */
static bool
parse_path(FoxRequest *r, const char *path)
{
	static const struct
	{
		const char *name;
		FoxVerb		verb;
	}			verbs[] = {{"/receive", VERB_RECEIVE}, {"/send", VERB_SEND}, {"/close", VERB_CLOSE}};
	FoxPoll    *poll;

	path += strlen(PREFIX);
	if (strcmp(path, "/open") == 0)
		return true;
	if (strlen(path) <= FOX_POLL_ID + 1 || (poll = fox_poll_find(r->net, fox_slice(path + 1, FOX_POLL_ID))) == NULL)
		return false;
	path += FOX_POLL_ID + 1;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(path, verbs[i].name) == 0)
		{
			r->verb = verbs[i].verb;
			fox_request_join(r, poll);
			return true;
		}
	return false;
}

bool
fox_request_begins_ours(FoxSlice path)
{
	size_t		n = strlen(PREFIX);

	return path.len > n && strncmp(path.ptr, PREFIX, n) == 0 && strchr("/ ?", path.ptr[n]) != NULL;
}

static bool
is_longpoll(const char *path)
{
	return fox_request_begins_ours(fox_slice(path, strlen(path) + 1));	/* its terminator ends a path too */
}

/*
 * A connection that has spoken long-poll is libwebsockets'; what else it asks for has to
 * begin a new one, which http.c will find.  The target is made anew of its decoded parts.
 */
static void
send_elsewhere(FoxRequest *r, const char *path)
{
	char		part[4096];

	fox_url_encode(fox_cstr(path), "/", &r->location);
	for (int i = 0; lws_hdr_copy_fragment(r->wsi, part, sizeof(part), WSI_TOKEN_HTTP_URI_ARGS, i) >= 0; i++)
	{
		fox_buf_char(&r->location, i == 0 ? '?' : '&');
		fox_url_encode(fox_cstr(part), "=", &r->location);
	}
	r->keep = false;
	r->status = r->location.failed ? 503 : 307;
}

/* The announced length of the body; false: there is none, or it is no number. */
static bool
content_length(struct lws *wsi, uint64_t *len)
{
	char		text[20];
	int			n = lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH);

	*len = 0;
	for (int i = 0; i < n; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		*len = *len * 10 + (uint64_t) (text[i] - '0');
	}
	return n > 0;
}

/* A connection is kept for HTTP/1.1, unless the client is going to close it. */
static bool
keeps(struct lws *wsi)
{
	char		text[32];

	if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP) <= 0 || strcmp(text, "HTTP/1.1") != 0)
		return false;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_CONNECTION) == 0)
		return true;
	return lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_CONNECTION) > 0 && strcasecmp(text, "close") != 0;
}

/* True: a POST is answered before its body is there. */
static bool
refuse_post(FoxRequest *r, const char *path)
{
	bool		chunked = lws_hdr_total_length(r->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0;
	uint64_t	len;
	bool		known = content_length(r->wsi, &len) && !chunked;

	if (!known)
	{
		r->keep = false;
		r->lingers = chunked || lws_hdr_total_length(r->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
		r->status = 411;
		r->text = "fox_wamp: a request needs a Content-Length\n";
		return true;
	}
	if (!is_longpoll(path))
	{
		send_elsewhere(r, path);
		return false;			/* its body is dropped first */
	}
	if (!parse_path(r, path))
	{
		r->status = 404;
		r->text = "fox_wamp: no such transport\n";
		return false;			/* its body is dropped first */
	}
	r->max = r->verb == VERB_SEND ? fox_conn_in_max(&r->poll->conn) : SMALL_BODY;
	if (len <= r->max)
		return false;
	if (r->verb == VERB_SEND)
		fox_conn_too_big(&r->poll->conn);
	r->keep = false;
	r->lingers = true;
	r->status = 413;
	r->text = "fox_wamp: the request is too large\n";
	return true;
}

int
fox_request_begin(FoxNet *net, struct lws *wsi, const char *path)
{
	FoxRequest *r = calloc(1, sizeof(*r));
	uint64_t	len;

	if (r == NULL)
		return -1;
	r->net = net;
	r->wsi = wsi;
	fox_list_init(&r->in_poll);
	lws_set_opaque_user_data(wsi, r);
	r->text = "";
	r->keep = keeps(wsi);
	fox_peer_of_request(wsi, &r->info);
	r->info.transport = "longpoll";
	r->share = r->info.origin[0] != '\0' && lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_COOKIE) == 0;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0)
		return refuse_post(r, path) ? fox_request_answer(r) : 0;

	if (content_length(wsi, &len) ? len > 0 : lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
		r->keep = false;		/* its body is not read */
	r->bodyless = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
	if (!is_longpoll(path))
	{
		send_elsewhere(r, path);
		return fox_request_answer(r);
	}
	r->status = lws_hdr_total_length(wsi, WSI_TOKEN_OPTIONS_URI) > 0 ? 204 : 405;
	if (r->status == 405)
		r->text = "fox_wamp: requests of WAMP long-poll are POST\n";
	return fox_request_answer(r);
}

/* --- bodies --- */

static int
receive_body(FoxRequest *r, const char *p, size_t len)
{
	r->net->stats.bytes_in += len;
	if (r->status != 0 || len == 0)
	{
		r->dropped += len;
		return r->dropped > DROP_MAX ? -1 : 0;
	}
	if (r->body.len + len > r->max)
		return -1;
	fox_buf_put(&r->body, p, len);
	weigh(r, r->body.cap);
	if (r->body.failed)
		r->status = 503;
	return 0;
}

static int
body_completed(FoxRequest *r)
{
	if (r->lingers || fox_buf_reserve(&r->body, 1) == NULL)
		return -1;
	weigh(r, r->body.cap);
	r->complete = true;
	r->since_ms = uv_now(&r->net->loop);
	lws_set_timeout(r->wsi, NO_PENDING_TIMEOUT, 0);	/* ours may wait */
	return r->status != 0 ? fox_request_answer(r) : fox_poll_request(r);
}

static int
writable(FoxRequest *r)
{
	if (r->draining)
		return lws_partial_buffered(r->wsi) ? 0 : done(r);
	if (!r->complete)
		return 0;
	return fox_poll_writable(r);
}

int
fox_request_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	FoxRequest *r = lws_get_opaque_user_data(wsi);

	switch (r != NULL ? reason : LWS_CALLBACK_USER)
	{
		case LWS_CALLBACK_HTTP_BODY:
			return receive_body(r, in, len);
		case LWS_CALLBACK_HTTP_BODY_COMPLETION:
			return body_completed(r);
		case LWS_CALLBACK_HTTP_WRITEABLE:
			return writable(r);
		case LWS_CALLBACK_CLOSED_HTTP:
		case LWS_CALLBACK_WSI_DESTROY:
			request_free(r);
			return 0;
		default:
			return lws_callback_http_dummy(wsi, reason, user, in, len);
	}
}
