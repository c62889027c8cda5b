# What needs a server of its own: addresses that are not loopback, a dump and a restore of who may log in.
use strict;
use warnings;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $node = PostgreSQL::Test::Cluster->new('login');

$SIG{ALRM} = sub { die 'no answer in time' };

# An address of this machine that others could use.
sub own_address
{
	my $probe = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '192.0.2.1', PeerPort => 9) or return '127.0.0.1';
	return $probe->sockhost;
}

# The answer to a HELLO over RawSocket.
sub hello
{
	my ($address, $details) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $fox_port, Timeout => 30) or return '';
	my $message = qq([1,"realm1",{"roles":{"caller":{}}$details}]);
	my ($head, $answer) = ('', '');
	alarm(30);
	syswrite($socket, "\x7f\xf1\0\0" . pack('N', length($message)) . $message);
	sysread($socket, $head, 4) == 4 or die 'no handshake';
	read($socket, $head, 4) == 4 or die 'no message';
	read($socket, $answer, unpack('N', $head));
	alarm(0);
	return $answer;
}

$node->init;
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'fox_wamp'
fox_wamp.port = $fox_port
fox_wamp.listen_addresses = '*'
fox_wamp.auth_attempts = 0
log_min_messages = debug1
CONF
$node->start;
my $from = -s $node->logfile;
$node->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');

# --- an address for everybody needs a way to log in

ok($node->wait_for_log(qr/WARNING:  fox_wamp does not listen: addresses other than loopback need authentication/, $from),
	'without one the router does not listen');
ok($node->wait_for_log(qr/HINT:  .*INSERT INTO fox_wamp\.auth_method/, $from), 'and the log says what to do');
is(hello('127.0.0.1', ''), '', 'not on loopback either');
$node->safe_psql('postgres', q{INSERT INTO fox_wamp.auth_method VALUES ('realm1', 'anonymous')});
is($node->safe_psql('postgres', q{SELECT fox_wamp.wait_until_running('2s')}), 'f', 'anonymous clients are no such way');
$node->safe_psql('postgres', q{INSERT INTO fox_wamp.auth_method VALUES ('realm1', 'wampcra'), ('realm1', 'ticket')});
is($node->safe_psql('postgres', q{SELECT fox_wamp.wait_until_running('30s')}), 't', 'with one it does, by itself');
like(hello('127.0.0.1', ''), qr/^\[2,/, 'anonymous clients join from loopback');
my $address = own_address();
SKIP:
{
	skip('this machine has no address but loopback', 3) if $address =~ /^127/;
	like(hello($address, ''), qr/authentication_required/, "and not from $address");
	like(hello($address, ',"authid":"ann","authmethods":["ticket"]'), qr/no_matching_auth_method/, 'where no password is said in plain text');
	like(hello($address, ',"authid":"ann","authmethods":["ticket","wampcra"]'), qr/^\[4,"wampcra"/, 'but WAMP-CRA can be used');
}

# --- who may log in is part of a dump

$node->safe_psql('postgres', q{CREATE ROLE clerk;
	SELECT fox_wamp.create_group('clerks', 'clerk');
	SELECT fox_wamp.create_user('ann', 'clerks', 'secret');
	SELECT fox_wamp.add_key('ann', repeat('ab', 32));
	SELECT fox_wamp.add_jwt_secret('key', repeat('s', 32), roles => '{clerk}');
	CREATE FUNCTION who(realm text, authid text, method text, details jsonb) RETURNS text LANGUAGE sql AS 'SELECT NULL';
	INSERT INTO fox_wamp.auth_method (realm, method, authenticator_function) VALUES ('realm1', 'wamp-scram', 'who(text,text,text,jsonb)');
	CREATE FUNCTION may(session jsonb, uri text, action text, options jsonb, match text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
	INSERT INTO fox_wamp.permission (realm, role, pattern, authorizer_function) VALUES ('realm1', 'clerk', 'a', 'may(jsonb,text,text,jsonb,text)');
	SELECT fox_wamp.use_topic_policies('realm1', 'b');
	CREATE POLICY clerks_hear ON fox_wamp.topic_access FOR SELECT TO clerk USING (topic = 'b')});
my $kept = q{SELECT (SELECT verifier || cra_verifier FROM fox_wamp.auth_user),
	(SELECT string_agg(method, ',' ORDER BY method) FROM fox_wamp.auth_method),
	(SELECT pg_role FROM fox_wamp.auth_group), (SELECT public_key FROM fox_wamp.auth_key), (SELECT jwk FROM fox_wamp.jwt_key),
	(SELECT string_agg(authenticator_function, ',') FROM fox_wamp.auth_method), (SELECT string_agg(authorizer_function, ',' ORDER BY pattern) FROM fox_wamp.permission),
	(SELECT count(*) FROM pg_policies WHERE policyname = 'clerks_hear')};
my $before = $node->safe_psql('postgres', $kept);
$node->command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/dump', $node->connstr('postgres') ], 'a dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $node->basedir . '/dump' ], 'is restored');
is($node->safe_psql('restored', $kept), $before, 'with all of that');
is($node->safe_psql('restored', q{SELECT fox_wamp.create_user('bob', 'clerks'); SELECT max(id) FROM fox_wamp.auth_user}), "\n2",
	'and goes on counting');

# --- an unknown name takes the work of a known one

# What is said to a password, and what the executor has held it against.
sub log_in
{
	my ($name, $password) = @_;
	my $from = -s $node->logfile;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $fox_port, Timeout => 30) or die 'nobody listens';
	my ($head, $answer) = ('', '');
	alarm(10 * $PostgreSQL::Test::Utils::timeout_default);
	syswrite($socket, "\x7f\xf1\0\0");
	read($socket, $head, 4) == 4 or die 'no handshake';
	for my $message (qq([1,"realm1",{"roles":{"caller":{}},"authid":"$name","authmethods":["ticket"]}]), qq([5,"$password",{}]))
	{
		syswrite($socket, pack('N', length($message)) . $message);
		read($socket, $head, 4) == 4 or die 'no message';
		read($socket, $answer, unpack('N', $head));
	}
	alarm(0);
	my ($cost) = substr(slurp_file($node->logfile), $from) =~ /holds a password against: *(.*)/;
	return ($answer =~ /^\[2,/ ? 'welcome' : 'no') . " $cost";
}

$node->safe_psql('postgres', q{DELETE FROM fox_wamp.auth_user;
	CREATE ROLE guest;
	SELECT fox_wamp.create_group('guests', 'guest');
	SELECT fox_wamp.create_user('imported', 'guests'), fox_wamp.create_user('without', 'guests');
	UPDATE fox_wamp.auth_user SET verifier = '$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW' WHERE logon_name = 'imported'});
is(log_in('imported', 'secret'), 'welcome 2b 04', 'a user with a hash of bcrypt');
is(log_in($_, 'secret'), 'no 2b 04', "$_: no password, and the same work") for ('without', 'nobody', 'postgres');
$node->safe_psql('postgres', q{SELECT fox_wamp.create_user('native', 'guests', 'secret')});
my $native = log_in('native', 'secret');
like($native, qr/^welcome SCRAM-SHA-256 4096/, 'and one with a verifier');
my %costs = map { $_ => log_in("nobody$_", 'secret') } 1 .. 12;
is(join(',', sort(do { my %seen = map { $_ => 1 } values %costs; keys %seen })), 'no 2b 04,no SCRAM-SHA-256 4096', 'unknown names take the work of either');
is_deeply({ map { $_ => log_in("nobody$_", 'secret') } keys %costs }, \%costs, 'each always the same');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');
done_testing();
