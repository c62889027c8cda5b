/*
 * kept.c - which topics are heard by sessions that keep their messages (see kept.h).
 */
#include "core/kept.h"

#include "base/pure.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t
hash(uint64_t h, FoxSlice s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char) s.ptr[i]) * FNV_PRIME;
	return h;
}

static FoxSlice
first_component(FoxSlice topic)
{
	const char *dot = topic.len > 0 ? memchr(topic.ptr, '.', topic.len) : NULL;

	return dot != NULL ? fox_slice(topic.ptr, (size_t) (dot - topic.ptr)) : topic;
}

/* A prefix may end within the component. */
static bool
is_open(const FoxSubscription *sub)
{
	FoxSlice	first = first_component(sub->topic);

	return first.len == 0 || (sub->kind == FOX_PREFIX && first.len == sub->topic.len);
}

unsigned
fox_kept_bit(FoxSlice realm, FoxSlice topic)
{
	uint64_t	h = hash(hash(hash(FNV_BASIS, realm), fox_slice("", 1)), first_component(topic));

	return 1 + (unsigned) ((h ^ h >> 32) % (FOX_KEPT_BITS - 1));
}

void
fox_kept_change(const FoxMember *m, bool on)
{
	const FoxSubscription *sub = m->subscription;
	FoxRouter  *r = sub->realm->router;
	unsigned	bit = is_open(sub) ? FOX_KEPT_ALL : fox_kept_bit(sub->realm->name, sub->topic);
	bool		was = r->kept[bit] > 0;

	if (on)
		r->kept[bit]++;
	else
		r->kept[bit]--;
	if (was != (r->kept[bit] > 0))
		r->ports.kept(r->ports.ctx, bit, on);
}
