# What transactions publish is in the queues of MQTT sessions once and for all, whatever becomes of the router:
# from the commit on it is a row of fox_wamp.mqtt_unheard, until it is one of fox_wamp.mqtt_message.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MqttClient;
use RouterNode;

my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node;
my (%heard, %order);
my $n = 0;

$SIG{ALRM} = sub { die 'no answer in time' };
alarm(40 * $PostgreSQL::Test::Utils::timeout_default);

# Everything that the client is sent, up to a last message of its own.
sub hear
{
	my ($id) = @_;
	my $client = MqttClient->join_again($fox_port, id => $id);
	my %held;
	my $last = 'last ' . ++$n;
	query("SELECT fox_wamp.publish('s.last', '[\"$last\"]')");
	while (!$heard{$id}{$last})
	{
		my $p = $client->receive // die 'the connection has ended';
		if ($p->{type} == MqttClient::PUBREL)
		{
			delete $held{ $p->{id} };
			$client->acknowledge(MqttClient::PUBCOMP, $p->{id});
		}
		next unless $p->{type} == MqttClient::PUBLISH;
		(my $text = $p->{payload}) =~ s/^"|"$//g;
		push(@{ $order{$id} }, $text) unless $held{ $p->{id} };
		$heard{$id}{$text}++ unless $held{ $p->{id} };
		$held{ $p->{id} } = 1 if $p->{qos} == 2;
		$client->acknowledge($p->{qos} == 2 ? MqttClient::PUBREC : MqttClient::PUBACK, $p->{id});
	}
	$client->close;
}

sub is_once
{
	my ($what, @texts) = @_;
	hear($_) for ('once', 'twice');
	is_deeply([ map { my $id = $_; map { $heard{$id}{$_} // 0 } @texts } ('once', 'twice') ], [ (1) x (2 * @texts) ], $what);
	until_true('SELECT count(*) = 0 FROM fox_wamp.mqtt_unheard', 'rows of what has been heard');
}

$node = RouterNode::start('mqtt_sql', $fox_port);
until_true('SELECT fox_wamp.wait_until_running()', 'no router');
query(<<'SQL');
CREATE TABLE gate (open boolean);
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM public.gate WHERE NOT open) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	RETURN NEW;
END $$;
CREATE TRIGGER gate BEFORE INSERT ON fox_wamp.mqtt_message FOR EACH ROW EXECUTE FUNCTION gate();
CREATE TABLE noted (topic text);
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.noted VALUES (NEW.topic); RETURN NEW; END $$;
CREATE TRIGGER noted BEFORE INSERT ON fox_wamp.mqtt_unheard FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TABLE shop (id int PRIMARY KEY, name text);
SELECT fox_wamp.watch('shop', 's.shop');
SELECT fox_wamp.sync();
SQL

my $once = MqttClient->join_again($fox_port, id => 'once');
is($once->subscribe('s/#', 2), 2, 'a session that hears QoS 2');
$once->close;
my $twice = MqttClient->join_again($fox_port, id => 'twice');
is($twice->subscribe('s/#', 1), 1, 'and one of QoS 1');
$twice->close;

# Committed, and not in a queue: a crash.
for my $end ('KILL', 'immediate')
{
	query('INSERT INTO gate VALUES (false)');
	query(qq{SELECT fox_wamp.publish('s.a', '["event $end"]', options => '{"qos": 2}')});
	query(qq{SELECT fox_wamp.publish('s.b', '["value $end"]', options => '{"qos": 2, "retain": true}')});
	query(qq{BEGIN; SELECT fox_wamp.publish('s.c', '["nothing $end"]'); ROLLBACK});
	is(query('SELECT count(*) FROM fox_wamp.mqtt_unheard'), 2, "$end: rows of what has committed");
	my $before = router_pid();
	if ($end eq 'KILL') { kill('KILL', $before); }
	else { $node->stop('immediate'); $node->start; }
	until_another_router($before);
	query('DELETE FROM gate');
	is_once("$end: what has committed is heard once", "event $end", "value $end");
	is_deeply([ map { $heard{$_}{"nothing $end"} } ('once', 'twice') ], [ undef, undef ], "$end: what was rolled back is not");
}

# Without a router.
query(q{SELECT fox_wamp.stop()});
query(q{SELECT fox_wamp.publish('s.a', '["nobody there"]')});
query(q{UPDATE fox_wamp.retained SET args = '["a new value"]' WHERE topic = 's.b'});
query(q{INSERT INTO shop VALUES (1, 'fox')});
is(query('SELECT count(*) FROM fox_wamp.mqtt_unheard'), 3, 'rows without a router');
query(q{SELECT fox_wamp.start()});
until_true('SELECT fox_wamp.wait_until_running()', 'no router');
is_once('and they are heard when there is one', 'nobody there', 'a new value');
is(scalar(grep { /fox/ } keys %{ $heard{once} }), 1, 'so is what watch() publishes');

# A transaction that writes nothing itself.
query(q{BEGIN READ ONLY; SELECT fox_wamp.publish('s.a', '["read only"]'); COMMIT});
is_once('what a READ ONLY transaction publishes', 'read only');

# Begun before another router comes, and committed under it.
my $session = $node->background_psql('postgres');
$session->query_safe(q{BEGIN});
$session->query_safe(q{SELECT fox_wamp.publish('s.a', '["from before"]')});
my $before = router_pid();
query('SELECT fox_wamp.restart()');
until_another_router($before);
$session->query_safe(q{COMMIT});
$session->quit;
is_once('a transaction that outlives the router', 'from before');

# Many at once, in their order, while the router goes.
query(q{SELECT fox_wamp.publish('s.many', to_jsonb(ARRAY['many ' || i])) FROM generate_series(1, 500) i});
$before = router_pid();
kill('KILL', $before);
until_another_router($before);
is_once('many', map { "many $_" } 1 .. 500);
is_deeply([ grep { /^many/ } @{ $order{$_} } ], [ map { "many $_" } 1 .. 500 ], "$_: in their order") for ('once', 'twice');

# Topics that nobody keeps cost nothing.
query('TRUNCATE noted');
query(q{SELECT fox_wamp.publish('elsewhere.a', '[1]')});
query(q{SELECT fox_wamp.publish_now('s.now', '["now"]')});
query(q{SELECT fox_wamp.publish('s.a', '["noted"]')});
is(query('SELECT string_agg(topic, \' \') FROM noted'), 's.a', 'only topics that are kept have rows');
is_once('it was heard all the same', 'now', 'noted');
for my $id ('once', 'twice')
{
	my $client = MqttClient->join_again($fox_port, id => $id);
	$client->send(0xA2, pack('n', 7) . MqttClient::text('s/#'));
	1 until ($client->receive // die 'the connection has ended')->{type} == 11;
	$client->close;
}
query('TRUNCATE noted');
query(q{SELECT fox_wamp.publish('s.a', '["for nobody"]')});
is(query('SELECT count(*) FROM noted'), 0, 'nor do those that nobody keeps any more');

done_testing();
