/*
 * tls_pause.c - see tls_pause.h: a BIO in front of the socket's, that has nothing for now.
 *
 * The socket stays behind it, for SSL_get_fd() has to find it.
 */
#include "net/tls_pause.h"

#include <openssl/bio.h>

static int
nothing_yet(BIO *b, char *to, int len)
{
	(void) to, (void) len;
	BIO_set_retry_read(b);
	return -1;
}

static long
pass_on(BIO *b, int what, long number, void *pointer)
{
	return BIO_next(b) != NULL ? BIO_ctrl(BIO_next(b), what, number, pointer) : 0;
}

static int
create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO_METHOD *
method(void)
{
	static BIO_METHOD *made = NULL;

	if (made == NULL && (made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "pause")) != NULL)
	{
		BIO_meth_set_read(made, nothing_yet);
		BIO_meth_set_ctrl(made, pass_on);
		BIO_meth_set_create(made, create);
	}
	return made;
}

void
fox_tls_pause(SSL *ssl)
{
	BIO		   *socket = SSL_get_rbio(ssl);
	BIO		   *pause = method() != NULL ? BIO_new(method()) : NULL;

	if (pause == NULL || !BIO_up_ref(socket))
	{
		BIO_free(pause);
		return;
	}
	SSL_set0_rbio(ssl, BIO_push(pause, socket));
}

void
fox_tls_resume(SSL *ssl)
{
	BIO		   *socket = SSL_get_wbio(ssl);

	/* While a handshake gathers what it writes, the socket is behind that. */
	while (socket != NULL && (BIO_method_type(socket) & BIO_TYPE_DESCRIPTOR) == 0)
		socket = BIO_next(socket);
	if (socket != NULL && SSL_get_rbio(ssl) != socket && BIO_up_ref(socket))
		SSL_set0_rbio(ssl, socket);
}
