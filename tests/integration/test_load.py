# SPDX-License-Identifier: BSD-2-Clause
"""dnsperf through Ringdns to knotd, names never repeated: every query is accounted for, on one and
two workers, over io_uring and system calls; and nothing stays behind.

In a namespace, so that its UDP statistics are of these three programs alone: what was dropped at
dnsperf's sockets is what was dropped in all, less what our counters and knotd's sockets tell.
"""

import signal
import unittest

from support import dnsperf, wire
from support.client import Client
from support.netns import Namespace
from support.process import scaled
from support.ringdns import Ringdns
from support.servers import Knot

ZONE = "$TTL 300\n@ SOA ns admin 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.53\n* A 192.0.2.1\n"
SHARE_MIN = 0.3  # of the queries, that each of two workers gets
ANSWERS = ("answers_noerror", "answers_formerr", "answers_servfail", "answers_nxdomain",
           "answers_notimp", "answers_refused", "answers_badvers", "answers_other")


class LoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enterClassContext(Namespace())
        cls.knot = cls.enterClassContext(
            Knot({"wild.example": ZONE}, addresses=("127.0.0.2",), namespace=cls.namespace))
        cls.next_name = 0

    def start(self, config=None, **kw):
        """No questions of its own, so that counters hold the clients' alone."""
        return self.enterContext(
            Ringdns(self.knot.servers, namespace=self.namespace,
                    config={"loop-probe": False, **(config or {})}, **kw))

    def load(self, count, **kw):
        """COUNT queries that were never asked before."""
        lines = dnsperf.names(count, start=LoadTest.next_name)
        LoadTest.next_name += count
        return dnsperf.load(("127.0.0.1", 53), lines, preexec=(self.namespace.join,), **kw)

    def drops(self):
        """Datagrams that were dropped in the namespace so far, but for those at knotd's socket and
        at the ports that are open to it: a port's own are counted when it closes."""
        return (self.namespace.udp_counter("RcvbufErrors")
                - self.namespace.socket_drops("127.0.0.2", 53)
                - self.namespace.socket_drops("127.0.0.2", 53, peer=True))

    def check_arithmetic(self, ringdns, result, before):
        """What dnsperf sent and what we answered add up, exactly, once all is quiet."""
        stats = ringdns.wait_quiet(5)
        self.assertEqual(result.sent, result.completed + result.lost)
        self.assertEqual(stats["queries_udp"] + stats["dropped_listener"], result.sent)
        self.assertEqual(stats["queries_led"] + stats["queries_joined"]
                         + stats["queries_dropped_repeat"] + self.failed_at_once(stats),
                         stats["queries_udp"])
        answered = sum(stats[field] for field in ANSWERS) - stats["answers_lost_send"]
        dropped = self.drops() - before - stats["dropped_listener"] - stats["dropped_port"]
        self.assertEqual(answered - dropped, result.completed, result.text)
        self.assertEqual(stats["answers_lost_buffer"], 0)
        return stats

    @staticmethod
    def failed_at_once(stats):
        return sum(stats[field] for field in ("failed_slots", "failed_waiters", "failed_ports",
                                              "failed_down"))

    def moderate(self, io, workers):
        """A rate that a slow machine can bear: nothing is lost anywhere."""
        ringdns = self.start(io=io, workers=workers)
        before = self.drops()
        count = scaled(10_000)
        result = self.load(count, clients=64, outstanding=500, rate=scaled(4000))
        stats = self.check_arithmetic(ringdns, result, before)
        self.assertEqual(result.sent, count)
        self.assertEqual(result.rcodes, {"NOERROR": count})
        for field in ("dropped_listener", "dropped_port", "answers_lost_send",
                      "upstream_send_failed", "answers_servfail", "io_overflows", "io_errors"):
            self.assertEqual(stats[field], 0, field)
        self.assertEqual(self.drops(), before)
        self.assertEqual(stats["queries_led"], count)
        self.assertEqual(stats["upstream_sent"] - stats["upstream_resent"], count)
        return ringdns

    def shares(self, ringdns):
        counts = [worker["queries_udp"] for worker in ringdns.worker_stats()]
        return [count / sum(counts) for count in counts]

    def two_workers(self, io):
        """The kernel deals 64 sockets out by chance: once in a thousand times badly."""
        for _ in range(2):
            ringdns = self.moderate(io, 2)
            shares = self.shares(ringdns)
            ringdns.stop()
            if min(shares) >= SHARE_MIN:
                break
        self.assertEqual(len(shares), 2)
        self.assertGreaterEqual(min(shares), SHARE_MIN)

    def test_moderate_uring_one_worker(self):
        self.moderate("uring", 1)

    def test_moderate_uring_two_workers(self):
        self.two_workers("uring")

    def test_moderate_syscall_one_worker(self):
        self.moderate("syscall", 1)

    def test_moderate_syscall_two_workers(self):
        self.two_workers("syscall")

    def full_speed(self, io, workers, **kw):
        ringdns = self.start(io=io, workers=workers, **kw)
        before = self.drops()
        result = self.load(scaled(150_000), clients=64, outstanding=2000, seconds=4)
        stats = self.check_arithmetic(ringdns, result, before)
        self.assertGreater(result.completed, scaled(5000))
        self.assertEqual(stats["io_errors"], 0)
        # And it is as well as before.
        again = self.load(100, rate=200)
        self.assertEqual(again.rcodes, {"NOERROR": 100})
        return stats

    def test_full_speed_uring_one_worker(self):
        self.full_speed("uring", 1)

    def test_full_speed_uring_two_workers(self):
        self.full_speed("uring", 2)

    def test_full_speed_syscall_one_worker(self):
        self.full_speed("syscall", 1)

    def test_full_speed_syscall_two_workers(self):
        self.full_speed("syscall", 2)

    def test_drops_at_our_listener_are_counted(self):
        """The smallest queue, and a burst while nobody reads it."""
        burst = 2000
        for io in ("uring", "syscall"):
            with self.subTest(io=io):
                ringdns = self.start(io=io, config={"receive-buffer": "64KiB"})
                before = self.drops()
                with Client(("127.0.0.1", 53), namespace=self.namespace) as client:
                    ringdns.process.freeze()
                    for i in range(burst):
                        client.send(wire.query(f"{io}{i}.burst.wild.example"))
                    ringdns.process.signal(signal.SIGCONT)
                    stats = ringdns.wait_stats(
                        lambda now: now["queries_udp"] + now["dropped_listener"] == burst)
                self.assertGreater(stats["dropped_listener"], 0)
                self.assertGreater(stats["queries_udp"], 0)
                self.assertGreaterEqual(self.drops() - before, stats["dropped_listener"])
                ringdns.stop()


if __name__ == "__main__":
    unittest.main()
