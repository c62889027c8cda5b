/*
 * jwt_sql.c - log-ins with a JSON Web Token, by the keys of fox_wamp.jwt_key.
 */
#include "postgres.h"

#include <time.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "codec/json.h"
#include "core/jwt.h"
#include "pg/jwt_sql.h"
#include "pg/principal.h"
#include "pg/sqlarg.h"

PG_FUNCTION_INFO_V1(fox_wamp_jwk_fits);

#define AUTHID_MAX 255

typedef struct KeyRow
{
	FoxSlice	alg;
	FoxSlice	jwk;
	FoxSlice	audience;
	FoxSlice	issuer;
	FoxSlice	role_claim;
	FoxSlice	authid_claim;
	FoxSlice	roles;			/* JSON array of those that its tokens may name; absent: any */
} KeyRow;

static FoxSlice
cell(int row, int n)
{
	char	   *text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, n);

	return text == NULL ? FOX_ABSENT : fox_cstr(text);
}

static char *
claim(const FoxJwt *t, FoxSlice name)
{
	FoxBuf		scratch = {0};
	FoxSlice	text = fox_jwt_claim(t, name, &scratch);
	char	   *copy = fox_absent(text) || memchr(text.ptr, '\0', text.len) != NULL ? NULL : pnstrdup(text.ptr, text.len);

	fox_buf_free(&scratch);
	return copy;
}

/* The key that has signed the token, if it holds. */
static bool
find_key(const FoxJwt *t, const char *realm, KeyRow *found)
{
	static void *plan = NULL;
	const char *values[2] = {realm, fox_absent(t->kid) ? NULL : pnstrdup(t->kid.ptr, t->kid.len)};
	uint64		n = fox_spi(&plan,
							"SELECT alg, jwk::text, audience, issuer, role_claim, authid_claim, array_to_json(roles)::text"
							" FROM fox_wamp.jwt_key WHERE (realm IS NULL OR realm = $1) AND ($2 IS NULL OR kid = $2)"
							" ORDER BY kid LIMIT 20", 2, values);

	for (uint64 i = 0; i < n; i++)
	{
		KeyRow		k = {cell(i, 1), cell(i, 2), cell(i, 3), cell(i, 4), cell(i, 5), cell(i, 6), cell(i, 7)};

		if (fox_jwt_verify(t, k.alg, k.jwk) && fox_jwt_holds(t, (int64) time(NULL), k.audience, k.issuer))
		{
			*found = k;
			return true;
		}
	}
	return false;
}

static bool
is_listed(FoxSlice roles, const char *role)
{
	FoxSlice	one;
	size_t		pos = 0;
	bool		listed = fox_absent(roles);

	while (!listed && fox_json_element(roles, &pos, &one))
	{
		FoxBuf		scratch = {0};

		listed = fox_slice_is(fox_json_text(one, &scratch), role);
		fox_buf_free(&scratch);
	}
	return listed;
}

void
fox_jwt_answer(const FoxAuthQuestion *q, const char *realm, FoxBuf *out)
{
	FoxPrincipal who = {.provider = FOX_LIT("jwt")};
	FoxJwt		t;
	KeyRow		key;
	char	   *authid;
	char	   *role;

	if (!fox_jwt_parse(q->signature, &t) || !find_key(&t, realm, &key) ||
		(authid = claim(&t, key.authid_claim)) == NULL || !fox_principal_name_valid(authid) || strlen(authid) > AUTHID_MAX ||
		(!fox_absent(q->authid) && !fox_slice_is(q->authid, authid)))
		fox_auth_deny(out);
	else if ((role = claim(&t, key.role_claim)) == NULL || !is_listed(key.roles, role) ||
			 !fox_principal_role(role, q->superusers))
		fox_auth_refuse(out, FOX_AUTH_NO_ROLE, "the token names no role that may log in");
	else
	{
		who.authid = fox_cstr(authid);
		who.authrole = fox_cstr(role);
		fox_auth_welcome(out, &who, FOX_ABSENT);
	}
	fox_jwt_free(&t);
}

/* Is that a JWK for the algorithm? */
Datum
fox_wamp_jwk_fits(PG_FUNCTION_ARGS)
{
	char	   *alg = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *jwk = PG_GETARG_JSONB_P(1);
	char	   *text = JsonbToCString(NULL, &jwk->root, VARSIZE(jwk));

	PG_RETURN_BOOL(fox_jwk_fits(fox_cstr(alg), fox_cstr(text)));
}
