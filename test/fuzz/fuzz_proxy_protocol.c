/*
 * fuzz_proxy_protocol.c - a connection's beginning: what is done or bad stays so when more comes,
 * and what is waited for is waited for all the way there.
 */
#include <stdlib.h>

#include "codec/proxy_protocol.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FoxProxyHeader whole;
	FoxProxyResult result = fox_proxy_header((const char *) data, size, &whole);
	bool		told = false;

	if (result == FOX_PROXY_DONE && (whole.len == 0 || whole.len > size || whole.len > FOX_PROXY_MAX))
		abort();
	if ((result == FOX_PROXY_BAD) != (whole.fault != NULL) || (result == FOX_PROXY_MORE && size >= FOX_PROXY_MAX))
		abort();
	for (size_t n = 0; n <= size && n <= FOX_PROXY_MAX; n++)
	{
		char	   *piece = malloc(n + (n == 0));	/* no byte more, so that a read behind it is found */
		FoxProxyHeader h;
		FoxProxyResult part;

		if (n > 0)
			memcpy(piece, data, n);
		part = fox_proxy_header(piece, n, &h);
		free(piece);
		if (told ? part != result : part != FOX_PROXY_MORE && part != result)
			abort();
		if (part == FOX_PROXY_DONE && (h.len != whole.len || n < h.len || strcmp(h.peer, whole.peer) != 0))
			abort();
		told = part != FOX_PROXY_MORE;
		if (part == FOX_PROXY_DONE && n > whole.len + 16)
			break;
	}
	return 0;
}
