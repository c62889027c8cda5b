/*
 * ask.c - a backend asks the router, the router answers with rows.
 *
 * The asker makes a segment with the question and a message queue, and drops its
 * handle into a mailbox of the ring's segment.  The router attaches and frees the
 * mailbox at once, so that questions that wait for minutes (lock, wait_for) keep no
 * mailbox.  An asker that errors out loses the segment with its resource owner; the
 * flag that its detach callback leaves is how the router learns of it.
 *
 * A message in the queue is a tag and a row: 'R' a row, 'L' the last row, 'E' the
 * end without a row.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/dlist.h"
#include "codec/json.h"
#include "pg/ask.h"
#include "pg/errcodes.h"
#include "pg/ring_seg.h"

#define ASK_MAGIC UINT64CONST(0x666f7861736b3031)
#define QUEUE_SIZE 65536
#define MAIL_WAIT_MS 5000

typedef struct AskHeader
{
	uint64		magic;
	pg_atomic_uint32 withdrawn;
	Size		length;			/* of the question */
	Size		queue_at;		/* offset of the shm_mq */
	char		question[FLEXIBLE_ARRAY_MEMBER];
} AskHeader;

/* --- backend side --- */

struct FoxAsk
{
	dsm_segment *segment;
	shm_mq_handle *queue;
	dsm_handle	ring;
	uint64		boot_id;
	bool		ended;
};

static void
withdraw_callback(dsm_segment *segment, Datum arg)
{
	AskHeader  *header = dsm_segment_address(segment);
	FoxSlot    *slot = (FoxSlot *) DatumGetPointer(arg);

	pg_atomic_write_u32(&header->withdrawn, 1);
	fox_shmem_wake(slot);
}

static FoxMail *
claim_mail(FoxRingHeader *ring)
{
	for (int i = 0; i < FOX_ASK_SLOTS; i++)
	{
		uint32		expected = FOX_MAIL_FREE;

		if (pg_atomic_compare_exchange_u32(&ring->mail[i].state, &expected, FOX_MAIL_CLAIMED))
			return &ring->mail[i];
	}
	return NULL;
}

static void
post_mail(FoxMail *mail, dsm_handle segment, FoxSlot *slot)
{
	mail->pid = MyProcPid;
	mail->segment = segment;
	pg_write_barrier();
	pg_atomic_write_u32(&mail->state, FOX_MAIL_ASKED);
	fox_shmem_wake(slot);
}

static void
nap(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

FoxAsk *
fox_ask_begin(const char *question)
{
	FoxRingHeader *ring = fox_ring_attach();
	FoxSlot    *slot = fox_shmem_slot(MyDatabaseId);
	Size		length = strlen(question);
	Size		queue_at = MAXALIGN(offsetof(AskHeader, question) + length + 1);
	FoxMail    *mail;
	AskHeader  *header;
	shm_mq	   *queue;
	FoxAsk	   *ask;

	if (ring == NULL || slot == NULL)
		fox_ring_no_router();

	ask = palloc0(sizeof(FoxAsk));
	ask->segment = dsm_create(queue_at + QUEUE_SIZE, 0);
	ask->ring = slot->ring;
	header = dsm_segment_address(ask->segment);
	pg_atomic_init_u32(&header->withdrawn, 0);
	header->length = length;
	header->queue_at = queue_at;
	memcpy(header->question, question, length + 1);
	queue = shm_mq_create((char *) header + queue_at, QUEUE_SIZE);
	shm_mq_set_receiver(queue, MyProc);
	header->magic = ASK_MAGIC;
	on_dsm_detach(ask->segment, withdraw_callback, PointerGetDatum(slot));
	ask->queue = shm_mq_attach(queue, ask->segment, NULL);

	for (int waited = 0; (mail = claim_mail(ring)) == NULL; waited += 10)
	{
		if (waited >= MAIL_WAIT_MS)
			ereport(ERROR,
					(errcode(ERRCODE_FOX_UNAVAILABLE),
					 errmsg("the fox_wamp router does not take up questions"),
					 errhint("SELECT * FROM fox_wamp.doctor();")));
		nap(10);
		if (fox_ring_attach() != ring)
			fox_ring_no_router();
	}
	post_mail(mail, dsm_segment_handle(ask->segment), slot);
	return ask;
}

/* The SQLSTATE for an error URI of the router. */
static int
sqlstate_of(const char *uri)
{
	static const struct
	{
		const char *uri;
		int			code;
	}			codes[] = {
		{"wamp.error.invalid_payload", ERRCODE_FOX_CONDITION_FAILED},
		{"wamp.error.no_such_realm", ERRCODE_FOX_NO_SUCH_REALM},
		{"wamp.error.invalid_argument", ERRCODE_FOX_INVALID_ARGUMENT},
		{"wamp.error.invalid_uri", ERRCODE_FOX_INVALID_ARGUMENT},
		{"wamp.error.timeout", ERRCODE_FOX_TIMEOUT},
		{"wamp.error.unavailable", ERRCODE_FOX_UNAVAILABLE},
		{"wamp.close.system_shutdown", ERRCODE_FOX_UNAVAILABLE},
		{"wamp.error.no_such_procedure", ERRCODE_FOX_NO_SUCH_PROCEDURE},
		{"wamp.error.not_authorized", ERRCODE_INSUFFICIENT_PRIVILEGE},
		{"wamp.error.authorization_failed", ERRCODE_INSUFFICIENT_PRIVILEGE},
	};

	for (int i = 0; i < (int) lengthof(codes); i++)
		if (strcmp(codes[i].uri, uri) == 0)
			return codes[i].code;
	return ERRCODE_FOX_CALL_FAILED;
}

static char *
member_text(FoxSlice object, const char *name)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_json_get(object, name);
	char	   *copy = NULL;

	if (!fox_absent(text))
		text = fox_json_text(text, &scratch);
	if (!fox_absent(text))
		copy = pnstrdup(text.ptr, text.len);
	fox_buf_free(&scratch);
	return copy;
}

static void
raise_error_row(const char *row, Size length)
{
	FoxSlice	object = fox_slice(row, length);
	char	   *uri;
	char	   *message;

	/* Only error rows begin so; the core writes them by hand. */
	if (length < 9 || memcmp(row, "{\"error\":", 9) != 0)
		return;
	uri = member_text(object, "error");
	message = member_text(object, "message");
	if (uri == NULL)
		return;
	ereport(ERROR,
			(errcode(sqlstate_of(uri)),
			 errmsg("%s", message ? message : uri),
			 errdetail_internal("%s", uri)));
}

static bool
router_runs(const FoxAsk *ask)
{
	FoxSlot    *slot = fox_shmem_slot(MyDatabaseId);

	return slot != NULL && slot->ring == ask->ring;
}

char *
fox_ask_next(FoxAsk *ask, int64 timeout_ms, bool *timed_out)
{
	TimestampTz until = timeout_ms < 0 ? 0 :
		GetCurrentTimestamp() + (int64) Min(timeout_ms, INT64CONST(1000000000000)) * 1000;

	if (timed_out != NULL)
		*timed_out = false;
	if (ask->ended)
		return NULL;
	for (;;)
	{
		Size		size;
		void	   *data;
		long		wait = 500;
		shm_mq_result result = shm_mq_receive(ask->queue, &size, &data, true);

		if (result == SHM_MQ_SUCCESS && size > 0)
		{
			char	   *row = (char *) data;

			ask->ended = row[0] != 'R';
			if (row[0] == 'E')
				return NULL;
			raise_error_row(row + 1, size - 1);
			return pnstrdup(row + 1, size - 1);
		}
		if (result == SHM_MQ_DETACHED || (result == SHM_MQ_WOULD_BLOCK && !router_runs(ask)))
			ereport(ERROR,
					(errcode(ERRCODE_FOX_NOT_RUNNING),
					 errmsg("the fox_wamp router ended before it answered"),
					 errhint("SELECT fox_wamp.start();")));
		if (timeout_ms >= 0)
		{
			TimestampTz now = GetCurrentTimestamp();

			if (now >= until)
			{
				if (timed_out != NULL)
					*timed_out = true;
				return NULL;
			}
			wait = Min(wait, (until - now) / 1000 + 1);
		}
		nap(wait);
	}
}

void
fox_ask_end(FoxAsk *ask)
{
	dsm_detach(ask->segment);
	pfree(ask);
}

/*
 * The backend is about to exit and leaves neither segment nor queue: the mailbox
 * itself says all.
 */
void
fox_ask_backend_end(void)
{
	FoxRingHeader *ring = fox_ring_mapped();
	FoxSlot    *slot = fox_shmem_slot(MyDatabaseId);

	if (ring == NULL || slot == NULL || pg_atomic_read_u32(&ring->withdrawn))
		return;
	for (int i = 0; i < 50; i++)
	{
		FoxMail    *mail = claim_mail(ring);

		if (mail != NULL)
		{
			post_mail(mail, DSM_HANDLE_INVALID, slot);
			return;
		}
		pg_usleep(2000);
	}
}

/* --- router side --- */

typedef struct Row
{
	FoxNode		node;
	Size		length;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} Row;

typedef struct OpenAsk
{
	FoxNode		node;
	uint64		id;
	int			pid;
	dsm_segment *segment;
	shm_mq_handle *queue;
	FoxNode		rows;
	bool		last;			/* the answer is complete, rows may still wait */
	bool		withdrawn;
} OpenAsk;

static FoxNode open_asks = {&open_asks, &open_asks};
static uint64 last_ask = 0;

static void
close_ask(OpenAsk *ask)
{
	fox_list_each(node, &ask->rows)
	{
		fox_list_del(node);
		pfree(fox_container(Row, node, node));
	}
	fox_list_del(&ask->node);
	if (ask->segment != NULL)
	{
		pfree(ask->queue);
		dsm_detach(ask->segment);
	}
	pfree(ask);
}

static void
take_mail(FoxMail *mail, void (*fn) (void *ctx, uint64 ask, FoxSlice question, int pid), void *ctx)
{
	dsm_handle	handle = mail->segment;
	int			pid = mail->pid;
	AskHeader  *header;
	dsm_segment *segment;
	shm_mq	   *queue;
	OpenAsk    *ask;

	pg_memory_barrier();
	pg_atomic_write_u32(&mail->state, FOX_MAIL_FREE);

	if (handle == DSM_HANDLE_INVALID)
	{
		/* Nobody reads the answer: an id that is not open swallows it. */
		fn(ctx, ++last_ask, FOX_LIT("{\"ask\":\"backend_end\"}"), pid);
		return;
	}
	segment = dsm_attach(handle);
	if (segment == NULL)
		return;					/* the asker has gone */
	dsm_pin_mapping(segment);
	header = dsm_segment_address(segment);
	if (header->magic != ASK_MAGIC)
	{
		dsm_detach(segment);
		return;
	}
	ask = MemoryContextAllocZero(TopMemoryContext, sizeof(OpenAsk));
	ask->id = ++last_ask;
	ask->pid = pid;
	ask->segment = segment;
	fox_list_init(&ask->rows);
	queue = (shm_mq *) ((char *) header + header->queue_at);
	shm_mq_set_sender(queue, MyProc);
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		ask->queue = shm_mq_attach(queue, segment, NULL);
		MemoryContextSwitchTo(old);
	}
	fox_list_push(&open_asks, &ask->node);
	fn(ctx, ask->id, fox_slice(header->question, header->length), pid);
}

void
fox_ask_poll(void (*fn) (void *ctx, uint64 ask, FoxSlice question, int pid), void *ctx)
{
	FoxRingHeader *ring = fox_ring_mapped();

	fox_list_each(node, &open_asks)
	{
		OpenAsk    *ask = fox_container(OpenAsk, node, node);
		AskHeader  *header = dsm_segment_address(ask->segment);

		if (pg_atomic_read_u32(&header->withdrawn))
			ask->withdrawn = true;
		if (ask->withdrawn)
		{
			uint64		id = ask->id;
			int			pid = ask->pid;
			bool		open = !ask->last;

			close_ask(ask);
			if (open)
				fn(ctx, id, FOX_ABSENT, pid);
		}
	}
	if (ring == NULL)
		return;
	for (int i = 0; i < FOX_ASK_SLOTS; i++)
		if (pg_atomic_read_u32(&ring->mail[i].state) == FOX_MAIL_ASKED)
		{
			pg_read_barrier();
			take_mail(&ring->mail[i], fn, ctx);
		}
}

void
fox_ask_answer(uint64 id, FoxSlice row, bool last)
{
	OpenAsk    *ask = NULL;
	Row		   *r;

	fox_list_each(node, &open_asks)
	{
		OpenAsk    *candidate = fox_container(OpenAsk, node, node);

		if (candidate->id == id)
		{
			ask = candidate;
			break;
		}
	}
	if (ask == NULL || ask->last || (fox_absent(row) && !last))
		return;
	r = MemoryContextAllocExtended(TopMemoryContext, offsetof(Row, data) + 1 + row.len, MCXT_ALLOC_HUGE);
	r->length = 1 + row.len;
	r->data[0] = fox_absent(row) ? 'E' : last ? 'L' : 'R';
	if (row.len > 0)
		memcpy(r->data + 1, row.ptr, row.len);
	fox_list_push(&ask->rows, &r->node);
	ask->last = last;
}

/* Sends what the queue takes.  A row that would block is offered again unchanged, as shm_mq demands. */
static void
pump_ask(OpenAsk *ask)
{
	while (!fox_list_empty(&ask->rows))
	{
		Row		   *r = fox_container(Row, node, ask->rows.next);
		shm_mq_result result = shm_mq_send(ask->queue, r->length, r->data, true, true);

		if (result == SHM_MQ_WOULD_BLOCK)
			return;
		if (result == SHM_MQ_DETACHED)
		{
			ask->withdrawn = true;	/* fox_ask_poll tells the core */
			return;
		}
		fox_list_del(&r->node);
		pfree(r);
	}
}

void
fox_ask_pump(void)
{
	fox_list_each(node, &open_asks)
	{
		OpenAsk    *ask = fox_container(OpenAsk, node, node);

		pump_ask(ask);
		if (ask->last && fox_list_empty(&ask->rows))
			close_ask(ask);
	}
}
