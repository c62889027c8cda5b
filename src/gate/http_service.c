/*
 * http_service.c - methods of services by HTTP (see http_private.h).
 *
 *   /root/service/method            as /root/service.method: an exposed function like others
 *   /root/service/method/instance   of an instance
 *   POST /root/service              {"method","params","id"}
 *
 * The id names the instance, where callers do that; the reply has it anyhow.
 */
#include "codec/http_req.h"
#include "codec/json.h"
#include "codec/utf8.h"
#include "core/service.h"
#include "gate/http_private.h"

#include "base/pure.h"

/* The service whose name the first component is; *rest is what stands behind it, absent: nothing does. */
static const FoxService *
find(FoxHttpPeer *p, const FoxRoot *root, FoxSlice name, FoxSlice *component, FoxSlice *rest)
{
	const FoxService *service = NULL;
	FoxBuf		uri = {0};

	*rest = name;
	(void) fox_uri_component(rest, component);
	fox_buf_slice(&uri, root->name);
	fox_buf_char(&uri, '.');
	fox_buf_slice(&uri, *component);
	if (!uri.failed)
	{
		fox_uri_lower(uri.data, fox_buf_view(&uri));
		service = fox_service_find(p->router, fox_buf_view(&uri));
	}
	fox_buf_free(&uri);
	return service;
}

static bool
find_method(FoxHttpPeer *p, const FoxRoot *root, FoxSlice service, FoxSlice method, FoxMethod *out)
{
	FoxBuf		name = {0};
	bool		found;

	fox_buf_slice(&name, service);
	fox_buf_char(&name, '.');
	fox_buf_slice(&name, method);
	found = !name.failed && fox_method_find(p->router, root, fox_buf_view(&name), out);
	fox_buf_free(&name);
	return found;
}

/* A number names the instance that its digits do. */
static void
name_instance(FoxHttpTarget *t, FoxSlice id)
{
	if (fox_json_kind(id) == FOX_JSON_STRING)
		t->instance = id;
	else
	{
		fox_buf_json_str(&t->text, id);
		t->instance = fox_buf_view(&t->text);
	}
}

/* The body is the method's name and arguments. */
static bool
read_body(FoxHttpPeer *p, const FoxRoot *root, const FoxService *service, FoxSlice component, const FoxHttpAsk *ask, FoxHttpTarget *t, unsigned *status,
		  const char **wrong)
{
	FoxSlice	type = fox_http_header(ask->headers, "content-type");
	FoxBuf		scratch = {0};
	FoxSlice	body;
	FoxSlice	method;
	FoxSlice	params;
	FoxKind		kind;
	bool		found;

	*status = 415;
	*wrong = "the body must be application/json";
	if (!fox_absent(type) && !fox_http_is_type(type, "application/json"))
		return false;
	*status = 400;
	*wrong = "the body must be a JSON object of method, params and id";
	if (!fox_json_valid(ask->body, &kind) || kind != FOX_JSON_OBJECT)
		return false;
	(void) fox_json_scan(ask->body.ptr, ask->body.ptr + ask->body.len, &body, &kind);
	params = fox_json_get(body, "params");
	kind = fox_json_kind(params);
	*wrong = "params must be an array or an object";
	if (kind != FOX_JSON_NONE && kind != FOX_JSON_NULL && kind != FOX_JSON_ARRAY && kind != FOX_JSON_OBJECT)
		return false;
	t->body = kind == FOX_JSON_NONE || kind == FOX_JSON_NULL ? FOX_LIT("") : params;
	t->echo = fox_json_get(body, "id");
	*wrong = "the body must name a method";
	method = fox_json_text(fox_json_get(body, "method"), &scratch);
	if (fox_absent(method))
		return false;
	*status = 404;
	*wrong = NULL;
	if (service->whose == FOX_NAMED && !fox_absent(t->echo) && fox_json_kind(t->echo) != FOX_JSON_NULL)
		name_instance(t, t->echo);
	found = memchr(method.ptr, '.', method.len) == NULL && find_method(p, root, component, method, &t->method);
	fox_buf_free(&scratch);
	return found;
}

bool
fox_http_service(FoxHttpPeer *p, const FoxRoot *root, const FoxHttpAsk *ask, FoxSlice name, FoxHttpTarget *target, unsigned *status,
				 const char **wrong)
{
	FoxSlice	component;
	FoxSlice	rest;
	FoxSlice	method;
	const FoxService *service = find(p, root, name, &component, &rest);

	*status = 404;
	*wrong = NULL;
	if (service == NULL)
		return false;
	if (fox_absent(rest) && !fox_slice_is(ask->method, "POST"))
	{
		target->method = (FoxMethod){.procedure = service->uri, .verbs = FOX_POST};
		return true;
	}
	if (fox_absent(rest))
		return read_body(p, root, service, component, ask, target, status, wrong);
	(void) fox_uri_component(&rest, &method);
	if (!fox_absent(rest) && !fox_utf8_valid(rest))
		return false;
	if (!fox_absent(rest))
	{
		fox_buf_json_str(&target->text, rest);
		target->instance = fox_buf_view(&target->text);
	}
	return find_method(p, root, component, method, &target->method);
}
