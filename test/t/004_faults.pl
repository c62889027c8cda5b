# Faults that are survived: a full commit ring, ended executors.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WampClient;

my $router_pid = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'};
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node = PostgreSQL::Test::Cluster->new('faults');

$SIG{ALRM} = sub { die 'no answer in time' };

sub wait_running
{
	my ($what) = @_;
	ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), $what);
}

# Values that were acknowledged, compared with the rows.
sub is_stored
{
	my ($acknowledged, $prefix, $what) = @_;
	my %rows = map { $_ => 1 } split(/\n/,
		$node->safe_psql('postgres', "SELECT topic FROM fox_wamp.retained WHERE starts_with(topic, '$prefix')"));
	is_deeply([ grep { !$rows{$_} } @$acknowledged ], [], $what);
}

$node->init;
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'fox_wamp'
log_statement = none
fox_wamp.port = $fox_port
fox_wamp.ring_size = 64kB
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
wait_running('the router runs');

# --- the commit ring is full

my $router = $node->safe_psql('postgres', $router_pid);
my $reader = WampClient->join($fox_port);
alarm(10 * $PostgreSQL::Test::Utils::timeout_default);
like($reader->request('[32,1,{"match":"prefix"},"gap."]'), qr/^\[33,1,/, 'a subscriber');
my $burst = q{SELECT count(fox_wamp.publish('%s.' || i, to_jsonb(ARRAY[repeat('x', 300)]), options => '{"retain":true}'))
	FROM generate_series(1, 500) i};
kill('STOP', $router);
my ($status, $out, $err) = $node->psql('postgres', sprintf($burst, 'gap'));
is($status, 0, 'gap: the transaction commits');
is(() = $err =~ /WARNING:  the commit ring of fox_wamp is full/g, 1, 'with one warning');
($status, $out, $err) = $node->psql('postgres', "SET fox_wamp.on_ring_full = error;\n" . sprintf($burst, 'refused'));
isnt($status, 0, 'error: the transaction is refused');
like($err, qr/ERROR:  the commit ring of fox_wamp is full/, 'with an error');
kill('CONT', $router);
my %seen;
while (keys(%seen) < 500)
{
	$seen{$1} = 1 if $reader->receive =~ /"(gap\.\d+)"/;
}
is(scalar(keys(%seen)), 500, 'the subscriber has every retained value');
is($node->safe_psql('postgres', q{SELECT count(*) FROM fox_wamp.retained WHERE topic LIKE 'gap.%'}), 500, 'so has the table');
is($node->safe_psql('postgres', q{SELECT count(*) FROM fox_wamp.retained WHERE topic LIKE 'refused.%'}), 0, 'nothing of the refused');
is($node->safe_psql('postgres', $router_pid), $router, 'the same router');
$node->safe_psql('postgres', 'DELETE FROM fox_wamp.retained');

# --- executors are ended while they write

my $writer = WampClient->join($fox_port);
my (@acknowledged, $refused, $ended);
for my $i (1 .. 300)
{
	$ended += $node->safe_psql('postgres', q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE backend_type = 'fox_wamp executor'}) if $i % 100 == 50;
	my $answer = $writer->request(qq{[16,$i,{"acknowledge":true,"retain":true},"end.$i",["v"]]});
	if ($answer =~ /^\[17,$i,/) { push(@acknowledged, "end.$i"); }
	elsif ($answer =~ /^\[8,16,$i,/) { $refused++; }
	else { die "an answer to something else: $answer"; }
}
cmp_ok($ended, '>', 0, 'executors were ended');
cmp_ok(scalar(@acknowledged), '>', 0, 'publishes are acknowledged');
is(@acknowledged + ($refused // 0), 300, 'each is answered');
is_stored(\@acknowledged, 'end.', 'the acknowledged are stored');
is($node->safe_psql('postgres', $router_pid), $router, 'the same router');
alarm(0);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');

done_testing();
