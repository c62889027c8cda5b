/*
 * event.c - an event on its way: the forms that it is sent in, each made once, and what waits for its end.
 */
#include "base/hash.h"
#include "core/core.h"

#include "base/pure.h"

const FoxPayload *
fox_event_json(FoxEvent *e)
{
	if (e->json_memory.data == NULL && !fox_payload_as(&e->payload, FOX_JSON, &e->json_memory, &e->json))
		return NULL;
	return &e->json;
}

static void
drop_forms(FoxEvent *e, int from, int to)
{
	for (int i = from; i < to; i++)
	{
		fox_bytes_unref(e->encoded[i]);
		e->encoded[i] = NULL;
	}
}

void
fox_event_encode_for(FoxEvent *e, const FoxSubscription *sub)
{
	if (e->encoded_for == sub)
		return;
	drop_forms(e, 0, FOX_FORM_MQTT);
	e->encoded_for = sub;
	e->stream = 0;
}

uint64_t
fox_event_stream(FoxEvent *e, const FoxSubscription *sub)
{
	fox_event_encode_for(e, sub);
	if (e->stream == 0)
		e->stream = sub->id ^ (sub->kind == FOX_EXACT ? 0 : fox_hash_bytes(e->topic.ptr, e->topic.len));
	return e->stream;
}

void
fox_event_later(FoxEvent *e, FoxLater *later)
{
	if (later->next != NULL)
		return;
	later->next = e->later != NULL ? e->later : later;	/* the last one points at itself */
	e->later = later;
}

void
fox_event_done(FoxEvent *e)
{
	while (e->later != NULL)
	{
		FoxLater   *later = e->later;

		e->later = later->next != later ? later->next : NULL;
		later->next = NULL;
		later->run(later, e);
	}
	drop_forms(e, 0, FOX_FORMS);
	fox_buf_free(&e->json_memory);
}
