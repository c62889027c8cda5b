-- the trigger publish_row() as far as it goes without a router: what it refuses
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE TABLE row_of (id int PRIMARY KEY, name text);

SELECT fox_wamp.publish_row();

CREATE TRIGGER too_early BEFORE INSERT ON row_of FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row();
INSERT INTO row_of VALUES (1);
DROP TRIGGER too_early ON row_of;

CREATE TRIGGER by_statement AFTER INSERT ON row_of FOR EACH STATEMENT EXECUTE FUNCTION fox_wamp.publish_row();
INSERT INTO row_of VALUES (1);
DROP TRIGGER by_statement ON row_of;

CREATE TRIGGER misspelt AFTER INSERT ON row_of FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('a.{nmae}');
INSERT INTO row_of VALUES (1);
DROP TRIGGER misspelt ON row_of;

CREATE TRIGGER elsewhere AFTER INSERT ON row_of FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('a', 'nowhere');
INSERT INTO row_of VALUES (1);
DROP TRIGGER elsewhere ON row_of;

CREATE TRIGGER bad_topic AFTER INSERT ON row_of FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('a..{id}');
INSERT INTO row_of VALUES (1);
DROP TRIGGER bad_topic ON row_of;

CREATE TRIGGER too_many AFTER INSERT ON row_of FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('a', 'realm1', 'b');
INSERT INTO row_of VALUES (1);
DROP TRIGGER too_many ON row_of;

CREATE TRIGGER emptied AFTER TRUNCATE ON row_of FOR EACH STATEMENT EXECUTE FUNCTION fox_wamp.publish_row('a.{id}');
TRUNCATE row_of;
DROP TRIGGER emptied ON row_of;

-- none of it has left a row
SELECT count(*) FROM row_of;
DROP TABLE row_of;

-- a row is written as row_to_json() writes it, whatever its types and the session's settings
CREATE TYPE mood AS ENUM ('fine', 'so so');
CREATE DOMAIN whole AS numeric CHECK (VALUE >= 0);
CREATE TABLE typed (id int PRIMARY KEY, b boolean, s int2, l int8, r float4, d float8, n numeric, w whole, t text, v varchar(9),
	c char(5), "odd ""name" name, u uuid, y bytea, da date, ti time, ts timestamp, tz timestamptz, i interval, j json, jb jsonb, ip inet, o oid);
CREATE TABLE varied (id int PRIMARY KEY, a int[], t typed, m mood);
CREATE TRIGGER kept AFTER INSERT OR UPDATE ON typed FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('typed.{id}', 'realm1', 'retain');
CREATE TRIGGER kept AFTER INSERT ON varied FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('varied.{id}', 'realm1', 'retain');
SET datestyle = 'German';
SET bytea_output = 'escape';
INSERT INTO typed VALUES
	(1, true, -32768, 9223372036854775807, 1.5, 1e300, 123456789012345678901234567890.5, 7, E'a "quote", a \\ and a\ttab', 'über', 'ab', 'na"me',
	 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x00ff', '2026-02-03', '04:05:06', '2026-02-03 04:05:06.7', '2026-02-03 04:05:06+02', '1 day 2 hours',
	 '{"a" : [1, 2]}', '{"b": null}', '10.0.0.1', 4294967295),
	(2, false, 0, -1, 'NaN', '-Infinity', 'NaN', 0, '', '', '', '', NULL, '', 'infinity', NULL, '-infinity', 'infinity', NULL, 'null', '"x"', NULL, 0);
INSERT INTO typed (id) VALUES (3);
INSERT INTO varied SELECT id, ARRAY[id, NULL], typed, 'so so' FROM typed;
SELECT topic, args->0 = coalesce(to_jsonb(typed), to_jsonb(varied)) AS same FROM fox_wamp.retained
	LEFT JOIN typed ON topic = 'typed.' || typed.id LEFT JOIN varied ON topic = 'varied.' || varied.id ORDER BY topic;
RESET datestyle;
RESET bytea_output;

-- what a backend keeps of a trigger goes when something of it changes
CREATE SCHEMA shop;
CREATE TABLE shop.item (id int, price int) PARTITION BY LIST (id);
CREATE TABLE shop.item_1 PARTITION OF shop.item FOR VALUES IN (1);
CREATE TRIGGER kept AFTER INSERT ON shop.item FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('item.{price}', 'realm1', 'retain', 'price');
INSERT INTO shop.item VALUES (1, 10);
ALTER TABLE shop.item ADD COLUMN name text DEFAULT 'x';
INSERT INTO shop.item VALUES (1, 11);
BEGIN;
CREATE OR REPLACE TRIGGER kept AFTER INSERT ON shop.item FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('item.{price}', 'realm1', 'retain', 'price', 'name');
INSERT INTO shop.item VALUES (1, 12);
ROLLBACK;
INSERT INTO shop.item VALUES (1, 13);
ALTER TABLE shop.item RENAME COLUMN price TO cost;
INSERT INTO shop.item VALUES (1, 14);
SELECT topic, args FROM fox_wamp.retained WHERE topic LIKE 'item.%' ORDER BY topic;
DROP TRIGGER kept ON shop.item;
-- a topic of the table's own name follows it
SELECT fox_wamp.create_realm('other');
CREATE FUNCTION published(OUT realm text, OUT topic text, OUT kwargs jsonb) RETURNS SETOF record LANGUAGE sql AS
	$$ SELECT h.name, d.topic, d.kwargs FROM fox_wamp.delivery d JOIN (SELECT id, realm AS name FROM fox_wamp.handler) h ON h.id = d.handler ORDER BY d.id $$;
CREATE FUNCTION hear(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS void LANGUAGE sql AS '';
SELECT count(fox_wamp.attach('#', 'hear(text, jsonb, jsonb, jsonb)', realm => name, durable => true)) FROM (VALUES ('realm1'), ('other')) r(name);
CREATE TRIGGER named AFTER INSERT ON shop.item FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row();
INSERT INTO shop.item VALUES (1, 15);
ALTER SCHEMA shop RENAME TO store;
INSERT INTO store.item VALUES (1, 16);
ALTER TABLE store.item RENAME TO thing;
INSERT INTO store.thing VALUES (1, 17);
SET fox_wamp.default_realm = 'other';
INSERT INTO store.thing VALUES (1, 18);
RESET fox_wamp.default_realm;
INSERT INTO store.thing VALUES (1, 19);
SELECT * FROM published();

SELECT count(fox_wamp.detach('#', 'hear(text, jsonb, jsonb, jsonb)', realm => name)) FROM (VALUES ('realm1'), ('other')) r(name);
DROP SCHEMA store CASCADE;
DROP TABLE typed, varied;
DROP FUNCTION published, hear;
DROP TYPE mood;
DROP DOMAIN whole;
DELETE FROM fox_wamp.retained;
DELETE FROM fox_wamp.delivery;
SELECT fox_wamp.drop_realm('other');
