/*
 * listen.c - plain NOTIFYs of other people's code become events.
 *
 * LISTEN is refused in a background worker because nobody would read the messages,
 * but Async_Listen may be called directly.  Notifications are made for a client: for
 * the length of ProcessNotifyInterrupt the output is ours, and its 'A' messages are
 * collected.  They are handed to the router after that, when no transaction is open.
 */
#include "postgres.h"

/* Only the PQcommMethods table is wanted; without this libpq-be.h needs GSSAPI's headers. */
#undef ENABLE_GSS

#include "access/xact.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "libpq/libpq.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "codec/json.h"
#include "pg/listen.h"
#include "pg/sqlarg.h"

typedef struct Channel
{
	char	   *channel;
	char	   *realm;
	char	   *topic;
} Channel;

typedef struct Notice
{
	struct Notice *next;
	int			pid;
	const char *channel;
	const char *payload;
} Notice;

static MemoryContext channel_context = NULL;	/* what is listened on */
static Channel *channels = NULL;
static int	n_channels = 0;

static MemoryContext notice_context = NULL; /* what has come in and is not delivered */
static Notice *first_notice = NULL;
static Notice **end_notice = &first_notice;
static bool changed = false;

/* --- output, for the length of ProcessNotifyInterrupt --- */

static void
no_reset(void)
{
}

static int
no_flush(void)
{
	return 0;
}

static bool
nothing_pending(void)
{
	return false;
}

/* An 'A' message: pid, channel, payload. */
static void
collect_message(char type, const char *s, size_t length)
{
	StringInfoData message;
	MemoryContext old;
	Notice	   *notice;

	if (type != 'A' || length < 6)
		return;
	old = MemoryContextSwitchTo(notice_context);
	notice = palloc0(sizeof(Notice));
	message.data = palloc(length);
	memcpy(message.data, s, length);
	message.len = message.maxlen = length;
	message.cursor = 0;
	notice->pid = pq_getmsgint(&message, 4);
	notice->channel = pq_getmsgrawstring(&message);
	notice->payload = pq_getmsgrawstring(&message);
	MemoryContextSwitchTo(old);

	if (strcmp(notice->channel, FOX_LISTEN_CHANGED) == 0)
		changed = true;
	*end_notice = notice;
	end_notice = &notice->next;
}

static int
put_message(char type, const char *s, size_t length)
{
	collect_message(type, s, length);
	return 0;
}

static void
put_message_noblock(char type, const char *s, size_t length)
{
	collect_message(type, s, length);
}

static const PQcommMethods collect_methods = {
	no_reset, no_flush, no_flush, nothing_pending, put_message, put_message_noblock
};

/* --- channels --- */

static bool
listed(const Channel *list, int n, const char *channel)
{
	for (int i = 0; i < n; i++)
		if (strcmp(list[i].channel, channel) == 0)
			return true;
	return false;
}

/* Reads fox_wamp.bridge and listens on exactly its channels, and on our own. */
static void
read_channels(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "fox_wamp channels", ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	Channel    *list;
	int			n;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (SPI_execute("SELECT channel, realm, pattern FROM fox_wamp.bridge"
					" WHERE direction OPERATOR(pg_catalog.=) 'in'", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read fox_wamp.bridge");
	n = SPI_processed;
	old = MemoryContextSwitchTo(context);
	list = palloc0(Max(n, 1) * sizeof(Channel));
	for (int i = 0; i < n; i++)
	{
		list[i].channel = pstrdup(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
		list[i].realm = pstrdup(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2));
		list[i].topic = pstrdup(SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3));
	}
	MemoryContextSwitchTo(old);
	SPI_finish();

	Async_Listen(FOX_LISTEN_CHANGED);
	for (int i = 0; i < n; i++)
		Async_Listen(list[i].channel);
	for (int i = 0; i < n_channels; i++)
		if (!listed(list, n, channels[i].channel))
			Async_Unlisten(channels[i].channel);
	PopActiveSnapshot();
	CommitTransactionCommand();

	if (channel_context != NULL)
		MemoryContextDelete(channel_context);
	channel_context = context;
	channels = list;
	n_channels = n;
}

void
fox_listen_start(void)
{
	if (notice_context == NULL)
		notice_context = AllocSetContextCreate(TopMemoryContext, "fox_wamp notifications", ALLOCSET_DEFAULT_SIZES);
	changed = false;
	read_channels();
}

/* --- delivery --- */

/* A JSON array is the args; any other JSON value the only argument; other text a string. */
static void
payload_args(const char *payload, FoxBuf *args)
{
	FoxSlice	text = fox_cstr(payload);
	FoxSlice	value = text;
	FoxKind		kind;
	bool		json = fox_json_valid(text, &kind);

	if (json)
		(void) fox_json_scan(text.ptr, text.ptr + text.len, &value, &kind);
	if (json && kind == FOX_JSON_ARRAY)
	{
		fox_buf_slice(args, value);
		return;
	}
	fox_buf_char(args, '[');
	if (json)
		fox_buf_slice(args, value);
	else
		fox_buf_json_str(args, text);
	fox_buf_char(args, ']');
}

static void
deliver(const Notice *notice, void (*fn) (void *ctx, const FoxChange *), void *ctx)
{
	FoxBuf		args = {0};

	payload_args(notice->payload, &args);
	for (int i = 0; i < n_channels && !args.failed; i++)
		if (strcmp(channels[i].channel, notice->channel) == 0)
		{
			FoxChange	change = {.kind = FOX_CHANGE_EVENT, .bridged = true};

			change.publication = fox_draw_id();
			change.pid = notice->pid;
			change.realm = fox_cstr(channels[i].realm);
			change.topic = fox_cstr(channels[i].topic);
			change.args = fox_buf_view(&args);
			change.kwargs = FOX_ABSENT;
			change.options = FOX_ABSENT;
			fn(ctx, &change);
		}
	fox_buf_free(&args);
}

void
fox_listen_turn(void (*fn) (void *ctx, const FoxChange *), void *ctx)
{
	const PQcommMethods *methods = PqCommMethods;
	CommandDest destination = whereToSendOutput;

	if (!notifyInterruptPending)
		return;

	PG_TRY();
	{
		PqCommMethods = &collect_methods;
		whereToSendOutput = DestRemote;
		ProcessNotifyInterrupt(true);
	}
	PG_FINALLY();
	{
		PqCommMethods = methods;
		whereToSendOutput = destination;
	}
	PG_END_TRY();

	for (Notice *notice = first_notice; notice != NULL; notice = notice->next)
		deliver(notice, fn, ctx);
	first_notice = NULL;
	end_notice = &first_notice;
	MemoryContextReset(notice_context);

	if (changed)
	{
		changed = false;
		read_channels();
	}
}
