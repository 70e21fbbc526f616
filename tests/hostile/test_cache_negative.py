# SPDX-License-Identifier: BSD-2-Clause
"""Denials in the cache: how long they hold and with which SOA (RFC 2308 section 5), of what they
hold (RFC 6604, RFC 8020), and what is none."""

import itertools
import unittest

from support import wire
from support.cache_case import CacheCase, any_type, by_name, denial
from support.hostile import Send

DAY = 86400
NEGATIVE = "cache_hits_negative"


class LifeTest(CacheCase):
    """The least of the SOA's TTL, its MINIMUM and the caps, as the TTL of the SOA that is sent."""

    def check_life(self, rcode, ttl, minimum, expected, **kw):
        self.serve(denial(rcode, ttl, minimum), **kw)
        for ask in (self.from_upstream, lambda name: self.from_cache(name, kind=NEGATIVE)):
            answer = ask("gone.example")
            self.assertEqual((answer.rcode, answer.answer), (rcode, []))
            self.assertEqual([each.type for each in answer.authority], [wire.SOA])
            # A second may have begun between the two.
            self.assertIn(answer.authority[0].ttl, (expected, expected - 1))
        self.ringdns.stop()

    def test_negative_life_is_min_of_soa_ttl_minimum_and_cap(self):
        cases = [(600, 60, 60), (60, 600, 60), (600, 600, 600), (DAY, DAY, 3600),
                 (0x7fffffff, 0xffffffff, 3600), (0x80000000, 100, 100), (600, 0xffffffff, 600)]
        for rcode, (ttl, minimum, expected) in itertools.product(
                (wire.NXDOMAIN, wire.NOERROR), cases):
            with self.subTest(rcode=rcode, ttl=ttl, minimum=minimum):
                self.check_life(rcode, ttl, minimum, expected)

    def test_negative_life_has_a_cap_of_the_operators(self):
        self.check_life(wire.NXDOMAIN, 600, 600, 120, cache={"negative-ttl": "2m"})
        self.check_life(wire.NOERROR, 600, 600, 30, cache={"max-ttl": "30s"})

    def test_what_the_first_client_sees_is_what_is_kept(self):
        self.serve(denial(ttl=DAY, minimum=5))
        self.assertEqual(self.client.query("gone.example").authority[0].ttl, 5)

    def test_soa_counts_down(self):
        for rcode in (wire.NXDOMAIN, wire.NOERROR):
            with self.subTest(rcode=rcode):
                self.serve(denial(rcode, 300, 60))
                self.client.query("gone.example")
                answer = self.wait_counted_down("gone.example", below=59)
                self.assertEqual((answer.rcode, answer.answer), (rcode, []))
                self.ringdns.stop()

    def test_denial_ends_with_its_soa(self):
        """Then the name is asked for again, and may be there."""
        self.serve(denial(ttl=300, minimum=1),
                   cache={"without-recursion": True, "stale": "0s"})
        self.assertEqual(self.client.query("gone.example").rcode, wire.NXDOMAIN)
        self.wait_expired("gone.example")
        self.upstream.behaviour = any_type
        self.assert_address(self.from_upstream("gone.example"))
        self.assert_address(self.from_cache("gone.example"))

    def assert_not_kept(self, rcode):
        for _ in range(2):
            answer = self.from_upstream("gone.example")
            self.assertEqual((answer.rcode, answer.answer), (rcode, []))
        self.assertEqual(self.ringdns.stats()["cache_stored"], 0)

    def test_negative_without_soa_is_not_kept(self):
        for rcode in (wire.NXDOMAIN, wire.NOERROR):
            with self.subTest(rcode=rcode):
                self.serve(denial(rcode, owner=None))
                self.assert_not_kept(rcode)
                self.assertEqual(self.ringdns.stats()["cache_refused_content"], 2)
                self.ringdns.stop()

    def test_negative_with_minimum_0_is_not_kept(self):
        for ttl, minimum in ((300, 0), (0, 300)):
            with self.subTest(ttl=ttl, minimum=minimum):
                self.serve(denial(ttl=ttl, minimum=minimum))
                self.assert_not_kept(wire.NXDOMAIN)
                self.assertEqual(self.ringdns.stats()["cache_refused_ttl"], 2)
                self.ringdns.stop()


class ExtentTest(CacheCase):
    """Of what a denial holds."""

    def denied(self, name, qtype=wire.A, rcode=wire.NXDOMAIN, **kw):
        answer = self.from_cache(name, qtype, kind=NEGATIVE, **kw)
        self.assertEqual((answer.rcode, answer.answer), (rcode, []))
        self.assertEqual([each.type for each in answer.authority], [wire.SOA])
        self.assertEqual(answer.questions, [(wire.name(name), qtype, wire.IN)])

    def present(self, *names, qtype=wire.A):
        """They are asked for, and there."""
        for name in names:
            answer = self.from_upstream(name, qtype)
            self.assertEqual([each.type for each in answer.answer], [qtype], name)

    def test_nxdomain_holds_for_every_type_of_the_name(self):
        """A said NXDOMAIN, AAAA does not go upstream."""
        self.serve(by_name({"gone": denial()}))
        self.from_upstream("gone.example")
        for qtype in (wire.A, wire.AAAA, wire.TXT, wire.MX, wire.SOA, wire.SRV, 65, 65280):
            with self.subTest(qtype=qtype):
                self.denied("gone.example", qtype)
        self.denied("gOnE.Example")

    def test_nxdomain_holds_for_no_other_name(self):
        self.serve(by_name({"gone": denial()}))
        self.from_upstream("gone.example")
        self.present("example", "gon.example", "gonee.example", "www.gone.example", "gond.example")

    def test_no_data_holds_for_its_type_alone(self):
        self.serve(by_name({"some": denial(wire.NOERROR)}))
        self.from_upstream("some.example")
        self.denied("some.example", rcode=wire.NOERROR)
        self.upstream.behaviour = any_type
        self.present("some.example", qtype=wire.AAAA)
        self.present("some.example", qtype=wire.TXT)
        self.denied("some.example", rcode=wire.NOERROR)

    def test_records_that_were_known_before_give_way_to_nxdomain(self):
        """Only what was asked for later: AAAA is not there, nor is A when it has ended."""
        self.serve(any_type)
        self.present("short.example")
        self.upstream.behaviour = denial()
        self.from_upstream("short.example", wire.AAAA)
        self.denied("short.example", wire.TXT)

    def test_name_that_is_there_again_is_believed(self):
        self.serve(denial(minimum=1), cache={"without-recursion": True})
        self.from_upstream("back.example")
        self.wait_expired("back.example")
        self.upstream.behaviour = any_type
        self.assert_address(self.client.query("back.example"))
        self.assert_address(self.from_cache("back.example"))
        self.present("back.example", qtype=wire.TXT)

    def check_alias(self, rcode):
        """www is a CNAME of target, which is denied: that holds for this very question."""
        self.serve(by_name({"www": denial(rcode, alias="target.example")}))
        self.from_upstream("www.example")
        answer = self.from_cache("www.example", kind=NEGATIVE)
        self.assertEqual(answer.rcode, rcode)
        self.assertEqual([(each.type, each.rdata) for each in answer.answer],
                         [(wire.CNAME, wire.name("target.example"))])
        self.assertEqual([each.type for each in answer.authority], [wire.SOA])
        self.upstream.behaviour = any_type
        self.present("www.example", qtype=wire.TXT)
        self.present("target.example", "www.target.example", "x.www.example")

    def test_nxdomain_behind_an_alias_denies_the_last_target_only(self):
        self.check_alias(wire.NXDOMAIN)

    def test_no_data_behind_an_alias(self):
        self.check_alias(wire.NOERROR)

    def test_nothing_below_is_cut_by_default(self):
        self.serve(by_name({"gone": denial()}))
        self.from_upstream("gone.example")
        self.present("www.gone.example")

    def test_nxdomain_cut_below_a_name_that_does_not_exist(self):
        """With the SOA of that name, and by its time."""
        self.serve(by_name({"gone": denial(ttl=60)}), cache={"nxdomain-cut": True})
        self.from_upstream("gone.example")
        for name in ("www.gone.example", "a.b.c.gone.example", "\\000.GONE.example"):
            for qtype in (wire.A, wire.TXT):
                with self.subTest(name, qtype=qtype):
                    self.denied(name, qtype)
        self.wait_counted_down("www.gone.example", below=60)
        self.present("example", "xgone.example", "gond.example", "www.agone.example")

    def test_nxdomain_cut_is_of_nxdomain_alone(self):
        """Not below a name without data, nor below one that is an alias of nothing."""
        self.serve(by_name({"empty": denial(wire.NOERROR), "www": denial(alias="lost.example")}),
                   cache={"nxdomain-cut": True})
        self.from_upstream("empty.example")
        self.from_upstream("www.example")
        self.present("a.empty.example", "a.www.example", "a.lost.example", "lost.example")

    def test_nxdomain_cut_does_not_hide_what_is_known(self):
        """A record below that was got before, from a server that does not care for RFC 8020."""
        self.serve(by_name({"gone": denial()}), cache={"nxdomain-cut": True})
        self.present("www.gone.example")
        self.from_upstream("gone.example")
        self.assertIn(self.client.query("www.gone.example").rcode, (wire.NOERROR, wire.NXDOMAIN))
        self.assertEqual(len(self.upstream.log()), 2)

    def test_nxdomain_with_records_is_of_its_question_alone(self):
        """A server that denies a name and gives an address of it makes no sense."""
        def odd(arrival):
            return [Send(wire.address_reply(arrival.message, "192.0.2.1", rcode=wire.NXDOMAIN))]
        self.serve(by_name({"odd": odd}))
        self.from_upstream("odd.example")
        self.upstream.behaviour = any_type
        self.present("odd.example", qtype=wire.TXT)


if __name__ == "__main__":
    unittest.main()
