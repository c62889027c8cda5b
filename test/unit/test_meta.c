/*
 * test_meta.c - the router's own procedures and events, testaments, sharding, revocation.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

static Peer *
join_id(uint64_t *id)
{
	Peer	   *p = peer_open();

	peer_send(p, "[1,\"realm1\",{\"roles\":{\"publisher\":{},\"subscriber\":{\"features\":{\"subscription_revocation\":true}},"
			  "\"caller\":{},\"callee\":{\"features\":{\"registration_revocation\":true}}}}]");
	*id = strtoull(peer_next(p) + 3, NULL, 10);
	assert_int_not_equal(*id, 0);
	return p;
}

static uint64_t
subscribe(Peer *p, int request, const char *options, const char *topic)
{
	char		expected[64];

	peer_send(p, "[32,%d,%s,\"%s\"]", request, options, topic);
	snprintf(expected, sizeof(expected), "[33,%d,%%]", request);
	peer_expect(p, expected);
	return peer_number(0);
}

/* Calls with the rest of the message after the procedure; the answer must be the text. */
static void
expect_result(Peer *p, const char *procedure, const char *rest, const char *format,...)
{
	char		result[1024];
	char		expected[1100];
	va_list		args;

	va_start(args, format);
	vsnprintf(result, sizeof(result), format, args);
	va_end(args);
	peer_send(p, "[48,9,{},\"%s\"%s]", procedure, rest);
	snprintf(expected, sizeof(expected), "[50,9,{}%s%s%s]", *result ? ",[" : "", result, *result ? "]" : "");
	peer_expect(p, expected);
}

static void
expect_error(Peer *p, const char *procedure, const char *rest, const char *uri)
{
	char		start[200];

	peer_send(p, "[48,9,{},\"%s\"%s]", procedure, rest);
	snprintf(start, sizeof(start), "[8,48,9,{},\"%s\",[\"", uri);
	if (strncmp(peer_next(p), start, strlen(start)) != 0)
		fail_msg("%s%s did not fail with %s", procedure, rest, uri);
}

/* --- sessions --- */

static void
test_session_events(void **state)
{
	uint64_t	id;
	Peer	   *watcher = peer_join();
	Peer	   *everything = peer_join();
	Peer	   *p;
	char		text[400];

	(void) state;
	subscribe(watcher, 1, "{}", "wamp.session.on_join");
	subscribe(watcher, 2, "{\"match\":\"prefix\"}", "wamp.session.");
	subscribe(everything, 1, "{}", "#");
	p = join_id(&id);
	snprintf(text, sizeof(text), "\"session\":%llu,\"authid\":\"anonymous\",\"authrole\":\"anonymous\",\"authmethod\":\"anonymous\","
			 "\"authprovider\":\"static\",\"transport\":{\"type\":\"websocket\",\"protocol\":\"wamp.2.json\",\"peer\":\"127.0.0.1:1\"}}]]",
			 (unsigned long long) id);
	for (int i = 0; i < 2; i++)
	{
		const char *got = peer_next(watcher);

		assert_memory_equal(got, "[36,", 4);
		assert_non_null(strstr(got, text));
	}
	peer_lose(p);
	snprintf(text, sizeof(text), "[36,%%,%%,{\"topic\":\"wamp.session.on_leave\"},[%llu,\"anonymous\",\"anonymous\"]]",
			 (unsigned long long) id);
	peer_expect(watcher, text);
	peer_expect_nothing(watcher);
	peer_expect_nothing(everything);
}

static void
test_session_questions(void **state)
{
	uint64_t	a_id;
	uint64_t	b_id;
	Peer	   *a = join_id(&a_id);
	char		rest[100];

	(void) state;
	join_id(&b_id);
	expect_result(a, "wamp.session.count", "", "2");
	expect_result(a, "wamp.session.count", ",[[\"nobody\"]]", "0");
	expect_result(a, "wamp.session.count", ",[null]", "2");
	expect_result(a, "wamp.session.list", "", "[%llu,%llu]", (unsigned long long) a_id, (unsigned long long) b_id);
	expect_result(a, "wamp.session.list", ",[],{\"filter_authroles\":[\"x\"]}", "[]");
	expect_result(a, "wamp.session.list", ",[[\"x\",\"anonymous\"]]", "[%llu,%llu]",
				  (unsigned long long) a_id, (unsigned long long) b_id);
	expect_error(a, "wamp.session.list", ",[5]", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.get", "", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.get", ",[1]", "wamp.error.no_such_session");
	expect_error(a, "wamp.session.nothing", "", "wamp.error.no_such_procedure");
	expect_error(a, "fox_wamp.nothing", "", "wamp.error.no_such_procedure");
	snprintf(rest, sizeof(rest), ",[%llu]", (unsigned long long) b_id);
	expect_result(a, "wamp.session.get", rest, "{\"session\":%llu,\"authid\":\"anonymous\",\"authrole\":\"anonymous\","
				  "\"authmethod\":\"anonymous\",\"authprovider\":\"static\",\"transport\":{\"type\":\"websocket\","
				  "\"protocol\":\"wamp.2.json\",\"peer\":\"127.0.0.1:1\"}}", (unsigned long long) b_id);
}

static void
test_kill(void **state)
{
	uint64_t	id[6];
	Peer	   *a = join_id(&id[0]);
	Peer	   *b = join_id(&id[1]);
	Peer	   *c = join_id(&id[2]);
	Peer	   *d;
	char		rest[200];

	(void) state;
	snprintf(rest, sizeof(rest), ",[%llu]", (unsigned long long) id[0]);
	expect_error(a, "wamp.session.kill", rest, "wamp.error.no_such_session");
	snprintf(rest, sizeof(rest), ",[%llu],{\"reason\":\"not a uri\"}", (unsigned long long) id[1]);
	expect_error(a, "wamp.session.kill", rest, "wamp.error.invalid_uri");
	snprintf(rest, sizeof(rest), ",[%llu],{\"reason\":\"\"}", (unsigned long long) id[1]);
	expect_error(a, "wamp.session.kill", rest, "wamp.error.invalid_uri");
	snprintf(rest, sizeof(rest), ",[%llu],{\"message\":7}", (unsigned long long) id[1]);
	expect_error(a, "wamp.session.kill", rest, "wamp.error.invalid_argument");
	peer_expect_nothing(b);
	snprintf(rest, sizeof(rest), ",[%llu],{\"reason\":\"com.enough\",\"message\":\"go \\\"home\\\"\"}", (unsigned long long) id[1]);
	expect_result(a, "wamp.session.kill", rest, "");
	peer_expect(b, "[6,{\"message\":\"go \\\"home\\\"\"},\"com.enough\"]");
	assert_true(peer_closed(b));
	peer_send(b, "[32,1,{},\"x\"]");
	peer_expect_nothing(b);
	expect_error(a, "wamp.session.kill", rest, "wamp.error.no_such_session");

	expect_result(a, "wamp.session.kill_by_authid", ",[\"nobody\"]", "[]");
	expect_error(a, "wamp.session.kill_by_authid", "", "wamp.error.invalid_argument");
	expect_result(a, "wamp.session.kill_by_authid", ",[\"anonymous\"]", "[%llu]", (unsigned long long) id[2]);
	peer_expect(c, "[6,{},\"wamp.close.killed\"]");

	b = join_id(&id[3]);
	expect_result(a, "wamp.session.kill_by_authrole", ",[\"nobody\"]", "0");
	expect_result(a, "wamp.session.kill_by_authrole", ",[\"anonymous\"],{\"message\":\"m\"}", "1");
	peer_expect(b, "[6,{\"message\":\"m\"},\"wamp.close.killed\"]");

	c = join_id(&id[4]);
	d = join_id(&id[5]);
	expect_error(a, "wamp.session.kill_all", ",[],{\"reason\":5}", "wamp.error.invalid_uri");
	expect_result(a, "wamp.session.kill_all", "", "2");
	peer_expect(c, "[6,{},\"wamp.close.killed\"]");
	peer_expect(d, "[6,{},\"wamp.close.killed\"]");
	expect_result(a, "wamp.session.count", "", "1");
}

/* A backend that holds a lock keeps it, whatever clients kill. */
static void
test_kill_spares_backends(void **state)
{
	uint64_t	id;
	Peer	   *a = join_id(&id);

	(void) state;
	fox_router_ask(world_router(), 1, FOX_LIT("{\"ask\":\"lock\",\"realm\":\"realm1\",\"topic\":\"l\"}"), 77);
	world_commit();
	assert_int_equal(world_rows(), 1);
	expect_result(a, "wamp.session.kill_all", "", "0");
	expect_result(a, "wamp.session.kill_by_authid", ",[\"sql\"]", "[]");
	expect_result(a, "wamp.session.count", ",[[\"sql\"]]", "1");
	world_commit();
	assert_int_equal(world_rows(), 1);
}

static void
test_not_allowed(void **state)
{
	uint64_t	id;
	Peer	   *a = join_id(&id);

	(void) state;
	world_forbid("wamp.#", "public");
	expect_error(a, "wamp.session.kill_all", "", "wamp.error.not_authorized");
	expect_error(a, "wamp.reflect.define", ",[\"topic\",\"a\",1]", "wamp.error.not_authorized");
	expect_result(a, "wamp.session.count", "", "1");
}

/* --- registrations and subscriptions --- */

static bool
is_time(const char *s)
{
	const char *shape = "\"dddd-dd-ddTdd:dd:dd.dddZ\"";

	for (; *shape; shape++, s++)
		if (*shape == 'd' ? *s < '0' || *s > '9' : *s != *shape)
			return false;
	return true;
}

static void
expect_created(Peer *watcher, uint64_t session, const char *tail)
{
	const char *got = peer_next(watcher);
	const char *created = strstr(got, "\"created\":");
	char		start[100];

	snprintf(start, sizeof(start), ",{},[%llu,{\"id\":", (unsigned long long) session);
	assert_non_null(strstr(got, start));
	assert_non_null(created);
	assert_true(is_time(created + 10));
	assert_non_null(strstr(created, tail));
}

static void
expect_ids(Peer *watcher, uint64_t session, uint64_t id)
{
	char		text[100];

	snprintf(text, sizeof(text), "[36,%%,%%,{},[%llu,%llu]]", (unsigned long long) session, (unsigned long long) id);
	peer_expect(watcher, text);
}

static void
test_registrations(void **state)
{
	uint64_t	a_id;
	uint64_t	b_id;
	uint64_t	reg;
	uint64_t	wild;
	Peer	   *w = peer_join();
	Peer	   *a = join_id(&a_id);
	Peer	   *b = join_id(&b_id);
	char		rest[100];

	(void) state;
	subscribe(w, 1, "{}", "wamp.registration.on_create");
	subscribe(w, 2, "{}", "wamp.registration.on_register");
	subscribe(w, 3, "{}", "wamp.registration.on_unregister");
	subscribe(w, 4, "{}", "wamp.registration.on_delete");
	peer_send(a, "[64,1,{\"invoke\":\"roundrobin\"},\"p.q\"]");
	peer_expect(a, "[65,1,%]");
	reg = peer_number(0);
	expect_created(w, a_id, ",\"uri\":\"p.q\",\"match\":\"exact\",\"invoke\":\"roundrobin\"}]]");
	expect_ids(w, a_id, reg);
	peer_send(b, "[64,1,{\"invoke\":\"roundrobin\"},\"p.q\"]");
	peer_expect(b, "[65,1,%]");
	expect_ids(w, b_id, reg);
	peer_send(b, "[64,2,{\"match\":\"wildcard\"},\"p..x\"]");
	peer_expect(b, "[65,2,%]");
	wild = peer_number(0);
	expect_created(w, b_id, "\"match\":\"wildcard\"");
	expect_ids(w, b_id, wild);
	peer_expect_nothing(w);

	expect_result(w, "wamp.registration.list", "", "{\"exact\":[%llu],\"prefix\":[],\"wildcard\":[%llu],\"pattern\":[]}",
				  (unsigned long long) reg, (unsigned long long) wild);
	expect_result(w, "wamp.registration.lookup", ",[\"p.q\"]", "%llu", (unsigned long long) reg);
	expect_result(w, "wamp.registration.lookup", ",[\"p..x\",{\"match\":\"wildcard\"}]", "%llu", (unsigned long long) wild);
	expect_result(w, "wamp.registration.lookup", ",[\"p.y.x\"]", "null");
	expect_error(w, "wamp.registration.lookup", ",[\"p\",{\"match\":\"nearly\"}]", "wamp.error.invalid_argument");
	expect_result(w, "wamp.registration.match", ",[\"p.y.x\"]", "%llu", (unsigned long long) wild);
	expect_result(w, "wamp.registration.match", ",[\"q\"]", "null");
	snprintf(rest, sizeof(rest), ",[%llu]", (unsigned long long) reg);
	expect_result(w, "wamp.registration.list_callees", rest, "[%llu,%llu]", (unsigned long long) a_id, (unsigned long long) b_id);
	expect_result(w, "wamp.registration.count_callees", rest, "2");
	peer_send(w, "[48,9,{},\"wamp.registration.get\"%s]", rest);
	assert_non_null(strstr(peer_next(w), ",\"uri\":\"p.q\",\"match\":\"exact\",\"invoke\":\"roundrobin\"}]]"));
	expect_error(w, "wamp.registration.get", ",[99999]", "wamp.error.no_such_registration");
	expect_error(w, "wamp.registration.count_callees", ",[\"x\"]", "wamp.error.invalid_argument");

	peer_send(a, "[66,2,%llu]", (unsigned long long) reg);
	peer_expect(a, "[67,2]");
	expect_ids(w, a_id, reg);
	peer_lose(b);
	expect_ids(w, b_id, reg);
	expect_ids(w, b_id, reg);
	expect_ids(w, b_id, wild);
	expect_ids(w, b_id, wild);
	peer_expect_nothing(w);
}

static void
test_subscriptions(void **state)
{
	uint64_t	w_id;
	uint64_t	a_id;
	uint64_t	sub;
	uint64_t	filtered;
	uint64_t	prefix;
	Peer	   *w = join_id(&w_id);
	Peer	   *a = join_id(&a_id);
	char		rest[100];

	(void) state;
	subscribe(w, 1, "{}", "wamp.subscription.on_create");
	subscribe(w, 2, "{}", "wamp.subscription.on_subscribe");
	subscribe(w, 3, "{}", "wamp.subscription.on_unsubscribe");
	subscribe(w, 4, "{}", "wamp.subscription.on_delete");
	peer_expect_nothing(w);
	sub = subscribe(a, 1, "{}", "t.u");
	expect_created(w, a_id, ",\"uri\":\"t.u\",\"match\":\"exact\"}]]");
	expect_ids(w, a_id, sub);
	assert_int_equal(subscribe(a, 2, "{}", "t.u"), sub);
	peer_expect_nothing(w);
	assert_int_equal(subscribe(w, 5, "{}", "t.u"), sub);
	expect_ids(w, w_id, sub);
	filtered = subscribe(a, 3, "{\"filter\":{\"k\":1}}", "t.u");
	expect_created(w, a_id, "\"filter\":{\"k\":1}");
	expect_ids(w, a_id, filtered);
	prefix = subscribe(a, 4, "{\"match\":\"prefix\"}", "t");
	expect_created(w, a_id, "\"match\":\"prefix\"");
	expect_ids(w, a_id, prefix);

	expect_result(a, "wamp.subscription.lookup", ",[\"t.u\"]", "%llu", (unsigned long long) sub);
	expect_result(a, "wamp.subscription.lookup", ",[\"t\",{\"match\":\"prefix\"}]", "%llu", (unsigned long long) prefix);
	expect_result(a, "wamp.subscription.lookup", ",[\"t\"]", "null");
	expect_error(a, "wamp.subscription.lookup", ",[\"t\",{\"match\":1}]", "wamp.error.invalid_argument");
	expect_result(a, "wamp.subscription.match", ",[\"t.u\"]", "[%llu,%llu,%llu]", (unsigned long long) filtered,
				  (unsigned long long) sub, (unsigned long long) prefix);
	expect_result(a, "wamp.subscription.match", ",[\"z\"]", "null");
	snprintf(rest, sizeof(rest), ",[%llu]", (unsigned long long) sub);
	expect_result(a, "wamp.subscription.list_subscribers", rest, "[%llu,%llu]", (unsigned long long) a_id, (unsigned long long) w_id);
	expect_result(a, "wamp.subscription.count_subscribers", rest, "2");
	peer_send(a, "[48,9,{},\"wamp.subscription.get\"%s]", rest);
	assert_non_null(strstr(peer_next(a), ",\"uri\":\"t.u\",\"match\":\"exact\"}]]"));
	expect_error(a, "wamp.subscription.get", ",[99999]", "wamp.error.no_such_subscription");

	peer_send(w, "[34,6,%llu]", (unsigned long long) sub);
	expect_ids(w, w_id, sub);
	peer_expect(w, "[35,6]");
	peer_send(a, "[34,7,%llu]", (unsigned long long) prefix);
	peer_expect(a, "[35,7]");
	expect_ids(w, a_id, prefix);
	expect_ids(w, a_id, prefix);
	peer_send(a, "[6,{},\"wamp.close.normal\"]");
	for (int i = 0; i < 4; i++)
		assert_memory_equal(peer_next(w), "[36,", 4);
	peer_expect_nothing(w);
	/* a snapshot is no subscription to tell of */
	subscribe(peer_join(), 1, "{\"snapshot\":true}", "t.v");
	fox_router_tick(world_router());
	peer_expect_nothing(w);
}

static void
test_list_of_subscriptions(void **state)
{
	Peer	   *a = peer_join();
	uint64_t	exact = subscribe(a, 1, "{}", "e");
	uint64_t	prefix = subscribe(a, 2, "{\"match\":\"prefix\"}", "e");
	uint64_t	wildcard = subscribe(a, 3, "{\"match\":\"wildcard\"}", "e.");
	uint64_t	pattern = subscribe(a, 4, "{}", "e.#");

	(void) state;
	expect_result(a, "wamp.subscription.list", "", "{\"exact\":[%llu],\"prefix\":[%llu],\"wildcard\":[%llu],\"pattern\":[%llu]}",
				  (unsigned long long) exact, (unsigned long long) prefix, (unsigned long long) wildcard, (unsigned long long) pattern);
}

/* A session that leaves hears nothing of its own end. */
static void
test_leaving_is_silent(void **state)
{
	uint64_t	id;
	Peer	   *a = join_id(&id);

	(void) state;
	subscribe(a, 1, "{\"match\":\"prefix\"}", "wamp.");
	subscribe(a, 2, "{}", "x");
	for (int i = 0; i < 2; i++)
		assert_memory_equal(peer_next(a), "[36,", 4);
	peer_send(a, "[6,{},\"wamp.close.normal\"]");
	peer_expect(a, "[6,{},\"wamp.close.goodbye_and_out\"]");
	peer_expect_nothing(a);
}

static void
test_revocation(void **state)
{
	uint64_t	a_id;
	uint64_t	sub;
	FoxRealm   *realm = fox_realm_find(world_router(), FOX_LIT("realm1"));
	Peer	   *a = join_id(&a_id);
	Peer	   *old = peer_join();
	Peer	   *p = peer_join();
	char		text[200];

	(void) state;
	sub = subscribe(a, 1, "{}", "t");
	subscribe(old, 1, "{}", "t");
	snprintf(text, sizeof(text), ",[%llu,%llu],{\"reason\":\"com.no\"}", (unsigned long long) sub, (unsigned long long) a_id);
	expect_result(p, "wamp.subscription.remove_subscriber", text, "");
	snprintf(text, sizeof(text), "[35,0,{\"subscription\":%llu,\"reason\":\"com.no\"}]", (unsigned long long) sub);
	peer_expect(a, text);
	peer_send(p, "[16,1,{},\"t\",[1]]");
	peer_expect_nothing(a);
	peer_expect(old, "[36,%,%,{},[1]]");
	snprintf(text, sizeof(text), ",[%llu,%llu]", (unsigned long long) sub, (unsigned long long) a_id);
	expect_error(p, "wamp.subscription.remove_subscriber", text, "wamp.error.no_such_session");
	expect_error(p, "wamp.subscription.remove_subscriber", ",[99999,2]", "wamp.error.no_such_subscription");

	subscribe(a, 2, "{}", "t");
	assert_int_equal(fox_subscription_revoke(realm, sub, NULL, "com.all"), 2);
	peer_expect(a, "[35,0,{\"subscription\":%,\"reason\":\"com.all\"}]");
	peer_expect_nothing(old);
	assert_int_equal(fox_subscription_revoke(realm, sub, NULL, "com.all"), 0);
	peer_send(p, "[16,2,{},\"t\",[2]]");
	peer_expect_nothing(old);
}

static uint64_t
registered(Peer *p, const char *answer)
{
	peer_expect(p, answer);
	return peer_number(0);
}

static void
test_registration_taken_away(void **state)
{
	uint64_t	a_id;
	uint64_t	b_id;
	uint64_t	reg;
	Peer	   *w = peer_join();
	Peer	   *a = join_id(&a_id);
	Peer	   *b = join_id(&b_id);
	char		text[200];

	(void) state;
	subscribe(w, 1, "{}", "wamp.registration.on_unregister");
	subscribe(w, 2, "{}", "wamp.registration.on_delete");
	peer_send(a, "[64,1,{\"invoke\":\"first\"},\"p\"]");
	reg = registered(a, "[65,1,%]");
	peer_send(b, "[64,1,{\"invoke\":\"first\"},\"p\"]");
	assert_int_equal(registered(b, "[65,1,%]"), reg);
	snprintf(text, sizeof(text), ",[%llu,%llu],{\"reason\":\"com.no\"}", (unsigned long long) reg, (unsigned long long) a_id);
	peer_send(w, "[48,9,{},\"wamp.registration.remove_callee\"%s]", text);
	expect_ids(w, a_id, reg);
	peer_expect(w, "[50,9,{}]");
	peer_expect(a, "[67,0,{\"registration\":%,\"reason\":\"com.no\"}]");
	expect_error(w, "wamp.registration.remove_callee", text, "wamp.error.no_such_session");
	expect_error(w, "wamp.registration.remove_callee", ",[99999,1]", "wamp.error.no_such_registration");
	snprintf(text, sizeof(text), ",[%llu,\"x\"]", (unsigned long long) reg);
	expect_error(w, "wamp.registration.remove_callee", text, "wamp.error.invalid_argument");
	/* The other has it still, until a takes it over. */
	peer_send(a, "[64,2,{\"force_reregister\":true},\"p\"]");
	assert_int_not_equal(registered(a, "[65,2,%]"), reg);
	expect_ids(w, b_id, reg);
	expect_ids(w, b_id, reg);
	peer_expect(b, "[67,0,{\"registration\":%,\"reason\":\"wamp.error.forced_reregister\"}]");
	peer_expect_nothing(w);
}

/* --- testaments --- */

static void
test_testaments(void **state)
{
	uint64_t	id;
	Peer	   *w = peer_join();
	Peer	   *a = join_id(&id);

	(void) state;
	subscribe(w, 1, "{}", "t");
	subscribe(a, 1, "{}", "t");
	expect_result(a, "wamp.session.add_testament", ",[\"t\",[1],{\"k\":1}]", "");
	expect_result(a, "wamp.session.add_testament", ",[\"t\",[2],null],{\"scope\":\"detached\",\"publish_options\":{\"acknowledge\":true,\"exclude_me\":false}}", "");
	expect_result(a, "wamp.session.add_testament", ",[\"t\",[3],{}],{\"scope\":\"destroyed\",\"publish_options\":{\"eligible\":[]}}", "");
	expect_result(a, "wamp.session.add_testament", ",[\"t\",[4],{}]", "");
	peer_lose(a);
	peer_expect(w, "[36,%,%,{},[2]]");
	peer_expect(w, "[36,%,%,{},[1],{\"k\":1}]");
	peer_expect(w, "[36,%,%,{},[4],{}]");
	peer_expect_nothing(w);

	a = join_id(&id);
	expect_result(a, "wamp.session.add_testament", ",[\"t\",[1],{}]", "");
	expect_result(a, "wamp.session.add_testament", ",[\"t\",[2],{}],{\"scope\":\"detached\"}", "");
	expect_result(a, "wamp.session.flush_testaments", "", "");
	peer_send(a, "[6,{},\"wamp.close.normal\"]");
	peer_expect(w, "[36,%,%,{},[2],{}]");
	peer_expect_nothing(w);
	peer_expect(a, "[6,{},\"wamp.close.goodbye_and_out\"]");

	a = join_id(&id);
	expect_result(a, "wamp.session.add_testament", ",[\"t\",[1],{}]", "");
	peer_send(w, "[48,9,{},\"wamp.session.kill_all\"]");
	peer_expect(w, "[36,%,%,{},[1],{}]");
	peer_expect(w, "[50,9,{},[1]]");
	peer_expect(a, "[6,{},\"wamp.close.killed\"]");
	peer_expect_nothing(a);
}

static void
test_testament_limits(void **state)
{
	uint64_t	id;
	Peer	   *a = join_id(&id);
	char	   *big = malloc(60001);

	(void) state;
	expect_error(a, "wamp.session.add_testament", "", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.add_testament", ",[\"a b\",[],{}]", "wamp.error.invalid_uri");
	expect_error(a, "wamp.session.add_testament", ",[\"wamp.session.on_join\",[],{}]", "wamp.error.invalid_uri");
	expect_error(a, "wamp.session.add_testament", ",[\"t\",{},{}]", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.add_testament", ",[\"t\",[],[]]", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.add_testament", ",[\"t\",[],{}],{\"scope\":\"later\"}", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.add_testament", ",[\"t\",[],{}],{\"publish_options\":{\"retain\":5}}", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.add_testament", ",[\"t\",[],{}],{\"publish_options\":[]}", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.add_testament",
				 ",[\"t\",[],{}],{\"publish_options\":{\"retain\":true,\"when\":null,\"watch\":true}}", "wamp.error.invalid_argument");
	expect_error(a, "wamp.session.flush_testaments", ",[],{\"scope\":1}", "wamp.error.invalid_argument");
	for (int i = 0; i < 100; i++)
		expect_result(a, "wamp.session.add_testament", ",[\"t\",[],{}]", "");
	expect_error(a, "wamp.session.add_testament", ",[\"t\",[],{}]", "wamp.error.unavailable");
	expect_result(a, "wamp.session.flush_testaments", "", "");

	memset(big, 'x', 60000);
	big[60000] = '\0';
	for (int i = 0; i < 17; i++)
	{
		peer_send(a, "[48,9,{},\"wamp.session.add_testament\",[\"t\",[\"%s\"],{}]]", big);
		peer_expect(a, "[50,9,{}]");
	}
	peer_send(a, "[48,9,{},\"wamp.session.add_testament\",[\"t\",[\"%s\"],{}]]", big);
	free(big);
	assert_non_null(strstr(peer_next(a), "wamp.error.unavailable"));
}

static void
test_retained_testament(void **state)
{
	uint64_t	id;
	Peer	   *w = peer_join();
	Peer	   *a = join_id(&id);

	(void) state;
	subscribe(w, 1, "{}", "t");
	expect_result(a, "wamp.session.add_testament", ",[\"t\",[\"gone\"],{}],{\"publish_options\":{\"retain\":true,\"acknowledge\":true}}", "");
	peer_send(a, "[16,2,{\"retain\":true},\"t\",[\"here\"]]");	/* in flight when it ends */
	peer_lose(a);
	world_commit();
	peer_expect(w, "[36,%,%,{},[\"here\"]]");
	peer_expect(w, "[36,%,%,{},[\"gone\"],{}]");
	assert_int_equal(world_rows(), 1);
	subscribe(w, 2, "{\"get_retained\":true,\"match\":\"prefix\"}", "t");
	fox_router_tick(world_router());
	peer_expect(w, "[36,%,%,{\"topic\":\"t\",\"retained\":true},[\"gone\"],{}]");
}

/* --- shards --- */

static void
test_shards(void **state)
{
	enum
	{
		NODES = 3, EVENTS = 300
	};
	Peer	   *node[NODES + 1];
	Peer	   *all = peer_join();
	Peer	   *p = peer_join();
	int			got[NODES + 1] = {0};
	int			before[EVENTS];
	int			moved = 0;

	(void) state;
	for (int i = 0; i <= NODES; i++)
		node[i] = peer_join();
	subscribe(all, 1, "{}", "s");
	for (int i = 0; i < NODES; i++)
	{
		char		options[40];

		snprintf(options, sizeof(options), "{\"nkey\":\"node%d\"}", i);
		subscribe(node[i], 1, options, "s");
	}
	for (int round = 0; round < 3; round++)
		for (int e = 0; e < EVENTS; e++)
		{
			int			who = -1;

			/* the third spelling is the same text */
			peer_send(p, round == 1 ? "[16,1,{\"rkey\":\"\\u0072%d\"},\"s\",[%d]]" : "[16,1,{\"rkey\":\"r%d\"},\"s\",[%d]]", e, e);
			peer_expect(all, "[36,%,%,{},[%]]");
			for (int i = 0; i < NODES + (round == 2); i++)
				if (*peer_next(node[i]))
				{
					assert_int_equal(who, -1);
					who = i;
				}
			assert_int_not_equal(who, -1);
			got[who]++;
			if (round == 0)
				before[e] = who;
			else if (round == 1)
				assert_int_equal(who, before[e]);
			else if (who != before[e])
			{
				assert_int_equal(who, NODES);	/* only to the new node */
				moved++;
			}
			if (round == 1 && e == EVENTS - 1)
				subscribe(node[NODES], 1, "{\"nkey\":\"node3\"}", "s");
		}
	for (int i = 0; i < NODES; i++)
		assert_true(got[i] > EVENTS / 4);
	assert_true(moved > EVENTS / 8 && moved < EVENTS / 2);

	peer_send(p, "[16,2,{},\"s\",[0]]");	/* no resource: everybody */
	for (int i = 0; i <= NODES; i++)
		peer_expect(node[i], "[36,%,%,{},[0]]");
	peer_send(p, "[16,3,{\"acknowledge\":true,\"rkey\":5},\"s\"]");
	peer_expect(p, "[8,16,3,{},\"wamp.error.invalid_argument\",[\"option rkey must be a string\"]]");
	peer_send(p, "[32,4,{\"nkey\":5},\"s\"]");
	peer_expect(p, "[8,32,4,{},\"wamp.error.invalid_argument\",[\"option nkey must be a string\"]]");
}

/* Nodes whose filters do not let the event through are no candidates. */
static void
test_shards_and_filters(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = peer_join();
	Peer	   *p = peer_join();

	(void) state;
	subscribe(a, 1, "{\"nkey\":\"a\",\"filter\":{\"k\":1}}", "s");
	subscribe(b, 1, "{\"nkey\":\"b\",\"filter\":{\"k\":2}}", "s");
	for (int i = 0; i < 20; i++)
	{
		peer_send(p, "[16,1,{\"rkey\":\"r%d\"},\"s\",[],{\"k\":%d}]", i, 1 + i % 3);
		if (i % 3 == 0)
			peer_expect(a, "[36,%,%,{},[],{\"k\":1}]");
		else if (i % 3 == 1)
			peer_expect(b, "[36,%,%,{},[],{\"k\":2}]");
		peer_expect_nothing(a);
		peer_expect_nothing(b);
	}
}

/* --- reflection --- */

static void
test_reflection(void **state)
{
	Peer	   *w = peer_join();
	Peer	   *a = peer_join();

	(void) state;
	subscribe(w, 1, "{}", "wamp.reflect.on_define");
	subscribe(w, 2, "{}", "wamp.reflect.on_undefine");
	expect_result(a, "wamp.reflection.procedure.list", "", "[]");
	expect_result(a, "wamp.reflect.define", ",[\"procedure\",\"com.sum\",{\"args\":[\"int\",\"int\"]}]", "");
	peer_expect(w, "[36,%,%,{},[\"procedure\",\"com.sum\"]]");
	expect_result(a, "wamp.reflect.define", ",[\"topic\",\"com.tick\",\"every second\"]", "");
	peer_expect(w, "[36,%,%,{},[\"topic\",\"com.tick\"]]");
	expect_result(a, "wamp.reflect.define", ",[\"topic\",\"com.tick\",\"each second\"]", "");
	peer_expect(w, "[36,%,%,{},[\"topic\",\"com.tick\"]]");
	expect_result(a, "wamp.reflection.procedure.list", "", "[\"com.sum\"]");
	expect_result(a, "wamp.reflection.topic.list", "", "[\"com.tick\"]");
	expect_result(a, "wamp.reflection.error.list", "", "[]");
	expect_result(a, "wamp.reflection.procedure.describe", ",[\"com.sum\"]", "{\"args\":[\"int\",\"int\"]}");
	expect_result(a, "wamp.reflect.describe", ",[\"topic\",\"com.tick\"]", "\"each second\"");
	expect_result(a, "wamp.reflection.error.describe", ",[\"com.sum\"]", "null");
	expect_result(a, "wamp.reflect.define", ",[\"topic\",\"com.tick\",null]", "");
	peer_expect(w, "[36,%,%,{},[\"topic\",\"com.tick\"]]");
	expect_result(a, "wamp.reflect.define", ",[\"topic\",\"com.tick\"]", "");
	peer_expect_nothing(w);
	expect_result(a, "wamp.reflection.topic.list", "", "[]");
	expect_error(a, "wamp.reflect.define", ",[\"thing\",\"com.sum\",1]", "wamp.error.invalid_argument");
	expect_error(a, "wamp.reflect.define", ",[\"topic\",\"com sum\",1]", "wamp.error.invalid_uri");
	expect_error(a, "wamp.reflect.define", ",[\"topic\",5,1]", "wamp.error.invalid_argument");
	expect_error(a, "wamp.reflect.describe", ",[]", "wamp.error.invalid_argument");
	expect_error(a, "wamp.reflection.topic.describe", "", "wamp.error.invalid_argument");
	for (int i = 1; i < 2000; i++)
	{
		char		rest[60];

		snprintf(rest, sizeof(rest), ",[\"error\",\"com.e%d\",1]", i);
		expect_result(a, "wamp.reflect.define", rest, "");
		peer_next(w);
	}
	expect_error(a, "wamp.reflect.define", ",[\"error\",\"com.full\",1]", "wamp.error.unavailable");
	expect_result(a, "wamp.reflect.define", ",[\"error\",\"com.e1\",2]", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_session_events, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_session_questions, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_kill, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_kill_spares_backends, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_not_allowed, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_registrations, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_subscriptions, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_list_of_subscriptions, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_leaving_is_silent, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_revocation, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_registration_taken_away, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_testaments, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_testament_limits, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_retained_testament, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_shards, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_shards_and_filters, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_reflection, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
