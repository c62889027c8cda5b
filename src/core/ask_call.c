/*
 * ask_call.c - calls from SQL: call(), which waits for the result, and cast().
 *
 * A call() has a session of its own for as long as it lasts, so that its end - a
 * cancelled statement, a backend that is gone - cancels the call like any caller's.
 * The casts of a realm share one session for each role that casts.
 */
#include "core/ask.h"
#include "core/callback.h"

#include "codec/json.h"

#include "base/pure.h"

#define CALL_REQUEST 1
#define CAST_TIMEOUT_MS 60000	/* of one that names none: nobody else would end it */

/* --- call() --- */

static void
put_payload(FoxBuf *row, const FoxPayload *payload)
{
	FoxBuf		memory = {0};
	FoxPayload	json;

	fox_buf_str(row, "{\"args\":");
	if (!fox_payload_as(payload, FOX_JSON, &memory, &json))
		row->failed = true;
	else
	{
		fox_buf_slice(row, fox_absent(json.args) ? FOX_LIT("null") : json.args);
		fox_buf_str(row, ",\"kwargs\":");
		fox_buf_slice(row, fox_absent(json.kwargs) ? FOX_LIT("null") : json.kwargs);
	}
	fox_buf_char(row, '}');
	fox_buf_free(&memory);
}

static void
call_result(FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	FoxAsker   *a = s->data;
	FoxBuf		row = {0};

	(void) request, (void) ppt;
	if (progress || a->done)
		return;
	put_payload(&row, payload);
	fox_ask_answer_row(a->router, a->ask, &row, true);
	fox_buf_free(&row);
	a->done = true;
}

/* A callee's reason is usually its first argument. */
static FoxSlice
first_text(const FoxPayload *payload, FoxBuf *json_memory, FoxBuf *text_memory)
{
	FoxPayload	json;
	FoxSlice	first;
	size_t		pos = 0;

	if (!fox_payload_as(payload, FOX_JSON, json_memory, &json) || fox_absent(json.args) ||
		!fox_json_element(json.args, &pos, &first))
		return FOX_ABSENT;
	return fox_json_kind(first) == FOX_JSON_STRING ? fox_json_text(first, text_memory) : FOX_ABSENT;
}

static void
call_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	FoxAsker   *a = s->data;
	FoxBuf		json = {0};
	FoxBuf		text = {0};

	(void) what, (void) request;
	if (!a->done)
		fox_ask_answer_error(a->router, a->ask, why->uri,
							 fox_absent(why->text) ? first_text(&why->payload, &json, &text) : why->text);
	a->done = true;
	fox_buf_free(&json);
	fox_buf_free(&text);
}

static void
call_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	FoxAsker   *a = s->data;

	(void) message;
	if (!a->done)
		fox_ask_answer_error(a->router, a->ask, fox_cstr(reason), FOX_ABSENT);
	a->done = true;
	a->session = NULL;
}

static const FoxSessionOps call_ops = {.result = call_result, .failed = call_failed, .ended = call_ended};

/* The given options of a caller that takes one result and sends one CALL, with that timeout. */
static void
put_options(FoxBuf *out, FoxSlice given, uint64_t timeout_ms)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	fox_buf_str(out, "{\"timeout\":");
	fox_buf_u64(out, timeout_ms);
	while (fox_json_kind(given) == FOX_JSON_OBJECT && fox_json_member(given, &pos, &key, &value))
	{
		if (fox_json_key_is(key, "timeout") || fox_json_key_is(key, "progress") || fox_json_key_is(key, "receive_progress"))
			continue;
		fox_buf_str(out, ",\"");
		fox_buf_slice(out, key);
		fox_buf_str(out, "\":");
		fox_buf_slice(out, value);
	}
	fox_buf_char(out, '}');
}

void
fox_ask_call(FoxRouter *r, uint64_t ask, FoxSlice question, FoxSlice realm, FoxSlice procedure, int pid)
{
	FoxAsker   *a = fox_asker_new(r, ask);
	FoxSessionInfo info = fox_sql_info;
	FoxBuf		role = {0};
	FoxSlice	timeout = fox_json_get(question, "timeout_ms");
	FoxSlice	args = fox_json_get(question, "args");
	FoxSlice	kwargs = fox_json_get(question, "kwargs");
	FoxBuf		options = {0};
	const char *reason;
	uint64_t	ms = 0;

	if (a == NULL)
		return;
	if (!fox_absent(timeout))
		(void) fox_json_uint(timeout, &ms);
	put_options(&options, fox_json_get(question, "options"), ms);
	info.role = fox_json_text(fox_json_get(question, "role"), &role);
	info.backend = pid;
	a->session = options.failed ? NULL : fox_session_join(r, realm, &info, &call_ops, a, &reason);
	fox_buf_free(&role);
	if (a->session == NULL)
	{
		fox_ask_answer_error(r, ask, options.failed ? FOX_LIT(FOX_ERR_UNAVAILABLE) : fox_cstr(reason), FOX_ABSENT);
		fox_asker_free(a);
	}
	else
		fox_session_call(a->session, CALL_REQUEST, fox_buf_view(&options), procedure,
						 fox_json_kind(args) == FOX_JSON_ARRAY ? args : FOX_ABSENT,
						 fox_json_kind(kwargs) == FOX_JSON_OBJECT ? kwargs : FOX_ABSENT);
	fox_buf_free(&options);
}

void
fox_ask_callback_call(FoxRouter *r, uint64_t ask, FoxSlice question, int pid)
{
	FoxBuf		realm = {0};
	FoxBuf		method = {0};
	FoxSlice	args = fox_json_get(question, "args");
	FoxSlice	kwargs = fox_json_get(question, "kwargs");
	FoxSessionInfo info = fox_sql_info;
	uint64_t	id = 0;
	uint64_t	ms = 0;
	FoxCallback *cb;
	FoxAsker   *a;
	const char *error = NULL;

	(void) fox_json_uint(fox_json_get(question, "callback"), &id);
	(void) fox_json_uint(fox_json_get(question, "timeout_ms"), &ms);
	cb = fox_callback_of(r, id, fox_json_text(fox_json_get(question, "realm"), &realm), fox_json_get(question, "row"));
	info.backend = pid;
	if (cb == NULL)
		fox_ask_answer_error(r, ask, FOX_LIT(FOX_ERR_NO_SUCH_PROCEDURE), FOX_LIT("the callback has been released"));
	else if ((a = fox_asker_new(r, ask)) != NULL)
	{
		a->session = fox_session_join(r, cb->realm->name, &info, &call_ops, a, &error);
		if (a->session != NULL)
			error = fox_callback_call(cb, a->session, CALL_REQUEST, ms, fox_json_text(fox_json_get(question, "method"), &method),
									  fox_json_kind(args) == FOX_JSON_ARRAY ? args : FOX_ABSENT,
									  fox_json_kind(kwargs) == FOX_JSON_OBJECT ? kwargs : FOX_ABSENT);
		if (error != NULL)
		{
			fox_ask_answer_error(r, ask, fox_cstr(error), strcmp(error, FOX_ERR_FEATURE_NOT_SUPPORTED) == 0 ?
								 FOX_LIT("only a procedure that the session has registered can answer") : FOX_ABSENT);
			fox_asker_free(a);
		}
	}
	fox_buf_free(&realm);
	fox_buf_free(&method);
}

/* --- cast() --- */

static void
cast_result(FoxSession *s, uint64_t request, bool progress, const FoxPayload *payload, const FoxPpt *ppt)
{
	(void) s, (void) request, (void) progress, (void) payload, (void) ppt;
}

static void
cast_failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	(void) what, (void) request;
	s->realm->router->stats.casts_failed++;
	fox_router_log(s->realm->router, FOX_LOG_DEBUG, "a cast has failed: %.*s", (int) why->uri.len, why->uri.ptr);
}

static void
cast_ended(FoxSession *s, const char *reason, FoxSlice message)
{
	(void) reason, (void) message;
	fox_map_del(&s->realm->casters, s->role);
}

static const FoxSessionOps cast_ops = {.result = cast_result, .failed = cast_failed, .ended = cast_ended};

static FoxSession *
caster_of(FoxRealm *realm, FoxSlice role)
{
	FoxSession *s = fox_map_get(&realm->casters, role);
	FoxSessionInfo info = fox_sql_info;
	const char *reason;

	if (s != NULL)
		return s;
	info.role = role;
	s = fox_session_join(realm->router, realm->name, &info, &cast_ops, NULL, &reason);
	if (s != NULL && !fox_map_put(&realm->casters, s->role, s))
	{
		fox_session_leave(s, FOX_END_LOST);
		return NULL;
	}
	return s;
}

/* options = {"role":text,"options":object or null} */
void
fox_ask_cast(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxSlice	given = fox_json_get(c->options, "options");
	FoxSlice	timeout = fox_json_get(given, "timeout");
	uint64_t	timeout_ms = CAST_TIMEOUT_MS;
	FoxBuf		options = {0};
	FoxBuf		text = {0};
	FoxSlice	role = fox_json_text(fox_json_get(c->options, "role"), &text);
	FoxSession *s = realm != NULL && !fox_absent(role) ? caster_of(realm, role) : NULL;

	if (!fox_absent(timeout))
		(void) fox_json_uint(timeout, &timeout_ms);
	put_options(&options, given, timeout_ms);
	if (s == NULL || options.failed)
		r->stats.casts_failed++;
	else
		fox_session_call(s, ++realm->casts, fox_buf_view(&options), c->topic, c->args, c->kwargs);
	fox_buf_free(&options);
	fox_buf_free(&text);
}
