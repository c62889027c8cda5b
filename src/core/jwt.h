/*
 * jwt.h - JSON Web Tokens (RFC 7519) that say who a client is.
 *
 * The algorithm is the key's, never the token's choice: HS256, RS256, ES256 or EdDSA with
 * Ed25519, by a key in JWK form (RFC 7517).
 */
#ifndef FOX_CORE_JWT_H
#define FOX_CORE_JWT_H

#include "base/buf.h"

#define FOX_JWT_MAX 16384		/* bytes of a token */

typedef struct FoxJwt
{
	FoxSlice	signed_part;	/* into the token */
	FoxSlice	alg;
	FoxSlice	kid;			/* absent: none */
	FoxSlice	claims;			/* JSON object */
	FoxBuf		parts[3];		/* header, claims, signature */
	FoxBuf		texts[2];
} FoxJwt;

/* Does it look like one?  Three runs of base64url's characters, joined by dots; the first is a JSON object, and no password. */
extern bool fox_jwt_looks(FoxSlice token);
/* False: malformed.  What it says is not to be believed before it has been verified. */
extern bool fox_jwt_parse(FoxSlice token, FoxJwt *t);
extern void fox_jwt_free(FoxJwt *t);

/* Is that a key of that algorithm, and strong enough? */
extern bool fox_jwk_fits(FoxSlice alg, FoxSlice jwk);
/* Was the token signed with the key, by the key's algorithm? */
extern bool fox_jwt_verify(const FoxJwt *t, FoxSlice alg, FoxSlice jwk);
/*
 * Does it hold now (seconds since 1970)?  It must expire; an absent issuer is not looked at,
 * and a token that names an audience is for nobody else.
 */
extern bool fox_jwt_holds(const FoxJwt *t, int64_t now, FoxSlice audience, FoxSlice issuer);
/* A claim that is a string, in scratch or in the token; absent if it is none. */
extern FoxSlice fox_jwt_claim(const FoxJwt *t, FoxSlice name, FoxBuf *scratch);

#endif
