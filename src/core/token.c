/*
 * token.c - sessions that no connection holds (see token.h).
 */
#include "core/token.h"

#include <stdlib.h>

#include "base/digest.h"

#include "base/pure.h"

#define PREFIX "fox_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

/* All tokens of one user in one realm from one address. */
typedef struct Holder
{
	FoxNode		tokens;			/* the one that was unused for longest is the first */
	uint32_t	count;
	FoxSlice	key;			/* in block */
	char		block[];
} Holder;

struct FoxToken
{
	FoxSession *session;
	Holder	   *holder;
	FoxNode		in_holder;
	FoxTimer	timer;
	uint64_t	timeout_s;		/* 0: as the configuration says, each time */
	unsigned char hash[FOX_SHA256];
};

/* --- holders --- */

/* realm, a zero byte, authid, a zero byte, address */
static void
put_key(FoxBuf *out, FoxSlice realm, const FoxSessionInfo *info)
{
	char		address[64];
	FoxBuf		peer = {0};

	fox_buf_slice(&peer, info->peer);
	fox_buf_char(&peer, '\0');
	fox_buf_slice(out, realm);
	fox_buf_char(out, '\0');
	fox_buf_slice(out, info->authid);
	fox_buf_char(out, '\0');
	if (!peer.failed)
		fox_buf_slice(out, fox_throttle_address(peer.data, address));
	fox_buf_free(&peer);
}

static Holder *
holder_new(FoxRouter *r, FoxSlice key)
{
	Holder	   *h = calloc(1, sizeof(*h) + key.len + 1);
	char	   *at;

	if (h == NULL)
		return NULL;
	fox_list_init(&h->tokens);
	at = h->block;
	h->key = fox_slice_keep(&at, key);
	if (fox_map_put(&r->token_holders, h->key, h))
		return h;
	free(h);
	return NULL;
}

static void
holder_check(FoxRouter *r, Holder *h)
{
	if (h->count > 0)
		return;
	fox_map_del(&r->token_holders, h->key);
	free(h);
}

static void
make_room(FoxRouter *r, FoxSlice key)
{
	uint32_t	limit = r->config.tokens_per_user;
	const Holder *h;

	while (limit > 0 && (h = fox_map_get(&r->token_holders, key)) != NULL && h->count >= limit)
		fox_session_kill(fox_container(struct FoxToken, in_holder, h->tokens.next)->session, FOX_CLOSE_KILLED,
						 FOX_LIT("the user has more sessions than may be"));
}

/* --- time --- */

static void put_off(FoxRouter *r, struct FoxToken *t);

/* Who waits for an answer is still there. */
static void
time_is_up(void *ctx, FoxTimer *timer)
{
	struct FoxToken *t = fox_container(struct FoxToken, timer, timer);

	(void) ctx;
	if (t->session->calls.count > 0)
		put_off(t->session->realm->router, t);
	else
		fox_session_kill(t->session, FOX_CLOSE_KILLED, FOX_LIT("nobody has used the session for too long"));
}

/* Without memory for the timer the former one stays. */
static void
put_off(FoxRouter *r, struct FoxToken *t)
{
	(void) fox_timer_set(&r->timers, &t->timer, fox_router_now(r) + fox_token_timeout_s(t->session) * 1000000, time_is_up);
}

uint64_t
fox_token_timeout_s(const FoxSession *s)
{
	if (s->token == NULL)
		return 0;
	return s->token->timeout_s > 0 ? s->token->timeout_s : s->realm->router->config.token_timeout_s;
}

/* --- tokens --- */

static bool
make_token(char token[FOX_TOKEN + 1], unsigned char hash[FOX_SHA256])
{
	unsigned char bytes[(FOX_TOKEN - PREFIX_LEN) / 2];
	FoxBuf		text = {0};
	bool		made = fox_random(bytes, sizeof(bytes));

	fox_buf_str(&text, PREFIX);
	fox_hex_encode(fox_bytes_slice(bytes, sizeof(bytes)), &text);
	fox_buf_char(&text, '\0');
	made = made && !text.failed && fox_sha256(fox_slice(text.data, FOX_TOKEN), hash);
	if (made)
		memcpy(token, text.data, FOX_TOKEN + 1);
	if (text.cap > 0)
		fox_wipe(text.data, text.cap);
	fox_wipe(bytes, sizeof(bytes));
	fox_buf_free(&text);
	return made;
}

static bool
give(FoxSession *s, FoxSlice key, uint64_t timeout_s, char token[FOX_TOKEN + 1])
{
	FoxRouter  *r = s->realm->router;
	struct FoxToken *t = calloc(1, sizeof(*t));
	Holder	   *h = fox_map_get(&r->token_holders, key);
	FoxSlice	hash;

	if (t == NULL || (h == NULL && (h = holder_new(r, key)) == NULL))
	{
		free(t);
		return false;
	}
	hash = fox_bytes_slice(t->hash, sizeof(t->hash));
	t->session = s;
	t->timeout_s = timeout_s;
	s->token = t;
	put_off(r, t);
	if (t->timer.place == 0 || !make_token(token, t->hash) || !fox_map_put(&r->tokens, hash, t))
	{
		fox_timer_clear(&r->timers, &t->timer);
		holder_check(r, h);
		free(t);
		s->token = NULL;
		return false;
	}
	t->holder = h;
	h->count++;
	fox_list_push(&h->tokens, &t->in_holder);
	return true;
}

FoxSession *
fox_token_join(FoxRouter *r, FoxSlice realm, const FoxSessionInfo *info, const FoxSessionOps *ops, void *data,
			   char token[FOX_TOKEN + 1], const char **reason)
{
	FoxBuf		key = {0};
	FoxSession *s = NULL;

	put_key(&key, realm, info);
	*reason = FOX_ERR_UNAVAILABLE;
	if (!key.failed)
	{
		make_room(r, fox_buf_view(&key));
		s = fox_session_join(r, realm, info, ops, data, reason);
	}
	if (s != NULL && !give(s, fox_buf_view(&key), info->timeout_s, token))
	{
		*reason = FOX_ERR_UNAVAILABLE;
		fox_session_leave(s, FOX_END_LOST);
		s = NULL;
	}
	fox_buf_free(&key);
	return s;
}

bool
fox_token_formed(FoxSlice text)
{
	unsigned char bytes[(FOX_TOKEN - PREFIX_LEN) / 2];

	return text.len == FOX_TOKEN && memcmp(text.ptr, PREFIX, PREFIX_LEN) == 0 &&
		fox_hex_decode(fox_slice(text.ptr + PREFIX_LEN, text.len - PREFIX_LEN), bytes, sizeof(bytes));
}

FoxSession *
fox_token_session(FoxRouter *r, FoxSlice token)
{
	unsigned char hash[FOX_SHA256];
	struct FoxToken *t;

	if (!fox_token_formed(token) || !fox_sha256(token, hash) ||
		(t = fox_map_get(&r->tokens, fox_bytes_slice(hash, sizeof(hash)))) == NULL)
		return NULL;
	put_off(r, t);
	fox_list_del(&t->in_holder);
	fox_list_push(&t->holder->tokens, &t->in_holder);
	return t->session;
}

void
fox_token_session_end(FoxSession *s)
{
	FoxRouter  *r = s->realm->router;
	struct FoxToken *t = s->token;

	s->token = NULL;
	if (t == NULL)
		return;
	fox_timer_clear(&r->timers, &t->timer);
	fox_map_del(&r->tokens, fox_bytes_slice(t->hash, sizeof(t->hash)));
	fox_list_del(&t->in_holder);
	t->holder->count--;
	holder_check(r, t->holder);
	free(t);
}

void
fox_tokens_free(FoxRouter *r)
{
	fox_map_free(&r->tokens);
	fox_map_free(&r->token_holders);
}
