/*
 * deflate_offer.c - negotiation of permessage-deflate (see deflate_offer.h).
 *
 *     extensions = extension *( "," extension )       empty ones are none
 *     extension  = token *( ";" parameter )
 *     parameter  = token [ "=" ( token / quoted-string ) ]
 */
#include "codec/deflate_offer.h"

#include <stdio.h>

#include "base/pure.h"

#define WINDOW_BITS 15			/* of an offer that does not limit them */

typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

typedef enum ValueRule
{
	VALUE_NONE,
	VALUE_BITS,
	VALUE_BITS_OR_NONE
} ValueRule;

static const struct
{
	const char *name;
	ValueRule	rule;
}			parameters[] = {
#define SERVER_MAX_WINDOW_BITS 0
	{"server_max_window_bits", VALUE_BITS},
	{"client_max_window_bits", VALUE_BITS_OR_NONE},
	{"server_no_context_takeover", VALUE_NONE},
	{"client_no_context_takeover", VALUE_NONE}
};

/* One extension of the header. */
typedef struct Extension
{
	unsigned	seen;			/* set of parameters, by their index */
	int			window_bits;
	bool		declined;
} Extension;

static bool
in_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void
skip_space(Reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
		r->at++;
}

/* Takes that character, if it is next, with the space around it. */
static bool
take(Reader *r, char c)
{
	skip_space(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	skip_space(r);
	return true;
}

static bool
take_token(Reader *r, FoxSlice *token)
{
	const char *start = r->at;

	while (r->at < r->end && in_token(*r->at))
		r->at++;
	*token = fox_slice(start, (size_t) (r->at - start));
	return token->len > 0;
}

/* What stands between the quotes as it is: no value of ours has anything to escape. */
static bool
take_value(Reader *r, FoxSlice *value)
{
	const char *start;

	if (r->at == r->end || *r->at != '"')
		return take_token(r, value);
	start = ++r->at;
	while (r->at < r->end && *r->at != '"')
		r->at += *r->at == '\\' && r->end - r->at > 1 ? 2 : 1;
	if (r->at == r->end)
		return false;
	*value = fox_slice(start, (size_t) (r->at++ - start));
	return true;
}

/* 8 to 15 without a leading zero; otherwise 0. */
static int
window_bits(FoxSlice value)
{
	if (value.len == 1 && (value.ptr[0] == '8' || value.ptr[0] == '9'))
		return value.ptr[0] - '0';
	if (value.len == 2 && value.ptr[0] == '1' && value.ptr[1] >= '0' && value.ptr[1] <= '5')
		return 10 + value.ptr[1] - '0';
	return 0;
}

/* False: an offer with that parameter is declined.  Without a value it is absent. */
static bool
good_parameter(Extension *e, FoxSlice name, FoxSlice value)
{
	unsigned	i = 0;
	int			bits = window_bits(value);

	while (i < sizeof(parameters) / sizeof(parameters[0]) && !fox_slice_is(name, parameters[i].name))
		i++;
	if (i == sizeof(parameters) / sizeof(parameters[0]) || (e->seen & 1u << i) != 0)
		return false;
	e->seen |= 1u << i;
	if (i == SERVER_MAX_WINDOW_BITS)
		e->window_bits = bits;
	return fox_absent(value) ? parameters[i].rule != VALUE_BITS : parameters[i].rule != VALUE_NONE && bits != 0;
}

/* False: the header is malformed. */
static bool
take_extension(Reader *r, FoxDeflateOffer *offer)
{
	Extension	e = {.window_bits = WINDOW_BITS};
	FoxSlice	extension;

	if (!take_token(r, &extension))
		return false;
	while (take(r, ';'))
	{
		FoxSlice	name;
		FoxSlice	value = FOX_ABSENT;

		if (!take_token(r, &name) || (take(r, '=') && !take_value(r, &value)))
			return false;
		if (!good_parameter(&e, name, value))
			e.declined = true;
	}
	if (!fox_slice_is(extension, "permessage-deflate"))
		return true;
	offer->made++;
	if (offer->window_bits == 0 && !e.declined)
	{
		offer->window_bits = (uint8_t) e.window_bits;
		offer->limits_window = (e.seen & 1u << SERVER_MAX_WINDOW_BITS) != 0;
	}
	return true;
}

FoxDeflateOffer
fox_deflate_offer(FoxSlice header)
{
	Reader		r = {header.ptr, header.ptr + header.len};
	FoxDeflateOffer offer = {0};

	skip_space(&r);
	while (r.at < r.end)
		if (!take(&r, ',') && (!take_extension(&r, &offer) || (!take(&r, ',') && r.at < r.end)))
			return (FoxDeflateOffer) {0};
	return offer;
}

size_t
fox_deflate_answer(const FoxDeflateOffer *offer, char *p)
{
	int			n = snprintf(p, FOX_DEFLATE_ANSWER, "; server_no_context_takeover; client_no_context_takeover");

	if (offer->limits_window)
		n += snprintf(p + n, (size_t) (FOX_DEFLATE_ANSWER - n), "; server_max_window_bits=%u", offer->window_bits);
	return (size_t) n;
}
