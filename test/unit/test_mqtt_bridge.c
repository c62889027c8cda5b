/*
 * test_mqtt_bridge.c - bridges by the clock, and packet by packet: what goes through under which identifier.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/mqtt_packet.h"
#include "core/mqtt_bridge.h"
#include "core/session.h"
#include "gate/mqtt_bridge.h"
#include "world.h"

static FoxMqttBroker *broker;
static const FoxDialOps *ops;
static void *link_data;			/* NULL: there is no link */
static int	dials;
static bool refuses;			/* the dialer */
static bool slow;
static char sent[4096];			/* packets since they were last looked at, in words */

/* --- the remote --- */

static void *
dial(void *ctx, const FoxDial *to, const FoxDialOps *o, void *data, char *err, size_t errlen)
{
	(void) ctx;
	assert_null(link_data);
	assert_true(fox_slice_is(to->host, "there") && to->port == 1883);
	dials++;
	if (refuses)
	{
		snprintf(err, errlen, "it does not like that");
		return NULL;
	}
	ops = o;
	link_data = data;
	return &link_data;
}

static void
take(void *link, FoxBytes *bytes)
{
	static const char *const names[] = {"?", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
	"UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"};
	FoxMqttPacket p;
	size_t		len = strlen(sent);

	(void) link;
	assert_non_null(link_data);
	assert_int_equal(fox_mqtt_decode(FOX_MQTT_50, fox_slice(bytes->data, bytes->len), &p), FOX_MQTT_SUCCESS);
	len += (size_t) snprintf(sent + len, sizeof(sent) - len, "%s%s", len > 0 ? " " : "", names[p.type]);
	if (p.type == FOX_MQTT_PUBLISH)
		len += (size_t) snprintf(sent + len, sizeof(sent) - len, " %.*s", (int) p.topic.len, p.topic.ptr);
	if (p.id != 0 && p.type != FOX_MQTT_SUBSCRIBE && p.type != FOX_MQTT_UNSUBSCRIBE)
		len += (size_t) snprintf(sent + len, sizeof(sent) - len, " %d", p.id);
	if (fox_mqtt_has(&p.props, FOX_PROP_SESSION_EXPIRY) && p.type == FOX_MQTT_DISCONNECT)
		snprintf(sent + len, sizeof(sent) - len, " for good");
}

static bool
is_slow(void *link)
{
	(void) link;
	return slow;
}

static void
hang_up(void *link)
{
	(void) link;
	assert_non_null(link_data);
	link_data = NULL;
}

static void
expect_sent(const char *what)
{
	assert_string_equal(sent, what);
	sent[0] = '\0';
}

static void
comes(const FoxMqttPacket *packet)
{
	FoxBuf		out = {0};

	fox_mqtt_encode(FOX_MQTT_50, packet, &out);
	ops->received(link_data, out.data, out.len);
	fox_buf_free(&out);
	world_pass_ms(0);
}

static void
connects(void)
{
	world_pass_ms(0);
	ops->open(link_data);
	expect_sent("CONNECT");
	comes(&(FoxMqttPacket){.type = FOX_MQTT_CONNACK});
}

/* --- rows --- */

static void
row(bool deleted)
{
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_MQTT_BRIDGE, .deleted = deleted, .realm = FOX_LIT(""), .topic = FOX_LIT("b"),
					  .args = FOX_LIT("[{\"realm\":\"realm1\",\"url\":\"mqtt://there\",\"client_id\":\"us\",\"version\":5,\"keep_alive\":10,"
									  "\"clean_start\":true,\"enabled\":true}]")});
}

static void
topic(const char *pattern, const char *direction)
{
	char		args[200];

	snprintf(args, sizeof(args), "[{\"pattern\":\"%s\",\"local_prefix\":\"\",\"remote_prefix\":\"there/\",\"direction\":\"%s\",\"qos\":2}]", pattern, direction);
	fox_router_change(world_router(), &(FoxChange){.kind = FOX_CHANGE_MQTT_BRIDGE_TOPIC, .realm = FOX_LIT(""), .topic = FOX_LIT("b"),
					  .args = fox_cstr(args), .kwargs = fox_cstr(args)});
}

static const FoxMqttBridgeState *
state_of(void)
{
	return &fox_mqtt_bridge_find(world_router(), FOX_LIT("b"))->state;
}

static int
set_up(void **state)
{
	FoxMqttConfig config = {.default_realm = "realm1", .max_packet = 1000, .max_inflight = 20, .max_queued = 100, .max_session_expiry = 1000,
	.bridge_allow = "there"};
	FoxDialer	dialer = {NULL, dial, take, is_slow, hang_up};

	(void) world_set_up(state);
	broker = fox_mqtt_broker_new(world_router(), &config);
	link_data = NULL;
	dials = 0;
	refuses = slow = false;
	sent[0] = '\0';
	row(false);
	topic("out/#", "out");
	fox_mqtt_broker_bridge(broker, &dialer);
	return 0;
}

static int
tear_down(void **state)
{
	fox_router_shutdown(world_router());
	fox_mqtt_broker_free(broker);
	return world_tear_down(state);
}

/* --- the clock --- */

static void
test_delays(void **state)
{
	int			most = 1000;

	(void) state;
	refuses = true;
	world_pass_ms(0);
	for (int i = 0; i < 10; i++)
	{
		int			before = dials;
		int			ms = 0;

		while (dials == before && ms <= most)
		{
			world_pass_ms(50);
			ms += 50;
		}
		if (dials == before || ms < most / 2)
			fail_msg("the %dth delay is %d ms", i, ms);
		most = most < 32000 ? 2 * most : 60000;
	}
	assert_int_equal(state_of()->phase, FOX_BRIDGE_WAITING);
	assert_string_equal(state_of()->error, "it does not like that");
	row(false);
	world_pass_ms(0);			/* a new row is tried at once */
	assert_int_equal(dials, 12);
}

static void
test_no_answer(void **state)
{
	(void) state;
	world_pass_ms(29000);
	assert_non_null(link_data);
	world_pass_ms(30000);
	assert_null(link_data);
	assert_string_equal(state_of()->error, "the remote does not answer");
	world_pass_ms(1000);
	ops->open(link_data);
	expect_sent("CONNECT");
	world_pass_ms(30000);
	assert_null(link_data);
	assert_string_equal(state_of()->error, "the remote does not answer CONNECT");
}

static void
test_ping(void **state)
{
	(void) state;
	connects();
	assert_int_equal(state_of()->phase, FOX_BRIDGE_CONNECTED);
	expect_sent("");
	world_pass_ms(5000);
	expect_sent("PINGREQ");
	world_pass_ms(2000);
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PINGRESP});
	world_pass_ms(3000);
	expect_sent("PINGREQ");
	world_pass_ms(5000);
	assert_null(link_data);
	assert_string_equal(state_of()->error, "the remote does not answer PINGREQ");
}

static void
test_allowed(void **state)
{
	FoxMqttConfig config = {.default_realm = "realm1", .max_packet = 1000, .max_inflight = 20, .max_queued = 100, .bridge_allow = "elsewhere"};

	(void) state;
	connects();
	fox_mqtt_broker_configure(broker, &config);
	world_pass_ms(0);
	assert_null(link_data);
	assert_string_equal(state_of()->error, "fox_wamp.mqtt_bridge_allow does not allow it");
	world_pass_ms(60000);
	assert_int_equal(dials, 1);
	strcpy(config.bridge_allow, "elsewhere, there:1883");
	fox_mqtt_broker_configure(broker, &config);
	connects();
	assert_int_equal(state_of()->phase, FOX_BRIDGE_CONNECTED);
}

/* --- packets --- */

static void
nothing(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	(void) s, (void) what, (void) request, (void) id;
}

static void
failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	(void) s, (void) what, (void) request, (void) why;
	fail();
}

static void
ended(FoxSession *s, const char *reason, FoxSlice message)
{
	(void) s, (void) reason, (void) message;
}

static void
publish(const char *options, const char *uri)
{
	static const FoxSessionOps publisher_ops = {.done = nothing, .failed = failed, .ended = ended};
	FoxSessionInfo info = {.authid = FOX_LIT("sql"), .authrole = FOX_LIT("sql"), .authmethod = FOX_LIT("sql"), .protocol = FOX_LIT("sql")};
	const char *reason;
	FoxSession *s = fox_session_join(world_router(), FOX_LIT("realm1"), &info, &publisher_ops, NULL, &reason);

	fox_session_publish(s, 1, fox_cstr(options), fox_cstr(uri), FOX_LIT("[1]"), FOX_ABSENT);
	fox_session_leave(s, FOX_END_GOODBYE);
	world_pass_ms(0);
}

static void
test_out(void **state)
{
	(void) state;
	connects();
	publish("{\"qos\":1}", "out.a");
	expect_sent("PUBLISH there/out/a 2");
	publish("{\"qos\":2}", "out.b");
	expect_sent("PUBLISH there/out/b 3");
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBREC, .id = 3});
	expect_sent("PUBREL 3");
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBCOMP, .id = 3});
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBACK, .id = 2, .reason = FOX_MQTT_NOT_AUTHORIZED});
	assert_int_equal(state_of()->out, 2);
	assert_int_equal(state_of()->dropped, 1);
	assert_string_equal(state_of()->error, "the remote refuses a message: not authorized (0x87)");
	slow = true;
	publish("{\"qos\":0}", "out.c");
	expect_sent("");
	publish("{\"qos\":1}", "out.c");
	expect_sent("PUBLISH there/out/c 4");
	assert_int_equal(state_of()->dropped, 2);
}

static void
test_too_large(void **state)
{
	FoxMqttPacket connack = {.type = FOX_MQTT_CONNACK, .props = {.maximum_packet = 18, .receive_maximum = 1}};

	(void) state;
	fox_mqtt_set(&connack.props, FOX_PROP_MAXIMUM_PACKET);
	fox_mqtt_set(&connack.props, FOX_PROP_RECEIVE_MAXIMUM);
	world_pass_ms(0);
	ops->open(link_data);
	expect_sent("CONNECT");
	comes(&connack);
	/* Each is out of the way of the next, which waits for the only place there is. */
	publish("{\"qos\":1}", "out.a.long.one");
	publish("{\"qos\":2}", "out.a.long.one");
	publish("{\"qos\":1,\"mqtt\":{}}", "out.b");
	assert_int_equal(state_of()->dropped, 3);
	expect_sent("");
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PINGRESP});
	assert_int_equal(state_of()->phase, FOX_BRIDGE_CONNECTED);
}

static void
test_in(void **state)
{
	Peer	   *us = peer_join();

	(void) state;
	topic("in/+", "in");
	peer_send(us, "[32,1,{},\"in.a\"]");
	peer_expect(us, "[33,1,%]");
	connects();
	expect_sent("SUBSCRIBE");
	assert_int_equal(state_of()->phase, FOX_BRIDGE_CONNECTING);
	comes(&(FoxMqttPacket){.type = FOX_MQTT_SUBACK, .id = UINT16_MAX, .payload = FOX_LIT("\x02")});
	assert_int_equal(state_of()->phase, FOX_BRIDGE_CONNECTED);
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBLISH, .topic = FOX_LIT("there/in/a"), .payload = FOX_LIT("1"), .qos = 1, .id = 7});
	expect_sent("PUBACK 7");
	peer_expect(us, "[36,%,%,{},[1]]");
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBLISH, .topic = FOX_LIT("there/in/a"), .payload = FOX_LIT("2"), .qos = 2, .id = 9});
	expect_sent("PUBREC 9");
	peer_expect(us, "[36,%,%,{},[2]]");
	/* The same once more is not heard once more. */
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBLISH, .topic = FOX_LIT("there/in/a"), .payload = FOX_LIT("2"), .qos = 2, .id = 9, .dup = true});
	expect_sent("PUBREC 9");
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBREL, .id = 9});
	expect_sent("PUBCOMP 9");
	/* What no row is for is taken, and goes nowhere. */
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBLISH, .topic = FOX_LIT("there/in/a/b"), .payload = FOX_LIT("3"), .qos = 2, .id = 11});
	expect_sent("PUBREC 11");
	comes(&(FoxMqttPacket){.type = FOX_MQTT_PUBREL, .id = 11});
	expect_sent("PUBCOMP 11");
	peer_expect_nothing(us);
	assert_int_equal(state_of()->in, 3);
	assert_int_equal(state_of()->dropped, 1);
	peer_lose(us);
}

static void
test_rows(void **state)
{
	(void) state;
	connects();
	topic("more", "both");
	expect_sent("DISCONNECT");
	assert_null(link_data);
	connects();
	expect_sent("SUBSCRIBE");
	row(true);
	expect_sent("DISCONNECT for good");
	assert_null(link_data);
	assert_null(fox_mqtt_bridge_find(world_router(), FOX_LIT("b")));
	world_pass_ms(60000);
	assert_null(link_data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_allowed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down)
	};

	return cmocka_run_group_tests_name("mqtt_bridge", tests, NULL, NULL);
}
