/*
 * authority.c - whom the router asks (see authority.h).
 */
#include "core/authority.h"

#include "codec/json.h"

#include "base/pure.h"

void
fox_authority_read(FoxSlice row, const char *procedure, FoxAuthorityRow *out)
{
	*out = (FoxAuthorityRow){0};
	if (fox_json_kind(row) != FOX_JSON_OBJECT)
		return;
	out->authority = (FoxAuthority){
		.procedure = fox_json_text(fox_json_get(row, procedure), &out->texts[0]),
		.function = fox_json_text(fox_json_get(row, "function"), &out->texts[1]),
		.role = fox_json_text(fox_json_get(row, "function_role"), &out->texts[2])
	};
}

void
fox_authority_row_free(FoxAuthorityRow *row)
{
	for (int i = 0; i < 3; i++)
		fox_buf_free(&row->texts[i]);
}

size_t
fox_authority_size(const FoxAuthority *a)
{
	return a->procedure.len + a->function.len + a->role.len;
}

FoxAuthority
fox_authority_keep(char **at, const FoxAuthority *a)
{
	FoxAuthority copy = {
		.procedure = fox_slice_keep(at, a->procedure),
		.function = fox_slice_keep(at, a->function),
	};

	copy.role = fox_slice_keep(at, a->role);
	return copy;
}
