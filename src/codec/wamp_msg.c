/*
 * wamp_msg.c - WAMP v2 messages (see wamp_msg.h).
 *
 * The shape of every message is one line of a table, which decoding and encoding
 * both follow: I an id, Z an id or 0, T a message type, D a dict, U a string, then
 * optional: A args, K kwargs, d a dict.
 *
 * Where a function takes a FoxBinary, NULL stands for JSON.
 */
#include "codec/wamp_msg.h"

#include "base/pure.h"

typedef struct Shape
{
	const char *name;
	const char *fields;
} Shape;

static const Shape shapes[] = {
	[FOX_MSG_HELLO] = {"HELLO", "UD"},
	[FOX_MSG_WELCOME] = {"WELCOME", "ID"},
	[FOX_MSG_ABORT] = {"ABORT", "DUAK"},
	[FOX_MSG_CHALLENGE] = {"CHALLENGE", "UD"},
	[FOX_MSG_AUTHENTICATE] = {"AUTHENTICATE", "UD"},
	[FOX_MSG_GOODBYE] = {"GOODBYE", "DUAK"},
	[FOX_MSG_ERROR] = {"ERROR", "TIDUAK"},
	[FOX_MSG_PUBLISH] = {"PUBLISH", "IDUAK"},
	[FOX_MSG_PUBLISHED] = {"PUBLISHED", "IJ"},
	[FOX_MSG_SUBSCRIBE] = {"SUBSCRIBE", "IDU"},
	[FOX_MSG_SUBSCRIBED] = {"SUBSCRIBED", "IJ"},
	[FOX_MSG_UNSUBSCRIBE] = {"UNSUBSCRIBE", "IJ"},
	[FOX_MSG_UNSUBSCRIBED] = {"UNSUBSCRIBED", "Zd"},
	[FOX_MSG_EVENT] = {"EVENT", "IJDAK"},
	[FOX_MSG_CALL] = {"CALL", "IDUAK"},
	[FOX_MSG_CANCEL] = {"CANCEL", "ID"},
	[FOX_MSG_RESULT] = {"RESULT", "IDAK"},
	[FOX_MSG_REGISTER] = {"REGISTER", "IDU"},
	[FOX_MSG_REGISTERED] = {"REGISTERED", "IJ"},
	[FOX_MSG_UNREGISTER] = {"UNREGISTER", "IJ"},
	[FOX_MSG_UNREGISTERED] = {"UNREGISTERED", "Zd"},
	[FOX_MSG_INVOCATION] = {"INVOCATION", "IJDAK"},
	[FOX_MSG_INTERRUPT] = {"INTERRUPT", "ID"},
	[FOX_MSG_YIELD] = {"YIELD", "IDAK"},
	[FOX_MSG_EVENT_RECEIVED] = {"EVENT_RECEIVED", "J"},
};

#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

const char *
fox_msg_name(uint32_t type)
{
	return type < N_SHAPES && shapes[type].name ? shapes[type].name : "unknown";
}

static inline bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The next element of the outer array: *p stands behind '[' or behind the former element. */
static const char *
element(const char **p, const char *end, bool first, bool *more, FoxSlice *value, FoxKind *kind)
{
	const char *q = *p;

	while (q < end && is_space(*q))
		q++;
	if (q < end && *q == ']')
	{
		*more = false;
		*p = q + 1;
		return NULL;
	}
	*more = true;
	if (!first)
	{
		if (q >= end || *q != ',')
			return "malformed JSON";
		q++;
	}
	if ((q = fox_json_scan(q, end, value, kind)) == NULL)
		return "malformed JSON";
	*p = q;
	return NULL;
}

/* What decodes both JSON and binary forms is compiled for JSON by itself. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

static ALWAYS_INLINE bool
number(const FoxBinary *binary, FoxSlice value, FoxKind kind, uint64_t *out)
{
	return kind == FOX_JSON_NUMBER && (binary ? binary->uint(value, out) : fox_json_uint(value, out));
}

static ALWAYS_INLINE const char *
take(const FoxBinary *binary, FoxMsg *msg, char field, FoxSlice value, FoxKind kind)
{
	uint64_t	n;

	switch (field)
	{
		case 'I':
			if (!number(binary, value, kind, &msg->id) || msg->id == 0)
				return "an id must be an integer from 1 to 2^53";
			return NULL;
		case 'Z':
			if (!number(binary, value, kind, &msg->id))
				return "an id must be an integer from 0 to 2^53";
			return NULL;
		case 'J':
			if (!number(binary, value, kind, &msg->id2) || msg->id2 == 0)
				return "an id must be an integer from 1 to 2^53";
			return NULL;
		case 'T':
			if (!number(binary, value, kind, &n) || n > 1000)
				return "REQUEST.Type must be a message type";
			msg->type2 = (uint32_t) n;
			return NULL;
		case 'D':
		case 'd':
			if (kind != FOX_JSON_OBJECT)
				return "options and details must be a dict";
			msg->dict = value;
			return NULL;
		case 'U':
			if (kind != FOX_JSON_STRING)
				return "a URI must be a string";
			msg->uri = binary ? binary->text(value, &msg->scratch) : fox_json_text(value, &msg->scratch);
			return fox_absent(msg->uri) ? "a string is not valid Unicode" : NULL;
		case 'A':
			if (kind != FOX_JSON_ARRAY)
				return "arguments must be a list";
			msg->args = value;
			return NULL;
		default:
			if (kind != FOX_JSON_OBJECT)
				return "keyword arguments must be a dict";
			msg->kwargs = value;
			return NULL;
	}
}

static bool
optional(char field)
{
	return field == 'A' || field == 'K' || field == 'd';
}

static inline void
clear(FoxMsg *msg, FoxEncoding encoding)
{
	fox_buf_reset(&msg->scratch);
	msg->type2 = 0;
	msg->id = msg->id2 = 0;
	msg->dict = msg->uri = msg->args = msg->kwargs = FOX_ABSENT;
	msg->encoding = encoding;
}

static ALWAYS_INLINE const char *
take_type(const FoxBinary *binary, FoxMsg *msg, FoxSlice value, FoxKind kind)
{
	uint64_t	type;

	if (!number(binary, value, kind, &type))
		return "the message type must be an integer";
	if (type >= N_SHAPES || shapes[type].name == NULL)
		return "unknown message type";
	msg->type = (FoxMsgType) type;
	return NULL;
}

/* The message has ended where field should come. */
static inline const char *
check_end(const FoxMsg *msg, char field)
{
	if (field != '\0' && !optional(field))
		return "the message has too few elements";
	if (field == 'd' && msg->id == 0)
		return "request id 0 needs details";
	return NULL;
}

const char *
fox_msg_decode_json(FoxSlice text, FoxMsg *msg)
{
	const char *p = text.ptr;
	const char *end = p + text.len;
	const char *error;
	const char *field;
	FoxSlice	value;
	FoxKind		kind;
	bool		more;

	clear(msg, FOX_JSON);
	while (p < end && is_space(*p))
		p++;
	if (p >= end || *p++ != '[')
		return "a message must be a JSON array";
	if ((error = element(&p, end, true, &more, &value, &kind)) != NULL)
		return error;
	if (!more)
		return "a message must not be empty";
	if ((error = take_type(NULL, msg, value, kind)) != NULL)
		return error;

	for (field = shapes[msg->type].fields;; field++)
	{
		if ((error = element(&p, end, false, &more, &value, &kind)) != NULL)
			return error;
		if (!more)
			break;
		if (*field == '\0')
			return "the message has too many elements";
		if ((error = take(NULL, msg, *field, value, kind)) != NULL)
			return error;
	}
	if ((error = check_end(msg, *field)) != NULL)
		return error;
	while (p < end && is_space(*p))
		p++;
	if (p != end)
		return "something follows the message";
	return NULL;
}

/* An integer key has become its digits; no option's name begins so. */
static bool
keys_are_names(FoxSlice dict)
{
	size_t		pos = 0;
	FoxSlice	key;
	FoxSlice	value;

	while (fox_json_member(dict, &pos, &key, &value))
		if (key.len > 0 && (key.ptr[0] == '-' || (key.ptr[0] >= '0' && key.ptr[0] <= '9')))
			return false;
	return true;
}

static const char *
decode_binary(const FoxBinary *binary, FoxSlice data, FoxMsg *msg, FoxBuf *scratch)
{
	size_t		start = scratch->len;
	FoxElements walk;
	FoxSlice	value;
	const char *error;
	const char *field;

	if (!binary->open(data, &walk))
		return "a message must be an array";
	if (!binary->next(&walk, &value))
		return binary->malformed;
	if (fox_absent(value))
		return "a message must not be empty";
	if ((error = take_type(binary, msg, value, binary->kind(value))) != NULL)
		return error;

	for (field = shapes[msg->type].fields;; field++)
	{
		if (!binary->next(&walk, &value))
			return binary->malformed;
		if (fox_absent(value))
			break;
		if (*field == '\0')
			return "the message has too many elements";
		if ((error = take(binary, msg, *field, value, binary->kind(value))) != NULL)
			return error;
	}
	if ((error = check_end(msg, *field)) != NULL)
		return error;
	if (walk.p != walk.end)
		return "something follows the message";
	if (fox_absent(msg->dict))
		return NULL;
	if (!binary->to_json(msg->dict, scratch))
		return "out of memory";
	msg->dict = fox_slice(scratch->data + start, scratch->len - start);
	return keys_are_names(msg->dict) ? NULL : "options and details must have names as keys";
}

const char *
fox_msg_decode(FoxEncoding encoding, FoxSlice data, FoxMsg *msg, FoxBuf *scratch)
{
	const FoxBinary *binary = fox_binary_of(encoding);

	if (binary == NULL)
		return fox_msg_decode_json(data, msg);
	clear(msg, encoding);
	return decode_binary(binary, data, msg, scratch);
}

/* Does msg end before this field? */
static inline bool
ends_before(const FoxMsg *msg, char field)
{
	return (field == 'A' && fox_absent(msg->args) && fox_absent(msg->kwargs)) ||
		(field == 'K' && fox_absent(msg->kwargs)) || (field == 'd' && fox_absent(msg->dict));
}

void
fox_msg_encode_json(const FoxMsg *msg, FoxBuf *out)
{
	fox_buf_char(out, '[');
	fox_buf_u64(out, msg->type);
	for (const char *field = shapes[msg->type].fields; *field && !ends_before(msg, *field); field++)
	{
		fox_buf_char(out, ',');
		switch (*field)
		{
			case 'I':
			case 'Z':
				fox_buf_u64(out, msg->id);
				break;
			case 'J':
				fox_buf_u64(out, msg->id2);
				break;
			case 'T':
				fox_buf_u64(out, msg->type2);
				break;
			case 'D':
			case 'd':
				fox_buf_slice(out, fox_absent(msg->dict) ? FOX_LIT("{}") : msg->dict);
				break;
			case 'U':
				fox_buf_json_str(out, msg->uri);
				break;
			case 'A':
				fox_buf_slice(out, fox_absent(msg->args) ? FOX_LIT("[]") : msg->args);
				break;
			default:
				fox_buf_slice(out, msg->kwargs);
		}
	}
	fox_buf_char(out, ']');
}

static void
put_head(const FoxBinary *binary, FoxBuf *out, FoxHead what, uint64_t n)
{
	char	   *at = fox_buf_reserve(out, FOX_HEAD_SIZE);

	if (at != NULL)
		out->len += binary->head(at, what, n);
}

static void
put_text(const FoxBinary *binary, FoxBuf *out, FoxSlice text)
{
	if (text.len > UINT32_MAX)
	{
		out->failed = true;
		return;
	}
	put_head(binary, out, FOX_HEAD_TEXT, text.len);
	fox_buf_slice(out, text);
}

static void
put_dict(const FoxBinary *binary, FoxBuf *out, FoxSlice dict)
{
	if (fox_absent(dict))
		put_head(binary, out, FOX_HEAD_MAP, 0);
	else if (!fox_binary_from_json(binary, dict, out))
		out->failed = true;
}

void
fox_msg_encode(FoxEncoding encoding, const FoxMsg *msg, FoxBuf *out)
{
	const FoxBinary *binary = fox_binary_of(encoding);
	const char *fields = shapes[msg->type].fields;
	size_t		count = 0;

	if (binary == NULL)
	{
		fox_msg_encode_json(msg, out);
		return;
	}
	while (fields[count] && !ends_before(msg, fields[count]))
		count++;
	put_head(binary, out, FOX_HEAD_ARRAY, count + 1);
	put_head(binary, out, FOX_HEAD_UINT, msg->type);
	for (const char *field = fields; field < fields + count; field++)
		switch (*field)
		{
			case 'I':
			case 'Z':
				put_head(binary, out, FOX_HEAD_UINT, msg->id);
				break;
			case 'J':
				put_head(binary, out, FOX_HEAD_UINT, msg->id2);
				break;
			case 'T':
				put_head(binary, out, FOX_HEAD_UINT, msg->type2);
				break;
			case 'D':
			case 'd':
				put_dict(binary, out, msg->dict);
				break;
			case 'U':
				put_text(binary, out, msg->uri);
				break;
			case 'A':
				if (fox_absent(msg->args))
					put_head(binary, out, FOX_HEAD_ARRAY, 0);
				else
					fox_buf_slice(out, msg->args);
				break;
			default:
				fox_buf_slice(out, msg->kwargs);
		}
}
