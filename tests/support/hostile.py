# SPDX-License-Identifier: BSD-2-Clause
"""An upstream that does what it is told: late, wrong, forged, broken or no replies at all.

A behaviour is a function from an Arrival to what it causes: a list of Send, and by TCP of Raw and
Close too.

    def late(arrival):
        return [Send(wire.address_reply(arrival.message, "192.0.2.1"), delay=0.3)]

Everything that arrives is logged, parsed and with its time, so that tests can count and look. Our
own loop probes are apart: they are answered as any resolver does, and no behaviour sees them.
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
from support.streams import Connection, listener

LOOP_PROBES = wire.name("loop-probe.ringdns")


class Arrival(NamedTuple):
    time: float
    data: bytes
    peer: tuple
    message: wire.Message  # None: not a message
    server: Any            # the address it came to
    nth: int               # how many with this question came before, on all addresses
    connection: Any        # the Connection it came over; None: by UDP

    @property
    def tcp(self):
        return self.connection is not None

    @property
    def key(self):
        name, qtype, qclass = self.message.questions[0]
        return name.lower(), qtype, qclass


class Send(NamedTuple):
    data: bytes
    delay: float = 0.0
    to: tuple = None       # None: who asked
    via: Any = None        # a socket of one's own; None: the one that was asked


class Raw(NamedTuple):
    """By TCP: bytes without a length in front of them."""
    data: bytes
    delay: float = 0.0


class Close(NamedTuple):
    """By TCP: the connection ends, when what was sent before has left. RESET: at once, by RST."""
    delay: float = 0.0
    reset: bool = False


def good(arrival, address="192.0.2.1"):
    return [Send(wire.address_reply(arrival.message, address))]


def silent(_):
    return []


def truncated(arrival):
    """TC=1 and nothing else, by UDP; a good answer by TCP."""
    if arrival.tcp:
        return good(arrival)
    return [Send(wire.reply(arrival.message, flags=wire.RA | wire.TC))]


def fails(rcode, **kw):
    """A behaviour: every reply has this RCODE and no records."""
    return lambda arrival: [Send(wire.reply(arrival.message, rcode=rcode, **kw))]


def loop_probe_reply(arrival):
    return [Send(wire.reply(arrival.message, rcode=wire.NXDOMAIN))]


class Upstream:
    """Listens on every one of ADDRESSES at one port, by UDP, and by TCP when that has a behaviour:
    TCP; without, connections are refused. Both may be changed at any time, and so may GREETING,
    a function from a new Connection to a list of Raw and Close. What a behaviour raises is kept
    and raised again by close(), so that a test cannot pass over it."""

    def __init__(self, behaviour=good, addresses=("127.0.0.1",), port=0, namespace=None, tcp=None):
        self.behaviour, self.tcp = behaviour, tcp
        self.greeting = silent
        self.probe_behaviour = loop_probe_reply
        self._make = namespace.socket if namespace else socket.socket
        self.socks, self._listeners = self._bind(addresses, port)
        self.port = self.socks[addresses[0]].getsockname()[1]
        self.servers = [(address, self.port) for address in addresses]
        self.probes = []         # the loop probes that came
        self.connections = []    # every Connection that was accepted
        self._log, self._counts = [], {}
        self._news = threading.Condition()
        self._queue, self._order = [], itertools.count()
        self._error = None
        self._waker, self._alarm = socket.socketpair()
        self._orders = []
        self._stop = False
        self._selector = selectors.DefaultSelector()
        if tcp:
            self.accept_tcp(tcp)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _bind(self, addresses, port):
        """UDP sockets and TCP listeners, of one port."""
        for left in range(50 if port == 0 else 1, 0, -1):
            socks, listeners, number = {}, {}, port
            try:
                for address in addresses:
                    socks[address] = self.other_socket(address, number)
                    number = socks[address].getsockname()[1]
                    listeners[address] = listener(self._make, address, number)
                return socks, listeners
            except OSError:
                for sock in (*socks.values(), *listeners.values()):
                    sock.close()
                if left == 1:
                    raise
        raise AssertionError("unreachable")

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

    def accept_tcp(self, behaviour):
        """From now on connections are accepted."""
        self.tcp = behaviour
        for sock in self._listeners.values():
            sock.listen(128)

    def close(self):
        if self._thread.is_alive():
            self._stop = True
            self._alarm.send(b"x")
            self._thread.join()
        for connection in self.connections:
            connection.sock.close()
        for sock in (*self.socks.values(), *self._listeners.values(), self._waker, self._alarm):
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

    def asked(self, qname=None, tcp=None):
        """Those arrivals whose question has this name, or all. TCP: those that came so, or not."""
        want = wire.name(qname).lower() if qname else None
        with self._news:
            return [each for each in self._log if (want is None or each.key[0] == want)
                    and (tcp is None or each.tcp == tcp)]

    def wait_asked(self, qname=None, count=1, seconds=5, tcp=None):
        """The same, once there are COUNT."""
        def found():
            return self.asked(qname, tcp)
        return self.wait(lambda: len(found()) >= count and found(), seconds,
                         lambda: f"{len(found())} queries came upstream, not {count}")

    def wait(self, condition, seconds=5, what="never so"):
        """What CONDITION gives, once that is true; it is asked again when something has come, and
        when a connection has begun or ended."""
        deadline = time.monotonic() + patience(seconds)
        with self._news:
            while not (found := condition()):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(what() if callable(what) else what)
                self._news.wait(left)
            return found

    def open_connections(self):
        with self._news:
            return [each for each in self.connections if each.open]

    def most_connections(self):
        """The most that were open at a time."""
        with self._news:
            steps = [(each.opened, 1) for each in self.connections]
            steps += [(each.closed, -1) for each in self.connections if not each.open]
        return max(itertools.accumulate(step for _, step in sorted(steps)), default=0)

    def send(self, data, to, via=None, server=None):
        """Sends at once, from the test's own thread."""
        (via or self.socks[server or self.servers[0][0]]).sendto(data, to)

    def act(self, connection, *acts):
        """Sends (Send, Raw) to CONNECTION, or ends it (Close); in the upstream's own thread."""
        self._orders.append((connection, acts))
        self._alarm.send(b"x")

    # --- in the thread ---

    def _serve(self):
        with self._selector as selector:
            for address, sock in self.socks.items():
                self._watch(sock, self._receive, address)
            for address, sock in self._listeners.items():
                self._watch(sock, self._accept, address)
            self._watch(self._waker, self._obey, None)
            while not self._stop:
                wait = max(0, self._queue[0][0] - time.monotonic()) if self._queue else None
                for key, _ in selector.select(wait):
                    handler, argument = key.data
                    handler(argument, key.fileobj)
                self._send_due()

    def _watch(self, sock, handler, argument, events=selectors.EVENT_READ):
        sock.setblocking(False)
        try:
            self._selector.modify(sock, events, (handler, argument))
        except KeyError:
            self._selector.register(sock, events, (handler, argument))

    def _obey(self, _, sock):
        sock.recv(4096)
        while self._orders:
            connection, acts = self._orders.pop(0)
            self._plan(acts, connection, None)

    def _receive(self, address, sock):
        for _ in range(64):
            try:
                data, peer = sock.recvfrom(65535)
            except OSError:  # nothing left, or the ICMP answer to a forgery of ours
                return
            self._react(self._note(address, data, peer, None), self.behaviour, sock, peer)

    def _accept(self, address, sock):
        try:
            accepted, peer = sock.accept()
        except OSError:  # gone already, or nobody listens yet
            return
        connection = Connection(accepted, peer, address)
        with self._news:
            self.connections.append(connection)
            self._news.notify_all()
        self._watch(accepted, self._read, connection)
        self._plan(self.greeting(connection), connection, None)

    def _read(self, connection, _):
        try:
            for data in connection.messages():
                arrival = self._note(connection.server, data, connection.peer, connection)
                self._react(arrival, self.tcp, connection, None)
        except OSError:
            self._end(connection)
            return
        self._push(connection)

    def _push(self, connection):
        """Sends what CONNECTION's socket takes."""
        if not connection.open:
            return
        if not connection.push():
            self._end(connection)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        self._watch(connection.sock, self._read, connection, events)

    def _end(self, connection):
        self._selector.unregister(connection.sock)
        with self._news:
            connection.end()
            self._news.notify_all()

    def _react(self, arrival, behaviour, way, peer):
        if not arrival.message:
            return
        if arrival.message.qname.endswith(LOOP_PROBES):
            behaviour = self.probe_behaviour
        try:
            self._plan(behaviour(arrival), way, peer)
        except Exception as error:  # pylint: disable=broad-except
            self._error = self._error or error

    def _plan(self, acts, way, peer):
        for each in acts:
            due = time.monotonic() + each.delay
            heapq.heappush(self._queue, (due, next(self._order), each, way, peer))

    def _note(self, address, data, peer, connection):
        try:
            message = wire.parse(data)
            key = (message.qname.lower(), *message.questions[0][1:])
        except (wire.Malformed, IndexError) as error:
            self._error = self._error or AssertionError(f"a broken query: {data.hex()}: {error}")
            message, key = None, None
        with self._news:
            nth = self._counts.get(key, 0)
            self._counts[key] = nth + 1
            arrival = Arrival(time.monotonic(), data, peer, message, address, nth, connection)
            if message:
                is_probe = message.qname.endswith(LOOP_PROBES)
                (self.probes if is_probe else self._log).append(arrival)
            self._news.notify_all()
        return arrival

    def _send_due(self):
        while self._queue and self._queue[0][0] <= time.monotonic():
            _, _, act, way, peer = heapq.heappop(self._queue)
            if isinstance(way, Connection):
                self._do(act, way)
                continue
            try:
                (act.via or way).sendto(act.data, act.to or peer)
            except OSError:  # the port is closed by now: as a lost packet
                pass

    def _do(self, act, connection):
        if not connection.open:
            return
        if isinstance(act, Close):
            connection.hang_up(act.reset)
        else:
            connection.put(act.data, isinstance(act, Send))
        self._push(connection)


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
