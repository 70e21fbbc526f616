# SPDX-License-Identifier: BSD-2-Clause
"""Cache pollution: a scan through ten times as many names as there is room for, beside a set of
names that is asked for again and again. What is asked for once goes first; the hot set stays."""

import unittest

from support import dnsperf, wire
from support.cache_case import questions, smallest_cache
from support.client import Client
from support.ringdns import Ringdns
from support.servers import Knot

ENTRY = 1000    # bytes of an answer, about
TIMES = 10      # the scan: so many times the room
ROUNDS = 40     # it is asked in so many parts, and the hot set after each
HOT = 100       # names
SMALL = 16 << 20

TEXT = " ".join(f'"{"x" * 239}"' for _ in range(4))
ZONE = (f"$TTL 86400\n@ SOA ns admin 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.53\n"
        f"* TXT {TEXT}\n")


class PollutionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.knot = cls.enterClassContext(Knot({"wild.example": ZONE}))

    def serve(self, size, workers):
        self.ringdns = self.enterContext(Ringdns(
            self.knot.servers, config={"loop-probe": False}, cache={"size": size},
            workers=workers))
        self.client = self.enterContext(Client(("127.0.0.1", self.ringdns.port)))
        self.part = TIMES * size // ENTRY // ROUNDS
        self.scanned = 0

    def scan(self):
        """The next names, each of them once."""
        lines = "".join(f"scan{self.scanned + i}.wild.example TXT\n" for i in range(self.part))
        self.scanned += self.part
        result = dnsperf.load(("127.0.0.1", self.ringdns.port), lines, clients=8, outstanding=200)
        self.assertEqual(result.rcodes, {"NOERROR": self.part})

    def ask_hot(self, mark):
        """How many of the hot names were known."""
        before = self.ringdns.stats()
        for i in range(HOT):
            answer = self.client.query(f"{mark}{i}.wild.example", wire.TXT)
            self.assertEqual((answer.rcode, len(answer.answer)), (wire.NOERROR, 1))
        after = self.ringdns.stats()
        known = after["cache_hits"] - before["cache_hits"]
        self.assertEqual(known + questions(after) - questions(before), HOT)
        return known

    def rounds(self, mark, count):
        """The hot names' hits in each round of the scan."""
        found = []
        for _ in range(count):
            self.scan()
            found.append(self.ask_hot(mark))
        print(f"# {mark}: {found} of {HOT} beside {self.part} others")
        return found

    def check(self, size, workers, share_min, worst_min):
        """Of the hot names SHARE_MIN are known in all rounds together, and WORST_MIN in the worst
        of those when all has long been full."""
        self.serve(size, workers)
        for _ in range(3):
            self.ask_hot("hot")
        found = self.rounds("hot", ROUNDS)
        self.assertGreaterEqual(self.ringdns.stats()["cache_stored"], self.scanned)
        self.assertGreaterEqual(sum(found), share_min * HOT * ROUNDS)
        self.assertGreaterEqual(min(found[ROUNDS // 2:]), worst_min * HOT)

        # A set that becomes hot when the cache has long been full finds its place as well.
        self.ask_hot("next")
        self.ask_hot("next")
        found = self.rounds("next", 10)
        self.assertGreaterEqual(sum(found), share_min * HOT * 10)

    def test_scan_of_10_times_the_capacity_beside_a_hot_set(self):
        self.check(SMALL, 1, 0.98, 0.95)

    def test_scan_of_10_times_the_smallest_capacity_beside_a_hot_set_on_two_workers(self):
        """The hot set is a tenth of all that has room there, in no more than a few segments."""
        self.check(smallest_cache(workers=2), 2, 0.9, 0.8)


if __name__ == "__main__":
    unittest.main()
