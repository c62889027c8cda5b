/*
 * mqtt_url.h - where brokers listen, and which of them may be connected to.
 *
 * A list of those is separated by commas.  An entry is
 *
 *   mqtts://host[:port]   that scheme, host and port
 *   host[:port]           with TLS or without; without a port at 1883 and 8883
 *   *.domain[:port]       the same of all hosts below the domain
 *   *                     every broker
 *
 * An IPv6 address is in brackets where a port may follow.
 */
#ifndef FOX_CODEC_MQTT_URL_H
#define FOX_CODEC_MQTT_URL_H

#include "base/slice.h"

typedef struct FoxMqttUrl
{
	FoxSlice	host;			/* a name, or an address without brackets */
	uint16_t	port;
	bool		tls;
} FoxMqttUrl;

/* mqtt://host:port or mqtts://host:port, the port being 1883 or 8883 if there is none.  NULL, or what is wrong, as a sentence. */
extern const char *fox_mqtt_url_read(FoxSlice text, FoxMqttUrl *url);
/* False for what is no URL, and for all when the list is empty. */
extern bool fox_mqtt_url_allowed(FoxSlice text, const char *list);
/* Can every entry of the list be read? */
extern bool fox_mqtt_url_list_valid(const char *list);

#endif
