/*
 * http_exchange.c - requests on their way to the gate, and its answers on their way back (see http_private.h).
 */
#include <stdio.h>
#include <time.h>

#include "net/http_private.h"

bool
fox_http_ask(FoxHttp *x, FoxNet *net, const FoxConnInfo *socket, FoxHttpRequest *request)
{
	FoxConnInfo asker = *socket;

	net->stats.http_requests++;
	if (request->status == 0)
		fox_peer_of_headers(net, request->headers, &asker);
	request->info = &asker;
	if (x->gate == NULL && (x->gate = net->handler.http_open(net->handler.ctx, x)) == NULL)
		return false;
	net->handler.http_request(x->gate, request);
	return true;
}

void
fox_http_gone(FoxHttp *x, FoxNet *net)
{
	if (x->gate != NULL)
		net->handler.http_close(x->gate);
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

void
fox_http_answer(FoxHttp *x, unsigned status, FoxSlice headers, FoxSlice body)
{
	x->replies->answer(x, status, headers, body);
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
