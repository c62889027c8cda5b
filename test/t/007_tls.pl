# Certificates that can not be used: at the start nothing is listened on, at a reload the former one stays.
use strict;
use warnings;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $fox_port = PostgreSQL::Test::Cluster::get_free_port();
my $tls_port = PostgreSQL::Test::Cluster::get_free_port();
my $node = PostgreSQL::Test::Cluster->new('tls');
my $data = $node->data_dir;

sub make_certificate
{
	my ($name, @how) = @_;
	system_log('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '10',
		'-subj', "/CN=$name", '-keyout', "$data/$name.key", '-out', "$data/$name.crt", @how) == 0 or die 'openssl';
	chmod(0600, "$data/$name.key");
}

# The common name that a client is shown; '' if there is no TLS.
sub shown
{
	my ($out, $err);
	IPC::Run::run(['openssl', 's_client', '-connect', "127.0.0.1:$tls_port"], '<', \'', '>', \$out, '2>', \$err);
	return $out =~ /subject=CN = (\w+)/ ? $1 : '';
}

sub listens
{
	my ($port) = @_;
	return defined IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 10);
}

sub set
{
	my (%settings) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $_ = '$settings{$_}'") for keys %settings;
	my $from = -s $node->logfile;
	$node->reload;
	return $from;
}

$node->init;
make_certificate('one', '-nodes');
make_certificate('two', '-nodes');
make_certificate('locked', '-passout', 'pass:secret');
make_certificate('open', '-nodes');
chmod(0644, "$data/open.key");
append_to_file("$data/noise", 'noise');
chmod(0600, "$data/noise");
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'fox_wamp'
fox_wamp.port = $fox_port
fox_wamp.tls_port = $tls_port
fox_wamp.max_connections = 10
fox_wamp.tls_key_file = 'one.key'
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION fox_wamp');

# --- at the start

my @bad = (
	[ { cert => '', key => 'one.key' }, qr/could not use the certificate "server\.crt" of ssl_cert_file: No such file or directory/ ],
	[ { cert => 'missing.crt', key => 'one.key' }, qr/certificate "missing\.crt" of fox_wamp\.tls_cert_file: No such file or directory/ ],
	[ { cert => 'noise', key => 'one.key' }, qr/certificate "noise" of fox_wamp\.tls_cert_file: no start line/ ],
	[ { cert => '.', key => 'one.key' }, qr/certificate "\." of fox_wamp\.tls_cert_file: it is not a file/ ],
	[ { cert => 'one.crt', key => 'two.key' }, qr/private key "two\.key" of fox_wamp\.tls_key_file: it is not that of the certificate/ ],
	[ { cert => 'one.crt', key => 'locked.key' }, qr/private key "locked\.key" of fox_wamp\.tls_key_file: it has a password/ ],
	[ { cert => 'open.crt', key => 'open.key' }, qr/private key "open\.key" of fox_wamp\.tls_key_file: it is open to others/ ],
	[ { cert => 'one.crt', key => 'one.key', ca => 'noise' }, qr/list of authorities "noise" of fox_wamp\.tls_ca_file: / ],
	[ { cert => 'one.crt', key => 'one.key', crl => 'noise' }, qr/list of revoked certificates "noise" of fox_wamp\.tls_crl_file: / ],
);

my $from = -s $node->logfile;
$node->safe_psql('postgres', 'SELECT fox_wamp.start()');
for my $case (@bad)
{
	my ($files, $text) = @$case;
	$from = set(map { ("fox_wamp.tls_${_}_file" => $files->{$_} // '') } 'cert', 'key', 'ca', 'crl') if $case != $bad[0];
	ok($node->wait_for_log(qr/WARNING:  fox_wamp does not listen: .*$text/, $from), "at the start: $text");
}
ok(!listens($fox_port) && !listens($tls_port), 'neither port is listened on');
set('fox_wamp.tls_cert_file' => 'one.crt', 'fox_wamp.tls_key_file' => 'one.key', 'fox_wamp.tls_ca_file' => '', 'fox_wamp.tls_crl_file' => '');
ok($node->poll_query_until('postgres', 'SELECT fox_wamp.wait_until_running()'), 'with good ones the router goes on by itself');
is(shown(), 'one', 'and shows the certificate');

# --- at a reload

for my $case (@bad)
{
	my ($files, $text) = @$case;
	$from = set(map { ("fox_wamp.tls_${_}_file" => $files->{$_} // '') } 'cert', 'key', 'ca', 'crl');
	ok($node->wait_for_log(qr/WARNING:  .*$text.*; the TLS port goes on with what it had/, $from), "at a reload: $text");
	is(shown(), 'one', 'and the former certificate stays');
}
set('fox_wamp.tls_cert_file' => 'two.crt', 'fox_wamp.tls_key_file' => 'two.key', 'fox_wamp.tls_ca_file' => '', 'fox_wamp.tls_crl_file' => '');
my $tries = 0;
select(undef, undef, undef, 0.1) while shown() ne 'two' && $tries++ < 100;
is(shown(), 'two', 'a good one is taken');

# --- handshakes that break off are forgotten: there is room for no more than 266 sockets

for my $i (1 .. 300)
{
	my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $tls_port, Timeout => 10) or die "connect: $@";
	$c->autoflush(1);
	print $c "\x16\x03\x01";
	close($c);
}
$tries = 0;
select(undef, undef, undef, 0.1) while shown() ne 'two' && $tries++ < 100;
is(shown(), 'two', 'after 300 of them there is room');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP|libwebsockets/, 'nothing crashed');

done_testing();
