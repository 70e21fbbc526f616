# SPDX-License-Identifier: BSD-2-Clause
"""A stub resolver's side of a TCP connection: sends bytes as they are told, takes messages apart,
and says how a connection ended: with FIN or with RST.
"""

import socket
import struct
import time

from support import wire
from support.process import patience
from support.ringdns import family

KEEPALIVE = 11  # RFC 7828
IP_BIND_ADDRESS_NO_PORT = 24


def framed(*messages):
    """Each with its length in front (RFC 1035 section 4.2.2)."""
    return b"".join(struct.pack("!H", len(each)) + each for each in messages)


class Ended(AssertionError):
    """The server has closed the connection. HOW: FIN or RST."""

    def __init__(self, how, rest):
        super().__init__(f"the connection ended with {how}, after {len(rest)} bytes of a message")
        self.how = how


class TcpClient:
    """SERVER: (address, port). SOURCE: the address to come from. RECEIVE_BUFFER: bytes that the
    kernel may keep for us; a little takes effect only before the connection is made. NAMESPACE:
    where the socket lives."""

    def __init__(self, server, *, source=None, receive_buffer=None, namespace=None):
        self.server = server
        self._rest = bytearray()
        self._reset = False  # the kernel says so once only
        make = namespace.socket if namespace else socket.socket
        self.sock = make(family(server[0]), socket.SOCK_STREAM)
        try:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_buffer:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source:
                self.sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                self.sock.bind((source, 0))
            self.sock.settimeout(patience(5))
            self.sock.connect(server[:2])
        except OSError:
            self.sock.close()
            raise

    def close(self):
        """With FIN, or with RST if there is something that was not read."""
        self.sock.close()

    def reset(self):
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def finish(self):
        """FIN: nothing more is sent, answers can be read. Ended, if the server was quicker."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            raise self._ended(True) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _ended(self, reset):
        self._reset = self._reset or reset
        return Ended("RST" if self._reset else "FIN", self._rest)

    def send_bytes(self, data):
        """Ended, if the server has closed; that may show with a later call only."""
        self.sock.settimeout(patience(5))
        try:
            self.sock.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            raise self._ended(True) from None

    def send(self, *messages):
        """In one piece."""
        self.send_bytes(framed(*messages))

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            data = self.sock.recv(1 << 18)
        except TimeoutError:
            raise AssertionError(f"nothing more came from {self.server}; "
                                 f"{len(self._rest)} bytes are there") from None
        except (ConnectionResetError, BrokenPipeError):
            raise self._ended(True) from None
        if not data:
            raise self._ended(False)
        self._rest += data

    def receive(self, seconds=5):
        """The bytes of the next message. Ended, or AssertionError if none comes."""
        deadline = time.monotonic() + patience(seconds)
        while len(self._rest) < 2 or len(self._rest) < 2 + (self._rest[0] << 8 | self._rest[1]):
            self._fill(deadline)
        end = 2 + (self._rest[0] << 8 | self._rest[1])
        data = bytes(self._rest[2:end])
        del self._rest[:end]
        return data

    def answer(self, seconds=5):
        """The next message, which must be an answer."""
        message = wire.parse(self.receive(seconds))
        if not message.has(wire.QR):
            raise AssertionError("an answer with QR=0")
        return message

    def ask(self, data, seconds=5):
        """Sends the query DATA; its answer, whose ID must be the same."""
        self.send(data)
        message = self.answer(seconds)
        if message.id != int.from_bytes(data[:2], "big"):
            raise AssertionError(f"ID {message.id} answers a query with another")
        return message

    def query(self, qname, qtype=wire.A, *args, seconds=5, **kw):
        return self.ask(wire.query(qname, qtype, *args, **kw), seconds)

    def ending(self, seconds=5):
        """How the server ends the connection: FIN or RST; nothing else may come before."""
        deadline = time.monotonic() + patience(seconds)
        try:
            while not self._rest:
                self._fill(deadline)
        except Ended as ended:
            return ended.how
        raise AssertionError(f"{bytes(self._rest[:64]).hex()} came in place of the end")

    def has_ended(self, within=0):
        """Whether the end has come by now, or comes WITHIN so many seconds. Nothing is read."""
        self.sock.settimeout(within)
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, TimeoutError):
            return False
        except OSError:
            self._reset = True
            return True
