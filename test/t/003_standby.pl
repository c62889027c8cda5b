# A standby: it refuses to publish, and once promoted it routes.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $routers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'};

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf',
	"shared_preload_libraries = 'fox_wamp'\nfox_wamp.port = " . PostgreSQL::Test::Cluster::get_free_port());
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
$primary->safe_psql('postgres', 'SELECT fox_wamp.start()');
is($primary->safe_psql('postgres', 'SELECT fox_wamp.wait_until_running()'), 't', 'the primary routes');
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'fox_wamp.port = ' . PostgreSQL::Test::Cluster::get_free_port());
$standby->start;

my ($in, $out, $err) = ('', '', '');
my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $primary->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err,
	IPC::Run::timeout(10 * $PostgreSQL::Test::Utils::timeout_default));
$in = "SELECT fox_wamp.lock('job');\n\\echo locked\n";
$holder->pump until $out =~ /locked/;
$primary->safe_psql('postgres', q{SELECT fox_wamp.publish('kept', '["v"]', options => '{"retain":true}')});
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT string_agg(topic, \',\' ORDER BY topic) FROM fox_wamp.retained'),
	'job,kept', 'the values are on the standby');

foreach my $call (
	q{SELECT fox_wamp.publish('a.b', '[1]')},
	q{SELECT fox_wamp.publish('a.b', '[1]', options => '{"retain":true}')},
	q{SELECT fox_wamp.lock('mine')})
{
	my ($status, $stdout, $stderr) = $standby->psql('postgres', "\\set VERBOSITY verbose\n$call", on_error_stop => 1);
	isnt($status, 0, "refused on a standby: $call");
	like($stderr, qr/ERROR:  25006:/, 'with 25006');
}
is($standby->safe_psql('postgres', $routers), 0, 'no router runs there');

$standby->promote;
ok($standby->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'promoted, it routes');
is($standby->safe_psql('postgres', $routers), 1, 'with one router');
is($standby->safe_psql('postgres', q{SELECT args FROM fox_wamp.retained WHERE topic = 'kept'}), '["v"]', 'the value is there');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM fox_wamp.retained WHERE topic = 'job'}), 0,
	'the lock of a backend of the old primary is not');
is($standby->safe_psql('postgres', q{SELECT fox_wamp.try_lock('job')}), 't', 'so it can be taken');
$standby->safe_psql('postgres', q{SELECT fox_wamp.publish('kept', '["w"]', options => '{"retain":true}')});
is($primary->safe_psql('postgres', q{SELECT string_agg(topic, ',' ORDER BY topic) FROM fox_wamp.retained}),
	'job,kept', 'the old primary goes its own way');

$in = "\\q\n";
$holder->finish;
$standby->stop('fast');
$primary->stop('fast');
unlike(slurp_file($standby->logfile) . slurp_file($primary->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');

done_testing();
