# SPDX-License-Identifier: BSD-2-Clause
"""An upstream that does what it is told: late, wrong, forged, broken or no replies at all.

A behaviour is a function from an Arrival to the datagrams that it causes, a list of Send:

    def late(arrival):
        return [Send(wire.address_reply(arrival.message, "192.0.2.1"), delay=0.3)]

Everything that arrives is logged, parsed and with its time, so that tests can count and look.
"""

import heapq
import itertools
import selectors
import socket
import threading
import time
from array import array
from typing import Any, NamedTuple

from support import wire
from support.process import patience
from support.ringdns import family


class Arrival(NamedTuple):
    time: float
    data: bytes
    peer: tuple
    message: wire.Message  # None: not a message
    server: Any            # the address it came to
    nth: int               # how many with this question came before, on all addresses

    @property
    def key(self):
        name, qtype, qclass = self.message.questions[0]
        return name.lower(), qtype, qclass


class Send(NamedTuple):
    data: bytes
    delay: float = 0.0
    to: tuple = None       # None: who asked
    via: Any = None        # a socket of one's own; None: the one that was asked


def good(arrival, address="192.0.2.1"):
    return [Send(wire.address_reply(arrival.message, address))]


def silent(_):
    return []


class Upstream:
    """Listens on every one of ADDRESSES at one port. BEHAVIOUR may be changed at any time. What a
    behaviour raises is kept and raised again by close(), so that a test cannot pass over it."""

    def __init__(self, behaviour=good, addresses=("127.0.0.1",), port=0, namespace=None):
        self.behaviour = behaviour
        self.socks = {}
        self._make = namespace.socket if namespace else socket.socket
        for address in addresses:
            sock = self.other_socket(address, port)
            port = sock.getsockname()[1]
            self.socks[address] = sock
        self.port = port
        self.servers = [(address, port) for address in addresses]
        self._log, self._counts = [], {}
        self._news = threading.Condition()
        self._queue, self._order = [], itertools.count()
        self._error = None
        self._waker, self._alarm = socket.socketpair()
        self._stop = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def other_socket(self, address, port=0):
        """A socket of this upstream's host, to send forgeries from. The caller closes it."""
        sock = self._make(family(address), socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
            sock.bind((address, port))
        except OSError:
            sock.close()
            raise
        return sock

    def close(self):
        if self._thread.is_alive():
            self._stop = True
            self._alarm.send(b"x")
            self._thread.join()
        for sock in (*self.socks.values(), self._waker, self._alarm):
            sock.close()
        if self._error:
            error, self._error = self._error, None
            raise error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def log(self):
        """All that has arrived so far."""
        with self._news:
            return list(self._log)

    def asked(self, qname=None):
        """Those arrivals whose question has this name, or all."""
        want = wire.name(qname).lower() if qname else None
        with self._news:
            return [each for each in self._log if want is None or each.key[0] == want]

    def wait_asked(self, qname=None, count=1, seconds=5):
        """The same, once there are COUNT."""
        deadline = time.monotonic() + patience(seconds)
        with self._news:
            while len(found := self.asked(qname)) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{len(found)} queries came upstream, not {count}")
                self._news.wait(left)
            return found

    def send(self, data, to, via=None, server=None):
        """Sends at once, from the test's own thread."""
        (via or self.socks[server or self.servers[0][0]]).sendto(data, to)

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            for address, sock in self.socks.items():
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ, address)
            selector.register(self._waker, selectors.EVENT_READ)
            while not self._stop:
                wait = max(0, self._queue[0][0] - time.monotonic()) if self._queue else None
                for key, _ in selector.select(wait):
                    if key.data is not None:
                        self._receive(key.data, key.fileobj)
                self._send_due()

    def _receive(self, address, sock):
        for _ in range(64):
            try:
                data, peer = sock.recvfrom(65535)
            except OSError:  # nothing left, or the ICMP answer to a forgery of ours
                return
            arrival = self._note(address, data, peer)
            try:
                for send in self.behaviour(arrival) if arrival.message else ():
                    due = time.monotonic() + send.delay
                    heapq.heappush(self._queue, (due, next(self._order), send, sock, peer))
            except Exception as error:  # pylint: disable=broad-except
                self._error = self._error or error

    def _note(self, address, data, peer):
        try:
            message = wire.parse(data)
            key = (message.qname.lower(), *message.questions[0][1:])
        except (wire.Malformed, IndexError) as error:
            self._error = self._error or AssertionError(f"a broken query: {data.hex()}: {error}")
            message, key = None, None
        with self._news:
            nth = self._counts.get(key, 0)
            self._counts[key] = nth + 1
            arrival = Arrival(time.monotonic(), data, peer, message, address, nth)
            if message:
                self._log.append(arrival)
            self._news.notify_all()
        return arrival

    def _send_due(self):
        while self._queue and self._queue[0][0] <= time.monotonic():
            _, _, send, sock, peer = heapq.heappop(self._queue)
            try:
                (send.via or sock).sendto(send.data, send.to or peer)
            except OSError:  # the port is closed by now: as a lost packet
                pass


class Recorder:
    """An upstream that is quick: it answers every query with the query itself as a reply with no
    records, and notes source port, ID and the first character of the name. Nothing is parsed."""

    def __init__(self, address="127.0.0.1"):
        self.sock = socket.socket(family(address), socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((address, 0))
        self.server = self.sock.getsockname()
        self.ports, self.ids, self.marks = array("H"), array("H"), array("B")
        self._stop = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        receive, send = self.sock.recvfrom, self.sock.sendto
        while not self._stop:
            data, peer = receive(4096)
            if len(data) < 17:
                continue
            self.ports.append(peer[1])
            self.ids.append(data[0] << 8 | data[1])
            self.marks.append(data[13])
            send(data[:2] + bytes([data[2] | 0x80, data[3] & 0x10 | 0x80]) + data[4:], peer)

    def close(self):
        self._stop = True
        with socket.socket(self.sock.family, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self.server)
        self._thread.join()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
