# Storms: ten thousand connections at once, and an address space that is used up.
use strict;
use warnings;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Test::More;
use WampClient;

my $router_pid = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'fox_wamp router'};
my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node = PostgreSQL::Test::Cluster->new('storms');

$SIG{ALRM} = sub { die 'no answer in time' };
$SIG{PIPE} = 'IGNORE';

sub descriptors
{
	my ($pid) = @_;
	opendir(my $dir, "/proc/$pid/fd") or die "/proc/$pid/fd: $!";
	my @names = readdir($dir);
	return scalar(@names);
}

# --- ten thousand connections, most of them bad

$node->init;
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'fox_wamp'
shared_buffers = 16MB
log_statement = none
fox_wamp.port = $fox_port
fox_wamp.ping_interval = 0
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'a router');
alarm(20 * $PostgreSQL::Test::Utils::timeout_default);
my $router = $node->safe_psql('postgres', $router_pid);
my $steady = WampClient->join($fox_port);
my $before = descriptors($router);

sub tcp
{
	return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $fox_port, Timeout => 60);
}

my @storm = (
	sub { tcp() },    # says nothing
	sub { my $s = tcp() or return; syswrite($s, 'GET /ws HT'); return $s },
	sub { my $s = tcp() or return; syswrite($s, "\x7f\x01\xff\xff"); return $s },    # reserved bits of a RawSocket
	sub { my $s = tcp() or return; setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)); close($s); return },
	sub { return eval { WampClient->knock($fox_port) } });
my @open;
for my $i (1 .. 10000)
{
	my $socket = $storm[ $i % @storm ]->();
	push(@open, $socket) if $socket;
	@open = () if @open == 500;    # these go without a word
	like($steady->request(qq{[16,$i,{"acknowledge":true},"calm",[]]}), qr/^\[17,$i,/, "after $i connections others are served")
	  if $i % 1000 == 0;
}
@open = ();
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if descriptors($router) <= $before;
	select(undef, undef, undef, 0.1);
}
cmp_ok(descriptors($router), '<=', $before, 'none of them is left');
is($node->safe_psql('postgres', $router_pid), $router, 'the router is the same');
is($node->safe_psql('postgres', 'SELECT count(*) FROM fox_wamp.session WHERE authmethod <> $$internal$$'), 1, 'and so are its sessions');
$node->stop('fast');

# --- no memory left: readers that do not read, and no cap of our own that comes first

$node->append_conf('postgresql.conf', <<CONF);
fox_wamp.max_memory = 16GB
fox_wamp.out_queue_limit = 1GB
fox_wamp.out_soft_limit = 1GB
CONF
system('bash', '-c', 'ulimit -v 450000 && exec pg_ctl -w -D "$0" -l "$1" -o "--cluster-name=storms" start >/dev/null',
	$node->data_dir, $node->logfile) == 0 or die 'the server did not start';
$node->_update_pid(1);
ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'a router within 450 MB');
$router = $node->safe_psql('postgres', $router_pid);
my @deaf = map { WampClient->join($fox_port) } 1 .. 4;
setsockopt($_->{socket}, SOL_SOCKET, SO_RCVBUF, 4096) for @deaf;
for my $i (0 .. $#deaf) { like($deaf[$i]->request(qq{[32,1,{},"deaf.$i"]}), qr/^\[33,1,/, 'a reader that stops reading'); }
my $writer = WampClient->join($fox_port);
my $megabyte = 'm' x 1_000_000;
my $answers = 0;
for my $i (1 .. 600)
{
	my $topic = 'deaf.' . $i % @deaf;
	my $answer = $writer->request(qq{[16,$i,{"acknowledge":true},"$topic",["$megabyte"]]}) or last;
	$answers++ if $answer =~ /^\[(17|8,16),$i,/;
}
is($answers, 600, 'every publish is answered');
is($node->safe_psql('postgres', $router_pid), $router, 'the router is the same');
cmp_ok($node->safe_psql('postgres', q{SELECT value FROM fox_wamp.stat_router WHERE name = 'slow_readers_cut'}),
	'>', 0, 'who did not read was cut');
like($writer->request('[16,601,{"acknowledge":true,"retain":true},"later",["kept"]]'), qr/^\[17,601,/, 'values are stored');
is($node->safe_psql('postgres', q{SELECT args FROM fox_wamp.retained WHERE topic = 'later'}), '["kept"]', 'as ever');
alarm(0);
$node->stop('fast');
$node->start;
ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'and starts again');
$node->stop('fast');
done_testing();
