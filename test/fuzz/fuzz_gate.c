/* fuzz_gate.c - a joined session sends any messages, one a line, to a router whose store answers between them. */
#include <stdlib.h>

#include "codec/json.h"
#include "gate/wamp_gate.h"
#include "router.h"

static void
send_message(void *conn, FoxBytes *m, bool binary)
{
	(void) conn, (void) binary;
	if (!fox_json_valid(fox_slice(m->data, m->len), NULL))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = "[1,\"realm1\",{\"roles\":{\"callee\":{\"features\":{\"call_canceling\":true,"
		"\"progressive_call_results\":true,\"progressive_call_invocations\":true,\"payload_passthru_mode\":true,"
		"\"registration_revocation\":true,\"call_timeout\":true}},\"caller\":{\"features\":{"
		"\"progressive_call_invocations\":true,\"payload_passthru_mode\":true}},\"subscriber\":{\"features\":{"
		"\"x_acknowledged_event_delivery\":true}}}}]";
	FoxRouter  *router = fuzz_router_open();
	FoxTransport transport = fuzz_transport(NULL, send_message);
	void	   *gates[2];
	int			turn = 0;

	for (int i = 0; i < 2; i++)
	{
		char		copy[sizeof(hello)];

		memcpy(copy, hello, sizeof(hello));
		gates[i] = fox_wamp_gate_open(router, &transport,
									  &(FoxPeer){"127.0.0.1:1", "wamp.2.json", true, "", "websocket", true, "", "", "", FOX_ABSENT});
		fox_wamp_gate_message(gates[i], copy, sizeof(hello) - 1, false);
	}
	for (size_t at = 0; at < size && turn < 64; turn++)
	{
		const uint8_t *line = memchr(data + at, '\n', size - at);
		size_t		n = line ? (size_t) (line - (data + at)) : size - at;
		char	   *copy = malloc(n + 1);

		memcpy(copy, data + at, n);
		fox_wamp_gate_message(gates[turn & 1], copy, n, false);
		free(copy);
		if (turn % 3 == 0)
			fuzz_commit();
		fox_router_tick(router);
		at += n + 1;
	}
	for (int i = 0; i < 2; i++)
		fox_wamp_gate_close(gates[i], FOX_GATE_LOST);
	fuzz_router_close();
	return 0;
}
