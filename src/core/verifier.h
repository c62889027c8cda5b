/*
 * verifier.h - what is kept of a password, and how a password is held against it.
 *
 *   SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>   base64, as PostgreSQL writes pg_authid.rolpassword
 *   WAMP-CRA$<iterations>:<salt>$<key>                          salt and key are texts, as WAMP-CRA has them
 *   PLAIN$<secret>                                              WAMP-CRA without a salt
 */
#ifndef FOX_CORE_VERIFIER_H
#define FOX_CORE_VERIFIER_H

#include "base/digest.h"

#define FOX_KDF_ITERATIONS 4096	/* PostgreSQL's, and that of what is made up */
#define FOX_KDF_ITERATIONS_MAX 600000	/* that are computed here; a client may compute more */
#define FOX_SALT_MAX 1024		/* bytes */

typedef struct FoxScramVerifier
{
	uint32_t	iterations;
	FoxSlice	salt_text;		/* base64; into the verifier's text, or into made_up */
	unsigned char salt[FOX_SALT_MAX];
	size_t		salt_len;
	unsigned char stored_key[FOX_SHA256];
	unsigned char server_key[FOX_SHA256];
	char		made_up[32];
} FoxScramVerifier;

typedef struct FoxCraVerifier
{
	uint32_t	iterations;		/* 0: key is the secret itself */
	FoxSlice	salt;			/* into the verifier's text, or into made_up */
	FoxSlice	key;
	char		made_up[80];
} FoxCraVerifier;

/* False: the text is no such verifier. */
extern bool fox_scram_parse(FoxSlice text, FoxScramVerifier *v);
extern bool fox_cra_parse(FoxSlice text, FoxCraVerifier *v);

/*
 * Verifiers that nothing fits, the same for the same seed, so that the answer to a name which
 * has none looks like all others.
 */
extern void fox_scram_make_up(const unsigned char seed[FOX_SHA256], FoxScramVerifier *v);
extern void fox_cra_make_up(const unsigned char seed[FOX_SHA256], FoxCraVerifier *v);

/* The password is normalized (SASLprep) already. */
extern bool fox_scram_password_fits(const FoxScramVerifier *v, FoxSlice password);

/* Appends the verifier of a password; false without random numbers. */
extern bool fox_cra_make(FoxSlice password, FoxBuf *out);

#endif
