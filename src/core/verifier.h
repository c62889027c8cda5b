/*
 * verifier.h - what is kept of a password, and how a password is held against it.
 *
 *   SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>   base64, as PostgreSQL writes pg_authid.rolpassword
 *   ARGON2ID13$<iterations>,<memory>:<salt>$<StoredKey>:<ServerKey>    the same, of what Argon2id derives from the password
 *   WAMP-CRA$<iterations>:<salt>$<key>                          salt and key are texts, as WAMP-CRA has them
 *   PLAIN$<secret>                                              WAMP-CRA without a salt
 */
#ifndef FOX_CORE_VERIFIER_H
#define FOX_CORE_VERIFIER_H

#include "base/digest.h"

#define FOX_KDF_ITERATIONS 4096	/* PostgreSQL's, and that of what is made up */
#define FOX_KDF_ITERATIONS_MAX 600000	/* that are computed here; a client may compute more */
#define FOX_ARGON2_ITERATIONS 2	/* with so many KiB of memory: OWASP's choice */
#define FOX_ARGON2_MEMORY 19456
#define FOX_ARGON2_WORK_MAX (1024 * 1024)	/* iterations * KiB that are computed here, with so much memory at most */
#define FOX_ARGON2_MEMORY_MAX (256 * 1024)
#define FOX_SALT_MAX 1024		/* bytes */

typedef struct FoxScramVerifier
{
	uint32_t	iterations;
	uint32_t	memory;			/* KiB of Argon2id; 0: PBKDF2 */
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
extern void fox_scram_make_up(const unsigned char seed[FOX_SHA256], bool argon2, FoxScramVerifier *v);
extern void fox_cra_make_up(const unsigned char seed[FOX_SHA256], FoxCraVerifier *v);

/* May a password be held against it here, or would that take too long? */
extern bool fox_scram_affordable(const FoxScramVerifier *v);
/* The password is normalized (SASLprep) already. */
extern bool fox_scram_password_fits(const FoxScramVerifier *v, FoxSlice password);

/* Appends the verifier of a password, for WAMP-SCRAM with Argon2id or for WAMP-CRA; false without random numbers or memory. */
extern bool fox_argon2_make(FoxSlice password, FoxBuf *out);
extern bool fox_cra_make(FoxSlice password, FoxBuf *out);

#endif
