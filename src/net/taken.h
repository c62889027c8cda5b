/*
 * taken.h - how much has been read from a socket.
 */
#ifndef FOX_NET_TAKEN_H
#define FOX_NET_TAKEN_H

#include <stdbool.h>
#include <stdint.h>

/* At least so many bytes have been read from the socket, and as many if none came meanwhile; false: it is none of TCP's. */
extern bool fox_socket_taken(int fd, uint64_t *taken);

#endif
