/*
 * test_rpc.c - the dealer's advanced features, by messages.
 */
#include "world.h"

#include <stdio.h>
#include <time.h>

#include "core/call.h"

#define STREAMS "\"call_canceling\":true,\"progressive_call_invocations\":true,\"progressive_call_results\":true"
#define EVERYTHING STREAMS ",\"payload_passthru_mode\":true,\"call_timeout\":true,\"registration_revocation\":true"

/* A session that has announced these features as caller and as callee. */
static Peer *
join(const char *features)
{
	Peer	   *p = peer_open();

	peer_send(p, "[1,\"realm1\",{\"roles\":{\"caller\":{\"features\":{%s}},\"callee\":{\"features\":{%s}}}}]",
			  features, features);
	assert_memory_equal(peer_next(p), "[2,", 3);
	return p;
}

static uint64_t
offer(Peer *p, int request, const char *options, const char *uri)
{
	char		expected[64];

	peer_send(p, "[64,%d,%s,\"%s\"]", request, options, uri);
	snprintf(expected, sizeof(expected), "[65,%d,%%]", request);
	peer_expect(p, expected);
	return peer_number(0);
}

static void
expect_violation(Peer *p, const char *text)
{
	char		expected[256];

	snprintf(expected, sizeof(expected), "[3,{\"message\":\"%s\"},\"wamp.error.protocol_violation\"]", text);
	peer_expect(p, expected);
	assert_true(peer_closed(p));
}

/* --- progressive call invocations --- */

static void
test_stream(void **state)
{
	Peer	   *caller = join(STREAMS);
	Peer	   *callee = join(STREAMS);

	(void) state;
	offer(callee, 1, "{\"match\":\"prefix\"}", "p");
	peer_send(caller, "[48,7,{\"progress\":true,\"disclose_me\":true,\"receive_progress\":true},\"p.q\",[1]]");
	peer_expect(callee, "[68,1,%,{\"procedure\":\"p.q\",\"receive_progress\":true,\"progress\":true,\"caller\":%,"
				"\"caller_authid\":\"anonymous\",\"caller_authrole\":\"anonymous\"},[1]]");
	peer_send(callee, "[70,1,{\"progress\":true},[10]]");
	peer_expect(caller, "[50,7,{\"progress\":true},[10]]");
	/* The options and even the procedure are those of the first CALL. */
	peer_send(caller, "[48,7,{\"progress\":true},\"other\",[2],{\"k\":1}]");
	peer_expect(callee, "[68,1,%,{\"procedure\":\"p.q\",\"receive_progress\":true,\"progress\":true,\"caller\":%,"
				"\"caller_authid\":\"anonymous\",\"caller_authrole\":\"anonymous\"},[2],{\"k\":1}]");
	peer_send(caller, "[48,7,{},\"p.q\",[3]]");
	peer_expect(callee, "[68,1,%,{\"procedure\":\"p.q\",\"receive_progress\":true,\"caller\":%,"
				"\"caller_authid\":\"anonymous\",\"caller_authrole\":\"anonymous\"},[3]]");
	peer_send(caller, "[48,7,{\"progress\":true},\"p.q\",[4]]");
	peer_expect(caller, "[8,48,7,{},\"wamp.error.invalid_argument\",[\"a call with that request id is under way\"]]");
	peer_send(callee, "[70,1,{},[20]]");
	peer_expect(caller, "[50,7,{},[20]]");
	peer_expect_nothing(callee);
	/* The last of it has come: the id, were it used again, would be a new call's. */
	peer_send(caller, "[48,7,{},\"p.q\"]");
	peer_expect(callee, "[68,2,%,{\"procedure\":\"p.q\"}]");
}

static void
test_late_stream(void **state)
{
	Peer	   *caller = join(STREAMS);
	Peer	   *callee = join(STREAMS);

	(void) state;
	offer(callee, 1, "{}", "p");
	peer_send(caller, "[48,1,{\"progress\":true},\"p\"]");
	peer_expect(callee, "[68,1,%,{\"progress\":true}]");
	peer_send(callee, "[8,68,1,{},\"my.enough\"]");
	peer_expect(caller, "[8,48,1,{},\"my.enough\"]");
	peer_send(caller, "[48,1,{\"progress\":true},\"p\"]");
	peer_send(caller, "[48,1,{},\"p\"]");
	peer_expect_nothing(caller);
	peer_expect_nothing(callee);
	/* What never became a call is over, too. */
	peer_send(caller, "[48,2,{\"progress\":true},\"no.such\"]");
	peer_expect(caller, "[8,48,2,{},\"wamp.error.no_such_procedure\",[\"no callee has registered that procedure\"]]");
	peer_send(caller, "[48,2,{},\"no.such\"]");
	peer_expect_nothing(caller);
	/* A canceled one is over for the caller at once; with mode kill when the callee says so. */
	peer_send(caller, "[48,3,{\"progress\":true},\"p\"]");
	peer_expect(callee, "[68,2,%,{\"progress\":true}]");
	peer_send(caller, "[49,3,{\"mode\":\"kill\"}]");
	peer_expect(callee, "[69,2,{\"mode\":\"kill\",\"reason\":\"wamp.error.canceled\"}]");
	peer_send(caller, "[48,3,{\"progress\":true},\"p\"]");
	peer_expect_nothing(callee);
	peer_send(callee, "[8,68,2,{},\"wamp.error.canceled\"]");
	peer_expect(caller, "[8,48,3,{},\"wamp.error.canceled\"]");
	peer_send(caller, "[48,3,{},\"p\"]");
	peer_expect_nothing(callee);
	/* A caller that goes while it sends: the callee is told to stop. */
	peer_send(caller, "[48,4,{\"progress\":true},\"p\"]");
	peer_expect(callee, "[68,3,%,{\"progress\":true}]");
	peer_lose(caller);
	peer_expect(callee, "[69,3,{\"mode\":\"killnowait\",\"reason\":\"wamp.error.canceled\"}]");
}

static void
test_stream_needs_announcements(void **state)
{
	Peer	   *caller = join(STREAMS);
	Peer	   *plain = join("\"progressive_call_invocations\":true");
	Peer	   *mute = join("");

	(void) state;
	offer(plain, 1, "{\"invoke\":\"first\"}", "p");
	peer_send(caller, "[48,1,{\"progress\":true},\"p\"]");
	peer_expect(caller, "[8,48,1,{},\"wamp.error.feature_not_supported\","
				"[\"no callee of the procedure has announced what the call needs\"]]");
	peer_send(caller, "[48,1,{},\"p\"]");
	peer_expect_nothing(plain);
	/* With one that can among the callees, it is the one. */
	offer(caller, 2, "{\"invoke\":\"first\"}", "p");
	peer_send(plain, "[48,1,{\"progress\":true},\"p\"]");
	peer_expect(caller, "[68,1,%,{\"progress\":true}]");
	peer_send(mute, "[48,1,{\"progress\":true},\"p\"]");
	expect_violation(mute, "a progressive CALL without having announced progressive_call_invocations");
}

static void
test_stream_waits(void **state)
{
	Peer	   *caller = join(STREAMS);
	Peer	   *callee = join(STREAMS);
	static char kilobytes[48 * 1024];

	(void) state;
	offer(callee, 1, "{\"concurrency\":1}", "p");
	peer_send(caller, "[48,1,{},\"p\"]");
	peer_expect(callee, "[68,1,%,{}]");
	peer_send(caller, "[48,2,{\"progress\":true,\"disclose_me\":false},\"p\",[1]]");
	peer_send(caller, "[48,2,{\"progress\":true},\"p\",[2]]");
	peer_send(caller, "[48,2,{},\"p\",[3]]");
	peer_expect_nothing(callee);
	peer_send(callee, "[70,1,{}]");
	peer_expect(caller, "[50,1,{}]");
	peer_expect(callee, "[68,2,%,{\"progress\":true},[1]]");
	peer_expect(callee, "[68,2,%,{\"progress\":true},[2]]");
	peer_expect(callee, "[68,2,%,{},[3]]");
	/* Too much of one call does not wait. */
	memset(kilobytes, 'x', sizeof(kilobytes) - 1);
	peer_send(caller, "[48,3,{\"progress\":true},\"p\"]");
	for (int i = 0; i < 30; i++)
		peer_send(caller, "[48,3,{\"progress\":true},\"p\",[\"%s\"]]", kilobytes);
	peer_expect(caller, "[8,48,3,{},\"wamp.error.unavailable\",[\"too much of a call that waits for a free callee\"]]");
	peer_expect_nothing(caller);
	peer_send(callee, "[70,2,{}]");
	peer_expect(caller, "[50,2,{}]");
	peer_expect_nothing(callee);
}

static void
test_strict_ids(void **state)
{
	Peer	   *caller = join(STREAMS);
	Peer	   *callee = join(STREAMS);
	FoxRouterConfig config = world_router()->config;

	(void) state;
	config.strict_request_ids = true;
	fox_router_configure(world_router(), &config);
	offer(callee, 1, "{}", "p");
	peer_send(caller, "[48,1,{\"progress\":true},\"p\"]");
	peer_send(caller, "[48,2,{},\"p\"]");
	peer_send(caller, "[48,1,{\"progress\":true},\"p\",[1]]");
	peer_expect(callee, "[68,1,%,{\"progress\":true}]");
	peer_expect(callee, "[68,2,%,{}]");
	peer_expect(callee, "[68,1,%,{\"progress\":true},[1]]");
	peer_send(callee, "[70,1,{}]");
	peer_expect(caller, "[50,1,{}]");
	peer_send(caller, "[48,1,{},\"p\"]");
	peer_expect_nothing(caller);
	peer_send(caller, "[48,2,{},\"p\"]");
	expect_violation(caller, "request ids must be 1, 2, 3 and so on");
}

/* --- progressive results and timeouts --- */

/* The specification wants canceling announced as well; autobahn-js and wampy do not. */
static void
test_results_without_canceling(void **state)
{
	Peer	   *caller = join("");
	Peer	   *callee = join("\"progressive_call_results\":true");

	(void) state;
	offer(callee, 1, "{}", "p");
	peer_send(caller, "[48,1,{\"receive_progress\":true},\"p\"]");
	peer_expect(callee, "[68,1,%,{\"receive_progress\":true}]");
	peer_send(callee, "[70,1,{\"progress\":true},[1]]");
	peer_expect(caller, "[50,1,{\"progress\":true},[1]]");
	peer_lose(caller);
	peer_expect_nothing(callee);
	peer_send(callee, "[70,1,{\"progress\":true},[2]]");
	peer_send(callee, "[70,1,{}]");
	peer_expect_nothing(callee);
	assert_false(peer_closed(callee));
}

static void
test_timeout_restarts(void **state)
{
	Peer	   *caller = join(STREAMS);
	Peer	   *callee = join(STREAMS);

	(void) state;
	offer(callee, 1, "{}", "p");
	peer_send(caller, "[48,1,{\"timeout\":100,\"receive_progress\":true},\"p\"]");
	peer_expect(callee, "[68,1,%,{\"receive_progress\":true}]");
	for (int i = 0; i < 3; i++)
	{
		world_pass_ms(80);
		peer_send(callee, "[70,1,{\"progress\":true},[%d]]", i);
		peer_expect(caller, "[50,1,{\"progress\":true},[%]]");
	}
	world_pass_ms(101);
	peer_expect(caller, "[8,48,1,{},\"wamp.error.timeout\",[\"the callee did not answer in time\"]]");
	peer_expect(callee, "[69,1,{\"mode\":\"killnowait\",\"reason\":\"wamp.error.timeout\"}]");
	/* 0 is none. */
	peer_send(caller, "[48,2,{\"timeout\":0},\"p\"]");
	world_pass_ms(100000);
	peer_expect_nothing(caller);
}

static void
test_forward_timeout(void **state)
{
	Peer	   *caller = join("");
	Peer	   *able = join("\"call_canceling\":true,\"call_timeout\":true");
	Peer	   *unable = join("\"call_canceling\":true");

	(void) state;
	offer(able, 1, "{\"forward_timeout\":true,\"concurrency\":1}", "a");
	offer(unable, 1, "{\"forward_timeout\":true}", "b");
	peer_send(caller, "[48,1,{\"timeout\":50},\"a\"]");
	peer_expect(able, "[68,1,%,{\"timeout\":50}]");
	peer_send(caller, "[48,2,{\"timeout\":50},\"b\"]");
	peer_expect(unable, "[68,1,%,{}]");
	/* Until a callee has it, it is the router's to keep. */
	peer_send(caller, "[48,3,{\"timeout\":70},\"a\"]");
	world_pass_ms(60);
	peer_expect(caller, "[8,48,2,{},\"wamp.error.timeout\",[\"the callee did not answer in time\"]]");
	world_pass_ms(20);
	peer_expect(caller, "[8,48,3,{},\"wamp.error.timeout\",[\"the callee did not answer in time\"]]");
	peer_expect_nothing(caller);
	peer_send(able, "[8,68,1,{},\"wamp.error.timeout\"]");
	peer_expect(caller, "[8,48,1,{},\"wamp.error.timeout\"]");
	peer_expect_nothing(able);
}

/* --- shared registrations --- */

static void
test_reroute(void **state)
{
	Peer	   *caller = join(STREAMS);
	Peer	   *a = join(STREAMS);
	Peer	   *b = join(STREAMS);
	Peer	   *c = join(STREAMS);

	(void) state;
	offer(a, 1, "{\"invoke\":\"first\"}", "p");
	offer(b, 1, "{\"invoke\":\"first\"}", "p");
	offer(c, 1, "{\"invoke\":\"first\"}", "p");
	peer_send(caller, "[48,1,{\"progress\":true},\"p\",[1],{\"k\":2}]");
	peer_expect(a, "[68,1,%,{\"progress\":true},[1],{\"k\":2}]");
	peer_send(caller, "[48,1,{},\"p\",[2]]");
	peer_expect(a, "[68,1,%,{},[2]]");
	peer_send(a, "[8,68,1,{},\"wamp.error.unavailable\"]");
	peer_expect(b, "[68,1,%,{\"progress\":true},[1],{\"k\":2}]");
	peer_expect(b, "[68,1,%,{},[2]]");
	peer_send(b, "[8,68,1,{},\"wamp.error.unavailable\"]");
	peer_expect(c, "[68,1,%,{\"progress\":true},[1],{\"k\":2}]");
	peer_expect(c, "[68,1,%,{},[2]]");
	peer_expect_nothing(caller);
	peer_send(c, "[8,68,1,{},\"wamp.error.unavailable\"]");
	peer_expect(caller, "[8,48,1,{},\"wamp.error.no_available_callee\",[\"every callee of the procedure is unavailable\"]]");
	peer_expect_nothing(a);
	/* With a part of the result delivered it is the caller's business. */
	peer_send(caller, "[48,2,{\"receive_progress\":true},\"p\"]");
	peer_expect(a, "[68,2,%,{\"receive_progress\":true}]");
	peer_send(a, "[70,2,{\"progress\":true},[1]]");
	peer_expect(caller, "[50,2,{\"progress\":true},[1]]");
	peer_send(a, "[8,68,2,{},\"wamp.error.unavailable\"]");
	peer_expect(caller, "[8,48,2,{},\"wamp.error.unavailable\"]");
	peer_expect_nothing(b);
	/* A callee that has taken its registration back may send its calls on, too. */
	peer_send(caller, "[48,3,{},\"p\"]");
	peer_expect(a, "[68,3,%,{}]");
	peer_send(a, "[66,2,%llu]", (unsigned long long) peer_number(0));
	peer_expect(a, "[67,2]");
	peer_send(a, "[8,68,3,{},\"wamp.error.unavailable\"]");
	peer_expect(b, "[68,2,%,{}]");
	peer_send(b, "[70,2,{},[\"done\"]]");
	peer_expect(caller, "[50,3,{},[\"done\"]]");
	/* The only callee. */
	offer(a, 3, "{}", "single");
	peer_send(caller, "[48,4,{},\"single\"]");
	peer_expect(a, "[68,4,%,{}]");
	peer_send(a, "[8,68,4,{},\"wamp.error.unavailable\"]");
	peer_expect(caller, "[8,48,4,{},\"wamp.error.no_available_callee\",[\"the callee is unavailable\"]]");
}

static void
test_reroute_waits(void **state)
{
	Peer	   *caller = join("");
	Peer	   *a = join("");
	Peer	   *b = join("");

	(void) state;
	offer(a, 1, "{\"invoke\":\"first\",\"concurrency\":1}", "p");
	offer(b, 1, "{\"invoke\":\"first\",\"concurrency\":1}", "p");
	for (int i = 1; i <= 4; i++)
		peer_send(caller, "[48,%d,{},\"p\",[%d]]", i, i);
	peer_expect(a, "[68,1,%,{},[1]]");
	peer_expect(b, "[68,1,%,{},[2]]");
	/* The first call waits for b; a, which is free again, takes the third. */
	peer_send(a, "[8,68,1,{},\"wamp.error.unavailable\"]");
	peer_expect(a, "[68,2,%,{},[3]]");
	peer_expect_nothing(b);
	peer_send(a, "[70,2,{}]");
	peer_expect(caller, "[50,3,{}]");
	peer_expect(a, "[68,3,%,{},[4]]");
	peer_send(b, "[70,1,{}]");
	peer_expect(caller, "[50,2,{}]");
	peer_expect(b, "[68,2,%,{},[1]]");
	/* The fourth waits for b, which goes: nobody is left. */
	peer_send(a, "[8,68,3,{},\"wamp.error.unavailable\"]");
	peer_expect_nothing(a);
	peer_lose(b);
	peer_expect(caller, "[8,48,1,{},\"wamp.error.canceled\",[\"the callee has gone\"]]");
	peer_expect(caller, "[8,48,4,{},\"wamp.error.no_available_callee\",[\"every callee of the procedure is unavailable\"]]");
	peer_expect_nothing(a);
}

static void
test_kept_bytes(void **state)
{
	Peer	   *caller = join("");
	Peer	   *a = join("");
	Peer	   *b = join("");

	(void) state;
	offer(a, 1, "{\"invoke\":\"first\",\"disclose_caller\":true}", "p");
	offer(b, 1, "{\"invoke\":\"first\"}", "p");
	offer(b, 2, "{\"concurrency\":1}", "q");
	/* What one callee hears of the caller the next does not. */
	peer_send(caller, "[48,1,{},\"p\",[1]]");
	peer_expect(a, "[68,1,%,{\"caller\":%,\"caller_authid\":\"anonymous\",\"caller_authrole\":\"anonymous\"},[1]]");
	assert_true(world_router()->call_bytes > 0);
	peer_send(a, "[8,68,1,{},\"wamp.error.unavailable\"]");
	peer_expect(b, "[68,1,%,{},[1]]");
	peer_send(b, "[70,1,{}]");
	peer_expect(caller, "[50,1,{}]");
	assert_int_equal(world_router()->call_bytes, 0);
	/* Where much is kept, running calls keep nothing more; where too much is, none may wait. */
	world_router()->call_bytes = FOX_CALLS_KEPT_MAX / 2;
	peer_send(caller, "[48,2,{},\"p\",[2]]");
	peer_expect(a, "[68,2,%,{\"caller\":%,\"caller_authid\":\"anonymous\",\"caller_authrole\":\"anonymous\"},[2]]");
	peer_send(a, "[8,68,2,{},\"wamp.error.unavailable\"]");
	peer_expect(caller, "[8,48,2,{},\"wamp.error.no_available_callee\",[\"the callee is unavailable\"]]");
	world_router()->call_bytes = FOX_CALLS_KEPT_MAX;
	peer_send(caller, "[48,3,{},\"q\"]");
	peer_expect(b, "[68,2,%,{}]");
	peer_send(caller, "[48,4,{},\"q\"]");
	peer_expect(caller, "[8,48,4,{},\"wamp.error.unavailable\",[\"too many calls of that procedure are waiting\"]]");
	peer_send(b, "[70,2,{}]");
	peer_expect(caller, "[50,3,{}]");
	assert_int_equal(world_router()->call_bytes, FOX_CALLS_KEPT_MAX);
	world_router()->call_bytes = 0;
}

static void
test_load(void **state)
{
	Peer	   *caller = join("");
	Peer	   *a = join("");
	Peer	   *b = join("");

	(void) state;
	offer(a, 1, "{\"invoke\":\"load\"}", "p");
	offer(b, 1, "{\"invoke\":\"load\"}", "p");
	for (int i = 1; i <= 4; i++)
		peer_send(caller, "[48,%d,{},\"p\",[%d]]", i, i);
	peer_expect(a, "[68,1,%,{},[1]]");
	peer_expect(b, "[68,1,%,{},[2]]");
	peer_expect(a, "[68,2,%,{},[3]]");
	peer_expect(b, "[68,2,%,{},[4]]");
	peer_send(b, "[70,1,{}]");
	peer_send(b, "[70,2,{}]");
	peer_send(caller, "[48,5,{},\"p\",[5]]");
	peer_send(caller, "[48,6,{},\"p\",[6]]");
	peer_expect(b, "[68,3,%,{},[5]]");
	peer_expect(b, "[68,4,%,{},[6]]");
	peer_expect_nothing(a);
	peer_send(a, "[64,2,{\"invoke\":\"all\"},\"q\"]");
	peer_expect(a, "[8,64,2,{},\"wamp.error.invalid_argument\","
				"[\"option invoke must be single, roundrobin, random, first, last or load\"]]");
}

static void
test_partition(void **state)
{
	Peer	   *caller = join("");
	Peer	   *shards[4];
	int			owner[20];
	int			hits[4] = {0};
	int			moved = 0;

	(void) state;
	for (int i = 0; i < 4; i++)
	{
		shards[i] = join("");
		offer(shards[i], 1, "{\"invoke\":\"roundrobin\"}", "p");
	}
	for (int round = 0; round < 2; round++)
		for (int key = 0; key < 20; key++)
		{
			int			at = -1;

			peer_send(caller, "[48,%d,{\"runmode\":\"partition\",\"rkey\":\"user%d\"},\"p\"]", round * 20 + key + 1, key);
			for (int i = 0; i < 4; i++)
				if (*peer_next(shards[i]) != '\0')
				{
					assert_int_equal(at, -1);
					at = i;
				}
			assert_true(at >= 0);
			if (round == 0)
				hits[owner[key] = at]++;
			else
				assert_int_equal(owner[key], at);
		}
	assert_true(hits[0] < 20 && hits[1] < 20 && hits[2] < 20 && hits[3] < 20);
	/* Only the keys of a shard that goes find another. */
	peer_lose(shards[0]);
	while (*peer_next(caller) != '\0')
		;
	for (int key = 0; key < 20; key++)
	{
		peer_send(caller, "[48,%d,{\"runmode\":\"partition\",\"rkey\":\"user%d\"},\"p\"]", 100 + key, key);
		for (int i = 1; i < 4; i++)
			if (*peer_next(shards[i]) != '\0' && i != owner[key])
				moved++;
	}
	assert_int_equal(moved, hits[0]);
	peer_send(caller, "[48,200,{\"runmode\":\"partition\"},\"p\"]");
	peer_expect(caller, "[8,48,200,{},\"wamp.error.invalid_argument\",[\"option runmode needs option rkey, a string or a number\"]]");
	peer_send(caller, "[48,201,{\"runmode\":\"all\"},\"p\"]");
	peer_expect(caller, "[8,48,201,{},\"wamp.error.invalid_argument\",[\"option runmode must be partition\"]]");
}

static void
test_partition_waits(void **state)
{
	Peer	   *caller = join("");
	Peer	   *a = join("");
	Peer	   *b = join("");
	Peer	   *busy;
	Peer	   *idle;

	(void) state;
	offer(a, 1, "{\"invoke\":\"roundrobin\",\"concurrency\":1}", "p");
	offer(b, 1, "{\"invoke\":\"roundrobin\",\"concurrency\":1}", "p");
	peer_send(caller, "[48,1,{\"runmode\":\"partition\",\"rkey\":7},\"p\",[1]]");
	busy = *peer_next(a) != '\0' ? a : b;
	idle = busy == a ? b : a;
	if (busy == b)
		peer_expect(b, "[68,1,%,{},[1]]");
	peer_send(caller, "[48,2,{\"runmode\":\"partition\",\"rkey\":7},\"p\",[2]]");
	peer_expect_nothing(idle);
	/* Others do not wait behind it. */
	peer_send(caller, "[48,3,{},\"p\",[3]]");
	peer_expect(idle, "[68,1,%,{},[3]]");
	/* A shard is not replaced by another when it is unavailable. */
	peer_send(busy, "[8,68,1,{},\"wamp.error.unavailable\"]");
	peer_expect(caller, "[8,48,1,{},\"wamp.error.no_available_callee\",[\"the callee is unavailable\"]]");
	peer_expect(busy, "[68,2,%,{},[2]]");
}

static void
test_force_reregister(void **state)
{
	Peer	   *caller = join("");
	Peer	   *a = join(EVERYTHING);
	Peer	   *b = join("");
	uint64_t	first;
	uint64_t	second;

	(void) state;
	first = offer(a, 1, "{\"concurrency\":1}", "p");
	peer_send(caller, "[48,1,{},\"p\",[1]]");
	peer_send(caller, "[48,2,{},\"p\",[2]]");
	peer_expect(a, "[68,1,%,{},[1]]");
	peer_send(b, "[64,1,{},\"p\"]");
	world_pass_ms(0);			/* a shows that it lives */
	peer_expect(b, "[8,64,1,{},\"wamp.error.procedure_already_exists\",[\"the procedure is already registered\"]]");
	second = offer(b, 2, "{\"force_reregister\":true,\"invoke\":\"last\"}", "p");
	assert_true(second != first);
	peer_expect(a, "[67,0,{\"registration\":%,\"reason\":\"wamp.error.forced_reregister\"}]");
	assert_int_equal(peer_number(0), first);
	/* What waited goes to the new callee, what runs goes on. */
	peer_expect(b, "[68,1,%,{},[2]]");
	assert_int_equal(peer_number(0), second);
	peer_send(a, "[70,1,{},[\"old\"]]");
	peer_expect(caller, "[50,1,{},[\"old\"]]");
	peer_send(a, "[66,2,%llu]", (unsigned long long) first);
	peer_expect(a, "[8,66,2,{},\"wamp.error.no_such_registration\"]");
	/* It has the policy of the newcomer; one that is not there yet is registered as ever. */
	offer(a, 3, "{\"invoke\":\"last\"}", "p");
	offer(a, 4, "{\"force_reregister\":true}", "new");
	/* b has not announced revocation: it is not told. */
	offer(caller, 5, "{\"force_reregister\":true}", "p");
	peer_expect(a, "[67,0,{\"registration\":%,\"reason\":\"wamp.error.forced_reregister\"}]");
	peer_send(b, "[70,1,{}]");
	peer_expect(caller, "[50,2,{}]");
	peer_expect_nothing(b);
}

static void
test_revoke(void **state)
{
	Peer	   *caller = join("");
	Peer	   *a = join(EVERYTHING);
	Peer	   *b = join(EVERYTHING);
	uint64_t	id;
	FoxRealm   *realm = fox_realm_find(world_router(), FOX_LIT("realm1"));

	(void) state;
	offer(a, 1, "{\"invoke\":\"first\",\"concurrency\":1}", "p");
	id = offer(b, 1, "{\"invoke\":\"first\",\"concurrency\":1}", "p");
	for (int i = 1; i <= 3; i++)
		peer_send(caller, "[48,%d,{},\"p\",[%d]]", i, i);
	peer_expect(a, "[68,1,%,{},[1]]");
	peer_expect(b, "[68,1,%,{},[2]]");
	assert_int_equal(fox_registration_revoke(realm, id, NULL, "my.reason"), 2);
	peer_expect(a, "[67,0,{\"registration\":%,\"reason\":\"my.reason\"}]");
	peer_expect(b, "[67,0,{\"registration\":%,\"reason\":\"my.reason\"}]");
	peer_expect(caller, "[8,48,3,{},\"wamp.error.canceled\",[\"the last callee has gone\"]]");
	assert_int_equal(fox_registration_revoke(realm, id, NULL, "my.reason"), 0);
	peer_send(a, "[70,1,{}]");
	peer_expect(caller, "[50,1,{}]");
	peer_lose(b);
	peer_expect(caller, "[8,48,2,{},\"wamp.error.canceled\",[\"the callee has gone\"]]");
	peer_send(caller, "[48,4,{},\"p\"]");
	peer_expect(caller, "[8,48,4,{},\"wamp.error.no_such_procedure\",[\"no callee has registered that procedure\"]]");
}

/* --- details --- */

static void
test_passthru(void **state)
{
	Peer	   *caller = join(EVERYTHING);
	Peer	   *callee = join(EVERYTHING);
	Peer	   *plain = join("\"call_canceling\":true,\"progressive_call_results\":true");

	(void) state;
	offer(callee, 1, "{}", "p");
	offer(plain, 1, "{}", "plain");
	peer_send(caller, "[48,1,{\"ppt_keyid\":\"k\\u00e9\",\"ppt_cipher\":\"c\",\"x\":1,\"ppt_serializer\":\"cbor\",\"ppt_scheme\":\"s\"},\"p\",[\"\\u0000AA==\"]]");
	peer_expect(callee, "[68,1,%,{\"ppt_scheme\":\"s\",\"ppt_serializer\":\"cbor\",\"ppt_cipher\":\"c\",\"ppt_keyid\":\"k\\u00e9\"},[\"\\u0000AA==\"]]");
	peer_send(callee, "[70,1,{\"ppt_scheme\":\"t\"},[\"\\u0000AQ==\"]]");
	peer_expect(caller, "[50,1,{\"ppt_scheme\":\"t\"},[\"\\u0000AQ==\"]]");
	peer_send(caller, "[48,2,{\"ppt_cipher\":\"without a scheme\"},\"p\"]");
	peer_expect(callee, "[68,2,%,{}]");
	peer_send(callee, "[8,68,2,{\"ppt_scheme\":\"t\",\"ppt_keyid\":\"k\"},\"my.error\",[1]]");
	peer_expect(caller, "[8,48,2,{\"ppt_scheme\":\"t\",\"ppt_keyid\":\"k\"},\"my.error\",[1]]");
	/* A callee that would not know what to do with it. */
	peer_send(caller, "[48,3,{\"ppt_scheme\":\"s\"},\"plain\"]");
	peer_expect(caller, "[8,48,3,{},\"wamp.error.feature_not_supported\","
				"[\"no callee of the procedure has announced what the call needs\"]]");
	peer_expect_nothing(plain);
	/* And a caller. */
	peer_send(plain, "[48,1,{\"receive_progress\":true},\"p\"]");
	peer_expect(callee, "[68,3,%,{\"receive_progress\":true}]");
	peer_send(callee, "[70,3,{\"progress\":true,\"ppt_scheme\":\"t\"},[1]]");
	peer_expect(callee, "[8,70,3,{},\"wamp.error.feature_not_supported\",[\"the caller has not announced payload_passthru_mode\"]]");
	peer_expect(callee, "[69,3,{\"mode\":\"killnowait\",\"reason\":\"wamp.error.feature_not_supported\"}]");
	peer_expect(plain, "[8,48,1,{},\"wamp.error.feature_not_supported\",[\"the caller has not announced payload_passthru_mode\"]]");
	peer_send(callee, "[70,3,{\"ppt_scheme\":\"t\"},[1]]");
	peer_expect_nothing(callee);
	peer_send(plain, "[48,2,{},\"p\"]");
	peer_expect(callee, "[68,4,%,{}]");
	peer_send(callee, "[8,68,4,{\"ppt_scheme\":\"t\"},\"my.error\"]");
	peer_expect(plain, "[8,48,2,{},\"wamp.error.feature_not_supported\",[\"the caller has not announced payload_passthru_mode\"]]");
	/* Who has not announced it may not use it. */
	peer_send(plain, "[48,3,{\"ppt_scheme\":\"s\"},\"p\"]");
	expect_violation(plain, "ppt_scheme without having announced payload_passthru_mode");
}

static void
test_passthru_unannounced(void **state)
{
	Peer	   *caller = join(EVERYTHING);
	Peer	   *a = join("");
	Peer	   *b = join("");

	(void) state;
	offer(a, 1, "{}", "a");
	offer(b, 1, "{}", "b");
	peer_send(caller, "[48,1,{},\"a\"]");
	peer_expect(a, "[68,1,%,{}]");
	peer_send(a, "[70,1,{\"ppt_scheme\":\"s\"}]");
	expect_violation(a, "ppt_scheme without having announced payload_passthru_mode");
	peer_expect(caller, "[8,48,1,{},\"wamp.error.canceled\",[\"the callee has gone\"]]");
	peer_send(caller, "[48,2,{},\"b\"]");
	peer_expect(b, "[68,1,%,{}]");
	peer_send(b, "[8,68,1,{\"ppt_scheme\":\"s\"},\"my.error\"]");
	expect_violation(b, "ppt_scheme without having announced payload_passthru_mode");
}

static void
test_who_calls(void **state)
{
	Peer	   *caller = join("");
	Peer	   *callee = join("");
	FoxSession *s;
	size_t		pos = 0;

	(void) state;
	offer(callee, 1, "{\"disclose_caller\":true}", "d");
	offer(callee, 2, "{}", "p");
	peer_send(caller, "[48,1,{},\"d\"]");
	peer_expect(callee, "[68,1,%,{\"caller\":%,\"caller_authid\":\"anonymous\",\"caller_authrole\":\"anonymous\"}]");
	s = fox_idmap_get(&world_router()->sessions, peer_number(1));
	assert_non_null(s);
	assert_non_null(fox_map_next(&s->calls, &pos));
	peer_send(caller, "[48,2,{},\"p\"]");
	peer_expect(callee, "[68,2,%,{}]");
}

/* --- many --- */

static void __attribute__((format(printf, 5, 0)))
add(Peer *p, int from, int to, const char *options, const char *format)
{
	char		uri[64];

	peer_deaf(p, true);
	for (int i = from; i < to; i++)
	{
		snprintf(uri, sizeof(uri), format, i);
		peer_send(p, "[64,%d,%s,\"%s\"]", i + 1, options, uri);
	}
	peer_deaf(p, false);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* The best of many short runs: what others do on the machine must not count. */
static double
look_up(const char *uri)
{
	FoxRealm   *realm = fox_realm_find(world_router(), FOX_LIT("realm1"));
	double		best = 1e9;

	for (int run = 0; run < 30; run++)
	{
		double		took = seconds();

		for (int i = 0; i < 2000; i++)
			assert_non_null(fox_dealer_find(realm, fox_cstr(uri)));
		took = seconds() - took;
		if (took < best)
			best = took;
	}
	return best;
}

#define QUADRATIC 5.0			/* seconds: several times what the slowest machine needs for linear work */

static void
test_many(void **state)
{
	Peer	   *callee = join("");
	double		exact;
	double		wildcard;
	double		began;

	(void) state;
	add(callee, 0, 100, "{}", "com.app.exact.%d");
	add(callee, 100, 200, "{\"match\":\"wildcard\"}", "com..wild.%d");
	exact = look_up("com.app.exact.50");
	wildcard = look_up("com.app.wild.150");
	add(callee, 200, 100100, "{}", "com.app.exact.%d");
	add(callee, 100200, 110100, "{\"match\":\"wildcard\"}", "com..wild.%d");
	assert_true(look_up("com.app.exact.50") < exact * 3);
	assert_true(look_up("com.app.wild.150") < wildcard * 3);
	began = seconds();
	peer_lose(callee);
	assert_true(seconds() - began < QUADRATIC);
}

/* Walking a map from its start for each entry that goes takes minutes for this. */
static void
test_many_calls(void **state)
{
	Peer	   *caller = join("");
	Peer	   *callee = join("");
	double		began;

	(void) state;
	offer(callee, 1, "{}", "p");
	peer_deaf(callee, true);
	for (int i = 0; i < 100000; i++)
		peer_send(caller, "[48,%d,{},\"p\"]", i + 1);
	began = seconds();
	peer_lose(caller);
	peer_lose(callee);
	assert_true(seconds() - began < QUADRATIC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stream, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_late_stream, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_stream_needs_announcements, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_stream_waits, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_strict_ids, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_results_without_canceling, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_timeout_restarts, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_forward_timeout, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_reroute, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_reroute_waits, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_kept_bytes, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_load, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_partition, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_partition_waits, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_force_reregister, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_revoke, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_passthru, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_passthru_unannounced, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_who_calls, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_many, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_many_calls, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
