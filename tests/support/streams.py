# SPDX-License-Identifier: BSD-2-Clause
"""TCP as an upstream has it: messages that come whole and leave whole or not, and connections that
end in every way."""

import socket
import struct
import time

from support.ringdns import family
from support.tcp_client import framed


def listener(make, address, port):
    """A TCP socket at ADDRESS and PORT that refuses until listen() is called. MAKE: as
    socket.socket."""
    sock = make(family(address), socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def set_reset(sock):
    """Closing SOCK sends RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Connection:
    """The upstream's end of a connection. One thread reads and sends; the others may look."""

    def __init__(self, sock, peer, server):
        self.sock, self.peer, self.server = sock, peer, server
        self.received, self.unsent = bytearray(), bytearray()
        self.opened, self.closed = time.monotonic(), None
        self.count = 0       # messages that came
        self.open = True
        self.ended = False   # the peer sends nothing more
        self._leaving = False

    def messages(self):
        """The messages that have come whole. OSError: the connection was reset, or both ends are
        done with it."""
        try:
            data = self.sock.recv(1 << 17)
            self.ended |= not data
            self.received += data
        except BlockingIOError:
            pass
        found = []
        while len(self.received) >= 2:
            end = 2 + int.from_bytes(self.received[:2], "big")
            if len(self.received) < end:
                break
            found.append(bytes(self.received[2:end]))
            del self.received[:end]
        self.count += len(found)
        if self.ended and not found and not self.unsent:
            raise ConnectionResetError
        return found

    def put(self, data, whole):
        self.unsent += framed(data) if whole else data

    def hang_up(self, reset):
        if reset:
            set_reset(self.sock)
            self.unsent.clear()
        self._leaving = True

    def push(self):
        """Sends what can be sent. False: it is over."""
        try:
            while self.unsent:
                del self.unsent[:self.sock.send(self.unsent)]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return not self._leaving

    def end(self):
        self.open = False
        self.closed = time.monotonic()
        self.sock.close()
