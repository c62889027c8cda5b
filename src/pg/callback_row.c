/*
 * callback_row.c - rows of fox_wamp.callback_registry (see callback_row.h).
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/snapmgr.h"

#include "base/digest.h"
#include "pg/callback_row.h"
#include "pg/guc.h"
#include "pg/sqlarg.h"

#define TOKEN_BYTES 16

/* The caller's context is the one before SPI's. */
static char *
kept(MemoryContext memory, int column)
{
	char	   *text = fox_spi_value(column);

	return text != NULL ? MemoryContextStrdup(memory, text) : NULL;
}

bool
fox_callback_row(const char *id, bool lock, FoxCallbackRow *row)
{
#define COLUMNS "SELECT kind, session::pg_catalog.text, realm, uri, interface, service, owner, token FROM fox_wamp.callback_registry" \
	" WHERE id OPERATOR(pg_catalog.=) $1::pg_catalog.int8"
	static void *plan = NULL;
	static void *locking_plan = NULL;
	MemoryContext memory = CurrentMemoryContext;
	FoxAsOwner	saved = fox_as_owner();
	bool		found;

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	found = (lock ? fox_spi(&locking_plan, COLUMNS " FOR UPDATE", 1, &id) : fox_spi(&plan, COLUMNS, 1, &id)) > 0;
	if (found)
		*row = (FoxCallbackRow) {
			.id = MemoryContextStrdup(memory, id), .kind = kept(memory, 1), .session = kept(memory, 2), .realm = kept(memory, 3),
			.uri = kept(memory, 4), .interface = kept(memory, 5), .service = kept(memory, 6), .owner = kept(memory, 7), .token = kept(memory, 8)
		};
	PopActiveSnapshot();
	SPI_finish();
	fox_as_caller(saved);
	return found;
}

static void
put_text(StringInfo s, const char *name, const char *value)
{
	appendStringInfo(s, ",\"%s\":", name);
	escape_json(s, value);
}

FoxSlice
fox_callback_row_json(const FoxCallbackRow *row)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"id\":%s,\"session\":%s", row->id, row->session);
	put_text(&s, "kind", row->kind);
	put_text(&s, "uri", strcmp(row->kind, "url") == 0 ? "" : row->uri);
	put_text(&s, "interface", row->interface);
	put_text(&s, "owner", row->owner);
	put_text(&s, "token", row->token);
	if (strcmp(row->kind, "url") == 0)
	{
		put_text(&s, "function", psprintf("callback %s", row->id));
		appendStringInfoString(&s, ",\"match\":\"exact\",\"durable\":true,\"posts\":true,\"concurrency\":1");
	}
	appendStringInfoChar(&s, '}');
	return fox_slice(s.data, s.len);
}

static char *
draw_token(void)
{
	unsigned char bytes[TOKEN_BYTES];
	char	   *token = palloc(2 * TOKEN_BYTES + 1);

	if (!fox_random(bytes, sizeof(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("no random numbers to be had")));
	for (int i = 0; i < TOKEN_BYTES; i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	return token;
}

/* ERROR when there are as many as there may be. */
static bool
is_one_more(const FoxCallbackRow *row)
{
	static void *plan = NULL;
	const char *values[3] = {row->session, row->owner, psprintf("%d", fox_guc_callback_limit)};

	if (fox_guc_callback_limit > 0 &&
		fox_spi(&plan,
				"SELECT FROM fox_wamp.callback_registry WHERE session OPERATOR(pg_catalog.=) $1::pg_catalog.int8"
				" AND (session OPERATOR(pg_catalog.<>) 0 OR owner OPERATOR(pg_catalog.=) $2) LIMIT $3::pg_catalog.int8", 3, values) >= fox_guc_callback_limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("there are as many callbacks as there may be"),
				 errhint("Release some, or raise fox_wamp.callback_limit.")));
	return true;
}

/* Whoever else makes the same row just now is waited for; if it was not to be, there is another round. */
char *
fox_callback_enter(const FoxCallbackRow *row)
{
	static void *find_plan = NULL;
	static void *insert_plan = NULL;
	MemoryContext memory = CurrentMemoryContext;
	const char *values[9] = {row->session, row->kind, row->realm, row->uri, row->interface, row->service, row->owner, NULL, NULL};
	char	   *id = NULL;
	FoxAsOwner	saved;

	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("a function that takes a callback writes"),
				 errhint("It has to be VOLATILE, and is not to be called by GET.")));
	values[7] = psprintf(UINT64_FORMAT, fox_draw_id());
	values[8] = draw_token();
	saved = fox_as_owner();
	SPI_connect();
	while (id == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		PushActiveSnapshot(GetLatestSnapshot());
		if (fox_spi(&find_plan,
					"SELECT id::pg_catalog.text FROM fox_wamp.callback_registry"
					" WHERE session OPERATOR(pg_catalog.=) $1::pg_catalog.int8 AND kind OPERATOR(pg_catalog.=) $2 AND realm OPERATOR(pg_catalog.=) $3"
					" AND uri OPERATOR(pg_catalog.=) $4 AND interface OPERATOR(pg_catalog.=) $5 AND service OPERATOR(pg_catalog.=) $6"
					" AND owner OPERATOR(pg_catalog.=) $7", 7, values) > 0 ||
			(is_one_more(row) && fox_spi(&insert_plan,
					"INSERT INTO fox_wamp.callback_registry (session, kind, realm, uri, interface, service, owner, id, token)"
					" VALUES ($1::pg_catalog.int8, $2, $3, $4, $5, $6, $7, $8::pg_catalog.int8, $9)"
					" ON CONFLICT (session, kind, realm, uri, interface, service, owner) DO NOTHING RETURNING id::pg_catalog.text", 9, values) > 0))
			id = kept(memory, 1);
		PopActiveSnapshot();
	}
	SPI_finish();
	fox_as_caller(saved);
	return id;
}
