/*
 * http_catalog.c - where services are, by HTTP (see http_private.h).
 *
 *   GET /root/catalog                        {"Result":[reference, …]}, the newest first
 *   GET /root/catalog?service=…&shard=…      {"Result":{"found":…,"ref":reference or null}}
 *   POST /root/catalog                       announces what the body says
 *   GET /root/stat?findservice=…             [{"Address","Port","Root"}, …], as mORMot says it
 *
 * Each is a call of a procedure of the router's.
 */
#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/url.h"
#include "codec/utf8.h"
#include "core/catalog.h"
#include "gate/http_private.h"

#include "base/pure.h"

#define ALL_VERBS (FOX_GET | FOX_HEAD | FOX_POST | FOX_PUT | FOX_PATCH | FOX_DELETE)

/* --- what is asked --- */

/* Appends the first value of that name in the query as a member; false: it is no text. */
static bool
put_member(FoxBuf *out, FoxSlice query, const char *name, const char *member)
{
	FoxSlice	key;
	FoxSlice	value;
	FoxBuf		text = {0};
	size_t		pos = 0;
	bool		ok = true;

	while (!fox_absent(query) && fox_url_pair(query, &pos, &key, &value))
		if (fox_http_same(key, fox_cstr(name)))
		{
			fox_url_decode(value, true, &text);
			ok = fox_utf8_valid(fox_buf_view(&text));
			fox_buf_str(out, out->len > 1 ? ",\"" : "\"");
			fox_buf_str(out, member);
			fox_buf_str(out, "\":");
			fox_buf_json_str(out, fox_buf_view(&text));
			break;
		}
	fox_buf_free(&text);
	return ok;
}

static const char *
read_query(FoxHttpPeer *p, FoxSlice query, bool stat)
{
	bool		ok;

	fox_buf_char(&p->call, '{');
	ok = stat ? put_member(&p->call, query, "findservice", "service") :
		put_member(&p->call, query, "service", "service") && put_member(&p->call, query, "shard", "shard");
	fox_buf_char(&p->call, '}');
	if (!ok)
		return "the query is not valid UTF-8";
	if (stat && p->call.len == 2)
		return "name what to find: ?findservice=…";
	fox_buf_str(&p->procedure, stat || p->call.len == 2 ? "fox_wamp.catalog.list" : "fox_wamp.catalog.get");
	return NULL;
}

static const char *
read_body(FoxHttpPeer *p, FoxSlice body)
{
	FoxKind		kind;

	if (!fox_json_valid(body, &kind) || kind != FOX_JSON_OBJECT)
		return "the body must be a JSON object";
	fox_buf_slice(&p->call, body);
	fox_buf_str(&p->procedure, "fox_wamp.catalog.announce");
	return NULL;
}

bool
fox_http_catalog(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice name, FoxSlice query)
{
	bool		stat = fox_http_same(name, FOX_LIT("stat"));
	unsigned	verbs = stat ? FOX_GET | FOX_HEAD : FOX_GET | FOX_HEAD | FOX_POST;
	bool		post = fox_slice_is(ask->method, "POST");
	const char *text;

	if (!stat && !fox_http_same(name, FOX_LIT("catalog")))
		return false;
	p->may_be_anyone = false;
	if (fox_slice_is(ask->method, "OPTIONS"))
		fox_http_reply_options(p, verbs, ask->headers);
	else if ((fox_verb_named(ask->method) & verbs) == 0)
		fox_http_fail_verb(p, verbs);
	/* No page of another site can send that without asking for leave. */
	else if (post && !fox_http_is_type(fox_http_header(ask->headers, "content-type"), "application/json"))
		fox_http_fail(p, 415, "the body must be application/json", FOX_ABSENT);
	else
	{
		p->wish = stat ? FOX_HTTP_WISH_STAT : FOX_HTTP_WISH_CATALOG;
		fox_buf_reset(&p->call);
		fox_buf_reset(&p->procedure);
		text = post ? read_body(p, ask->body) : read_query(p, query, stat);
		p->kwargs = fox_buf_view(&p->call);
		if (p->call.failed || p->procedure.failed)
			fox_http_fail(p, 503, NULL, FOX_ABSENT);
		else if (text != NULL)
			fox_http_fail(p, 400, text, FOX_ABSENT);
		else
			fox_http_log_in(p, root, fox_http_header(ask->headers, "authorization"));
	}
	return true;
}

/* --- what is answered --- */

typedef struct Url
{
	bool		http;
	FoxSlice	scheme;
	FoxSlice	host;
	FoxSlice	port;			/* absent: the scheme's */
	FoxSlice	path;			/* without the slash in front */
} Url;

static bool
split(FoxSlice url, Url *out)
{
	const char *colon = memchr(url.ptr, ':', url.len);
	const char *end = url.ptr + url.len;
	const char *slash;
	const char *port = NULL;

	if (colon == NULL || end - colon < 3 || strncmp(colon, "://", 3) != 0)
		return false;
	out->scheme = fox_slice(url.ptr, (size_t) (colon - url.ptr));
	out->http = fox_http_same(out->scheme, FOX_LIT("http")) || fox_http_same(out->scheme, FOX_LIT("https"));
	out->host = fox_slice(colon + 3, (size_t) (end - colon - 3));
	slash = memchr(out->host.ptr, '/', out->host.len);
	out->path = slash != NULL ? fox_slice(slash + 1, (size_t) (end - slash - 1)) : FOX_LIT("");
	if (slash != NULL)
		out->host.len = (size_t) (slash - out->host.ptr);
	/* The colons of an IPv6 address stand in brackets. */
	for (size_t i = 0; i < out->host.len; i++)
		port = out->host.ptr[i] == ':' ? out->host.ptr + i : out->host.ptr[i] == ']' ? NULL : port;
	out->port = port != NULL ? fox_slice(port + 1, (size_t) (out->host.ptr + out->host.len - port - 1)) : FOX_ABSENT;
	if (port != NULL)
		out->host.len = (size_t) (port - out->host.ptr);
	return true;
}

/* Appends {"Address","Port","Root"} of a reference; nothing if its URL is none. */
static void
put_address(FoxBuf *out, FoxSlice ref)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_json_text(fox_json_get(ref, "url"), &scratch);
	const char *slash;
	Url			url;

	if (!fox_absent(text) && split(text, &url))
	{
		bool		secure = url.scheme.len > 0 && (url.scheme.ptr[url.scheme.len - 1] | 0x20) == 's' && url.scheme.len != 2;

		slash = memchr(url.path.ptr, '/', url.path.len);
		fox_buf_str(out, out->len > 1 ? ",{\"Address\":" : "{\"Address\":");
		fox_buf_json_str(out, url.host);
		fox_buf_str(out, ",\"Port\":");
		fox_buf_json_str(out, fox_absent(url.port) ? (secure ? FOX_LIT("443") : FOX_LIT("80")) : url.port);
		fox_buf_str(out, ",\"Root\":");
		fox_buf_json_str(out, slash != NULL ? fox_slice(url.path.ptr, (size_t) (slash - url.path.ptr)) : url.path);
		fox_buf_char(out, '}');
	}
	fox_buf_free(&scratch);
}

void
fox_http_catalog_result(FoxHttpPeer *p, const FoxPayload *payload)
{
	FoxBuf		body = {0};
	FoxSlice	value = FOX_LIT("null");
	FoxSlice	ref;
	size_t		pos = 0;

	if (!fox_absent(payload->args))
		(void) fox_json_element(payload->args, &pos, &value);
	if (p->wish == FOX_HTTP_WISH_STAT)
	{
		pos = 0;
		fox_buf_char(&body, '[');
		while (fox_json_kind(value) == FOX_JSON_ARRAY && fox_json_element(value, &pos, &ref))
			put_address(&body, ref);
		fox_buf_char(&body, ']');
	}
	else
	{
		fox_buf_str(&body, p->style == FOX_HTTP_RESULT ? "{\"Result\":" : "");
		fox_buf_slice(&body, value);
		fox_buf_str(&body, p->style == FOX_HTTP_RESULT ? "}" : "");
	}
	fox_http_reply(p, 200, FOX_LIT(FOX_HTTP_TYPE_JSON), FOX_LIT("Cache-Control: no-store\r\n"), fox_buf_view(&body));
	fox_buf_free(&body);
}

/* --- what is somewhere else --- */

bool
fox_http_elsewhere(FoxHttpPeer *p, const FoxRoot *root, FoxSlice name, FoxHttpTarget *target)
{
	const FoxRealm *realm = fox_realm_find(p->router, root->realm);

	fox_buf_reset(&target->text);
	fox_buf_slice(&target->text, root->name);
	fox_buf_char(&target->text, '.');
	fox_buf_slice(&target->text, name);
	if (realm == NULL || target->text.failed || !fox_uri_valid(fox_buf_view(&target->text), false) ||
		fox_catalog_elsewhere(realm, fox_buf_view(&target->text), (FoxCriterion){0}) == NULL)
		return false;
	target->method = (FoxMethod){.procedure = fox_buf_view(&target->text), .verbs = ALL_VERBS};
	return true;
}

/* Appends the same request's target at another URL; false: HTTP does not lead there. */
static bool
put_location(FoxBuf *out, FoxSlice base, const FoxHttpCall *call)
{
	const char *rest = memchr(call->path.ptr + 1, '/', call->path.len - 1);	/* behind the root */
	Url			url;

	if (!split(base, &url) || !url.http)
		return false;
	while (base.len > 0 && base.ptr[base.len - 1] == '/')
		base.len--;
	/* No byte of it ends the line. */
	fox_url_encode(base, ":/?#[]@!$&'()*+,;=%", out);
	if (rest != NULL)
		fox_buf_slice(out, fox_slice(rest, (size_t) (call->path.ptr + call->path.len - rest)));
	if (!fox_absent(call->query))
	{
		fox_buf_char(out, '?');
		fox_buf_slice(out, call->query);
	}
	return true;
}

/* A service that this node has not, or not for what is asked. */
void
fox_http_fail_moved(FoxHttpPeer *p, const FoxPayload *payload)
{
	FoxBuf		scratch = {0};
	FoxBuf		more = {0};
	FoxBuf		text = {0};
	FoxSlice	url = fox_json_text(fox_json_get(payload->kwargs, "url"), &scratch);
	FoxHttpCall call;
	bool		led;

	fox_buf_str(&text, "the service is at ");
	fox_buf_slice(&text, url);
	fox_buf_char(&text, '\0');
	fox_buf_str(&more, "Location: ");
	led = !fox_absent(url) && fox_http_call_get(fox_buf_view(&p->call), &call) && put_location(&more, url, &call);
	fox_buf_str(&more, "\r\n");
	if (led && !more.failed && !text.failed)
		fox_http_fail(p, 307, text.data, fox_buf_view(&more));
	else
		fox_http_fail(p, 421, text.failed ? NULL : text.data, FOX_ABSENT);
	fox_buf_free(&scratch);
	fox_buf_free(&more);
	fox_buf_free(&text);
}
