/*
 * password_hash.h - hashes of passwords that other programs have made, so that their users come along.
 *
 *   $2a$, $2b$ or $2y$<cost>$…                    bcrypt
 *   $7$<iterations>$<salt>$<hash>                 PBKDF2 with SHA-512: mosquitto_passwd
 *   PBKDF2$sha256 or sha512$<iterations>$<salt>$<hash>    mosquitto-go-auth
 *   pbkdf2_sha256 or _sha512$<iterations>$<salt>$<hash>   Django; the salt is a text, elsewhere it is base64 like hashes
 *
 * Hashes are as long as the digest.  A password is held against it as it came.  WAMP-SCRAM and WAMP-CRA can do nothing with it.
 */
#ifndef FOX_CORE_PASSWORD_HASH_H
#define FOX_CORE_PASSWORD_HASH_H

#include "base/digest.h"

/* Does the text begin like one of them? */
extern bool fox_password_hash_looks(FoxSlice text);
/* What of a verifier or such a hash says how much work it is, and no more: "$2b$12"; of an absent one that of what is made up. */
extern FoxSlice fox_password_cost(FoxSlice text);
/* False too if the text is malformed, or it would take too long here. */
extern bool fox_password_hash_fits(FoxSlice text, FoxSlice password);

#endif
