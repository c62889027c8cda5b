/*
 * mqtt_bridge_row.c - rows of fox_wamp.mqtt_bridge and fox_wamp.mqtt_bridge_topic as the router has them (core/mqtt_bridge.h).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"

#include "codec/mqtt_mapping.h"
#include "codec/mqtt_url.h"
#include "codec/mqtt_wire.h"
#include "net/link.h"
#include "pg/column.h"
#include "pg/errcodes.h"
#include "pg/mqtt_bridge_row.h"
#include "pg/sqlarg.h"

/* Columns of mqtt_bridge. */
enum
{
	B_NAME = 1, B_REALM, B_URL, B_USERNAME, B_PASSWORD, B_CLIENT_ID, B_PROTOCOL, B_KEEP_ALIVE, B_CLEAN_START, B_NOTIFICATION_TOPIC,
	B_CA, B_CERTIFICATE, B_PRIVATE_KEY, B_ENABLED
};

/* And of mqtt_bridge_topic. */
enum
{
	T_BRIDGE = 1, T_PATTERN, T_DIRECTION, T_LOCAL_PREFIX, T_REMOTE_PREFIX, T_QOS
};

/* --- checks --- */

static void pg_attribute_noreturn()
bad(const char *what, FoxSlice value, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
			 errmsg("invalid %s \"%s\"", what, fox_clip(value.ptr)),
			 errdetail_internal("%s", detail)));
}

static void
check_text(const char *what, FoxSlice text)
{
	if (!fox_absent(text) && (text.len > UINT16_MAX || !fox_mqtt_text_valid(text)))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the %s is too long", what),
				 errdetail("It has at most 65535 bytes.")));
}

static void
check_notification_topic(FoxSlice topic)
{
	FoxMqttMapping m = {topic, FOX_LIT(""), FOX_LIT("")};
	const char *problem;

	if (fox_absent(topic))
		return;
	problem = fox_mqtt_mapping_problem(&m, true);
	if (problem == NULL && (memchr(topic.ptr, '+', topic.len) != NULL || memchr(topic.ptr, '#', topic.len) != NULL))
		problem = "It has a wildcard.";
	if (problem != NULL)
		bad("notification topic", topic, problem);
}

void
fox_mqtt_bridge_check(HeapTuple row, TupleDesc desc)
{
	FoxSlice	url = fox_text_column(row, desc, B_URL);
	FoxMqttUrl	parts;
	const char *problem = fox_mqtt_url_read(url, &parts);
	char		err[200];

	if (problem != NULL)
		bad("URL", url, problem);
	check_text("user name", fox_text_column(row, desc, B_USERNAME));
	check_text("password", fox_text_column(row, desc, B_PASSWORD));
	check_text("client identifier", fox_text_column(row, desc, B_CLIENT_ID));
	check_notification_topic(fox_text_column(row, desc, B_NOTIFICATION_TOPIC));
	if (!fox_link_certificates_valid(fox_text_column(row, desc, B_CA), fox_text_column(row, desc, B_CERTIFICATE),
									 fox_text_column(row, desc, B_PRIVATE_KEY), err, sizeof(err)))
		ereport(ERROR,
				(errcode(ERRCODE_FOX_INVALID_ARGUMENT),
				 errmsg("the certificates of the bridge cannot be used"),
				 errdetail_internal("%s", err)));
}

static FoxMqttMapping
mapping_of(HeapTuple row, TupleDesc desc)
{
	return (FoxMqttMapping) {
		fox_text_column(row, desc, T_PATTERN), fox_text_column(row, desc, T_LOCAL_PREFIX), fox_text_column(row, desc, T_REMOTE_PREFIX)
	};
}

void
fox_mqtt_bridge_topic_check(HeapTuple row, TupleDesc desc)
{
	FoxMqttMapping m = mapping_of(row, desc);
	const char *problem = fox_mqtt_mapping_problem(&m, !fox_slice_is(fox_text_column(row, desc, T_DIRECTION), "out"));

	if (problem != NULL)
		bad("topic of a bridge", m.pattern, problem);
}

/* --- rows --- */

/* Two servers that bridge to the same broker must not have the same: it would end one for the other, and back. */
static FoxSlice
derived_client_id(FoxSlice name)
{
	uint64		system = GetSystemIdentifier();
	uint32		hash = hash_bytes((unsigned char *) &system, sizeof(system)) ^ (uint32) MyDatabaseId;

	return fox_cstr(psprintf("fox_wamp-%s-%08x", name.ptr, hash));
}

bool
fox_mqtt_bridge_row(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	FoxSlice	name = fox_text_column(row, desc, B_NAME);
	FoxSlice	client_id = fox_text_column(row, desc, B_CLIENT_ID);
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "realm", fox_quoted_column(row, desc, B_REALM));
	fox_append_member(&args, "url", fox_quoted_column(row, desc, B_URL));
	fox_append_member(&args, "username", fox_quoted_column(row, desc, B_USERNAME));
	fox_append_member(&args, "password", fox_quoted_column(row, desc, B_PASSWORD));
	fox_append_member(&args, "client_id", fox_quoted(fox_absent(client_id) ? derived_client_id(name) : client_id));
	fox_append_member(&args, "version", fox_slice_is(fox_text_column(row, desc, B_PROTOCOL), "5") ? FOX_LIT("5") : FOX_LIT("4"));
	fox_append_member(&args, "keep_alive", fox_integer_column(row, desc, B_KEEP_ALIVE));
	fox_append_member(&args, "clean_start", fox_boolean_column(row, desc, B_CLEAN_START));
	fox_append_member(&args, "notification_topic", fox_quoted_column(row, desc, B_NOTIFICATION_TOPIC));
	fox_append_member(&args, "ca", fox_quoted_column(row, desc, B_CA));
	fox_append_member(&args, "certificate", fox_quoted_column(row, desc, B_CERTIFICATE));
	fox_append_member(&args, "private_key", fox_quoted_column(row, desc, B_PRIVATE_KEY));
	fox_append_member(&args, "enabled", fox_boolean_column(row, desc, B_ENABLED));
	change->realm = FOX_LIT("");
	change->topic = name;
	change->args = fox_cstr(psprintf("[{%s}]", args.data + 1));
	return true;
}

bool
fox_mqtt_bridge_topic_row(HeapTuple row, TupleDesc desc, FoxChange *change)
{
	FoxMqttMapping m = mapping_of(row, desc);
	FoxSlice	direction = fox_quoted_column(row, desc, T_DIRECTION);
	StringInfoData args;

	initStringInfo(&args);
	fox_append_member(&args, "pattern", fox_quoted(m.pattern));
	fox_append_member(&args, "direction", direction);
	fox_append_member(&args, "local_prefix", fox_quoted(m.local_prefix));
	fox_append_member(&args, "remote_prefix", fox_quoted(m.remote_prefix));
	fox_append_member(&args, "qos", fox_integer_column(row, desc, T_QOS));
	change->realm = FOX_LIT("");
	change->topic = fox_text_column(row, desc, T_BRIDGE);
	change->args = fox_cstr(psprintf("[{%s}]", args.data + 1));
	change->kwargs = fox_cstr(psprintf("[%s,%s,%s,%s]", fox_quoted(m.pattern).ptr, direction.ptr, fox_quoted(m.local_prefix).ptr,
									   fox_quoted(m.remote_prefix).ptr));
	return true;
}
