/*
 * router_main.c - the router's process: one event loop for sockets, ring and lanes.
 *
 * Order of the start: the ring is announced, then what is
 * stored is read, then wills of sessions that are no more have been applied, then the
 * port opens; a second read after everybody who held a lock on fox_wamp.retained has
 * ended catches transactions that wrote before the ring was there.
 *
 * A turn never waits for SQL or disk.  The few transactions that this process runs
 * itself (is the extension still there, which channels to listen on) are of its own
 * code and follow a change of the catalog, not a message.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "portability/instr_time.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/ask.h"
#include "pg/compat.h"
#include "pg/connect.h"
#include "pg/guc.h"
#include "pg/jsonpath.h"
#include "pg/lane.h"
#include "pg/launcher.h"
#include "pg/listen.h"
#include "pg/pool.h"
#include "pg/post_lane.h"
#include "pg/ring.h"
#include "pg/server_ports.h"
#include "pg/wire.h"

#define JSONPATH_MS 20			/* of the loop, for one $jsonpath */

#define DRAIN_PER_TURN 1000
#define PORT_RETRY_MS 1000
#define LAST_WRITES_MS 1000
#define ROLES_MS 500			/* a GRANT does not wake the router */
#define JUDGE_US 1000			/* how often the rate of commits is judged */
#define FAST_RATE 4				/* entries in a millisecond */
#define GATHERED 20				/* per millisecond of waiting */
#define LOOK_MS_MAX 4

PGDLLEXPORT void fox_wamp_router_main(Datum arg);

static FoxSlot *slot;
static FoxRouter *router;
static FoxNet *net;
static bool loaded = false;
static bool rereading = false;	/* a read of all that is copied is under way, and another one is wanted behind it */
static bool reread_again = false;
static bool extension_may_be_gone = false;
static bool roles_may_have_changed = false;
static uint64 roles_wanted = 0;	/* changes of roles so far, those that a reading is under way for, those that were read */
static uint64 roles_asked = 0;
static uint64 roles_read = 0;
static uint64 roles_known = 0;	/* that the core has looked at, or will in the next turn */
static uint64 configurations_read = 0;
static bool settings_came = false;	/* of the database, and nobody has looked at them yet */
static bool port_warned = false;
static TimestampTz next_port_try = 0;
static int	blocking_pid = 0;		/* whose unresolved entry the ring waits for */
static int	drained = 0;			/* entries since the rate was last judged */

/* --- what comes from the server's side --- */

/*
 * From the request on, what the ring brings is newer than what will be read, or is followed by what is.  The answers of an
 * executor have no order with the ring: what it says of the read's beginning could come behind changes that the read has missed.
 */
static void
reread(void)
{
	if (rereading)
	{
		reread_again = true;
		return;
	}
	rereading = true;
	fox_router_reread_begin(router);
	fox_lane_reload();
}

static void
on_change(void *ctx, const FoxChange *change)
{
	fox_router_change(router, change);
	if (change->kind == FOX_CHANGE_GAP)
		reread();
}

static void
on_ask(void *ctx, uint64 ask, FoxSlice question, int pid)
{
	fox_router_ask(router, ask, question, pid);
}

static void
on_refused(void *ctx, uint64_t token, FoxRefusal why, const char *text)
{
	fox_router_refused(router, token, why, text);
}

static void
on_load_mqtt(void *ctx, const FoxMqttRow *row)
{
	fox_wire_restore(row);
}

static void
on_loaded(void *ctx)
{
	fox_router_reread_end(router);
	fox_wire_restored();
	fox_ring_kept_known();
	loaded = true;
	rereading = false;
	if (reread_again)
	{
		reread_again = false;
		reread();
	}
}

/* What was committed by transactions that were open when the router began to listen to the ring. */
static void
on_settled(void *ctx)
{
	reread();
}

static void
on_roles_read(void *ctx)
{
	roles_read = roles_asked;
	fox_router_roles_read(router, roles_read);
}

static void
on_past_written(void *ctx, uint64 rows)
{
	fox_router_past_written(router, rows);
}

static void
on_deliveries_written(void *ctx, uint64 deliveries)
{
	fox_router_deliveries_written(router, deliveries);
	fox_wire_written();
}

static void
on_function_result(void *ctx, uint64 session, uint64 invocation, bool progress, FoxSlice args, FoxSlice kwargs)
{
	fox_router_function_result(router, session, invocation, progress, args, kwargs);
}

static void
on_function_failed(void *ctx, uint64 session, uint64 invocation, FoxSlice uri, FoxSlice args, FoxSlice kwargs)
{
	fox_router_function_failed(router, session, invocation, uri, args, kwargs);
}

static void
on_login_answer(void *ctx, uint64_t token, FoxSlice answer)
{
	fox_router_login_answer(router, token, answer);
}

static void
on_setting(void *ctx, const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_DATABASE, GUC_ACTION_SET, true, WARNING, false);
	settings_came = true;
}

static void
put_stats(void *ctx, void (*put) (void *arg, const char *name, uint64_t value), void *arg)
{
	FoxNetStats n = {0};
	uint64		pending;
	uint64		batches;
	uint64		rows;
	int			executors;
	int			call_executors;
	int			missing;
	uint64		calls;

	if (net != NULL)
		fox_net_stats(net, &n);
	fox_lane_stats(&pending, &batches, &rows, &executors);
	put(arg, "connections", n.connections);
	put(arg, "connections_accepted", n.accepted);
	put(arg, "connections_refused", n.refused);
	put(arg, "slow_readers_cut", n.slow_cut);
	put(arg, "cut_for_memory", n.memory_cut);
	put(arg, "events_dropped", n.events_dropped);
	put(arg, "events_conflated", n.events_conflated);
	put(arg, "dead_peers_cut", n.dead_cut);
	put(arg, "messages_too_large", n.too_big);
	put(arg, "messages_too_large_for_peer", n.too_big_for_peer);
	put(arg, "http_connections", n.http_connections);
	put(arg, "http_requests", n.http_requests);
	put(arg, "rate_pauses", n.rate_pauses);
	put(arg, "bytes_in", n.bytes_in);
	put(arg, "bytes_out", n.bytes_out);
	put(arg, "bytes_queued", n.queued);
	put(arg, "executors", (uint64) executors);
	fox_pool_stats(&call_executors, &missing, &calls);
	put(arg, "call_executors", (uint64) call_executors);
	put(arg, "function_calls_open", calls);
	put(arg, "write_batches", batches);
	put(arg, "rows_written", rows);
	put(arg, "configurations_read", configurations_read);
	put(arg, "ring_blocked_by_pid", (uint64) blocking_pid);
}

/* --- catalog --- */

static Oid	extension = InvalidOid;	/* that this router serves */
static Oid	retained_oid = InvalidOid;

/* DROP EXTENSION drops the table; this process holds no lock that would tell it sooner. */
static void
relation_changed(Datum arg, Oid relation)
{
	if (relation == retained_oid || !OidIsValid(relation))
		extension_may_be_gone = true;
}

static void
roles_changed(Datum arg, int cache, uint32 hash)
{
	roles_may_have_changed = true;
}

/* The extension's OID, InvalidOid when there is none: one that was made anew has another. */
static Oid
find_extension(void)
{
	Oid			oid;

	StartTransactionCommand();
	oid = get_extension_oid("fox_wamp", true);
	if (OidIsValid(oid))
		retained_oid = get_relname_relid("retained", get_namespace_oid("fox_wamp", false));
	CommitTransactionCommand();
	return oid;
}

/* --- the port --- */

static bool
is_loopback_list(const char *addresses)
{
	char	   *copy = pstrdup(addresses);
	char	   *rest = copy;
	char	   *item;
	bool		loopback = true;

	while ((item = strsep(&rest, ",")) != NULL)
	{
		item += strspn(item, " \t");
		item[strcspn(item, " \t")] = '\0';
		if (*item != '\0' && strncmp(item, "127.", 4) != 0 && strcmp(item, "::1") != 0 &&
			strcmp(item, "localhost") != 0)
			loopback = false;
	}
	pfree(copy);
	return loopback;
}

static void
warn_port(const char *text, const char *hint)
{
	if (!port_warned)
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("fox_wamp does not listen: %s", text),
				 errdetail("The router goes on trying."),
				 errhint("%s", hint)));
	port_warned = true;
}

/* A port that is taken is tried again and again; the router itself runs on. */
static void
try_to_listen(void)
{
	FoxNetConfig config;
	FoxNetHandler handler = fox_wire_handler();
	char		err[512];

	if (GetCurrentTimestamp() < next_port_try)
		return;
	next_port_try = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PORT_RETRY_MS);
	fox_guc_net_config(&config);
	if (!is_loopback_list(config.listen_addresses) && !fox_router_authenticates(router))
	{
		warn_port("addresses other than loopback need authentication, and none is configured",
				  "Say how clients may log in, as in INSERT INTO fox_wamp.auth_method VALUES ('realm1', 'wamp-scram'), "
				  "or set fox_wamp.listen_addresses to 127.0.0.1.");
		return;
	}
	net = fox_net_create(&config, &handler, err, sizeof(err));
	if (net == NULL)
	{
		warn_port(err, config.tls_port == 0 ? "Set fox_wamp.port to a free port." :
				  "Set fox_wamp.port and fox_wamp.tls_port to free ports, fox_wamp.tls_cert_file and "
				  "fox_wamp.tls_key_file to a certificate and its key.");
		return;
	}
	port_warned = false;
	fox_wire_dial(net);
	slot->port = config.port;
	ereport(LOG,
			(errmsg("fox_wamp listens on %s, port %d", config.listen_addresses, config.port)));
	if (config.tls_port != 0)
		ereport(LOG,
				(errmsg("fox_wamp listens on %s, port %d, for TLS", config.listen_addresses, config.tls_port)));
}

/* --- life --- */

static void
leave(int code, Datum arg)
{
	uint32		stopping = FOX_SLOT_STOPPING;
	uint32		restarting = FOX_SLOT_RESTARTING;

	slot->router_pid = 0;
	slot->router_procno = -1;
	slot->port = 0;
	slot->call_executors = slot->call_executors_missing = 0;
	if (!pg_atomic_compare_exchange_u32(&slot->state, &stopping, FOX_SLOT_STOPPED))
		pg_atomic_compare_exchange_u32(&slot->state, &restarting, FOX_SLOT_STARTING);
	fox_launcher_wake();
}

/* Everybody goes by what the settings are now. */
static void
configure(void)
{
	FoxRouterConfig router_config;
	FoxNetConfig net_config;

	settings_came = false;
	fox_guc_router_config(&router_config);
	fox_router_configure(router, &router_config);
	fox_wire_configure();
	fox_guc_net_config(&net_config);
	if (net != NULL)
		fox_net_configure(net, &net_config);
}

static void
reload(void)
{
	ConfigReloadPending = false;
	configurations_read++;
	ProcessConfigFile(PGC_SIGHUP);
	fox_pool_renew();
	configure();
	port_warned = false;
}

static int
drain(void)
{
	int			n;

	/* Sessions that keep what they hear are there when everything has been loaded. */
	if (!loaded)
		return 0;
	n = fox_ring_drain(on_change, NULL, DRAIN_PER_TURN, &blocking_pid);
	drained += n;
	return n;
}

/*
 * While commits come fast the router looks into the ring by itself, and they do not
 * wake it; at a low rate each one does, for the sake of latency.  The faster they come
 * the longer they are gathered: a turn for a few costs the committers as much of the
 * processor as some dozens of entries do.
 */
static long
watch_ring(long wait)
{
	static long look_ms = 0;	/* 0: it is woken */
	static instr_time since;
	instr_time	passed;

	INSTR_TIME_SET_CURRENT(passed);
	INSTR_TIME_SUBTRACT(passed, since);
	if (INSTR_TIME_GET_MICROSEC(passed) >= JUDGE_US)
	{
		long		rate = (long) (drained * 1000.0 / INSTR_TIME_GET_MICROSEC(passed));
		bool		looked = look_ms > 0;

		look_ms = rate < FAST_RATE ? 0 : Min(1 + rate / GATHERED, LOOK_MS_MAX);
		drained = 0;
		INSTR_TIME_SET_CURRENT(since);
		if (looked != (look_ms > 0))
		{
			fox_ring_reader_looks(!looked);
			if (looked)
				return 0;		/* what came in between rang no bell: one more turn */
		}
	}
	return look_ms > 0 && (wait < 0 || wait > look_ms) ? look_ms : wait;
}

static bool
stop_requested(void)
{
	uint32		state = pg_atomic_read_u32(&slot->state);

	return ShutdownRequestPending || (state != FOX_SLOT_STARTING && state != FOX_SLOT_RUNNING);
}

static void
start_up(void)
{
	static FoxLaneHandler lane_handler = {
		.refused = on_refused, .load_row = on_change,
		.load_mqtt = on_load_mqtt, .loaded = on_loaded, .settled = on_settled, .roles_read = on_roles_read, .past_written = on_past_written,
		.deliveries_written = on_deliveries_written, .login_answer = on_login_answer,
		.settings = on_setting
	};
	static const FoxPoolHandler pool_handler = {.result = on_function_result, .failed = on_function_failed};
	FoxPorts	ports = fox_server_ports();
	FoxRouterConfig config;

	fox_jsonpath_limit_ms = JSONPATH_MS;
	ports.stats = put_stats;
	fox_guc_router_config(&config);
	router = fox_router_new(&ports, &config);
	if (router == NULL || !fox_wire_open(router))
		ereport(FATAL,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	slot->boot_id = ports.random64(NULL) >> 1;
	fox_pool_start(&pool_handler, slot->boot_id);
	fox_posts_start(&pool_handler, slot->boot_id);
	(void) fox_ring_create((Size) fox_guc_ring_size * 1024);
	if (!fox_lane_start(&lane_handler, slot->boot_id))
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("fox_wamp has no worker slot for its executor and waits for one"),
				 errhint("Raise max_worker_processes.")));
	fox_listen_start();
	rereading = true;
	fox_router_reread_begin(router);
	fox_lane_boot();
}

/* One turn after what woke us; returns how long the next may wait, in milliseconds, -1: for ever. */
static long
turn(void)
{
	bool		more;
	long		wait;
	int			net_wait;
	int			timers_wait;
	uint64		calls;

	(void) drain();				/* before clients, who may have waited for a commit */
	if (net != NULL)
		fox_net_turn(net);
	if (loaded)
		fox_ask_poll(on_ask, NULL);	/* before that the answers would be wrong */
	fox_listen_turn(on_change, NULL);
	wait = fox_router_tick(router);
	more = fox_lane_turn();		/* behind everything that writes */
	if (drain() > 0 || roles_read != roles_known)
		more = true;			/* that may have woken a waiter, whose write is still to be sent, or taken a permission away */
	roles_known = roles_read;
	fox_pool_turn(&wait);
	fox_posts_turn(&wait);
	timers_wait = fox_router_wait(router);
	if (timers_wait >= 0 && (wait < 0 || timers_wait < wait))
		wait = timers_wait;
	fox_ask_pump();				/* behind everything that answers */
	if (loaded && net == NULL)
	{
		try_to_listen();
		if (net == NULL)
			wait = wait < 0 || wait > PORT_RETRY_MS ? PORT_RETRY_MS : wait;
		else
		{
			uint32		state = FOX_SLOT_STARTING;

			pg_atomic_compare_exchange_u32(&slot->state, &state, FOX_SLOT_RUNNING);
			fox_lane_settle();
		}
	}
	if (net != NULL)
	{
		fox_net_flush(net);
		net_wait = fox_net_timeout_ms(net);
		if (net_wait >= 0 && (wait < 0 || net_wait < wait))
			wait = net_wait;
	}
	fox_pool_stats(&slot->call_executors, &slot->call_executors_missing, &calls);
	wait = watch_ring(wait);
	return more ? 0 : wait;
}

/* Sessions hear of the end; their wills have a moment to be stored (the rest is done at the next start). */
static void
shut_down(void)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LAST_WRITES_MS);
	uint64		pending = 1;
	uint64		batches;
	uint64		rows;
	int			executors = 1;

	fox_router_shutdown(router);
	if (net != NULL)
		fox_net_destroy(net);
	while (loaded && pending > 0 && executors > 0 && GetCurrentTimestamp() < until)
	{
		(void) fox_lane_turn();
		(void) drain();
		fox_lane_stats(&pending, &batches, &rows, &executors);
		if (pending > 0)
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | WL_TIMEOUT, 10, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	fox_pool_stop();
	fox_posts_stop();
	fox_lane_stop();
	fox_ring_withdraw();
}

static void
loop(void)
{
	WaitEventSet *events = FOX_CREATE_WAIT_EVENT_SET(3);
	MemoryContext turn_context = AllocSetContextCreate(TopMemoryContext, "fox_wamp turn", ALLOCSET_DEFAULT_SIZES);
	bool		net_added = false;

	AddWaitEventToSet(events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	while (!stop_requested())
	{
		WaitEvent	event;
		long		wait;

		MemoryContextSwitchTo(turn_context);
		MemoryContextReset(turn_context);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		AcceptInvalidationMessages();
		if (extension_may_be_gone)
		{
			Oid			now;

			extension_may_be_gone = false;
			if ((now = find_extension()) != extension)
			{
				pg_atomic_write_u32(&slot->state, OidIsValid(now) ? FOX_SLOT_RESTARTING : FOX_SLOT_STOPPING);
				break;
			}
			MemoryContextSwitchTo(turn_context);
		}
		if (roles_may_have_changed)
		{
			roles_may_have_changed = false;
			roles_wanted = fox_router_roles_wanted(router);
		}
		if (roles_wanted > roles_asked && roles_asked == roles_read)
		{
			roles_asked = roles_wanted;
			fox_lane_roles();
		}
		if (ConfigReloadPending)
			reload();
		if (settings_came)
			configure();
		wait = turn();
		if (wait < 0 || wait > ROLES_MS)
			wait = ROLES_MS;
		if (net != NULL && !net_added)
		{
			AddWaitEventToSet(events, WL_SOCKET_READABLE, fox_net_fd(net), NULL, NULL);
			net_added = true;
		}
		(void) WaitEventSetWait(events, wait, &event, 1, PG_WAIT_EXTENSION);
	}
	MemoryContextSwitchTo(TopMemoryContext);
	FreeWaitEventSet(events);
}

/* False: the database has a router, which a launcher that is no more has started. */
static bool
take_slot(void)
{
	bool		mine;

	LWLockAcquire(fox_shmem_lock(), LW_EXCLUSIVE);
	mine = slot->router_pid == 0;
	if (mine)
	{
		slot->router_pid = MyProcPid;
		slot->router_procno = FOX_MY_PROCNO();
	}
	LWLockRelease(fox_shmem_lock());
	return mine;
}

void
fox_wamp_router_main(Datum arg)
{
	if (IsBinaryUpgrade)
		proc_exit(0);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, SIG_IGN);
	pqsignal(SIGPIPE, SIG_IGN);
	BackgroundWorkerUnblockSignals();
	fox_connect(DatumGetObjectId(arg));
	pgstat_report_appname("fox_wamp router");

	slot = fox_shmem_slot(MyDatabaseId);
	if (slot == NULL || !take_slot())
		proc_exit(0);
	before_shmem_exit(leave, (Datum) 0);
	extension = find_extension();
	if (!OidIsValid(extension))
	{
		pg_atomic_write_u32(&slot->state, FOX_SLOT_STOPPING);
		proc_exit(0);
	}
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, roles_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, (Datum) 0);
	pgstat_report_activity(STATE_RUNNING, "routing");
	start_up();
	loop();
	shut_down();
	proc_exit(0);
}
