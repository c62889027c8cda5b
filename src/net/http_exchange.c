/*
 * http_exchange.c - requests on their way to who answers them, the gate or long-poll, and the answers on their way back
 * (see http_private.h).
 */
#include <stdio.h>
#include <time.h>

#include "net/http_private.h"
#include "net/longpoll.h"

bool
fox_http_held(const HttpConn *h)
{
	return (h->state == READING || h->state == WAITING || h->state == MANIFOLD) && !fox_list_empty(&h->rate.in_rated);
}

/* The connection counts for who has sent its first request; false: he has as many as he may. */
static bool
admit(HttpConn *h, const FoxConnInfo *asker)
{
	if (h->admitted)
		return true;
	if (fox_address_full(h->net, asker))
		return false;
	h->admitted = true;
	h->address = fox_address_enter(h->net, asker);
	return true;
}

static void
turn_away(FoxHttp *x)
{
	x->conn->net->stats.refused++;
	x->conn->keep = false;
	fox_http_answer(x, 429, FOX_LIT("Retry-After: 1\r\nContent-Type: text/plain\r\n"), FOX_LIT("fox_wamp: too many connections from your address\n"));
}

size_t
fox_http_body_max(const FoxNet *net, FoxSlice target)
{
	return fox_longpoll_is(target) ? fox_longpoll_body_max(net, target) : net->config.http_max_body;
}

/* Long-poll goes on while memory is short: it takes messages from the queues, and its sessions are held themselves. */
unsigned
fox_http_objection(const FoxNet *net, FoxSlice target, uint64_t body)
{
	if (net->limits.pressed && !fox_longpoll_is(target))
		return 503;
	return body > fox_http_body_max(net, target) ? 413 : 0;
}

static bool
ask_gate(FoxHttp *x, const FoxHttpRequest *request)
{
	HttpConn   *h = x->conn;
	FoxNet	   *net = h->net;

	fox_rate_spend(net, &h->rate, request->target.len + request->headers.len + request->body.len);
	if (!admit(h, request->info))
	{
		turn_away(x);
		return true;
	}
	if (x->gate == NULL && (x->gate = net->handler.http_open(net->handler.ctx, x)) == NULL)
		return false;
	net->handler.http_request(x->gate, request);
	return true;
}

/* A request of long-poll's counts for its session, in rate and in connections. */
bool
fox_http_ask(FoxHttp *x, FoxHttpRequest *request)
{
	FoxNet	   *net = x->conn->net;
	FoxConnInfo asker = x->conn->info;

	net->stats.http_requests++;
	fox_peer_of_headers(net, request->headers, &asker);
	request->info = &asker;
	if (!fox_longpoll_is(request->target))
		return ask_gate(x, request);
	fox_longpoll_ask(net, x, request);
	return true;
}

void
fox_http_over(FoxHttp *x)
{
	if (x->poll != NULL)
		fox_longpoll_over(x->poll);
}

void
fox_http_gone(FoxHttp *x)
{
	fox_http_over(x);
	if (x->gate != NULL)
		x->conn->net->handler.http_close(x->gate);
	x->gate = NULL;
}

const char *
fox_http_date(void)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static char text[64];
	static time_t of = 0;
	time_t		now = time(NULL);
	struct tm	t;

	if (now != of && gmtime_r(&now, &t) != NULL)
	{
		of = now;
		snprintf(text, sizeof(text), "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * t.tm_wday, t.tm_mday,
				 months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
	}
	return text;
}

char *
fox_http_answer_begin(FoxHttp *x, unsigned status, FoxSlice headers, size_t len)
{
	return x->replies->begin(x, status, headers, len);
}

void
fox_http_answer_end(FoxHttp *x)
{
	x->replies->end(x);
}

void
fox_http_answer(FoxHttp *x, unsigned status, FoxSlice headers, FoxSlice body)
{
	char	   *p = fox_http_answer_begin(x, status, headers, body.len);

	if (p != NULL && body.len > 0)
		memcpy(p, body.ptr, body.len);
	fox_http_answer_end(x);
}

void
fox_http_stream(FoxHttp *x, unsigned status, FoxSlice headers)
{
	x->replies->stream(x, status, headers);
}

void
fox_http_part(FoxHttp *x, FoxSlice part)
{
	x->replies->part(x, part);
}

void
fox_http_part_last(FoxHttp *x)
{
	x->replies->part_last(x);
}
