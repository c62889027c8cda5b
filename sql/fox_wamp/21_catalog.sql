-- Where services are.

CREATE TRIGGER service_address_changed AFTER INSERT OR UPDATE OR DELETE ON fox_wamp.service_address
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.config_changed();
COMMENT ON TRIGGER service_address_changed ON fox_wamp.service_address IS 'hands the change to the router';
ALTER TABLE fox_wamp.service_address ENABLE ALWAYS TRIGGER service_address_changed;

CREATE VIEW fox_wamp.service_catalog AS
	SELECT a.id, a.service, a.node, a.url, a.realm, a.uri_prefix, a.contract, a.shard, a.modulus, a.remainder, a.expires_at, NULL::bigint AS session_id, a.added
	FROM fox_wamp.service_address a WHERE a.expires_at > clock_timestamp() IS NOT FALSE
	UNION ALL
	SELECT r.id::text, r.service, r.node, r.url, r.realm, r.uri_prefix, r.contract,
		CASE WHEN a ? 'from' THEN int8range(r."from", r."to") END, r.modulus, r.remainder,
		CASE WHEN r.expires_us > 0 THEN to_timestamp(r.expires_us / 1e6) END, nullif(r.session, 0), to_timestamp(r.added_us / 1e6)
	FROM fox_wamp.ask_view('catalog') AS a(a),
		jsonb_to_record(a) AS r(id bigint, service text, node text, url text, realm text, uri_prefix text, contract text, "from" bigint, "to" bigint,
								modulus bigint, remainder bigint, expires_us bigint, session bigint, added_us bigint);
COMMENT ON VIEW fox_wamp.service_catalog IS 'where services are: rows of service_address, which may be written here too, and what sessions have announced';

CREATE FUNCTION fox_wamp.service_catalog_changed() RETURNS trigger
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
	AS $$
	BEGIN
		IF TG_OP <> 'INSERT' THEN
			IF OLD.session_id IS NOT NULL OR NOT EXISTS (SELECT FROM fox_wamp.service_address a WHERE a.id = OLD.id) THEN
				RAISE EXCEPTION 'what a session has announced goes with the session' USING ERRCODE = 'object_not_in_prerequisite_state';
			END IF;
			IF TG_OP = 'DELETE' THEN
				DELETE FROM fox_wamp.service_address a WHERE a.id = OLD.id;
				RETURN OLD;
			END IF;
			UPDATE fox_wamp.service_address a SET (id, realm, service, url, node, uri_prefix, contract, shard, modulus, remainder, expires_at, added) =
				(NEW.id, NEW.realm, NEW.service, NEW.url, NEW.node, NEW.uri_prefix, NEW.contract, NEW.shard, NEW.modulus, NEW.remainder, NEW.expires_at, NEW.added)
				WHERE a.id = OLD.id;
			RETURN NEW;
		END IF;
		NEW.id := coalesce(NEW.id, gen_random_uuid()::text);
		NEW.realm := fox_wamp.default_realm(NEW.realm);
		NEW.added := coalesce(NEW.added, clock_timestamp());
		INSERT INTO fox_wamp.service_address (id, realm, service, url, node, uri_prefix, contract, shard, modulus, remainder, expires_at, added)
			VALUES (NEW.id, NEW.realm, NEW.service, NEW.url, NEW.node, NEW.uri_prefix, NEW.contract, NEW.shard, NEW.modulus, NEW.remainder, NEW.expires_at, NEW.added);
		RETURN NEW;
	END
	$$;
COMMENT ON FUNCTION fox_wamp.service_catalog_changed() IS 'internal: what is written to the view is rows of service_address';
CREATE TRIGGER service_catalog_changed INSTEAD OF INSERT OR UPDATE OR DELETE ON fox_wamp.service_catalog
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.service_catalog_changed();
COMMENT ON TRIGGER service_catalog_changed ON fox_wamp.service_catalog IS 'writes rows of service_address';

CREATE TYPE fox_wamp.service_ref AS (service text, node text, url text, realm text, uri_prefix text, contract text);
COMMENT ON TYPE fox_wamp.service_ref IS 'where a service is';

-- hashint8extended() is what PostgreSQL's hash partitions are found by; its result counts as unsigned.
CREATE FUNCTION fox_wamp.shard_remainder(criterion bigint, modulus bigint) RETURNS bigint
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	AS $$ SELECT mod(h + CASE WHEN h < 0 THEN 18446744073709551616 ELSE 0 END, $2)::bigint FROM (SELECT hashint8extended($1, 0)::numeric) x (h) $$;
COMMENT ON FUNCTION fox_wamp.shard_remainder(bigint, bigint) IS 'what the hash of a number leaves, divided by the number of shards';

CREATE FUNCTION fox_wamp.retrieve_service(service text, criterion bigint DEFAULT NULL, realm text DEFAULT NULL, OUT found boolean, OUT ref fox_wamp.service_ref)
	LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
	AS $$
		SELECT best.ref IS DISTINCT FROM NULL, best.ref
		FROM (VALUES (1)) one LEFT JOIN (
			SELECT ROW(c.service, c.node, c.url, c.realm, c.uri_prefix, c.contract)::fox_wamp.service_ref AS ref
			FROM fox_wamp.service_catalog c
			WHERE lower(c.service) = lower($1) AND c.realm = fox_wamp.default_realm($3) AND ($2 IS NULL OR CASE WHEN c.shard IS NOT NULL THEN $2 <@ c.shard
				WHEN c.modulus IS NOT NULL THEN fox_wamp.shard_remainder($2, c.modulus) = c.remainder ELSE true END)
			ORDER BY $2 IS NOT NULL AND c.shard IS NOT NULL DESC, $2 IS NOT NULL AND c.modulus IS NOT NULL DESC, c.added DESC LIMIT 1) best ON true
	$$;
COMMENT ON FUNCTION fox_wamp.retrieve_service(text, bigint, text) IS 'where a service is, for a number if it has shards: ranges go before remainders, and the newest before others';
