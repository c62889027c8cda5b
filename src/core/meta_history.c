/*
 * meta_history.c - wamp.subscription.get_events: the events that were kept of a subscription.
 *
 * In the order of their delivery, or with `reverse` from the last one back; `limit`
 * counts in that direction.  Only who has the subscription may ask, for nobody else
 * would hear its events.
 */
#include <time.h>

#include "codec/json_out.h"
#include "core/history.h"
#include "core/meta.h"

#include "base/pure.h"

#define ANSWER_MAX ((size_t) 8 * 1024 * 1024)	/* bytes */

typedef struct Bounds
{
	int64_t		from_us;		/* this one included, like until_us */
	int64_t		until_us;
	size_t		first;			/* places in the policy: [first, end) */
	size_t		end;
} Bounds;

/* digits of the text at *at; false: there are fewer. */
static bool
digits(FoxSlice s, size_t *at, int n, int *value)
{
	*value = 0;
	for (int i = 0; i < n; i++, (*at)++)
	{
		if (*at >= s.len || s.ptr[*at] < '0' || s.ptr[*at] > '9')
			return false;
		*value = *value * 10 + (s.ptr[*at] - '0');
	}
	return true;
}

static bool
literal(FoxSlice s, size_t *at, const char *any)
{
	if (*at >= s.len || strchr(any, s.ptr[*at]) == NULL)
		return false;
	(*at)++;
	return true;
}

/* 2026-01-31T12:00:00[.fraction](Z|±hh:mm); nothing for the zone is UTC. */
static bool
read_time(FoxSlice s, int64_t *us)
{
	struct tm	tm = {0};
	size_t		at = 0;
	int64_t		unit = 100000;
	int64_t		fraction = 0;
	int			hours = 0;
	int			minutes = 0;
	int64_t		sign = 1;

	if (!digits(s, &at, 4, &tm.tm_year) || !literal(s, &at, "-") || !digits(s, &at, 2, &tm.tm_mon) ||
		!literal(s, &at, "-") || !digits(s, &at, 2, &tm.tm_mday) || !literal(s, &at, "T ") ||
		!digits(s, &at, 2, &tm.tm_hour) || !literal(s, &at, ":") || !digits(s, &at, 2, &tm.tm_min) ||
		!literal(s, &at, ":") || !digits(s, &at, 2, &tm.tm_sec))
		return false;
	if (literal(s, &at, ".:,"))
		for (; at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9'; at++, unit /= 10)
			fraction += unit * (s.ptr[at] - '0');
	if (!literal(s, &at, "Z") && at < s.len)
	{
		sign = s.ptr[at] == '-' ? -1 : 1;
		if (!literal(s, &at, "+-") || !digits(s, &at, 2, &hours))
			return false;
		(void) literal(s, &at, ":");
		if (!digits(s, &at, 2, &minutes))
			return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*us = ((int64_t) timegm(&tm) - sign * (hours * 3600 + minutes * 60)) * 1000000 + fraction;
	return at == s.len;
}

/* The keyword argument as a time; false (c->text is set): it is none.  Absent: *us stays. */
static bool
time_arg(FoxMetaCall *c, const char *name, int64_t shift, bool lowest, int64_t *us)
{
	FoxBuf		scratch = {0};
	FoxSlice	value = fox_meta_arg(c, -1, name);
	FoxSlice	text = fox_json_text(value, &scratch);
	int64_t		at = 0;
	bool		good = !fox_absent(text) && read_time(text, &at);

	fox_buf_free(&scratch);
	if (fox_absent(value))
		return true;
	if (!good)
	{
		c->text = "from_time, after_time, before_time and until_time must be like \"2026-01-31T12:00:00.000Z\"";
		return false;
	}
	at += shift;
	if (lowest ? at > *us : at < *us)
		*us = at;
	return true;
}

/* The keyword argument as a publication; past: the place behind it counts. */
static bool
publication_arg(FoxMetaCall *c, const FoxPolicy *p, const char *name, bool past, bool lowest, size_t *place)
{
	FoxSlice	value = fox_meta_arg(c, -1, name);
	uint64_t	publication;
	size_t		at;

	if (fox_absent(value))
		return true;
	if (!fox_json_uint(value, &publication) || !fox_policy_place(p, publication, &at))
	{
		c->text = "from_publication, after_publication, before_publication and until_publication must be ids"
			" of publications in the history";
		return false;
	}
	at += past;
	if (lowest ? at > *place : at < *place)
		*place = at;
	return true;
}

static bool
bounds_of(FoxMetaCall *c, const FoxPolicy *p, Bounds *b)
{
	*b = (Bounds){.from_us = INT64_MIN, .until_us = INT64_MAX, .first = 0, .end = fox_policy_count(p)};
	return time_arg(c, "from_time", 0, true, &b->from_us) &&
		time_arg(c, "after_time", 1, true, &b->from_us) &&
		time_arg(c, "before_time", -1, false, &b->until_us) &&
		time_arg(c, "until_time", 0, false, &b->until_us) &&
		publication_arg(c, p, "from_publication", false, true, &b->first) &&
		publication_arg(c, p, "after_publication", true, true, &b->first) &&
		publication_arg(c, p, "before_publication", false, false, &b->end) &&
		publication_arg(c, p, "until_publication", true, false, &b->end);
}

static void
put_event(FoxBuf *b, const FoxPast *past, const FoxSubscription *sub)
{
	if (b->data[b->len - 1] != '[')
		fox_buf_char(b, ',');
	fox_buf_char(b, '{');
	fox_meta_put_moment(b, "timestamp", past->at_us, 6);
	fox_json_put_number(b, "subscription", sub->id);
	fox_json_put_number(b, "publication", past->publication);
	fox_json_put_member(b, "topic", past->topic);
	if (past->publisher.session != 0)
	{
		fox_json_put_number(b, "publisher", past->publisher.session);
		fox_json_put_member(b, "publisher_authid", past->publisher.authid);
		fox_json_put_member(b, "publisher_authrole", past->publisher.authrole);
	}
	fox_json_put_name(b, "args");
	fox_buf_slice(b, fox_absent(past->args) ? FOX_LIT("[]") : past->args);
	fox_json_put_name(b, "kwargs");
	fox_buf_slice(b, fox_absent(past->kwargs) ? FOX_LIT("{}") : past->kwargs);
	fox_buf_char(b, '}');
}

static const FoxSubscription *
subscription_of(FoxMetaCall *c, uint64_t id, const char **error)
{
	if (fox_idmap_get(&c->realm->subscriptions_by_id, id) == NULL)
	{
		*error = FOX_ERR_NO_SUCH_SUBSCRIPTION;
		return NULL;
	}
	fox_list_each(n, &c->session->members)
	{
		FoxMember  *m = fox_container(FoxMember, in_session, n);

		if (m->subscription->id == id)
			return m->subscription;
	}
	*error = FOX_ERR_NOT_AUTHORIZED;
	c->text = "only who has the subscription may ask for its events";
	return NULL;
}

static const char *
get_events(FoxMetaCall *c)
{
	FoxSlice	limit_arg = fox_meta_arg(c, 1, "limit");
	FoxSlice	topic_arg = fox_meta_arg(c, -1, "topic");
	bool		reverse = fox_json_is_true(fox_meta_arg(c, -1, "reverse"));
	uint64_t	limit = UINT64_MAX;
	const char *error = NULL;
	FoxBuf		scratch = {0};
	FoxSlice	topic;
	const FoxSubscription *sub;
	FoxPolicy  *p;
	Bounds		b;
	uint64_t	id;

	if (!fox_meta_id(c, 0, "subscription_id", &id))
		return FOX_ERR_INVALID_ARGUMENT;
	if ((sub = subscription_of(c, id, &error)) == NULL)
		return error;
	if ((p = fox_history_find(c->realm, sub->topic, sub->kind, 0)) == NULL)
	{
		c->text = "no events are kept of this subscription's topic";
		return FOX_ERR_NO_HISTORY;
	}
	if (!fox_absent(limit_arg) && !fox_json_uint(limit_arg, &limit))
	{
		c->text = "limit must be a number of events";
		return FOX_ERR_INVALID_ARGUMENT;
	}
	if (!bounds_of(c, p, &b))
		return FOX_ERR_INVALID_ARGUMENT;
	topic = fox_json_text(topic_arg, &scratch);
	fox_buf_char(&c->out, '[');
	for (size_t n = b.first; n < b.end && limit > 0 && !c->out.failed; n++)
	{
		const FoxPast *past = fox_policy_at(p, reverse ? b.end - 1 - (n - b.first) : n);

		if (past->at_us < b.from_us || past->at_us > b.until_us || !fox_past_is_for(past, sub) ||
			(!fox_absent(topic_arg) && !(!fox_absent(topic) && fox_slice_eq(topic, past->topic))))
			continue;
		put_event(&c->out, past, sub);
		limit--;
		if (c->out.len > ANSWER_MAX)
		{
			c->text = "the answer is too long: ask for fewer events, with limit";
			error = FOX_ERR_INVALID_ARGUMENT;
			break;
		}
	}
	fox_buf_char(&c->out, ']');
	fox_buf_free(&scratch);
	return error;
}

const FoxMetaProcedure fox_meta_history_procedures[] = {
	{"wamp.subscription.get_events", get_events, false},
	{NULL, NULL, false}
};
