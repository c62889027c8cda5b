/*
 * unheard.c - events of SQL that sessions which keep their messages may not have heard yet (see unheard.h).
 *
 * What the ring has brought may be read as a row until that is deleted.  What was read as a row the ring
 * may bring much later, or never, if it has been full.
 */
#include "core/unheard.h"

#include <stdlib.h>

#include "base/pure.h"

typedef struct Heard
{
	FoxNode		node;			/* in router->heard, in the order of places, if the ring has brought it */
	uint64_t	row;
	uint64_t	place;			/* of its deletion */
} Heard;

static void
forget(FoxRouter *r, Heard *h)
{
	fox_list_del(&h->node);
	fox_idmap_del(&r->heard_by_row, h->row);
	free(h);
}

bool
fox_unheard_is_heard(const FoxRouter *r, uint64_t row)
{
	return fox_idmap_get(&r->heard_by_row, row) != NULL;
}

void
fox_unheard_heard(FoxRouter *r, const FoxChange *c)
{
	uint64_t	place = fox_router_store(r, &(FoxMqttRow){.kind = FOX_MQTT_UNHEARD_END, .number = c->unheard});
	Heard	   *h = calloc(1, sizeof(*h));

	if (h == NULL || !fox_idmap_put(&r->heard_by_row, c->unheard, h))
	{
		fox_router_warn(r, "an event may be heard twice", "out of memory");
		free(h);
		return;
	}
	fox_list_init(&h->node);
	h->row = c->unheard;
	h->place = place;
	if (!c->silent)
		fox_list_push(&r->heard, &h->node);
}

void
fox_unheard_over(FoxRouter *r, uint64_t row)
{
	Heard	   *h = fox_idmap_get(&r->heard_by_row, row);

	if (h != NULL)
		forget(r, h);
}

/* Not while rows are being read: these may be from before. */
void
fox_unheard_written(FoxRouter *r)
{
	while (!r->rereading && !fox_list_empty(&r->heard))
	{
		Heard	   *h = fox_container(Heard, node, r->heard.next);

		if (!fox_router_is_written(r, h->place))
			break;
		forget(r, h);
	}
}

void
fox_unheard_free(FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;

	while ((slot = fox_map_next(&r->heard_by_row, &pos)) != NULL)
		free(slot->value);
	fox_map_free(&r->heard_by_row);
}
