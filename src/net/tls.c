/*
 * tls.c - the certificate that the TLS port shows.
 *
 * libwebsockets makes a context of OpenSSL for every address it listens on.  None of them
 * holds a certificate: each handshake takes, at its first message, the context that was
 * loaded last.  So a reload is one pointer, made valid before it is set, and a certificate
 * of another kind of key leaves nothing of the former one behind.  What handshakes have
 * taken lives as long as their connections.
 *
 * There is no resumption, as in PostgreSQL: it would outlive a reload.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "net/http.h"
#include "net/tls.h"
#include "net/tls_pause.h"

struct FoxTls
{
	SSL_CTX    *latest;
};

/* --- loading --- */

/* A worker has nobody to ask. */
static int
no_password(char *buf, int size, int writing, void *asked)
{
	(void) buf;
	(void) size;
	(void) writing;
	*(bool *) asked = true;
	return -1;
}

static const char *
openssl_reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());

	return text ? text : "not in the PEM format";
}

static bool
complain(const char *what, const FoxTlsFile *file, const char *why, char *err, size_t errlen)
{
	snprintf(err, errlen, "could not use the %s \"%s\" of %s: %s", what, file->path, file->setting, why);
	ERR_clear_error();
	return false;
}

/* False, with errno in words: it is not a file that can be read. */
static bool
can_read(const char *what, const FoxTlsFile *file, char *err, size_t errlen)
{
	struct stat st;

	if (stat(file->path, &st) != 0 || access(file->path, R_OK) != 0)
		return complain(what, file, strerror(errno), err, errlen);
	if (!S_ISREG(st.st_mode))
		return complain(what, file, "it is not a file", err, errlen);
	return true;
}

static bool
load_certificate(SSL_CTX *ctx, const FoxTlsFile *file, char *err, size_t errlen)
{
	if (!can_read("certificate", file, err, errlen))
		return false;
	if (SSL_CTX_use_certificate_chain_file(ctx, file->path) != 1)
		return complain("certificate", file, openssl_reason(), err, errlen);
	return true;
}

/* As PostgreSQL judges its own: root's key may be the group's to read. */
static bool
is_private(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & (st.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO)) == 0;
}

static bool
load_key(SSL_CTX *ctx, const FoxTlsFile *file, char *err, size_t errlen)
{
	bool		asked = false;
	bool		loaded;

	if (!can_read("private key", file, err, errlen))
		return false;
	if (!is_private(file->path))
		return complain("private key", file, "it is open to others than its owner", err, errlen);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
	loaded = SSL_CTX_use_PrivateKey_file(ctx, file->path, SSL_FILETYPE_PEM) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	SSL_CTX_set_default_passwd_cb(ctx, NULL);
	if (asked)
		return complain("private key", file, "it has a password", err, errlen);
	if (!loaded && ERR_GET_REASON(ERR_peek_error()) != X509_R_KEY_VALUES_MISMATCH)
		return complain("private key", file, openssl_reason(), err, errlen);
	if (!loaded || SSL_CTX_check_private_key(ctx) != 1)
		return complain("private key", file, "it is not that of the certificate", err, errlen);
	return true;
}

/* A client that shows a certificate has to show one of theirs. */
static bool
load_ca(SSL_CTX *ctx, const FoxTlsFile *file, char *err, size_t errlen)
{
	STACK_OF(X509_NAME) * names;

	if (!can_read("list of authorities", file, err, errlen))
		return false;
	if (SSL_CTX_load_verify_locations(ctx, file->path, NULL) != 1 || (names = SSL_load_client_CA_file(file->path)) == NULL)
		return complain("list of authorities", file, openssl_reason(), err, errlen);
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL);
	return true;
}

/* With such a list every authority of a client's certificate must have one. */
static bool
load_crl(SSL_CTX *ctx, const FoxTlsFile *file, char *err, size_t errlen)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);

	if (!can_read("list of revoked certificates", file, err, errlen))
		return false;
	if (X509_STORE_load_locations(store, file->path, NULL) != 1)
		return complain("list of revoked certificates", file, openssl_reason(), err, errlen);
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return true;
}

/* HTTP/2 or HTTP/1.1 where a list names it; other lists, and clients without one, are as welcome. */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen, const unsigned char *in, unsigned int inlen, void *arg)
{
	static const unsigned char ours[] = "\x02h2\x08http/1.1";
	const unsigned without = 3;	/* bytes of the first */
	const bool *http2 = arg;
	unsigned char *chosen;

	(void) ssl;
	if (SSL_select_next_proto(&chosen, outlen, *http2 ? ours : ours + without, sizeof(ours) - 1 - (*http2 ? 0 : without), in, inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
is_set(const FoxTlsFile *file)
{
	return file->path != NULL && file->path[0] != '\0';
}

static SSL_CTX *
load(const FoxNetConfig *config, char *err, size_t errlen)
{
	static const bool yes = true;
	static const bool no = false;
	SSL_CTX    *ctx = SSL_CTX_new(TLS_server_method());
	bool		ok;

	ERR_clear_error();
	if (ctx == NULL)
	{
		snprintf(err, errlen, "OpenSSL could not make a context");
		return NULL;
	}
	ok = SSL_CTX_set_min_proto_version(ctx, config->tls_min_version == 3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
		load_certificate(ctx, &config->tls_cert, err, errlen) &&
		load_key(ctx, &config->tls_key, err, errlen) &&
		(!is_set(&config->tls_ca) || load_ca(ctx, &config->tls_ca, err, errlen)) &&
		(!is_set(&config->tls_crl) || load_crl(ctx, &config->tls_crl, err, errlen));
	if (!ok)
	{
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, (void *) (config->http2 ? &yes : &no));
	return ctx;
}

FoxTls *
fox_tls_new(const FoxNetConfig *config, char *err, size_t errlen)
{
	FoxTls	   *tls = malloc(sizeof(*tls));

	if (tls == NULL)
	{
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	tls->latest = load(config, err, errlen);
	if (tls->latest == NULL)
	{
		free(tls);
		return NULL;
	}
	return tls;
}

bool
fox_tls_reload(FoxTls *tls, const FoxNetConfig *config, char *err, size_t errlen)
{
	SSL_CTX    *ctx = load(config, err, errlen);

	if (ctx == NULL)
		return false;
	SSL_CTX_free(tls->latest);
	tls->latest = ctx;
	return true;
}

void
fox_tls_free(FoxTls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->latest);
	free(tls);
}

/* --- handshakes --- */

/*
 * What SSL_set_SSL_CTX() leaves as it was is set by hand.  A write is to take all it is
 * given, as a socket does: libwebsockets would copy what is behind the first 16 kB.
 */
static int
take_latest(SSL *ssl, int *alert, void *arg)
{
	SSL_CTX    *latest = ((FoxTls *) arg)->latest;

	if (SSL_set_SSL_CTX(ssl, latest) == NULL ||
		SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(latest)) != 1)
	{
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(latest), NULL);
	SSL_clear_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* Before anything is read: it goes on when the connection is known, and its client's bytes come (http.c). */
static void
wait_for_greeting(const SSL *ssl, int where, int result)
{
	(void) result;
	if ((where & SSL_CB_HANDSHAKE_START) != 0)
		fox_tls_pause((SSL *) ssl);
}

void
fox_tls_serve(FoxTls *tls, SSL_CTX *port)
{
	SSL_CTX_set_info_callback(port, wait_for_greeting);
	SSL_CTX_set_client_hello_cb(port, take_latest, tls);
	/* libwebsockets would go back to a context of its own by the name that a client asks for. */
	SSL_CTX_set_tlsext_servername_callback(port, NULL);
	SSL_CTX_set_session_cache_mode(port, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(port, 0);
	SSL_CTX_set_options(port, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(port, SSL_MODE_RELEASE_BUFFERS);	/* an idle connection keeps little */
}

void
fox_tls_end_stream(struct lws *wsi)
{
	SSL		   *ssl = lws_get_ssl(wsi);

	if (ssl != NULL && SSL_is_init_finished(ssl))
		(void) SSL_shutdown(ssl);
	ERR_clear_error();
}

bool
fox_tls_peer(struct lws *wsi, char *name, size_t size)
{
	SSL		   *ssl = lws_get_ssl(wsi);
	X509	   *certificate = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
	X509_NAME  *subject;
	unsigned char *text = NULL;
	int			place;
	int			len = 0;

	name[0] = '\0';
	if (certificate == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
		return ssl != NULL;
	subject = X509_get_subject_name(certificate);
	place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (place >= 0)
		len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
	/* A zero byte within would cut the name to somebody else's. */
	if (len > 0 && (size_t) len < size && memchr(text, '\0', (size_t) len) == NULL)
	{
		memcpy(name, text, (size_t) len);
		name[len] = '\0';
	}
	OPENSSL_free(text);
	ERR_clear_error();
	return true;
}
