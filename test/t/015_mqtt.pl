# MQTT sessions outlive crashes and restarts: nothing that was acknowledged is lost or, with QoS 2, repeated.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MqttClient;
use RouterNode;

my $router_pid = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'};
my $executor_pid = q{SELECT pid FROM pg_stat_activity WHERE application_name = 'fox_wamp executor'};
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $mqtt_port = PostgreSQL::Test::Cluster::get_free_port();
my $node;

$SIG{ALRM} = sub { die 'no answer in time' };
alarm(40 * $PostgreSQL::Test::Utils::timeout_default);

sub join_as
{
	my ($id, @more) = @_;
	return MqttClient->join_again($fox_port, id => $id, @more);
}

# The server starts all of its processes anew.
sub crash
{
	my ($what) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time() || $$' . $node->safe_psql('postgres', $router_pid) . '$$');
	kill 'KILL', $node->safe_psql('postgres', $what);
	$node->poll_query_until('postgres', "SELECT fox_wamp.wait_until_running() AND pg_postmaster_start_time() || (SELECT pid::text FROM ($router_pid) r) <> '$before'")
		or die 'no router';
}

sub count
{
	my ($table) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM fox_wamp.mqtt_$table");
}

$node = RouterNode::start('mqtt', $fox_port, <<CONF);
fox_wamp.mqtt_port = $mqtt_port
fox_wamp.trusted_proxies = '127.0.0.2'
fox_wamp.proxy_protocol = 'mqtt_port'
fox_wamp.mqtt_max_queued = 60000
CONF
ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'a router');

is(MqttClient->join_again($mqtt_port, id => 'there', clean => 1)->{present}, 0, 'fox_wamp.mqtt_port');
is(MqttClient->join($mqtt_port, id => 'there', clean => 1, from => '127.0.0.2', proxy => "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")->{present}, 0, 'a PROXY header there');
is(MqttClient->join($fox_port, id => 'there', clean => 1, from => '127.0.0.2')->{present}, 0, 'and none on the other port');

# --- one of each

my $reader = join_as('reader');
is($reader->{present}, 0, 'a new session');
is($reader->subscribe('a/+', 2), 2, 'its subscription');
$reader->close;
my $writer = join_as('writer');
$writer->publish('a/1', "one\0\xff", 1, 11);
is($writer->take(MqttClient::PUBACK)->{id}, 11, 'QoS 1 for who is away');
$writer->publish('a/2', 'two', 2, 12);
is($writer->take(MqttClient::PUBREC)->{id}, 12, 'QoS 2 for who is away');
is(count('session') . count('subscription') . count('message') . count('received'), '2121', 'there are rows');

crash($router_pid);
$writer = join_as('writer');
is($writer->{present}, 1, 'the session of the publisher is still there');
$writer->publish('a/2', 'two', 2, 12, 1);
is($writer->take(MqttClient::PUBREC)->{id}, 12, 'the message that comes again');
$writer->acknowledge(MqttClient::PUBREL, 12);
is($writer->take(MqttClient::PUBCOMP)->{id}, 12, 'and its release');
$reader = join_as('reader');
is($reader->{present}, 1, 'the session of the subscriber is still there');
my $first = $reader->take(MqttClient::PUBLISH);
my $second = $reader->take(MqttClient::PUBLISH);
is("$first->{topic} $first->{payload} $first->{qos}", "a/1 one\0\xff 1", 'the first message');
is("$second->{topic} $second->{payload} $second->{qos}", 'a/2 two 2', 'the second one, once');
$reader->acknowledge(MqttClient::PUBACK, $first->{id});
$reader->acknowledge(MqttClient::PUBREC, $second->{id});
is($reader->take(MqttClient::PUBREL)->{id}, $second->{id}, 'PUBREL');
crash($executor_pid);
$reader = join_as('reader');
is($reader->take(MqttClient::PUBREL)->{id}, $second->{id}, 'PUBREL again, and not the message');
$reader->acknowledge(MqttClient::PUBCOMP, $second->{id});
$writer = join_as('writer');
$writer->publish('a/3', 'three', 1, 12);
$writer->take(MqttClient::PUBACK);
is($reader->take(MqttClient::PUBLISH)->{payload}, 'three', 'the subscription lives on');
$reader->close;
$node->restart;
$reader = join_as('reader');
my $third = $reader->take(MqttClient::PUBLISH);
is("$third->{payload} $third->{dup}", 'three 1', 'what was not acknowledged comes again after a restart');
$reader->acknowledge(MqttClient::PUBACK, $third->{id});
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM fox_wamp.mqtt_message'), 'no message is left');
ok(!join_as('reader', clean => 1)->{present}, 'clean');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM fox_wamp.mqtt_session'), 'of a session that was ended no row is left');

# --- time goes on while there is no router

my $heir = join_as('heir', version => 5, expiry => 600);
$heir->subscribe('will/#', 1);
my $dying = join_as('dying', clean => 1, will => { topic => 'will/now', payload => 'last words', qos => 1 });
my $late = join_as('late', version => 5, expiry => 600, will => { topic => 'will/late', payload => 'later', qos => 1, delay => 1 });
my $short = join_as('short', version => 5, expiry => 1, will => { topic => 'will/short', payload => 'expired', qos => 1, delay => 3600 });
crash($router_pid);
$heir = join_as('heir', version => 5, expiry => 600);
my %wills;
for (1 .. 3)
{
	my $will = $heir->take(MqttClient::PUBLISH);
	$wills{ $will->{topic} } = $will->{payload};
	$heir->acknowledge(MqttClient::PUBACK, $will->{id});
}
is_deeply(\%wills, { 'will/now' => 'last words', 'will/late' => 'later', 'will/short' => 'expired' },
	'wills: at once, after a delay, and when the session expires');
ok(!join_as('short', version => 5)->{present}, 'a session that has expired');
ok(join_as('late', version => 5, expiry => 0)->{present}, 'and one that has not');
crash($router_pid);
is(count('session WHERE will_topic IS NOT NULL'), 0, 'no will is left');

# A message that waits grows older, whether there is a router or not.
$heir = join_as('heir', version => 5, expiry => 600);
$heir->subscribe('ages', 1);
$heir->close;
$writer = join_as('ager', version => 5);
for ([ 'short', 1 ], [ 'long', 600 ], [ 'for ever', undef ])
{
	$writer->publish('ages', $_->[0], 1, 21, 0, $_->[1]);
	$writer->take(MqttClient::PUBACK);
}
my $waited = $node->safe_psql('postgres', "SELECT extract(epoch FROM min(expires))::bigint FROM fox_wamp.mqtt_message WHERE topic = 'ages'");
crash($router_pid);
$node->poll_query_until('postgres', "SELECT now() > to_timestamp($waited) + interval '1 s'");
$heir = join_as('heir', version => 5, expiry => 0);
my $aged = $heir->take(MqttClient::PUBLISH);
is("$aged->{payload} $aged->{dup}", 'long 0', 'what has expired does not come, and what was never sent is no duplicate');
ok($aged->{expiry} < 600 && $aged->{expiry} > 0, 'the time that is left');
is($heir->take(MqttClient::PUBLISH)->{payload}, 'for ever', 'and what does not expire');
$heir->close;

# --- a storm, with counting

my $last = 4000;
my $window = 60;
my (%acked, %heard, %pending, %held);
my ($n, $id, $crashes) = (0, 0, 0);
my $pub = join_as('storm_pub');
my $sub = join_as('storm_sub');
$sub->subscribe('storm', 2);

sub next_one
{
	$n++;
	do { $id = $id % 60000 + 1; } while $pending{$id};
	$pending{$id} = { n => $n, qos => 1 + $n % 2, released => 0 };
	$pub->publish('storm', $n, $pending{$id}{qos}, $id);
}

sub of_publisher
{
	my ($p) = @_;
	my $m = defined $p->{id} ? $pending{ $p->{id} } : undef;
	return unless $m;
	if ($p->{type} == MqttClient::PUBREC)
	{
		$m->{released} = 1;
		$pub->acknowledge(MqttClient::PUBREL, $p->{id});
		return;
	}
	$acked{ $m->{n} } = $m->{qos};
	delete $pending{ $p->{id} };
}

sub of_subscriber
{
	my ($p) = @_;
	if ($p->{type} == MqttClient::PUBREL)
	{
		delete $held{ $p->{id} };
		$sub->acknowledge(MqttClient::PUBCOMP, $p->{id});
	}
	elsif ($p->{type} == MqttClient::PUBLISH && $p->{qos} == 1)
	{
		$heard{ $p->{payload} }++;
		$sub->acknowledge(MqttClient::PUBACK, $p->{id});
	}
	elsif ($p->{type} == MqttClient::PUBLISH)
	{
		$heard{ $p->{payload} }++ unless $held{ $p->{id} };
		$held{ $p->{id} } = 1;
		$sub->acknowledge(MqttClient::PUBREC, $p->{id});
	}
}

# Both sides have lost their connections, and take up what they had.
sub reconnect
{
	$pub = join_as('storm_pub');
	$sub = join_as('storm_sub');
	die 'a session is lost' unless $pub->{present} && $sub->{present};
	for my $i (sort { $pending{$a}{n} <=> $pending{$b}{n} } keys %pending)
	{
		my $m = $pending{$i};
		if ($m->{released}) { $pub->acknowledge(MqttClient::PUBREL, $i); }
		else { $pub->publish('storm', $m->{n}, $m->{qos}, $i, 1); }
	}
}

my @victims = ($router_pid, $executor_pid, $router_pid, $executor_pid, $router_pid);
while (keys %acked < $last || grep { !$heard{$_} } keys %acked)
{
	next_one() while $n < $last && keys %pending < $window;
	if (@victims && keys %acked > 600 * ($crashes + 1))
	{
		$crashes++;
		kill 'KILL', $node->safe_psql('postgres', shift @victims);
	}
	for my $client (MqttClient::ready($pub, $sub), $pub, $sub)
	{
		my $p = $client->parse;
		unless ($p)
		{
			next unless IO::Select->new($client->{socket})->can_read(0);
			my $read = sysread($client->{socket}, my $data, 65536);
			unless ($read) { reconnect(); last; }
			$client->{buffer} .= $data;
			$p = $client->parse or next;
		}
		while ($p)
		{
			if ($client == $pub) { of_publisher($p); } else { of_subscriber($p); }
			$p = $client->parse;
		}
	}
}
is($crashes, 5, 'the server has crashed five times');
is(scalar(keys %acked), $last, 'every message was acknowledged');
is_deeply([ grep { !$heard{$_} } 1 .. $last ], [], 'and heard');
is_deeply([ grep { $acked{$_} == 2 && $heard{$_} != 1 } 1 .. $last ], [], 'with QoS 2 exactly once');
note(scalar(grep { $heard{$_} > 1 } 1 .. $last), ' messages of QoS 1 were heard more than once');

done_testing();
