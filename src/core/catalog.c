/*
 * catalog.c - where services are (see catalog.h).
 */
#include "codec/json_out.h"
#include "core/catalog.h"

#include <stdlib.h>
#include <time.h>

#include "base/pure.h"

#define ANNOUNCED_MAX 1000		/* of one session, or of all that have none of their own */

struct FoxOffer
{
	FoxNode		in_realm;		/* the newest is the first */
	FoxNode		in_session;
	FoxRealm   *realm;
	FoxSession *session;		/* with which it vanishes; NULL: with none */
	bool		announced;		/* it is no row */
	uint64_t	number;			/* of those announced; 0: it is a row */
	int64_t		added_us;		/* since 1970 */
	int64_t		expires_us;		/* the same; 0: never */
	FoxTimer	timer;
	FoxShare	share;
	FoxSlice	row;			/* the row's key; these are in block */
	FoxSlice	service;
	FoxSlice	url;
	FoxSlice	node;			/* absent: none is named */
	FoxSlice	uri_prefix;		/* absent: root.service, whatever the root */
	FoxSlice	contract;
	FoxSlice	authid;			/* who has announced it */
	char		block[];
};

static int64_t
wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- what others see --- */

FoxSlice
fox_offer_url(const FoxOffer *offer)
{
	return offer->url;
}

static void
put_text(FoxBuf *out, const char *name, FoxSlice text)
{
	fox_json_put_name(out, name);
	if (fox_absent(text))
		fox_buf_str(out, "null");
	else
		fox_buf_json_str(out, text);
}

static void
put_members(FoxBuf *out, const FoxOffer *o)
{
	fox_buf_char(out, '{');
	put_text(out, "service", o->service);
	put_text(out, "node", o->node);
	put_text(out, "url", o->url);
	put_text(out, "realm", o->realm->name);
	put_text(out, "uri_prefix", o->uri_prefix);
	put_text(out, "contract", o->contract);
}

void
fox_offer_put(FoxBuf *out, const FoxOffer *offer)
{
	put_members(out, offer);
	fox_buf_char(out, '}');
}

/* ["added" or "removed", reference] */
static void
tell(const FoxOffer *o, const char *what, const FoxSession *s)
{
	static const char topic[] = "fox_wamp.meta.catalog";
	FoxBuf		args = {0};

	if (!fox_meta_heard(o->realm, topic))
		return;
	fox_buf_str(&args, "[\"");
	fox_buf_str(&args, what);
	fox_buf_str(&args, "\",");
	fox_offer_put(&args, o);
	fox_buf_char(&args, ']');
	fox_meta_publish(o->realm, topic, &args, s);
}

void
fox_catalog_answer(FoxRouter *r, uint64_t ask)
{
	FoxBuf		row = {0};
	FoxMapSlot *slot;
	size_t		pos = 0;

	while ((slot = fox_map_next(&r->realms, &pos)) != NULL)
		fox_list_each(n, &((FoxRealm *) slot->value)->offers)
		{
			const FoxOffer *o = fox_container(FoxOffer, in_realm, n);

			if (!o->announced)
				continue;
			fox_buf_reset(&row);
			put_members(&row, o);
			fox_share_put(&row, &o->share);
			fox_json_put_number(&row, "id", o->number);
			fox_json_put_number(&row, "session", o->session != NULL ? o->session->id : 0);
			fox_json_put_number(&row, "added_us", (uint64_t) o->added_us);
			fox_json_put_number(&row, "expires_us", (uint64_t) o->expires_us);
			fox_buf_char(&row, '}');
			if (!row.failed)
				r->ports.answer(r->ports.ctx, ask, fox_buf_view(&row), false);
		}
	fox_buf_free(&row);
	r->ports.answer(r->ports.ctx, ask, FOX_ABSENT, true);
}

/* --- coming and going --- */

static void
drop(FoxOffer *o, bool silent)
{
	fox_list_del(&o->in_realm);
	fox_list_del(&o->in_session);
	fox_timer_clear(&o->realm->router->timers, &o->timer);
	if (!silent)
		tell(o, "removed", o->session);
	free(o);
}

static void
expired(void *ctx, FoxTimer *timer)
{
	(void) ctx;
	drop(fox_container(FoxOffer, timer, timer), false);
}

/* Without memory for a timer it stays longer than it should. */
static void
expire_at(FoxOffer *o, int64_t us)
{
	FoxRouter  *r = o->realm->router;
	int64_t		now = wall_us();

	o->expires_us = us;
	fox_timer_clear(&r->timers, &o->timer);
	if (us != 0)
		(void) fox_timer_set(&r->timers, &o->timer, fox_router_now(r) + (us > now ? (uint64_t) (us - now) : 0), expired);
}

static FoxSlice
keep_text(char **at, FoxSlice object, const char *name, FoxBuf *scratch)
{
	fox_buf_reset(scratch);
	return fox_slice_keep(at, fox_json_text(fox_json_get(object, name), scratch));
}

/* The texts of the object are no longer than it is. */
static FoxOffer *
offer_new(FoxRealm *realm, FoxSlice service, FoxSlice object, FoxSlice row, FoxSlice authid)
{
	FoxOffer   *o = calloc(1, sizeof(*o) + service.len + object.len + row.len + authid.len + 1);
	FoxBuf		scratch = {0};
	char	   *at;

	if (o == NULL)
		return NULL;
	at = o->block;
	o->realm = realm;
	o->row = fox_slice_keep(&at, row);
	o->authid = fox_slice_keep(&at, authid);
	o->service = fox_slice_keep(&at, service);
	o->url = keep_text(&at, object, "url", &scratch);
	o->node = keep_text(&at, object, "node", &scratch);
	o->uri_prefix = keep_text(&at, object, "uri_prefix", &scratch);
	o->contract = keep_text(&at, object, "contract", &scratch);
	fox_buf_free(&scratch);
	fox_list_init(&o->in_session);
	fox_list_init(&o->in_realm);
	return o;
}

static void
enter(FoxOffer *o)
{
	FoxNode    *at = &o->realm->offers;

	/* Behind those that are newer. */
	fox_list_each(n, &o->realm->offers)
	{
		if (fox_container(FoxOffer, in_realm, n)->added_us <= o->added_us)
			break;
		at = n;
	}
	fox_list_push_front(at, &o->in_realm);
}

static FoxOffer *
row_find(const FoxRealm *realm, FoxSlice row)
{
	fox_list_each(n, &realm->offers)
		if (fox_slice_eq(fox_container(FoxOffer, in_realm, n)->row, row))
			return fox_container(FoxOffer, in_realm, n);
	return NULL;
}

/* topic = service, kwargs = key, args = [{"url","node","uri_prefix","contract","from","to","modulus","remainder","added_us","expires_us"}] */
void
fox_catalog_change(FoxRouter *r, const FoxChange *c)
{
	FoxRealm   *realm = fox_realm_find(r, c->realm);
	FoxOffer   *former = realm != NULL ? row_find(realm, c->kwargs) : NULL;
	FoxOffer   *o;
	FoxSlice	row = FOX_ABSENT;
	uint64_t	us = 0;
	size_t		pos = 0;

	if (former != NULL)
		drop(former, c->silent);
	if (realm == NULL || c->deleted || fox_absent(c->args) || !fox_json_element(c->args, &pos, &row))
		return;
	o = offer_new(realm, c->topic, row, c->kwargs, FOX_ABSENT);
	if (o == NULL)
	{
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: an address of a service is missing until the router restarts");
		return;
	}
	(void) fox_share_read(row, &o->share);
	(void) fox_json_uint(fox_json_get(row, "added_us"), &us);
	o->added_us = (int64_t) us;
	enter(o);
	if (fox_json_uint(fox_json_get(row, "expires_us"), &us))
		expire_at(o, (int64_t) us);
	if (!c->silent)
		tell(o, "added", NULL);
}

void
fox_catalog_session_end(FoxSession *s)
{
	fox_list_each(n, &s->offers)
		drop(fox_container(FoxOffer, in_session, n), false);
}

/* Sessions have ended before. */
void
fox_catalog_free(FoxRealm *realm)
{
	fox_list_each(n, &realm->offers)
		drop(fox_container(FoxOffer, in_realm, n), true);
}

/* --- looking --- */

static bool
same_text(FoxSlice a, FoxSlice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (a.ptr[i] != b.ptr[i] && ((a.ptr[i] | 0x20) != (b.ptr[i] | 0x20) || (a.ptr[i] | 0x20) < 'a' || (a.ptr[i] | 0x20) > 'z'))
			return false;
	return true;
}

/* Is it below root.service, or the prefix? */
static bool
has_procedure(const FoxOffer *o, FoxSlice procedure)
{
	FoxSlice	component = FOX_ABSENT;

	if (!fox_absent(o->uri_prefix))
		return procedure.len >= o->uri_prefix.len && same_text(fox_slice(procedure.ptr, o->uri_prefix.len), o->uri_prefix) &&
			(procedure.len == o->uri_prefix.len || procedure.ptr[o->uri_prefix.len] == '.');
	return fox_uri_component(&procedure, &component) && fox_uri_component(&procedure, &component) && same_text(component, o->service);
}

typedef bool (*Fits) (const FoxOffer *o, FoxSlice what);

static bool
has_name(const FoxOffer *o, FoxSlice service)
{
	return same_text(o->service, service);
}

static const FoxOffer *
pick(const FoxRealm *realm, Fits fits, FoxSlice what, FoxCriterion criterion)
{
	const FoxOffer *best = NULL;
	int			rank = 0;

	fox_list_each(n, &realm->offers)
	{
		const FoxOffer *o = fox_container(FoxOffer, in_realm, n);
		int			fit = !fits(o, what) ? 0 : criterion.given ? fox_share_fits(&o->share, criterion.value) : 1;

		if (fit > rank)
		{
			best = o;
			rank = fit;
		}
	}
	return best;
}

const FoxOffer *
fox_catalog_pick(const FoxRealm *realm, FoxSlice service, FoxCriterion criterion)
{
	return pick(realm, has_name, service, criterion);
}

const FoxOffer *
fox_catalog_elsewhere(const FoxRealm *realm, FoxSlice procedure, FoxCriterion criterion)
{
	const FoxOffer *o = fox_list_empty(&realm->offers) ? NULL : pick(realm, has_procedure, procedure, criterion);
	const char *here = realm->router->config.node;

	return o != NULL && here[0] != '\0' && fox_slice_is(o->node, here) ? NULL : o;
}

/* --- procedures --- */

/* [service]: references to all of it, or with "*" or none of all services, the newest first */
static const char *
catalog_list(FoxMetaCall *c)
{
	FoxSlice	value = fox_meta_arg(c, 0, "service");
	FoxBuf		scratch = {0};
	FoxSlice	service = fox_absent(value) ? FOX_LIT("*") : fox_meta_text(c, 0, "service", &scratch);
	bool		all = fox_slice_is(service, "*");
	size_t		from = c->out.len;

	if (!fox_absent(service))
	{
		fox_buf_char(&c->out, '[');
		fox_list_each(n, &c->realm->offers)
		{
			const FoxOffer *o = fox_container(FoxOffer, in_realm, n);

			if (!all && !same_text(o->service, service))
				continue;
			if (c->out.len > from + 1)
				fox_buf_char(&c->out, ',');
			fox_offer_put(&c->out, o);
		}
		fox_buf_char(&c->out, ']');
	}
	fox_buf_free(&scratch);
	return fox_absent(service) ? FOX_ERR_INVALID_ARGUMENT : NULL;
}

/* [service, shard]: {"found":boolean,"ref":reference or null} */
static const char *
catalog_get(FoxMetaCall *c)
{
	FoxCriterion criterion;
	FoxBuf		scratch = {0};
	FoxSlice	service = fox_meta_text(c, 0, "service", &scratch);
	const FoxOffer *o;

	if (fox_absent(service))
		return FOX_ERR_INVALID_ARGUMENT;
	if (!fox_criterion_read(fox_meta_arg(c, 1, "shard"), &criterion))
	{
		c->text = "shard must be an integer";
		fox_buf_free(&scratch);
		return FOX_ERR_INVALID_ARGUMENT;
	}
	o = fox_catalog_pick(c->realm, service, criterion);
	fox_buf_free(&scratch);
	fox_buf_str(&c->out, o != NULL ? "{\"found\":true,\"ref\":" : "{\"found\":false,\"ref\":null");
	if (o != NULL)
		fox_offer_put(&c->out, o);
	fox_buf_char(&c->out, '}');
	return NULL;
}

/* The session's own, or where it is nobody's one that nobody's session has announced for the same client. */
static bool
is_own(const FoxOffer *o, const FoxSession *s)
{
	if (!o->announced)
		return false;
	return o->session != NULL ? o->session == s : s->passing && fox_slice_eq(o->authid, s->authid);
}

static const char *
read_offer(FoxMetaCall *c, FoxSlice service, FoxSlice kwargs, uint64_t *seconds, FoxOffer **out)
{
	FoxSlice	ttl = fox_meta_arg(c, -1, "ttl");
	FoxSlice	url = fox_meta_arg(c, -1, "url");
	FoxOffer   *o;

	if (fox_absent(service) || fox_json_kind(url) != FOX_JSON_STRING)
		c->text = "service and url must be strings";
	else if (!fox_absent(ttl) && (!fox_json_uint(ttl, seconds) || *seconds == 0 || *seconds > UINT32_MAX))
		c->text = "ttl must be a number of seconds";
	else if (fox_absent(ttl) && c->session->passing)
		c->text = "who has no session must name a ttl";
	if (c->text != NULL)
		return FOX_ERR_INVALID_ARGUMENT;
	o = *out = offer_new(c->realm, service, kwargs, FOX_ABSENT, c->session->authid);
	if (o == NULL)
		return FOX_ERR_UNAVAILABLE;
	c->text = fox_absent(o->url) || o->url.len == 0 || service.len == 0 || fox_slice_is(service, "*") ? "service and url must be texts" :
		fox_share_read(kwargs, &o->share);
	return c->text != NULL ? FOX_ERR_INVALID_ARGUMENT : NULL;
}

/* The one that it takes the place of; *count is how many there are that count against the same limit. */
static FoxOffer *
find_former(const FoxMetaCall *c, const FoxOffer *o, uint32_t *count)
{
	FoxOffer   *former = NULL;

	*count = 0;
	fox_list_each(n, &c->realm->offers)
	{
		FoxOffer   *other = fox_container(FoxOffer, in_realm, n);

		*count += other->announced && other->session == (c->session->passing ? NULL : c->session);
		if (is_own(other, c->session) && same_text(other->service, o->service) && fox_slice_eq(other->url, o->url) &&
			fox_share_same(&other->share, &o->share))
			former = other;
	}
	return former;
}

/* {"service","url","node","uri_prefix","contract","from","to","modulus","remainder","ttl"}: its number; the same again goes on for another ttl */
static const char *
catalog_announce(FoxMetaCall *c)
{
	static uint64_t last_number = 0;
	FoxSlice	kwargs = fox_absent(c->kwargs) ? FOX_LIT("{}") : c->kwargs;
	FoxBuf		scratch = {0};
	uint64_t	seconds = 0;
	FoxOffer   *o = NULL;
	FoxOffer   *former;
	uint32_t	count;
	const char *error = read_offer(c, fox_json_text(fox_json_get(kwargs, "service"), &scratch), kwargs, &seconds, &o);

	fox_buf_free(&scratch);
	if (error != NULL)
	{
		free(o);
		return error;
	}
	former = find_former(c, o, &count);
	if (former == NULL && count >= ANNOUNCED_MAX)
	{
		free(o);
		c->text = "too many are announced";
		return FOX_ERR_UNAVAILABLE;
	}
	o->announced = true;
	o->number = former != NULL ? former->number : ++last_number;
	o->added_us = former != NULL ? former->added_us : wall_us();
	if (!c->session->passing)
	{
		o->session = c->session;
		fox_list_push(&c->session->offers, &o->in_session);
	}
	if (former == NULL)
		tell(o, "added", NULL);
	else
		drop(former, true);
	enter(o);
	expire_at(o, seconds > 0 ? wall_us() + (int64_t) seconds * 1000000 : 0);
	fox_buf_u64(&c->out, o->number);
	return NULL;
}

/* [number]: was it there? */
static const char *
catalog_withdraw(FoxMetaCall *c)
{
	uint64_t	number;
	FoxOffer   *found = NULL;

	if (!fox_meta_id(c, 0, "id", &number))
		return FOX_ERR_INVALID_ARGUMENT;
	fox_list_each(n, &c->realm->offers)
	{
		FoxOffer   *o = fox_container(FoxOffer, in_realm, n);

		if (o->number == number && is_own(o, c->session))
			found = o;
	}
	fox_buf_str(&c->out, found != NULL ? "true" : "false");
	if (found != NULL)
		drop(found, false);
	return NULL;
}

const FoxMetaProcedure fox_catalog_procedures[] = {
	{"fox_wamp.catalog.get", catalog_get, false},
	{"fox_wamp.catalog.list", catalog_list, false},
	{"fox_wamp.catalog.announce", catalog_announce, true},
	{"fox_wamp.catalog.withdraw", catalog_withdraw, false},
	{NULL, NULL, false}
};
