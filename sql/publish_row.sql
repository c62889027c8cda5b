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
