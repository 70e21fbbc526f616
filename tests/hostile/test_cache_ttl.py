# SPDX-License-Identifier: BSD-2-Clause
"""How long answers are kept: TTLs at the edges (RFC 2181 section 8, RFC 8767 section 4), the
operator's clamps, and the countdown that clients see."""

import unittest

from support import wire
from support.cache_case import ADDRESS, CacheCase, addresses
from support.hostile import Send

DAY = 86400
EDGES = (1 << 31) - 1, 1 << 31, (1 << 32) - 1


def of_ttls(answer, authority=(), additional=()):
    """A behaviour: A records of ANSWER's TTLs, NS records of AUTHORITY's, and so on."""
    def behave(arrival):
        return [Send(wire.reply(
            arrival.message,
            [wire.record(b"\xc0\x0c", wire.A, wire.a(f"192.0.2.{i + 1}"), ttl)
             for i, ttl in enumerate(answer)],
            [wire.record("example", wire.NS, wire.name(f"ns{i}.example"), ttl)
             for i, ttl in enumerate(authority)],
            [wire.record(f"ns{i}.example", wire.A, wire.a(ADDRESS), ttl)
             for i, ttl in enumerate(additional)]))]
    return behave


def ttls(answer):
    return [each.ttl for section in (answer.answer, answer.authority, answer.additional)
            for each in section]


class TtlTest(CacheCase):
    def check_kept(self, ttl, expected, **kw):
        """What the first client sees, and the next."""
        self.serve(addresses(ttl), **kw)
        self.assertEqual(ttls(self.from_upstream("www.example")), [expected])
        self.assertIn(*ttls(self.from_cache("www.example")), (expected, expected - 1))
        self.ringdns.stop()

    def check_not_kept(self, ttl, **kw):
        self.serve(addresses(ttl), **kw)
        for _ in range(3):
            self.assertEqual(ttls(self.from_upstream("www.example")), [0])
        stats = self.ringdns.stats()
        self.assertEqual((stats["cache_stored"], stats["cache_refused_ttl"]), (0, 3))
        self.ringdns.stop()

    def test_ttl_0_is_answered_and_not_kept(self):
        self.check_not_kept(0)

    def test_ttl_1_is_kept_for_its_second(self):
        """It is answered from memory, and never so with a TTL of more than 1."""
        self.serve(addresses(1), cache={"without-recursion": True})
        self.assertEqual(ttls(self.from_upstream("www.example")), [1])
        self.client.query("www.example")
        self.wait_expired("www.example")
        self.upstream.behaviour = addresses(300)
        self.assertEqual(ttls(self.from_upstream("www.example")), [300])

    def test_ttl_2_31_minus_1_and_2_31_and_2_32_minus_1_are_the_cap(self):
        """One with the top bit set is not 0 but as long as allowed."""
        for ttl in EDGES:
            with self.subTest(ttl=ttl):
                self.check_kept(ttl, DAY)

    def test_ttl_edges_with_the_longest_cap(self):
        for ttl in EDGES:
            with self.subTest(ttl=ttl):
                self.check_kept(ttl, 7 * DAY, cache={"max-ttl": "7d"})

    def test_ttl_clamps(self):
        for ttl, expected in ((1, 60), (59, 60), (60, 60), (61, 61), (600, 600), (601, 600)):
            with self.subTest(ttl=ttl):
                self.check_kept(ttl, expected, cache={"min-ttl": "1m", "max-ttl": "10m"})

    def test_ttl_0_is_raised_where_the_operator_wants_it(self):
        self.check_kept(0, 5, cache={"min-ttl": "5s"})

    def test_clamps_hold_for_every_record(self):
        self.serve(of_ttls([1, 5000], [3, 100], [0, 9000]),
                   cache={"min-ttl": "1m", "max-ttl": "10m"})
        self.assertEqual(ttls(self.from_upstream("www.example")), [60, 600, 60, 100, 60, 600])

    def test_clamped_without_a_cache_as_well(self):
        self.serve(addresses(1 << 31), cache={"size": 0, "max-ttl": "10m"})
        for _ in range(2):
            self.assertEqual(ttls(self.from_upstream("www.example")), [600])


class CountdownTest(CacheCase):
    def assert_counted_down(self, before):
        """Every TTL has fallen by the same, none below 0. That is some seconds."""
        answer = self.wait_counted_down("www.example", below=before[0] - 1)
        after = ttls(answer)
        self.assertEqual(len(after), len(before))
        passed = before[0] - after[0]
        self.assertGreaterEqual(passed, 2)
        self.assertEqual(after, [max(0, each - passed) for each in before])

    def test_the_countdown_is_seen_of_all_records(self):
        before = [300, 300, 500, 86400, 7000]
        self.serve(of_ttls(before[:2], before[2:4], before[4:]), cache={"rotate": False})
        self.assertEqual(ttls(self.from_upstream("www.example")), before)
        self.assert_counted_down(before)

    def test_additional_records_never_fall_below_0(self):
        """They do not count for how long an answer is kept; that they have ended is no reason to
        give them a TTL of 136 years."""
        self.serve(of_ttls([300], [300], [1]))
        self.from_upstream("www.example")
        answer = self.wait_counted_down("www.example", below=299)
        self.assertEqual([each.ttl for each in answer.additional if each.ttl], [])

    def test_an_answer_lives_as_long_as_the_least_ttl_of_answer_and_authority(self):
        for sections in (([300, 1, 300], [300]), ([300], [300, 1])):
            with self.subTest(sections):
                self.serve(of_ttls(*sections), cache={"without-recursion": True, "rotate": False})
                self.from_upstream("www.example")
                self.wait_expired("www.example")
                self.upstream.behaviour = of_ttls([200])
                self.assertEqual(ttls(self.from_upstream("www.example")), [200])
                self.ringdns.stop()

    def test_an_answer_with_ttl_0_among_its_records_is_not_kept(self):
        for sections in (([300, 0], [300]), ([300], [0])):
            with self.subTest(sections):
                self.serve(of_ttls(*sections))
                for _ in range(2):
                    self.from_upstream("www.example")
                self.ringdns.stop()

    def test_hits_do_not_prolong(self):
        """However often it is asked for."""
        self.serve(addresses(2), cache={"stale": "0s"})
        self.client.query("www.example")
        seen = 0
        while len(self.upstream.log()) == 1:
            self.assertLessEqual(ttls(self.client.query("www.example"))[0], 2)
            seen += 1
            self.assertLess(seen, 1_000_000)
        self.assertGreater(self.ringdns.stats()["cache_hits"], 0)


if __name__ == "__main__":
    unittest.main()
