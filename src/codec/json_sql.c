/*
 * json_sql.c - JSON in the form that jsonb takes.
 *
 * Pure text work: valid JSON comes in, so every string ends and every escape is
 * whole.  Almost no text needs a change, hence the first pass only looks for the
 * escapes \u0000 and \ud8xx to \udfxx.
 */
#include "codec/json_sql.h"

#include "base/pure.h"

static unsigned
hex4(const char *p)
{
	unsigned	v = 0;

	for (int i = 0; i < 4; i++)
	{
		char		c = p[i];

		v = v * 16 + (unsigned) (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/*
 * Looks at the string whose opening quote is at p: returns behind its closing one
 * and says whether jsonb refuses it.
 */
static const char *
scan_string(const char *p, const char *end, bool *refused)
{
	*refused = false;
	for (p++; p < end && *p != '"'; p++)
	{
		unsigned	u;

		if (*p != '\\')
			continue;
		p++;
		if (*p != 'u' || end - p < 5)
			continue;
		u = hex4(p + 1);
		p += 4;
		if (u == 0 || (u >= 0xdc00 && u <= 0xdfff))
			*refused = true;
		else if (u >= 0xd800 && u <= 0xdbff)
		{
			unsigned	low = end - p > 6 && p[1] == '\\' && p[2] == 'u' ? hex4(p + 3) : 0;

			if (low >= 0xdc00 && low <= 0xdfff)
				p += 6;
			else
				*refused = true;
		}
	}
	return p < end ? p + 1 : end;
}

static void
put_utf8(FoxBuf *b, unsigned u)
{
	if (u < 0x80)
		fox_buf_char(b, (char) u);
	else if (u < 0x800)
	{
		fox_buf_char(b, (char) (0xc0 | (u >> 6)));
		fox_buf_char(b, (char) (0x80 | (u & 0x3f)));
	}
	else if (u < 0x10000)
	{
		fox_buf_char(b, (char) (0xe0 | (u >> 12)));
		fox_buf_char(b, (char) (0x80 | ((u >> 6) & 0x3f)));
		fox_buf_char(b, (char) (0x80 | (u & 0x3f)));
	}
	else
	{
		fox_buf_char(b, (char) (0xf0 | (u >> 18)));
		fox_buf_char(b, (char) (0x80 | ((u >> 12) & 0x3f)));
		fox_buf_char(b, (char) (0x80 | ((u >> 6) & 0x3f)));
		fox_buf_char(b, (char) (0x80 | (u & 0x3f)));
	}
}

/* What stands between the quotes, unescaped. */
static void
unescape(const char *p, const char *end, FoxBuf *b)
{
	static const char letters[] = "bfnrt";
	static const char meanings[] = "\b\f\n\r\t";

	while (p < end)
	{
		const char *letter;
		unsigned	u;

		if (*p != '\\')
		{
			fox_buf_char(b, *p++);
			continue;
		}
		p++;
		if (*p != 'u')
		{
			letter = strchr(letters, *p);
			fox_buf_char(b, letter != NULL ? meanings[letter - letters] : *p);
			p++;
			continue;
		}
		u = hex4(p + 1);
		p += 5;
		if (u >= 0xd800 && u <= 0xdbff && end - p >= 6 && p[0] == '\\' && p[1] == 'u')
		{
			unsigned	low = hex4(p + 2);

			if (low >= 0xdc00 && low <= 0xdfff)
			{
				u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
				p += 6;
			}
		}
		put_utf8(b, u);
	}
}

static void
put_base64(FoxBuf *out, FoxSlice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.len; i += 3)
	{
		size_t		left = s.len - i;
		unsigned	v = (unsigned char) s.ptr[i] << 16;

		if (left > 1)
			v |= (unsigned char) s.ptr[i + 1] << 8;
		if (left > 2)
			v |= (unsigned char) s.ptr[i + 2];
		fox_buf_char(out, digits[v >> 18]);
		fox_buf_char(out, digits[(v >> 12) & 63]);
		fox_buf_char(out, left > 1 ? digits[(v >> 6) & 63] : '=');
		fox_buf_char(out, left > 2 ? digits[v & 63] : '=');
	}
}

static bool
is_key(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p < end && *p == ':';
}

static bool
needs_change(FoxSlice in)
{
	const char *end = in.ptr + in.len;
	const char *p = in.ptr;

	if (memchr(in.ptr, '\\', in.len) == NULL)
		return false;
	while (p < end)
	{
		bool		refused;

		if (*p != '"')
		{
			p++;
			continue;
		}
		p = scan_string(p, end, &refused);
		if (refused)
			return true;
	}
	return false;
}

bool
fox_json_for_sql(FoxSlice in, FoxBuf *out)
{
	const char *end = in.ptr + in.len;
	const char *p = in.ptr;
	const char *kept = p;		/* from here on nothing has been copied */
	FoxBuf		raw = {0};

	if (fox_absent(in) || !needs_change(in))
		return false;
	while (p < end)
	{
		const char *start = p;
		bool		refused;
		bool		key;

		if (*p != '"')
		{
			p++;
			continue;
		}
		p = scan_string(p, end, &refused);
		if (!refused)
			continue;
		fox_buf_put(out, kept, (size_t) (start - kept));
		kept = p;
		fox_buf_reset(&raw);
		unescape(start + 1, p - 1, &raw);
		key = is_key(p, end);
		fox_buf_str(out, key ? "\"$text:" : "{\"$text\":\"");
		put_base64(out, fox_buf_view(&raw));
		fox_buf_str(out, key ? "\"" : "\"}");
	}
	fox_buf_put(out, kept, (size_t) (end - kept));
	if (raw.failed)
		out->failed = true;
	fox_buf_free(&raw);
	return true;
}
