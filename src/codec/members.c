/*
 * members.c - an object's members by name (see members.h).
 */
#include "codec/members.h"

#include "base/pure.h"

static bool
escaped(FoxSlice raw)
{
	return memchr(raw.ptr, '\\', raw.len) != NULL;
}

/*
 * The text of what lies between a string's quotes.  A lone surrogate has none: such a
 * string stays as it is spelt, behind a byte that no UTF-8 begins with.
 */
static FoxSlice
name_of(FoxSlice raw, FoxBuf *buf)
{
	FoxSlice	text = raw;
	size_t		start = buf->len;

	if (escaped(raw) && fox_absent(text = fox_json_text(fox_slice(raw.ptr - 1, raw.len + 2), buf)))
	{
		buf->len = start;
		fox_buf_char(buf, '\xff');
		fox_buf_slice(buf, raw);
		text = fox_slice(buf->data + start, buf->len - start);
	}
	return text;
}

bool
fox_json_same_text(FoxSlice raw_a, FoxSlice raw_b)
{
	FoxBuf		a = {0};
	FoxBuf		b = {0};
	bool		same;

	if (fox_slice_eq(raw_a, raw_b))
		return true;
	/* The longest escape, \u0000, takes six bytes for one: no need to look at more. */
	if (raw_a.len / 6 > raw_b.len || raw_b.len / 6 > raw_a.len || (!escaped(raw_a) && !escaped(raw_b)))
		return false;
	same = fox_slice_eq(name_of(raw_a, &a), name_of(raw_b, &b)) && !a.failed && !b.failed;
	fox_buf_free(&a);
	fox_buf_free(&b);
	return same;
}

bool
fox_members_init(FoxMembers *m, FoxSlice object)
{
	FoxSlice	key;
	FoxSlice	value;
	size_t		pos = 0;

	m->object = object;
	m->few = 0;
	m->map = (FoxMap){0};
	m->names = (FoxBuf){0};
	while (fox_json_member(object, &pos, &key, &value))
	{
		if (m->few == FOX_MEMBERS_FEW)
		{
			m->few++;
			break;
		}
		m->list[m->few].key = key;
		m->list[m->few++].value = value;
	}
	if (m->few <= FOX_MEMBERS_FEW)
		return true;

	pos = 0;
	while (fox_json_member(object, &pos, &key, &value))
	{
		/* names must not move once they are in the map; none is longer than its spelling */
		if (escaped(key) && m->names.data == NULL && fox_buf_reserve(&m->names, object.len) == NULL)
			return false;
		if (!fox_map_put(&m->map, name_of(key, &m->names), (void *) value.ptr))
			return false;
	}
	return true;
}

void
fox_members_free(FoxMembers *m)
{
	fox_map_free(&m->map);
	fox_buf_free(&m->names);
}

FoxSlice
fox_members_get(const FoxMembers *m, FoxSlice raw_key)
{
	FoxSlice	value = FOX_ABSENT;
	FoxBuf		buf = {0};
	const char *start;

	if (m->few <= FOX_MEMBERS_FEW)
	{
		for (int i = m->few; i-- > 0;)
			if (fox_json_same_text(m->list[i].key, raw_key))
				return m->list[i].value;
		return FOX_ABSENT;
	}
	start = fox_map_get(&m->map, name_of(raw_key, &buf));
	if (start != NULL)
		fox_json_scan(start, m->object.ptr + m->object.len, &value, NULL);
	fox_buf_free(&buf);
	return value;
}

bool
fox_members_next(const FoxMembers *m, size_t *pos, FoxSlice *raw_key, FoxSlice *value)
{
	while (fox_json_member(m->object, pos, raw_key, value))
		if (fox_members_get(m, *raw_key).ptr == value->ptr)
			return true;
	return false;
}
