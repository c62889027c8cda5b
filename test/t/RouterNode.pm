# A cluster with the extension, whose router is starting.
package RouterNode;

use strict;
use warnings;
use PostgreSQL::Test::Cluster;

# start(NAME, PORT [, LINES of postgresql.conf]): all that die start again.
sub start
{
	my ($name, $fox_port, $more) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

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

1;
