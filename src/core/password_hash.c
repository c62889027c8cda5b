/*
 * password_hash.c - hashes of passwords from elsewhere (see password_hash.h).
 */
#include "core/password_hash.h"

#include "base/base64.h"
#include "core/verifier.h"

#include "base/pure.h"

#define BCRYPT_LEN 60
#define BCRYPT_COST_MAX 14		/* about a second */
#define HASH_MAX 64				/* bytes: of SHA-512 */

typedef struct Kind
{
	const char *prefix;
	bool		sha512;
	bool		text_salt;
} Kind;

static const Kind kinds[] = {
	{"$7$", true, false},
	{"PBKDF2$sha256$", false, false},
	{"PBKDF2$sha512$", true, false},
	{"pbkdf2_sha256$", false, true},
	{"pbkdf2_sha512$", true, true}
};

static bool
is_bcrypt(FoxSlice text)
{
	return fox_slice_begins(text, fox_cstr("$2a$")) || fox_slice_begins(text, fox_cstr("$2b$")) || fox_slice_begins(text, fox_cstr("$2y$"));
}

static const Kind *
kind_of(FoxSlice text)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (fox_slice_begins(text, fox_cstr(kinds[i].prefix)))
			return &kinds[i];
	return NULL;
}

bool
fox_password_hash_looks(FoxSlice text)
{
	return is_bcrypt(text) || kind_of(text) != NULL;
}

FoxSlice
fox_password_cost(FoxSlice text)
{
	const Kind *kind = kind_of(text);
	size_t		len = kind != NULL ? strlen(kind->prefix) : 0;

	if (fox_absent(text))
		return FOX_LIT("a made-up verifier");
	if (is_bcrypt(text))
		return fox_slice(text.ptr, text.len < 6 ? text.len : 6);
	while (len < text.len && text.ptr[len] != (kind != NULL ? '$' : ':'))
		len++;
	return fox_slice(text.ptr, len);
}

static bool
bcrypt_fits(FoxSlice text, FoxSlice password)
{
	int			cost;

	if (text.len != BCRYPT_LEN || text.ptr[6] != '$')
		return false;
	cost = (text.ptr[4] - '0') * 10 + text.ptr[5] - '0';
	return cost >= 4 && cost <= BCRYPT_COST_MAX && fox_crypt_fits(text, password);
}

/* What stands before the next $, which is taken off. */
static bool
part(FoxSlice *rest, FoxSlice *out)
{
	const char *at = rest->len > 0 ? memchr(rest->ptr, '$', rest->len) : NULL;

	if (at == NULL)
		return false;
	*out = fox_slice(rest->ptr, (size_t) (at - rest->ptr));
	*rest = fox_slice(at + 1, rest->len - out->len - 1);
	return true;
}

static bool
number(FoxSlice text, uint32_t *out)
{
	*out = 0;
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || *out > FOX_KDF_ITERATIONS_MAX)
			return false;
		*out = *out * 10 + (uint32_t) (text.ptr[i] - '0');
	}
	return *out > 0 && *out <= FOX_KDF_ITERATIONS_MAX;
}

static bool
pbkdf2_fits(const Kind *kind, FoxSlice text, FoxSlice password)
{
	FoxSlice	rest = fox_slice(text.ptr + strlen(kind->prefix), text.len - strlen(kind->prefix));
	FoxSlice	iterations_text;
	FoxSlice	salt;
	uint32_t	iterations;
	char		salt_bytes[FOX_SALT_MAX];
	char		hash[HASH_MAX + 4];
	unsigned char made[HASH_MAX];
	size_t		len;

	if (!part(&rest, &iterations_text) || !number(iterations_text, &iterations) || !part(&rest, &salt) ||
		salt.len > FOX_SALT_MAX || rest.len > HASH_MAX / 3 * 4 + 4 || !fox_base64_decode(rest, hash, &len) || len != (kind->sha512 ? HASH_MAX : FOX_SHA256))
		return false;
	if (!kind->text_salt)
	{
		size_t		n;

		if (!fox_base64_decode(salt, salt_bytes, &n))
			return false;
		salt = fox_slice(salt_bytes, n);
	}
	return (kind->sha512 ? fox_pbkdf2_sha512 : fox_pbkdf2_sha256) (password, salt, iterations, made, len) &&
		fox_same_secret(fox_bytes_slice(made, len), fox_slice(hash, len));
}

bool
fox_password_hash_fits(FoxSlice text, FoxSlice password)
{
	const Kind *kind = kind_of(text);

	if (is_bcrypt(text))
		return bcrypt_fits(text, password);
	return kind != NULL && pbkdf2_fits(kind, text, password);
}
