/*
 * wamp_private.h - a WAMP peer, shared by wamp_gate.c (in) and wamp_out.c (out).
 */
#ifndef FOX_GATE_WAMP_PRIVATE_H
#define FOX_GATE_WAMP_PRIVATE_H

#include "codec/wamp_msg.h"
#include "core/login.h"
#include "gate/gate.h"

/*
 *      NEW ──log-in accepted──► JOINED ──GOODBYE──► NEW (a session may be opened again)
 *       │                          │
 *       └──── violation, ABORT, refusal, kill ──► DEAD (nothing more is processed)
 */
typedef enum FoxWampState
{
	WAMP_NEW,
	WAMP_JOINED,
	WAMP_DEAD
} FoxWampState;

typedef struct FoxWampPeer
{
	FoxGate		gate;
	FoxWampState state;
	FoxRouter  *router;
	FoxLogin   *login;			/* while NEW */
	FoxSession *session;		/* while JOINED */
	FoxTransport transport;
	bool		transport_gone;
	bool		local;			/* may join without logging in */
	bool		confidential;
	char	   *agent;			/* what it says of its software, owned; NULL: nothing */
	char	   *certificate;	/* owned, and the next one; NULL: none */
	char	   *cookie;			/* that it has been given */
	char	   *headers;		/* of its handshake, those that are kept */
	FoxEncoding encoding;		/* by the subprotocol */
	uint64_t	last_request;	/* of the client's, for strict_request_ids */
	const char *transport_name;
	const char *protocol;		/* behind address */
	char		address[];
} FoxWampPeer;

extern const FoxSessionOps fox_wamp_ops;

/* Sends msg, whose payload is in msg->encoding; it is rewritten if the peer speaks another. */
extern void fox_wamp_send(FoxWampPeer *peer, const FoxMsg *msg);
/* WELCOME; features are the members of its details that every session is told. */
extern void fox_wamp_welcome(FoxWampPeer *peer, const FoxSessionInfo *who, FoxSlice authextra, FoxSlice features);
/* ABORT with a reason and a text, then the transport closes. */
extern void fox_wamp_abort(FoxWampPeer *peer, const char *reason, const char *text);

#endif
