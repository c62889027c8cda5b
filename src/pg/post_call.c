/*
 * post_call.c - a POST request whose answer a function waits for (see post_call.h).
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "net/poster.h"
#include "pg/errcodes.h"
#include "pg/guc.h"
#include "pg/post_call.h"
#include "pg/post_wait.h"

typedef struct Answer
{
	bool		there;
	long		status;
	char	   *error;			/* NULL: it is complete */
	char	   *body;
} Answer;

static void
on_posted(void *ctx, const FoxPosted *posted)
{
	Answer	   *a = ctx;

	*a = (Answer) {
		.there = true, .status = posted->status, .error = posted->error != NULL ? pstrdup(posted->error) : NULL,
		.body = posted->body.len > 0 ? pnstrdup(posted->body.ptr, posted->body.len) : NULL
	};
}

static void
ask(FoxPoster *poster, const char *url, const char *body, int64 timeout_ms, Answer *answer)
{
	static const char *const headers[] = {"Content-Type: application/json", "Expect:", NULL};
	FoxPost		post = {.url = url, .headers = headers, .body = fox_cstr(body), .timeout_ms = (long) timeout_ms, .ca_file = fox_guc_webhook_ca_file};

	if (!fox_poster_send(poster, &post))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		fox_poster_turn(poster, on_posted, answer);
		if (answer->there)
			return;
		fox_post_wait(poster, -1);
	}
}

char *
fox_post_call(const char *url, const char *body, int64 timeout_ms)
{
	FoxPoster  *poster = fox_poster_new();
	Answer		answer = {0};

	if (poster == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	PG_TRY();
	{
		ask(poster, url, body, timeout_ms, &answer);
	}
	PG_FINALLY();
	{
		fox_poster_free(poster);
	}
	PG_END_TRY();
	if (answer.status == 0 || answer.error != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_CALL_FAILED),
				 errmsg("the callback has not answered: %s", answer.error)));
	if (answer.status < 200 || answer.status > 299)
		ereport(ERROR,
				(errcode(ERRCODE_FOX_CALL_FAILED),
				 errmsg("the callback has answered with HTTP status %ld", answer.status)));
	if (answer.body != NULL)
		(void) pg_verifymbstr(answer.body, (int) strlen(answer.body), false);
	return answer.body;
}
