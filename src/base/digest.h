/*
 * digest.h - hashes, and comparisons that take the same time whatever they find.
 */
#ifndef FOX_BASE_DIGEST_H
#define FOX_BASE_DIGEST_H

#include "base/buf.h"

#define FOX_SHA256 32

/* False: OpenSSL has failed, and what is at out is zero. */
extern bool fox_sha256(FoxSlice data, unsigned char out[FOX_SHA256]);
extern bool fox_hmac_sha256(FoxSlice key, FoxSlice data, unsigned char out[FOX_SHA256]);
extern bool fox_pbkdf2_sha256(FoxSlice password, FoxSlice salt, uint32_t iterations, unsigned char *out, size_t len);
extern bool fox_pbkdf2_sha512(FoxSlice password, FoxSlice salt, uint32_t iterations, unsigned char *out, size_t len);
/* Is that the password of a hash that crypt(3) knows, as of bcrypt?  A zero byte is in none. */
extern bool fox_crypt_fits(FoxSlice hash, FoxSlice password);
/* Argon2id, version 1.3, on one lane; memory in KiB. */
extern bool fox_argon2id(FoxSlice password, FoxSlice salt, uint32_t iterations, uint32_t memory, unsigned char *out, size_t len);
extern bool fox_random(unsigned char *out, size_t len);

/* Tells by its time nothing but the lengths. */
extern bool fox_same_secret(FoxSlice a, FoxSlice b);
extern void fox_wipe(void *p, size_t n);

static inline FoxSlice
fox_bytes_slice(const unsigned char *p, size_t n)
{
	return (FoxSlice){(const char *) p, n};
}

/* Appends two hexadecimal digits a byte. */
extern void fox_hex_encode(FoxSlice bytes, FoxBuf *out);
/* False unless text is exactly n bytes in hexadecimal. */
extern bool fox_hex_decode(FoxSlice text, unsigned char *to, size_t n);

#endif
