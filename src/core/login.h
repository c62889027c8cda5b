/*
 * login.h - one peer on its way into a realm: from HELLO to the session, on the router's side.
 */
#ifndef FOX_CORE_LOGIN_H
#define FOX_CORE_LOGIN_H

#include "core/auth.h"
#include "core/session.h"

typedef struct FoxLogin FoxLogin;

/* What the peer's transport says of it; the gate's, for as long as the log-in lasts. */
typedef struct FoxLoginPeer
{
	const char *address;		/* with the port */
	bool		local;			/* may join without logging in */
	bool		confidential;	/* may say a password: TLS, or a connection that leaves no machine */
	const char *certificate;	/* common name of its certificate, which TLS has checked; NULL: none */
	const char *cookie;			/* that it has been given; NULL: none */
} FoxLoginPeer;

/*
 * What becomes of it.  The last two end the log-in, which is gone when they are called:
 * what they are given lives until they return.
 */
typedef struct FoxLoginOps
{
	void		(*challenge) (void *data, const char *method, FoxSlice extra);
	void		(*accepted) (void *data, FoxSlice realm, const FoxSessionInfo *info, FoxSlice authextra);
	void		(*refused) (void *data, const char *reason, const char *text);
} FoxLoginOps;

/* NULL: no memory.  It ends by itself after the configuration's auth_timeout. */
extern FoxLogin *fox_login_new(FoxRouter *r, const FoxLoginPeer *peer, const FoxLoginOps *ops, void *data);
/* The peer has gone: a secret that waits for its check counts as a wrong one. */
extern void fox_login_free(FoxLogin *l);

/*
 * HELLO and AUTHENTICATE.  False: it is not the time for that, which is a protocol violation.
 * info is copied; its slices but those of the identity must live as long as the log-in.
 */
extern bool fox_login_hello(FoxLogin *l, FoxSlice realm, FoxSlice details, const FoxSessionInfo *info);
extern bool fox_login_authenticate(FoxLogin *l, FoxSlice signature, FoxSlice extra);

#endif
