# What outlives a crash: values do, sessions do not, and a backend's locks outlive the router.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WampClient;

my $router_pid = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'};
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node = PostgreSQL::Test::Cluster->new('crash');

# --- a backend that stays

sub backend
{
	my %b = (in => '', out => '', err => '');
	$b{harness} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$b{in}, '>', \$b{out}, '2>', \$b{err}, IPC::Run::timeout(10 * $PostgreSQL::Test::Utils::timeout_default));
	return \%b;
}

sub query
{
	my ($b, $sql) = @_;
	$b->{in} .= "$sql;\n\\echo [end]\n";
	$b->{harness}->pump until $b->{out} =~ /^\[end\]\n/m;
	(my $answer = $b->{out}) =~ s/\n?\[end\]\n//;
	$b->{out} = '';
	return $answer;
}

sub quit
{
	my ($b) = @_;
	$b->{in} .= "\\q\n";
	$b->{harness}->finish;
}

sub value
{
	my ($topic) = @_;
	return $node->safe_psql('postgres', "SELECT args FROM fox_wamp.retained WHERE topic = '$topic'");
}

sub wait_running
{
	my ($what) = @_;
	ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), $what);
}

# Until the log has it, from the given place on.
sub wait_log
{
	my ($pattern, $from) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if substr(slurp_file($node->logfile), $from) =~ $pattern;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

$node->init;
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'fox_wamp'\nrestart_after_crash = on\nfox_wamp.port = $fox_port");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
wait_running('the router runs');

# --- the router is killed

my $client = WampClient->join($fox_port);
like($client->request('[16,1,{"acknowledge":true,"retain":true},"kept",["v"]]'), qr/^\[17,1,/, 'a value without a will');
like($client->request('[16,2,{"acknowledge":true,"retain":true,"will":"gone"},"status",["here"]]'),
	qr/^\[17,2,/, 'a value with a will');
like($client->request('[16,3,{"acknowledge":true,"retain":true,"will":null},"mutex",["mine"]]'),
	qr/^\[17,3,/, 'a value whose will deletes it');
is($node->safe_psql('postgres', 'SELECT count(*) FROM fox_wamp.lock WHERE pid IS NULL AND boot_id IS NOT NULL'),
	2, 'the wills belong to this run of the router');

my $pid = $node->safe_psql('postgres', $router_pid);
kill 'KILL', $pid;
is($client->receive, undef, 'kill -9 ends the session');
wait_running('the router comes back');
isnt($node->safe_psql('postgres', $router_pid), $pid, 'as another process');
is(value('kept'), '["v"]', 'the value is still there');
is(value('status'), '["gone"]', 'the will of the session that is no more was applied');
is(value('mutex'), '', 'and the other one too');
is($node->safe_psql('postgres', 'SELECT count(*) FROM fox_wamp.lock'), 0, 'no lock is left');
$client = WampClient->join($fox_port);

# --- an executor is killed

is($node->safe_psql('postgres',
		q{SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'fox_wamp executor'}),
	't', 'the executor is terminated');
$pid = $node->safe_psql('postgres', $router_pid);
my $answer = '';
for my $i (1 .. 100)
{
	$answer = $client->request("[16,$i,{\"acknowledge\":true,\"retain\":true},\"kept\",[\"w\"]]");
	last if $answer =~ /^\[17,/;
	select(undef, undef, undef, 0.1);
}
like($answer, qr/^\[17,/, 'retained publishes work again');
is(value('kept'), '["w"]', 'and are stored');
is($node->safe_psql('postgres', $router_pid), $pid, 'the router ran on');

# --- locks of backends

my $holder = backend();
my $other = backend();
my $holder_pid = query($holder, 'SELECT pg_backend_pid()');
query($holder, q{SELECT fox_wamp.lock('job')});
query($holder, q{SELECT fox_wamp.lock('second', '{"by":"holder"}')});
query($holder, q{SELECT fox_wamp.publish('third', '[1]', options => '{"retain":true,"will":"over"}')});
is($node->safe_psql('postgres', qq{SELECT count(*) FROM fox_wamp.lock l JOIN pg_stat_activity a USING (pid)
	WHERE a.backend_start = l.backend_start AND l.boot_id IS NULL AND pid = $holder_pid}), 3, 'a lock belongs to its backend');

for my $how ('SELECT fox_wamp.restart()', "SELECT pg_terminate_backend(($router_pid), 10000)")
{
	$pid = $node->safe_psql('postgres', $router_pid);
	$node->safe_psql('postgres', $how);
	ok($node->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND pid <> $pid"),
		'another router');
	wait_running('runs');
	is(value('second'), '[{"by": "holder"}]', 'the lock is still held');
	is(value('third'), '[1]', 'and so is the value of publish()');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM fox_wamp.lock'), 3, 'in the table too');
	is(query($other, q{SELECT fox_wamp.try_lock('job')}), 'f', 'nobody else gets it');
	is(query($other, q{SELECT fox_wamp.unlock('job')}), 'f', 'or can unlock it');
	is(query($holder, q{SELECT fox_wamp.unlock('job')}), 't', 'its holder can');
	is(query($other, q{SELECT fox_wamp.try_lock('job')}), 't', 'then it is free');
	is(query($other, q{SELECT fox_wamp.unlock('job')}), 't', 'until it is held');
	query($holder, q{SELECT fox_wamp.lock('job')});
}
quit($holder);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM fox_wamp.retained WHERE topic IN ('job', 'second')}),
	'a backend that ends releases its locks');
ok($node->poll_query_until('postgres', q{SELECT args = '["over"]' FROM fox_wamp.retained WHERE topic = 'third'}),
	'and its will is applied');

# One that has not spoken to the router since it was started anew: found by looking.
$holder = backend();
query($holder, q{SELECT fox_wamp.lock('job')});
$pid = $node->safe_psql('postgres', $router_pid);
$node->safe_psql('postgres', 'SELECT fox_wamp.restart()');
ok($node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'fox_wamp router' AND pid <> $pid"),
	'another router');
wait_running('runs');
quit($holder);
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM fox_wamp.retained WHERE topic = 'job'}),
	'a backend that ends in silence releases its lock as well');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM fox_wamp.session WHERE protocol = 'sql' AND authmethod <> 'internal'}),
	'and has no session any more');
is(query($other, q{SELECT fox_wamp.try_lock('job')}), 't', 'and the next one gets it');

# A backend that ends while no router runs.
$node->safe_psql('postgres', 'SELECT fox_wamp.stop()');
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS ($router_pid)"), 'the router is stopped');
is(value('job'), '[{}]', 'the lock stays');
quit($other);
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
wait_running('and started again');
is(value('job'), '', 'the lock of the backend that ended in between is gone');

# --- the port is taken

$node->safe_psql('postgres', 'SELECT fox_wamp.stop()');
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS ($router_pid)"), 'the router is stopped');
my $squatter = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $fox_port, Listen => 1, ReuseAddr => 1)
	or die "port $fox_port: $@";
my $from = -s $node->logfile;
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
ok(wait_log(qr/WARNING:  fox_wamp does not listen/, $from), 'a port that is taken: WARNING');
is($node->safe_psql('postgres', q{SELECT ok FROM fox_wamp.doctor() WHERE check_name = 'port'}), 'f', 'doctor() says so');
$pid = $node->safe_psql('postgres', $router_pid);
isnt($pid, '', 'the router runs');
close($squatter);
wait_running('it listens as soon as the port is free');
is($node->safe_psql('postgres', q{SELECT ok FROM fox_wamp.doctor() WHERE check_name = 'port'}), 't', 'doctor() says so');
is($node->safe_psql('postgres', $router_pid), $pid, 'still the same process');
WampClient->join($fox_port)->close;

# --- a fast stop

$holder = backend();
query($holder, q{SELECT fox_wamp.lock('job')});
$client = WampClient->join($fox_port);
like($client->request('[16,1,{"acknowledge":true,"retain":true,"will":"gone"},"status",["here"]]'), qr/^\[17,1,/, 'a will');
$from = -s $node->logfile;
$node->stop('fast');
my $log = substr(slurp_file($node->logfile), $from);
like($log, qr/database system is shut down/, 'a fast stop with open sessions');
unlike($log, qr/terminated by signal|exited with exit code [2-9]|PANIC|TRAP|ERROR/, 'is clean');
$holder->{harness}->kill_kill;
$node->start;
wait_running('started again');
is(value('status'), '["gone"]', 'the will of the session is applied');
is(value('job'), '', 'and no lock is left');
$node->stop('fast');

done_testing();
