/*
 * hook.c - publish hooks (see hook.h).
 *
 * A function is called with (topic, args, kwargs, details) and answers with null, which refuses the message, or with
 * an object of what it has changed: {"args": array, "kwargs": object}; a member that is not there, or is as it
 * was, leaves that part as it came, byte for byte.  An error is the publisher's.
 *
 * A realm that never had a row pays one comparison.
 */
#include "core/hook.h"

#include <stdlib.h>

#include "codec/json.h"
#include "codec/json_out.h"
#include "codec/json_sql.h"
#include "codec/match.h"
#include "codec/mqtt_payload.h"
#include "core/denial.h"

#include "base/pure.h"

#define TOO_MANY "too many requests wait for the publish hook"

typedef struct FoxHook
{
	FoxNode		in_realm;
	FoxPattern	pattern;		/* owned, in block, like the texts of the function */
	FoxAuthority function;
	char		block[];
} FoxHook;

struct FoxHooks
{
	FoxIndex	index;			/* → FoxHook */
	FoxNode		all;
};

/* --- rows --- */

static FoxHook *
hook_new(FoxPattern pattern, const FoxAuthority *function)
{
	FoxHook    *h = calloc(1, sizeof(*h) + pattern.uri.len + fox_authority_size(function) + 1);
	char	   *at;

	if (h == NULL)
		return NULL;
	at = h->block;
	h->pattern = fox_pattern(fox_slice_keep(&at, pattern.uri), pattern.kind);
	h->function = fox_authority_keep(&at, function);
	return h;
}

static void
drop(FoxRealm *realm, FoxPattern pattern)
{
	FoxHook    *h = realm->hooks != NULL ? fox_index_get(&realm->hooks->index, pattern.uri, pattern.kind) : NULL;

	if (h == NULL)
		return;
	fox_index_del(&realm->hooks->index, pattern.uri, pattern.kind);
	fox_list_del(&h->in_realm);
	free(h);
}

static bool
set(FoxRealm *realm, FoxPattern pattern, const FoxAuthority *function)
{
	FoxHook    *h;

	if (realm->hooks == NULL)
	{
		if ((realm->hooks = calloc(1, sizeof(*realm->hooks))) == NULL)
			return false;
		fox_list_init(&realm->hooks->all);
	}
	h = hook_new(pattern, function);
	if (h == NULL)
		return false;
	drop(realm, pattern);
	fox_list_push(&realm->hooks->all, &h->in_realm);
	if (fox_index_put(&realm->hooks->index, h->pattern.uri, h->pattern.kind, h))
		return true;
	fox_list_del(&h->in_realm);
	free(h);
	return false;
}

/* topic = pattern, args = [{"match":text,"function":text,"function_role": text or null}] */
void
fox_hook_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxSlice	row = FOX_ABSENT;
	FoxBuf		match_text = {0};
	FoxAuthorityRow function;
	FoxPattern	pattern = {.uri = c->topic};
	size_t		pos = 0;

	if (realm == NULL || fox_absent(c->args) || !fox_json_element(c->args, &pos, &row))
		return;
	fox_authority_read(row, "procedure", &function);
	if (fox_match_named(fox_json_text(fox_json_get(row, "match"), &match_text), &pattern.kind) &&
		fox_uri_pattern_valid(c->topic, pattern.kind, false) && !fox_absent(function.authority.function))
	{
		if (c->deleted)
			drop(realm, pattern);
		else if (!set(realm, pattern, &function.authority))
			fox_router_log(r, FOX_LOG_ERROR, "out of memory: a publish hook is missing until the router restarts");
	}
	fox_buf_free(&match_text);
	fox_authority_row_free(&function);
}

void
fox_hooks_free(FoxRealm *realm)
{
	if (realm->hooks == NULL)
		return;
	fox_list_each(n, &realm->hooks->all)
		free(fox_container(FoxHook, in_realm, n));
	fox_index_free(&realm->hooks->index);
	free(realm->hooks);
	realm->hooks = NULL;
}

static void
look(void *ctx, void *value)
{
	const FoxHook **best = ctx;
	const FoxHook *h = value;

	if (*best == NULL || fox_pattern_compare(h->pattern, (*best)->pattern) > 0)
		*best = h;
}

const FoxAuthority *
fox_hook_find(const FoxRealm *realm, FoxSlice topic)
{
	const FoxHook *best = NULL;

	if (realm->hooks != NULL)
		fox_index_match(&realm->hooks->index, topic, look, &best);
	return best != NULL ? &best->function : NULL;
}

/* --- the question --- */

/* As jsonb takes it. */
static void
put_json(FoxBuf *b, FoxSlice json)
{
	if (!fox_json_for_sql(json, b))
		fox_buf_slice(b, json);
}

static void
put_question(FoxBuf *b, const FoxSession *s, const FoxWish *wish, const FoxPayload *json)
{
	fox_buf_char(b, '[');
	fox_buf_json_str(b, wish->uri);
	fox_buf_char(b, ',');
	put_json(b, fox_absent(json->args) ? FOX_LIT("[]") : json->args);
	fox_buf_char(b, ',');
	put_json(b, fox_absent(json->kwargs) ? FOX_LIT("{}") : json->kwargs);
	fox_buf_str(b, ",{");
	fox_asked_put_session(b, s);
	fox_json_put_name(b, "options");
	put_json(b, fox_json_kind(wish->options) == FOX_JSON_OBJECT ? wish->options : FOX_LIT("{}"));
	if (s->encoding == FOX_MQTT && !fox_absent(wish->kwargs))
	{
		FoxBuf		props = {0};

		fox_json_put_name(b, "mqtt");
		fox_mqtt_props_json(wish->kwargs, &props);
		put_json(b, fox_buf_view(&props));
		b->failed |= props.failed;
		fox_buf_free(&props);
	}
	fox_buf_str(b, "}]");
}

/* --- the answer --- */

static bool
fail(FoxAsked *a, FoxSlice uri, FoxSlice text)
{
	if (!fox_asked_more(a, uri.len + text.len))
	{
		uri = FOX_LIT(FOX_ERR_UNAVAILABLE);
		text = FOX_LIT(TOO_MANY);
	}
	fox_buf_reset(&a->error);
	fox_buf_slice(&a->error, uri);
	fox_buf_char(&a->error, '\0');
	fox_buf_slice(&a->error, text);
	fox_buf_char(&a->error, '\0');
	return false;
}

/* Is what the function has given back what it was given?  There what jsonb does not take is written otherwise. */
static bool
is_the_same(FoxSlice part, FoxSlice given)
{
	FoxBuf		as_jsonb = {0};
	bool		same = fox_json_equal(part, fox_json_for_sql(given, &as_jsonb) ? fox_buf_view(&as_jsonb) : given);

	same = same && !as_jsonb.failed;
	fox_buf_free(&as_jsonb);
	return same;
}

/* The part as it is to go on; *changed if it is not as it came. */
static FoxSlice
part_of(FoxSlice part, FoxSlice given, FoxSlice empty, bool *changed)
{
	if (fox_absent(part) || is_the_same(part, fox_absent(given) ? empty : given))
		return given;
	*changed = true;
	return fox_json_kind(part) == FOX_JSON_NULL ? FOX_ABSENT : part;
}

/* Properties that say nothing about the bytes stay. */
static bool
keep_props(FoxSlice former, FoxSlice made, FoxBuf *out)
{
	FoxBuf		all = {0};
	FoxBuf		kept = {0};
	FoxBuf		block = {0};
	FoxMqttReader r;
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;
	bool		done;

	if (!fox_absent(former))
		fox_mqtt_props_json(former, &all);
	fox_buf_char(&kept, '{');
	while (all.len > 0 && fox_json_member(fox_buf_view(&all), &pos, &key, &value))
	{
		if (fox_json_key_is(key, "content_type") || fox_json_key_is(key, "payload_format"))
			continue;
		fox_buf_str(&kept, kept.len > 1 ? ",\"" : "\"");
		fox_buf_slice(&kept, key);
		fox_buf_str(&kept, "\":");
		fox_buf_slice(&kept, value);
	}
	fox_buf_char(&kept, '}');
	done = !all.failed && !kept.failed && fox_mqtt_props_of(fox_buf_view(&kept), fox_absent(made) ? FOX_LIT("") : made, &block);
	if (done)
	{
		r = fox_mqtt_reader(fox_buf_view(&block));
		fox_buf_slice(out, fox_mqtt_take(&r, fox_mqtt_varint(&r)));
	}
	fox_buf_free(&all);
	fox_buf_free(&kept);
	fox_buf_free(&block);
	return done && !out->failed;
}

/* The message takes the place of that of the wish. */
static bool
keep(FoxAsked *a, FoxSlice args, FoxSlice kwargs)
{
	char	   *at;

	if (!fox_asked_more(a, args.len + kwargs.len))
		return fail(a, FOX_LIT(FOX_ERR_UNAVAILABLE), FOX_LIT(TOO_MANY));
	if ((at = fox_buf_reserve(&a->altered, args.len + kwargs.len + 1)) == NULL)
		return fail(a, FOX_LIT(FOX_ERR_UNAVAILABLE), FOX_LIT("out of memory"));
	a->wish.args = fox_slice_keep(&at, args);
	a->wish.kwargs = fox_slice_keep(&at, kwargs);
	return true;
}

/* The same in the session's encoding; json does not borrow from a. */
static bool
replace(FoxAsked *a, const FoxPayload *json)
{
	FoxEncoding encoding = a->session->encoding;
	FoxBuf		memory = {0};
	FoxPayload	made;
	FoxBuf		props = {0};
	bool		done = fox_payload_as(json, encoding, &memory, &made) &&
		(encoding != FOX_MQTT || keep_props(a->wish.kwargs, made.kwargs, &props));

	if (done && encoding == FOX_MQTT)
		made.kwargs = props.len > 0 ? fox_buf_view(&props) : FOX_ABSENT;
	done = done ? keep(a, made.args, made.kwargs) : fail(a, FOX_LIT(FOX_ERR_UNAVAILABLE), FOX_LIT("out of memory"));
	fox_buf_free(&memory);
	fox_buf_free(&props);
	return done;
}

static bool
alter(FoxAsked *a, FoxSlice answer)
{
	FoxPayload	came = {a->session->encoding, a->wish.args, a->wish.kwargs};
	FoxPayload	json;
	FoxBuf		memory = {0};
	FoxBuf		only = {0};
	bool		changed = false;
	bool		done;
	FoxSlice	args;
	FoxSlice	kwargs;

	if (!fox_payload_as(&came, FOX_JSON, &memory, &json))
		return fail(a, FOX_LIT(FOX_ERR_UNAVAILABLE), FOX_LIT("out of memory"));
	args = part_of(fox_json_get(answer, "args"), json.args, FOX_LIT("[]"), &changed);
	kwargs = part_of(fox_json_get(answer, "kwargs"), json.kwargs, FOX_LIT("{}"), &changed);
	if (changed && !fox_absent(args) && fox_json_kind(args) != FOX_JSON_ARRAY)
	{
		fox_buf_char(&only, '[');
		fox_buf_slice(&only, args);
		fox_buf_char(&only, ']');
		args = fox_buf_view(&only);
	}
	if (changed && !fox_absent(kwargs) && fox_json_kind(kwargs) != FOX_JSON_OBJECT)
		done = fail(a, FOX_LIT(FOX_ERR_INVALID_ARGUMENT), FOX_LIT("the publish hook has returned kwargs that are no object"));
	else
		done = !changed || replace(a, &(FoxPayload){FOX_JSON, args, kwargs});
	fox_buf_free(&memory);
	fox_buf_free(&only);
	return done;
}

static void
said(void *ctx, FoxSlice value)
{
	FoxAsked   *a = ctx;
	FoxKind		kind = fox_json_kind(value);

	if (a->state == FOX_ASKED_OPEN)
	{
		if (kind == FOX_JSON_NULL)
			fox_asked_answered(a, FOX_ASKED_NO);
		else if (kind != FOX_JSON_OBJECT)
		{
			fail(a, FOX_LIT(FOX_ERR_INVALID_ARGUMENT), FOX_LIT("the publish hook has returned neither an object nor null"));
			fox_asked_answered(a, FOX_ASKED_FAILED);
		}
		else
			fox_asked_answered(a, alter(a, value) ? FOX_ASKED_YES : FOX_ASKED_FAILED);
	}
	fox_inquiry_free(a->inquiry);
	a->inquiry = NULL;
}

static void
failed(void *ctx, FoxSlice uri, FoxSlice args)
{
	FoxAsked   *a = ctx;
	FoxBuf		scratch = {0};
	FoxSlice	text = FOX_LIT("");
	size_t		pos = 0;

	if (!fox_absent(args) && fox_json_element(args, &pos, &text))
		text = fox_json_text(text, &scratch);
	if (a->state == FOX_ASKED_OPEN)
	{
		fail(a, uri, text);
		fox_asked_answered(a, FOX_ASKED_FAILED);
	}
	fox_buf_free(&scratch);
	fox_inquiry_free(a->inquiry);
	a->inquiry = NULL;
}

/* --- the door --- */

static FoxPass
refuse(const FoxSession *s, FoxSlice topic, const char *uri, const char *text, FoxPermit *permit)
{
	permit->uri = uri;
	permit->text = text;
	fox_denied_to(s, fox_action_name(FOX_MAY_PUBLISH), topic, text);
	return FOX_REFUSED;
}

static FoxPass
refuse_answer(const FoxAsked *a, FoxPermit *permit)
{
	const FoxSession *s = a->session;
	const char *uri = a->error.len > 0 && !a->error.failed ? a->error.data : "";

	if (a->state == FOX_ASKED_NO)
		return refuse(s, a->wish.uri, FOX_ERR_NOT_AUTHORIZED,
					  fox_refusal_text(s, FOX_MAY_PUBLISH, a->wish.uri, ": the publish hook does not allow it"), permit);
	if (*uri == '\0')
		return refuse(s, a->wish.uri, FOX_ERR_AUTHORIZATION_FAILED, "the publish hook has given no answer", permit);
	return refuse(s, a->wish.uri, uri, uri + strlen(uri) + 1, permit);
}

static void
inquire(FoxAsked *a, const FoxAuthority *hook)
{
	const FoxSession *s = a->session;
	FoxPayload	came = {s->encoding, a->wish.args, a->wish.kwargs};
	FoxPayload	json;
	FoxBuf		memory = {0};
	FoxBuf		args = {0};

	a->permitted = true;
	if (fox_payload_as(&came, FOX_JSON, &memory, &json))
		put_question(&args, s, &a->wish, &json);
	if (args.len > 0 && !args.failed)
		a->inquiry = fox_inquiry_new(s->realm->router, &(FoxFunctionCall){
			.realm = s->realm->name, .function = hook->function, .role = hook->role,
			.caller = s->id, .authid = s->authid, .authrole = s->authrole, .timeout_ms = FOX_ANSWER_MS, .args = fox_buf_view(&args)
		}, said, a);
	if (a->inquiry != NULL)
		fox_inquiry_on_failure(a->inquiry, failed);
	else
		fox_asked_answered(a, FOX_ASKED_FAILED);
	fox_buf_free(&memory);
	fox_buf_free(&args);
}

FoxPass
fox_hook_ask(FoxAsked *a, FoxPermit *permit)
{
	FoxSession *s = a->session;
	const FoxAuthority *hook = fox_hook_find(s->realm, a->wish.uri);

	if (hook == NULL)
		return FOX_WAITS;
	if (!fox_asked_open(a))
	{
		FoxPass		pass = refuse(s, a->wish.uri, FOX_ERR_UNAVAILABLE, "out of memory", permit);

		if (s->resumed != a)
			fox_asked_free(a);
		return pass;
	}
	a->stays = true;
	inquire(a, hook);
	return FOX_WAITS;
}

FoxPass
fox_hook_pass(FoxSession *s, const FoxWish *wish, FoxPermit *permit)
{
	FoxAsked   *a = s->resumed;

	if (a != NULL && a->permitted)
		return a->state == FOX_ASKED_YES ? FOX_PASSES : refuse_answer(a, permit);
	if (fox_hook_find(s->realm, wish->uri) == NULL)
		return FOX_PASSES;
	if (a == NULL && (a = fox_asked_new(s, wish)) == NULL)
		return refuse(s, wish->uri, FOX_ERR_UNAVAILABLE, TOO_MANY, permit);
	a->disclosure = permit->disclosure;
	return fox_hook_ask(a, permit);
}
