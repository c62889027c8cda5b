/*
 * mqtt_login.c - from CONNECT to an identity: MQTT's words for the methods of logging in.
 *
 *      CONNECT has                  method
 *      a password                   ticket: the password of a user or a role, or a JSON Web Token
 *      no password                  tls with a client certificate, else anonymous
 *
 * Until it is known who that is, the connection is not read; what it had sent already is kept.
 */
#include "base/digest.h"
#include "codec/mqtt_stream.h"
#include "codec/utf8.h"
#include "gate/mqtt_private.h"

#include "base/pure.h"

#define CONNECT_MAX 262144		/* bytes: a password, a will and their properties may have 64 kB each */

/* --- names --- */

/* name@realm: the realm, or the default one; *name becomes what is before it. */
static FoxSlice
realm_of(const FoxMqttBroker *b, FoxSlice *name)
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

	(void) fox_mqtt_decode(0, fox_buf_view(&p->connect), &packet);
	return packet;
}

static void
forget_connect(MqttPeer *p)
{
	if (p->connect.cap > 0)
		fox_wipe(p->connect.data, p->connect.cap);
	fox_buf_free(&p->connect);
	p->connect = (FoxBuf){0};
}

static void
challenge(void *data, const char *method, FoxSlice extra)
{
	MqttPeer   *p = data;

	(void) method, (void) extra;
	(void) fox_login_authenticate(p->login, connect_of(p).password, FOX_LIT("{}"));
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
	forget_connect(p);
}

/* What came while it was not known who that is. */
static void
catch_up(MqttPeer *p)
{
	FoxMqttStream stream = {0};
	FoxBuf		early = p->early;
	const char *at = early.data;
	const char *end = at + early.len;
	FoxSlice	packet;

	p->early = (FoxBuf){0};
	while (p->state == MQTT_JOINED && fox_mqtt_next(&stream, SIZE_MAX, &at, end, &packet) == FOX_MQTT_PACKET)
		mqtt_packet(p, packet);
	if (p->state == MQTT_JOINED && stream.begun.len > 0)
		mqtt_packet(p, fox_buf_view(&stream.begun));	/* the beginning of what can not be taken */
	fox_mqtt_stream_free(&stream);
	fox_buf_free(&early);
}

static void
accepted(void *data, FoxSlice realm, const FoxSessionInfo *info, FoxSlice authextra)
{
	MqttPeer   *p = data;
	FoxMqttPacket packet = connect_of(p);

	(void) authextra;
	p->login = NULL;
	mqtt_join(p, &packet, realm, info);
	forget_connect(p);
	if (p->state == MQTT_JOINED)
		p->transport.limit(p->transport.conn, 0);
	catch_up(p);
	p->transport.pause(p->transport.conn, false);
}

static const FoxLoginOps login_ops = {challenge, accepted, refused};

/* --- beginning and end --- */

bool
mqtt_login_begin(MqttPeer *p)
{
	p->login = fox_login_new(p->broker->router, &(FoxLoginPeer){p->address, p->local, p->confidential, p->certificate, NULL},
							 &login_ops, p);
	p->transport.limit(p->transport.conn, CONNECT_MAX);
	return p->login != NULL;
}

void
mqtt_login_end(MqttPeer *p)
{
	if (p->login != NULL)
		fox_login_free(p->login);
	p->login = NULL;
	forget_connect(p);
	fox_buf_free(&p->early);
	p->early = (FoxBuf){0};
}

static void
put_details(FoxBuf *out, FoxSlice name, bool with_password, FoxSlice client_id)
{
	fox_buf_str(out, with_password ? "{\"authmethods\":[\"ticket\"]" : "{\"authmethods\":[\"tls\",\"anonymous\"]");
	if (name.len > 0)
		fox_auth_put(out, "authid", name);
	fox_buf_str(out, ",\"authextra\":{");
	fox_auth_put(out, "client_id", client_id);
	fox_buf_str(out, "}}");
}

void
mqtt_login(MqttPeer *p, const FoxMqttPacket *packet, FoxSlice bytes)
{
	static const char *const protocols[] = {[FOX_MQTT_31] = "mqtt.3.1", [FOX_MQTT_311] = "mqtt.3.1.1", [FOX_MQTT_50] = "mqtt.5.0"};
	FoxSessionInfo info = {.peer = fox_cstr(p->address), .protocol = fox_cstr(protocols[p->version]),
	.transport = p->transport_name, .encoding = FOX_MQTT};
	bool		with_password = !fox_absent(packet->password);
	FoxSlice	name = packet->user_name;
	FoxSlice	realm = realm_of(p->broker, &name);
	FoxBuf		details = {0};

	if (fox_mqtt_has(&packet->props, FOX_PROP_AUTH_METHOD))
	{
		mqtt_refuse(p, FOX_MQTT_BAD_AUTH_METHOD, "no enhanced authentication method is offered");
		return;
	}
	if (with_password ? !is_text(packet->password) : name.len > 0 && p->certificate == NULL)
	{
		mqtt_refuse(p, FOX_MQTT_BAD_LOGIN, with_password ? "a password is text" :
					"a user name needs a password or a client certificate");
		return;
	}
	fox_buf_slice(&p->connect, bytes);
	put_details(&details, name, with_password, packet->client_id);
	if (p->connect.failed || details.failed)
		mqtt_refuse(p, FOX_MQTT_UNAVAILABLE, "out of memory");
	else
	{
		p->state = MQTT_LOGGING_IN;
		p->transport.pause(p->transport.conn, true);
		(void) fox_login_hello(p->login, realm, fox_buf_view(&details), &info);
	}
	fox_buf_free(&details);
}
