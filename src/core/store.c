/*
 * store.c - what a session leaves to be written, and who waits for it.
 */
#include "core/kept.h"

#include "base/pure.h"

void
fox_router_warn(FoxRouter *r, const char *what, const char *why)
{
	fox_router_log(r, FOX_LOG_WARNING, "%s: %s", what, why);
}

uint64_t
fox_router_store(FoxRouter *r, const FoxMqttRow *row)
{
	return r->ports.mqtt(r->ports.ctx, row) ? ++r->deliveries_sent : 0;
}

uint64_t
fox_router_stored(const FoxRouter *r)
{
	return r->deliveries_sent;
}

bool
fox_router_is_written(const FoxRouter *r, uint64_t place)
{
	return place <= r->deliveries_written;
}

void
fox_event_store(FoxEvent *e, uint64_t place)
{
	if (e->accepted == NULL)
		return;
	if (place == 0)
		fox_receipt_fail(e->accepted);
	else
		fox_receipt_expect_written(e->accepted, place);
}

void
fox_session_keeps(FoxSession *s, bool on)
{
	if (on)
		s->realm->durable_handlers++;
	else
		s->realm->durable_handlers--;
	s->keeps = on;
	fox_list_each(n, &s->members)
		fox_kept_change(fox_container(FoxMember, in_session, n), on);
}

void
fox_session_resubscribe(FoxSession *s, uint64_t request, FoxSlice options, FoxSlice topic)
{
	fox_broker_subscribe(s, request, options, topic);
}

uint64_t
fox_router_retained(const FoxRouter *r)
{
	size_t		pos = 0;
	FoxMapSlot *slot;
	uint64_t	count = 0;

	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
		count += ((FoxRealm *) slot->value)->retained.count;
	return count;
}
