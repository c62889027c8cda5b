/*
 * limits.c - what all connections together may take.
 *
 * The cap is held against what the process has for itself alone: its resident pages less
 * the shared ones, as the kernel counts them.  Above it nothing is read and nobody is let
 * in, so that what is there can drain; then the connections with the most bytes are cut.
 * glibc keeps freed memory: without giving it back the figure would not fall, so cutting
 * is decided right after that only, and goes on until there is room.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/link_private.h"

#define JUDGE_MS 10
#define JUDGE_BYTES (4 * 1024 * 1024)	/* queued since the last look: enough for another one within a turn */
#define TRIM_MS 1000
#define WARN_MS 60000
#define CUT_MAX 64				/* at once: each is searched for among all */
#define PRESSED_WAIT_MS 50		/* while pressed somebody has to look */

void
fox_limits_init(FoxNet *net)
{
	net->limits.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

void
fox_limits_end(FoxNet *net)
{
	if (net->limits.statm >= 0)
		close(net->limits.statm);
	net->limits.statm = -1;
}

/* Resident and not shared, in bytes; 0 if it can not be read. */
static size_t
private_memory(const FoxNet *net)
{
	char		text[128];
	ssize_t		n = net->limits.statm < 0 ? -1 : pread(net->limits.statm, text, sizeof(text) - 1, 0);
	char	   *p = text;
	unsigned long resident;
	unsigned long shared;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	(void) strtoul(p, &p, 10);	/* virtual size */
	resident = strtoul(p, &p, 10);
	shared = strtoul(p, &p, 10);
	return resident > shared ? (resident - shared) * (size_t) sysconf(_SC_PAGESIZE) : 0;
}

static void
press(FoxNet *net, bool on, uint64_t now)
{
	if (net->limits.pressed == on)
		return;
	net->limits.pressed = on;
	net->limits.pressed_ms = now;
	fox_list_each(n, &net->conns)
		fox_conn_hold(fox_container(FoxConn, in_net, n), HOLD_MEMORY, on);
	fox_links_pressed(net);
}

/* Bytes that would be free without it. */
static size_t
weight(const FoxConn *conn)
{
	return conn->state == CONN_CUT ? 0 : conn->queued + fox_latest_bytes(conn) + conn->join_cap + conn->raw.cap + conn->stream.begun.cap;
}

/* Cuts the heaviest connections, of so many bytes in all; returns how many. */
static int
cut_heaviest(FoxNet *net, size_t bytes)
{
	int			cut = 0;
	size_t		freed = 0;

	while (freed < bytes && cut < CUT_MAX)
	{
		FoxConn    *heaviest = NULL;

		fox_list_each(n, &net->conns)
		{
			FoxConn    *c = fox_container(FoxConn, in_net, n);

			if (heaviest == NULL || weight(c) > weight(heaviest))
				heaviest = c;
		}
		if (heaviest == NULL || weight(heaviest) == 0)
			break;
		freed += weight(heaviest);
		net->stats.memory_cut++;
		fox_conn_shut(heaviest, FOX_CLOSE_SLOW);
		cut++;
	}
	return cut;
}

bool
fox_conn_relieve(FoxConn *conn, size_t bytes)
{
	return cut_heaviest(conn->net, bytes) > 0;
}

void
fox_limits_judge(FoxNet *net)
{
	FoxLimits  *limits = &net->limits;
	size_t		cap = net->config.max_memory;
	size_t		floor = cap / 10 * 9;
	uint64_t	now = uv_hrtime() / 1000000u;
	size_t		memory;

	if (now - limits->judged_ms < JUDGE_MS && limits->unjudged < JUDGE_BYTES)
		return;
	limits->judged_ms = now;
	limits->unjudged = 0;
	memory = private_memory(net);
	if (memory > cap)
		press(net, true, now);
	if (!limits->pressed)
		return;
	if (memory >= floor && now - limits->trimmed_ms >= TRIM_MS)
	{
		limits->trimmed_ms = now;
		malloc_trim(0);
		memory = private_memory(net);
		if (memory > cap || (memory >= floor && now - limits->pressed_ms >= TRIM_MS))
		{
			int			cut = cut_heaviest(net, memory - floor);

			if (limits->warned_ms == 0 || now - limits->warned_ms >= WARN_MS)
			{
				limits->warned_ms = now;
				fox_net_log(net, 2, "the router has %zu MB of memory and fox_wamp.max_memory is %zu MB: "
							"new connections are refused, reading pauses, %d connections were cut",
							memory >> 20, cap >> 20, cut);
			}
		}
	}
	if (memory < floor)
		press(net, false, now);
}

void
fox_limits_queued(FoxNet *net, size_t bytes)
{
	net->limits.unjudged += bytes;
	if (net->limits.unjudged >= JUDGE_BYTES)
		fox_limits_judge(net);
}

int
fox_limits_timeout_ms(const FoxNet *net, int timeout_ms)
{
	if (net->limits.pressed && (timeout_ms < 0 || timeout_ms > PRESSED_WAIT_MS))
		return PRESSED_WAIT_MS;
	return timeout_ms;
}
