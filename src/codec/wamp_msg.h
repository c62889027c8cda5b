/*
 * wamp_msg.h - WAMP v2 messages as structs, and their forms in JSON, MessagePack and CBOR.
 *
 * Decoding borrows: all slices of a FoxMsg point into the message that was decoded or
 * into scratch buffers (URIs with escapes, dicts that were not JSON), and live as long.
 */
#ifndef FOX_CODEC_WAMP_MSG_H
#define FOX_CODEC_WAMP_MSG_H

#include "codec/payload.h"

typedef enum FoxMsgType
{
	FOX_MSG_HELLO = 1,
	FOX_MSG_WELCOME = 2,
	FOX_MSG_ABORT = 3,
	FOX_MSG_CHALLENGE = 4,
	FOX_MSG_AUTHENTICATE = 5,
	FOX_MSG_GOODBYE = 6,
	FOX_MSG_ERROR = 8,
	FOX_MSG_PUBLISH = 16,
	FOX_MSG_PUBLISHED = 17,
	FOX_MSG_SUBSCRIBE = 32,
	FOX_MSG_SUBSCRIBED = 33,
	FOX_MSG_UNSUBSCRIBE = 34,
	FOX_MSG_UNSUBSCRIBED = 35,
	FOX_MSG_EVENT = 36,
	FOX_MSG_CALL = 48,
	FOX_MSG_CANCEL = 49,
	FOX_MSG_RESULT = 50,
	FOX_MSG_REGISTER = 64,
	FOX_MSG_REGISTERED = 65,
	FOX_MSG_UNREGISTER = 66,
	FOX_MSG_UNREGISTERED = 67,
	FOX_MSG_INVOCATION = 68,
	FOX_MSG_INTERRUPT = 69,
	FOX_MSG_YIELD = 70,
	FOX_MSG_EVENT_RECEIVED = 337	/* no part of the specification, but of its test vectors */
} FoxMsgType;

/*
 * One message; which fields are set follows from the type:
 *   HELLO          uri = realm, dict = Details
 *   WELCOME        id = session, dict
 *   ABORT, GOODBYE dict, uri = reason          (+ args, kwargs are allowed after ABORT)
 *   CHALLENGE      uri = authmethod, dict;     AUTHENTICATE  uri = signature, dict
 *   ERROR          type2 = REQUEST.Type, id = REQUEST.Request, dict, uri = error, args, kwargs
 *   PUBLISH        id, dict, uri = topic, args, kwargs
 *   PUBLISHED      id = request, id2 = publication
 *   SUBSCRIBE, REGISTER, CALL   id, dict, uri, (args, kwargs)
 *   SUBSCRIBED, REGISTERED      id, id2
 *   UNSUBSCRIBE, UNREGISTER     id, id2
 *   UNSUBSCRIBED, UNREGISTERED  id (may be 0 when dict is present: router-initiated), dict
 *   EVENT          id = subscription, id2 = publication, dict, args, kwargs
 *   EVENT_RECEIVED id2 = publication
 *   CANCEL, INTERRUPT           id, dict
 *   INVOCATION     id = request, id2 = registration, dict, args, kwargs
 *   RESULT, YIELD  id, dict, args, kwargs
 */
typedef struct FoxMsg
{
	FoxMsgType	type;
	uint32_t	type2;
	uint64_t	id;
	uint64_t	id2;
	FoxSlice	dict;			/* a JSON object, whatever the encoding */
	FoxSlice	uri;			/* unescaped text, UTF-8 */
	FoxSlice	args;			/* an array in the message's encoding, or absent */
	FoxSlice	kwargs;			/* a map in the message's encoding, or absent */
	FoxEncoding encoding;		/* of the message that was decoded */
	FoxBuf		scratch;		/* owned; reset by each decode, freed by its owner */
} FoxMsg;

/*
 * Decodes one JSON message.  NULL on success; otherwise a static English text that
 * says what is wrong, for ABORT wamp.error.protocol_violation.  Checks structure, types
 * and id ranges (1..2^53), not URIs' characters and not the order of messages.
 */
extern const char *fox_msg_decode_json(FoxSlice text, FoxMsg *msg);

/* Appends the JSON form.  Absent dict is written {}; args are written [] when only kwargs are there. */
extern void fox_msg_encode_json(const FoxMsg *msg, FoxBuf *out);

/*
 * The same for any encoding.  Of a binary message the dict is rewritten as JSON into scratch, to
 * which it is appended (what scratch held may move); payloads are checked, and left as they are.
 */
extern const char *fox_msg_decode(FoxEncoding encoding, FoxSlice data, FoxMsg *msg, FoxBuf *scratch);

/*
 * Appends msg in the encoding that its args and kwargs are in (msg->encoding is not looked
 * at); dict is JSON.  A dict or URI that is malformed or longer than 4 GB sets out->failed.
 */
extern void fox_msg_encode(FoxEncoding encoding, const FoxMsg *msg, FoxBuf *out);

extern const char *fox_msg_name(uint32_t type);	/* "SUBSCRIBE", or "message 99" style static text "unknown" */

#endif
