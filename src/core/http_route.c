/*
 * http_route.c - which function an HTTP request means (see http_route.h).
 */
#include "core/http_route.h"

#include <stdlib.h>

#include "codec/json.h"
#include "codec/url.h"
#include "core/core.h"
#include "core/exposed.h"

#include "base/pure.h"

#define NAME_MAX 512			/* bytes of root and name together */

typedef struct Root
{
	FoxRoot		pub;
	FoxSlice	key;			/* the name in lower case */
	char		block[];
} Root;

/* What there is below every root: functions of the extension's. */
static const struct
{
	const char *name;
	const char *row;			/* as of fox_wamp.exposed_function */
}			own_methods[] = {
	{"openapi.json", "[{\"function\":\"fox_wamp.openapi()\",\"methods\":[\"GET\"]}]"},
	{"batch", "[{\"function\":\"fox_wamp.batch(json)\",\"methods\":[\"POST\",\"PUT\"]}]"}
};

#define OWN_METHODS (sizeof(own_methods) / sizeof(own_methods[0]))

/* Appends the procedure. */
static FoxSlice
own_procedure(const FoxRoot *root, const char *name, FoxBuf *out)
{
	fox_buf_slice(out, root->name);
	fox_buf_char(out, '.');
	fox_buf_str(out, name);
	return fox_buf_view(out);
}

static void
change_own_methods(FoxRouter *r, const FoxRoot *root, bool deleted)
{
	for (size_t i = 0; i < OWN_METHODS; i++)
	{
		FoxBuf		uri = {0};
		FoxChange	c = {.deleted = deleted, .realm = root->realm, .topic = own_procedure(root, own_methods[i].name, &uri), .args = fox_cstr(own_methods[i].row)};

		if (!uri.failed)
			fox_exposed_change(r, &c);
		fox_buf_free(&uri);
	}
}

static void
forget(FoxRouter *r, Root *root)
{
	change_own_methods(r, &root->pub, true);
	(void) fox_map_del(&r->roots, root->key);
	free(root);
}

static Root *
find(const FoxRouter *r, FoxSlice name)
{
	char		key[NAME_MAX];

	if (name.len > sizeof(key))
		return NULL;
	fox_uri_lower(key, name);
	return fox_map_get(&r->roots, fox_slice(key, name.len));
}

/* realm, topic = name, args = [{"style":"result" or "plain","auth":true or false}] */
void
fox_root_change(FoxRouter *r, const FoxChange *c)
{
	Root	   *former = find(r, c->topic);
	Root	   *root;
	FoxSlice	row = FOX_ABSENT;
	size_t		pos = 0;
	char	   *at;

	if (former != NULL && (!c->deleted || fox_slice_eq(former->pub.realm, c->realm)))
		forget(r, former);
	if (c->deleted)
		return;
	root = calloc(1, sizeof(*root) + 2 * c->topic.len + c->realm.len + 1);
	if (root == NULL || fox_absent(c->args) || !fox_json_element(c->args, &pos, &row))
	{
		free(root);
		return;
	}
	at = root->block;
	root->pub.name = fox_slice_keep(&at, c->topic);
	root->pub.realm = fox_slice_keep(&at, c->realm);
	root->pub.style = fox_slice_is(fox_json_get(row, "style"), "\"plain\"") ? FOX_HTTP_PLAIN : FOX_HTTP_RESULT;
	root->pub.auth = fox_json_is_true(fox_json_get(row, "auth"));
	fox_uri_lower(at, c->topic);
	root->key = fox_slice(at, c->topic.len);
	if (fox_map_put(&r->roots, root->key, root))
		change_own_methods(r, &root->pub, false);
	else
		free(root);
}

void
fox_roots_free(FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&r->roots, &pos)) != NULL)
		free(slot->value);
	fox_map_free(&r->roots);
}

const FoxRoot *
fox_root_find(const FoxRouter *r, FoxSlice name)
{
	const Root *root = find(r, name);

	return root != NULL ? &root->pub : NULL;
}

bool
fox_method_find(FoxRouter *r, const FoxRoot *root, FoxSlice name, FoxMethod *out)
{
	const FoxRealm *realm = fox_realm_find(r, root->realm);
	char		key[NAME_MAX];
	size_t		len = root->name.len + 1 + name.len;

	if (realm == NULL || len > sizeof(key))
		return false;
	fox_uri_lower(key, root->name);
	key[root->name.len] = '.';
	fox_uri_lower(key + root->name.len + 1, name);
	return fox_exposed_method(realm, fox_slice(key, len), out);
}

bool
fox_path_name(FoxBuf *name, const FoxSlice *segments, size_t n)
{
	size_t		from;

	for (size_t i = 0; i < n; i++)
	{
		if (i > 0)
			fox_buf_char(name, '.');
		from = name->len;
		fox_url_decode(segments[i], false, name);
		if (name->failed || memchr(name->data + from, '/', name->len - from) != NULL || memchr(name->data + from, '\0', name->len - from) != NULL)
			return false;
	}
	return n > 0;
}

static bool
find_at(FoxRouter *r, const FoxRoot *root, const FoxSlice *segments, size_t n, FoxMethod *out)
{
	FoxBuf		name = {0};
	bool		found = fox_path_name(&name, segments, n) && fox_method_find(r, root, fox_buf_view(&name), out);

	fox_buf_free(&name);
	return found;
}

bool
fox_method_at(FoxRouter *r, const FoxRoot *root, const FoxSlice *segments, size_t n, FoxMethod *out)
{
	static const unsigned of_rows = FOX_GET | FOX_HEAD | FOX_POST;
	static const unsigned of_row = FOX_GET | FOX_HEAD | FOX_PUT | FOX_PATCH | FOX_DELETE;
	FoxSlice	method[2];

	if (find_at(r, root, segments, n, out))
	{
		if (out->bound == FOX_BOUND_ROWS)
			out->verbs &= of_rows;
		return true;
	}
	if (n < 2 || n > 3 || !find_at(r, root, segments, 1, out) || out->bound != FOX_BOUND_ROWS)
		return false;
	method[0] = segments[0];
	method[1] = segments[n - 1];
	if (n == 3 && find_at(r, root, method, 2, out))
	{
		out->row = segments[1];
		return out->bound != FOX_UNBOUND;
	}
	(void) find_at(r, root, segments, 1, out);
	out->row = segments[1];
	out->column = n == 3 ? segments[2] : FOX_ABSENT;
	out->verbs &= n == 3 ? (unsigned) (FOX_GET | FOX_HEAD) : of_row;
	return true;
}

/* --- verbs --- */

static const struct
{
	const char *name;
	unsigned	verb;
}			verbs[] = {
	{"GET", FOX_GET}, {"HEAD", FOX_HEAD}, {"POST", FOX_POST}, {"PUT", FOX_PUT}, {"PATCH", FOX_PATCH}, {"DELETE", FOX_DELETE}
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

unsigned
fox_verb_named(FoxSlice name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (fox_slice_is(name, verbs[i].name))
			return verbs[i].verb;
	return 0;
}

void
fox_verbs_put(unsigned set, FoxBuf *out)
{
	const char *comma = "";

	for (size_t i = 0; i < VERBS; i++)
		if (set & verbs[i].verb)
		{
			fox_buf_str(out, comma);
			fox_buf_str(out, verbs[i].name);
			comma = ", ";
		}
}
