# SPDX-License-Identifier: BSD-2-Clause
"""Prefetch: an answer that is asked for in the last tenth of its life is refreshed behind it, once,
and never with more packets than one question costs."""

import unittest

from support import wire
from support.cache_case import CacheCase, addresses, questions
from support.hostile import fails, good, silent
from support.process import patience, wait_until

TTL = 10        # the shortest life that is refreshed
LAST = TTL // 10
NEW = "192.0.2.2"


class PrefetchTest(CacheCase):
    def wait_last(self, qname, client=None, seconds=TTL + 2):
        """Asks until it is in the last tenth of its life, or over: the answers before."""
        found = []

        def last():
            found.append((client or self.client).query(qname))
            return found[-1].answer[0].ttl <= LAST
        wait_until(last, patience(seconds), lambda: f"never: {found[-1]}")
        return found

    def test_hot_answer_is_refreshed_once_before_it_ends(self):
        """By all the clients of two workers; and none of them waits for it."""
        self.serve(addresses(TTL), workers=2)
        self.client.query("hot.example")
        self.upstream.behaviour = silent
        found = self.wait_last("hot.example")
        self.assertGreater(len(found), 1)
        for client in self.clients(64):
            self.assert_address(client.query("hot.example"))
        arrivals = self.upstream.wait_asked("hot.example", 2)
        self.assertEqual(questions(self.ringdns.stats()), 2)
        self.upstream.send(wire.address_reply(arrivals[1].message, NEW), arrivals[1].peer)
        self.ringdns.wait_quiet()
        self.assert_address(self.from_cache("hot.example"), NEW)
        self.assertEqual(self.ringdns.stats()["cache_prefetched"], 1)
        self.assertEqual(self.ringdns.stats()["cache_hits_stale"], 0)

    def test_refresh_that_fails_is_not_tried_with_each_hit(self):
        self.serve(addresses(TTL))
        self.client.query("hot.example")
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.wait_last("hot.example")
        self.upstream.wait_asked("hot.example", 2)
        self.ringdns.wait_quiet()
        for _ in range(100):
            self.client.query("hot.example")
        self.assertEqual(questions(self.ringdns.stats()), 2)
        self.assertEqual(self.ringdns.stats()["answers_servfail"], 0)

    def check_never(self, ttl, **kw):
        """Asked for all its life long, and never asked upstream before that is over."""
        self.serve(addresses(ttl), **kw)
        self.client.query("cold.example")
        self.upstream.behaviour = good
        seen = []

        def renewed():
            seen.append(self.client.query("cold.example").answer[0].ttl)
            return seen[-1] > ttl
        wait_until(renewed, patience(ttl + 4), lambda: f"never: {seen[-1]}")
        stats = self.ringdns.stats()
        self.assertEqual((stats["cache_prefetched"], questions(stats)), (0, 2))
        # The one that found it ended asked for it itself.
        self.assertEqual(stats["cache_misses"], 2)

    def test_short_lives_are_not_refreshed(self):
        self.check_never(3)

    def test_not_where_the_operator_does_not_want_it(self):
        self.check_never(TTL, cache={"prefetch": False})


if __name__ == "__main__":
    unittest.main()
