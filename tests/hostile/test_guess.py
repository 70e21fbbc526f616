# SPDX-License-Identifier: BSD-2-Clause
"""What a blind forger has to guess: IDs and source ports, of two workers, as an upstream sees them
(RFC 5452 section 9; CVE-2025-40780, CVE-2026-50252).

Each worker is driven from client ports that the kernel gives to it: which, its counters tell. The
p-values are of honest dice: one test in ten thousand fails by bad luck, so each may be drawn twice.
"""

import collections
import unittest

from support import chance, dnsperf, wire
from support.case import ForwarderCase
from support.hostile import Recorder

QUERIES = 50_000      # of each worker
PORTS_FROM = 1024
QUESTIONS_MAX = 96    # from one port in its life
P = 1e-4


def reserved_ports():
    with open("/proc/sys/net/ipv4/ip_local_reserved_ports", encoding="ascii") as file:
        ports = set()
        for part in file.read().strip().split(","):
            if part:
                first, _, last = part.partition("-")
                ports.update(range(int(first), int(last or first) + 1))
        return ports


class Seen:
    """What the upstream saw of one worker, in order."""

    def __init__(self, recorder, mark):
        pairs = [(port, ident) for port, ident, seen in
                 zip(recorder.ports, recorder.ids, recorder.marks) if seen == ord(mark)]
        self.ports = [port for port, _ in pairs]
        self.ids = [ident for _, ident in pairs]
        self.new_ports = list(dict.fromkeys(self.ports))  # in the order of their first use


class GuessTest(ForwarderCase):
    """Guessable ID or port; ports tied to a worker. IDs and the ports of new sockets are uniform
    (chi-square, p > 1e-4, one retry), without serial correlation; there are 1,500 ports at least,
    none with more than 96 queries; the ports of two workers pass a two-sample test.

    One run of 100,000 queries serves all tests; a test that draws again makes another."""

    seen = None

    def setUp(self):
        if GuessTest.seen is None:
            self.draw()

    def local_ports(self):
        """A client port for each of the two workers."""
        found = {}
        for _ in range(200):
            before = [each["queries_udp"] for each in self.ringdns.worker_stats()]
            client = self.new_client()
            client.sock.bind(("127.0.0.1", 0))
            client.query("x.which.example")
            after = [each["queries_udp"] for each in self.ringdns.worker_stats()]
            worker = [a - b for a, b in zip(after, before)].index(1)
            found.setdefault(worker, client.sock.getsockname()[1])
            client.close()
            if len(found) == 2:
                return [found[0], found[1]]
        self.fail("200 client ports, and one worker saw none of them")

    def draw(self):
        with Recorder() as recorder:
            self.start([recorder.server], workers=2)
            for mark, port in zip("ab", self.local_ports()):
                result = dnsperf.load(
                    ("127.0.0.1", self.ringdns.port),
                    dnsperf.names(QUERIES, mark, "wild.example"), clients=1,
                    outstanding=500, options=("-a", "127.0.0.1", "-x", str(port)))
                self.assertEqual(result.sent, QUERIES)
                self.assertGreaterEqual(result.completed, QUERIES * 0.99)
            self.ringdns.wait_quiet()
            GuessTest.workers = self.ringdns.worker_stats()
            GuessTest.total = self.ringdns.stats()
            GuessTest.seen = [Seen(recorder, mark) for mark in "ab"]

    def probable(self, measure):
        """MEASURE, a function that gives p-values, one per worker or pair, may fail once."""
        if min(measure()) <= P:
            self.draw()
            values = measure()
            self.assertGreater(min(values), P, f"p-values {values}, twice in a row")

    def test_each_worker_asked_its_share(self):
        for worker, seen in zip(self.workers, self.seen):
            self.assertGreaterEqual(len(seen.ids), QUERIES * 0.99)
            self.assertGreaterEqual(worker["upstream_sent"], len(seen.ids))

    def test_ids_are_uniform(self):
        self.probable(lambda: [chance.uniform(seen.ids, 256) for seen in self.seen])

    def test_low_bytes_of_ids_are_uniform(self):
        self.probable(lambda: [chance.uniform([i & 255 for i in seen.ids], 256, 0, 256)
                               for seen in self.seen])

    def test_ids_do_not_follow_from_those_before(self):
        def measure():
            for seen in self.seen:
                for lag in (1, 2, 3):
                    yield chance.uncorrelated(seen.ids, lag)
                    steps = [b - a & 0xffff for a, b in zip(seen.ids, seen.ids[lag:])]
                    yield chance.uniform(steps, 256)
        self.probable(measure)

    def test_ids_on_one_port_are_uniform(self):
        """Relative to the first ID of their port."""
        def measure():
            for seen in self.seen:
                first, steps = {}, []
                for port, ident in zip(seen.ports, seen.ids):
                    if port in first:
                        steps.append(ident - first[port] & 0xffff)
                    first.setdefault(port, ident)
                yield chance.uniform(steps, 256)
        self.probable(measure)

    def test_new_ports_are_uniform(self):
        self.probable(lambda: [chance.uniform(seen.new_ports, 64, PORTS_FROM, 65536,
                                              reserved_ports()) for seen in self.seen])

    def test_new_ports_do_not_follow_from_those_before(self):
        self.probable(lambda: [chance.uncorrelated(seen.new_ports, lag)
                               for seen in self.seen for lag in (1, 2)])

    def test_ports_of_two_workers_are_alike(self):
        self.probable(lambda: [chance.same_distribution(*(seen.new_ports for seen in self.seen))])

    def test_ports_are_many_and_none_is_reserved(self):
        ports = set(self.seen[0].new_ports) | set(self.seen[1].new_ports)
        self.assertGreaterEqual(len(ports), 1500)
        self.assertGreaterEqual(min(ports), PORTS_FROM)
        self.assertEqual(ports & reserved_ports(), set())

    def test_no_port_asks_more_than_its_share(self):
        """By chance a port is drawn again later: it then has another life. So many lives were
        there, by the forwarder's own count, and no fewer are needed."""
        for worker, seen in zip(self.workers, self.seen):
            used = collections.Counter(seen.ports)
            lives = sum(-(-count // QUESTIONS_MAX) for count in used.values())
            self.assertLessEqual(lives, worker["ports_opened"])
            again = sum(1 for count in used.values() if count > QUESTIONS_MAX)
            expected = len(used) ** 2 / 2 / 64512
            self.assertLessEqual(again, expected + 5 * expected ** 0.5 + 3)

    def test_many_ports_are_in_use_at_a_time(self):
        """Under load, that is: seen in the last 2000 queries of a worker."""
        for seen in self.seen:
            tail = seen.ports[-2000:]
            self.assertGreaterEqual(len(set(tail)), 64)


class SmallPoolTest(ForwarderCase):
    def test_quiet_forwarder_uses_several_ports(self):
        """A query now and then does not come from one port either."""
        self.serve()
        for i in range(64):
            self.client.query(f"quiet{i}.example")
        ports = {arrival.peer[1] for arrival in self.upstream.log()}
        self.assertGreaterEqual(len(ports), 4)
        per_port = collections.Counter(arrival.peer[1] for arrival in self.upstream.log())
        self.assertLess(max(per_port.values()), 64)

    def test_avoided_ports_are_not_used(self):
        self.serve(config={"ports": {"avoid": ["1024-40000", 50000, "60001-65535"]}})
        clients = self.clients(10)
        for i in range(50):
            for client in clients:
                client.send(wire.query(f"{i}.{id(client)}.avoid.example"))
            for client in clients:
                client.answer()
        ports = {arrival.peer[1] for arrival in self.upstream.log()}
        self.assertTrue(all(40000 < port <= 60000 and port != 50000 for port in ports), ports)
        self.assertGreaterEqual(len(ports), 6)


if __name__ == "__main__":
    unittest.main()
