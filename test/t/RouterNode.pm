# A cluster with the extension, whose router is starting; and what is asked of the one that was started last.
package RouterNode;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(query until_true router_pid until_another_router);
my $router = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'};
my $node;

# start(NAME, PORT [, LINES of postgresql.conf]): all that die start again.
sub start
{
	my ($name, $fox_port, $more) = @_;
	$node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	$node->append_conf('postgresql.conf', <<CONF . ($more // ''));
shared_preload_libraries = 'fox_wamp'
restart_after_crash = on
log_statement = none
fox_wamp.port = $fox_port
CONF
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
	$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
	return $node;
}

sub query
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

sub until_true
{
	my ($sql, $what) = @_;
	$node->poll_query_until('postgres', $sql) or die $what;
}

sub router_pid
{
	return query($router);
}

# The one with that pid has been asked to end, or killed.
sub until_another_router
{
	my ($before) = @_;
	until_true("SELECT fox_wamp.wait_until_running() AND count(*) = 1 FROM ($router) r WHERE pid <> $before", 'no router');
}

1;
