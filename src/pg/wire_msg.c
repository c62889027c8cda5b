/*
 * wire_msg.c - what router and executor say to each other.
 */
#include "postgres.h"

#include "pg/wire_msg.h"

#define ABSENT PG_UINT32_MAX

#define WRITE_WILL_ON_END	0x01
#define WRITE_ONLY_OWNER	0x02
#define WRITE_MERGE			0x04

#define ROW_DELETED			0x01
#define ROW_SILENT			0x02

void
fox_wire_put_u8(FoxBuf *b, uint8 v)
{
	fox_buf_put(b, &v, sizeof(v));
}

void
fox_wire_put_u64(FoxBuf *b, uint64 v)
{
	fox_buf_put(b, &v, sizeof(v));
}

void
fox_wire_put_slice(FoxBuf *b, FoxSlice s)
{
	uint32		len = fox_absent(s) ? ABSENT : (uint32) s.len;

	fox_buf_put(b, &len, sizeof(len));
	if (!fox_absent(s))
		fox_buf_put(b, s.ptr, s.len);
}

void
fox_wire_put_write(FoxBuf *b, uint64 id, const FoxWrite *w)
{
	fox_wire_put_u8(b, FOX_WIRE_WRITE);
	fox_wire_put_u64(b, id);
	fox_wire_put_u8(b, w->kind);
	fox_wire_put_u8(b, (w->will_on_end ? WRITE_WILL_ON_END : 0) |
					(w->only_owner ? WRITE_ONLY_OWNER : 0) |
					(w->merge ? WRITE_MERGE : 0));
	fox_wire_put_u64(b, w->token);
	fox_wire_put_u64(b, w->publication);
	fox_wire_put_u64(b, w->session);
	fox_wire_put_u64(b, w->order);
	fox_buf_put(b, &w->pid, sizeof(w->pid));
	fox_buf_put(b, &w->ttl, sizeof(w->ttl));
	fox_wire_put_slice(b, w->realm);
	fox_wire_put_slice(b, w->topic);
	fox_wire_put_slice(b, w->args);
	fox_wire_put_slice(b, w->kwargs);
	fox_wire_put_slice(b, w->when);
	fox_wire_put_slice(b, w->will);
	fox_wire_put_slice(b, w->audience);
	fox_wire_put_slice(b, w->original);
	fox_wire_put_u64(b, w->received.session);
	fox_wire_put_u64(b, w->received.packet);
}

void
fox_wire_put_row(FoxBuf *b, const FoxChange *c)
{
	fox_wire_put_u8(b, c->kind);
	fox_wire_put_u8(b, (c->deleted ? ROW_DELETED : 0) | (c->silent ? ROW_SILENT : 0));
	fox_wire_put_u64(b, c->publication);
	fox_wire_put_u64(b, c->owner);
	fox_wire_put_u64(b, c->unheard);
	fox_buf_put(b, &c->pid, sizeof(c->pid));
	fox_wire_put_slice(b, c->realm);
	fox_wire_put_slice(b, c->topic);
	fox_wire_put_slice(b, c->args);
	fox_wire_put_slice(b, c->kwargs);
	fox_wire_put_slice(b, c->options);
	fox_wire_put_slice(b, c->original);
}

/* Of one that goes only what names it. */
void
fox_wire_put_past(FoxBuf *b, const FoxPastRow *p)
{
	fox_wire_put_u8(b, p->deleted);
	fox_wire_put_slice(b, p->realm);
	fox_wire_put_u64(b, p->position);
	if (p->deleted)
		return;
	fox_wire_put_u64(b, p->publication);
	fox_wire_put_u64(b, (uint64) p->at_us);
	fox_wire_put_slice(b, p->topic);
	fox_wire_put_slice(b, p->args);
	fox_wire_put_slice(b, p->kwargs);
	fox_wire_put_u64(b, p->session);
	fox_wire_put_slice(b, p->authid);
	fox_wire_put_slice(b, p->authrole);
}

void
fox_wire_put_mqtt(FoxBuf *b, const FoxMqttRow *row)
{
	fox_wire_put_u8(b, row->kind);
	fox_wire_put_u64(b, row->session);
	fox_wire_put_u64(b, row->publication);
	fox_wire_put_u64(b, row->number);
	fox_wire_put_slice(b, row->realm);
	fox_wire_put_slice(b, row->client_id);
	fox_wire_put_slice(b, row->authid);
	fox_wire_put_slice(b, row->authrole);
	fox_wire_put_slice(b, row->authmethod);
	fox_wire_put_u64(b, (uint64) row->expiry << 32 | row->delay);
	fox_wire_put_u64(b, row->away_us);
	fox_wire_put_u64(b, row->identifier);
	fox_wire_put_u8(b, (uint8) (row->connected | row->has_will << 1 | row->no_local << 2 | row->as_published << 3 |
								row->retain << 4 | row->released << 5 | row->qos << 6));
	fox_wire_put_slice(b, row->filter);
	fox_wire_put_slice(b, row->topic);
	fox_wire_put_slice(b, row->payload);
	fox_wire_put_slice(b, row->props);
	fox_wire_put_slice(b, row->own);
	fox_wire_put_u64(b, row->expires_us);
}

void
fox_wire_put_delivery(FoxBuf *b, const FoxDelivery *d)
{
	fox_wire_put_u8(b, 0);
	fox_wire_put_u64(b, d->handler);
	fox_wire_put_u64(b, d->publication);
	fox_wire_put_u8(b, d->hops);
	fox_wire_put_slice(b, d->topic);
	fox_wire_put_slice(b, d->args);
	fox_wire_put_slice(b, d->kwargs);
	fox_wire_put_slice(b, d->details);
}

static void
take(FoxWire *w, void *into, Size n)
{
	if (w->bad || (Size) (w->end - w->at) < n)
	{
		w->bad = true;
		memset(into, 0, n);
		return;
	}
	memcpy(into, w->at, n);
	w->at += n;
}

uint8
fox_wire_u8(FoxWire *w)
{
	uint8		v;

	take(w, &v, sizeof(v));
	return v;
}

uint64
fox_wire_u64(FoxWire *w)
{
	uint64		v;

	take(w, &v, sizeof(v));
	return v;
}

FoxSlice
fox_wire_slice(FoxWire *w)
{
	uint32		len;
	FoxSlice	s;

	take(w, &len, sizeof(len));
	if (w->bad || len == ABSENT)
		return FOX_ABSENT;
	if ((Size) (w->end - w->at) < len)
	{
		w->bad = true;
		return FOX_ABSENT;
	}
	s = fox_slice(w->at, len);
	w->at += len;
	return s;
}

void
fox_wire_write(FoxWire *w, FoxWrite *out)
{
	uint8		flags;

	memset(out, 0, sizeof(*out));
	out->kind = fox_wire_u8(w);
	flags = fox_wire_u8(w);
	out->will_on_end = (flags & WRITE_WILL_ON_END) != 0;
	out->only_owner = (flags & WRITE_ONLY_OWNER) != 0;
	out->merge = (flags & WRITE_MERGE) != 0;
	out->token = fox_wire_u64(w);
	out->publication = fox_wire_u64(w);
	out->session = fox_wire_u64(w);
	out->order = fox_wire_u64(w);
	take(w, &out->pid, sizeof(out->pid));
	take(w, &out->ttl, sizeof(out->ttl));
	out->realm = fox_wire_slice(w);
	out->topic = fox_wire_slice(w);
	out->args = fox_wire_slice(w);
	out->kwargs = fox_wire_slice(w);
	out->when = fox_wire_slice(w);
	out->will = fox_wire_slice(w);
	out->audience = fox_wire_slice(w);
	out->original = fox_wire_slice(w);
	out->received.session = fox_wire_u64(w);
	out->received.packet = (uint16) fox_wire_u64(w);
	if (fox_absent(out->realm) || fox_absent(out->topic) || out->kind > FOX_WRITE_DISOWN)
		w->bad = true;
}

void
fox_wire_row(FoxWire *w, FoxChange *out)
{
	uint8		flags;

	memset(out, 0, sizeof(*out));
	out->kind = fox_wire_u8(w);
	flags = fox_wire_u8(w);
	out->deleted = (flags & ROW_DELETED) != 0;
	out->silent = (flags & ROW_SILENT) != 0;
	out->publication = fox_wire_u64(w);
	out->owner = fox_wire_u64(w);
	out->unheard = fox_wire_u64(w);
	take(w, &out->pid, sizeof(out->pid));
	out->realm = fox_wire_slice(w);
	out->topic = fox_wire_slice(w);
	out->args = fox_wire_slice(w);
	out->kwargs = fox_wire_slice(w);
	out->options = fox_wire_slice(w);
	out->original = fox_wire_slice(w);
}

bool
fox_wire_is_mqtt(FoxWire *w)
{
	return fox_wire_more(w) && *w->at != 0;
}

void
fox_wire_mqtt(FoxWire *w, FoxMqttRow *out)
{
	uint64		numbers;
	uint8		flags;

	memset(out, 0, sizeof(*out));
	out->kind = fox_wire_u8(w);
	out->session = fox_wire_u64(w);
	out->publication = fox_wire_u64(w);
	out->number = fox_wire_u64(w);
	out->realm = fox_wire_slice(w);
	out->client_id = fox_wire_slice(w);
	out->authid = fox_wire_slice(w);
	out->authrole = fox_wire_slice(w);
	out->authmethod = fox_wire_slice(w);
	numbers = fox_wire_u64(w);
	out->expiry = (uint32) (numbers >> 32);
	out->delay = (uint32) numbers;
	out->away_us = fox_wire_u64(w);
	out->identifier = (uint32) fox_wire_u64(w);
	flags = fox_wire_u8(w);
	out->connected = flags & 1;
	out->has_will = flags >> 1 & 1;
	out->no_local = flags >> 2 & 1;
	out->as_published = flags >> 3 & 1;
	out->retain = flags >> 4 & 1;
	out->released = flags >> 5 & 1;
	out->qos = flags >> 6;
	out->filter = fox_wire_slice(w);
	out->topic = fox_wire_slice(w);
	out->payload = fox_wire_slice(w);
	out->props = fox_wire_slice(w);
	out->own = fox_wire_slice(w);
	out->expires_us = fox_wire_u64(w);
}

void
fox_wire_delivery(FoxWire *w, FoxDelivery *out)
{
	(void) fox_wire_u8(w);
	out->handler = fox_wire_u64(w);
	out->publication = fox_wire_u64(w);
	out->hops = fox_wire_u8(w);
	out->topic = fox_wire_slice(w);
	out->args = fox_wire_slice(w);
	out->kwargs = fox_wire_slice(w);
	out->details = fox_wire_slice(w);
	if (fox_absent(out->topic) || fox_absent(out->details))
		w->bad = true;
}

void
fox_wire_past(FoxWire *w, FoxPastRow *out)
{
	memset(out, 0, sizeof(*out));
	out->deleted = fox_wire_u8(w) != 0;
	out->realm = fox_wire_slice(w);
	out->position = fox_wire_u64(w);
	if (fox_absent(out->realm))
		w->bad = true;
	if (out->deleted)
		return;
	out->publication = fox_wire_u64(w);
	out->at_us = (int64) fox_wire_u64(w);
	out->topic = fox_wire_slice(w);
	out->args = fox_wire_slice(w);
	out->kwargs = fox_wire_slice(w);
	out->session = fox_wire_u64(w);
	out->authid = fox_wire_slice(w);
	out->authrole = fox_wire_slice(w);
	if (fox_absent(out->topic))
		w->bad = true;
}
