# SPDX-License-Identifier: BSD-2-Clause
"""Cache snooping: a query with RD=0 asks what others have asked for. It is refused or, where the
operator wants that, answered from the cache alone; never is it forwarded."""

import unittest

from support import wire
from support.cache_case import CacheCase, addresses, by_name, denial, questions
from support.hostile import fails, silent


class SnoopTest(CacheCase):
    def snoop(self, qname, qtype=wire.A, **kw):
        """What RD=0 gives; nothing goes upstream for it."""
        before = questions(self.ringdns.stats())
        answer = self.client.query(qname, qtype, flags=0, **kw)
        self.assertFalse(answer.has(wire.RD))
        self.ringdns.wait_quiet()
        self.assertEqual(questions(self.ringdns.stats()), before)
        return answer

    def assert_refused(self, answer):
        self.assertEqual((answer.rcode, answer.answer, answer.authority), (wire.REFUSED, [], []))

    def test_snooping_is_refused_whatever_is_known(self):
        self.serve(by_name({"gone": denial()}))
        self.from_upstream("known.example")
        self.from_upstream("gone.example")
        for name in ("known.example", "gone.example", "unknown.example"):
            self.assert_refused(self.snoop(name))
        stats = self.ringdns.stats()
        self.assertEqual((stats["refused_rd"], stats["cache_hits"]), (3, 0))

    def test_snooping_with_the_option_is_answered_from_the_cache(self):
        self.serve(by_name({"gone": denial()}), cache={"without-recursion": True})
        self.from_upstream("known.example")
        self.from_upstream("gone.example")
        self.assert_address(self.snoop("known.example"))
        gone = self.snoop("gone.example", wire.AAAA)
        self.assertEqual((gone.rcode, len(gone.authority)), (wire.NXDOMAIN, 1))
        stats = self.ringdns.stats()
        self.assertEqual((stats["cache_hits"], stats["cache_hits_negative"]), (1, 1))

    def test_snooping_with_the_option_never_goes_upstream(self):
        self.serve(cache={"without-recursion": True})
        self.from_upstream("known.example")
        for name, kw in (("unknown.example", {}), ("known.example", {"qtype": wire.AAAA}),
                         ("known.example", {"do": True})):
            with self.subTest(name, **kw):
                self.assert_refused(self.snoop(name, **kw))
        self.assertEqual(len(self.upstream.log()), 1)

    def test_snooping_finds_nothing_that_is_under_way(self):
        """It does not join those who wait."""
        self.serve(silent, cache={"without-recursion": True})
        self.client.send(wire.query("late.example"))
        self.upstream.wait_asked("late.example")
        other = self.new_client()
        self.assert_refused(other.query("late.example", flags=0))
        arrival = self.upstream.asked("late.example")[-1]
        self.upstream.send(wire.address_reply(arrival.message, "192.0.2.1"), arrival.peer)
        self.assert_address(self.client.answer())
        self.assert_address(self.snoop("late.example"))

    def test_snooping_finds_no_expired_answer(self):
        """Nor does it have it refreshed; not even where stale ones are given at once."""
        for mode in ("on-failure", "immediate"):
            with self.subTest(mode):
                self.serve(addresses(ttl=1), cache={"without-recursion": True, "stale-mode": mode})
                self.from_upstream("short.example")
                self.wait_expired("short.example")
                self.assert_refused(self.snoop("short.example"))
                self.assertEqual(len(self.upstream.log()), 1)
                self.ringdns.stop()

    def test_snooping_in_the_last_tenth_of_a_life_refreshes_nothing(self):
        """What a client that may ask would cause."""
        self.serve(addresses(ttl=10), cache={"without-recursion": True})
        self.from_upstream("hot.example")
        self.wait_expired("hot.example", seconds=12)
        self.ringdns.wait_quiet()
        self.assertEqual(len(self.upstream.log()), 1)
        self.assertEqual(self.ringdns.stats()["cache_prefetched"], 0)

    def test_snooping_finds_no_failure(self):
        """Those who may ask are told of it; who may not is refused."""
        self.serve(fails(wire.SERVFAIL), cache={"without-recursion": True})
        self.assertEqual(self.client.query("bad.example").rcode, wire.SERVFAIL)
        answer = self.snoop("bad.example")
        self.assertIn(answer.rcode, (wire.REFUSED, wire.SERVFAIL))
        self.assertEqual(answer.answer, [])


if __name__ == "__main__":
    unittest.main()
