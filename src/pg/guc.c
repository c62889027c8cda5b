/*
 * guc.c - every setting of fox_wamp, with its description.
 *
 * They are PGC_SUSET, because ALTER DATABASE … SET refuses PGC_SIGHUP ones and two
 * databases of a cluster need two ports.  A test compares this list with the README.
 */
#include "postgres.h"

#include <limits.h>

#include "libpq/libpq.h"
#include "utils/guc.h"

#include "codec/mqtt_url.h"
#include "net/url_allow.h"
#include "pg/compat.h"
#include "pg/guc.h"

int			fox_guc_port = 8080;
char	   *fox_guc_listen_addresses = NULL;
int			fox_guc_ring_size = 8192;
int			fox_guc_write_queue = 100000;
char	   *fox_guc_default_realm = NULL;
int			fox_guc_max_message_size = 16384;
bool		fox_guc_kwargs_are_headers = false;
int			fox_guc_on_ring_full = FOX_RING_FULL_GAP;
int			fox_guc_executors = 2;
int			fox_guc_executor_idle = 60000;
int			fox_guc_call_queue_limit = 10000;
char	   *fox_guc_callback_url_allow = NULL;
int			fox_guc_callback_failures = 5;
int			fox_guc_on_callback_released = WARNING;
char	   *fox_guc_webhook_allow = NULL;
int			fox_guc_webhook_connections = 32;
char	   *fox_guc_webhook_ca_file = NULL;
int			fox_guc_callback_limit = 1000;
int			fox_guc_error_verbosity = FOX_ERRORS_DEFAULT;

static char *unix_socket = NULL;
static int	tls_port = 0;
static char *tls_cert_file = NULL;
static char *tls_key_file = NULL;
static char *tls_ca_file = NULL;
static char *tls_crl_file = NULL;
static int	tls_min_version = 2;
static bool http2 = true;
static char *anonymous_role = NULL;
static char *node = NULL;
static bool anonymous = true;
static bool superuser_login = false;
static int	auth_timeout = 10000;
static int	auth_attempts = 10;
static int	sessions_per_role = 0;
static int	cookie_lifetime = 0;
static int	http_session_timeout = 1800;
static int	http_sessions_per_user = 100;
int			fox_guc_password_kdf = FOX_KDF_PBKDF2;
static int	out_queue_limit = 65536;
static int	out_soft_limit = 16384;
static int	out_soft_time = 10000;
static int	slow_reader = FOX_SLOW_DISCONNECT;
static int	max_memory = 1024 * 1024;
static int	max_connections = 20000;
static int	connections_per_address = 0;
static char *trusted_proxies = NULL;
static char *handshake_headers = NULL;
static char *proxy_protocol = NULL;
static int	message_rate = 0;
static int	byte_rate = 0;
static bool websocket_compression = false;
static char *http_origins = NULL;
static int	http_max_body = 1024;
static int	instance_timeout = 30 * 60;
static int	ping_interval = 10000;
static int	ping_timeout = 10000;
static int	watch_timeout = 0;
static int	waiter_limit = 10000;
static bool strict_request_ids = false;
static int	commit_mode = 1;
static int	mqtt_string_payload = false;
static int	mqtt_max_topic_levels = 128;
static int	mqtt_max_inflight = 100;
static int	mqtt_max_queued = 1000;
static int	mqtt_queue_full = false;
static bool mqtt_queue_qos0 = false;
static int	mqtt_max_session_expiry = 7 * 24 * 3600;
static int	mqtt_max_keep_alive = 0;
static int	mqtt_sys_interval = 10;
static int	mqtt_port = 0;
static char *mqtt_redirect = NULL;
static char *mqtt_bridge_allow = NULL;
static int	mqtt_tls_port = 0;

static const struct config_enum_entry mqtt_queue_full_options[] = {
	{"drop_new", false, false},
	{"drop_old", true, false},
	{NULL, 0, false}
};

static const struct config_enum_entry mqtt_string_options[] = {
	{"json", false, false},
	{"raw", true, false},
	{NULL, 0, false}
};

static const struct config_enum_entry ring_full_options[] = {
	{"gap", 0, false},
	{"error", 1, false},
	{NULL, 0, false}
};

static const struct config_enum_entry released_options[] = {
	{"warning", WARNING, false},
	{"error", ERROR, false},
	{NULL, 0, false}
};

static const struct config_enum_entry kdf_options[] = {
	{"pbkdf2", FOX_KDF_PBKDF2, false},
	{"argon2id13", FOX_KDF_ARGON2ID13, false},
	{NULL, 0, false}
};

static const struct config_enum_entry verbosity_options[] = {
	{"default", FOX_ERRORS_DEFAULT, false},
	{"verbose", FOX_ERRORS_VERBOSE, false},
	{NULL, 0, false}
};

static const struct config_enum_entry tls_version_options[] = {
	{"TLSv1.2", 2, false},
	{"TLSv1.3", 3, false},
	{NULL, 0, false}
};

static const struct config_enum_entry slow_reader_options[] = {
	{"disconnect", FOX_SLOW_DISCONNECT, false},
	{"drop", FOX_SLOW_DROP, false},
	{"conflate", FOX_SLOW_CONFLATE, false},
	{NULL, 0, false}
};

static const struct config_enum_entry commit_options[] = {
	{"off", 0, false},
	{"on", 1, false},
	{"local", 2, false},
	{"remote_write", 3, false},
	{"remote_apply", 4, false},
	{NULL, 0, false}
};

static void
define_int(const char *name, const char *text, int *variable, int boot, int min, int max, int flags)
{
	DefineCustomIntVariable(name, text, NULL, variable, boot, min, max, PGC_SUSET, flags, NULL, NULL, NULL);
}

static void
define_bool(const char *name, const char *text, bool *variable, bool boot)
{
	DefineCustomBoolVariable(name, text, NULL, variable, boot, PGC_SUSET, 0, NULL, NULL, NULL);
}

static void
define_string(const char *name, const char *text, char **variable, const char *boot)
{
	DefineCustomStringVariable(name, text, NULL, variable, boot, PGC_SUSET, 0, NULL, NULL, NULL);
}

static bool
check_proxies(char **value, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	if (fox_net_proxies_valid(*value))
		return true;
	GUC_check_errdetail("It is a list of IP addresses and networks such as \"127.0.0.1, 10.0.0.0/8\".");
	return false;
}

static bool
check_headers(char **value, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	if (fox_net_headers_valid(*value))
		return true;
	GUC_check_errdetail("It is a list of names of headers such as \"X-Tenant, Accept-Language\", without Connection, Upgrade and Sec-WebSocket-*.");
	return false;
}

static bool
check_ports(char **value, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	unsigned	ports;

	if (fox_net_ports(*value, &ports))
		return true;
	GUC_check_errdetail("It is a list of \"port\", \"tls_port\", \"mqtt_port\" and \"mqtt_tls_port\".");
	return false;
}

static bool
check_urls(char **value, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	if (fox_url_list_valid(*value))
		return true;
	GUC_check_errdetail("It is a list of URLs and hosts such as \"https://hooks.example.com/in, *.example.org\".");
	return false;
}

static bool
check_brokers(char **value, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	if (strlen(*value) < FOX_MQTT_ALLOW_SIZE && fox_mqtt_url_list_valid(*value))
		return true;
	GUC_check_errdetail("It is a list of brokers such as \"mqtts://broker.example.com, *.example.org:1884\", of less than %d bytes.", FOX_MQTT_ALLOW_SIZE);
	return false;
}

void
fox_guc_define(void)
{
	define_int("fox_wamp.port", "TCP port that the router of this database listens on.",
			   &fox_guc_port, 8080, 1, 65535, 0);
	define_string("fox_wamp.listen_addresses", "IP addresses to listen on, separated by commas; * for all.",
				  &fox_guc_listen_addresses, "127.0.0.1");
	define_string("fox_wamp.unix_socket", "Path of a unix socket to listen on as well; empty for none.",
				  &unix_socket, "");
	define_int("fox_wamp.tls_port", "TCP port that the router of this database listens on for TLS; 0 for none.",
			   &tls_port, 0, 0, 65535, 0);
	define_string("fox_wamp.tls_cert_file", "Certificate of the TLS port; empty for that of ssl_cert_file.",
				  &tls_cert_file, "");
	define_string("fox_wamp.tls_key_file", "Private key of the TLS port; empty for that of ssl_key_file.",
				  &tls_key_file, "");
	define_string("fox_wamp.tls_ca_file", "Authorities of clients' certificates; empty for those of ssl_ca_file.",
				  &tls_ca_file, "");
	define_string("fox_wamp.tls_crl_file", "Clients' certificates that are revoked; empty for those of ssl_crl_file.",
				  &tls_crl_file, "");
	DefineCustomEnumVariable("fox_wamp.tls_min_version", "Oldest version of TLS that the TLS port speaks.",
							 NULL, &tls_min_version, 2, tls_version_options, PGC_SUSET, 0, NULL, NULL, NULL);
	define_string("fox_wamp.default_realm", "Realm of SQL functions that name none, and of MQTT clients.",
				  &fox_guc_default_realm, "realm1");
	define_bool("fox_wamp.anonymous", "Lets clients on the loopback address join without logging in.",
				&anonymous, true);
	define_string("fox_wamp.node", "Name of this router in catalogs of services; empty for none.",
				  &node, "");
	define_string("fox_wamp.anonymous_role", "Unprivileged role that anonymous clients stand for.",
				  &anonymous_role, "fox_wamp_anonymous");
	define_bool("fox_wamp.superuser_login", "Lets roles that are superusers log in.",
				&superuser_login, false);
	define_int("fox_wamp.auth_timeout", "Time that a client has to log in.",
			   &auth_timeout, 10000, 100, INT_MAX / 2, GUC_UNIT_MS);
	define_int("fox_wamp.auth_attempts", "Log-ins that may fail in a minute, from one address or of one name; 0 any number.",
			   &auth_attempts, 10, 0, 1000000, 0);
	define_int("fox_wamp.sessions_per_role", "Sessions that clients of one role may have; 0: as many as there may be.",
			   &sessions_per_role, 0, 0, INT_MAX, 0);
	DefineCustomEnumVariable("fox_wamp.password_kdf", "What the verifiers of users' passwords are derived by.",
							 NULL, &fox_guc_password_kdf, FOX_KDF_PBKDF2, kdf_options, PGC_SUSET, 0, NULL, NULL, NULL);
	define_int("fox_wamp.cookie_lifetime", "Time that a cookie stands for who has logged in; 0: there are no cookies.",
			   &cookie_lifetime, 0, 0, 400 * 24 * 3600, GUC_UNIT_S);
	define_int("fox_wamp.max_message_size", "Largest message, from a client or from SQL.",
			   &fox_guc_max_message_size, 16384, 1, 1024 * 1024, GUC_UNIT_KB);
	define_int("fox_wamp.out_queue_limit", "What may wait for a slow reader before it is disconnected.",
			   &out_queue_limit, 65536, 64, 1024 * 1024, GUC_UNIT_KB);
	define_int("fox_wamp.out_soft_limit", "What may wait for a slow reader for no longer than out_soft_time.",
			   &out_soft_limit, 16384, 1, 1024 * 1024, GUC_UNIT_KB);
	define_int("fox_wamp.out_soft_time", "Time that more than out_soft_limit may wait for a slow reader.",
			   &out_soft_time, 10000, 0, INT_MAX / 2, GUC_UNIT_MS);
	DefineCustomEnumVariable("fox_wamp.slow_reader", "What happens above out_soft_limit: the reader is disconnected, misses events, or hears only the last of each topic.",
							 NULL, &slow_reader, FOX_SLOW_DISCONNECT, slow_reader_options, PGC_SUSET, 0, NULL, NULL, NULL);
	define_int("fox_wamp.max_memory", "Memory the router takes before it disconnects the slowest readers, stops reading and refuses connections.",
			   &max_memory, 1024 * 1024, 1024, INT_MAX, GUC_UNIT_KB);
	define_int("fox_wamp.max_connections", "Connections the router accepts.",
			   &max_connections, 20000, 1, 1000000, 0);
	define_bool("fox_wamp.websocket_compression", "Compresses messages to and from WebSockets that offer permessage-deflate.",
				&websocket_compression, false);
	define_int("fox_wamp.connections_per_address", "Connections that one address may have; 0: as many as there may be.",
			   &connections_per_address, 0, 0, INT_MAX, 0);
	DefineCustomStringVariable("fox_wamp.trusted_proxies", "Proxies that are believed who their clients are: addresses and networks.",
							   NULL, &trusted_proxies, "", PGC_SUSET, 0, check_proxies, NULL, NULL);
	DefineCustomStringVariable("fox_wamp.proxy_protocol", "Ports where connections of trusted proxies begin with a PROXY header, which tells their clients.",
							   NULL, &proxy_protocol, "", PGC_SUSET, 0, check_ports, NULL, NULL);
	define_int("fox_wamp.message_rate", "Messages a second that one connection may send; 0: any number.",
			   &message_rate, 0, 0, 1000000, 0);
	define_int("fox_wamp.byte_rate", "What one connection may send in a second; 0: any amount.",
			   &byte_rate, 0, 0, INT_MAX, GUC_UNIT_KB);
	DefineCustomStringVariable("fox_wamp.handshake_headers", "Headers of WAMP clients' handshakes that functions may ask for, separated by commas; empty for none.",
							   NULL, &handshake_headers, "", PGC_SUSET, 0, check_headers, NULL, NULL);
	define_string("fox_wamp.http_origins", "Web sites whose pages may read what HTTP answers, separated by commas; * for all.",
				  &http_origins, "");
	define_int("fox_wamp.http_session_timeout", "Time after which a session by HTTP ends that nobody has used.",
			   &http_session_timeout, 1800, 1, FOX_SESSION_TIMEOUT_MAX, GUC_UNIT_S);
	define_int("fox_wamp.http_sessions_per_user", "Sessions by HTTP that one user may have from one address; 0: any number.",
			   &http_sessions_per_user, 100, 0, INT_MAX, 0);
	define_bool("fox_wamp.http2", "Speaks HTTP/2 on the TLS port with clients that offer it.",
				&http2, true);
	define_int("fox_wamp.http_max_body", "Largest body of an HTTP request.",
			   &http_max_body, 1024, 1, 1024 * 1024, GUC_UNIT_KB);
	define_int("fox_wamp.instance_timeout", "Time after which an instance of a service that nobody calls ends; 0 never.",
			   &instance_timeout, 30 * 60, 0, INT_MAX / 1000, GUC_UNIT_S);
	define_int("fox_wamp.ping_interval", "Silence after which a client is pinged; 0 never.",
			   &ping_interval, 10000, 0, INT_MAX / 2, GUC_UNIT_MS);
	define_int("fox_wamp.ping_timeout", "Time a pinged client has before it counts as lost.",
			   &ping_timeout, 10000, 100, INT_MAX / 2, GUC_UNIT_MS);
	define_int("fox_wamp.watch_timeout", "Longest wait of a publish with the option watch; 0 for ever.",
			   &watch_timeout, 0, 0, INT_MAX, GUC_UNIT_MS);
	define_int("fox_wamp.waiter_limit", "Waiting publishes that one session may have.",
			   &waiter_limit, 10000, 1, INT_MAX, 0);
	define_int("fox_wamp.call_queue_limit", "Calls of one procedure that may wait for a free callee, or of one instance of a service for their turn.",
			   &fox_guc_call_queue_limit, 10000, 0, INT_MAX, 0);
	define_int("fox_wamp.executors", "Processes that SQL functions run in when clients call them.",
			   &fox_guc_executors, 2, 0, 64, 0);
	define_int("fox_wamp.executor_idle", "Time after which a process that runs no SQL functions ends.",
			   &fox_guc_executor_idle, 60000, 100, INT_MAX / 2, GUC_UNIT_MS);
	DefineCustomStringVariable("fox_wamp.callback_url_allow", "URLs and hosts that callbacks of clients may name, separated by commas; empty for none.",
							   NULL, &fox_guc_callback_url_allow, "", PGC_SUSET, 0, check_urls, NULL, NULL);
	define_int("fox_wamp.callback_failures", "Failures in a row after which a callback is released; 0: it never is.",
			   &fox_guc_callback_failures, 5, 0, 1000000, 0);
	DefineCustomEnumVariable("fox_wamp.on_callback_released", "What a function hears that sends to a callback which has been released.",
							 NULL, &fox_guc_on_callback_released, WARNING, released_options, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("fox_wamp.webhook_allow", "URLs and hosts that webhooks may call, separated by commas; empty for none.",
							   NULL, &fox_guc_webhook_allow, "", PGC_SUSET, 0, check_urls, NULL, NULL);
	define_string("fox_wamp.webhook_ca_file", "Authorities of certificates of servers that are called; empty for the system's.",
				  &fox_guc_webhook_ca_file, "");
	define_int("fox_wamp.callback_limit", "Callbacks that one session may have, and those without a session of one role; 0 any number.",
			   &fox_guc_callback_limit, 1000, 0, INT_MAX, 0);
	define_int("fox_wamp.webhook_connections", "Requests of webhooks that may be under way at a time.",
			   &fox_guc_webhook_connections, 32, 1, 64, 0);
	DefineCustomEnumVariable("fox_wamp.error_verbosity", "What callers of SQL functions hear of an error: with verbose its DETAIL too.",
							 NULL, &fox_guc_error_verbosity, FOX_ERRORS_DEFAULT, verbosity_options, PGC_SUSET, 0, NULL, NULL, NULL);
	define_bool("fox_wamp.kwargs_are_headers", "Keyword arguments do not make a value non-empty.",
				&fox_guc_kwargs_are_headers, false);
	define_bool("fox_wamp.strict_request_ids", "Request ids that are not 1, 2, 3 and so on are a protocol violation.",
				&strict_request_ids, false);
	define_int("fox_wamp.ring_size", "Size of the commit ring; taken up when the router starts.",
			   &fox_guc_ring_size, 8192, 64, 1024 * 1024, GUC_UNIT_KB);
	DefineCustomEnumVariable("fox_wamp.on_ring_full", "What a transaction does when the commit ring has no room.",
							 NULL, &fox_guc_on_ring_full, 0, ring_full_options, PGC_SUSET, 0, NULL, NULL, NULL);
	define_int("fox_wamp.write_queue", "Stored publishes of clients that may wait for the database.",
			   &fox_guc_write_queue, 100000, 1, INT_MAX, 0);
	DefineCustomEnumVariable("fox_wamp.synchronous_commit", "synchronous_commit of the router's own writes.",
							 NULL, &commit_mode, 1, commit_options, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("fox_wamp.mqtt_string_payload", "How MQTT clients get a single string: as JSON, or as it is.",
							 NULL, &mqtt_string_payload, false, mqtt_string_options, PGC_SUSET, 0, NULL, NULL, NULL);
	define_int("fox_wamp.mqtt_max_topic_levels", "Levels that a topic or a filter of an MQTT client may have; 0: any number.",
			   &mqtt_max_topic_levels, 128, 0, 65535, 0);
	define_int("fox_wamp.mqtt_max_inflight", "Messages of QoS 1 and 2 that one MQTT session may have under way in each direction.",
			   &mqtt_max_inflight, 100, 20, 65535, 0);
	define_int("fox_wamp.mqtt_max_queued", "Messages of QoS 1 and 2 that may wait for one MQTT session.",
			   &mqtt_max_queued, 1000, 1, 60000, 0);
	DefineCustomEnumVariable("fox_wamp.mqtt_queue_full", "Which message goes when fox_wamp.mqtt_max_queued of them wait.",
							 NULL, &mqtt_queue_full, false, mqtt_queue_full_options, PGC_SUSET, 0, NULL, NULL, NULL);
	define_bool("fox_wamp.mqtt_queue_qos0", "Messages of QoS 0 wait, too, for MQTT clients that are away.",
				&mqtt_queue_qos0, false);
	define_int("fox_wamp.mqtt_max_session_expiry", "Time that an MQTT session may outlive its connection.",
			   &mqtt_max_session_expiry, 7 * 24 * 3600, 0, INT_MAX, GUC_UNIT_S);
	define_int("fox_wamp.mqtt_max_keep_alive", "Longest keep alive of MQTT 5 clients; 0: as they like.",
			   &mqtt_max_keep_alive, 0, 0, 65535, GUC_UNIT_S);
	define_int("fox_wamp.mqtt_sys_interval", "Time between values of $SYS topics; 0 for none.",
			   &mqtt_sys_interval, 10, 0, INT_MAX / 1000, GUC_UNIT_S);
	define_string("fox_wamp.mqtt_redirect", "Server that MQTT clients are sent to instead of being served here.",
				  &mqtt_redirect, "");
	DefineCustomStringVariable("fox_wamp.mqtt_bridge_allow", "Brokers that bridges may connect to, separated by commas; empty for none.",
							   NULL, &mqtt_bridge_allow, "", PGC_SUSET, 0, check_brokers, NULL, NULL);
	define_int("fox_wamp.mqtt_port", "Another TCP port that takes what fox_wamp.port does; 0 for none.",
			   &mqtt_port, 0, 0, 65535, 0);
	define_int("fox_wamp.mqtt_tls_port", "Another TCP port that takes what fox_wamp.tls_port does; 0 for none.",
			   &mqtt_tls_port, 0, 0, 65535, 0);
	FOX_RESERVE_GUC_PREFIX("fox_wamp");
}

void
fox_guc_router_config(FoxRouterConfig *config)
{
	*config = (FoxRouterConfig){
		.kwargs_are_headers = fox_guc_kwargs_are_headers,
		.strict_request_ids = strict_request_ids,
		.watch_timeout_ms = (uint64) watch_timeout,
		.callback_failures = (uint32) fox_guc_callback_failures,
		.call_queue_limit = (uint32) fox_guc_call_queue_limit,
		.waiter_limit = (uint32) waiter_limit,
		.anonymous = anonymous,
		.superuser_login = superuser_login,
		.argon2 = fox_guc_password_kdf == FOX_KDF_ARGON2ID13,
		.auth_timeout_ms = (uint64) auth_timeout,
		.auth_attempts = (uint32) auth_attempts,
		.sessions_per_role = (uint32) sessions_per_role,
		.token_timeout_s = (uint64) http_session_timeout,
		.tokens_per_user = (uint32) http_sessions_per_user,
		.cookie_seconds = (uint64) cookie_lifetime,
		.instance_timeout_ms = (uint64) instance_timeout * 1000,
	};
	strlcpy(config->http_origins, http_origins, sizeof(config->http_origins));
	strlcpy(config->node, node, sizeof(config->node));
	strlcpy(config->anonymous_role, anonymous_role, sizeof(config->anonymous_role));
}

/* Our own setting, or the server's when ours is empty. */
static FoxTlsFile
tls_file(const char *own, const char *own_setting, const char *server, const char *server_setting)
{
	if (own[0] != '\0')
		return (FoxTlsFile) {own, own_setting};
	return (FoxTlsFile) {server, server_setting};
}

void
fox_guc_net_config(FoxNetConfig *config)
{
	*config = (FoxNetConfig){
		.listen_addresses = fox_guc_listen_addresses,
		.port = fox_guc_port,
		.tls_port = tls_port,
		.more_port = mqtt_port,
		.more_tls_port = mqtt_tls_port,
		.tls_cert = tls_file(tls_cert_file, "fox_wamp.tls_cert_file", ssl_cert_file, "ssl_cert_file"),
		.tls_key = tls_file(tls_key_file, "fox_wamp.tls_key_file", ssl_key_file, "ssl_key_file"),
		.tls_ca = tls_file(tls_ca_file, "fox_wamp.tls_ca_file", ssl_ca_file, "ssl_ca_file"),
		.tls_crl = tls_file(tls_crl_file, "fox_wamp.tls_crl_file", ssl_crl_file, "ssl_crl_file"),
		.tls_min_version = tls_min_version,
		.http2 = http2,
		.trusted_proxies = trusted_proxies,
		.handshake_headers = handshake_headers,
		.unix_socket = unix_socket,
		.max_message_size = (size_t) fox_guc_max_message_size * 1024,
		.out_hard_limit = (size_t) out_queue_limit * 1024,
		.out_soft_limit = (size_t) out_soft_limit * 1024,
		.out_soft_time_ms = out_soft_time,
		.slow_reader = (FoxSlowReader) slow_reader,
		.max_memory = (size_t) max_memory * 1024,
		.ping_interval_ms = ping_interval,
		.ping_timeout_ms = ping_timeout,
		.max_connections = max_connections,
		.connections_per_address = connections_per_address,
		.message_rate = message_rate,
		.byte_rate = (size_t) byte_rate * 1024,
		.cookie_seconds = (uint64) cookie_lifetime,
		.compression = websocket_compression,
		.http_max_body = (size_t) http_max_body * 1024,
	};
	(void) fox_net_ports(proxy_protocol, &config->proxy_protocol);	/* checked when it was set */
}

void
fox_guc_mqtt_config(FoxMqttConfig *config)
{
	*config = (FoxMqttConfig){
		.max_packet = (size_t) fox_guc_max_message_size * 1024,
		.max_levels = (uint32) mqtt_max_topic_levels,
		.max_inflight = (uint32) mqtt_max_inflight,
		.max_queued = (uint32) mqtt_max_queued,
		.queue_qos0 = mqtt_queue_qos0,
		.drop_oldest = mqtt_queue_full,
		.max_session_expiry = (uint32) mqtt_max_session_expiry,
		.max_keep_alive = (uint32) mqtt_max_keep_alive,
		.sys_interval = (uint32) mqtt_sys_interval,
		.raw_strings = mqtt_string_payload,
	};
	strlcpy(config->default_realm, fox_guc_default_realm, sizeof(config->default_realm));
	strlcpy(config->redirect, mqtt_redirect, sizeof(config->redirect));
	strlcpy(config->bridge_allow, mqtt_bridge_allow, sizeof(config->bridge_allow));
}
