# SPDX-License-Identifier: BSD-2-Clause
"""Replies that are no answer to keep: referrals, truncated ones, forgeries in front of the right
one."""

import unittest

from support import wire
from support.cache_case import ADDRESS, CACHED_ERROR, RDATA, CacheCase, addresses, by_name
from support.hostile import Send, good, truncated

EVIL = "192.0.2.66"


def referral(arrival):
    """To servers below the zone, with their addresses."""
    return [Send(wire.reply(arrival.message, [], [
        wire.record("sub.example", wire.NS, wire.name("ns.sub.example"))], [
            wire.record("ns.sub.example", wire.A, wire.a(EVIL))]))]


def forged_first(arrival):
    """Wrong ID, another name, another type, another class; then the right one."""
    asked = arrival.message

    def about(qname, qtype=wire.A, qclass=wire.IN, ident=None):
        other = asked._replace(questions=[(qname, qtype, qclass)])
        return Send(wire.address_reply(other, EVIL, ident=ident))
    return [about(asked.qname, ident=asked.id ^ 1), about(wire.name("evil.example")),
            about(asked.qname, wire.TXT), about(asked.qname, qclass=wire.CH),
            Send(wire.address_reply(asked, ADDRESS), delay=0.05)]


class ReferralTest(CacheCase):
    def test_a_referral_is_a_failure_and_never_kept(self):
        self.serve(by_name({"www": referral}))
        first = self.client.query("www.sub.example")
        self.assertEqual((first.rcode, first.answer, first.authority),
                         (wire.SERVFAIL, [], []))
        again = self.from_cache("www.sub.example", kind="cache_hits_failure")
        self.assert_failed(again, CACHED_ERROR)
        for name, qtype in (("sub.example", wire.NS), ("ns.sub.example", wire.A)):
            answer = self.from_upstream(name, qtype)
            self.assertEqual([each.rdata for each in answer.answer], [RDATA[qtype]])

    def test_a_referral_beside_a_server_that_answers(self):
        """The answer is kept, the referral is not."""
        self.serve(lambda arrival: referral(arrival) if arrival.server == "127.0.0.1"
                   else good(arrival), addresses=("127.0.0.1", "127.0.0.2"),
                   pool={"policy": "ordered"})
        self.assert_address(self.client.query("www.sub.example"))
        self.assert_address(self.from_cache("www.sub.example"))


class TruncatedTest(CacheCase):
    def test_a_truncated_reply_is_never_kept(self):
        """The whole one is, that came by TCP, and serves clients of UDP."""
        def cut(arrival):
            return [Send(wire.address_reply(arrival.message, EVIL, flags=wire.RA | wire.TC))]
        self.serve(cut, tcp=good)
        self.assert_address(self.client.query("cut.example"))
        answer = self.from_cache("cut.example")
        self.assert_address(answer)
        self.assertFalse(answer.has(wire.TC))
        self.assertEqual(self.ringdns.stats()["cache_stored"], 1)

    def test_truncated_by_udp_and_tcp(self):
        """Nothing is kept of it but, at most, that it failed."""
        self.serve(truncated, tcp=lambda arrival: [Send(wire.address_reply(
            arrival.message, EVIL, flags=wire.RA | wire.TC))])
        for _ in range(2):
            answer = self.client.query("cut.example")
            self.assertNotIn(wire.a(EVIL), [each.rdata for each in answer.answer
                                            if answer.rcode == wire.NOERROR and
                                            not answer.has(wire.TC)])
        self.assertEqual(self.ringdns.stats()["cache_hits"], 0)

    def test_our_own_truncation_is_not_kept(self):
        """A client with little room gets TC=1, the next one the whole of it."""
        record = wire.record(b"\xc0\x0c", wire.TXT, wire.txt(*[b"t" * 200] * 4))
        self.serve(lambda arrival: [Send(wire.reply(arrival.message, [record]))])
        small = self.from_upstream("long.example", wire.TXT, edns=False)
        self.assertEqual((small.has(wire.TC), small.answer), (True, []))
        whole = self.from_cache("long.example", wire.TXT)
        self.assertEqual((whole.has(wire.TC), len(whole.answer)), (False, 1))
        small = self.from_cache("long.example", wire.TXT, edns=False)
        self.assertEqual((small.has(wire.TC), small.answer), (True, []))


class ForgedTest(CacheCase):
    def test_blind_spoofing_client_and_cache_see_only_the_right_one(self):
        self.serve(forged_first)
        self.assert_address(self.from_upstream("www.example"))
        self.upstream.behaviour = addresses(address=EVIL)
        self.assert_address(self.from_cache("www.example"))
        for name, qtype in (("evil.example", wire.A), ("www.example", wire.TXT)):
            self.from_upstream(name, qtype)

    def test_late_reply_does_not_replace_what_is_kept(self):
        """The second reply to the same packet, when the first was taken."""
        self.serve(lambda arrival: [Send(wire.address_reply(arrival.message, ADDRESS)),
                                    Send(wire.address_reply(arrival.message, EVIL))])
        self.assert_address(self.from_upstream("twice.example"))
        self.ringdns.wait_stats(lambda now: now["replies_late"] == 1)
        self.assert_address(self.from_cache("twice.example"))


if __name__ == "__main__":
    unittest.main()
