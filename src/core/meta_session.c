/*
 * meta_session.c - the session meta API: who is there, and ending others' sessions.
 *
 * Sessions of SQL backends and of bridges are listed like any other, but killing is
 * for clients: a backend that lost its session would believe that it still holds its
 * locks (fox_wamp.kill() is there for who knows what that means).
 */
#include <stdlib.h>

#include "codec/json_out.h"
#include "core/meta.h"

#include "base/pure.h"

#define ON_CONNECT "fox_wamp.mqtt.on_connect"
#define ON_DISCONNECT "fox_wamp.mqtt.on_disconnect"

/* --- details --- */

static void
put_details(FoxBuf *b, const FoxSession *s)
{
	fox_buf_char(b, '{');
	fox_json_put_number(b, "session", s->id);
	fox_json_put_member(b, "authid", s->authid);
	fox_json_put_member(b, "authrole", s->authrole);
	fox_json_put_member(b, "authmethod", s->authmethod);
	fox_json_put_member(b, "authprovider", fox_absent(s->authprovider) ? FOX_LIT("static") : s->authprovider);
	if (!fox_absent(s->client_id))
		fox_json_put_member(b, "client_id", s->client_id);
	fox_json_put_name(b, "transport");
	fox_buf_char(b, '{');
	fox_json_put_member(b, "type", s->transport != NULL ? fox_cstr(s->transport) : s->protocol);
	fox_json_put_member(b, "protocol", s->protocol);
	fox_json_put_member(b, "peer", s->peer);
	fox_buf_str(b, "}}");
}

/* --- events --- */

void
fox_meta_session_joined(FoxSession *s)
{
	FoxBuf		args = {0};

	if (!fox_meta_heard(s->realm, "wamp.session.on_join"))
		return;
	fox_buf_char(&args, '[');
	put_details(&args, s);
	fox_buf_char(&args, ']');
	fox_meta_publish(s->realm, "wamp.session.on_join", &args, s);
}

void
fox_meta_session_left(FoxSession *s)
{
	FoxBuf		args = {0};

	if (!fox_meta_heard(s->realm, "wamp.session.on_leave"))
		return;
	fox_buf_char(&args, '[');
	fox_buf_u64(&args, s->id);
	fox_buf_char(&args, ',');
	fox_buf_json_str(&args, s->authid);
	fox_buf_char(&args, ',');
	fox_buf_json_str(&args, s->authrole);
	fox_buf_char(&args, ']');
	fox_meta_publish(s->realm, "wamp.session.on_leave", &args, s);
}

/* Sessions of MQTT outlive their connections, which come and go. */

void
fox_session_connected(FoxSession *s)
{
	FoxBuf		args = {0};

	if (!fox_meta_heard(s->realm, ON_CONNECT))
		return;
	fox_buf_char(&args, '[');
	put_details(&args, s);
	fox_buf_char(&args, ']');
	fox_meta_publish(s->realm, ON_CONNECT, &args, s);
}

void
fox_session_disconnected(FoxSession *s, bool lost)
{
	FoxBuf		args = {0};

	if (!fox_meta_heard(s->realm, ON_DISCONNECT))
		return;
	fox_buf_str(&args, "[{");
	fox_json_put_number(&args, "session", s->id);
	fox_json_put_member(&args, "client_id", s->client_id);
	fox_json_put_member(&args, "authid", s->authid);
	fox_json_put_member(&args, "authrole", s->authrole);
	fox_buf_str(&args, lost ? ",\"lost\":true}]" : ",\"lost\":false}]");
	fox_meta_publish(s->realm, ON_DISCONNECT, &args, s);
}

/* --- looking --- */

/* Is text an element of the list?  An absent list has everything in it. */
static bool
listed(FoxSlice list, FoxSlice text)
{
	size_t		pos = 0;
	FoxSlice	item;
	bool		found = fox_absent(list);

	while (!found && fox_json_element(list, &pos, &item))
	{
		FoxBuf		scratch = {0};
		FoxSlice	t = fox_json_text(item, &scratch);

		found = !fox_absent(t) && fox_slice_eq(t, text);
		fox_buf_free(&scratch);
	}
	return found;
}

static const char *
list_sessions(FoxMetaCall *c, bool ids)
{
	FoxSlice	roles = fox_meta_arg(c, 0, "filter_authroles");
	uint64_t	count = 0;

	if (!fox_absent(roles) && fox_json_kind(roles) != FOX_JSON_ARRAY)
	{
		c->text = "filter_authroles must be a list";
		return FOX_ERR_INVALID_ARGUMENT;
	}
	if (ids)
		fox_buf_char(&c->out, '[');
	fox_list_each(n, &c->realm->sessions)
	{
		FoxSession *s = fox_container(FoxSession, in_realm, n);

		if (s->passing || !listed(roles, s->authrole))
			continue;
		count++;
		if (ids)
			fox_meta_put_id(&c->out, s->id);
	}
	if (ids)
		fox_buf_char(&c->out, ']');
	else
		fox_buf_u64(&c->out, count);
	return NULL;
}

static const char *
session_count(FoxMetaCall *c)
{
	return list_sessions(c, false);
}

static const char *
session_list(FoxMetaCall *c)
{
	return list_sessions(c, true);
}

/* The session that the first argument names; NULL (*error is set): there is none in the realm. */
static FoxSession *
session_arg(FoxMetaCall *c, int place, const char **error)
{
	FoxSession *s;
	uint64_t	id;

	*error = FOX_ERR_INVALID_ARGUMENT;
	if (!fox_meta_id(c, place, "session", &id))
		return NULL;
	s = fox_idmap_get(&c->realm->router->sessions, id);
	if (s != NULL && s->realm == c->realm)
		return s;
	*error = FOX_ERR_NO_SUCH_SESSION;
	c->text = "no session with that id is in the realm";
	return NULL;
}

static const char *
session_get(FoxMetaCall *c)
{
	const char *error;
	FoxSession *s = session_arg(c, 0, &error);

	if (s == NULL)
		return error;
	put_details(&c->out, s);
	return NULL;
}

/* --- killing --- */

bool
fox_meta_is_client(const FoxSession *s)
{
	return !s->passing && !fox_slice_is(s->authmethod, "sql") && !fox_slice_is(s->authmethod, "internal");
}

typedef struct Kill
{
	char	   *reason;			/* NUL-terminated, owned */
	FoxSlice	message;
	FoxBuf		scratch;
} Kill;

static const char *
kill_options(FoxMetaCall *c, Kill *k)
{
	FoxSlice	reason = fox_meta_arg(c, -1, "reason");
	FoxSlice	message = fox_meta_arg(c, -1, "message");
	FoxBuf		scratch = {0};

	*k = (Kill){.message = FOX_ABSENT};
	if (fox_absent(reason))
		reason = fox_cstr(FOX_CLOSE_KILLED);
	else
	{
		reason = fox_json_text(reason, &scratch);
		if (fox_absent(reason) || !fox_uri_valid(reason, false))
		{
			fox_buf_free(&scratch);
			c->text = "reason must be a URI";
			return FOX_ERR_INVALID_URI;
		}
	}
	k->reason = fox_strdup(reason);
	fox_buf_free(&scratch);
	if (k->reason == NULL)
		return FOX_ERR_UNAVAILABLE;
	if (!fox_absent(message))
	{
		k->message = fox_json_text(message, &k->scratch);
		if (fox_absent(k->message))
		{
			c->text = "message must be a string";
			return FOX_ERR_INVALID_ARGUMENT;
		}
	}
	return NULL;
}

static void
kill_free(Kill *k)
{
	free(k->reason);
	fox_buf_free(&k->scratch);
}

static const char *
session_kill(FoxMetaCall *c)
{
	Kill		k;
	FoxSession *s;
	const char *error;

	if ((s = session_arg(c, 0, &error)) == NULL)
		return error;
	if (s == c->session)
	{
		c->text = "a session can not kill itself";
		return FOX_ERR_NO_SUCH_SESSION;
	}
	if (!fox_meta_is_client(s))
	{
		c->text = "that session is no client's";
		return FOX_ERR_NOT_AUTHORIZED;
	}
	if ((error = kill_options(c, &k)) == NULL)
		fox_session_kill(s, k.reason, k.message);
	kill_free(&k);
	return error;
}

typedef enum KillBy
{
	KILL_AUTHID,
	KILL_AUTHROLE,
	KILL_ALL
} KillBy;

/* Kills all others that fit; the result is their number, or by authid the list of them. */
static const char *
kill_by(FoxMetaCall *c, KillBy by)
{
	FoxBuf		name_buf = {0};
	FoxSlice	name = FOX_ABSENT;
	Kill		k;
	uint64_t	count = 0;
	const char *error = kill_options(c, &k);

	if (error == NULL && by != KILL_ALL &&
		fox_absent(name = fox_meta_text(c, 0, by == KILL_AUTHID ? "authid" : "authrole", &name_buf)))
		error = FOX_ERR_INVALID_ARGUMENT;
	if (error == NULL)
	{
		if (by == KILL_AUTHID)
			fox_buf_char(&c->out, '[');
		fox_list_each(n, &c->realm->sessions)
		{
			FoxSession *s = fox_container(FoxSession, in_realm, n);

			if (s == c->session || !fox_meta_is_client(s) ||
				(by == KILL_AUTHID && !fox_slice_eq(s->authid, name)) ||
				(by == KILL_AUTHROLE && !fox_slice_eq(s->authrole, name)))
				continue;
			count++;
			if (by == KILL_AUTHID)
				fox_meta_put_id(&c->out, s->id);
			fox_session_kill(s, k.reason, k.message);
		}
		if (by == KILL_AUTHID)
			fox_buf_char(&c->out, ']');
		else
			fox_buf_u64(&c->out, count);
	}
	kill_free(&k);
	fox_buf_free(&name_buf);
	return error;
}

static const char *
session_kill_by_authid(FoxMetaCall *c)
{
	return kill_by(c, KILL_AUTHID);
}

static const char *
session_kill_by_authrole(FoxMetaCall *c)
{
	return kill_by(c, KILL_AUTHROLE);
}

static const char *
session_kill_all(FoxMetaCall *c)
{
	return kill_by(c, KILL_ALL);
}

const FoxMetaProcedure fox_meta_session_procedures[] = {
	{"wamp.session.count", session_count, false},
	{"wamp.session.list", session_list, false},
	{"wamp.session.get", session_get, false},
	{"wamp.session.kill", session_kill, true},
	{"wamp.session.kill_by_authid", session_kill_by_authid, true},
	{"wamp.session.kill_by_authrole", session_kill_by_authrole, true},
	{"wamp.session.kill_all", session_kill_all, true},
	{NULL, NULL, false}
};
