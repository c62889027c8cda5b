/*
 * masking.c - does a WebSocket's client mask its frames, as it must (RFC 6455, 5.1)?
 *
 * libwebsockets 4.1.6 takes frames of either kind and tells nobody.  But the kernel knows how
 * many bytes were taken from a socket.  They are at least those of the frames that have come,
 * each with a mask of 4 bytes, whatever else was read with them; if they are fewer, one had no
 * mask.  So a client is found out by its first messages, for it has to wait for the answer to
 * its HELLO.  Inside TLS the kernel counts something else, and nothing is looked at.
 */
#include "net/internal.h"
#include "net/taken.h"

#define TRIES 8					/* the first messages; each costs two system calls */
#define MASK 4

void
fox_masking_begin(FoxConn *conn)
{
	conn->mask_tries = !lws_is_ssl(conn->wsi) && fox_socket_taken(lws_get_socket_fd(conn->wsi), &conn->taken) ? TRIES : 0;
}

bool
fox_masking_holds(FoxConn *conn, size_t len)
{
	uint64_t	taken;

	if (conn->mask_tries == 0)
		return true;
	conn->taken += len;
	if (lws_remaining_packet_payload(conn->wsi) > 0)
		return true;			/* more of the frame is to come */
	conn->taken += (len < 126 ? 2 : len < 65536 ? 4 : 10) + MASK;
	if (!fox_socket_taken(lws_get_socket_fd(conn->wsi), &taken))
		return true;
	/* Part of the first message may have come with the request for the handshake, and tells nothing. */
	if (conn->mask_tries-- == TRIES && taken < conn->taken && taken != conn->taken - MASK)
		conn->mask_tries = 0;
	return conn->mask_tries == 0 || taken >= conn->taken;
}
