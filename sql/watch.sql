-- watch() as far as it goes without a router: its triggers, what it refuses, and the mirror
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fox_wamp;
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset null '-'
CREATE SCHEMA w;
CREATE TABLE w.orders (id int PRIMARY KEY DEFERRABLE, customer text, amount numeric, note text);
CREATE TABLE w.lines (order_id int, line int, "what.is it" text, PRIMARY KEY (order_id, line));
CREATE TABLE w.loose (a int);
-- topics
SELECT fox_wamp.watch('w.orders');
SELECT fox_wamp.watch('w.lines');
SELECT fox_wamp.watch('w.loose');
SELECT fox_wamp.watch('w.orders', 'shop.{customer}.{id}', 'NEW.amount > 100', '{id,amount}', '{insert,UPDATE}');
SELECT * FROM fox_wamp.watched ORDER BY relation::text, topic;
-- once more replaces
SELECT fox_wamp.watch('w.orders', 'shop.{customer}.{id}', 'NEW.amount > 200 -- a lot');
SELECT * FROM fox_wamp.watched WHERE relation = 'w.orders'::regclass ORDER BY topic;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'w.orders'::regclass AND NOT tgisinternal ORDER BY 1;
SELECT fox_wamp.unwatch('w.orders', 'shop.{customer}.{id}'), fox_wamp.unwatch('w.orders', 'shop.{customer}.{id}'),
	fox_wamp.unwatch('w.orders', realm => 'nowhere'), fox_wamp.unwatch('w.orders'), fox_wamp.unwatch('w.lines'), fox_wamp.unwatch('w.loose');
SELECT * FROM fox_wamp.watched;
-- what is refused
SELECT fox_wamp.watch(NULL);
SELECT fox_wamp.watch(0);
SELECT fox_wamp.watch('w.nothing');
SELECT fox_wamp.watch('w.orders', 'a.{nmae}');
SELECT fox_wamp.watch('w.orders', 'a.{ctid}');
SELECT fox_wamp.watch('w.orders', 'a..{id}');
SELECT fox_wamp.watch('w.orders', 'wamp.{id}');
SELECT fox_wamp.watch('w.orders', columns => '{id,nmae}');
SELECT fox_wamp.watch('w.orders', columns => '{id,NULL}');
SELECT fox_wamp.watch('w.orders', operations => '{SELECT}');
SELECT fox_wamp.watch('w.orders', operations => '{}');
SELECT fox_wamp.watch('w.orders', realm => 'nowhere');
SELECT fox_wamp.watch('w.orders', condition => 'NEW.amount >');
SELECT fox_wamp.watch('w.orders', condition => 'NEW.nmae > 1');
SELECT fox_wamp.watch('w.orders', condition => 'NEW.amount');
SELECT fox_wamp.watch('w.orders', condition => 'OLD.amount <> NEW.amount');
SELECT fox_wamp.watch('w.orders', condition => 'OLD.amount <> NEW.amount', operations => '{UPDATE,DELETE}');
SELECT fox_wamp.watch('w.orders', condition => 'true) EXECUTE FUNCTION fox_wamp.publish_row(); DROP TABLE w.orders; SELECT (1');
SELECT fox_wamp.watch('w.orders', 'a.{id}', 'EXISTS (SELECT FROM w.loose)');
SELECT fox_wamp.watch('w.orders', retain => true, operations => '{INSERT,UPDATE}');
SELECT fox_wamp.watch('w.orders', 'a.{customer}', retain => true);
SELECT fox_wamp.watch('w.loose', retain => true);
SELECT fox_wamp.unwatch(NULL);
-- none of it has left anything
SELECT * FROM fox_wamp.watched;
-- the mirror: rows that are there, and then each change
INSERT INTO w.orders VALUES (1, 'Ann', 10), (2, 'Bob', 20), (3, '', 30);
SELECT fox_wamp.unwatch('w.orders');
SELECT fox_wamp.watch('w.orders', 'o.{customer}.{id}', retain => true, columns => '{id,amount}');
SELECT topic, args, kwargs FROM fox_wamp.retained ORDER BY topic;
INSERT INTO w.orders VALUES (4, 'a.b', 40), (5, NULL, 50);
UPDATE w.orders SET amount = amount + 1 WHERE id = 1;
UPDATE w.orders SET customer = 'Carl' WHERE id = 2;
DELETE FROM w.orders WHERE id = 3;
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
BEGIN;
DELETE FROM w.orders;
SELECT count(*) FROM fox_wamp.retained;
ROLLBACK;
-- a key that a statement takes from one row and gives to another
BEGIN;
WITH gone AS (DELETE FROM w.orders WHERE id = 1) UPDATE w.orders SET id = 1, customer = 'Ann' WHERE id = 2;
SELECT topic, args FROM fox_wamp.retained WHERE topic LIKE '%.1' OR topic LIKE '%.2';
DELETE FROM w.orders WHERE id = 1;
SELECT topic, args FROM fox_wamp.retained WHERE topic LIKE '%.1' OR topic LIKE '%.2';
ROLLBACK;
-- keys that follow each other
UPDATE w.orders SET customer = 'x', amount = 0;
UPDATE w.orders SET id = id + 1;
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
TRUNCATE w.orders;
SELECT count(*) FROM fox_wamp.retained;
-- the mirror of some rows
INSERT INTO w.orders VALUES (1, 'Ann', 10), (2, 'Bob', 200), (3, 'Carl', 300);
SELECT fox_wamp.unwatch('w.orders');
SELECT fox_wamp.watch('w.orders', condition => 'NEW.amount > 100', retain => true);
SELECT fox_wamp.watch('w.orders', condition => 'OLD.amount > 100', retain => true);
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
UPDATE w.orders SET amount = 400 - amount;
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
UPDATE w.orders SET amount = NULL WHERE id = 1;
UPDATE w.orders SET id = 5 WHERE id = 2;
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
UPDATE w.orders SET id = id + 1, amount = 500;
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
SELECT * FROM fox_wamp.watched;
SELECT fox_wamp.unwatch('w.orders');
SELECT count(*) FROM fox_wamp.retained;
-- a table's new name leaves the topic as it was; a column's new name has to be told
SELECT fox_wamp.watch('w.orders', columns => '{id,note}');
ALTER TABLE w.orders RENAME TO purchases;
ALTER TABLE w.purchases RENAME note TO remark;
SELECT * FROM fox_wamp.watched;
INSERT INTO w.purchases VALUES (10);
SELECT fox_wamp.watch('w.purchases', 'w.orders.{id}', columns => '{id,remark}');
INSERT INTO w.purchases VALUES (10);
ALTER TABLE w.purchases RENAME id TO number;
INSERT INTO w.purchases VALUES (11);
-- partitions
CREATE TABLE w.parts (id int, day int, what text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE w.parts_1 PARTITION OF w.parts FOR VALUES FROM (0) TO (10);
INSERT INTO w.parts VALUES (1, 1, 'a');
SELECT fox_wamp.watch('w.parts', retain => true);
CREATE TABLE w.parts_2 (what text, day int NOT NULL, id int NOT NULL, PRIMARY KEY (id, day));
ALTER TABLE w.parts ATTACH PARTITION w.parts_2 FOR VALUES FROM (10) TO (20);
INSERT INTO w.parts VALUES (2, 2, 'b'), (3, 13, 'c');
UPDATE w.parts SET day = day + 10 WHERE id = 1;
UPDATE w.parts SET id = id + 1 WHERE day < 10;
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
SELECT * FROM fox_wamp.watched WHERE relation::text LIKE '%parts%';
-- a table that goes takes its watches with it, but no values
DROP TABLE w.parts, w.purchases;
SELECT * FROM fox_wamp.watched;
SELECT count(*) FROM fox_wamp.retained;
DELETE FROM fox_wamp.retained;
-- who may: the owner of the table, if he may publish
CREATE ROLE watch_user;
GRANT USAGE ON SCHEMA w TO watch_user;
GRANT SELECT ON w.loose TO watch_user;
SET ROLE watch_user;
SELECT fox_wamp.watch('w.loose');
RESET ROLE;
GRANT fox_wamp_user TO watch_user;
SET ROLE watch_user;
SELECT fox_wamp.watch('w.loose');
RESET ROLE;
ALTER TABLE w.loose OWNER TO watch_user;
SET ROLE watch_user;
SELECT fox_wamp.watch('w.loose');
SELECT fox_wamp.unwatch('w.loose');
RESET ROLE;
-- a value that is written in another way has another topic; what a topic says is the same for every session
CREATE TABLE w.numbers (id numeric PRIMARY KEY);
SELECT fox_wamp.watch('w.numbers', retain => true);
INSERT INTO w.numbers VALUES (1.0), (2);
UPDATE w.numbers SET id = id + 0.00;
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
CREATE TABLE w.times (at timestamptz, d date, i interval, f float8, b bytea, PRIMARY KEY (at, d, i, f, b));
SET timezone = 'Europe/Berlin';
SELECT fox_wamp.watch('w.times', retain => true);
INSERT INTO w.times VALUES ('2024-03-01 00:30+01', '2024-02-29', '1 day 2 hours', 0.1, '\x0aff');
SELECT topic FROM fox_wamp.retained WHERE topic LIKE 'w.times%';
SET timezone = 'UTC';
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'iso_8601';
SET extra_float_digits = -10;
SET bytea_output = 'escape';
UPDATE w.times SET f = 0.2;
SELECT topic FROM fox_wamp.retained WHERE topic LIKE 'w.times%';
SHOW datestyle;
DELETE FROM w.times;
RESET timezone;
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
RESET bytea_output;
SELECT topic FROM fox_wamp.retained WHERE topic LIKE 'w.times%';
DROP TABLE w.numbers, w.times;
DELETE FROM fox_wamp.retained;
-- topics that would not be one for each row, or not the table's alone; a snapshot that does not see all rows
CREATE TABLE w.pairs (a int, b int, PRIMARY KEY (a, b));
SELECT fox_wamp.watch('w.pairs', 'p.{a}{b}', retain => true);
SELECT fox_wamp.watch('w.pairs', 'p.{a}-{b}', retain => true);
SELECT fox_wamp.watch('w.pairs', '{a}.{b}', retain => true);
SELECT fox_wamp.watch('w.pairs', 'p.{a}-x.{b}', retain => true);
SELECT fox_wamp.unwatch('w.pairs');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT fox_wamp.watch('w.pairs', retain => true);
ROLLBACK;
-- generated columns, dropped ones, ON CONFLICT, MERGE, COPY, children; names of any kind
CREATE TABLE w."Odd.Name {x}" (gone int, "Key.1" text PRIMARY KEY, twice text GENERATED ALWAYS AS ("Key.1" || "Key.1") STORED);
ALTER TABLE w."Odd.Name {x}" DROP COLUMN gone;
CREATE TABLE w.child () INHERITS (w."Odd.Name {x}");
SELECT fox_wamp.watch('w."Odd.Name {x}"', retain => true);
COPY w."Odd.Name {x}" FROM stdin;
a
b.c
\.
INSERT INTO w.child VALUES ('child');
INSERT INTO w."Odd.Name {x}" VALUES ('a') ON CONFLICT ("Key.1") DO UPDATE SET "Key.1" = 'A';
INSERT INTO w."Odd.Name {x}" VALUES ('b.c') ON CONFLICT DO NOTHING;
MERGE INTO w."Odd.Name {x}" o USING (VALUES ('b.c'), ('ü')) v(k) ON o."Key.1" = v.k WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (v.k);
SELECT topic, args FROM fox_wamp.retained ORDER BY topic;
-- a write whose event can not be published fails, with whole characters in its message
INSERT INTO w."Odd.Name {x}" VALUES (repeat('ü', 1000));
SELECT fox_wamp.unwatch('w."Odd.Name {x}"');
SELECT count(*) FROM fox_wamp.retained;
-- with row security the rows go along, for whoever judges them; a mirror keeps them
ALTER TABLE w.loose DROP COLUMN a, ADD COLUMN id int PRIMARY KEY, ADD COLUMN "to whom" text;
SELECT fox_wamp.watch('w.loose', 'l.{id}', 'NEW.id < 10', '{id}', retain => true, row_security => true);
SELECT fox_wamp.watch('w.loose', row_security => true);
INSERT INTO w.loose VALUES (1, 'a "b" (c), \d'), (2, NULL), (11, '');
UPDATE w.loose SET "to whom" = 'x' WHERE id = 2;
SELECT topic, args, audience FROM fox_wamp.retained ORDER BY topic;
SELECT * FROM fox_wamp.watched;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'w.loose'::regclass AND NOT tgisinternal ORDER BY 1;
SELECT fox_wamp.watch('w.loose', 'l.{id}', retain => true);
SELECT topic, args, audience FROM fox_wamp.retained ORDER BY topic;
SELECT fox_wamp.unwatch('w.loose');
INSERT INTO fox_wamp.retained (realm, topic, args, audience) VALUES ('realm1', 'x', '[1]', '{"fox_wamp.row":[]}');
SELECT fox_wamp.publish('x', '[1]', options => '{"fox_wamp.row":{}}');
CREATE TRIGGER odd AFTER INSERT ON w.loose FOR EACH ROW EXECUTE FUNCTION fox_wamp.publish_row('x', 'realm1', 'event row security');
INSERT INTO w.loose VALUES (3, '');
DROP SCHEMA w CASCADE;
DROP ROLE watch_user;
