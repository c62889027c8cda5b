/*
 * verifier.c - what is kept of a password (see verifier.h).
 */
#include "core/verifier.h"

#include "base/base64.h"

#include "base/pure.h"

#define SALT 16

/* Cuts what stands before the separator off *rest; false if there is none. */
static bool
cut(FoxSlice *rest, char separator, FoxSlice *part)
{
	const char *at = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;

	if (at == NULL)
		return false;
	*part = fox_slice(rest->ptr, (size_t) (at - rest->ptr));
	*rest = fox_slice(at + 1, rest->len - part->len - 1);
	return true;
}

static bool
number(FoxSlice text, uint32_t *out)
{
	uint64_t	n = 0;

	for (size_t i = 0; i < text.len && n <= INT32_MAX; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		n = n * 10 + (uint64_t) (text.ptr[i] - '0');
	}
	*out = (uint32_t) n;
	return n > 0 && n <= INT32_MAX;
}

static bool
key_of(FoxSlice text, unsigned char key[FOX_SHA256])
{
	char		bytes[48];
	size_t		len;

	if (text.len != 44 || !fox_base64_decode(text, bytes, &len) || len != FOX_SHA256)
		return false;
	memcpy(key, bytes, FOX_SHA256);
	return true;
}

/* "<iterations>", or of Argon2id "<iterations>,<memory>". */
static bool
costs(FoxSlice text, bool argon2, FoxScramVerifier *v)
{
	FoxSlice	iterations;

	v->memory = 0;
	if (!argon2)
		return number(text, &v->iterations);
	return cut(&text, ',', &iterations) && number(iterations, &v->iterations) && number(text, &v->memory);
}

bool
fox_scram_parse(FoxSlice text, FoxScramVerifier *v)
{
	FoxSlice	kind;
	FoxSlice	cost;
	FoxSlice	stored;
	bool		argon2;

	if (!cut(&text, '$', &kind))
		return false;
	argon2 = fox_slice_is(kind, "ARGON2ID13");
	return (argon2 || fox_slice_is(kind, "SCRAM-SHA-256")) && cut(&text, ':', &cost) && costs(cost, argon2, v) &&
		cut(&text, '$', &v->salt_text) && v->salt_text.len / 4 * 3 <= sizeof(v->salt) &&
		fox_base64_decode(v->salt_text, (char *) v->salt, &v->salt_len) &&
		cut(&text, ':', &stored) && key_of(stored, v->stored_key) && key_of(text, v->server_key);
}

bool
fox_cra_parse(FoxSlice text, FoxCraVerifier *v)
{
	FoxSlice	kind;
	FoxSlice	iterations;

	v->iterations = 0;
	v->salt = FOX_ABSENT;
	if (!cut(&text, '$', &kind))
		return false;
	if (fox_slice_is(kind, "PLAIN"))
		v->key = text;
	else if (!fox_slice_is(kind, "WAMP-CRA") || !cut(&text, ':', &iterations) || !number(iterations, &v->iterations) ||
			 !cut(&text, '$', &v->salt))
		return false;
	v->key = text;
	return text.len > 0;
}

static void
base64_into(const unsigned char *bytes, size_t n, char *to)
{
	FoxBuf		text = {0};

	fox_base64_encode(fox_bytes_slice(bytes, n), &text);
	if (!text.failed)
		memcpy(to, text.data, text.len);
	fox_buf_free(&text);
}

void
fox_scram_make_up(const unsigned char seed[FOX_SHA256], bool argon2, FoxScramVerifier *v)
{
	memset(v, 0, sizeof(*v));
	v->iterations = argon2 ? FOX_ARGON2_ITERATIONS : FOX_KDF_ITERATIONS;
	v->memory = argon2 ? FOX_ARGON2_MEMORY : 0;
	memcpy(v->salt, seed, SALT);
	v->salt_len = SALT;
	base64_into(seed, SALT, v->made_up);
	v->salt_text = fox_slice(v->made_up, 24);
	(void) fox_hmac_sha256(fox_bytes_slice(seed, FOX_SHA256), FOX_LIT("stored"), v->stored_key);
	(void) fox_hmac_sha256(fox_bytes_slice(seed, FOX_SHA256), FOX_LIT("server"), v->server_key);
}

void
fox_cra_make_up(const unsigned char seed[FOX_SHA256], FoxCraVerifier *v)
{
	unsigned char key[FOX_SHA256];

	memset(v, 0, sizeof(*v));
	v->iterations = FOX_KDF_ITERATIONS;
	base64_into(seed, SALT, v->made_up);
	v->salt = fox_slice(v->made_up, 24);
	(void) fox_hmac_sha256(fox_bytes_slice(seed, FOX_SHA256), FOX_LIT("cra"), key);
	base64_into(key, sizeof(key), v->made_up + 24);
	v->key = fox_slice(v->made_up + 24, 44);
}

bool
fox_scram_affordable(const FoxScramVerifier *v)
{
	if (v->memory == 0)
		return v->iterations <= FOX_KDF_ITERATIONS_MAX;
	return v->memory <= FOX_ARGON2_MEMORY_MAX && (uint64_t) v->iterations * v->memory <= FOX_ARGON2_WORK_MAX;
}

static bool
derive(const FoxScramVerifier *v, FoxSlice password, unsigned char salted[FOX_SHA256])
{
	FoxSlice	salt = fox_bytes_slice(v->salt, v->salt_len);

	return v->memory > 0 ? fox_argon2id(password, salt, v->iterations, v->memory, salted, FOX_SHA256) :
		fox_pbkdf2_sha256(password, salt, v->iterations, salted, FOX_SHA256);
}

bool
fox_scram_password_fits(const FoxScramVerifier *v, FoxSlice password)
{
	unsigned char salted[FOX_SHA256];
	unsigned char server_key[FOX_SHA256];
	bool		fits;

	/* To HMAC a key with zeros behind it is the key without them. */
	fits = derive(v, password, salted) && (password.len == 0 || memchr(password.ptr, '\0', password.len) == NULL) &&
		fox_hmac_sha256(fox_bytes_slice(salted, sizeof(salted)), FOX_LIT("Server Key"), server_key) &&
		fox_same_secret(fox_bytes_slice(server_key, FOX_SHA256), fox_bytes_slice(v->server_key, FOX_SHA256));
	fox_wipe(salted, sizeof(salted));
	fox_wipe(server_key, sizeof(server_key));
	return fits;
}

bool
fox_argon2_make(FoxSlice password, FoxBuf *out)
{
	FoxScramVerifier v = {.iterations = FOX_ARGON2_ITERATIONS, .memory = FOX_ARGON2_MEMORY, .salt_len = SALT};
	unsigned char salted[FOX_SHA256];
	unsigned char client_key[FOX_SHA256];
	bool		made = fox_random(v.salt, SALT) && derive(&v, password, salted) &&
		fox_hmac_sha256(fox_bytes_slice(salted, sizeof(salted)), FOX_LIT("Client Key"), client_key) &&
		fox_sha256(fox_bytes_slice(client_key, sizeof(client_key)), v.stored_key) &&
		fox_hmac_sha256(fox_bytes_slice(salted, sizeof(salted)), FOX_LIT("Server Key"), v.server_key);

	if (made)
	{
		fox_buf_str(out, "ARGON2ID13$");
		fox_buf_u64(out, v.iterations);
		fox_buf_char(out, ',');
		fox_buf_u64(out, v.memory);
		fox_buf_char(out, ':');
		fox_base64_encode(fox_bytes_slice(v.salt, SALT), out);
		fox_buf_char(out, '$');
		fox_base64_encode(fox_bytes_slice(v.stored_key, FOX_SHA256), out);
		fox_buf_char(out, ':');
		fox_base64_encode(fox_bytes_slice(v.server_key, FOX_SHA256), out);
	}
	fox_wipe(salted, sizeof(salted));
	fox_wipe(client_key, sizeof(client_key));
	fox_wipe(&v, sizeof(v));
	return made && !out->failed;
}

bool
fox_cra_make(FoxSlice password, FoxBuf *out)
{
	unsigned char random[SALT];
	unsigned char key[FOX_SHA256];
	FoxBuf		salt = {0};
	bool		made;

	fox_base64_encode(fox_bytes_slice(random, fox_random(random, SALT) ? SALT : 0), &salt);
	made = salt.len > 0 && fox_pbkdf2_sha256(password, fox_buf_view(&salt), FOX_KDF_ITERATIONS, key, sizeof(key));
	if (made)
	{
		fox_buf_str(out, "WAMP-CRA$");
		fox_buf_u64(out, FOX_KDF_ITERATIONS);
		fox_buf_char(out, ':');
		fox_buf_slice(out, fox_buf_view(&salt));
		fox_buf_char(out, '$');
		fox_base64_encode(fox_bytes_slice(key, sizeof(key)), out);
	}
	fox_wipe(key, sizeof(key));
	fox_buf_free(&salt);
	return made && !out->failed;
}
