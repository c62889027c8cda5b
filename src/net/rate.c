/*
 * rate.c - how much a connection may send in a second.
 *
 * What it sends has a price in time, by the message and by the byte; when it has spent more
 * than a second ahead, nothing is read from it until that time has come.  So a sender that is
 * too fast is slowed down, and loses nothing.
 */
#include "net/internal.h"

#define BURST_US 1000000		/* what an idle connection may send at once is worth so much */

static uint64_t
price_us(const FoxNetConfig *config, size_t bytes)
{
	uint64_t	us = config->message_rate > 0 ? 1000000u / (uint64_t) config->message_rate : 0;

	return us + (config->byte_rate > 0 ? (uint64_t) bytes * 1000000u / config->byte_rate : 0);
}

static void
wake_at(FoxNet *net, uint64_t paid_us)
{
	uint64_t	now = uv_hrtime() / 1000u;
	uint64_t	ms = paid_us > now ? (paid_us - now + 999) / 1000 : 0;

	if (!uv_is_active((uv_handle_t *) &net->rate_timer) || uv_timer_get_due_in(&net->rate_timer) > ms)
		uv_timer_start(&net->rate_timer, fox_rate_release, ms, 0);
}

void
fox_rate_spend(FoxConn *conn, size_t bytes)
{
	FoxNet	   *net = conn->net;
	uint64_t	now = uv_hrtime() / 1000u;

	if (conn->paid_us + BURST_US < now)
		conn->paid_us = now - BURST_US;
	conn->paid_us += price_us(&net->config, bytes);
	if (conn->paid_us <= now || (conn->held & HOLD_RATE) != 0)
		return;
	net->stats.rate_pauses++;
	fox_conn_hold(conn, HOLD_RATE, true);
	fox_list_push(&net->rated, &conn->in_rated);
	wake_at(net, conn->paid_us);
}

void
fox_rate_release(uv_timer_t *timer)
{
	FoxNet	   *net = timer->data;
	uint64_t	now = uv_hrtime() / 1000u;

	fox_list_each(n, &net->rated)
	{
		FoxConn    *conn = fox_container(FoxConn, in_rated, n);

		if (conn->paid_us > now)
		{
			wake_at(net, conn->paid_us);
			continue;
		}
		fox_list_del(&conn->in_rated);
		fox_conn_hold(conn, HOLD_RATE, false);
	}
}
