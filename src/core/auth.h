/*
 * auth.h - methods of logging in: what is asked of a peer, and whether its answer holds.
 *
 * An executor carries this out, a question at a time, and keeps nothing between two of
 * them: what a challenge leaves to be known comes back in the second question.
 *
 * Question:  {"method","realm","authid","session","certificate","superusers","argon2","authextra":{…}}, and
 *            after AUTHENTICATE also "signature", "extra":{…} and "state":{…}; "found":{…} if an authenticator
 *            was asked; "cookie" of that method
 * Answer:    {"challenge":{…},"state":{…}}
 *            {"welcome":{"authid","authrole","authprovider","authextra":{…},"session_timeout":seconds}}
 *            {"refused":"<URI>","text":"…"}
 */
#ifndef FOX_CORE_AUTH_H
#define FOX_CORE_AUTH_H

#include "base/digest.h"

typedef enum FoxAuthMethod
{
	FOX_AUTH_ANONYMOUS,
	FOX_AUTH_TICKET,
	FOX_AUTH_WAMPCRA,
	FOX_AUTH_SCRAM,
	FOX_AUTH_CRYPTOSIGN,
	FOX_AUTH_TLS,
	FOX_AUTH_COOKIE,
	FOX_AUTH_METHODS
} FoxAuthMethod;

extern const char *fox_auth_name(FoxAuthMethod method);
extern bool fox_auth_named(FoxSlice name, FoxAuthMethod *method);

#define FOX_AUTH_DENIED "wamp.error.authentication_denied"
#define FOX_AUTH_FAILED "wamp.error.authentication_failed"
#define FOX_AUTH_REQUIRED "wamp.error.authentication_required"
#define FOX_AUTH_NO_METHOD "wamp.error.no_matching_auth_method"
#define FOX_AUTH_NO_PRINCIPAL "wamp.error.no_such_principal"
#define FOX_AUTH_NO_ROLE "wamp.error.no_such_role"

typedef struct FoxAuthQuestion
{
	FoxAuthMethod method;
	FoxSlice	realm;
	FoxSlice	authid;			/* absent: HELLO has named none */
	FoxSlice	certificate;	/* common name of the client's certificate; absent: none */
	FoxSlice	authextra;		/* JSON object */
	bool		superusers;		/* may log in too */
	bool		argon2;			/* names that nobody has look like those whose passwords are kept by Argon2id */
	uint64_t	session;		/* id that the session will have */
	bool		answered;		/* AUTHENTICATE has come, and the next three with it */
	FoxSlice	signature;
	FoxSlice	extra;			/* JSON object */
	FoxSlice	state;			/* JSON object: what the challenge has left */
	FoxSlice	found;			/* JSON object: what an authenticator says; absent: none was asked */
	FoxSlice	cookie;			/* absent: none */
	FoxBuf		texts[6];		/* what the slices point into */
} FoxAuthQuestion;

/* False: it is no such question. */
extern bool fox_auth_read(FoxSlice json, FoxAuthQuestion *q);
extern void fox_auth_free(FoxAuthQuestion *q);

/* Who logs in, as far as tables know; all are absent of a name that they do not. */
typedef struct FoxPrincipal
{
	FoxSlice	authid;			/* absent: nobody who may log in, whatever the answer is */
	FoxSlice	authrole;
	FoxSlice	provider;
	FoxSlice	scram;			/* verifier.h */
	FoxSlice	stand_in;		/* of somebody else, chosen by the name: without a scram a password costs what that does; absent: PostgreSQL's cost */
	FoxSlice	cra;
	FoxSlice	keys;			/* JSON array of its public keys in hexadecimal */
	FoxSlice	extra;			/* JSON object for its WELCOME; absent: none */
	unsigned char seed[FOX_SHA256];	/* of what is made up, the same for the same name */
} FoxPrincipal;

/* Appends the answer. */
extern void fox_auth_answer(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out);

extern void fox_auth_refuse(FoxBuf *out, const char *uri, const char *text);
/* authextra: a JSON object, or absent; what the principal brings along is added. */
extern void fox_auth_welcome(FoxBuf *out, const FoxPrincipal *who, FoxSlice authextra);

/* --- methods: the challenge, and whether its answer holds; whoever it is, as much is computed --- */

extern void fox_cra_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out);
extern void fox_cra_check(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out);
extern void fox_scram_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out);
extern void fox_scram_check(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out);
extern void fox_sign_challenge(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out);
extern void fox_sign_check(const FoxAuthQuestion *q, const FoxPrincipal *who, FoxBuf *out);

/* The text of a member of a JSON object, in scratch or in the object; absent if there is none. */
extern FoxSlice fox_auth_text(FoxSlice object, const char *name, FoxBuf *scratch);
extern bool fox_auth_set(FoxSlice object, const char *name);	/* it has that member, and not null */
/* Appends "name":"text" with a comma before it unless it is the first of its object. */
extern void fox_auth_put(FoxBuf *out, const char *name, FoxSlice text);
extern void fox_auth_deny(FoxBuf *out);
/* Random bytes in base64, for a nonce. */
extern void fox_auth_nonce(FoxBuf *out);

#endif
