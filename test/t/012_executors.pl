# Processes that run SQL functions for clients: they start and end, die, and are missing.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WampClient;
use RouterNode;

my $executors = q{FROM pg_stat_activity WHERE backend_type = 'fox_wamp call executor'};
my $running = qq{SELECT count(*) $executors AND state = 'active' AND query = };
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node;

$SIG{ALRM} = sub { die 'no answer in time' };
alarm(20 * $PostgreSQL::Test::Utils::timeout_default);

sub routes
{
	ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), $_[0]);
}

# The rest of the row doctor() has for executors.
sub doctor
{
	return $node->safe_psql('postgres', q{SELECT ok || ' ' || detail FROM fox_wamp.doctor() WHERE check_name = 'call executors'});
}

sub expose
{
	my ($name, $definition) = @_;
	$node->safe_psql('postgres', "CREATE FUNCTION $definition");
	$node->safe_psql('postgres', "SELECT fox_wamp.expose_function('$name')");
	$node->safe_psql('postgres', 'SELECT fox_wamp.sync()');
}

$node = RouterNode::start('executors', $fox_port, <<CONF);
fox_wamp.ping_interval = 0
fox_wamp.executor_idle = 500ms
CONF
routes('a router');
expose('add(int,int)', q{add(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT a + b'});
expose('rest()', q{rest() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1 FROM pg_sleep(600)'});

# --- on demand, and no longer than needed

is($node->safe_psql('postgres', "SELECT count(*) $executors"), 0, 'no executor before the first call');
is(doctor(), 'true 0 of up to 2', 'doctor() says so');
my $client = WampClient->join($fox_port);
is($client->request('[48,1,{},"root.add",[1,2]]'), '[50,1,{},[3]]', 'a call');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 $executors"), 'the executor ends when idle');
is($client->request('[48,2,{},"root.add",[3,4]]'), '[50,2,{},[7]]', 'and starts again');

# --- an executor that ends while it runs a function

my $sleeper = WampClient->join($fox_port);
$sleeper->send('[48,1,{},"root.rest"]');
ok($node->poll_query_until('postgres', "$running 'root.rest'", 1), 'a function that sleeps');
$client->send("[48,$_,{},\"root.add\",[$_,0]]") for 3 .. 102;
my %answers = map { $client->receive => 1 } 3 .. 102;
is_deeply([ grep { !$answers{"[50,$_,{},[$_]]"} } 3 .. 102 ], [], 'others are served meanwhile');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $executors AND query = 'root.rest' AND state = 'active'");
like($sleeper->receive, qr/^\[8,48,1,\{\},"wamp\.error\.unavailable",\["the executor was lost/, 'its caller hears of its end');
is($sleeper->request('[48,2,{},"root.add",[5,6]]'), '[50,2,{},[11]]', 'and calls again');

# --- both sleep: what waits behind them is served when one is gone

$sleeper->send("[48,$_,{},\"root.rest\"]") for 3, 4;
ok($node->poll_query_until('postgres', "$running 'root.rest'", 2), 'two functions that sleep');
$client->send("[48,$_,{},\"root.add\",[$_,0]]") for 103 .. 112;
is(doctor(), 'true 2 of up to 2', 'there are two executors and no more');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $executors AND query = 'root.rest' AND state = 'active' LIMIT 1");
%answers = map { $client->receive => 1 } 103 .. 112;
is_deeply([ grep { !$answers{"[50,$_,{},[$_]]"} } 103 .. 112 ], [], 'then all are answered');

# --- fewer of them; none

$node->safe_psql('postgres', "ALTER DATABASE postgres SET fox_wamp.executors = 0");
$node->reload;
$sleeper->close;
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 $executors"), 'a caller that is lost cancels its calls; no executor is left');
like($client->request('[48,113,{},"root.add",[1,2]]'), qr/^\[8,48,113,\{\},"wamp\.error\.unavailable",\["fox_wamp\.executors is 0"\]/, 'none may be');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET fox_wamp.executors');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET fox_wamp.executors = 2');
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT fox_wamp.call('root.add', '[1,2]') = '3'}), 'some may be again');

# --- the router stops, with a function under way

$sleeper = WampClient->join($fox_port);
$sleeper->send('[48,1,{},"root.rest"]');
ok($node->poll_query_until('postgres', "$running 'root.rest'", 1), 'one that sleeps');
$node->safe_psql('postgres', 'SELECT fox_wamp.restart()');
routes('the router is back');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 $executors"), 'the executor has ended with the former one');
$client = WampClient->join($fox_port);
is($client->request('[48,1,{},"root.add",[1,2]]'), '[50,1,{},[3]]', 'a call again');

# --- a crash of an executor is one of the server

my $pid = $node->safe_psql('postgres', "SELECT pid $executors LIMIT 1") ||
	do { $client->request('[48,2,{},"root.add",[1,2]]'); $node->safe_psql('postgres', "SELECT pid $executors LIMIT 1") };
kill('KILL', $pid);
$node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()');
routes('after a crash');
$client = WampClient->join($fox_port);
is($client->request('[48,1,{},"root.add",[1,2]]'), '[50,1,{},[3]]', 'a call again');

# --- a database with executors can be dropped

$node->safe_psql('postgres', 'CREATE DATABASE second');
my $second_port = PostgreSQL::Test::Cluster::get_free_port();
$node->safe_psql('postgres', "ALTER DATABASE second SET fox_wamp.port = $second_port");
$node->safe_psql('second', 'CREATE EXTENSION fox_wamp');
$node->safe_psql('second', 'SELECT fox_wamp.start()');
ok($node->poll_query_until('second', 'SELECT fox_wamp.wait_until_running()'), 'a second router');
$node->safe_psql('second', q{CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'});
$node->safe_psql('second', q{SELECT fox_wamp.expose_function('one()')});
is(WampClient->join($second_port)->request('[48,1,{},"root.one"]'), '[50,1,{},[1]]', 'with a function of its own');
$node->safe_psql('postgres', 'DROP DATABASE second');

# --- stopping the server does not wait for functions

$client->send('[48,2,{},"root.rest"]');
ok($node->poll_query_until('postgres', "$running 'root.rest'", 1), 'one that sleeps');
$node->stop('fast');

# --- no worker slot: the replication launcher, the launcher, the router, its executor

$node->append_conf('postgresql.conf', "max_worker_processes = 4");
$node->start;
routes('a router that takes the last slot');
my $before = -s $node->logfile;
$client = WampClient->join($fox_port);
$client->send('[48,1,{},"root.add",[1,2]]');
$node->wait_for_log(qr/WARNING:  fox_wamp could not start an executor: .*\n.*HINT:  Raise max_worker_processes/, $before);
pass('a warning with a hint');
like(doctor(), qr/^false 0 of up to 2, no worker slot is free/, 'doctor() says so');
like($client->receive, qr/^\[8,48,1,\{\},"wamp\.error\.unavailable",\["no executor could be started"\]/, 'the caller hears of it');
my $log = slurp_file($node->logfile, $before);
is(scalar(() = $log =~ /could not start an executor/g), 1, 'one warning, however often it was tried');
$node->stop('fast');

$node->append_conf('postgresql.conf', "max_worker_processes = 5");
$node->start;
routes('a router with one slot to spare');
$client = WampClient->join($fox_port);
is($client->request('[48,1,{},"root.add",[1,2]]'), '[50,1,{},[3]]', 'one executor does');
$client->send('[48,2,{},"root.rest"]');
ok($node->poll_query_until('postgres', "$running 'root.rest'", 1), 'until it sleeps');
$client->send('[48,3,{},"root.add",[2,2]]');
ok($node->poll_query_until('postgres', q{SELECT NOT ok FROM fox_wamp.doctor() WHERE check_name = 'call executors'}), 'doctor() misses another');
$client->send('[49,2,{"mode":"killnowait"}]');
like($client->receive, qr/^\[8,48,2,\{\},"wamp\.error\.canceled"/, 'the sleeper is canceled');
is($client->receive, '[50,3,{},[4]]', 'and the other call is served');
$node->stop('fast');

# The crash above is the only one.
$log = slurp_file($node->logfile);
is(scalar(() = $log =~ /terminated by signal/g), 1, 'nothing else crashed');
unlike($log, qr/PANIC|TRAP/, 'and nothing failed');

done_testing();
