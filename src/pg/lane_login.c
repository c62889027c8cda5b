/*
 * lane_login.c - see lane_login.h.
 *
 * A question holds what a client has sent to be let in: where one goes its bytes are wiped.
 */
#include "postgres.h"

#include <stdlib.h>

#include "base/digest.h"
#include "pg/lane_login.h"
#include "pg/wire_msg.h"

#define UNDER_WAY 2

static FoxNode waiting;
static int	under_way = 0;

void
fox_logins_init(void)
{
	fox_list_init(&waiting);
}

bool
fox_logins_add(uint64 id, uint64_t token, FoxSlice question)
{
	FoxBuf		message = {0};
	FoxRequest *r = NULL;

	fox_wire_put_u8(&message, FOX_WIRE_LOGIN);
	fox_wire_put_u64(&message, id);
	fox_wire_put_slice(&message, question);
	if (!message.failed)
		r = fox_request_new(FOX_WIRE_LOGIN, id, fox_buf_view(&message), FOX_LIT(""), FOX_LIT(""));
	fox_wipe(message.data, message.len);
	fox_buf_free(&message);
	if (r == NULL)
		return false;
	r->token = token;
	fox_list_push(&waiting, &r->node);
	return true;
}

void
fox_logins_drop(uint64_t token)
{
	fox_list_each(n, &waiting)
	{
		FoxRequest *r = fox_container(FoxRequest, node, n);

		if (r->token != token)
			continue;
		fox_wipe(r->message, r->len);
		fox_list_del(&r->node);
		free(r);
		return;
	}
}

FoxRequest *
fox_logins_take(void)
{
	FoxRequest *r;

	if (under_way >= UNDER_WAY || fox_list_empty(&waiting))
		return NULL;
	r = fox_container(FoxRequest, node, waiting.next);
	fox_list_del(&r->node);
	under_way++;
	return r;
}

void
fox_logins_left(void)
{
	under_way--;
}
