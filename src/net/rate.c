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
fox_rate_init(FoxRate *rate, void (*hold) (FoxRate *rate, bool on))
{
	*rate = (FoxRate) {.hold = hold};
	fox_list_init(&rate->in_rated);
}

void
fox_rate_end(FoxRate *rate)
{
	fox_list_del(&rate->in_rated);
}

void
fox_rate_spend(FoxNet *net, FoxRate *rate, size_t bytes)
{
	uint64_t	now;

	if (net->config.message_rate <= 0 && net->config.byte_rate == 0)
		return;
	now = uv_hrtime() / 1000u;
	if (rate->paid_us + BURST_US < now)
		rate->paid_us = now - BURST_US;
	rate->paid_us += price_us(&net->config, bytes);
	if (rate->paid_us <= now || !fox_list_empty(&rate->in_rated))
		return;
	net->stats.rate_pauses++;
	fox_list_push(&net->rated, &rate->in_rated);
	rate->hold(rate, true);
	wake_at(net, rate->paid_us);
}

void
fox_rate_release(uv_timer_t *timer)
{
	FoxNet	   *net = timer->data;
	uint64_t	now = uv_hrtime() / 1000u;

	fox_list_each(n, &net->rated)
	{
		FoxRate    *rate = fox_container(FoxRate, in_rated, n);

		if (rate->paid_us > now)
		{
			wake_at(net, rate->paid_us);
			continue;
		}
		fox_list_del(&rate->in_rated);
		rate->hold(rate, false);
	}
}
