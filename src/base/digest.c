/*
 * digest.c - hashes and comparisons, by OpenSSL (see digest.h).
 */
#include "base/digest.h"

#include <argon2.h>
#include <crypt.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/pure.h"

static const unsigned char *
bytes(FoxSlice s)
{
	return (const unsigned char *) (s.ptr ? s.ptr : "");
}

bool
fox_sha256(FoxSlice data, unsigned char out[FOX_SHA256])
{
	memset(out, 0, FOX_SHA256);
	return EVP_Digest(bytes(data), data.len, out, NULL, EVP_sha256(), NULL) == 1;
}

bool
fox_hmac_sha256(FoxSlice key, FoxSlice data, unsigned char out[FOX_SHA256])
{
	memset(out, 0, FOX_SHA256);
	return key.len <= INT32_MAX &&
		HMAC(EVP_sha256(), bytes(key), (int) key.len, bytes(data), data.len, out, NULL) != NULL;
}

static bool
pbkdf2(const EVP_MD *hash, FoxSlice password, FoxSlice salt, uint32_t iterations, unsigned char *out, size_t len)
{
	memset(out, 0, len);
	return password.len <= INT32_MAX && salt.len <= INT32_MAX && iterations > 0 && iterations <= INT32_MAX &&
		PKCS5_PBKDF2_HMAC((const char *) bytes(password), (int) password.len, bytes(salt), (int) salt.len,
						  (int) iterations, hash, (int) len, out) == 1;
}

bool
fox_pbkdf2_sha256(FoxSlice password, FoxSlice salt, uint32_t iterations, unsigned char *out, size_t len)
{
	return pbkdf2(EVP_sha256(), password, salt, iterations, out, len);
}

bool
fox_pbkdf2_sha512(FoxSlice password, FoxSlice salt, uint32_t iterations, unsigned char *out, size_t len)
{
	return pbkdf2(EVP_sha512(), password, salt, iterations, out, len);
}

bool
fox_crypt_fits(FoxSlice hash, FoxSlice password)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	char	   *setting = fox_strdup(hash);
	char	   *key = fox_strdup(password);
	const char *made = data != NULL && setting != NULL && key != NULL && strlen(key) == password.len ? crypt_r(key, setting, data) : NULL;
	bool		fits = made != NULL && fox_same_secret(fox_cstr(made), hash);

	if (data != NULL)
		fox_wipe(data, sizeof(*data));
	if (key != NULL)
		fox_wipe(key, password.len);
	free(data);
	free(setting);
	free(key);
	return fits;
}

bool
fox_argon2id(FoxSlice password, FoxSlice salt, uint32_t iterations, uint32_t memory, unsigned char *out, size_t len)
{
	memset(out, 0, len);
	return argon2id_hash_raw(iterations, memory, 1, password.ptr, password.len, salt.ptr, salt.len, out, len) == ARGON2_OK;
}

bool
fox_random(unsigned char *out, size_t len)
{
	memset(out, 0, len);
	return RAND_bytes(out, (int) len) == 1;
}

bool
fox_same_secret(FoxSlice a, FoxSlice b)
{
	return a.len == b.len && CRYPTO_memcmp(bytes(a), bytes(b), a.len) == 0;
}

void
fox_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

void
fox_hex_encode(FoxSlice s, FoxBuf *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < s.len; i++)
	{
		fox_buf_char(out, digits[bytes(s)[i] >> 4]);
		fox_buf_char(out, digits[bytes(s)[i] & 15]);
	}
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
fox_hex_decode(FoxSlice text, unsigned char *to, size_t n)
{
	if (text.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		int			high = nibble(text.ptr[2 * i]);
		int			low = nibble(text.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		to[i] = (unsigned char) (high << 4 | low);
	}
	return true;
}
