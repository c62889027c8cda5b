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
begins(FoxSlice *text, const char *name)
{
	FoxSlice	part;

	return cut(text, '$', &part) && fox_slice_is(part, name);
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

bool
fox_scram_parse(FoxSlice text, FoxScramVerifier *v)
{
	FoxSlice	iterations;
	FoxSlice	stored;

	return begins(&text, "SCRAM-SHA-256") && cut(&text, ':', &iterations) && number(iterations, &v->iterations) &&
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
fox_scram_make_up(const unsigned char seed[FOX_SHA256], FoxScramVerifier *v)
{
	memset(v, 0, sizeof(*v));
	v->iterations = FOX_KDF_ITERATIONS;
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
fox_scram_password_fits(const FoxScramVerifier *v, FoxSlice password)
{
	unsigned char salted[FOX_SHA256];
	unsigned char server_key[FOX_SHA256];
	bool		fits;

	fits = fox_pbkdf2_sha256(password, fox_bytes_slice(v->salt, v->salt_len), v->iterations, salted, sizeof(salted)) &&
		fox_hmac_sha256(fox_bytes_slice(salted, sizeof(salted)), FOX_LIT("Server Key"), server_key) &&
		fox_same_secret(fox_bytes_slice(server_key, FOX_SHA256), fox_bytes_slice(v->server_key, FOX_SHA256));
	fox_wipe(salted, sizeof(salted));
	fox_wipe(server_key, sizeof(server_key));
	return fits;
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
