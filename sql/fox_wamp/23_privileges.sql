-- Privileges.

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA fox_wamp FROM PUBLIC;

GRANT EXECUTE ON FUNCTION
	fox_wamp.publish(text, jsonb, jsonb, jsonb, text),
	fox_wamp.publish_now(text, jsonb, jsonb, jsonb, text),
	fox_wamp.publish_row(),
	fox_wamp.watch(regclass, text, text, text[], text[], boolean, text, boolean),
	fox_wamp.unwatch(regclass, text, text),
	fox_wamp.trigger_args(bytea),
	fox_wamp.forget_decisions(),
	fox_wamp.call(text, jsonb, jsonb, jsonb, text),
	fox_wamp."cast"(text, jsonb, jsonb, jsonb, text),
	fox_wamp.wait_for(text, interval, text),
	fox_wamp.lock(text, jsonb, interval, text),
	fox_wamp.try_lock(text, jsonb, text),
	fox_wamp.unlock(text, text),
	fox_wamp.wait_until_running(interval),
	fox_wamp.sync(interval),
	fox_wamp.notify_payload(bigint),
	fox_wamp.callback_local(regprocedure, text),
	fox_wamp.default_realm(text),
	fox_wamp.ask_view(text),
	fox_wamp.shard_remainder(bigint, bigint),
	fox_wamp.retrieve_service(text, bigint, text),
	fox_wamp.doctor()
	TO fox_wamp_user;
GRANT EXECUTE ON FUNCTION
	fox_wamp.start(),
	fox_wamp.stop(),
	fox_wamp.restart(),
	fox_wamp.kill(bigint, text),
	fox_wamp.kill_client(text, text, boolean),
	fox_wamp.ask_denials(),
	fox_wamp.create_realm(text, boolean),
	fox_wamp.open_realm(text),
	fox_wamp.drop_realm(text),
	fox_wamp.bridge(text, text, text),
	fox_wamp.bridge_out(text, text, text),
	fox_wamp.unbridge(text, text),
	fox_wamp.stored_match(text, text),
	fox_wamp.keep_history(text, text, integer, interval, text),
	fox_wamp.forget_history(text, text, text),
	fox_wamp.auto_subscribe(text, integer, text, text, boolean, boolean, integer, text),
	fox_wamp.drop_auto_subscription(text, text, text, text),
	fox_wamp.mqtt_bridge(text, text, text, text, text, text, integer, boolean, text, text, text, text, text),
	fox_wamp.mqtt_bridge_topic(text, text, text, integer, text, text),
	fox_wamp.drop_mqtt_bridge(text),
	fox_wamp.ask_mqtt_bridges(),
	fox_wamp.set_trust_level(text, integer, text, text, text),
	fox_wamp.use_topic_policies(text, text),
	fox_wamp.reset_trust_level(text, text, text, text),
	fox_wamp.expose_root(text, text, text, boolean),
	fox_wamp.expose_function(regprocedure, text, text, integer, interval, text[], boolean, text, regclass),
	fox_wamp.expose_table(regclass, text, text, text[]),
	fox_wamp.expose_service(regnamespace, text, text, text, text, boolean, boolean, text, boolean),
	fox_wamp.unexpose(text, text),
	fox_wamp.attach(text, regprocedure, text, boolean, integer, integer, interval, text),
	fox_wamp.detach(text, regprocedure, text, text),
	fox_wamp.publish_hook(text, regprocedure, text, text, text),
	fox_wamp.drop_publish_hook(text, text, text),
	fox_wamp.handler_queued(bigint),
	fox_wamp.retry_delivery(bigint),
	fox_wamp.drop_delivery(bigint),
	fox_wamp.allowed_url(text, text),
	fox_wamp.webhook(text, text, text, jsonb, text, integer, integer, interval, interval, text),
	fox_wamp.drop_webhook(bigint),
	fox_wamp.replay_webhook(bigint, timestamptz),
	fox_wamp.scram_verifier(text),
	fox_wamp.cra_verifier(text),
	fox_wamp.create_group(text, text),
	fox_wamp.create_user(text, text, text, text),
	fox_wamp.drop_user(text),
	fox_wamp.set_password(text, text, boolean),
	fox_wamp.add_key(text, text),
	fox_wamp.remove_key(text),
	fox_wamp.jwk_fits(text, jsonb),
	fox_wamp.add_jwt_secret(text, text, text[], text, text, text),
	fox_wamp.import_jwks(jsonb, text[], text, text, text),
	fox_wamp.remove_jwt_key(text),
	fox_wamp.forget_cookies(text)
	TO fox_wamp_admin;
-- What a function that a client calls, or a policy of row-level security, wants to know; whatever its role.
GRANT USAGE ON SCHEMA fox_wamp TO PUBLIC;
GRANT EXECUTE ON FUNCTION
	fox_wamp.error(text, integer, text),
	fox_wamp.session_id(),
	fox_wamp.session_user_id(),
	fox_wamp.session_group_id(),
	fox_wamp.own_user(),
	fox_wamp.session_get_user(bigint),
	fox_wamp.caller_authid(),
	fox_wamp.caller_authrole(),
	fox_wamp.called_procedure(),
	fox_wamp.called_realm(),
	fox_wamp.http_method(),
	fox_wamp.request_path(),
	fox_wamp.request_table(),
	fox_wamp.request_id(),
	fox_wamp.table_request(text, json, text, json, json, text, bigint, bigint),
	fox_wamp.batch(json),
	fox_wamp.remote_ip(),
	fox_wamp.user_agent(),
	fox_wamp.in_header(text),
	fox_wamp.in_body(),
	fox_wamp.set_status(integer),
	fox_wamp.returns(text, integer, text, jsonb, boolean),
	fox_wamp.returns(bytea, integer, text, jsonb, boolean),
	fox_wamp.returns(anyelement, integer, text, jsonb, boolean),
	fox_wamp.openapi_of(text, name),
	fox_wamp.openapi(),
	fox_wamp.callback_send(fox_wamp.callback, text, jsonb, jsonb),
	fox_wamp.callback_now(fox_wamp.callback, text, jsonb, jsonb),
	fox_wamp.callback_call(fox_wamp.callback, text, jsonb, interval, jsonb),
	fox_wamp.callback_release(fox_wamp.callback),
	fox_wamp.end_callback(bigint),
	fox_wamp.callback_uri(fox_wamp.callback),
	fox_wamp.exception_json(),
	fox_wamp.signature(regnamespace),
	fox_wamp.contract(regnamespace),
	fox_wamp.instance_state(),
	fox_wamp.set_instance_state(jsonb),
	fox_wamp.service_contract(),
	fox_wamp.service_signature(),
	fox_wamp.new_instance(),
	fox_wamp.free_instance()
	TO PUBLIC;
GRANT SELECT ON fox_wamp.realm, fox_wamp.retained, fox_wamp.lock, fox_wamp.registration, fox_wamp.bridge,
	fox_wamp.history, fox_wamp.event_history, fox_wamp.trust_level, fox_wamp.mqtt_auto_subscription, fox_wamp.permission,
	fox_wamp.root, fox_wamp.exposed_table, fox_wamp.exposed_function, fox_wamp.exposed_service, fox_wamp.exposed, fox_wamp.service_address, fox_wamp.service_catalog, fox_wamp.watched,
	fox_wamp.handler, fox_wamp.delivery, fox_wamp.attached, fox_wamp.publish_hook,
	fox_wamp.session, fox_wamp.subscription, fox_wamp.lock_waiter, fox_wamp.stat_router
	TO fox_wamp_user;
GRANT INSERT, UPDATE, DELETE ON fox_wamp.realm, fox_wamp.retained, fox_wamp.bridge, fox_wamp.history,
	fox_wamp.trust_level, fox_wamp.mqtt_auto_subscription, fox_wamp.permission, fox_wamp.root, fox_wamp.exposed_table, fox_wamp.exposed_function, fox_wamp.exposed_service, fox_wamp.service_address, fox_wamp.service_catalog, fox_wamp.handler, fox_wamp.publish_hook, fox_wamp.webhook, fox_wamp.auth_method,
	fox_wamp.auth_group, fox_wamp.auth_user, fox_wamp.auth_key, fox_wamp.jwt_key TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.denials TO fox_wamp_admin;
GRANT INSERT, UPDATE, DELETE ON fox_wamp.mqtt_bridge, fox_wamp.mqtt_bridge_topic TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.mqtt_bridge_topic, fox_wamp.mqtt_bridge_state TO fox_wamp_admin;
GRANT SELECT (name, realm, url, username, client_id, protocol, keep_alive, clean_start, notification_topic, ca, certificate, enabled)
	ON fox_wamp.mqtt_bridge TO fox_wamp_admin;
GRANT UPDATE (attempts, next_try, dead), DELETE ON fox_wamp.delivery TO fox_wamp_admin;
GRANT SELECT, DELETE ON fox_wamp.service_instance, fox_wamp.service_call TO fox_wamp_admin;
GRANT REFERENCES (id) ON fox_wamp.callback_registry TO fox_wamp_user;
GRANT SELECT (realm, uri, interface, kind, service, owner, id, session, since) ON fox_wamp.callback_registry TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.webhook, fox_wamp.post_log, fox_wamp.webhook_delivery, fox_wamp.callback_delivery TO fox_wamp_admin;
GRANT USAGE ON SEQUENCE fox_wamp.handler_id_seq TO fox_wamp_admin;
GRANT DELETE ON fox_wamp.auth_cookie TO fox_wamp_admin;
GRANT SELECT (realm, authid, authrole, authprovider, authmethod, since, expires, replaced) ON fox_wamp.auth_cookie TO fox_wamp_admin;
-- Verifiers are written and never read.
GRANT SELECT ON fox_wamp.mqtt_client, fox_wamp.mqtt_session, fox_wamp.mqtt_subscription, fox_wamp.mqtt_message, fox_wamp.mqtt_received, fox_wamp.mqtt_unheard TO fox_wamp_admin;
GRANT SELECT ON fox_wamp.auth_method, fox_wamp.auth_group, fox_wamp.auth_key TO fox_wamp_admin;
GRANT SELECT (id, logon_name, group_id, realm, data), UPDATE (data) ON fox_wamp.auth_user TO fox_wamp_admin;
GRANT SELECT (kid, alg, realm, audience, issuer, role_claim, authid_claim, roles) ON fox_wamp.jwt_key TO fox_wamp_admin;
