/*
 * lane_request.c - what an executor is asked (see lane_request.h).
 */
#include "postgres.h"

#include <stdlib.h>

#include "base/hash.h"
#include "pg/lane_request.h"

static FoxIdMap by_id = {0};
static uint64 under_way[FOX_WIRE_REQUESTS];

FoxRequest *
fox_request_new(FoxWireType type, uint64 id, FoxSlice message, FoxSlice realm, FoxSlice topic)
{
	Size		keylen = realm.len + 1 + topic.len;
	FoxRequest *r = malloc(sizeof(FoxRequest) + keylen + message.len);

	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof(*r));
	fox_list_init(&r->node);
	r->type = type;
	r->id = id;
	r->since = GetCurrentTimestamp();
	r->key = fox_slice(r->block, keylen);
	r->realm = fox_slice(r->block, realm.len);
	r->topic = fox_slice(r->block + realm.len + 1, topic.len);
	if (realm.len > 0)
		memcpy(r->block, realm.ptr, realm.len);
	r->block[realm.len] = '\0';
	if (topic.len > 0)
		memcpy(r->block + realm.len + 1, topic.ptr, topic.len);
	r->len = message.len;
	r->message = r->block + keylen;
	memcpy(r->message, message.ptr, message.len);
	return r;
}

bool
fox_request_file(FoxRequest *r)
{
	if (r->id != 0 && !fox_idmap_put(&by_id, r->id, r))
		return false;
	under_way[r->type]++;
	return true;
}

FoxRequest *
fox_request_find(uint64 id)
{
	return fox_idmap_get(&by_id, id);
}

void
fox_request_end(FoxRequest *r)
{
	under_way[r->type]--;
	fox_list_del(&r->node);
	if (r->id != 0)
		fox_idmap_del(&by_id, r->id);
	free(r);
}

uint64
fox_requests_under_way(FoxWireType type)
{
	return under_way[type];
}
