/*
 * fuzz_mqtt_gate.c - clients of MQTT send anything to a router whose store answers between packets.
 *
 * The input is pieces: a byte that says which client and what else happens, the length of the piece, its
 * bytes, which are a stream of packets.  Client 0 is a durable one of 5.0, 1 one of 3.1.1, 2 has not joined.
 */
#include <stdlib.h>

#include "codec/mqtt_packet.h"
#include "codec/mqtt_stream.h"
#include "gate/mqtt_gate.h"
#include "router.h"

#define CLIENTS 3
#define RECONNECTS 0x40			/* before the piece */
#define COMMITS 0x80			/* after it */

static FoxMqttBroker *broker;

typedef struct Client
{
	void	   *gate;
	uint8_t		version;
	FoxMqttStream stream;
} Client;

static Client clients[CLIENTS];

/* What is sent is a packet that a client can take apart. */
static void
send_message(void *conn, FoxBytes *m, bool binary)
{
	FoxMqttPacket p;
	const Client *c = conn;

	if (!binary || (c->version != 0 && fox_mqtt_decode(c->version, fox_slice(m->data, m->len), &p) != FOX_MQTT_SUCCESS))
		abort();
}

static void
feed(Client *c, const uint8_t *data, size_t n)
{
	char	   *copy = malloc(n + 1);
	const char *at = copy;
	FoxSlice	packet;

	memcpy(copy, data, n);
	while (fox_mqtt_next(&c->stream, 2048, &at, copy + n, &packet) == FOX_MQTT_PACKET)
		((FoxGate *) c->gate)->ops->message(c->gate, (char *) packet.ptr, packet.len, true);
	free(copy);
}

static void
disconnect(Client *c)
{
	((FoxGate *) c->gate)->ops->close(c->gate, FOX_GATE_LOST);
	fox_mqtt_stream_free(&c->stream);
	c->stream = (FoxMqttStream){0};
}

static void
connect_client(int i, FoxRouter *router)
{
	static const uint8_t five[] = {0x10, 0x1c, 0, 4, 'M', 'Q', 'T', 'T', 5, 4, 0, 0, 5, 17, 0, 0, 1, 0, 0, 1, 'f', 0, 0, 1, 'w', 0, 3, 'b', 'y', 'e'};
	static const uint8_t four[] = {0x10, 0x0d, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 1, 'o'};
	Client	   *c = &clients[i];
	FoxTransport transport = fuzz_transport(c, send_message);

	c->version = i == 0 ? FOX_MQTT_50 : i == 1 ? FOX_MQTT_311 : 0;
	c->gate = fox_mqtt_gate_open(broker, &transport,
								 &(FoxPeer){"127.0.0.1:1", "mqtt", true, "", "tcp", true, "", "", "", FOX_ABSENT});
	if (i == 0)
		feed(c, five, sizeof(five));
	else if (i == 1)
		feed(c, four, sizeof(four));
	fox_router_tick(router);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FoxMqttConfig config = {.default_realm = "realm1", .max_packet = 2048, .max_inflight = 20, .max_queued = 8, .max_session_expiry = 1000,
		.sys_interval = 1};
	FoxRouter  *router = fuzz_router_open();
	int			turn = 0;

	config.drop_oldest = size % 2 == 0;
	broker = fox_mqtt_broker_new(router, &config);
	for (int i = 0; i < CLIENTS; i++)
		connect_client(i, router);
	for (size_t at = 0; at + 2 <= size && turn < 64; turn++)
	{
		int			i = data[at] % CLIENTS;
		size_t		n = data[at + 1] < size - at - 2 ? data[at + 1] : size - at - 2;

		if (data[at] & RECONNECTS)
		{
			disconnect(&clients[i]);
			connect_client(i, router);
		}
		feed(&clients[i], data + at + 2, n);
		fox_router_tick(router);
		if (data[at] & COMMITS)
			fuzz_commit();
		fox_mqtt_broker_written(broker);
		at += n + 2;
	}
	for (int i = 0; i < CLIENTS; i++)
		disconnect(&clients[i]);
	fuzz_commit();
	fox_router_shutdown(router);
	fox_mqtt_broker_free(broker);
	fuzz_router_close();
	return 0;
}
