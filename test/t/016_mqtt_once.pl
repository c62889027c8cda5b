# Crashes on the way of an MQTT message from PUBLISH to PUBREC: with QoS 2 everybody hears it once, with QoS 1 at least once,
# and what is to be retained is.
#
#	PUBLISH ──► the value is stored ──► queues and packet identifier are stored ──► PUBREC
#	         ▲                       ▲                                          ▲
#	       before                 between                                     after
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MqttClient;
use RouterNode;

my $executor_pid = q{SELECT pid FROM pg_stat_activity WHERE application_name = 'fox_wamp executor'};
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node;
my $writer;

$SIG{ALRM} = sub { die 'no answer in time' };
alarm(40 * $PostgreSQL::Test::Utils::timeout_default);

sub join_as
{
	my ($id) = @_;
	return MqttClient->join_again($fox_port, id => $id);
}

# What was sent before has been taken up when the answer is there.  The packets that have come before it.
sub ping
{
	my ($client) = @_;
	my @before;
	$client->send(0xC0, '');
	while ((my $p = $client->receive // die 'the connection has ended')->{type} != MqttClient::PINGRESP) { push(@before, $p); }
	return @before;
}

my %ends = (
	'the router is killed' => sub { crash(sub { kill 'KILL', router_pid(); }); },
	'the executor is killed' => sub { crash(sub { kill 'KILL', query($executor_pid); }); },
	'the server is stopped at once' => sub { $node->stop('immediate'); $node->start; },
	'the client comes back' => sub { $writer->close; },
	'the executor is terminated' => sub {
		my $pid = query($executor_pid);
		query("SELECT pg_terminate_backend($pid)");
		query('DELETE FROM gate');
		until_true("SELECT count(*) = 1 FROM ($executor_pid) e WHERE pid <> $pid", 'no other executor');
	});

# The server starts all of its processes anew.
sub crash
{
	my ($kill) = @_;
	my $before = router_pid();
	$kill->();
	until_another_router($before);
}

# Who inserts into such a table waits at the gate while it is closed.
sub shut
{
	my ($table) = @_;
	query("INSERT INTO gate VALUES ('$table')");
}

sub until_somebody_waits
{
	until_true(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'fox_wamp executor' AND wait_event = 'PgSleep'},
		'nobody waits at the gate');
}

$node = RouterNode::start('mqtt_once', $fox_port);
until_true('SELECT fox_wamp.wait_until_running()', 'no router');
query(<<'SQL');
CREATE TABLE gate (name text PRIMARY KEY);
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM public.gate WHERE name = TG_TABLE_NAME) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	RETURN NEW;
END $$;
CREATE TRIGGER gate BEFORE INSERT ON fox_wamp.retained FOR EACH ROW EXECUTE FUNCTION gate();
CREATE TRIGGER gate BEFORE INSERT ON fox_wamp.mqtt_message FOR EACH ROW EXECUTE FUNCTION gate();
CREATE TABLE hooked (topic text);
CREATE FUNCTION hook(topic text, args jsonb, kwargs jsonb, details jsonb) RETURNS jsonb LANGUAGE sql AS $$
	INSERT INTO public.hooked VALUES ($1);
	SELECT jsonb_build_object('args', $2, 'kwargs', $3);
$$;
SELECT fox_wamp.publish_hook('m.hooked.#', 'hook(text,jsonb,jsonb,jsonb)');
SELECT fox_wamp.keep_history('m.#');
SELECT fox_wamp.sync();
SQL

my $away = join_as('away');
is($away->subscribe('m/#', 2), 2, 'a subscriber that will be away');
$away->close;
my $there = join_as('there');
is($there->subscribe('m/#', 2), 2, 'and one that is there');
$writer = join_as('writer');
my (%heard, %held, @expected);
my ($n, $id) = (0, 0);

sub take_up
{
	my ($name, $client, $p) = @_;
	if ($p->{type} == MqttClient::PUBREL)
	{
		delete $held{$name}{ $p->{id} };
		$client->acknowledge(MqttClient::PUBCOMP, $p->{id});
	}
	elsif ($p->{type} == MqttClient::PUBLISH)
	{
		$heard{$name}{ $p->{payload} }++ unless $p->{qos} == 2 && $held{$name}{ $p->{id} };
		$held{$name}{ $p->{id} } = 1 if $p->{qos} == 2;
		$client->acknowledge($p->{qos} == 2 ? MqttClient::PUBREC : MqttClient::PUBACK, $p->{id});
	}
}

sub hear_until
{
	my ($name, $client, $last) = @_;
	until ($heard{$name}{$last})
	{
		take_up($name, $client, $client->receive // die 'the connection has ended');
	}
}

# Each message: kind, payload, QoS, retained, packet identifier.
sub message
{
	my ($kind, $qos, $retain) = @_;
	$id++;
	return { topic => "m/$kind/$n", payload => "$kind $n", qos => $qos, retain => $retain, id => $id };
}

sub publish
{
	my ($m, $dup) = @_;
	$writer->send(0x30 | $m->{qos} << 1 | $m->{retain} | ($dup ? 8 : 0),
		MqttClient::text($m->{topic}) . pack('n', $m->{id}) . $m->{payload});
}

# The messages are taken, in their order; some answers may be there already.
sub finish
{
	my ($answers, @messages) = @_;
	my @open = @messages;
	while (@messages || @open)
	{
		my $p = shift(@$answers) // $writer->receive // die 'the connection has ended';
		if ($p->{type} == MqttClient::PUBCOMP)
		{
			@open = grep { $_->{id} != $p->{id} } @open;
			next;
		}
		my $m = shift @messages;
		$p->{id} == $m->{id} && $p->{type} == ($m->{qos} == 2 ? MqttClient::PUBREC : MqttClient::PUBACK) or die "an answer out of turn: $p->{type} $p->{id} instead of $m->{id}";
		if ($m->{qos} == 2) { $writer->acknowledge(MqttClient::PUBREL, $m->{id}); }
		else { @open = grep { $_ != $m } @open; }
	}
}

sub scene
{
	my ($point, $end) = @_;
	$n++;
	my @answers;
	my $retained = message('retained', 2, 1);
	my @messages = ($retained, message('second', 2, 1), message('plain', 2, 0), message('hooked', 2, 0), message('once', 1, 1));
	shut('retained') if $point eq 'before';
	shut('mqtt_message') if $point ne 'before';
	publish($retained);
	until_somebody_waits();
	is(query("SELECT count(*) FROM fox_wamp.retained WHERE topic = 'm.retained.$n'"), $point eq 'before' ? 0 : 1, "$point: the value");
	is(query('SELECT count(*) FROM fox_wamp.mqtt_received WHERE topic IS NOT NULL'), $point eq 'before' ? 0 : 1, "$point: and its row");
	publish($_) for @messages[1 .. $#messages];
	ping($writer);
	my @early = grep { $_->{type} == MqttClient::PUBLISH } ping($there);
	is(scalar(@early), 0, "$point: nobody hears what is not written");
	if ($point eq 'after')
	{
		my $router = router_pid();
		kill('STOP', $router);
		query('DELETE FROM gate');
		until_true("SELECT count(*) >= 2 FROM fox_wamp.mqtt_message WHERE topic = 'm/retained/$n'", 'no rows');
	}
	$ends{$end}->();
	if ($end ne 'the executor is terminated')
	{
		$writer = join_as('writer');
		$there = join_as('there');
		is("$writer->{present} $there->{present}", '1 1', "$point, $end: the sessions are still there");
		publish($_, 1) for @messages;
		@answers = ping($writer);
	}
	query('DELETE FROM gate');
	finish(\@answers, @messages);
	publish(my $last = message('last', 2, 0));
	finish([], $last);
	hear_until('there', $there, $last->{payload});
	push(@expected, @messages, $last);
	is(query("SELECT string_agg(topic || ' ' || (args->>0), ',' ORDER BY topic) FROM fox_wamp.retained WHERE topic LIKE 'm.%.$n'"),
		join(',', map { "m.$_.$n $_ $n" } qw(once retained second)), "$point, $end: the values");
}

scene('before', 'the router is killed');
scene('before', 'the executor is terminated');
scene('between', 'the router is killed');
scene('between', 'the executor is killed');
scene('between', 'the server is stopped at once');
scene('between', 'the executor is terminated');
scene('before', 'the client comes back');
scene('between', 'the client comes back');
scene('after', 'the router is killed');

$away = join_as('away');
hear_until('away', $away, $expected[-1]{payload});
for my $name ('there', 'away')
{
	is_deeply([ grep { ($heard{$name}{$_} // 0) != 1 } map { $_->{payload} } grep { $_->{qos} == 2 } @expected ], [],
		"$name: QoS 2 exactly once");
	is_deeply([ grep { !$heard{$name}{$_} } map { $_->{payload} } grep { $_->{qos} == 1 } @expected ], [],
		"$name: QoS 1 at least once");
}
query('SELECT fox_wamp.sync()');
is(query('SELECT count(*) FROM fox_wamp.mqtt_received'), 0, 'no packet identifier is left');
is(query(q{SELECT coalesce(string_agg(topic || ' ' || n || ' ' || d, ','), '') FROM
	(SELECT topic, count(*) AS n, string_agg(publication || ' at ' || at, ', ') AS d FROM fox_wamp.event_history WHERE topic !~ 'once' GROUP BY topic HAVING count(*) <> 1) t}),
	'', 'the event history has QoS 2 once');

done_testing();
