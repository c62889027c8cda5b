/*
 * link_tls.c - TLS as a client, in memory (see link_private.h).
 *
 * The server's certificate has to come from an authority that is believed, and to be that of the host.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/link_private.h"

struct FoxLinkTls
{
	SSL_CTX    *ctx;
	SSL		   *ssl;
	BIO		   *in;				/* these two are the SSL's */
	BIO		   *out;
};

/* --- PEM --- */

/* A worker has nobody to ask. */
static int
no_password(char *buf, int size, int writing, void *arg)
{
	(void) buf, (void) size, (void) writing, (void) arg;
	return -1;
}

/* All certificates of the text, to fn; false: there is none, or fn says so. */
static bool
each_certificate(FoxSlice pem, bool (*fn) (SSL_CTX *ctx, X509 *x, bool first), SSL_CTX *ctx)
{
	BIO		   *bio = BIO_new_mem_buf(pem.ptr, (int) pem.len);
	bool		first = true;
	bool		ok = bio != NULL;
	X509	   *x;

	while (ok && (x = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
	{
		ok = fn(ctx, x, first);
		X509_free(x);
		first = false;
	}
	BIO_free(bio);
	ERR_clear_error();
	return ok && !first;
}

static bool
believe(SSL_CTX *ctx, X509 *x, bool first)
{
	(void) first;
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) == 1;
}

static bool
show(SSL_CTX *ctx, X509 *x, bool first)
{
	return first ? SSL_CTX_use_certificate(ctx, x) == 1 : SSL_CTX_add1_chain_cert(ctx, x) == 1;
}

static bool
use_key(SSL_CTX *ctx, FoxSlice pem)
{
	BIO		   *bio = BIO_new_mem_buf(pem.ptr, (int) pem.len);
	EVP_PKEY   *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	bool		ok = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	ERR_clear_error();
	return ok;
}

/* NULL, or what is wrong. */
static const char *
load(SSL_CTX *ctx, FoxSlice ca, FoxSlice certificate, FoxSlice private_key)
{
	if (!fox_absent(ca) ? !each_certificate(ca, believe, ctx) : SSL_CTX_set_default_verify_paths(ctx) != 1)
		return "The certificates of the authorities are not in the PEM format.";
	if (fox_absent(certificate) != fox_absent(private_key))
		return "A certificate and its private key go together.";
	if (fox_absent(certificate))
		return NULL;
	if (!each_certificate(certificate, show, ctx))
		return "The certificate is not in the PEM format.";
	if (!use_key(ctx, private_key))
		return "The private key is not that of the certificate, or not in the PEM format without a password.";
	return NULL;
}

bool
fox_link_certificates_valid(FoxSlice ca, FoxSlice certificate, FoxSlice private_key, char *err, size_t errlen)
{
	SSL_CTX    *ctx = SSL_CTX_new(TLS_client_method());
	const char *problem = ctx != NULL ? load(ctx, ca, certificate, private_key) : "OpenSSL has no memory.";

	SSL_CTX_free(ctx);
	if (problem != NULL)
		snprintf(err, errlen, "%s", problem);
	return problem == NULL;
}

/* --- a connection --- */

/* The certificate has to be for that name or address. */
static bool
expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return true;
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

FoxLinkTls *
fox_link_tls_new(const FoxDial *to, char *err, size_t errlen)
{
	FoxLinkTls *t = calloc(1, sizeof(*t));
	char		host[256];
	const char *problem = NULL;

	snprintf(host, sizeof(host), "%.*s", (int) to->host.len, to->host.ptr);
	if (t == NULL || (t->ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		problem = "out of memory";
	else
		problem = load(t->ctx, to->ca, to->certificate, to->private_key);
	if (problem == NULL)
	{
		SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
		t->ssl = SSL_new(t->ctx);
		t->in = BIO_new(BIO_s_mem());
		t->out = BIO_new(BIO_s_mem());
		if (t->ssl == NULL || t->in == NULL || t->out == NULL || !expect_host(t->ssl, host))
			problem = "out of memory";
	}
	if (problem != NULL)
	{
		snprintf(err, errlen, "%s", problem);
		if (t != NULL)
		{
			BIO_free(t->in);
			BIO_free(t->out);
			t->in = t->out = NULL;
		}
		fox_link_tls_free(t);
		return NULL;
	}
	SSL_set_bio(t->ssl, t->in, t->out);
	SSL_set_connect_state(t->ssl);
	return t;
}

void
fox_link_tls_free(FoxLinkTls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	free(t);
}

bool
fox_link_tls_feed(FoxLinkTls *t, const char *bytes, size_t len)
{
	return len == 0 || BIO_write(t->in, bytes, (int) len) == (int) len;
}

bool
fox_link_tls_shake(FoxLinkTls *t, bool *done, char *err, size_t errlen)
{
	int			n = SSL_do_handshake(t->ssl);
	int			why = SSL_get_error(t->ssl, n);
	long		verified = SSL_get_verify_result(t->ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	*done = n == 1;
	if (n == 1 || why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
	{
		ERR_clear_error();
		return true;
	}
	if (verified != X509_V_OK)
		snprintf(err, errlen, "TLS: the server's certificate is not believed: %s", X509_verify_cert_error_string(verified));
	else
		snprintf(err, errlen, "TLS: %s", reason != NULL ? reason : "the server does not answer as it should");
	ERR_clear_error();
	return false;
}

int
fox_link_tls_read(FoxLinkTls *t, char *to, size_t len)
{
	int			n = SSL_read(t->ssl, to, (int) len);
	int			why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, n);

	ERR_clear_error();
	if (n > 0)
		return n;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool
fox_link_tls_write(FoxLinkTls *t, const char *bytes, size_t len)
{
	bool		ok = len == 0 || SSL_write(t->ssl, bytes, (int) len) == (int) len;

	ERR_clear_error();
	return ok;
}

void
fox_link_tls_end(FoxLinkTls *t)
{
	(void) SSL_shutdown(t->ssl);
	ERR_clear_error();
}

void
fox_link_tls_drain(FoxLinkTls *t, FoxBuf *out)
{
	size_t		n = BIO_ctrl_pending(t->out);
	char	   *at = n > 0 ? fox_buf_reserve(out, n) : NULL;

	if (at != NULL && BIO_read(t->out, at, (int) n) == (int) n)
		out->len += n;
}
