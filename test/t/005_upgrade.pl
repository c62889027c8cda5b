# pg_upgrade and pg_dump keep the values and what was configured, and no worker runs meanwhile.
use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows = q{SELECT string_agg(realm || ' ' || topic || ' ' || args, ',' ORDER BY topic) FROM fox_wamp.retained};

sub make_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = 'fox_wamp'\nlog_min_messages = debug1\nfox_wamp.port = " . PostgreSQL::Test::Cluster::get_free_port());
	return $node;
}

my $old = make_node('old');
$old->start;
$old->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
$old->safe_psql('postgres', 'SELECT fox_wamp.start()');
is($old->safe_psql('postgres', 'SELECT fox_wamp.wait_until_running()'), 't', 'the old cluster routes');
my $worker = qr/starting background worker process "fox_wamp/;
like(slurp_file($old->logfile), $worker, 'its log names the workers');
$old->safe_psql('postgres', q{INSERT INTO fox_wamp.realm (name, strict) VALUES ('mine', true)});
$old->safe_psql('postgres', q{INSERT INTO fox_wamp.bridge (direction, realm, channel, pattern) VALUES ('in', 'mine', 'chan', 'from.chan')});
$old->safe_psql('postgres', q{DELETE FROM fox_wamp.permission WHERE realm = 'realm1'});
$old->safe_psql('postgres', q{INSERT INTO fox_wamp.permission (realm, pattern, role) VALUES ('mine', 'a', 'public')});
$old->safe_psql('postgres', q{SELECT fox_wamp.publish('kept', '["v"]', options => '{"retain":true}')});
$old->safe_psql('postgres', q{SELECT fox_wamp.publish('kept.mine', '["w"]', options => '{"retain":true}', realm => 'mine')});
$old->safe_psql('postgres', q{CREATE SCHEMA app CREATE VIEW v AS SELECT 1});
$old->safe_psql('postgres', q{CREATE FUNCTION app.one(a app.v) RETURNS int LANGUAGE sql AS 'SELECT 1'});
$old->safe_psql('postgres', q{SELECT fox_wamp.expose_root('mine', 'mine')});
$old->safe_psql('postgres', q{SELECT fox_wamp.expose_function('app.one(app.v)', root => 'mine', concurrency => 3)});
$old->safe_psql('postgres', q{CREATE SCHEMA svc; CREATE FUNCTION svc.next() RETURNS int LANGUAGE sql AS $$SELECT 1$$});
$old->safe_psql('postgres', q{SELECT fox_wamp.expose_service('svc', root => 'mine')});
my $service = q{SELECT string_agg(procedure || ' ' || function, ',' ORDER BY procedure) FROM fox_wamp.exposed WHERE procedure ~ 'svc(.next)?$'};
my $exposed = q{SELECT realm || ' ' || procedure || ' ' || function || ' ' || concurrency FROM fox_wamp.exposed WHERE kind = 'function'};

# --- a dump, while a lock is held

my $dump = $old->basedir . '/dump';
my ($in, $out, $err) = ('', '', '');
my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $old->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err,
	IPC::Run::timeout(10 * $PostgreSQL::Test::Utils::timeout_default));
$in = "SELECT fox_wamp.lock('job');\n\\echo locked\n";
$holder->pump until $out =~ /locked/;
is($old->safe_psql('postgres', q{SELECT count(*) FROM fox_wamp.retained WHERE topic = 'job'}), 1, 'a lock is held');
$old->command_ok([ 'pg_dump', '-Fc', '-f', $dump, '-d', $old->connstr('postgres') ], 'pg_dump');
$in = "\\q\n";
$holder->finish;
$old->safe_psql('postgres', 'CREATE DATABASE copy');
$old->command_ok([ 'pg_restore', '--exit-on-error', '-d', $old->connstr('copy'), $dump ], 'pg_restore');
my $expected = 'realm1 kept ["v"],mine kept.mine ["w"]';
is($old->safe_psql('copy', $rows), $expected, 'the copy has the values, not the lock');
is($old->safe_psql('copy', q{SELECT strict FROM fox_wamp.realm WHERE name = 'mine'}), 't', 'and the realm');
is($old->safe_psql('copy', q{SELECT channel FROM fox_wamp.bridge WHERE realm = 'mine'}), 'chan', 'and the bridge');
is($old->safe_psql('copy', q{SELECT realm, pattern FROM fox_wamp.permission}), 'mine|a', 'and what was allowed, no more');
is($old->safe_psql('copy', $exposed), 'mine mine.one app.one(app.v) 3', 'and the exposed function');
is($old->safe_psql('copy', $service), 'mine.svc svc,mine.svc.next svc.next()', 'and the service, with its methods');
$old->safe_psql('copy', 'DROP VIEW app.v CASCADE');
is($old->safe_psql('copy', $exposed), '', 'which is followed there');
$old->safe_psql('postgres', 'DROP DATABASE copy WITH (FORCE)');
$old->safe_psql('postgres', q{UPDATE fox_wamp.realm SET strict = true WHERE name = 'realm1'});
$old->stop('fast');

# --- pg_upgrade

my $new = make_node('new');
my $bindir = $old->config_data('--bindir');
chdir($new->basedir) or die "chdir: $!";
command_ok([ 'pg_upgrade', '--no-sync', '--retain', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
	'-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');
my @logs = glob($new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_server.log');
is(scalar(@logs), 1, 'the upgrade has logged its servers');
like(slurp_file($logs[0]), qr/starting background worker process|database system is ready/, 'at the level that names workers');
unlike(slurp_file($logs[0]), $worker, 'no worker of fox_wamp ran meanwhile');
$new->start;
ok($new->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'the new cluster routes');
is($new->safe_psql('postgres', $rows), $expected, 'with the values');
is($new->safe_psql('postgres', q{SELECT count(*) FROM fox_wamp.bridge WHERE realm = 'mine'}), 1, 'and the bridge');
is($new->safe_psql('postgres', q{SELECT realm, pattern FROM fox_wamp.permission}), 'mine|a', 'and what was allowed');
is($new->safe_psql('postgres', q{SELECT strict FROM fox_wamp.realm WHERE name = 'realm1'}), 't', 'and the changed realm');
is($new->safe_psql('postgres', $exposed), 'mine mine.one app.one(app.v) 3', 'and the exposed function');
is($new->safe_psql('postgres', q{SELECT fox_wamp.call('mine.one', '["(1)"]', realm => 'mine')}), '1', 'which can be called');
is($new->safe_psql('postgres', $service), 'mine.svc svc,mine.svc.next svc.next()', 'and the service');
is($new->safe_psql('postgres', q{SELECT fox_wamp.call('mine.svc.next', realm => 'mine')}), '1', 'whose methods can be called');
$new->safe_psql('postgres', 'CREATE FUNCTION svc.late() RETURNS int LANGUAGE sql AS $$SELECT 1$$');
$new->safe_psql('postgres', 'ALTER SCHEMA svc RENAME TO later');
is($new->safe_psql('postgres', $service), 'mine.svc later,mine.svc.next later.next()', 'and which is followed');
$new->safe_psql('postgres', 'ALTER FUNCTION app.one(app.v) RENAME TO two');
is($new->safe_psql('postgres', $exposed), 'mine mine.one app.two(app.v) 3', 'and is followed');
$new->stop('fast');
unlike(slurp_file($new->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');

done_testing();
