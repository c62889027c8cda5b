# Durable handlers of events: nothing that counts as published is lost, whatever dies, and what a handler does is done once.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WampClient;
use RouterNode;

my $router_pid = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'};
my $executors = q{FROM pg_stat_activity WHERE backend_type = 'fox_wamp call executor'};
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node;
my $next = 1;    # number of the next event of a client
my %acknowledged;

$SIG{ALRM} = sub { die 'no answer in time' };
$SIG{PIPE} = 'IGNORE';
alarm(20 * $PostgreSQL::Test::Utils::timeout_default);

sub routes
{
	ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), $_[0]);
}

# What was committed by SQL stands in the table sent, what was acknowledged to a client here.
sub publish_by_sql
{
	my ($count) = @_;
	$node->safe_psql('postgres', "CALL publish_many($count)");
}

sub publish_by_client
{
	my ($client, $count) = @_;
	for (1 .. $count)
	{
		my $number = $next++;
		my $retain = $number % 5 == 0 ? 'true' : 'false';
		$client->send("[16,$number,{\"acknowledge\":true,\"retain\":$retain},\"work.client\",[$number]]");
		my $answer = $client->receive // return 0;
		$acknowledged{$number} = 1 if $answer =~ /^\[17,/;
	}
	return 1;
}

sub all_handled
{
	my ($what) = @_;
	ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM fox_wamp.delivery'), "$what: the queue becomes empty");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM sent s WHERE NOT EXISTS (SELECT FROM handled h WHERE h.topic = s.topic AND h.number = s.number)'),
		0, "$what: all that SQL has committed was handled");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM handled h WHERE topic <> 'work.client' AND NOT EXISTS (SELECT FROM sent s WHERE h.topic = s.topic AND h.number = s.number)}),
		0, "$what: and nothing else");
	my %handled = map { $_ => 1 } split(/\n/, $node->safe_psql('postgres', q{SELECT number FROM handled WHERE topic = 'work.client'}));
	is_deeply([ grep { !$handled{$_} } sort { $a <=> $b } keys %acknowledged ], [], "$what: all that was acknowledged to a client was handled");
	is($node->safe_psql('postgres', 'SELECT count(*) - count(DISTINCT publication) FROM handled'), 0, "$what: each once");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT number < lag(number) OVER (PARTITION BY topic ORDER BY id) AS back FROM handled) AS t WHERE back}),
		0, "$what: those of a topic in order");
}

$node = RouterNode::start('handlers', $fox_port, <<CONF);
fox_wamp.ping_interval = 0
CONF
$node->safe_psql('postgres', $_) for split(/;;/, <<'SQL');
CREATE TABLE sent (topic text, number bigint, PRIMARY KEY (topic, number));;
CREATE TABLE handled (id bigserial PRIMARY KEY, topic text, number bigint, publication bigint);;
CREATE FUNCTION work(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS void LANGUAGE sql AS
$$ INSERT INTO handled (topic, number, publication) VALUES (topic, (args->>0)::bigint, (details->>'publication')::bigint) $$;;
CREATE SEQUENCE numbers;;
CREATE PROCEDURE publish_many(n int) LANGUAGE plpgsql AS $$
DECLARE
	number bigint;
BEGIN
	FOR i IN 1 .. n LOOP
		number := nextval('numbers');
		INSERT INTO sent VALUES ('work.sql', number);
		PERFORM fox_wamp.publish('work.sql', jsonb_build_array(number));
		IF i % 7 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
	END LOOP;
END
$$;;
SELECT fox_wamp.attach('work.#', 'work(text,jsonb,jsonb,jsonb)', durable => true, retry_delay => '100ms', max_attempts => 1000)
SQL
routes('a router');

publish_by_sql(500);
publish_by_client(WampClient->join($fox_port), 200);
all_handled('without a fault');

# --- an executor is ended again and again

my $client = WampClient->join($fox_port);
for (1 .. 5)
{
	publish_by_sql(200);
	publish_by_client($client, 20);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $executors");
}
all_handled('executors that end');

# --- no router

$node->safe_psql('postgres', 'SELECT fox_wamp.stop()');
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS ($router_pid)"), 'no router');
publish_by_sql(200);
isnt($node->safe_psql('postgres', 'SELECT count(*) FROM fox_wamp.delivery'), 0, 'what SQL publishes waits');
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
routes('a router again');
all_handled('no router');

# --- the server dies in the middle of it, in three ways

for my $way ('kill -9 of the router', 'kill -9 of an executor', 'an immediate stop')
{
	my $writer = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', 'CALL publish_many(1000000)' ], '>', \my $out, '2>', \my $err);
	$client = WampClient->join($fox_port);
	ok(publish_by_client($client, 200), "$way: traffic");
	ok($node->poll_query_until('postgres', "SELECT count(*) > 200 FROM handled WHERE topic = 'work.sql'"), 'events are handled');
	my $victim = $way =~ /executor/ ? "SELECT min(pid) $executors" : $router_pid;
	if ($way =~ /kill/)
	{
		my $pid = $node->safe_psql('postgres', $victim);
		kill('KILL', $pid) or die "kill $pid: $!";
	}
	else
	{
		$node->stop('immediate');
		$node->start;
	}
	1 while publish_by_client($client, 1);
	$writer->finish;
	ok($node->poll_query_until('postgres', "SELECT EXISTS ($router_pid)"), 'the router comes back');
	routes('and runs');
	all_handled($way);
}

# --- a dump has handlers and queue

$node->safe_psql('postgres', 'SELECT fox_wamp.stop()');
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS ($router_pid)"), 'no router');
publish_by_sql(20);
my $open = $node->safe_psql('postgres', 'SELECT count(*), min(id), max(id) FROM fox_wamp.delivery');
$node->command_ok([ 'pg_dump', '-f', $node->basedir . '/dump.sql', $node->connstr('postgres') ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $node->basedir . '/dump.sql', $node->connstr('copy') ], 'is restored');
is($node->safe_psql('copy', 'SELECT count(*), min(id), max(id) FROM fox_wamp.delivery'), $open, 'with the queue');
$node->safe_psql('copy', q{SELECT fox_wamp.publish('work.copy', '[1]')});
is($node->safe_psql('copy', q{SELECT count(*) FROM fox_wamp.delivery d JOIN fox_wamp.handler h ON h.id = d.handler WHERE topic = 'work.copy'}), 1,
	'whose handlers are the same');

$node->stop('fast');
done_testing();
