/*
 * fuzz_mqtt_bridge.c - the remote of a bridge sends anything, while messages go out and rows change.
 *
 * The input is pieces: a byte that says what else happens, the length of the piece, its bytes, which are a stream of
 * packets of the remote's.  Each connection of the bridge begins a new stream.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/mqtt_packet.h"
#include "core/session.h"
#include "gate/mqtt_bridge.h"
#include "router.h"

#define OPENS 0x01				/* before the piece: a connection that is dialed is there */
#define BREAKS 0x02
#define PUBLISHES 0x04			/* a client of ours */
#define CHANGES 0x08			/* a row */
#define SLOW 0x10				/* the remote is */
#define TIME 0x20				/* goes by, in steps in which everything times out */
#define OLD 0x40				/* the bridge begins with 3.1.1 */
#define COMMITS 0x80			/* after it */

static FoxMqttBroker *broker;
static FoxRouter *router;
static const FoxDialOps *ops;
static void *data;				/* of the link that there is; NULL: none */
static bool open;
static bool slow;

/* --- the connection --- */

static void *
dial(void *ctx, const FoxDial *to, const FoxDialOps *o, void *d, char *err, size_t errlen)
{
	(void) ctx, (void) to, (void) err, (void) errlen;
	if (data != NULL)
		abort();
	ops = o;
	data = d;
	open = false;
	return &data;
}

/* What is sent is a packet of a client's. */
static void
take(void *link, FoxBytes *bytes)
{
	FoxMqttPacket p;

	(void) link;
	if (data == NULL)
		abort();
	if (bytes->len > 9 && bytes->data[0] == 0x10)
		bytes->data[8] &= 0x7f;	/* as a bridge it has said so */
	for (uint8_t version = FOX_MQTT_311; version <= FOX_MQTT_50; version++)
		if (fox_mqtt_decode(version, fox_slice(bytes->data, bytes->len), &p) == FOX_MQTT_SUCCESS)
			return;
	abort();
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
	if (data == NULL)
		abort();
	data = NULL;
}

static void
break_link(void)
{
	void	   *d = data;

	data = NULL;
	if (d != NULL)
		ops->closed(d, "it broke");
}

/* --- rows and messages --- */

static void
row(bool deleted, const char *more)
{
	char		args[300];

	snprintf(args, sizeof(args), "[{\"realm\":\"realm1\",\"url\":\"mqtt://there\",\"client_id\":\"us\",\"keep_alive\":10,%s,\"enabled\":true}]", more);
	fox_router_change(router, &(FoxChange){.kind = FOX_CHANGE_MQTT_BRIDGE, .deleted = deleted, .realm = FOX_LIT(""), .topic = FOX_LIT("b"), .args = fox_cstr(args)});
}

static void
topic(bool deleted, const char *key, const char *args)
{
	fox_router_change(router, &(FoxChange){.kind = FOX_CHANGE_MQTT_BRIDGE_TOPIC, .deleted = deleted, .realm = FOX_LIT(""), .topic = FOX_LIT("b"),
					  .args = fox_cstr(args), .kwargs = fox_cstr(key)});
}

static void
change(int turn)
{
	switch (turn % 4)
	{
		case 0:
			topic(turn % 8 == 0, "x", "[{\"pattern\":\"x\",\"local_prefix\":\"\",\"remote_prefix\":\"\",\"direction\":\"in\",\"qos\":1}]");
			break;
		case 1:
			row(false, "\"version\":5,\"clean_start\":true,\"notification_topic\":\"up\"");
			break;
		case 2:
			row(true, "\"version\":5");
			break;
		default:
			row(false, "\"version\":5,\"username\":\"u\",\"password\":\"p\"");
	}
}

static void
nothing(FoxSession *s, FoxRequest what, uint64_t request, uint64_t id)
{
	(void) s, (void) what, (void) request, (void) id;
}

static void
failed(FoxSession *s, FoxRequest what, uint64_t request, const FoxFailure *why)
{
	(void) s, (void) what, (void) request, (void) why;
}

static void
ended(FoxSession *s, const char *reason, FoxSlice message)
{
	(void) s, (void) reason, (void) message;
}

static const FoxSessionOps publisher_ops = {.done = nothing, .failed = failed, .ended = ended};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	FoxMqttConfig config = {.default_realm = "realm1", .max_packet = 2048, .max_inflight = 5, .max_queued = 8, .max_session_expiry = 1000, .bridge_allow = "*"};
	FoxDialer	dialer = {NULL, dial, take, is_slow, hang_up};
	FoxSessionInfo info = {.authid = FOX_LIT("sql"), .authrole = FOX_LIT("sql"), .authmethod = FOX_LIT("sql"), .protocol = FOX_LIT("sql")};
	FoxSession *publisher;
	const char *reason;
	uint64_t	request = 0;
	int			turn = 0;

	router = fuzz_router_open();
	broker = fox_mqtt_broker_new(router, &config);
	data = NULL;
	slow = false;
	publisher = fox_session_join(router, FOX_LIT("realm1"), &info, &publisher_ops, NULL, &reason);
	row(false, size > 0 && (bytes[0] & OLD) != 0 ? "\"version\":4" : "\"version\":5");
	topic(false, "#", "[{\"pattern\":\"#\",\"local_prefix\":\"\",\"remote_prefix\":\"r/\",\"direction\":\"both\",\"qos\":2}]");
	topic(false, "y", "[{\"pattern\":\"y/+\",\"local_prefix\":\"z/\",\"remote_prefix\":\"\",\"direction\":\"in\",\"qos\":1}]");
	fox_mqtt_broker_bridge(broker, &dialer);
	fox_router_tick(router);
	for (size_t at = 0; at + 2 <= size && turn < 64; turn++)
	{
		size_t		n = bytes[at + 1] < size - at - 2 ? bytes[at + 1] : size - at - 2;
		uint8_t		what = bytes[at];
		char	   *copy = malloc(n + 1);

		memcpy(copy, bytes + at + 2, n);
		slow = (what & SLOW) != 0;
		if (what & BREAKS)
			break_link();
		if (what & CHANGES)
			change(turn);
		for (int i = 0; i < ((what & TIME) ? 70 : 1); i++)
			fox_router_tick(router);
		if ((what & OPENS) && data != NULL && !open)
		{
			open = true;
			ops->open(data);
		}
		if (what & PUBLISHES)
			fox_session_publish(publisher, ++request, turn % 2 == 0 ? FOX_LIT("{\"qos\":2}") : FOX_LIT("{\"qos\":1,\"acknowledge\":true}"), FOX_LIT("a.b"), FOX_LIT("[1]"), FOX_ABSENT);
		if (data != NULL && open && n > 0)
			ops->received(data, copy, n);
		free(copy);
		fox_router_tick(router);
		if (what & COMMITS)
			fuzz_commit();
		fox_mqtt_broker_written(broker);
		at += n + 2;
	}
	fuzz_commit();
	fox_router_shutdown(router);
	fox_mqtt_broker_free(broker);
	fuzz_router_close();
	return 0;
}
