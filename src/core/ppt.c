/*
 * ppt.c - the attributes of a payload that the router is not to look into (see ppt.h).
 */
#include "core/ppt.h"

#include "codec/json.h"

#include "base/pure.h"

static const struct
{
	const char *name;
	size_t		offset;
}			attributes[] = {
	{"ppt_scheme", offsetof(FoxPpt, scheme)},
	{"ppt_serializer", offsetof(FoxPpt, serializer)},
	{"ppt_cipher", offsetof(FoxPpt, cipher)},
	{"ppt_keyid", offsetof(FoxPpt, keyid)},
};

#define N_ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static FoxSlice *
field(const FoxPpt *ppt, size_t i)
{
	return (FoxSlice *) ((char *) ppt + attributes[i].offset);
}

bool
fox_ppt_read(FoxSlice options, FoxPpt *ppt)
{
	size_t		pos = 0;
	FoxSlice	key;
	FoxSlice	value;

	*ppt = (FoxPpt){.scheme = FOX_ABSENT};
	while (fox_json_member(options, &pos, &key, &value))
		for (size_t i = 0; i < N_ATTRIBUTES; i++)
			if (fox_json_key_is(key, attributes[i].name))
				*field(ppt, i) = fox_json_kind(value) == FOX_JSON_STRING && value.len > 2 ? value : FOX_ABSENT;
	if (fox_ppt_used(ppt))
		return true;
	*ppt = (FoxPpt){.scheme = FOX_ABSENT};
	return false;
}

void
fox_ppt_write(const FoxPpt *ppt, FoxBuf *b)
{
	for (size_t i = 0; i < N_ATTRIBUTES; i++)
	{
		if (fox_absent(*field(ppt, i)))
			continue;
		if (b->len > 0 && b->data[b->len - 1] != '{')
			fox_buf_char(b, ',');
		fox_buf_char(b, '"');
		fox_buf_str(b, attributes[i].name);
		fox_buf_str(b, "\":");
		fox_buf_slice(b, *field(ppt, i));
	}
}

size_t
fox_ppt_size(const FoxPpt *ppt)
{
	return ppt->scheme.len + ppt->serializer.len + ppt->cipher.len + ppt->keyid.len;
}

FoxPpt
fox_ppt_keep(char **at, const FoxPpt *ppt)
{
	return (FoxPpt){
		.scheme = fox_slice_keep(at, ppt->scheme), .serializer = fox_slice_keep(at, ppt->serializer),
		.cipher = fox_slice_keep(at, ppt->cipher), .keyid = fox_slice_keep(at, ppt->keyid)
	};
}
