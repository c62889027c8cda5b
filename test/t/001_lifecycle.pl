# The router's life: started, stopped, killed, dropped, with and without the preload.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $router = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND datname = '%s'};

sub routers
{
	my ($node, $dbname) = @_;
	return $node->safe_psql('postgres', sprintf($router, $dbname));
}

sub wait_running
{
	my ($node, $dbname, $what) = @_;
	is($node->safe_psql($dbname, 'SELECT fox_wamp.wait_until_running()'), 't', $what);
}

# The library itself must be there: without CREATE EXTENSION, nothing runs.
my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->append_conf('postgresql.conf', 'fox_wamp.port = ' . PostgreSQL::Test::Cluster::get_free_port());
$plain->start;
$plain->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
is(routers($plain, 'postgres'), 0, 'CREATE EXTENSION starts nothing');

my ($status, $out, $err) = $plain->psql('postgres', q{SELECT fox_wamp.publish('a.b', '[1]')});
is($status, 0, 'publish() without a router is no error');
like($err, qr/NOTICE.*\n.*HINT:.*SELECT fox_wamp\.start\(\);/s, 'but a notice with a hint to paste');

$plain->safe_psql('postgres', 'BEGIN; SELECT fox_wamp.start(); ROLLBACK');
is(routers($plain, 'postgres'), 0, 'a start() that is rolled back starts nothing');
$plain->safe_psql('postgres', 'SELECT fox_wamp.start()');
wait_running($plain, 'postgres', 'start() without the preload');
$plain->safe_psql('postgres', 'SELECT fox_wamp.start()');
is(routers($plain, 'postgres'), 1, 'a second start() changes nothing');

$plain->safe_psql('postgres', q{SELECT fox_wamp.publish('kept', '["v"]', options => '{"retain":true}')});
$plain->safe_psql('postgres', 'SELECT fox_wamp.restart()');
wait_running($plain, 'postgres', 'restart()');
$plain->safe_psql('postgres', 'SELECT fox_wamp.stop()');
ok($plain->poll_query_until('postgres', sprintf($router, 'postgres'), '0'), 'stop()');
($status, $out, $err) = $plain->psql('postgres', q{SELECT fox_wamp.lock('a')});
isnt($status, 0, 'lock() without a router is an error');
like($err, qr/HINT:.*SELECT fox_wamp\.start\(\);/s, 'with a hint to paste');

$plain->safe_psql('postgres', q{ALTER DATABASE postgres SET session_preload_libraries = 'fox_wamp'});
$plain->safe_psql('postgres', 'SELECT fox_wamp.start()');
wait_running($plain, 'postgres', 'started again');
$plain->restart;
$plain->safe_psql('postgres', 'SELECT 1');
wait_running($plain, 'postgres', 'session_preload_libraries brings it back at the first connection');
is($plain->safe_psql('postgres', q{SELECT args FROM fox_wamp.retained WHERE topic = 'kept'}), '["v"]', 'the value is still there');

$plain->safe_psql('postgres', 'DROP EXTENSION fox_wamp');
ok($plain->poll_query_until('postgres', sprintf($router, 'postgres'), '0'), 'DROP EXTENSION ends the router');
$plain->safe_psql('postgres', 'CREATE EXTENSION fox_wamp; SELECT 1');
$plain->safe_psql('postgres', 'SELECT fox_wamp.start()');
wait_running($plain, 'postgres', 'and CREATE EXTENSION lets it start again');

$plain->safe_psql('postgres', 'CREATE DATABASE second');
$plain->safe_psql('postgres', 'ALTER DATABASE second SET fox_wamp.port = ' . PostgreSQL::Test::Cluster::get_free_port());
$plain->safe_psql('second', 'CREATE EXTENSION fox_wamp');
$plain->safe_psql('second', 'SELECT fox_wamp.start()');
wait_running($plain, 'second', 'a second database has its own router');
is(routers($plain, 'postgres') + routers($plain, 'second'), 2, 'beside the first one');
$plain->safe_psql('postgres', 'DROP DATABASE second WITH (FORCE)');
is(routers($plain, 'postgres'), 1, 'DROP DATABASE WITH (FORCE) takes only its own');
$plain->stop('fast');
unlike(slurp_file($plain->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');

# With the preload: kill -9 restarts all backends, and the router comes back.
my $pre = PostgreSQL::Test::Cluster->new('preload');
$pre->init;
$pre->append_conf('postgresql.conf',
	"shared_preload_libraries = 'fox_wamp'\nrestart_after_crash = on\nfox_wamp.port = " . PostgreSQL::Test::Cluster::get_free_port());
$pre->start;
$pre->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
$pre->safe_psql('postgres', 'SELECT fox_wamp.start()');
wait_running($pre, 'postgres', 'preload');

$pre->safe_psql('postgres', q{SELECT fox_wamp.publish('kept', '["v"]', options => '{"retain":true}')});
$pre->safe_psql('postgres', q{SELECT fox_wamp.lock('mine'); SELECT 1});
ok($pre->poll_query_until('postgres', q{SELECT count(*) FROM fox_wamp.retained WHERE topic = 'mine'}, '0'),
	'a lock goes with its backend');

my $pid = $pre->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'});
kill 'KILL', $pid;
ok($pre->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()', 't'), 'the router is back after kill -9');
isnt($pre->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'}),
	$pid, 'as another process');
is($pre->safe_psql('postgres', q{SELECT args FROM fox_wamp.retained WHERE topic = 'kept'}), '["v"]', 'the value is still there');

$pre->stop('immediate');
$pre->start;
ok($pre->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()', 't'), 'and after a crash of the server');

$pre->safe_psql('postgres', 'CREATE DATABASE second');
$pre->safe_psql('postgres', 'ALTER DATABASE second SET fox_wamp.port = ' . PostgreSQL::Test::Cluster::get_free_port());
$pre->safe_psql('second', 'CREATE EXTENSION fox_wamp');
$pre->safe_psql('second', 'SELECT fox_wamp.start()');
wait_running($pre, 'second', 'second database');

$pre->stop('smart');
$pre->start;
ok($pre->poll_query_until('second', 'SELECT fox_wamp.wait_until_running()', 't'), 'both routers are back after a smart stop');
wait_running($pre, 'postgres', 'the first one too');

my $second = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND datname LIKE 'second%'};
$pid = $pre->safe_psql('postgres', $second);
$pre->safe_psql('postgres', 'CREATE ROLE stranger LOGIN CREATEDB');
foreach my $statement ('DROP DATABASE second', 'ALTER DATABASE second RENAME TO third', 'CREATE DATABASE third TEMPLATE second')
{
	($status, $out, $err) = $pre->psql('postgres', $statement, extra_params => [ '-U', 'stranger' ]);
	isnt($status, 0, "a stranger's $statement is refused");
	is($pre->safe_psql('postgres', $second), $pid, 'and stops no router');
}
($status, $out, $err) = $pre->psql('second', 'DROP DATABASE second');
isnt($status, 0, 'the database one is in cannot be dropped');
is($pre->safe_psql('postgres', $second), $pid, 'and its router goes on');

$pre->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE second');
ok($pre->poll_query_until('second', 'SELECT fox_wamp.wait_until_running()', 't'), 'CREATE DATABASE TEMPLATE, and the router is back');
is(routers($pre, 'copy'), 0, 'the copy has none until it is started');
$pre->safe_psql('postgres', 'ALTER DATABASE second RENAME TO second2');
ok($pre->poll_query_until('second2', 'SELECT fox_wamp.wait_until_running()', 't'), 'RENAME, and the router is back');
$pre->safe_psql('postgres', 'ALTER DATABASE second2 RENAME TO second');
ok($pre->poll_query_until('second', 'SELECT fox_wamp.wait_until_running()', 't'), 'and back again');
$pre->psql('postgres', 'CREATE DATABASE copy TEMPLATE second');
ok($pre->poll_query_until('second', 'SELECT fox_wamp.wait_until_running()', 't'), 'a statement that fails leaves it running');

# Nobody but the launcher starts routers, and it must know those of the launcher before it.
$pid = $pre->safe_psql('postgres', $second);
$pre->safe_psql('postgres', q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'fox_wamp launcher'});
$pre->safe_psql('postgres', 'SELECT fox_wamp.start()');
ok($pre->poll_query_until('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'fox_wamp launcher'}, '1'),
	'start() brings a launcher that was terminated back');
$pre->safe_psql('postgres', 'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = ' .
	$pre->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND datname = 'postgres'}));
ok($pre->poll_query_until('postgres', sprintf($router, 'postgres'), '1'), 'which looks after the routers it finds');
wait_running($pre, 'postgres', 'a router that was terminated is back');
is($pre->safe_psql('postgres', $second), $pid, 'the others have not been started twice');

$pre->safe_psql('postgres', 'DROP DATABASE second');
is($pre->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname = 'second'}), 0, 'DROP DATABASE stops its router first');
unlike(slurp_file($pre->logfile), qr/FATAL:.*does not exist/, 'and none is started for a database that is going');

# A dump has the values and no locks.
my ($dump, $dump_err) = run_command([ 'pg_dump', '-h', $pre->host, '-p', $pre->port, 'postgres' ]);
like($dump, qr/kept/, 'pg_dump has the retained value');
unlike($dump, qr/mine/, 'and no lock');
$pre->safe_psql('postgres', q{CREATE TABLE t(x int); BEGIN; SELECT fox_wamp.publish('a.b', '[1]'); ROLLBACK});
($status, $out, $err) = $pre->psql('postgres', q{BEGIN; SELECT fox_wamp.publish('a.b', '[1]'); PREPARE TRANSACTION 'x'});
isnt($status, 0, 'PREPARE TRANSACTION is refused after publish()');

# Slots are few: databases that are gone give theirs back.
foreach my $n (1 .. 17)
{
	$pre->safe_psql('postgres', "CREATE DATABASE brief$n");
	$pre->safe_psql("brief$n", 'CREATE EXTENSION fox_wamp; SELECT fox_wamp.start()');
	$pre->safe_psql("brief$n", 'SELECT fox_wamp.stop()');
	$pre->safe_psql('postgres', "DROP DATABASE brief$n");
}
wait_running($pre, 'postgres', 'seventeen databases came and went');
is($pre->safe_psql('postgres', q{SELECT fox_wamp.wait_until_running('1000000 years')}), 't', 'a timeout may be absurd');
$pre->stop('fast');

done_testing();
