/*
 * wire.c - the glue between sockets and gates: net/ knows no gate, a gate no socket.
 */
#include "postgres.h"

#include "gate/http_gate.h"
#include "gate/mqtt_bridge.h"
#include "gate/mqtt_gate.h"
#include "gate/wamp_gate.h"
#include "net/link.h"
#include "pg/guc.h"
#include "pg/wire.h"

static FoxRouter *router;
static FoxMqttBroker *mqtt;

static void
wire_send(void *conn, FoxBytes *message, bool binary)
{
	fox_conn_send(conn, message, binary);
}

static void
wire_send_event(void *conn, FoxBytes *message, bool binary, uint64_t stream)
{
	fox_conn_send_event(conn, message, binary, stream);
}

static void
wire_close(void *conn, int code, const char *reason)
{
	fox_conn_close(conn, code, reason);
}

static bool
wire_relieve(void *conn, size_t bytes)
{
	return fox_conn_relieve(conn, bytes);
}

static void
wire_probe(void *conn)
{
	fox_conn_probe(conn);
}

static void
wire_limit(void *conn, size_t bytes)
{
	fox_conn_limit(conn, bytes);
}

static void
wire_pause(void *conn, bool paused)
{
	fox_conn_pause(conn, paused);
}

static const FoxTransportOps transport_ops = {wire_send, wire_send_event, wire_relieve, wire_probe, wire_close, wire_limit, wire_pause};

static void *
wire_open(void *ctx, FoxConn *conn, const FoxConnInfo *info)
{
	FoxTransport transport = {conn, &transport_ops};
	FoxPeer		peer = {info->peer, info->subprotocol, info->loopback, info->origin, info->transport,
		info->confidential, info->certificate, info->cookie, info->new_cookie, info->headers};

	if (strcmp(info->subprotocol, "mqtt") == 0)
		return fox_mqtt_gate_open(mqtt, &transport, &peer);
	return fox_wamp_gate_open(router, &transport, &peer);
}

static void
wire_message(void *gate, char *data, size_t len, bool binary)
{
	((FoxGate *) gate)->ops->message(gate, data, len, binary);
}

static void
wire_alive(void *gate)
{
	((FoxGate *) gate)->ops->alive(gate);
}

static void
wire_closed(void *gate, FoxCloseCause cause)
{
	static const FoxGateClose causes[] = {
		[FOX_CLOSE_PEER] = FOX_GATE_CLOSED,
		[FOX_CLOSE_LOST] = FOX_GATE_LOST,
		[FOX_CLOSE_SLOW] = FOX_GATE_LOST,
		[FOX_CLOSE_TOO_BIG] = FOX_GATE_LOST,
		[FOX_CLOSE_SHUTDOWN] = FOX_GATE_SHUTDOWN,
	};

	((FoxGate *) gate)->ops->close(gate, causes[cause]);
}

static void
wire_answer(void *conn, unsigned status, FoxSlice headers, FoxSlice body)
{
	fox_http_answer(conn, status, headers, body);
}

static void
wire_stream(void *conn, unsigned status, FoxSlice headers)
{
	fox_http_stream(conn, status, headers);
}

static void
wire_part(void *conn, FoxSlice part)
{
	fox_http_part(conn, part);
}

static void
wire_end(void *conn)
{
	fox_http_part_last(conn);
}

static void *
wire_http_open(void *ctx, FoxHttp *http)
{
	return fox_http_gate_open(router, &(FoxHttpTransport) {http, wire_answer, wire_stream, wire_part, wire_end});
}

static void
wire_http_request(void *gate, const FoxHttpRequest *r)
{
	const FoxConnInfo *who = r->info;

	fox_http_gate_request(gate, &(FoxHttpAsk) {r->status, r->method, r->target, r->headers, r->body, who->peer, who->origin,
			who->loopback, who->confidential, who->tls || (who->confidential && !who->loopback), who->certificate});
}

static void
wire_log(void *ctx, int level, const char *text)
{
	ereport(level >= 2 ? WARNING : level == 1 ? LOG : DEBUG1, (errmsg_internal("fox_wamp: %s", text)));
}

bool
fox_wire_open(FoxRouter *r)
{
	FoxMqttConfig config;

	fox_guc_mqtt_config(&config);
	router = r;
	mqtt = fox_mqtt_broker_new(r, &config);
	return mqtt != NULL;
}

void
fox_wire_configure(void)
{
	FoxMqttConfig config;

	fox_guc_mqtt_config(&config);
	fox_mqtt_broker_configure(mqtt, &config);
}

FoxNetHandler
fox_wire_handler(void)
{
	return (FoxNetHandler){
		.open = wire_open,
		.message = wire_message,
		.alive = wire_alive,
		.close = wire_closed,
		.http_open = wire_http_open,
		.http_request = wire_http_request,
		.http_close = fox_http_gate_close,
		.log = wire_log,
	};
}

void
fox_wire_dial(FoxNet *net)
{
	FoxDialer	dialer = fox_net_dialer(net);

	fox_mqtt_broker_bridge(mqtt, &dialer);
}

void
fox_wire_restore(const FoxMqttRow *row)
{
	fox_mqtt_broker_restore(mqtt, row);
}

void
fox_wire_restored(void)
{
	fox_mqtt_broker_restored(mqtt);
}

void
fox_wire_written(void)
{
	fox_mqtt_broker_written(mqtt);
}
