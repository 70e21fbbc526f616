# SPDX-License-Identifier: BSD-2-Clause
"""Stale answers (RFC 8767 section 5): when the upstream dies, is slow and comes back. TTL 30, an
extended error that says so, never AD, and not of any age."""

import time
import unittest

from support import wire
from support.cache_case import (ADDRESS, CACHED_ERROR, STALE_ERROR, STALE_NXDOMAIN_ERROR,
                                STALE_TTL, CacheCase, addresses, by_name, denial, hits, questions)
from support.hostile import Send, fails, silent
from support.process import patience, wait_until

AFTER_S = 1.8   # a client waits for a fresh answer
COARSE_S = 0.1  # between the worker's time of a turn and the test's
NEW = "192.0.2.2"


class StaleCase(CacheCase):
    def serve_expired(self, behaviour=addresses(1), *names, cache=None, **kw):
        """NAMES (by default old.example) have been answered by BEHAVIOUR, and that has expired."""
        cache = {"without-recursion": True, **(cache or {})}
        self.serve(behaviour, cache=cache, **kw)
        for name in names or ("old.example",):
            self.client.query(name)
        for name in names or ("old.example",):
            self.wait_expired(name)
        self.asked_before = len(self.upstream.log())

    def assert_stale(self, answer, error=STALE_ERROR, rcode=wire.NOERROR):
        self.assert_rcode(answer, rcode, error)
        self.assertFalse(answer.has(wire.AD))
        records = answer.answer + answer.authority + answer.additional
        self.assertGreater(len(records), 0)
        self.assertEqual({each.ttl for each in records}, {STALE_TTL})

    def stale_at_once(self, qname="old.example", **kw):
        """Stale, and nothing new is asked for it."""
        answer = self.from_cache(qname, kind="cache_hits_stale", **kw)
        self.assert_stale(answer)
        return answer

    def fresh(self, qname="old.example", address=NEW):
        """From the cache, and new."""
        answer = self.from_cache(qname)
        self.assert_rcode(answer, wire.NOERROR)
        self.assert_address(answer, address)
        self.assertGreater(answer.answer[0].ttl, STALE_TTL)


class DeadUpstreamTest(StaleCase):
    def test_silent_upstream_stale_after_1_8_s_and_then_at_once(self):
        """The first client waits; who comes while the question is under way does not, and neither
        does anybody after it has failed, nor is it asked again soon."""
        self.serve_expired()
        self.upstream.behaviour = silent
        start = time.monotonic()
        self.assert_stale(self.client.query("old.example"))
        self.assertGreater(time.monotonic() - start, AFTER_S - COARSE_S)
        for client in self.clients(3):
            self.stale_at_once(client=client)
        self.ringdns.wait_quiet(8)
        for client in self.clients(3):
            self.stale_at_once(client=client)
        self.assertEqual(questions(self.ringdns.stats()), 2)
        self.assertEqual(self.ringdns.stats()["answers_servfail"], 0)

    def test_all_who_wait_get_it(self):
        self.serve_expired()
        self.upstream.behaviour = silent
        clients = self.clients(20)
        for client in clients:
            client.send(wire.query("old.example"))
        for client in clients:
            self.assert_stale(client.answer())
        stats = self.ringdns.stats()
        self.assertEqual(questions(stats), 2)
        self.assertEqual(stats["cache_hits_stale"], 20)

    def test_failing_upstream_stale_when_all_attempts_failed(self):
        """Without a wait, and without the error of a failure that is remembered."""
        for rcode in (wire.SERVFAIL, wire.REFUSED):
            with self.subTest(rcode=rcode):
                self.serve_expired()
                self.upstream.behaviour = fails(rcode)
                start = time.monotonic()
                self.assert_stale(self.client.query("old.example"))
                took = time.monotonic() - start
                self.ringdns.wait_quiet()
                self.stale_at_once()
                self.stale_at_once()
                self.assertLess(took, patience(AFTER_S))
                self.ringdns.stop()

    def test_what_was_never_known_fails(self):
        self.serve_expired()
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.assertEqual(self.client.query("new.example").rcode, wire.SERVFAIL)
        self.assert_failed(self.from_cache("new.example", kind="cache_hits_failure"),
                           CACHED_ERROR)

    def test_clients_without_edns_get_no_extended_error(self):
        self.serve_expired()
        self.upstream.behaviour = fails(wire.SERVFAIL)
        for _ in range(2):
            answer = self.client.query("old.example", edns=False)
            self.assert_stale(answer)
            self.assertIsNone(answer.edns)

    def test_nxdomain_stale_says_so(self):
        self.serve_expired(denial(minimum=1))
        self.upstream.behaviour = fails(wire.SERVFAIL)
        for qtype in (wire.A, wire.AAAA):
            for _ in range(2):
                answer = self.client.query("old.example", qtype)
                self.assert_stale(answer, STALE_NXDOMAIN_ERROR, wire.NXDOMAIN)

    def test_no_data_stale(self):
        self.serve_expired(denial(wire.NOERROR, minimum=1))
        self.upstream.behaviour = fails(wire.SERVFAIL)
        for _ in range(2):
            self.assert_stale(self.client.query("old.example"))

    def test_stale_answers_never_have_ad(self):
        """The pool is trusted, and what is fresh has it."""
        self.serve_expired(addresses(1, flags=wire.RA | wire.AD), pool={"trust-ad": True})
        self.assertTrue(self.client.query("new.example", flags=wire.RD | wire.AD).has(wire.AD))
        self.upstream.behaviour = fails(wire.SERVFAIL)
        for _ in range(2):
            self.assert_stale(self.client.query("old.example", flags=wire.RD | wire.AD))

    def test_stale_answers_of_do_and_cd_are_apart(self):
        self.serve_expired()
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.assertEqual(self.client.query("old.example", do=True).rcode, wire.SERVFAIL)
        self.assertEqual(self.client.query("old.example", flags=wire.RD | wire.CD).rcode,
                         wire.SERVFAIL)

    def test_stale_answers_for_all_workers(self):
        self.serve_expired(workers=2)
        self.upstream.behaviour = fails(wire.SERVFAIL)
        for client in self.clients(64):
            self.assert_stale(client.query("old.example"))
        self.ringdns.wait_quiet()
        self.assertLessEqual(questions(self.ringdns.stats()), 3)


class SlowUpstreamTest(StaleCase):
    def test_slow_upstream_its_answer_is_kept(self):
        """The question goes on when its clients have been served."""
        self.serve_expired()
        self.upstream.behaviour = silent
        self.assert_stale(self.client.query("old.example"))
        arrival = self.upstream.log()[-1]
        self.upstream.send(wire.address_reply(arrival.message, NEW), arrival.peer)
        self.ringdns.wait_quiet()
        self.fresh()
        self.assert_no_more()

    def test_slow_upstream_that_is_fast_enough(self):
        """Before the client has been served: it gets the fresh one."""
        self.serve_expired()
        self.upstream.behaviour = lambda arrival: [
            Send(wire.address_reply(arrival.message, NEW), delay=0.3)]
        answer = self.client.query("old.example")
        self.assert_rcode(answer, wire.NOERROR)
        self.assert_address(answer, NEW)
        self.assertEqual(self.ringdns.stats()["cache_hits_stale"], 0)

    def test_upstream_that_is_well_gives_the_fresh_one(self):
        self.serve_expired()
        self.upstream.behaviour = addresses(address=NEW)
        self.assert_address(self.from_upstream("old.example"), NEW)
        self.fresh()

    def test_upstream_comes_back_with_a_denial(self):
        """An answer is an answer: what was there is gone."""
        self.serve_expired()
        self.upstream.behaviour = denial()
        self.assertEqual(self.from_upstream("old.example").rcode, wire.NXDOMAIN)
        answer = self.from_cache("old.example", kind="cache_hits_negative")
        self.assert_rcode(answer, wire.NXDOMAIN)

    def test_slow_upstream_that_fails_at_last(self):
        self.serve_expired()
        self.upstream.behaviour = silent
        self.assert_stale(self.client.query("old.example"))
        arrival = self.upstream.log()[-1]
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.upstream.send(wire.reply(arrival.message, rcode=wire.SERVFAIL), arrival.peer)
        self.ringdns.wait_quiet(8)
        self.stale_at_once()


class AgeTest(StaleCase):
    def wait_older(self, seconds):
        """Until an answer of SECONDS, that comes now, has ended."""
        before = self.upstream.behaviour
        self.upstream.behaviour = addresses(seconds)
        self.client.query("clock.example")
        self.wait_expired("clock.example", seconds=seconds + 5)
        self.upstream.behaviour = before

    def test_bounded_age(self):
        """Ended longer ago than cache.stale: it is no more."""
        self.serve_expired(cache={"stale": "1s"})
        self.wait_older(2)
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.assertEqual(self.client.query("old.example").rcode, wire.SERVFAIL)
        self.assertEqual(self.ringdns.stats()["cache_hits_stale"], 0)

    def test_within_the_age(self):
        self.serve_expired(cache={"stale": "10m"})
        self.wait_older(2)
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.assert_stale(self.client.query("old.example"))

    def test_never_where_the_operator_does_not_want_it(self):
        self.serve_expired(cache={"stale": "0s"})
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.assertEqual(self.client.query("old.example").rcode, wire.SERVFAIL)
        self.assert_failed(self.from_cache("old.example", kind="cache_hits_failure"),
                           CACHED_ERROR)


class ImmediateTest(StaleCase):
    def serve_expired(self, *args, cache=None, **kw):
        super().serve_expired(*args, cache={"stale-mode": "immediate", **(cache or {})}, **kw)

    def check_refreshed(self, workers):
        self.serve_expired(workers=workers)
        self.upstream.behaviour = silent
        self.assert_stale(self.client.query("old.example"))
        arrival = self.upstream.wait_asked("old.example", 2)[-1]
        for client in self.clients(5):
            self.assert_stale(client.query("old.example"))
        self.assertEqual(questions(self.ringdns.stats()), 2, "one refresh for all of them")
        self.upstream.send(wire.address_reply(arrival.message, NEW), arrival.peer)
        self.ringdns.wait_quiet()
        self.fresh()

    def test_immediate_stale_at_once_and_refreshed_behind_it(self):
        self.check_refreshed(1)

    def test_immediate_stale_at_once_and_refreshed_behind_it_on_two_workers(self):
        self.check_refreshed(2)

    def test_immediate_before_any_answer_could_have_come(self):
        """The reply is held back until the client has its answer."""
        self.serve_expired(by_name({}, addresses(1)), *(f"old{i}.example" for i in range(20)))
        self.upstream.behaviour = silent
        before = hits(self.ringdns.stats())
        for i in range(20):
            self.assert_stale(self.client.query(f"old{i}.example"))
        self.assertEqual(hits(self.ringdns.stats()) - before, 20)
        for arrival in self.upstream.wait_asked(count=self.asked_before + 20):
            self.upstream.send(wire.address_reply(arrival.message, ADDRESS), arrival.peer)
        wait_until(lambda: not self.ringdns.stats()["inflight"], patience(8), "it never ends")

    def test_immediate_with_a_dead_upstream(self):
        self.serve_expired()
        self.upstream.behaviour = fails(wire.SERVFAIL)
        for _ in range(5):
            self.assert_stale(self.client.query("old.example"))
            self.ringdns.wait_quiet()
        self.assertEqual(questions(self.ringdns.stats()), 2)


if __name__ == "__main__":
    unittest.main()
