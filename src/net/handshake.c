/*
 * handshake.c - the headers that a WAMP client comes with (see handshake.h).
 */
#include "codec/http_req.h"
#include "net/handshake.h"

#define BLANKS " \t"
#define FIELD_SIZE 66			/* of a name, its colon and a zero byte */

static FoxBuf kept;

/* --- the list of names --- */

/* Cuts the first name off the list, in lower case and with a colon; false: there is none that could be one. */
static bool
next_field(const char **list, char field[FIELD_SIZE])
{
	const char *name = *list + strspn(*list, BLANKS);
	size_t		len = strcspn(name, "," BLANKS);
	const char *end = name + len + strspn(name + len, BLANKS);

	if (len > FIELD_SIZE - 2 || !fox_http_is_token(fox_slice(name, len)) || (*end != ',' && *end != '\0'))
		return false;
	for (size_t i = 0; i < len; i++)
		field[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char) (name[i] + ('a' - 'A')) : name[i];
	memcpy(field + len, ":", 2);
	*list = *end == ',' ? end + 1 : end;
	return true;
}

/* They are about the connection, or prove a handshake: nothing a function could go by. */
static bool
is_of_connection(const char *field)
{
	static const char protocol[] = "sec-websocket-";

	return strcmp(field, "connection:") == 0 || strcmp(field, "upgrade:") == 0 || strncmp(field, protocol, sizeof(protocol) - 1) == 0;
}

bool
fox_net_headers_valid(const char *list)
{
	char		field[FIELD_SIZE];

	while (next_field(&list, field))
		if (is_of_connection(field))
			return false;
	return list[strspn(list, BLANKS)] == '\0';
}

/* --- values --- */

/* What could pass for another line is left out. */
static void
keep(const char *field, FoxSlice value)
{
	size_t		len = strlen(field) + value.len + 3;

	if (kept.len + len > FOX_HANDSHAKE_MAX)
		return;
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] == '\0' || value.ptr[i] == '\r' || value.ptr[i] == '\n')
			return;
	fox_buf_str(&kept, field);
	fox_buf_char(&kept, ' ');
	fox_buf_slice(&kept, value);
	fox_buf_str(&kept, "\r\n");
}

static FoxSlice
all_kept(void)
{
	return kept.failed || kept.len == 0 ? FOX_ABSENT : fox_buf_view(&kept);
}

static const char *
begin(const FoxNet *net)
{
	fox_buf_reset(&kept);
	kept.failed = false;
	return net->config.handshake_headers != NULL ? net->config.handshake_headers : "";
}

/* libwebsockets has a number for what it knows, and keeps the rest by name.  At most 0: there is no such header, or no room for it. */
static int
copy_value(struct lws *wsi, const char *field, char *value, int size)
{
	const unsigned char *known;

	for (int i = 0; (known = lws_token_to_string((enum lws_token_indexes) i)) != NULL; i++)
		if (strcmp((const char *) known, field) == 0)
			return lws_hdr_copy(wsi, value, size, (enum lws_token_indexes) i);
	return lws_hdr_custom_copy(wsi, value, size, field, (int) strlen(field));
}

FoxSlice
fox_handshake_of_websocket(const FoxNet *net, struct lws *wsi)
{
	static char value[FOX_HANDSHAKE_MAX];
	const char *list = begin(net);
	char		field[FIELD_SIZE];
	int			len;

	while (next_field(&list, field))
		if ((len = copy_value(wsi, field, value, sizeof(value))) > 0)
			keep(field, fox_slice(value, (size_t) len));
	return all_kept();
}

FoxSlice
fox_handshake_of_headers(const FoxNet *net, FoxSlice headers)
{
	const char *list = begin(net);
	char		field[FIELD_SIZE];
	size_t		pos;
	FoxSlice	name;
	FoxSlice	value;

	while (next_field(&list, field))
	{
		pos = 0;
		while (fox_http_header_next(headers, &pos, &name, &value))
			if (fox_http_same(name, fox_slice(field, strlen(field) - 1)))
			{
				keep(field, value);
				break;
			}
	}
	return all_kept();
}
