/*
 * mqtt_scram.h - SCRAM-SHA-256 (RFC 7677) in the authentication data of MQTT 5.0, as log-ins have it.
 */
#ifndef FOX_GATE_MQTT_SCRAM_H
#define FOX_GATE_MQTT_SCRAM_H

#include "base/buf.h"

#define FOX_SCRAM_METHOD "SCRAM-SHA-256"

/* What the client says first; slices into its bytes. */
typedef struct FoxScramFirst
{
	char		flag;			/* of the GS2 header: n or y; there is no channel binding */
	FoxSlice	name;			/* as it stands there, with =2C and =3D */
	FoxSlice	nonce;
} FoxScramFirst;

/* False: malformed, or it asks for what is not there (channel binding, another identity). */
extern bool fox_scram_first(FoxSlice data, FoxScramFirst *first);
/* Appends the name without escapes; false: malformed. */
extern bool fox_scram_name(FoxSlice name, FoxBuf *out);
/* Appends the server's first message, by the challenge of a log-in; false: it is none for this method. */
extern bool fox_scram_server_first(FoxSlice challenge, FoxBuf *out);
/* The nonce and the proof of the client's final message; false: malformed, or the header is another one. */
extern bool fox_scram_final(FoxSlice data, char flag, FoxSlice *nonce, FoxSlice *proof);

#endif
