/*
 * taken.c - how much has been read from a socket (see taken.h).
 *
 * A file of its own, because the kernel's description of tcp_info, which has the number, and
 * the C library's, which libwebsockets.h includes, can not be had together.
 */
#include "net/taken.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

bool
fox_socket_taken(int fd, uint64_t *taken)
{
	struct tcp_info info;
	socklen_t	len = sizeof(info);
	int			unread = 0;

	/* In this order: what comes between the two counts as taken, never the other way round. */
	memset(&info, 0, sizeof(info));
	if (ioctl(fd, FIONREAD, &unread) != 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
		info.tcpi_bytes_received < (uint64_t) unread)
		return false;
	*taken = info.tcpi_bytes_received - (uint64_t) unread;
	return true;
}
