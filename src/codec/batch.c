/*
 * batch.c - the batched WebSocket subprotocols (see batch.h).
 */
#include "codec/batch.h"

#include "base/pure.h"

#define SEPARATOR 0x1e
#define OTHER_SEPARATOR 0x18	/* neither stands in JSON text, not even in a string */
#define PREFIX 4

size_t
fox_batch_extra(FoxBatch batch)
{
	return batch == FOX_BATCH_TEXT ? 1 : batch == FOX_BATCH_BINARY ? PREFIX : 0;
}

void
fox_batch_copy(FoxBatch batch, FoxSlice message, size_t from, size_t n, unsigned char *p)
{
	size_t		before = batch == FOX_BATCH_BINARY ? PREFIX : 0;

	for (; n > 0 && from < before; n--)
		*p++ = (unsigned char) (message.len >> (24 - 8 * from++));
	if (n > 0 && from - before < message.len)
	{
		size_t		part = message.len - (from - before) < n ? message.len - (from - before) : n;

		memcpy(p, message.ptr + (from - before), part);
		p += part;
		n -= part;
	}
	if (n > 0)
		*p = SEPARATOR;
}

bool
fox_batch_next(FoxBatch batch, char **at, char *end, char **message, size_t *len)
{
	char	   *p = *at;

	if (batch == FOX_BATCH_TEXT)
	{
		while (p < end && *p != SEPARATOR && *p != OTHER_SEPARATOR)
			p++;
		if (p == end)
			return false;
		*message = *at;
		*len = (size_t) (p - *at);
		*at = p + 1;
		return true;
	}
	if (end - p < PREFIX)
		return false;
	*len = 0;
	for (int i = 0; i < PREFIX; i++)
		*len = *len << 8 | (unsigned char) *p++;
	if ((size_t) (end - p) < *len)
		return false;
	*message = p;
	*at = p + *len;
	return true;
}
