/*
 * meta_registration.c - the registration meta API: events of a registration's life, and
 * questions about it.
 */
#include <stdlib.h>

#include "codec/json_out.h"
#include "core/meta.h"

#include "base/pure.h"

static void
put_details(FoxBuf *b, const FoxRegistration *reg)
{
	fox_buf_char(b, '{');
	fox_json_put_number(b, "id", reg->id);
	fox_meta_put_time(b, "created", reg->realm->router, reg->created_us);
	fox_json_put_member(b, "uri", reg->uri);
	fox_json_put_member(b, "match", fox_cstr(fox_match_name(reg->kind)));
	fox_json_put_member(b, "invoke", fox_cstr(fox_invoke_name(reg->invoke)));
	fox_buf_char(b, '}');
}

void
fox_meta_registration(const FoxRegistration *reg, const FoxSession *s, FoxMetaStep step)
{
	static const char *const topics[] = {
		[FOX_META_CREATED] = "wamp.registration.on_create",
		[FOX_META_JOINED] = "wamp.registration.on_register",
		[FOX_META_LEFT] = "wamp.registration.on_unregister",
		[FOX_META_DELETED] = "wamp.registration.on_delete"
	};
	FoxBuf		args = {0};

	if (!fox_meta_heard(reg->realm, topics[step]))
		return;
	if (step != FOX_META_CREATED)
	{
		fox_meta_publish_ids(reg->realm, topics[step], s, reg->id);
		return;
	}
	fox_buf_char(&args, '[');
	fox_buf_u64(&args, s->id);
	fox_buf_char(&args, ',');
	put_details(&args, reg);
	fox_buf_char(&args, ']');
	fox_meta_publish(reg->realm, topics[step], &args, s);
}

/* --- procedures --- */

static const char *
registration_list(FoxMetaCall *c)
{
	fox_buf_char(&c->out, '{');
	for (int kind = FOX_EXACT; kind <= FOX_PATTERN; kind++)
	{
		size_t		pos = 0;
		FoxMapSlot *slot;

		fox_json_put_name(&c->out, fox_match_name((FoxMatchKind) kind));
		fox_buf_char(&c->out, '[');
		while ((slot = fox_map_next(&c->realm->registrations_by_id, &pos)) != NULL)
			if ((int) ((FoxRegistration *) slot->value)->kind == kind)
				fox_meta_put_id(&c->out, ((FoxRegistration *) slot->value)->id);
		fox_buf_char(&c->out, ']');
	}
	fox_buf_char(&c->out, '}');
	return NULL;
}

static const char *
answer_id(FoxMetaCall *c, const FoxRegistration *reg)
{
	if (reg != NULL)
		fox_buf_u64(&c->out, reg->id);
	else
		fox_buf_str(&c->out, "null");
	return NULL;
}

static const char *
registration_lookup(FoxMetaCall *c)
{
	FoxBuf		uri_buf = {0};
	FoxBuf		match_buf = {0};
	FoxSlice	uri = fox_meta_text(c, 0, "procedure", &uri_buf);
	FoxSlice	options = fox_meta_arg(c, 1, "options");
	FoxSlice	match = FOX_ABSENT;
	FoxMatchKind kind;
	const char *error = fox_absent(uri) ? FOX_ERR_INVALID_ARGUMENT : NULL;

	if (fox_json_kind(options) == FOX_JSON_OBJECT)
		match = fox_json_get(options, "match");
	if (!fox_absent(match) && fox_absent(match = fox_json_text(match, &match_buf)))
		match = FOX_LIT("");
	if (error == NULL && !fox_uri_match_kind(uri, match, &kind))
	{
		error = FOX_ERR_INVALID_ARGUMENT;
		c->text = "option match must be exact, prefix or wildcard";
	}
	if (error == NULL)
		answer_id(c, fox_index_get(&c->realm->registrations, uri, kind));
	fox_buf_free(&uri_buf);
	fox_buf_free(&match_buf);
	return error;
}

static const char *
registration_match(FoxMetaCall *c)
{
	FoxBuf		scratch = {0};
	FoxSlice	uri = fox_meta_text(c, 0, "procedure", &scratch);
	const char *error = fox_absent(uri) ? FOX_ERR_INVALID_ARGUMENT : NULL;

	if (error == NULL)
		answer_id(c, fox_uri_valid(uri, false) ? fox_dealer_find(c->realm, uri) : NULL);
	fox_buf_free(&scratch);
	return error;
}

static FoxRegistration *
registration_arg(FoxMetaCall *c, const char **error)
{
	FoxRegistration *reg;
	uint64_t	id;

	*error = FOX_ERR_INVALID_ARGUMENT;
	if (!fox_meta_id(c, 0, "registration", &id))
		return NULL;
	*error = FOX_ERR_NO_SUCH_REGISTRATION;
	if ((reg = fox_idmap_get(&c->realm->registrations_by_id, id)) == NULL)
		c->text = "no registration with that id is in the realm";
	return reg;
}

static const char *
registration_get(FoxMetaCall *c)
{
	const char *error;
	FoxRegistration *reg = registration_arg(c, &error);

	if (reg == NULL)
		return error;
	put_details(&c->out, reg);
	return NULL;
}

static const char *
registration_list_callees(FoxMetaCall *c)
{
	const char *error;
	FoxRegistration *reg = registration_arg(c, &error);

	if (reg == NULL)
		return error;
	fox_buf_char(&c->out, '[');
	for (uint32_t i = 0; i < reg->count; i++)
		fox_meta_put_id(&c->out, reg->callees[i]->session->id);
	fox_buf_char(&c->out, ']');
	return NULL;
}

static const char *
registration_count_callees(FoxMetaCall *c)
{
	const char *error;
	FoxRegistration *reg = registration_arg(c, &error);

	if (reg == NULL)
		return error;
	fox_buf_u64(&c->out, reg->count);
	return NULL;
}

/* (registration, callee, reason=…): beyond the specification, the administrator's way to revoke. */
static const char *
registration_remove_callee(FoxMetaCall *c)
{
	const char *error;
	FoxRegistration *reg = registration_arg(c, &error);
	FoxSession *s;
	char	   *reason;

	if (reg == NULL || (s = fox_meta_whom(c, "callee", "wamp.registration.revoked", &reason, &error)) == NULL)
		return error;
	error = fox_registration_revoke(c->realm, reg->id, s, reason) > 0 ? NULL : FOX_ERR_NO_SUCH_SESSION;
	if (error != NULL)
		c->text = "the session does not have that registration";
	free(reason);
	return error;
}

const FoxMetaProcedure fox_meta_registration_procedures[] = {
	{"wamp.registration.list", registration_list, false},
	{"wamp.registration.lookup", registration_lookup, false},
	{"wamp.registration.match", registration_match, false},
	{"wamp.registration.get", registration_get, false},
	{"wamp.registration.list_callees", registration_list_callees, false},
	{"wamp.registration.count_callees", registration_count_callees, false},
	{"wamp.registration.remove_callee", registration_remove_callee, true},
	{NULL, NULL, false}
};
