/*
 * options.c - PUBLISH.Options: reading them, and who may hear the event.
 *
 * Unknown options are ignored, as the spec asks; a known one of the wrong type is
 * an error.
 */
#include "codec/match.h"
#include "core/core.h"

#include "base/pure.h"

typedef enum OptionType
{
	OPT_BOOL,
	OPT_ANY,
	OPT_TEXT,
	OPT_LIST,
	OPT_STRING,
	OPT_SECONDS,
	OPT_MILLISECONDS,
	OPT_QOS,
	OPT_WILL_ON,
	OPT_OBJECT,
	OPT_ROW
} OptionType;

static const struct
{
	const char *name;
	OptionType	type;
	size_t		offset;
	const char *error;
}			publish_options[] = {
	{"acknowledge", OPT_BOOL, offsetof(FoxPublish, acknowledge), "option acknowledge must be a boolean"},
	{"x_acknowledged_delivery", OPT_BOOL, offsetof(FoxPublish, acknowledged_delivery),
	"option x_acknowledged_delivery must be a boolean"},
	{"exclude_me", OPT_BOOL, offsetof(FoxPublish, exclude_me), "option exclude_me must be a boolean"},
	{"disclose_me", OPT_BOOL, offsetof(FoxPublish, disclose_me), "option disclose_me must be a boolean"},
	{"retain", OPT_BOOL, offsetof(FoxPublish, retain), "option retain must be a boolean"},
	{"watch", OPT_BOOL, offsetof(FoxPublish, watch), "option watch must be a boolean"},
	{"merge", OPT_BOOL, offsetof(FoxPublish, merge), "option merge must be a boolean"},
	{"when", OPT_ANY, offsetof(FoxPublish, when), NULL},
	{"will", OPT_ANY, offsetof(FoxPublish, will), NULL},
	{"rkey", OPT_STRING, offsetof(FoxPublish, rkey), "option rkey must be a string"},
	{"will_on", OPT_WILL_ON, 0, "option will_on must be \"lost\" or \"end\""},
	{"qos", OPT_QOS, offsetof(FoxPublish, qos), "option qos must be 0, 1 or 2"},
	{"mqtt", OPT_OBJECT, offsetof(FoxPublish, mqtt), "option mqtt must be an object"},
	{"ttl", OPT_SECONDS, offsetof(FoxPublish, ttl), "option ttl must be a positive number of seconds"},
	{"timeout", OPT_MILLISECONDS, offsetof(FoxPublish, timeout_ms), "option timeout must be a number of milliseconds"},
	{"ppt_scheme", OPT_TEXT, offsetof(FoxPublish, ppt.scheme), "option ppt_scheme must be a string"},
	{"ppt_serializer", OPT_TEXT, offsetof(FoxPublish, ppt.serializer), "option ppt_serializer must be a string"},
	{"ppt_cipher", OPT_TEXT, offsetof(FoxPublish, ppt.cipher), "option ppt_cipher must be a string"},
	{"ppt_keyid", OPT_TEXT, offsetof(FoxPublish, ppt.keyid), "option ppt_keyid must be a string"},
	{"fox_wamp.row", OPT_ROW, 0, "option fox_wamp.row is the database's own"},
	{"exclude", OPT_LIST, 0, "option exclude must be a list"},
	{"exclude_authid", OPT_LIST, 0, "option exclude_authid must be a list"},
	{"exclude_authrole", OPT_LIST, 0, "option exclude_authrole must be a list"},
	{"eligible", OPT_LIST, 0, "option eligible must be a list"},
	{"eligible_authid", OPT_LIST, 0, "option eligible_authid must be a list"},
	{"eligible_authrole", OPT_LIST, 0, "option eligible_authrole must be a list"},
};

#define N_OPTIONS (sizeof(publish_options) / sizeof(publish_options[0]))

static bool
read_option(FoxPublish *p, size_t i, FoxSlice value, bool *will_on_given)
{
	void	   *field = (char *) p + publish_options[i].offset;
	FoxKind		kind = fox_json_kind(value);
	double		seconds;
	uint64_t	number;

	switch (publish_options[i].type)
	{
		case OPT_BOOL:
			if (kind != FOX_JSON_TRUE && kind != FOX_JSON_FALSE)
				return false;
			*(bool *) field = kind == FOX_JSON_TRUE;
			return true;
		case OPT_ANY:
			*(FoxSlice *) field = value;
			return true;
		case OPT_STRING:
			*(FoxSlice *) field = value;
			return kind == FOX_JSON_STRING;
		case OPT_TEXT:
			*(FoxSlice *) field = value;
			return kind == FOX_JSON_STRING;
		case OPT_LIST:
			p->has_audience = true;
			return kind == FOX_JSON_ARRAY;
		case OPT_SECONDS:
			if (!fox_json_double(value, &seconds) || !(seconds > 0) || seconds > 1e10)
				return false;
			*(double *) field = seconds;
			return true;
		case OPT_MILLISECONDS:
			return fox_json_uint(value, field);
		case OPT_QOS:
			if (!fox_json_uint(value, &number) || number > 2)
				return false;
			*(int *) field = (int) number;
			return true;
		case OPT_WILL_ON:
			*will_on_given = true;
			p->will_on_end = fox_slice_is(value, "\"end\"");
			return p->will_on_end || fox_slice_is(value, "\"lost\"");
		case OPT_OBJECT:
			*(FoxSlice *) field = value;
			return kind == FOX_JSON_OBJECT;
		case OPT_ROW:
			p->row = value;
			p->has_audience = true;
			return kind == FOX_JSON_OBJECT;
	}
	return false;
}

const char *
fox_publish_options(FoxPublish *p)
{
	bool		will_on_given = false;
	size_t		pos = 0;
	FoxSlice	key;
	FoxSlice	value;

	p->acknowledge = p->acknowledged_delivery = p->disclose_me = p->retain = p->watch = p->merge = false;
	p->will_on_end = p->has_audience = false;
	p->exclude_me = true;
	p->when = p->will = p->rkey = p->row = p->mqtt = FOX_ABSENT;
	p->ttl = 0;
	p->timeout_ms = 0;
	p->qos = -1;

	while (fox_json_member(p->options, &pos, &key, &value))
		for (size_t i = 0; i < N_OPTIONS; i++)
			if (fox_json_key_is(key, publish_options[i].name))
			{
				if (!read_option(p, i, value, &will_on_given))
					return publish_options[i].error;
				break;
			}

	if (p->acknowledged_delivery && !p->acknowledge)
		return "option x_acknowledged_delivery needs option acknowledge";
	if (!fox_absent(p->will) && !p->retain)
		return "option will needs option retain";
	if (p->watch && fox_absent(p->when))
		return "option watch needs option when";
	if (will_on_given && fox_absent(p->will))
		return "option will_on needs option will";
	if (p->merge && !p->retain)
		return "option merge needs option retain";
	if (p->ttl > 0 && !p->retain)
		return "option ttl needs option retain";
	if (!fox_absent(p->when) && !fox_condition_valid(p->when))
		return "option when is too long, or has an unknown or malformed operator";
	return NULL;
}

static bool
list_has_id(FoxSlice list, uint64_t id)
{
	size_t		pos = 0;
	FoxSlice	item;
	uint64_t	n;

	while (fox_json_element(list, &pos, &item))
		if (fox_json_uint(item, &n) && n == id)
			return true;
	return false;
}

static bool
list_has_text(FoxSlice list, FoxSlice text)
{
	size_t		pos = 0;
	FoxSlice	item;
	bool		found = false;

	while (!found && fox_json_element(list, &pos, &item))
	{
		FoxBuf		scratch = {0};
		FoxSlice	t = fox_json_text(item, &scratch);

		found = !fox_absent(t) && fox_slice_eq(t, text);
		fox_buf_free(&scratch);
	}
	return found;
}

void
fox_audience_json(FoxSlice options, FoxBuf *out)
{
	char		separator = '{';

	for (size_t i = 0; i < N_OPTIONS; i++)
	{
		FoxSlice	list = publish_options[i].type == OPT_LIST || publish_options[i].type == OPT_ROW ? fox_json_get(options, publish_options[i].name) : FOX_ABSENT;

		if (fox_absent(list))
			continue;
		fox_buf_char(out, separator);
		fox_buf_json_str(out, fox_cstr(publish_options[i].name));
		fox_buf_char(out, ':');
		fox_buf_slice(out, list);
		separator = ',';
	}
	if (separator == '{')
		fox_buf_char(out, separator);
	fox_buf_char(out, '}');
}

bool
fox_audience_has(FoxSlice options, uint64_t id, FoxSlice authid, FoxSlice authrole)
{
	FoxSlice	list;

	if (!fox_absent(list = fox_json_get(options, "exclude")) && list_has_id(list, id))
		return false;
	if (!fox_absent(list = fox_json_get(options, "exclude_authid")) && list_has_text(list, authid))
		return false;
	if (!fox_absent(list = fox_json_get(options, "exclude_authrole")) && list_has_text(list, authrole))
		return false;
	if (!fox_absent(list = fox_json_get(options, "eligible")) && !list_has_id(list, id))
		return false;
	if (!fox_absent(list = fox_json_get(options, "eligible_authid")) && !list_has_text(list, authid))
		return false;
	if (!fox_absent(list = fox_json_get(options, "eligible_authrole")) && !list_has_text(list, authrole))
		return false;
	return true;
}

bool
fox_audience_allows(FoxSlice options, const FoxSession *s)
{
	return fox_audience_has(options, s->id, s->authid, s->authrole);
}
