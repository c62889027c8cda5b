# A connection that speaks MQTT 3.1.1 or 5.0, one packet at a time.
package MqttClient;

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

use constant { CONNACK => 2, PUBLISH => 3, PUBACK => 4, PUBREC => 5, PUBREL => 6, PUBCOMP => 7, SUBACK => 9, UNSUBACK => 11, PINGRESP => 13 };

$SIG{PIPE} = 'IGNORE';

sub text
{
	return pack('n/a*', $_[0]);
}

# Joins; undef when nobody listens or the connection ends before it.  Options: id, clean (0), version (4), expiry
# (seconds, of 5), will ({topic, payload, qos, retain, delay}), from (an address
# of ours), proxy (bytes that come before all else).
sub join
{
	my ($class, $port, %options) = @_;
	my $version = $options{version} // 4;
	my $will = $options{will};
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 60, LocalAddr => $options{from}) or return undef;
	my $self = bless({ socket => $socket, buffer => '', version => $version }, $class);
	my $flags = ($options{clean} ? 2 : 0);
	my $body;

	$socket->autoflush(1);
	setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1) or die "setsockopt: $!";
	syswrite($socket, $options{proxy}) if defined $options{proxy};
	$flags |= 4 | ($will->{qos} // 0) << 3 | ($will->{retain} ? 32 : 0) if $will;
	$body = text('MQTT') . pack('CCn', $version, $flags, 0);
	$body .= defined $options{expiry} ? pack('CCN', 5, 0x11, $options{expiry}) : "\0" if $version == 5;
	$body .= text($options{id});
	$body .= defined $will->{delay} ? pack('CCN', 5, 0x18, $will->{delay}) : "\0" if $will && $version == 5;
	$body .= text($will->{topic}) . text($will->{payload}) if $will;
	$self->send(0x10, $body);
	my $answer = $self->receive // return undef;
	$answer->{type} == CONNACK && $answer->{code} == 0 or die "not welcome: $answer->{code}";
	$self->{present} = $answer->{present};
	return $self;
}

# The same, as often as it takes until somebody listens.
sub join_again
{
	my ($class, @options) = @_;
	my $self;
	select(undef, undef, undef, 0.05) until $self = $class->join(@options);
	return $self;
}

sub send
{
	my ($self, $first, $body) = @_;
	my $socket = $self->{socket};
	my ($length, $n) = ('', length($body));
	do { $length .= chr(($n & 127) | ($n > 127 ? 128 : 0)); $n >>= 7; } while ($n > 0);
	print $socket chr($first), $length, $body;
}

sub publish
{
	my ($self, $topic, $payload, $qos, $id, $dup, $expiry) = @_;
	my $properties = defined $expiry ? pack('CCN', 5, 2, $expiry) : "\0";
	$self->send(0x30 | $qos << 1 | ($dup ? 8 : 0),
		text($topic) . ($qos ? pack('n', $id) : '') . ($self->{version} == 5 ? $properties : '') . $payload);
}

sub subscribe
{
	my ($self, $filter, $qos) = @_;
	$self->send(0x82, pack('n', 1) . ($self->{version} == 5 ? "\0" : '') . text($filter) . chr($qos));
	return $self->take(SUBACK)->{code};
}

# PUBACK, PUBREC, PUBREL or PUBCOMP.
sub acknowledge
{
	my ($self, $type, $id) = @_;
	$self->send($type << 4 | ($type == PUBREL ? 2 : 0), pack('n', $id));
}

# A whole packet of the buffer is taken off; undef: there is none.
sub parse
{
	my ($self) = @_;
	my ($n, $shift, $at) = (0, 0, 1);
	my ($byte, $body, %p);

	do
	{
		return undef if length($self->{buffer}) <= $at;
		$byte = ord(substr($self->{buffer}, $at++, 1));
		$n |= ($byte & 127) << $shift;
		$shift += 7;
	} while ($byte & 128);
	return undef if length($self->{buffer}) < $at + $n;
	my $first = ord($self->{buffer});
	$body = substr($self->{buffer}, $at, $n);
	substr($self->{buffer}, 0, $at + $n) = '';
	$p{type} = $first >> 4;
	if ($p{type} == CONNACK)
	{
		@p{qw(present code)} = unpack('CC', $body);
	}
	elsif ($p{type} == PUBLISH)
	{
		@p{qw(qos dup retain)} = ($first >> 1 & 3, $first >> 3 & 1, $first & 1);
		my $topic = unpack('n/a*', $body);
		substr($body, 0, 2 + length($topic)) = '';
		$p{topic} = $topic;
		($p{id}, $body) = unpack('na*', $body) if $p{qos};
		if ($self->{version} == 5)
		{
			$p{expiry} = unpack('N', $1) if substr($body, 1, ord($body)) =~ /^(?:\x01.)?\x02(.{4})/s;
			$body = substr($body, 1 + ord($body));
		}
		$p{payload} = $body;
	}
	elsif (length($body) >= 2)
	{
		$p{id} = unpack('n', $body);
		$p{code} = ord(substr($body, -1)) if length($body) > 2;
	}
	return \%p;
}

# The next packet; undef when the connection has ended.
sub receive
{
	my ($self) = @_;
	my $packet;
	until ($packet = $self->parse)
	{
		my $n = sysread($self->{socket}, my $data, 65536);
		return undef unless $n;
		$self->{buffer} .= $data;
	}
	return $packet;
}

# The next packet of that type; others are dropped.
sub take
{
	my ($self, $type) = @_;
	my $packet;
	do { $packet = $self->receive // die 'the connection has ended'; } until $packet->{type} == $type;
	return $packet;
}

# Can something be read without waiting?
sub ready
{
	my (@clients) = @_;
	my %by_socket = map { $_->{socket} => $_ } @clients;
	my @waiting = grep { length($_->{buffer}) } @clients;
	return map { $by_socket{$_} } IO::Select->new(map { $_->{socket} } @clients)->can_read(@waiting ? 0 : 60);
}

sub close
{
	my ($self) = @_;
	CORE::close($self->{socket});
}

1;
