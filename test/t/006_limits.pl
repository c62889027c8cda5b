# Limits that are reached and survived: a full disk, no free worker slot.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WampClient;

my $router_pid = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND datname = current_database()};
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node = PostgreSQL::Test::Cluster->new('limits');

$SIG{ALRM} = sub { die 'no answer in time' };

# 8,000 characters that do not compress.
sub noise
{
	return join('', map { chr(97 + int(rand(26))) } 1 .. 8000);
}

$node->init(extra => ['--wal-segsize=1']);
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'fox_wamp'
log_statement = none
autovacuum = off
max_wal_size = 8MB
min_wal_size = 2MB
max_worker_processes = 5
fox_wamp.port = $fox_port
fox_wamp.ring_size = 1MB
fox_wamp.ping_interval = 0
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
$node->stop('fast');

# --- no file may grow beyond 2 MB

system('bash', '-c', 'ulimit -f 2048 && exec pg_ctl -w -D "$0" -l "$1" -o "--cluster-name=limits" start >/dev/null',
	$node->data_dir, $node->logfile) == 0 or die 'the server did not start';
$node->_update_pid(1);
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'a router under the limit');
my $router = $node->safe_psql('postgres', $router_pid);
my $reader = WampClient->join($fox_port);
my $writer = WampClient->join($fox_port);
alarm(10 * $PostgreSQL::Test::Utils::timeout_default);
like($reader->request('[32,1,{},"plain"]'), qr/^\[33,1,/, 'a subscriber');
my ($i, $refused, @acknowledged) = (0, 0);
while ($refused < 20 && $i < 1000)
{
	$i++;
	my $answer = $writer->request(qq{[16,$i,{"acknowledge":true,"retain":true},"full.$i",["} . noise() . '"]]');
	if ($answer =~ /^\[17,$i,/) { push(@acknowledged, "full.$i"); }
	elsif ($answer =~ /^\[8,16,$i,/) { $refused++; }
	else { die "an answer to something else: $answer"; }
}
cmp_ok(scalar(@acknowledged), '>', 100, 'publishes are acknowledged while there is room');
is($refused, 20, 'and refused when there is none');
is(@acknowledged + $refused, $i, 'each is answered');
$i++;
like($writer->request(qq{[16,$i,{"acknowledge":true},"plain",["still"]]}), qr/^\[17,$i,/, 'a plain publish is acknowledged');
like($reader->receive, qr/"still"/, 'and delivered');
is($node->safe_psql('postgres', $router_pid), $router, 'by the same router');
alarm(0);
$node->stop('fast');
$node->start;
ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'a router without the limit');
my %rows = map { $_ => 1 } split(/\n/, $node->safe_psql('postgres', 'SELECT topic FROM fox_wamp.retained'));
is_deeply([ grep { !$rows{$_} } @acknowledged ], [], 'nothing that was acknowledged is lost');

# --- five worker slots: the replication launcher, the launcher, the router, its executor, one more

sub doctor
{
	my ($database) = @_;
	return $node->safe_psql($database, q{SELECT ok FROM fox_wamp.doctor() WHERE check_name = 'router'});
}

for my $database ('second', 'third')
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql('postgres', "ALTER DATABASE $database SET fox_wamp.port = " . PostgreSQL::Test::Cluster::get_free_port());
	$node->safe_psql($database, 'CREATE EXTENSION fox_wamp');
	$node->safe_psql($database, 'SELECT fox_wamp.start()');
	$node->wait_for_log($database eq 'second' ?
		qr/WARNING:  fox_wamp could not start an executor: .*\n.*HINT:  Raise max_worker_processes/ :
		qr/WARNING:  fox_wamp: no free background worker slot\n.*HINT:  Raise max_worker_processes/);
	pass("$database: a warning with a hint");
	is(doctor($database), 'f', "$database: doctor() says so");
}
is(doctor('postgres'), 't', 'the first router runs on');
$node->safe_psql('postgres', 'SELECT fox_wamp.stop()');
# Either may have been the quicker one.
ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity
	WHERE backend_type = 'fox_wamp executor' AND datname IN ('second', 'third')}), 'another has its executor when slots are free');
$node->safe_psql('third', 'SELECT fox_wamp.stop()');
ok($node->poll_query_until('second', 'SELECT fox_wamp.wait_until_running()'), 'the second runs then');
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');

done_testing();
