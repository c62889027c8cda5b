-- What `make demo` shows: a table whose changes stream, and retained values.

CREATE TABLE IF NOT EXISTS orders (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	customer text NOT NULL,
	amount numeric NOT NULL,
	at timestamptz NOT NULL DEFAULT now()
);

CREATE OR REPLACE TRIGGER order_changed AFTER INSERT OR UPDATE OR DELETE ON orders
	FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('demo.order.{id}');

SELECT fox_wamp.publish('demo.sensor.kitchen', '[{"celsius":20.5}]', options => '{"retain":true}');
SELECT fox_wamp.publish('demo.sensor.cellar', '[{"celsius":12.0}]', options => '{"retain":true}');
SELECT fox_wamp.publish('demo.door.front', '["closed"]', options => '{"retain":true}');
SELECT fox_wamp.sync();
