/*
 * reflect.c - descriptions of topics, procedures and errors, for who looks at an API.
 *
 * The specification sketches the names; here a description is any JSON value that
 * somebody gave (wamp.reflect.define), kept in memory for the realm and bounded.
 * Describing null undefines.
 */
#include <stdlib.h>

#include "core/meta.h"

#include "base/pure.h"

#define DEFINITION_LIMIT 2000	/* of one realm, all kinds together */
#define DEFINITION_BYTES (4 * 1024 * 1024)	/* of all of them */

typedef struct Definition
{
	FoxSlice	uri;			/* these two are owned, in block */
	FoxSlice	description;
	char		block[];
} Definition;

static const char *const kinds[FOX_REFLECT_KINDS] = {"topic", "procedure", "error"};

/* The kind that a text names; FOX_REFLECT_KINDS: none. */
static int
kind_of(FoxSlice text)
{
	int			kind = 0;

	while (kind < FOX_REFLECT_KINDS && !fox_slice_is(text, kinds[kind]))
		kind++;
	return kind;
}

/* wamp.reflection.KIND.verb names the kind in the procedure's third component. */
static FoxMap *
map_of_procedure(FoxMetaCall *c)
{
	FoxSlice	rest = c->procedure;
	FoxSlice	component = FOX_ABSENT;

	for (int i = 0; i < 3; i++)
		fox_uri_component(&rest, &component);
	return &c->realm->reflect[kind_of(component)];
}

static void
forget(FoxRealm *realm, FoxMap *map, Definition *d)
{
	fox_map_del(map, d->uri);
	realm->reflect_count--;
	realm->reflect_bytes -= d->uri.len + d->description.len;
	free(d);
}

static const char *
keep(FoxMetaCall *c, FoxMap *map, FoxSlice uri, FoxSlice description)
{
	FoxRealm   *realm = c->realm;
	Definition *old = fox_map_get(map, uri);
	size_t		n = uri.len + description.len;
	size_t		freed = old != NULL ? old->uri.len + old->description.len : 0;
	Definition *d;
	char	   *at;

	if ((old == NULL && realm->reflect_count >= DEFINITION_LIMIT) ||
		n > DEFINITION_BYTES - (realm->reflect_bytes - freed))
	{
		c->text = "the realm has too many or too large definitions";
		return FOX_ERR_UNAVAILABLE;
	}
	if ((d = malloc(sizeof(*d) + n + 1)) == NULL)
		return FOX_ERR_UNAVAILABLE;
	at = d->block;
	d->uri = fox_slice_keep(&at, uri);
	d->description = fox_slice_keep(&at, description);
	if (old != NULL)
		forget(realm, map, old);
	if (!fox_map_put(map, d->uri, d))
	{
		free(d);
		return FOX_ERR_UNAVAILABLE;
	}
	realm->reflect_count++;
	realm->reflect_bytes += n;
	return NULL;
}

/* [kind, uri] */
static void
tell(FoxMetaCall *c, const char *topic, int kind, FoxSlice uri)
{
	FoxBuf		args = {0};

	if (!fox_meta_heard(c->realm, topic))
		return;
	fox_buf_char(&args, '[');
	fox_buf_json_str(&args, fox_cstr(kinds[kind]));
	fox_buf_char(&args, ',');
	fox_buf_json_str(&args, uri);
	fox_buf_char(&args, ']');
	fox_meta_publish(c->realm, topic, &args, c->session);
}

/* (kind, uri, description) */
static const char *
define(FoxMetaCall *c)
{
	FoxBuf		kind_buf = {0};
	FoxBuf		uri_buf = {0};
	FoxSlice	kind_text = fox_meta_text(c, 0, "kind", &kind_buf);
	FoxSlice	uri = fox_meta_text(c, 1, "uri", &uri_buf);
	FoxSlice	description = fox_meta_arg(c, 2, "description");
	int			kind = kind_of(kind_text);
	const char *error = FOX_ERR_INVALID_ARGUMENT;

	if (fox_absent(kind_text) || kind == FOX_REFLECT_KINDS)
		c->text = "the kind must be topic, procedure or error";
	else if (fox_absent(uri))
		c->text = "a URI is missing";
	else if (!fox_uri_valid(uri, false))
	{
		error = FOX_ERR_INVALID_URI;
		c->text = "not a valid URI";
	}
	else if (!fox_absent(description))
	{
		if ((error = keep(c, &c->realm->reflect[kind], uri, description)) == NULL)
			tell(c, "wamp.reflect.on_define", kind, uri);
	}
	else
	{
		Definition *d = fox_map_get(&c->realm->reflect[kind], uri);

		error = NULL;
		if (d != NULL)
		{
			forget(c->realm, &c->realm->reflect[kind], d);
			tell(c, "wamp.reflect.on_undefine", kind, uri);
		}
	}
	fox_buf_free(&kind_buf);
	fox_buf_free(&uri_buf);
	return error;
}

static const char *
describe_in(FoxMetaCall *c, FoxMap *map, int place)
{
	FoxBuf		scratch = {0};
	FoxSlice	uri = fox_meta_text(c, place, "uri", &scratch);
	Definition *d = fox_absent(uri) ? NULL : fox_map_get(map, uri);

	if (d != NULL)
		fox_buf_slice(&c->out, d->description);
	else
		fox_buf_str(&c->out, "null");
	fox_buf_free(&scratch);
	return fox_absent(uri) ? FOX_ERR_INVALID_ARGUMENT : NULL;
}

/* (kind, uri) */
static const char *
describe(FoxMetaCall *c)
{
	FoxBuf		scratch = {0};
	int			kind = kind_of(fox_meta_text(c, 0, "kind", &scratch));

	fox_buf_free(&scratch);
	if (kind < FOX_REFLECT_KINDS)
		return describe_in(c, &c->realm->reflect[kind], 1);
	c->text = "the kind must be topic, procedure or error";
	return FOX_ERR_INVALID_ARGUMENT;
}

static const char *
list_kind(FoxMetaCall *c)
{
	FoxMap	   *map = map_of_procedure(c);
	size_t		pos = 0;
	FoxMapSlot *slot;

	fox_buf_char(&c->out, '[');
	while ((slot = fox_map_next(map, &pos)) != NULL)
	{
		if (!c->out.failed && c->out.data[c->out.len - 1] != '[')
			fox_buf_char(&c->out, ',');
		fox_buf_json_str(&c->out, ((Definition *) slot->value)->uri);
	}
	fox_buf_char(&c->out, ']');
	return NULL;
}

static const char *
describe_kind(FoxMetaCall *c)
{
	return describe_in(c, map_of_procedure(c), 0);
}

void
fox_reflect_free(FoxRealm *realm)
{
	for (int kind = 0; kind < FOX_REFLECT_KINDS; kind++)
	{
		size_t		pos = 0;
		FoxMapSlot *slot;

		while ((slot = fox_map_next(&realm->reflect[kind], &pos)) != NULL)
			free(slot->value);
		fox_map_free(&realm->reflect[kind]);
	}
}

const FoxMetaProcedure fox_reflect_procedures[] = {
	{"wamp.reflect.define", define, true},
	{"wamp.reflect.describe", describe, false},
	{"wamp.reflection.topic.list", list_kind, false},
	{"wamp.reflection.topic.describe", describe_kind, false},
	{"wamp.reflection.procedure.list", list_kind, false},
	{"wamp.reflection.procedure.describe", describe_kind, false},
	{"wamp.reflection.error.list", list_kind, false},
	{"wamp.reflection.error.describe", describe_kind, false},
	{NULL, NULL, false}
};
