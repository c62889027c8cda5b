# A bridge to mosquitto while the router is killed, again and again: with QoS 2 every message goes over once, in order,
# either way; and what a dump has of bridges.
use strict;
use warnings;
use File::Temp qw(tempdir);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MqttClient;
use RouterNode;

$ENV{PATH} .= ':/usr/sbin';
my $queued = q{SELECT queued FROM fox_wamp.mqtt_bridge_state};
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $mosquitto_port = PostgreSQL::Test::Cluster::get_free_port();
my $dir = tempdir(CLEANUP => 1);
my $messages = 3000;
my $mosquitto;

$SIG{ALRM} = sub { die 'no answer in time' };
alarm(10 * $PostgreSQL::Test::Utils::timeout_default);

my $node = RouterNode::start('bridge', $fox_port, "fox_wamp.mqtt_max_queued = 60000\nfox_wamp.mqtt_bridge_allow = '127.0.0.1:$mosquitto_port'\n");

sub start_mosquitto
{
	$mosquitto = fork() // die "fork: $!";
	return if $mosquitto;
	open(STDOUT, '>>', "$dir/log");
	open(STDERR, '>&', \*STDOUT);
	exec('mosquitto', '-c', "$dir/conf") or exit(1);
}

sub stop_mosquitto
{
	return unless $mosquitto;
	kill 'TERM', $mosquitto;
	waitpid($mosquitto, 0);
	$mosquitto = undef;
}

END { my $status = $?; stop_mosquitto(); $? = $status; }

# The server starts all of its processes anew.
sub crash
{
	my $before = router_pid();
	kill 'KILL', $before;
	until_another_router($before);
}

# What a session has kept for its client, as long as it is not all, in order.
sub all_of
{
	my ($port, $id) = @_;
	my $reader = MqttClient->join_again($port, id => $id);
	my @payloads;
	while (@payloads < $messages)
	{
		my $p = $reader->receive // die 'the connection has ended';
		if ($p->{type} == MqttClient::PUBLISH)
		{
			push(@payloads, $p->{payload});
			$reader->acknowledge(MqttClient::PUBREC, $p->{id});
		}
		elsif ($p->{type} == MqttClient::PUBREL) { $reader->acknowledge(MqttClient::PUBCOMP, $p->{id}); }
	}
	$reader->send(0xC0, '');
	while ((my $p = $reader->receive // die 'the connection has ended')->{type} != MqttClient::PINGRESP)
	{
		$p->{type} == MqttClient::PUBLISH ? push(@payloads, $p->{payload}) : $reader->acknowledge(MqttClient::PUBCOMP, $p->{id});
	}
	return join(' ', @payloads);
}

PostgreSQL::Test::Utils::append_to_file("$dir/conf", 'user ' . getpwuid($<) . "\nlistener $mosquitto_port 127.0.0.1\nallow_anonymous true\n"
	. "persistence true\npersistence_location $dir/\nmax_queued_messages 0\n");
start_mosquitto();
for ([ $fox_port, 'in' ], [ $mosquitto_port, 'out' ])
{
	my ($port, $topic) = @$_;
	my $reader = MqttClient->join_again($port, id => 'reader');
	$reader->subscribe("$topic/x", 2);
	$reader->close;
}
query("SELECT fox_wamp.mqtt_bridge('m', 'mqtt://127.0.0.1:$mosquitto_port', username => 'u', password => 'secret');
	SELECT fox_wamp.mqtt_bridge_topic('m', 'out/#', 'out', 2); SELECT fox_wamp.mqtt_bridge_topic('m', 'in/#', 'in', 2)");
until_true(q{SELECT state = 'connected' FROM fox_wamp.mqtt_bridge_state}, 'no connection');
stop_mosquitto();
until_true(q{SELECT state <> 'connected' FROM fox_wamp.mqtt_bridge_state}, 'a connection to nobody');
query("SELECT fox_wamp.publish('out.x', jsonb_build_array(i), options => '{\"qos\": 2}') FROM generate_series(1, $messages) i");
query('SELECT fox_wamp.sync()');
is(query($queued), $messages, 'messages wait for the remote');
crash();
is(query($queued), $messages, 'and are still there after a crash');

start_mosquitto();
my $writer = MqttClient->join_again($mosquitto_port, id => 'writer');
for my $i (1 .. $messages)
{
	$writer->publish('in/x', $i, 2, $i);
	$writer->take(MqttClient::PUBREC);
	$writer->acknowledge(MqttClient::PUBREL, $i);
	$writer->take(MqttClient::PUBCOMP);
	crash() if $i % ($messages / 3) == 1;
}
until_true("SELECT ($queued) = 0 AND (SELECT queued FROM fox_wamp.mqtt_client WHERE client_id = 'reader') = $messages", 'not everything goes over');
my $expected = join(' ', 1 .. $messages);
is(all_of($mosquitto_port, 'reader'), $expected, 'out: every message once, in order');
is(all_of($fox_port, 'reader'), $expected, 'in: every message once, in order');

my $dump = "$dir/dump.sql";
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->safe_psql('copy', slurp_file($dump));
is($node->safe_psql('copy', q{SELECT b.name, b.password, string_agg(t.pattern, ' ' ORDER BY t.pattern)
	FROM fox_wamp.mqtt_bridge b JOIN fox_wamp.mqtt_bridge_topic t ON t.bridge = b.name GROUP BY 1, 2}), 'm|secret|in/# out/#', 'bridges come back by a dump');

$node->stop;
done_testing();
