/*
 * poster.c - POST requests by libcurl (see poster.h).
 *
 * libcurl looks names up in threads.  They begin with all signals blocked, so that a
 * signal handler runs in no thread but the process's own.
 */
#include "net/poster.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "base/buf.h"

#define CONNECT_MS 5000L

struct FoxPoster
{
	CURLM	   *multi;
};

typedef struct Transfer
{
	CURL	   *easy;
	struct curl_slist *headers;
	FoxBuf		request;
	FoxBuf		answer;
	bool		cut;
	void	   *tag;
	char		error[CURL_ERROR_SIZE];
} Transfer;

static sigset_t
block_signals(void)
{
	sigset_t	all;
	sigset_t	before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	return before;
}

static void
restore_signals(sigset_t before)
{
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

FoxPoster *
fox_poster_new(void)
{
	FoxPoster  *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (p->multi = curl_multi_init()) == NULL)
	{
		free(p);
		return NULL;
	}
	curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, 32L);
	return p;
}

static void
transfer_free(FoxPoster *p, Transfer *t)
{
	if (t->easy != NULL)
	{
		curl_multi_remove_handle(p->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	fox_buf_free(&t->request);
	fox_buf_free(&t->answer);
	free(t);
}

static size_t
take_answer(char *data, size_t size, size_t n, void *ctx)
{
	Transfer   *t = ctx;
	size_t		bytes = size * n;
	size_t		room = FOX_POSTED_MAX - t->answer.len;

	t->cut = bytes > room;
	fox_buf_put(&t->answer, data, t->cut ? room : bytes);
	return t->cut || t->answer.failed ? 0 : bytes;
}

static bool
set_up(Transfer *t, const FoxPost *post)
{
	CURL	   *e = t->easy;

	for (const char *const *h = post->headers; *h != NULL; h++)
	{
		struct curl_slist *longer = curl_slist_append(t->headers, *h);

		if (longer == NULL)
			return false;
		t->headers = longer;
	}
	fox_buf_slice(&t->request, post->body);
	return !t->request.failed &&
		curl_easy_setopt(e, CURLOPT_URL, post->url) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) t->request.len) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->request.len > 0 ? t->request.data : "") == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_USERAGENT, "fox_wamp") == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, post->timeout_ms) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, post->timeout_ms < CONNECT_MS ? post->timeout_ms : CONNECT_MS) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
		curl_easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK;
}

bool
fox_poster_send(FoxPoster *p, const FoxPost *post)
{
	Transfer   *t = calloc(1, sizeof(*t));
	sigset_t	before;
	bool		sent;

	if (t == NULL)
		return false;
	t->tag = post->tag;
	t->easy = curl_easy_init();
	before = block_signals();
	sent = t->easy != NULL && set_up(t, post) && curl_multi_add_handle(p->multi, t->easy) == CURLM_OK;
	restore_signals(before);
	if (!sent)
		transfer_free(p, t);
	return sent;
}

static void
finish(FoxPoster *p, CURL *easy, CURLcode code, void (*done) (void *ctx, const FoxPosted *posted), void *ctx)
{
	Transfer   *t = NULL;
	curl_off_t	took = 0;
	FoxPosted	posted = {0};

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &t);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &posted.status);
	curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &took);
	posted.tag = t->tag;
	posted.took_ms = (uint64_t) took / 1000;
	posted.body = fox_buf_view(&t->answer);
	if (code != CURLE_OK)
		posted.error = t->error[0] != '\0' && !t->cut ? t->error : t->cut ? "the answer is too long" : curl_easy_strerror(code);
	/* What was said before the connection broke, or took too long, may not be what would have been said. */
	if (code != CURLE_OK && !t->cut)
		posted.status = 0;
	done(ctx, &posted);
	transfer_free(p, t);
}

void
fox_poster_turn(FoxPoster *p, void (*done) (void *ctx, const FoxPosted *posted), void *ctx)
{
	sigset_t	before = block_signals();
	CURLMsg    *message;
	int			left;

	curl_multi_perform(p->multi, &left);
	restore_signals(before);
	while ((message = curl_multi_info_read(p->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE)
			finish(p, message->easy_handle, message->data.result, done, ctx);
}

int
fox_poster_waits(FoxPoster *p, FoxPosterWait *waits, int max, long *wait_ms)
{
	fd_set		reads;
	fd_set		writes;
	fd_set		errors;
	int			last = -1;
	int			n = 0;
	long		timeout = -1;

	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_ZERO(&errors);
	curl_multi_fdset(p->multi, &reads, &writes, &errors, &last);
	for (int fd = 0; fd <= last && n < max; fd++)
		if (FD_ISSET(fd, &reads) || FD_ISSET(fd, &writes))
			waits[n++] = (FoxPosterWait) {.fd = fd, .reads = FD_ISSET(fd, &reads), .writes = FD_ISSET(fd, &writes)};
	curl_multi_timeout(p->multi, &timeout);
	if (timeout >= 0 && (*wait_ms < 0 || timeout < *wait_ms))
		*wait_ms = timeout;
	return n;
}
