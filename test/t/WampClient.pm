# A session over a WebSocket, one message at a time.
package WampClient;

use strict;
use warnings;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

# A socket with the request for a WebSocket under way; nothing was read yet.
sub knock
{
	my ($class, $port) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 60) or die "connect: $@";
	$socket->autoflush(1);
	setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1) or die "setsockopt: $!";
	print $socket join("\r\n", 'GET /ws HTTP/1.1', "Host: 127.0.0.1:$port", 'Upgrade: websocket', 'Connection: Upgrade',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Protocol: wamp.2.json', '', '');
	return $socket;
}

# A session of realm1 with every role; dies when it is not welcome.
sub join
{
	my ($class, $port) = @_;
	my $self = bless({ socket => $class->knock($port) }, $class);
	my $socket = $self->{socket};
	my $line;
	do { $line = <$socket> // die 'no answer to the handshake'; } until $line eq "\r\n";
	my $answer = $self->request('[1,"realm1",{"roles":{"publisher":{},"subscriber":{},"caller":{},"callee":{}}}]');
	$answer =~ /^\[2,/ or die "not welcome: $answer";
	return $self;
}

# The next message; undef when the connection has ended.
sub receive
{
	my ($self) = @_;
	my $socket = $self->{socket};
	my ($head, $length, $text) = ('', 0, '');
	read($socket, $head, 2) == 2 or return undef;
	$length = ord(substr($head, 1, 1)) & 0x7f;
	if ($length > 125)
	{
		read($socket, $head, $length == 126 ? 2 : 8);
		$length = unpack($length == 126 ? 'n' : 'Q>', $head);
	}
	read($socket, $text, $length) == $length or return undef;
	return $text;
}

# The mask may be all zero.
sub send
{
	my ($self, $text) = @_;
	my $socket = $self->{socket};
	my $length = length($text);
	my $size = $length < 126 ? pack('C', 0x80 | $length) :
		$length < 65536 ? pack('Cn', 0x80 | 126, $length) : pack('CQ>', 0x80 | 127, $length);
	print $socket pack('C', 0x81), $size, "\0\0\0\0", $text;
}

# Sends, and returns the next message.
sub request
{
	my ($self, $text) = @_;
	$self->send($text);
	return $self->receive // die 'the connection has ended';
}

# Without a goodbye.
sub close
{
	my ($self) = @_;
	CORE::close($self->{socket});
}

1;
