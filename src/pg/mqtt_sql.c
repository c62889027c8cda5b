/*
 * mqtt_sql.c - the tables of MQTT sessions that outlive their connections (see mqtt_sql.h).
 *
 * The router writes what changes, in order, and reads it when it starts.  A message that is written again
 * after a lost answer changes nothing: rows are named by session and number.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/mqtt_sql.h"
#include "pg/portions.h"
#include "pg/store_sql.h"

#define PARAMETERS 15

/* --- writing --- */

typedef struct Statement
{
	const char *sql;
	int			n;
	Oid			types[PARAMETERS];
	SPIPlanPtr	plan;
} Statement;

typedef struct Values
{
	int			n;
	Datum		datums[PARAMETERS];
	char		nulls[PARAMETERS + 1];
} Values;

static void
put(Values *v, bool is_null, Datum datum)
{
	v->nulls[v->n] = is_null ? 'n' : ' ';
	v->datums[v->n++] = is_null ? (Datum) 0 : datum;
}

static void
put_text(Values *v, FoxSlice s)
{
	put(v, fox_absent(s), fox_absent(s) ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(s.ptr, s.len)));
}

/* text and bytea are the same in memory */
#define put_bytes put_text

static void
run(Statement *s, Values *v)
{
	int			result;

	Assert(v->n == s->n);
	if (s->plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare(s->sql, s->n, s->types);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "could not prepare \"%s\": %s", s->sql, SPI_result_code_string(SPI_result));
		s->plan = made;
	}
	result = SPI_execute_plan(s->plan, v->datums, v->nulls, false, 0);
	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", s->sql, SPI_result_code_string(result));
}

static void
write_session(const FoxMqttRow *row)
{
	static Statement s = {
		"INSERT INTO fox_wamp.mqtt_session AS m (id, realm, client_id, authid, authrole, authmethod, expiry, disconnected,"
		" will_topic, will_payload, will_properties, will_qos, will_retain, will_delay, sent)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN NOT $8 THEN now() END, $9, $10, $11, $12, $13, $14, $15)"
		" ON CONFLICT (id) DO UPDATE SET authid = $4, authrole = $5, authmethod = $6, expiry = $7,"
		" disconnected = CASE WHEN NOT $8 THEN coalesce(m.disconnected, now()) END, will_topic = $9, will_payload = $10,"
		" will_properties = $11, will_qos = $12, will_retain = $13, will_delay = $14, sent = $15", 15,
		{INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, BOOLOID,
		TEXTOID, BYTEAOID, BYTEAOID, INT2OID, BOOLOID, INT8OID, INT8OID}, NULL
	};
	Values		v = {0};

	put(&v, false, Int64GetDatum((int64) row->session));
	put_text(&v, row->realm);
	put_text(&v, row->client_id);
	put_text(&v, row->authid);
	put_text(&v, row->authrole);
	put_text(&v, row->authmethod);
	put(&v, row->expiry == PG_UINT32_MAX, Int64GetDatum((int64) row->expiry));
	put(&v, false, BoolGetDatum(row->connected));
	put_text(&v, row->has_will ? row->topic : FOX_ABSENT);
	put_bytes(&v, row->has_will ? row->payload : FOX_ABSENT);
	put_bytes(&v, row->has_will ? row->props : FOX_ABSENT);
	put(&v, !row->has_will, Int16GetDatum(row->qos));
	put(&v, !row->has_will, BoolGetDatum(row->retain));
	put(&v, !row->has_will, Int64GetDatum((int64) row->delay));
	put(&v, row->number == FOX_MQTT_SENT_UNKNOWN, Int64GetDatum((int64) row->number));
	run(&s, &v);
}

static void
write_subscription(const FoxMqttRow *row)
{
	static Statement s = {
		"INSERT INTO fox_wamp.mqtt_subscription (session, filter, qos, no_local, retain_as_published, identifier)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (session, filter) DO UPDATE"
		" SET qos = $3, no_local = $4, retain_as_published = $5, identifier = $6", 6,
		{INT8OID, TEXTOID, INT2OID, BOOLOID, BOOLOID, INT8OID}, NULL
	};
	Values		v = {0};

	put(&v, false, Int64GetDatum((int64) row->session));
	put_text(&v, row->filter);
	put(&v, false, Int16GetDatum(row->qos));
	put(&v, false, BoolGetDatum(row->no_local));
	put(&v, false, BoolGetDatum(row->as_published));
	put(&v, row->identifier == 0, Int64GetDatum((int64) row->identifier));
	run(&s, &v);
}

static void
write_message(const FoxMqttRow *row)
{
	static Statement s = {
		"INSERT INTO fox_wamp.mqtt_message (session, number, topic, payload, properties, own_properties, qos, retain, expires)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING", 9,
		{INT8OID, INT8OID, TEXTOID, BYTEAOID, BYTEAOID, BYTEAOID, INT2OID, BOOLOID, TIMESTAMPTZOID}, NULL
	};
	Values		v = {0};

	put(&v, false, Int64GetDatum((int64) row->session));
	put(&v, false, Int64GetDatum((int64) row->number));
	put_text(&v, row->topic);
	put_bytes(&v, row->payload);
	put_bytes(&v, row->props);
	put_bytes(&v, row->own);
	put(&v, false, Int16GetDatum(row->qos));
	put(&v, false, BoolGetDatum(row->retain));
	put(&v, row->expires_us == 0, TimestampTzGetDatum((TimestampTz) row->expires_us));
	run(&s, &v);
}

static void
write_numbered(Statement *s, const FoxMqttRow *row)
{
	Values		v = {0};

	put(&v, false, Int64GetDatum((int64) row->session));
	put(&v, false, Int64GetDatum((int64) row->number));
	run(s, &v);
}

#define NUMBERED(sql) {sql, 2, {INT8OID, INT8OID}, NULL}

static void
end_session(const FoxMqttRow *row)
{
	static Statement s = {
		"WITH m AS (DELETE FROM fox_wamp.mqtt_message WHERE session = $1),"
		" r AS (DELETE FROM fox_wamp.mqtt_received WHERE session = $1),"
		" f AS (DELETE FROM fox_wamp.mqtt_subscription WHERE session = $1)"
		" DELETE FROM fox_wamp.mqtt_session WHERE id = $1", 1, {INT8OID}, NULL
	};
	Values		v = {0};

	put(&v, false, Int64GetDatum((int64) row->session));
	run(&s, &v);
}

static void
end_subscription(const FoxMqttRow *row)
{
	static Statement s = {"DELETE FROM fox_wamp.mqtt_subscription WHERE session = $1 AND filter = $2", 2, {INT8OID, TEXTOID}, NULL};
	Values		v = {0};

	put(&v, false, Int64GetDatum((int64) row->session));
	put_text(&v, row->filter);
	run(&s, &v);
}

void
fox_mqtt_row_write(const FoxMqttRow *row)
{
	static Statement released = NUMBERED("UPDATE fox_wamp.mqtt_message SET released = true WHERE session = $1 AND number = $2");
	static Statement message_end = NUMBERED("DELETE FROM fox_wamp.mqtt_message WHERE session = $1 AND number = $2");
	static Statement received = NUMBERED("INSERT INTO fox_wamp.mqtt_received AS m (session, packet) VALUES ($1, $2)"
										 " ON CONFLICT (session, packet) DO UPDATE SET publication = NULL, topic = NULL,"
										 " message = NULL, expires = NULL, stored = NULL WHERE m.publication IS NOT NULL");
	static Statement unheard_end = NUMBERED("DELETE FROM fox_wamp.mqtt_unheard WHERE $1 = 0 AND id = $2");
	static Statement received_end = NUMBERED("DELETE FROM fox_wamp.mqtt_received WHERE session = $1 AND packet = $2");

	switch (row->kind)
	{
		case FOX_MQTT_SESSION:
			write_session(row);
			break;
		case FOX_MQTT_SESSION_END:
			end_session(row);
			break;
		case FOX_MQTT_SUBSCRIPTION:
			write_subscription(row);
			break;
		case FOX_MQTT_SUBSCRIPTION_END:
			end_subscription(row);
			break;
		case FOX_MQTT_MESSAGE:
			write_message(row);
			break;
		case FOX_MQTT_MESSAGE_RELEASED:
			write_numbered(&released, row);
			break;
		case FOX_MQTT_MESSAGE_END:
			write_numbered(&message_end, row);
			break;
		case FOX_MQTT_RECEIVED:
			write_numbered(&received, row);
			break;
		case FOX_MQTT_RECEIVED_END:
			write_numbered(&received_end, row);
			break;
		case FOX_MQTT_UNHEARD_END:
			write_numbered(&unheard_end, row);
			break;
	}
}

/* --- reading --- */

typedef struct Tuple
{
	HeapTuple	tuple;
	TupleDesc	desc;
	int			column;
} Tuple;

static Datum
next(Tuple *t, bool *is_null)
{
	return SPI_getbinval(t->tuple, t->desc, ++t->column, is_null);
}

static int64
next_number(Tuple *t, int64 if_null)
{
	bool		is_null;
	Datum		value = next(t, &is_null);

	return is_null ? if_null : DatumGetInt64(value);
}

static bool
next_bool(Tuple *t)
{
	bool		is_null;
	Datum		value = next(t, &is_null);

	return !is_null && DatumGetBool(value);
}

static FoxSlice
next_bytes(Tuple *t)
{
	bool		is_null;
	Datum		value = next(t, &is_null);
	struct varlena *bytes = is_null ? NULL : PG_DETOAST_DATUM_PACKED(value);

	return is_null ? FOX_ABSENT : fox_slice(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

static void
read_session(Tuple *t, FoxMqttRow *row)
{
	row->kind = FOX_MQTT_SESSION;
	row->session = (uint64) next_number(t, 0);
	row->realm = next_bytes(t);
	row->client_id = next_bytes(t);
	row->authid = next_bytes(t);
	row->authrole = next_bytes(t);
	row->authmethod = next_bytes(t);
	row->expiry = (uint32) next_number(t, PG_UINT32_MAX);
	row->away_us = (uint64) next_number(t, 0);
	row->topic = next_bytes(t);
	row->payload = next_bytes(t);
	row->props = next_bytes(t);
	row->qos = (uint8) next_number(t, 0);
	row->retain = next_bool(t);
	row->delay = (uint32) next_number(t, 0);
	row->number = (uint64) next_number(t, (int64) FOX_MQTT_SENT_UNKNOWN);
	row->has_will = !fox_absent(row->topic);
}

static void
read_subscription(Tuple *t, FoxMqttRow *row)
{
	row->kind = FOX_MQTT_SUBSCRIPTION;
	row->session = (uint64) next_number(t, 0);
	row->filter = next_bytes(t);
	row->qos = (uint8) next_number(t, 0);
	row->no_local = next_bool(t);
	row->as_published = next_bool(t);
	row->identifier = (uint32) next_number(t, 0);
}

static void
read_message(Tuple *t, FoxMqttRow *row)
{
	row->kind = FOX_MQTT_MESSAGE;
	row->session = (uint64) next_number(t, 0);
	row->number = (uint64) next_number(t, 0);
	row->topic = next_bytes(t);
	row->payload = next_bytes(t);
	row->props = next_bytes(t);
	row->own = next_bytes(t);
	row->qos = (uint8) next_number(t, 0);
	row->retain = next_bool(t);
	row->released = next_bool(t);
	row->expires_us = (uint64) next_number(t, 0);
}

static void
read_received(Tuple *t, FoxMqttRow *row)
{
	row->kind = FOX_MQTT_RECEIVED;
	row->session = (uint64) next_number(t, 0);
	row->number = (uint64) next_number(t, 0);
	row->publication = (uint64) next_number(t, 0);
	row->topic = next_bytes(t);
	row->payload = next_bytes(t);
	row->expires_us = (uint64) next_number(t, 0);
}

typedef struct Load
{
	void		(*read) (Tuple *t, FoxMqttRow *row);
	void		(*sink) (const FoxMqttRow *row);
} Load;

static void
load_row(void *ctx, HeapTuple tuple, TupleDesc desc)
{
	const Load *load = ctx;
	Tuple		t = {tuple, desc, 0};
	FoxMqttRow	row = {0};

	load->read(&t, &row);
	load->sink(&row);
}

static void
load(const char *sql, void (*read) (Tuple *t, FoxMqttRow *row), void (*sink) (const FoxMqttRow *row))
{
	fox_read_portions(sql, load_row, &(Load) {read, sink});
}

void
fox_mqtt_load(void (*sink) (const FoxMqttRow *row))
{
	load("SELECT id, realm, client_id, authid, authrole, authmethod, expiry,"
		 " (extract(epoch FROM greatest(now() - disconnected, '0')) * 1e6)::int8,"
		 " will_topic, will_payload, will_properties, will_qos::int8, will_retain, will_delay, sent"
		 " FROM fox_wamp.mqtt_session ORDER BY since, id", read_session, sink);
	load("SELECT session, filter, qos::int8, no_local, retain_as_published, identifier FROM fox_wamp.mqtt_subscription",
		 read_subscription, sink);
	load("SELECT session, number, topic, payload, properties, own_properties, qos::int8, retain, released,"
		 " CASE WHEN expires IS NOT NULL THEN greatest((extract(epoch FROM expires - now()) * 1e6)::int8, 1) END"
		 " FROM fox_wamp.mqtt_message ORDER BY session, number", read_message, sink);
	load("SELECT session, packet, publication, topic, message,"
		 " CASE WHEN expires IS NOT NULL THEN greatest((extract(epoch FROM expires - now()) * 1e6)::int8, 1) END"
		 " FROM fox_wamp.mqtt_received ORDER BY stored", read_received, sink);
}

void
fox_mqtt_clear(void)
{
	static Statement s = {"UPDATE fox_wamp.mqtt_session SET disconnected = now() WHERE disconnected IS NULL", 0, {0}, NULL};
	static Statement orphans = {
		"DELETE FROM fox_wamp.mqtt_received r WHERE NOT EXISTS (SELECT FROM fox_wamp.mqtt_session s WHERE s.id = r.session)",
		0, {0}, NULL
	};
	Values		v = {0};

	fox_store_begin();
	run(&s, &v);
	run(&orphans, &v);
	fox_store_commit();
}
