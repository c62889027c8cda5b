/*
 * unheard.c - fox_wamp.mqtt_unheard: what transactions publish and MQTT sessions keep (see unheard.h).
 *
 * Which topics are kept a running router says in the ring's header, roughly: a row too many is
 * deleted as soon as it has been heard.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "codec/json.h"
#include "core/kept.h"
#include "pg/portions.h"
#include "pg/sqlarg.h"
#include "pg/unheard.h"

static const char *const kinds[] = {[FOX_CHANGE_EVENT] = "event", [FOX_CHANGE_PUT] = "put", [FOX_CHANGE_DELETE] = "delete"};

/* Of the transaction itself: what executors write for clients (token) is theirs to answer for. */
static bool
is_published(const FoxChange *c)
{
	return c->kind < lengthof(kinds) && kinds[c->kind] != NULL && !c->silent && c->token == 0;
}

static bool
has_bit(FoxRingHeader *ring, unsigned bit)
{
	return (pg_atomic_read_u32(&ring->kept[bit / 32]) >> bit % 32 & 1) != 0;
}

/* Without a router. */
static bool
any_subscription(void)
{
	static void *plan = NULL;
	bool		any;

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	any = fox_spi_own(&plan, "SELECT 1 FROM fox_wamp.mqtt_subscription LIMIT 1", 0, NULL) > 0;
	PopActiveSnapshot();
	SPI_finish();
	return any;
}

bool
fox_unheard_takes(const FoxChange *change, FoxRingHeader *ring)
{
	/* Who may see a row the router asks when it has the event. */
	if (!is_published(change) || (!fox_absent(change->options) && !fox_absent(fox_json_get(change->options, "fox_wamp.row"))))
		return false;
	if (ring == NULL)
		return any_subscription();
	return has_bit(ring, FOX_KEPT_ALL) || has_bit(ring, fox_kept_bit(change->realm, change->topic));
}

static char *
text_of(FoxSlice s)
{
	return fox_absent(s) ? NULL : pnstrdup(s.ptr, s.len);
}

static char *
bytes_of(FoxSlice s)
{
	char	   *text;

	if (fox_absent(s))
		return NULL;
	text = palloc(2 + 2 * s.len + 1);
	memcpy(text, "\\x", 2);
	text[2 + hex_encode(s.ptr, s.len, text + 2)] = '\0';
	return text;
}

void
fox_unheard_write(const FoxChange *c, uint64 id)
{
	static void *plan = NULL;
	const char *values[9] = {
		psprintf(UINT64_FORMAT, id), kinds[c->kind], psprintf(UINT64_FORMAT, c->publication), text_of(c->realm), text_of(c->topic),
		text_of(c->args), text_of(c->kwargs), text_of(c->options), bytes_of(c->original)
	};

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) fox_spi_own(&plan, "INSERT INTO fox_wamp.mqtt_unheard (id, kind, publication, realm, topic, args, kwargs, options, original)"
				   " VALUES ($1::pg_catalog.int8, $2, $3::pg_catalog.int8, $4, $5, $6::pg_catalog.json, $7::pg_catalog.json,"
				   " $8::pg_catalog.json, $9::pg_catalog.bytea)", 9, values);
	PopActiveSnapshot();
	SPI_finish();
}

/* --- reading --- */

static FoxSlice
column(HeapTuple row, TupleDesc desc, int n)
{
	bool		is_null;
	Datum		value = SPI_getbinval(row, desc, n, &is_null);
	struct varlena *bytes = is_null ? NULL : PG_DETOAST_DATUM_PACKED(value);

	return is_null ? FOX_ABSENT : fox_slice(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

static uint64
number(HeapTuple row, TupleDesc desc, int n)
{
	bool		is_null;

	return (uint64) DatumGetInt64(SPI_getbinval(row, desc, n, &is_null));
}

typedef void (*Sink) (const FoxChange *change);

static void
load_row(void *ctx, HeapTuple row, TupleDesc desc)
{
	FoxSlice	kind = column(row, desc, 2);
	FoxChange	c = {
		.silent = true, .unheard = number(row, desc, 1), .publication = number(row, desc, 3),
		.realm = column(row, desc, 4), .topic = column(row, desc, 5), .args = column(row, desc, 6), .kwargs = column(row, desc, 7),
		.options = column(row, desc, 8), .original = column(row, desc, 9)
	};

	for (int k = FOX_CHANGE_EVENT; k <= FOX_CHANGE_DELETE; k++)
		if (fox_slice_is(kind, kinds[k]))
			c.kind = k;
	(*(Sink *) ctx) (&c);
}

void
fox_unheard_load(void (*sink) (const FoxChange *change))
{
	fox_read_portions("SELECT id, kind, publication, realm, topic, args, kwargs, options, original"
					  " FROM fox_wamp.mqtt_unheard ORDER BY at, id", load_row, &sink);
}
