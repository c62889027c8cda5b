/*
 * mqtt_login.c - from CONNECT to an identity: MQTT's words for the methods of logging in.
 *
 *      CONNECT has                  method
 *      a password                   ticket: the password of a user or a role, or a JSON Web Token
 *      no password                  tls with a client certificate, else anonymous
 *      SCRAM-SHA-256 (5.0)          wamp-scram
 *
 * Until it is known who that is, the connection is not read; what it had sent already is kept.
 */
#include <stdlib.h>

#include "base/digest.h"
#include "codec/mqtt_stream.h"
#include "codec/utf8.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

#define CONNECT_MAX 262144		/* bytes: a password, a will and their properties may have 64 kB each */

/* --- names --- */

FoxSlice
mqtt_realm_of(const FoxMqttBroker *b, FoxSlice *name)
{
	for (size_t i = name->len; i-- > 0;)
		if (name->ptr[i] == '@')
		{
			FoxSlice	realm = fox_slice(name->ptr + i + 1, name->len - i - 1);

			*name = fox_slice(name->ptr, i);
			return realm;
		}
	return fox_cstr(b->config.default_realm);
}

static bool
is_text(FoxSlice bytes)
{
	return fox_utf8_valid(bytes) && memchr(bytes.ptr, '\0', bytes.len) == NULL;
}

/* --- reasons --- */

static FoxMqttReason
reason_of(const char *uri)
{
	static const struct
	{
		const char *uri;
		FoxMqttReason reason;
	}			reasons[] = {
		{FOX_AUTH_DENIED, FOX_MQTT_BAD_LOGIN},
		{FOX_AUTH_NO_PRINCIPAL, FOX_MQTT_BAD_LOGIN},
		{FOX_AUTH_NO_ROLE, FOX_MQTT_BAD_LOGIN},
		{FOX_AUTH_FAILED, FOX_MQTT_UNAVAILABLE},
		{"wamp.error.timeout", FOX_MQTT_UNAVAILABLE},
		{"wamp.error.unavailable", FOX_MQTT_UNAVAILABLE}
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(uri, reasons[i].uri) == 0)
			return reasons[i].reason;
	return FOX_MQTT_NOT_AUTHORIZED;
}

/* --- the log-in's answers --- */

/* The CONNECT that is being carried out. */
static FoxMqttPacket
connect_of(const MqttPeer *p)
{
	FoxMqttPacket packet;

	(void) fox_mqtt_decode(0, fox_buf_view(&p->arrival->connect), &packet);
	return packet;
}

static void
forget_arrival(MqttPeer *p)
{
	MqttArrival *a = p->arrival;

	if (a == NULL)
		return;
	if (a->connect.cap > 0)
		fox_wipe(a->connect.data, a->connect.cap);
	fox_buf_free(&a->connect);
	fox_buf_free(&a->early);
	fox_buf_free(&a->server_final);
	free(a);
	p->arrival = NULL;
}

void
mqtt_send_auth(MqttPeer *p, FoxMqttReason reason, FoxSlice data)
{
	FoxMqttPacket packet = {.type = FOX_MQTT_AUTH, .reason = (uint8_t) reason};

	fox_mqtt_set(&packet.props, FOX_PROP_AUTH_METHOD);
	packet.props.auth_method = FOX_LIT(FOX_SCRAM_METHOD);
	fox_mqtt_set(&packet.props, FOX_PROP_AUTH_DATA);
	packet.props.auth_data = data;
	mqtt_send(p, &packet);
}

static void
challenge(void *data, const char *method, FoxSlice extra)
{
	MqttPeer   *p = data;
	FoxBuf		first = {0};

	(void) method;
	if (p->scram_flag == 0)
		(void) fox_login_authenticate(p->login, connect_of(p).password, FOX_LIT("{}"));
	else if (!fox_scram_server_first(extra, &first))
		mqtt_refuse(p, FOX_MQTT_NOT_AUTHORIZED, "the password of this user is not kept for SCRAM-SHA-256");
	else
	{
		p->state = MQTT_CHALLENGED;
		mqtt_send_auth(p, FOX_MQTT_AUTH_CONTINUE, fox_buf_view(&first));
		p->transport.ops->pause(p->transport.conn, false);
	}
	fox_buf_free(&first);
}

bool
mqtt_scram_final(MqttPeer *p, const FoxMqttPacket *packet)
{
	FoxSlice	nonce;
	FoxSlice	proof;
	FoxBuf		extra = {0};

	if (!fox_scram_final(packet->props.auth_data, p->scram_flag, &nonce, &proof))
		return false;
	fox_buf_char(&extra, '{');
	fox_auth_put(&extra, "nonce", nonce);
	fox_buf_char(&extra, '}');
	(void) fox_login_authenticate(p->login, proof, fox_buf_view(&extra));
	fox_buf_free(&extra);
	return true;
}

void
mqtt_authenticate(MqttPeer *p, FoxSlice bytes)
{
	FoxMqttPacket packet;

	if (fox_mqtt_decode(p->version, bytes, &packet) != FOX_MQTT_SUCCESS || packet.type != FOX_MQTT_AUTH ||
		packet.reason != FOX_MQTT_AUTH_CONTINUE || !fox_slice_is(packet.props.auth_method, FOX_SCRAM_METHOD))
	{
		mqtt_refuse(p, FOX_MQTT_PROTOCOL_ERROR, "AUTH of the same method is waited for");
		return;
	}
	p->state = MQTT_LOGGING_IN;
	p->transport.ops->pause(p->transport.conn, true);
	if (!mqtt_scram_final(p, &packet))
		mqtt_refuse(p, FOX_MQTT_NOT_AUTHORIZED, "malformed message of SCRAM-SHA-256");
}

static void
refused(void *data, const char *reason, const char *text)
{
	MqttPeer   *p = data;

	p->login = NULL;
	if (p->state == MQTT_NEW)
		mqtt_cut(p, FOX_MQTT_KEEP_ALIVE, "no CONNECT has come");
	else
		mqtt_refuse(p, reason_of(reason), text);
	forget_arrival(p);
}

/* What came while it was not known who that is. */
static void
catch_up(MqttPeer *p)
{
	FoxMqttStream stream = {0};
	FoxBuf		early = p->arrival->early;
	const char *at = early.data;
	const char *end;
	FoxSlice	packet;

	p->arrival->early = (FoxBuf){0};
	forget_arrival(p);
	if (early.len == 0)
		return;
	end = at + early.len;
	while (p->state == MQTT_JOINED && fox_mqtt_next(&stream, SIZE_MAX, &at, end, &packet) == FOX_MQTT_PACKET)
		mqtt_packet(p, packet);
	if (p->state == MQTT_JOINED && stream.begun.len > 0)
		mqtt_packet(p, fox_buf_view(&stream.begun));	/* the beginning of what can not be taken */
	fox_mqtt_stream_free(&stream);
	fox_buf_free(&early);
}

bool
mqtt_server_final(FoxSlice authextra, FoxBuf *out)
{
	FoxBuf		scratch = {0};

	fox_buf_str(out, "v=");
	fox_buf_slice(out, fox_auth_text(authextra, "verifier", &scratch));
	fox_buf_free(&scratch);
	return !out->failed;
}

static void
accepted(void *data, FoxSlice realm, const FoxSessionInfo *info, FoxSlice authextra)
{
	MqttPeer   *p = data;
	FoxMqttPacket packet = connect_of(p);

	p->login = NULL;
	if (p->scram_flag != 0)
		(void) mqtt_server_final(authextra, &p->arrival->server_final);
	mqtt_join(p, &packet, realm, info);
	if (p->state == MQTT_JOINED)
	{
		p->transport.ops->limit(p->transport.conn, 0);
		catch_up(p);
	}
	p->transport.ops->pause(p->transport.conn, false);
}

static const FoxLoginOps login_ops = {challenge, accepted, refused};

/* --- beginning and end --- */

FoxLogin *
mqtt_login_new(MqttPeer *p, const FoxLoginOps *ops)
{
	return fox_login_new(p->broker->router, &(FoxLoginPeer){.address = p->address, .local = p->local,
						 .confidential = p->confidential, .certificate = p->certificate}, ops, p);
}

bool
mqtt_login_begin(MqttPeer *p)
{
	p->arrival = calloc(1, sizeof(*p->arrival));
	if (p->arrival == NULL || (p->login = mqtt_login_new(p, &login_ops)) == NULL)
	{
		forget_arrival(p);
		return false;
	}
	p->transport.ops->limit(p->transport.conn, CONNECT_MAX);
	return true;
}

void
mqtt_login_end(MqttPeer *p)
{
	if (p->login != NULL)
		fox_login_free(p->login);
	p->login = NULL;
	forget_arrival(p);
}

static void
put_details(FoxBuf *out, const char *methods, FoxSlice name, FoxSlice client_id, const FoxScramFirst *scram)
{
	fox_buf_str(out, "{\"authmethods\":");
	fox_buf_str(out, methods);
	if (name.len > 0)
		fox_auth_put(out, "authid", name);
	fox_buf_str(out, ",\"authextra\":{");
	fox_auth_put(out, "client_id", client_id);
	if (scram != NULL)
	{
		fox_auth_put(out, "nonce", scram->nonce);
		fox_auth_put(out, "sasl_name", scram->name);
	}
	fox_buf_str(out, "}}");
}

bool
mqtt_hello(MqttPeer *p, FoxSlice realm, FoxSlice name, const char *methods, FoxSlice client_id, const FoxScramFirst *scram)
{
	static const char *const protocols[] = {[FOX_MQTT_31] = "mqtt.3.1", [FOX_MQTT_311] = "mqtt.3.1.1", [FOX_MQTT_50] = "mqtt.5.0"};
	FoxSessionInfo info = {.peer = fox_cstr(p->address), .protocol = fox_cstr(protocols[p->version]),
	.transport = p->transport_name, .encoding = FOX_MQTT, .registration_revocation = true};
	FoxBuf		details = {0};
	bool		made;

	put_details(&details, methods, name, client_id, scram);
	made = !details.failed;
	if (made)
		(void) fox_login_hello(p->login, realm, fox_buf_view(&details), &info);
	fox_buf_free(&details);
	return made;
}

/* Begins the log-in of CONNECT, as name@realm. */
static void
hello(MqttPeer *p, FoxSlice name, const char *methods, FoxSlice client_id, const FoxScramFirst *scram)
{
	FoxSlice	realm = mqtt_realm_of(p->broker, &name);

	p->state = MQTT_LOGGING_IN;
	p->transport.ops->pause(p->transport.conn, true);
	if (p->arrival->connect.failed || !mqtt_hello(p, realm, name, methods, client_id, scram))
		mqtt_refuse(p, FOX_MQTT_UNAVAILABLE, "out of memory");
}

bool
mqtt_scram_first(const FoxMqttPacket *packet, FoxScramFirst *first, FoxBuf *name)
{
	return fox_scram_first(packet->props.auth_data, first) && fox_scram_name(first->name, name) && is_text(fox_buf_view(name));
}

/* The user is the one of the message, or of CONNECT if that names none. */
static void
hello_scram(MqttPeer *p, const FoxMqttPacket *packet)
{
	FoxScramFirst first;
	FoxBuf		name = {0};

	if (!fox_slice_is(packet->props.auth_method, FOX_SCRAM_METHOD))
		mqtt_refuse(p, FOX_MQTT_BAD_AUTH_METHOD, "the only authentication method is " FOX_SCRAM_METHOD);
	else if (!mqtt_scram_first(packet, &first, &name))
		mqtt_refuse(p, FOX_MQTT_NOT_AUTHORIZED, "malformed message of SCRAM-SHA-256, or one that asks for channel binding");
	else
	{
		p->scram_flag = first.flag;
		hello(p, name.len > 0 ? fox_buf_view(&name) : packet->user_name, "[\"wamp-scram\"]", packet->client_id, &first);
	}
	fox_buf_free(&name);
}

void
mqtt_login(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice bytes)
{
	bool		with_password = !fox_absent(packet->password);
	FoxSlice	name = packet->user_name;

	fox_buf_slice(&p->arrival->connect, bytes);
	(void) mqtt_realm_of(p->broker, &name);
	if (fox_mqtt_has(&packet->props, FOX_PROP_AUTH_METHOD))
		hello_scram(p, packet);
	else if (with_password ? !is_text(packet->password) : name.len > 0 && p->certificate == NULL)
		mqtt_refuse(p, FOX_MQTT_BAD_LOGIN, with_password ? "a password is text" :
					"a user name needs a password or a client certificate");
	else
		hello(p, packet->user_name, with_password ? "[\"ticket\"]" : "[\"tls\",\"anonymous\"]", packet->client_id, NULL);
}
