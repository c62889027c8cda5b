/*
 * server_ports.h - the core's ports, as the server carries them out.
 */
#ifndef FOX_PG_SERVER_PORTS_H
#define FOX_PG_SERVER_PORTS_H

#include "core/ports.h"

extern FoxPorts fox_server_ports(void);

#endif
