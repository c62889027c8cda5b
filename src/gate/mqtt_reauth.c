/*
 * mqtt_reauth.c - AUTH of a client that has joined: it shows again that it is who it was.
 *
 *      AUTH 0x19 ──► a log-in ──► AUTH 0x18 ──► AUTH 0x18 of the client ──► AUTH 0x00, or DISCONNECT 0x87
 *
 * What else the client sends meanwhile is carried out as before.  The session stays its user's; its role becomes
 * that of the new log-in.
 */
#include "gate/mqtt_private.h"

#include "base/pure.h"

static void
challenge(void *data, const char *method, FoxSlice extra)
{
	MqttPeer   *p = data;
	FoxBuf		first = {0};

	(void) method;
	if (p->state != MQTT_JOINED)
		return;
	if (fox_scram_server_first(extra, &first))
	{
		p->challenged_again = true;
		mqtt_send_auth(p, FOX_MQTT_AUTH_CONTINUE, fox_buf_view(&first));
	}
	else
		mqtt_cut(p, FOX_MQTT_NOT_AUTHORIZED, "the password of this user is not kept for SCRAM-SHA-256");
	fox_buf_free(&first);
}

static void
accepted(void *data, FoxSlice realm, const FoxSessionInfo *info, FoxSlice authextra)
{
	MqttPeer   *p = data;
	FoxSessionInfo who = *info;
	FoxBuf		final = {0};

	p->login = NULL;
	if (p->state != MQTT_JOINED)
		return;
	who.client_id = p->session->client_id;
	if (!fox_slice_eq(realm, mqtt_session_realm(p->session)) || !fox_session_is_of(p->session->core, &who))
		mqtt_cut(p, FOX_MQTT_NOT_AUTHORIZED, "a session keeps its realm and its user");
	else if (!mqtt_server_final(authextra, &final) || !fox_session_renew(p->session->core, &who) || !mqtt_store_session(p->session))
		mqtt_cut(p, FOX_MQTT_QUOTA, "out of memory");
	else
		mqtt_send_auth(p, FOX_MQTT_SUCCESS, fox_buf_view(&final));
	fox_buf_free(&final);
}

static void
refused(void *data, const char *reason, const char *text)
{
	MqttPeer   *p = data;

	(void) reason;
	p->login = NULL;
	mqtt_cut(p, FOX_MQTT_NOT_AUTHORIZED, text);
}

static const FoxLoginOps ops = {challenge, accepted, refused};

static void
begin(MqttPeer *p, const FoxMqttPacket *packet)
{
	FoxSlice	realm = mqtt_session_realm(p->session);
	FoxScramFirst first;
	FoxBuf		text = {0};
	FoxSlice	name;

	if (!mqtt_scram_first(packet, &first, &text))
		mqtt_cut(p, FOX_MQTT_NOT_AUTHORIZED, "malformed message of SCRAM-SHA-256, or one that asks for channel binding");
	else if ((p->login = mqtt_login_new(p, &ops)) == NULL)
		mqtt_cut(p, FOX_MQTT_QUOTA, "out of memory");
	else
	{
		name = fox_buf_view(&text);
		if (memchr(name.ptr, '@', name.len) != NULL)
			realm = mqtt_realm_of(p->broker, &name);
		p->scram_flag = first.flag;
		p->challenged_again = false;
		if (!mqtt_hello(p, realm, name.len > 0 ? name : fox_session_identity(p->session->core).authid, "[\"wamp-scram\"]",
						p->session->client_id, &first))
			mqtt_cut(p, FOX_MQTT_QUOTA, "out of memory");
	}
	fox_buf_free(&text);
}

void
mqtt_reauthenticate(MqttPeer *p, const FoxMqttPacket *packet)
{
	bool		begins = packet->reason == FOX_MQTT_AUTH_AGAIN;

	if (p->scram_flag == 0)
		mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "AUTH without an authentication method");
	else if (!fox_slice_is(packet->props.auth_method, FOX_SCRAM_METHOD))
		mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "AUTH with another method than that of CONNECT");
	else if (begins ? p->login != NULL : packet->reason != FOX_MQTT_AUTH_CONTINUE || p->login == NULL || !p->challenged_again)
		mqtt_cut(p, FOX_MQTT_PROTOCOL_ERROR, "it is not the time for this AUTH");
	else if (begins)
		begin(p, packet);
	else
	{
		p->challenged_again = false;
		if (!mqtt_scram_final(p, packet))
			mqtt_cut(p, FOX_MQTT_NOT_AUTHORIZED, "malformed message of SCRAM-SHA-256");
	}
}
