/*
 * meta.c - calls of the router's own procedures, and its own events.
 *
 * Events cost nothing while nobody listens: the index is asked before anything is
 * built.  They reach subscriptions that name the router's topics (wamp.…): who has
 * subscribed to everything means everything of the application's.
 */
#include "codec/json_out.h"
#include "core/catalog.h"

#include <stdio.h>
#include <time.h>

#include "core/callback.h"
#include "core/denial.h"
#include "core/permission.h"

#include "base/pure.h"

/* --- calls --- */

static const FoxMetaProcedure *
procedure_find(FoxSlice name)
{
	static const FoxMetaProcedure *const lists[] = {
		fox_meta_session_procedures, fox_meta_registration_procedures, fox_meta_subscription_procedures,
		fox_meta_history_procedures, fox_testament_procedures, fox_reflect_procedures, fox_callback_procedures,
		fox_catalog_procedures
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const FoxMetaProcedure *p = lists[i]; p->name != NULL; p++)
			if (fox_slice_is(name, p->name))
				return p;
	return NULL;
}

void
fox_meta_call(FoxSession *s, uint64_t request, FoxSlice procedure, FoxSlice args, FoxSlice kwargs)
{
	FoxMetaCall c = {.session = s, .realm = s->realm, .procedure = procedure};
	const FoxMetaProcedure *p = procedure_find(procedure);
	FoxPayload	json = {s->encoding, args, kwargs};
	FoxBuf		memory = {0};
	const char *error = NULL;

	if (!fox_payload_as(&json, FOX_JSON, &memory, &json))
	{
		error = FOX_ERR_UNAVAILABLE;
		c.text = "out of memory";
	}
	else if (p == NULL && procedure.len > strlen(FOX_CALLBACK_URI) && memcmp(procedure.ptr, FOX_CALLBACK_URI, strlen(FOX_CALLBACK_URI)) == 0)
	{
		error = fox_callback_forward(s, procedure, json.args, json.kwargs, &c.text);
		fox_buf_str(&c.out, "[true]");
	}
	else if (p == NULL)
	{
		error = FOX_ERR_NO_SUCH_PROCEDURE;
		c.text = "the router has no such procedure";
	}
	else if (p->guarded && !s->exempt && fox_permission_decide(s, FOX_MAY_CALL, fox_pattern(procedure, FOX_EXACT)).verdict != FOX_ALLOWED)
	{
		error = FOX_ERR_NOT_AUTHORIZED;
		c.text = fox_refusal_text(s, FOX_MAY_CALL, procedure, "");
		fox_denied_to(s, fox_action_name(FOX_MAY_CALL), procedure, c.text);
	}
	else
	{
		c.args = json.args;
		c.kwargs = json.kwargs;
		fox_buf_char(&c.out, '[');
		error = p->fn(&c);
		fox_buf_char(&c.out, ']');
		if (error == NULL && c.out.failed)
		{
			error = FOX_ERR_UNAVAILABLE;
			c.text = "out of memory";
		}
	}
	if (error != NULL)
		fox_session_fail(s, FOX_REQ_CALL, request, error, c.text);
	else
		s->ops->result(s, request, false, &(FoxPayload){FOX_JSON, c.out.len > 2 ? fox_buf_view(&c.out) : FOX_ABSENT,
					   FOX_ABSENT}, &(FoxPpt){.scheme = FOX_ABSENT});
	fox_buf_free(&c.out);
	fox_buf_free(&memory);
}

/* --- arguments --- */

FoxSlice
fox_meta_arg(const FoxMetaCall *c, int place, const char *name)
{
	FoxSlice	value = FOX_ABSENT;
	size_t		pos = 0;
	int			i = 0;

	if (place >= 0 && !fox_absent(c->args))
		while (fox_json_element(c->args, &pos, &value) && i++ < place)
			value = FOX_ABSENT;
	if (i <= place)
		value = FOX_ABSENT;
	if (fox_absent(value) && !fox_absent(c->kwargs))
		value = fox_json_get(c->kwargs, name);
	return fox_json_kind(value) == FOX_JSON_NULL ? FOX_ABSENT : value;
}

bool
fox_meta_id(FoxMetaCall *c, int place, const char *name, uint64_t *id)
{
	if (fox_json_uint(fox_meta_arg(c, place, name), id))
		return true;
	c->text = "the first argument must be an id";
	return false;
}

FoxSlice
fox_meta_text(FoxMetaCall *c, int place, const char *name, FoxBuf *scratch)
{
	FoxSlice	text = fox_json_text(fox_meta_arg(c, place, name), scratch);

	if (fox_absent(text))
		c->text = "an argument is missing or no string";
	return text;
}

FoxSession *
fox_meta_whom(FoxMetaCall *c, const char *name, const char *fallback, char **reason, const char **error)
{
	FoxSlice	why = fox_meta_arg(c, -1, "reason");
	FoxBuf		scratch = {0};
	FoxSession *s;
	uint64_t	id;

	*reason = NULL;
	*error = FOX_ERR_INVALID_ARGUMENT;
	if (!fox_json_uint(fox_meta_arg(c, 1, name), &id))
	{
		c->text = "the second argument must be a session's id";
		return NULL;
	}
	if (!fox_absent(why) && fox_absent(why = fox_json_text(why, &scratch)))
	{
		c->text = "reason must be a string";
		return NULL;
	}
	s = fox_idmap_get(&c->realm->router->sessions, id);
	if (s == NULL || s->realm != c->realm || !fox_meta_is_client(s))
	{
		*error = FOX_ERR_NO_SUCH_SESSION;
		c->text = "no client's session with that id is in the realm";
		s = NULL;
	}
	else if ((*reason = fox_strdup(fox_absent(why) ? fox_cstr(fallback) : why)) == NULL)
	{
		*error = FOX_ERR_UNAVAILABLE;
		s = NULL;
	}
	fox_buf_free(&scratch);
	return s;
}

/* --- results --- */

void
fox_meta_put_moment(FoxBuf *b, const char *name, int64_t us, int digits)
{
	time_t		seconds = (time_t) (us / 1000000);
	int			fraction = (int) (us % 1000000);
	struct tm	tm;
	char		text[64];
	size_t		n = 0;

	for (int i = digits; i < 6; i++)
		fraction /= 10;
	if (gmtime_r(&seconds, &tm) != NULL)
		n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%0*dZ", digits, fraction);
	fox_json_put_member(b, name, fox_cstr(text));
}

void
fox_meta_put_time(FoxBuf *b, const char *name, FoxRouter *r, uint64_t at_us)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	fox_meta_put_moment(b, name, (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000 - (int64_t) (fox_router_now(r) - at_us), 3);
}

void
fox_meta_put_id(FoxBuf *b, uint64_t id)
{
	if (b->len > 0 && b->data[b->len - 1] != '[')
		fox_buf_char(b, ',');
	fox_buf_u64(b, id);
}

/* --- events --- */

static void
hear(void *ctx, void *value)
{
	FoxSubscription *sub = value;

	if (fox_uri_reserved(sub->topic))
		*(bool *) ctx = true;
}

bool
fox_meta_heard(FoxRealm *realm, const char *topic)
{
	bool		heard = false;

	if (realm->subscriptions_by_id.count > 0)
		fox_index_match(&realm->subscriptions, fox_cstr(topic), hear, &heard);
	return heard;
}

void
fox_meta_publish(FoxRealm *realm, const char *topic, FoxBuf *args, const FoxSession *s)
{
	FoxEvent	e = {.topic = fox_cstr(topic), .payload = {FOX_JSON, fox_buf_view(args), FOX_ABSENT}};

	if (!args->failed)
	{
		e.publication = fox_router_publication_id(realm->router);
		fox_broker_deliver(realm, &e, s != NULL && s->leaving ? s : NULL, NULL);
	}
	fox_buf_free(args);
}

void
fox_meta_publish_ids(FoxRealm *realm, const char *topic, const FoxSession *s, uint64_t id)
{
	FoxBuf		args = {0};

	fox_buf_char(&args, '[');
	fox_meta_put_id(&args, s->id);
	fox_meta_put_id(&args, id);
	fox_buf_char(&args, ']');
	fox_meta_publish(realm, topic, &args, s);
}
