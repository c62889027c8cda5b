/*
 * test_rpc_storm.c - callers and callees who do anything they may, at random: no
 * message breaks the protocol, and every call ends exactly once.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/core.h"

#define PEERS 6
#define STEPS 4000
#define CALLS 2000

typedef struct Call
{
	bool		sent;
	bool		open;			/* more of it may be sent, wanted or not */
	int			finals;
} Call;

typedef struct Actor
{
	Peer	   *peer;
	bool		able;			/* has announced everything */
	int			request;
	Call		calls[CALLS];
	bool		owed[CALLS];	/* invocations without a final answer */
	int			last_owed;
	uint64_t	registrations[64];
	int			n_registrations;
} Actor;

static Actor actors[PEERS];

static int
roll(int n)
{
	return rand() % n;
}

static void
join(Actor *a)
{
	static const char all[] = "\"call_canceling\":true,\"call_timeout\":true,\"payload_passthru_mode\":true,"
	"\"progressive_call_invocations\":true,\"progressive_call_results\":true,\"registration_revocation\":true";

	memset(a, 0, sizeof(*a));
	a->able = roll(3) > 0;
	a->peer = peer_open();
	peer_send(a->peer, "[1,\"realm1\",{\"roles\":{\"caller\":{\"features\":{%s}},\"callee\":{\"features\":{%s}}}}]",
			  a->able ? all : "", a->able ? all : "");
	assert_memory_equal(peer_next(a->peer), "[2,", 3);
}

static void
read_messages(Actor *a)
{
	for (const char *m; *(m = peer_next(a->peer)) != '\0';)
	{
		int			type;
		unsigned long long id = 0;
		unsigned long long more = 0;

		assert_true(sscanf(m, "[%d,%llu,%llu", &type, &id, &more) >= 1);
		if (type == 3)
			fail_msg("%s", m);
		else if (type == 65)
			a->registrations[a->n_registrations++ % 64] = more;
		else if (type == 68)
		{
			assert_true(id < CALLS);
			if ((int) id > a->last_owed)
				a->owed[a->last_owed = (int) id] = true;
			assert_true(a->owed[id]);
		}
		else if (type == 50 && strstr(m, "\"progress\":true") == NULL)
			a->calls[id].finals++;
		else if (type == 8 && id == 48)
			a->calls[more].finals++;
		if (type == 50 || (type == 8 && id == 48))
		{
			Call	   *c = &a->calls[type == 50 ? id : more];

			assert_true(c->sent);
			/* Of a final message this counts itself; a progressive one comes before any. */
			assert_true(c->finals == (type == 50 && strstr(m, "\"progress\":true") != NULL ? 0 : 1));
		}
	}
}

static void
call(Actor *a)
{
	static const char *const options[] = {
		"", ",\"receive_progress\":true", ",\"timeout\":20", ",\"disclose_me\":true",
		",\"runmode\":\"partition\",\"rkey\":1", ",\"runmode\":\"partition\",\"rkey\":\"k\"", ",\"timeout\":0,\"receive_progress\":true"
	};
	int			id = ++a->request;
	bool		more = a->able && roll(3) == 0;

	a->calls[id] = (Call){.sent = true, .open = more};
	peer_send(a->peer, "[48,%d,{\"progress\":%s%s%s},\"p%d\",[%d]]", id, more ? "true" : "false",
			  options[roll(7)], a->able && roll(4) == 0 ? ",\"ppt_scheme\":\"s\"" : "", roll(4), id);
}

static void
go_on(Actor *a)
{
	for (int id = a->request; id > 0 && id > a->request - 20; id--)
		if (a->calls[id].open && roll(3) > 0)
		{
			a->calls[id].open = roll(3) > 0;
			peer_send(a->peer, "[48,%d,{\"progress\":%s},\"p\",[%d]]", id, a->calls[id].open ? "true" : "false", id);
			return;
		}
}

static void
answer(Actor *a, bool at_last)
{
	for (int id = a->last_owed; id > 0; id--)
	{
		if (!a->owed[id] || (!at_last && roll(2) == 0))
			continue;
		if (!at_last && roll(4) == 0)
		{
			peer_send(a->peer, "[70,%d,{\"progress\":true},[%d]]", id, id);
			return;
		}
		a->owed[id] = false;
		switch (at_last ? 0 : roll(4))
		{
			case 0:
				peer_send(a->peer, "[70,%d,{%s},[%d]]", id, a->able && roll(3) == 0 ? "\"ppt_scheme\":\"s\"" : "", id);
				break;
			case 1:
				peer_send(a->peer, "[8,68,%d,{},\"my.error\"]", id);
				break;
			default:
				peer_send(a->peer, "[8,68,%d,{},\"wamp.error.unavailable\"]", id);
		}
		return;
	}
}

static void
offer(Actor *a)
{
	static const char *const invoke[] = {"single", "roundrobin", "random", "first", "last", "load"};
	int			which = roll(4);

	/* Each procedure has its policy, so that it is shared by most. */
	peer_send(a->peer, "[64,%d,{\"invoke\":\"%s\"%s%s%s},\"p%d\"]", ++a->request, invoke[which + roll(2)],
			  roll(2) ? ",\"concurrency\":1" : "", roll(6) == 0 ? ",\"force_reregister\":true" : "",
			  roll(2) ? ",\"forward_timeout\":true" : "", which);
}

static void
step(Actor *a)
{
	static const char *const modes[] = {"skip", "kill", "killnowait"};
	int			n = roll(100);

	if (n < 35 && a->request < CALLS - 1)
		call(a);
	else if (n < 50)
		go_on(a);
	else if (n < 80)
		answer(a, false);
	else if (n < 88 && a->request < CALLS - 1)
		offer(a);
	else if (n < 92 && a->n_registrations > 0)
		peer_send(a->peer, "[66,%d,%llu]", ++a->request,
				  (unsigned long long) a->registrations[roll(a->n_registrations < 64 ? a->n_registrations : 64)]);
	else if (n < 97 && a->request > 0)
		peer_send(a->peer, "[49,%d,{\"mode\":\"%s\"}]", 1 + roll(a->request), modes[roll(3)]);
	else if (n < 99)
		world_pass_ms(10);
	else
	{
		peer_lose(a->peer);
		join(a);
	}
}

static void
storm(unsigned seed)
{
	bool		busy = true;

	srand(seed);
	world_open();
	for (int i = 0; i < PEERS; i++)
		join(&actors[i]);
	for (int n = 0; n < STEPS; n++)
	{
		step(&actors[roll(PEERS)]);
		for (int i = 0; i < PEERS; i++)
			read_messages(&actors[i]);
	}
	/* Everybody gives the answers that are due, until there is nothing left. */
	while (busy)
	{
		busy = false;
		for (int i = 0; i < PEERS; i++)
		{
			for (int id = 1; id < CALLS; id++)
				busy |= actors[i].owed[id];
			answer(&actors[i], true);
			for (int k = 0; k < PEERS; k++)
				read_messages(&actors[k]);
		}
	}
	for (int i = 0; i < PEERS; i++)
		for (int id = 1; id < CALLS; id++)
			if (actors[i].calls[id].finals != (actors[i].calls[id].sent ? 1 : 0))
				fail_msg("seed %u: call %d of %d has %d answers", seed, id, i, actors[i].calls[id].finals);
	assert_int_equal(world_router()->call_bytes, 0);
	world_close();
}

static void
test_storm(void **state)
{
	(void) state;
	for (unsigned seed = 1; seed <= 10; seed++)
		storm(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
