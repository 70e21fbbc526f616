# SPDX-License-Identifier: BSD-2-Clause
"""Upstreams that die, fall silent and come back under load, watched ten times a second; and names
that nobody answers at an upstream that is well.

Bounds in time are the promise itself here: a question waits for one time-out at most, and a server
is used again within a second of its first answer. They have room for a machine that does other
things as well (250 ms and another second), more with sanitizers. RINGDNS_RATE sets the load
(queries per second); it is never more than a third of what the machine is found to bear.
"""

import os
import signal
import time
import unittest

from support import dnsperf, timeline
from support.netns import Namespace
from support.places import PlaceCase, UnboundPlace, config
from support.process import patience, scaled, wait_until
from support.ringdns import Ringdns

RATE = int(os.environ.get("RINGDNS_RATE") or scaled(20_000))
SECONDS = 8
TIMEOUT_S = 0.4        # a first attempt's, towards a server that is fast otherwise
SPARE_S = patience(0.125)  # for threads that must wait for a busy machine
USED_AGAIN_S = patience(1)
FIRST, SECOND = "127.20.0.1", "127.20.0.2"


class DyingTest(PlaceCase, unittest.TestCase):
    """Policy ordered is the worst case: every question goes to the server that dies."""

    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enterClassContext(Namespace())
        cls.first, cls.second = cls.place(FIRST), cls.place(SECOND)
        cls.rate = cls.bearable_rate()

    @classmethod
    def bearable_rate(cls):
        servers = {"default": {"servers": [cls.first, cls.second], "policy": "ordered"}}
        with Ringdns((), config=config(servers), namespace=cls.namespace):
            result = dnsperf.load(("127.0.0.1", 53), dnsperf.names(200_000, zone="able.example"),
                                  outstanding=500, seconds=1, preexec=(cls.namespace.join,))
        print(f"# {result.rate:.0f} queries/s are possible, {RATE} were wanted")
        return min(RATE, int(result.rate / 3))

    def setUp(self):
        self.addCleanup(self.restore, self.first, self.second)
        self.addCleanup(self.first.process.signal, signal.SIGCONT)
        self.serve({"default": {"servers": [self.first, self.second], "policy": "ordered"}})

    def flood(self):
        return self.enterContext(dnsperf.Flood(
            ("127.0.0.1", 53), self.rate, SECONDS, zone="flood.example", clients=64,
            namespace=self.namespace))

    def wait_growth(self, place, count, what):
        """Until PLACE has had COUNT more questions."""
        before = place.asked()
        wait_until(lambda: place.asked() >= before + count, patience(10), what)

    def first_use(self, flood, watch):
        """From its first answer to a question of ours until the first place has had one of a
        client's again, in seconds. What it finds in its queue, of before, does not count."""
        wait_until(lambda: self.first.answers("."), patience(10), "the server did not come back")
        answered, before = time.monotonic(), self.first.asked()
        watch.note("it answers")
        wait_until(lambda: self.first.asked() > before, patience(10), "was never used again")
        took = time.monotonic() - answered
        watch.note("it is used")
        self.assertTrue(flood.running(), "the load ended before it was used again")
        return took

    def drops(self, place):
        """Datagrams that found PLACE's queue full."""
        return self.namespace.socket_drops(place.address, 53)

    def timed(self, end, restart):
        """The load, with END() of the first place in it and RESTART() later; what became of it."""
        self.dropped = -self.drops(self.first) - self.drops(self.second)
        flood = self.flood()
        with timeline.Watch(self.ringdns) as watch:
            self.wait_growth(self.first, self.rate // 2, "the load did not begin")
            watch.note("the end of the first server")
            self.dropped += self.drops(self.first)
            end()
            self.wait_growth(self.second, self.rate, "the second server did not take over")
            wait_until(lambda: "down" in watch.seen()[f"{FIRST}:53"], patience(5), "never down")
            watch.note("it is started again")
            restart()
            took = self.first_use(flood, watch)
            self.dropped -= self.drops(self.first)
            result, events = flood.finish()
        self.dropped += self.drops(self.first) + self.drops(self.second)
        timeline.show(events, watch)
        return result, events, watch, took

    def check(self, wait_s, result, events, watch, took):
        """Nothing was lost, few were late (those of WAIT_S), and the server was found again."""
        slow = len(timeline.late(events))
        # What the full queue of a server that was well dropped is late by that.
        allowed = self.rate * (wait_s + SPARE_S) + self.dropped
        print(f"# {result.sent} sent at {self.rate}/s: {result.lost} lost, {slow} late (at most "
              f"{allowed:.0f}; {self.dropped} were dropped); used again after {took * 1e3:.0f} ms")
        self.assertEqual(result.lost, 0)
        self.assertEqual(result.rcodes, {"NOERROR": result.sent})
        self.assertLessEqual(slow, allowed)
        self.assertLess(took, USED_AGAIN_S)
        self.assertEqual(watch.samples[-1][1], {f"{FIRST}:53": "up", f"{SECOND}:53": "up"})
        self.assertEqual(watch.seen()[f"{SECOND}:53"], {"up"})

    def test_killed_upstream(self):
        """The kernel says at once that nobody is there; only what lay in the server's queue waits
        for its time-out."""
        self.check(0, *self.timed(self.first.process.kill, lambda: self.first.start(ready=False)))

    def test_silent_upstream(self):
        process = self.first.process
        self.check(TIMEOUT_S, *self.timed(process.freeze, lambda: process.signal(signal.SIGCONT)))


class BlackholeTest(PlaceCase, unittest.TestCase):
    """A domain whose name servers are silent: its names fail, the resolver does not."""

    GOOD, DEAD = min(2000, scaled(RATE)), 200

    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enterClassContext(Namespace())
        cls.resolvers = [cls.enterClassContext(
            UnboundPlace(address, cls.namespace, silent=("dead.example",), log=False))
            for address in (FIRST, SECOND)]

    def flood(self, rate, zone, seconds):
        return self.enterContext(dnsperf.Flood(("127.0.0.1", 53), rate, seconds, zone=zone,
                                               namespace=self.namespace))

    def check_with(self, resolvers):
        self.serve({"default": {"servers": resolvers}})
        with timeline.Watch(self.ringdns) as watch:
            good = self.flood(self.GOOD, "good.example", 5)
            dead = self.flood(self.DEAD, "dead.example", 4)
            result, events = good.finish()
            failed, _ = dead.finish()
        timeline.show(events, watch)
        slow = len(timeline.late(events))
        print(f"# good names: {result.sent} sent, {result.lost} lost, {slow} late; names that "
              f"nobody answers: {failed.sent} sent, {failed.rcodes}")
        self.assertEqual(watch.seen(), {f"{each.address}:53": {"up"} for each in resolvers})
        self.assertEqual((result.lost, result.rcodes), (0, {"NOERROR": result.sent}))
        self.assertLess(slow, self.GOOD * SPARE_S)
        self.assertEqual((failed.lost, failed.rcodes), (0, {"SERVFAIL": failed.sent}))
        self.assertEqual(self.ringdns.stats()["servers_down"], 0)

    def test_one_resolver(self):
        self.check_with(self.resolvers[:1])

    def test_two_resolvers(self):
        self.check_with(self.resolvers)


if __name__ == "__main__":
    unittest.main()
