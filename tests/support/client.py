# SPDX-License-Identifier: BSD-2-Clause
"""A stub resolver's side: a UDP socket that sends what it is told and checks what it gets."""

import itertools
import socket
import time

from support import wire
from support.process import patience
from support.ringdns import family

_fences = itertools.count()


class Client:
    """SERVER: (address, port[, flow, scope]). The socket is not connected, so that an answer from
    another address than the one that was asked is seen. NAMESPACE: where the socket lives."""

    def __init__(self, server, *, bind=None, namespace=None):
        self.server = server
        make = namespace.socket if namespace else socket.socket
        self.sock = make(family(server[0]), socket.SOCK_DGRAM)
        if bind:
            self.sock.bind(bind)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendto(data, self.server)

    def receive(self, seconds=5):
        """(bytes, from where) of the next datagram; AssertionError if none comes."""
        self.sock.settimeout(patience(seconds))
        try:
            return self.sock.recvfrom(65535)
        except TimeoutError:
            raise AssertionError(f"no answer from {self.server} in {patience(seconds)} s") from None

    def answer(self, seconds=5):
        """The next datagram as a message; it must come from where the query went."""
        data, source = self.receive(seconds)
        if source[:2] != self.server[:2] and self.server[0] not in ("0.0.0.0", "::"):
            raise AssertionError(f"asked {self.server}, was answered by {source}")
        message = wire.parse(data)
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

    def before_fence(self, fence=None, seconds=5):
        """Sends a query that is surely answered and returns whatever comes before its answer: what
        is not there by then was not sent, since answers of one client leave in order.

        FENCE: that query; by default one that Ringdns refuses by itself (RD=0), so that no
        upstream is needed for it."""
        ident = wire.FENCE_IDS + next(_fences) % (0x10000 - wire.FENCE_IDS)
        fence = fence or wire.query("fence.test", flags=0)
        self.send(ident.to_bytes(2, "big") + fence[2:])
        before = []
        deadline = time.monotonic() + patience(seconds)
        while time.monotonic() < deadline:
            data = self.receive(seconds)[0]
            if int.from_bytes(data[:2], "big") == ident:
                return before
            before.append(data)
        raise AssertionError("the fence was not answered")
