/*
 * config_rows.c - the rows of configuration (see config_rows.h).
 *
 * A row is named by its kind, realm, topic and kwargs.  One that goes while a read is under
 * way stays as a mark until the read is over, for the read may have begun before.
 */
#include "core/config_rows.h"

#include <stdlib.h>

#include "base/pure.h"

typedef struct ConfigRow
{
	FoxNode		in_router;
	uint64_t	reread;			/* generation that has seen it */
	FoxChange	row;			/* deleted: a mark; its slices are in block, behind each other */
	FoxSlice	key;			/* the first of them, with the kind in front */
	char		block[];
} ConfigRow;

static bool
is_row(FoxChangeKind kind)
{
	return kind == FOX_CHANGE_REALM || kind == FOX_CHANGE_BRIDGE_OUT || kind == FOX_CHANGE_HISTORY ||
		kind == FOX_CHANGE_TRUST || kind == FOX_CHANGE_EXPOSED || kind == FOX_CHANGE_AUTH ||
		kind == FOX_CHANGE_PERMISSION || kind == FOX_CHANGE_HANDLER || kind == FOX_CHANGE_HOOK || kind == FOX_CHANGE_ROOT ||
		kind == FOX_CHANGE_CALLBACK || kind == FOX_CHANGE_SERVICE || kind == FOX_CHANGE_CATALOG ||
		kind == FOX_CHANGE_AUTO_SUBSCRIPTION || kind == FOX_CHANGE_MQTT_BRIDGE || kind == FOX_CHANGE_MQTT_BRIDGE_TOPIC;
}

/* Realms and topics have no U+0000. */
static void
put_key(const FoxChange *c, FoxBuf *key)
{
	fox_buf_char(key, (char) c->kind);
	fox_buf_slice(key, c->realm);
	fox_buf_char(key, '\0');
	fox_buf_slice(key, c->topic);
	fox_buf_char(key, '\0');
	fox_buf_slice(key, c->kwargs);
}

static ConfigRow *
row_new(const FoxChange *c, FoxSlice key)
{
	ConfigRow  *row = calloc(1, sizeof(*row) + key.len + c->realm.len + c->topic.len + c->args.len + c->kwargs.len + 1);
	char	   *at;

	if (row == NULL)
		return NULL;
	at = row->block;
	row->key = fox_slice_keep(&at, key);
	row->row = (FoxChange){.kind = c->kind, .deleted = c->deleted};
	row->row.realm = fox_slice_keep(&at, c->realm);
	row->row.topic = fox_slice_keep(&at, c->topic);
	row->row.args = fox_slice_keep(&at, c->args);
	row->row.kwargs = fox_slice_keep(&at, c->kwargs);
	return row;
}

static void
row_free(FoxRouter *r, ConfigRow *row)
{
	fox_map_del(&r->config_rows_by_key, row->key);
	fox_list_del(&row->in_router);
	free(row);
}

/* Without memory the row is not known here: a read takes it for news, and a gap may leave it behind. */
static void
know(FoxRouter *r, const FoxChange *c, FoxSlice key)
{
	ConfigRow  *row = row_new(c, key);

	if (row == NULL || !fox_map_put(&r->config_rows_by_key, row->key, row))
	{
		free(row);
		fox_router_log(r, FOX_LOG_ERROR, "out of memory: a row of configuration may outlive its deletion until the router restarts");
		return;
	}
	row->reread = r->reread;
	fox_list_push(&r->config_rows, &row->in_router);
}

static bool
is_news(FoxRouter *r, const FoxChange *c, FoxSlice key)
{
	ConfigRow  *known = fox_map_get(&r->config_rows_by_key, key);

	if (c->silent && known != NULL && r->rereading && known->reread == r->reread)
		return false;			/* what the ring has brought meanwhile is newer */
	if (c->silent && known != NULL && !known->row.deleted && fox_slice_eq(known->row.args, c->args))
	{
		known->reread = r->reread;
		return false;
	}
	if (known != NULL)
		row_free(r, known);
	if (!c->deleted || r->rereading)
		know(r, c, key);
	return true;
}

bool
fox_config_row_is_news(FoxRouter *r, const FoxChange *c)
{
	FoxBuf		key = {0};
	bool		news;

	if (!is_row(c->kind))
		return true;
	put_key(c, &key);
	news = key.failed || is_news(r, c, fox_slice(key.data, key.len));
	fox_buf_free(&key);
	return news;
}

void
fox_config_rows_reread_end(FoxRouter *r)
{
	fox_list_each(n, &r->config_rows)
	{
		ConfigRow  *row = fox_container(ConfigRow, in_router, n);

		if (!row->row.deleted && row->reread == r->reread)
			continue;
		fox_map_del(&r->config_rows_by_key, row->key);
		fox_list_del(&row->in_router);
		if (!row->row.deleted)
		{
			row->row.deleted = true;
			fox_router_change(r, &row->row);
		}
		free(row);
	}
}

void
fox_config_rows_free(FoxRouter *r)
{
	fox_list_each(n, &r->config_rows)
		free(fox_container(ConfigRow, in_router, n));
	fox_map_free(&r->config_rows_by_key);
}
