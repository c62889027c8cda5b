/*
 * test_receipt.c - publishes that wait until their event is acknowledged.
 */
#include <stdio.h>

#include "world.h"

#define ACK "{\"acknowledge\":true,\"x_acknowledged_delivery\":true}"
#define ASKING "{\"x_acknowledged_delivery\":true}"
#define UNANNOUNCED "[3,{\"message\":\"EVENT_RECEIVED without having announced x_acknowledged_event_delivery\"}," \
	"\"wamp.error.protocol_violation\"]"

/* A session whose role has announced that it acknowledges events. */
static Peer *
announced_as(const char *role)
{
	Peer	   *p = peer_open();

	peer_send(p, "[1,\"realm1\",{\"roles\":{\"publisher\":{},\"subscriber\":{},"
			  "\"%s\":{\"features\":{\"x_acknowledged_event_delivery\":true}}}}]", role);
	assert_memory_equal(peer_next(p), "[2,", 3);
	return p;
}

static uint64_t
subscribe(Peer *p, int request, const char *options, const char *topic)
{
	peer_send(p, "[32,%d,%s,\"%s\"]", request, options, topic);
	peer_expect(p, "[33,%,%]");
	return peer_number(1);
}

static Peer *
reader(const char *topic)
{
	Peer	   *p = announced_as("subscriber");

	subscribe(p, 1, "{}", topic);
	return p;
}

/* The event that asks for a receipt; its publication. */
static uint64_t
expect_asking(Peer *p)
{
	peer_expect(p, "[36,%,%," ASKING "]");
	return peer_number(1);
}

static void
received(Peer *p, uint64_t publication)
{
	peer_send(p, "[337,%llu]", (unsigned long long) publication);
}

static void
test_acknowledged(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = reader("t");
	Peer	   *c = reader("t");
	uint64_t	publication;

	(void) state;
	peer_send(a, "[16,1," ACK ",\"t\"]");
	publication = expect_asking(b);
	assert_int_equal(expect_asking(c), publication);
	received(c, publication);
	peer_expect_nothing(a);
	received(c, publication);	/* once more, from another handler */
	peer_expect_nothing(a);
	received(b, publication);
	peer_expect(a, "[17,1,%]");
	assert_int_equal(peer_number(0), publication);
	received(b, publication);
	received(b, 1);
	peer_expect_nothing(b);
}

/* Those who have not announced it are not asked, and not waited for. */
static void
test_others(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *plain = peer_join();
	Peer	   *b;

	(void) state;
	subscribe(plain, 1, "{}", "t");
	peer_send(a, "[16,1," ACK ",\"t\"]");
	peer_expect(a, "[17,1,%]");
	peer_expect(plain, "[36,%,%,{}]");
	b = reader("t");
	peer_send(a, "[16,2," ACK ",\"t\"]");
	peer_expect(plain, "[36,%,%,{}]");
	peer_expect_nothing(a);
	received(b, expect_asking(b));
	peer_expect(a, "[17,2,%]");
	/* Nor is anybody who has, unless the publisher wants it. */
	peer_send(a, "[16,3,{\"acknowledge\":true},\"t\"]");
	peer_expect(a, "[17,3,%]");
	peer_expect(b, "[36,%,%,{}]");
	peer_expect(plain, "[36,%,%,{}]");
	received(plain, 1);
	peer_expect(plain, UNANNOUNCED);
}

static void
test_nobody(void **state)
{
	Peer	   *a = peer_join();

	(void) state;
	peer_send(a, "[16,1," ACK ",\"t\"]");
	peer_expect(a, "[17,1,%]");
}

/* Autobahn|Python announces it as a publisher. */
static void
test_announced_by_publisher(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = announced_as("publisher");

	(void) state;
	subscribe(b, 1, "{}", "t");
	peer_send(a, "[16,1," ACK ",\"t\"]");
	received(b, expect_asking(b));
	peer_expect(a, "[17,1,%]");
}

static void
test_one_of_many_subscriptions(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = reader("t.a");

	(void) state;
	subscribe(b, 2, "{\"match\":\"prefix\"}", "t");
	subscribe(b, 3, "{\"match\":\"wildcard\"}", "t.");
	peer_send(a, "[16,1," ACK ",\"t.a\"]");
	received(b, expect_asking(b));
	peer_expect(a, "[17,1,%]");
	peer_expect(b, "[36,%,%,{\"topic\":\"t.a\",\"x_acknowledged_delivery\":true}]");
	peer_expect(b, "[36,%,%,{\"topic\":\"t.a\",\"x_acknowledged_delivery\":true}]");
}

static void
test_to_itself(void **state)
{
	Peer	   *a = reader("t");

	(void) state;
	peer_send(a, "[16,2,{\"acknowledge\":true,\"exclude_me\":false,\"x_acknowledged_delivery\":true},\"t\"]");
	received(a, expect_asking(a));
	peer_expect(a, "[17,2,%]");
}

static void
test_reader_goes(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *lost = reader("t");
	Peer	   *leaves = reader("t");
	Peer	   *unsubscribes = announced_as("subscriber");
	uint64_t	subscription = subscribe(unsubscribes, 1, "{}", "t");

	(void) state;
	peer_send(a, "[16,1," ACK ",\"t\"]");
	peer_lose(lost);
	peer_send(leaves, "[6,{},\"wamp.close.normal\"]");
	peer_expect_nothing(a);
	peer_send(unsubscribes, "[34,2,%llu]", (unsigned long long) subscription);
	peer_expect(a, "[17,1,%]");
	received(unsubscribes, expect_asking(unsubscribes));
	peer_expect(unsubscribes, "[35,2]");
	peer_expect_nothing(unsubscribes);
}

static void
test_publisher_goes(void **state)
{
	Peer	   *a = announced_as("subscriber");
	Peer	   *b = reader("t");
	uint64_t	publication;

	(void) state;
	subscribe(a, 1, "{}", "t");
	peer_send(a, "[16,2,{\"acknowledge\":true,\"exclude_me\":false,\"x_acknowledged_delivery\":true},\"t\"]");
	expect_asking(a);
	publication = expect_asking(b);
	peer_send(a, "[6,{},\"wamp.close.normal\"]");
	peer_expect(a, "[6,{},\"wamp.close.goodbye_and_out\"]");
	received(b, publication);
	peer_expect_nothing(a);
	peer_expect_nothing(b);
}

static void
test_timeout(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = reader("t");
	uint64_t	publication;

	(void) state;
	for (int i = 0; i < 2; i++)
		peer_send(a, "[16,%d,{\"acknowledge\":true,\"x_acknowledged_delivery\":true,\"timeout\":1000},\"t\"]", 1 + i);
	received(b, expect_asking(b));
	peer_expect(a, "[17,1,%]");
	publication = expect_asking(b);
	world_pass_ms(999);
	peer_expect_nothing(a);
	world_pass_ms(1);
	peer_expect(a, "[8,16,2,{},\"wamp.error.timeout\",[\"the event is out, but not everybody has acknowledged it in time\"]]");
	received(b, publication);
	peer_expect_nothing(a);
	peer_expect_nothing(b);
}

/* Stored first, then delivered, then acknowledged. */
static void
test_stored(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = reader("t");

	(void) state;
	peer_send(a, "[16,1,{\"acknowledge\":true,\"retain\":true,\"x_acknowledged_delivery\":true},\"t\",[1]]");
	peer_send(a, "[16,2," ACK ",\"t\"]");
	peer_expect_nothing(b);
	world_commit();
	peer_expect(b, "[36,%,%," ASKING ",[1]]");
	peer_expect_nothing(a);
	received(b, peer_number(1));
	peer_expect(a, "[17,1,%]");
	received(b, expect_asking(b));
	peer_expect(a, "[17,2,%]");
	world_refuse(true);
	peer_send(a, "[16,3,{\"acknowledge\":true,\"retain\":true,\"when\":null,\"x_acknowledged_delivery\":true},\"t\",[1]]");
	world_commit();
	peer_expect(a, "[8,16,3,{},\"wamp.error.invalid_payload\",[\"the condition does not hold\"]]");
	peer_expect_nothing(b);
	world_refuse(false);
}

/* An event behind a snapshot asks when its turn comes; who gives up before is not waited for. */
static void
test_behind_a_snapshot(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = announced_as("subscriber");
	Peer	   *c = announced_as("subscriber");
	Peer	   *only = announced_as("subscriber");
	uint64_t	subscription;

	(void) state;
	peer_send(a, "[16,1,{\"retain\":true},\"t\",[1]]");
	world_commit();
	subscribe(b, 1, "{\"retained\":true}", "t");
	subscription = subscribe(c, 1, "{\"retained\":true}", "t");
	subscribe(only, 1, "{\"snapshot\":true}", "t");
	peer_send(a, "[16,2," ACK ",\"t\"]");
	peer_expect_nothing(b);
	peer_send(c, "[34,2,%llu]", (unsigned long long) subscription);
	peer_expect_nothing(a);
	world_pass_ms(1);
	peer_expect(b, "[36,%,%,{\"retained\":true},[1]]");
	received(b, expect_asking(b));
	peer_expect(a, "[17,2,%]");
	peer_expect(c, "[35,2]");
	peer_expect_nothing(c);
	peer_expect(only, "[36,%,%,{\"retained\":true},[1]]");
	peer_expect(only, "[35,0,{\"subscription\":%,\"reason\":\"fox_wamp.snapshot_end\"}]");
}

static void
test_limit(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = reader("t");

	(void) state;
	for (int i = 1; i <= 100; i++)
		peer_send(a, "[16,%d," ACK ",\"t\"]", i);
	peer_send(a, "[16,101," ACK ",\"t\"]");
	peer_expect(a, "[8,16,101,{},\"wamp.error.unavailable\",[\"too many publishes wait until their events are acknowledged\"]]");
	received(b, expect_asking(b));
	peer_expect(a, "[17,1,%]");
	peer_send(a, "[16,102," ACK ",\"t\"]");
	for (int i = 2; i <= 100; i++)
	{
		received(b, expect_asking(b));
		peer_expect(a, "[17,%,%]");
		assert_int_equal(peer_number(0), i);
	}
	received(b, expect_asking(b));
	peer_expect(a, "[17,102,%]");
	peer_expect_nothing(b);
}

static void
test_options(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = reader("t");

	(void) state;
	peer_send(a, "[16,1,{\"acknowledge\":true,\"x_acknowledged_delivery\":1},\"t\"]");
	peer_expect(a, "[8,16,1,{},\"wamp.error.invalid_argument\",[\"option x_acknowledged_delivery must be a boolean\"]]");
	peer_send(a, "[16,2,{\"x_acknowledged_delivery\":true},\"t\"]");
	peer_expect_nothing(a);
	peer_expect_nothing(b);
	peer_send(a, "[16,3,{\"acknowledge\":true,\"x_acknowledged_delivery\":false},\"t\"]");
	peer_expect(a, "[17,3,%]");
	peer_expect(b, "[36,%,%,{}]");
}

/* Nobody is there to be told. */
static void
test_testament(void **state)
{
	Peer	   *a = peer_join();
	Peer	   *b = reader("t");

	(void) state;
	peer_send(a, "[48,1,{},\"wamp.session.add_testament\",[\"t\",[],{}],{\"publish_options\":" ACK "}]");
	peer_expect(a, "[50,1,{}]");
	peer_lose(a);
	peer_expect(b, "[36,%,%,{},[],{}]");
}

static void
test_malformed(void **state)
{
	static const char *const messages[][2] = {
		{"[337]", "the message has too few elements"},
		{"[337,1,2]", "the message has too many elements"},
		{"[337,1,{}]", "the message has too many elements"},
		{"[337,0]", "an id must be an integer from 1 to 2^53"},
		{"[337,\"1\"]", "an id must be an integer from 1 to 2^53"},
		{"[336,1]", "unknown message type"},
		{"[338,1]", "unknown message type"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
	{
		Peer	   *p = announced_as("subscriber");
		char		expected[200];

		peer_send(p, "%s", messages[i][0]);
		snprintf(expected, sizeof(expected), "[3,{\"message\":\"%s\"},\"wamp.error.protocol_violation\"]", messages[i][1]);
		peer_expect(p, expected);
		assert_true(peer_closed(p));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_acknowledged, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_others, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_nobody, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_announced_by_publisher, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_one_of_many_subscriptions, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_to_itself, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_reader_goes, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_publisher_goes, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_timeout, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_stored, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_behind_a_snapshot, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_limit, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_options, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_testament, world_set_up, world_tear_down),
		cmocka_unit_test_setup_teardown(test_malformed, world_set_up, world_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
