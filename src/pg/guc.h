/*
 * guc.h - the settings fox_wamp.*; what they mean stands in guc.c and in the README.
 */
#ifndef FOX_PG_GUC_H
#define FOX_PG_GUC_H

#include "core/router.h"
#include "gate/mqtt_gate.h"
#include "net/net.h"

#define FOX_SESSION_TIMEOUT_MAX (400 * 24 * 3600)	/* seconds; of fox_wamp.http_session_timeout */

extern int	fox_guc_port;
extern char *fox_guc_listen_addresses;
extern int	fox_guc_ring_size;	/* kB */
extern int	fox_guc_write_queue;
extern char *fox_guc_default_realm;
extern int	fox_guc_max_message_size;	/* kB */
extern bool fox_guc_kwargs_are_headers;
extern int	fox_guc_on_ring_full;	/* FoxOnRingFull */

typedef enum FoxOnRingFull
{
	FOX_RING_FULL_GAP,
	FOX_RING_FULL_ERROR
} FoxOnRingFull;

extern int	fox_guc_executors;
extern int	fox_guc_executor_idle;	/* ms */
extern char *fox_guc_callback_url_allow;
extern int	fox_guc_callback_failures;
extern int	fox_guc_on_callback_released;	/* WARNING or ERROR */
extern char *fox_guc_webhook_allow;
extern int	fox_guc_webhook_connections;
extern char *fox_guc_webhook_ca_file;
extern int	fox_guc_callback_limit;
extern int	fox_guc_call_queue_limit;
extern int	fox_guc_error_verbosity;	/* FoxErrorVerbosity */

typedef enum FoxErrorVerbosity
{
	FOX_ERRORS_DEFAULT,
	FOX_ERRORS_VERBOSE
} FoxErrorVerbosity;

extern int	fox_guc_password_kdf;	/* FoxPasswordKdf */

typedef enum FoxPasswordKdf
{
	FOX_KDF_PBKDF2,
	FOX_KDF_ARGON2ID13
} FoxPasswordKdf;

/* Defines all of them; called by _PG_init. */
extern void fox_guc_define(void);

/* The configurations of the layers below, from the settings of this moment. */
extern void fox_guc_router_config(FoxRouterConfig *config);
extern void fox_guc_net_config(FoxNetConfig *config);
extern void fox_guc_mqtt_config(FoxMqttConfig *config);

#endif
