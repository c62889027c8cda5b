/*
 * origin.c - what a browser says of where a request comes from (see origin.h).
 */
#include "gate/origin.h"

#include "base/pure.h"

bool
fox_host_is_local(FoxSlice host)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
	{
		size_t		n = strlen(hosts[i]);

		if (host.len >= n && memcmp(host.ptr, hosts[i], n) == 0 && (host.len == n || host.ptr[n] == ':' || host.ptr[n] == '/'))
			return true;
	}
	return false;
}

bool
fox_origin_is_local(FoxSlice origin)
{
	for (size_t i = 0; i + 3 <= origin.len; i++)
		if (memcmp(origin.ptr + i, "://", 3) == 0)
			return fox_host_is_local(fox_slice(origin.ptr + i + 3, origin.len - i - 3));
	return origin.len == 0;
}

bool
fox_origin_listed(const char *list, FoxSlice origin)
{
	while (origin.len > 0 && *list != '\0')
	{
		size_t		n;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if ((n == 1 && *list == '*') || fox_slice_eq(fox_slice(list, n), origin))
			return true;
		list += n;
	}
	return false;
}
