# SPDX-License-Identifier: BSD-2-Clause
"""Records that a reply has no business with (MaginotDNS, CVE-2025-40778): a message answers its own
question only. Nothing else in it reaches the cache, and what is in its answer section outside the
chain does not reach the client either."""

import itertools
import unittest

from support import wire
from support.cache_case import ADDRESS, CacheCase, addresses, by_name
from support.hostile import Send, truncated

EVIL = "192.0.2.66"
DREVIL, GOOGLE = "www.drevil.com", "google.com"
RRSIG, DNAME = 46, 39


def a(owner, address=EVIL, **kw):
    return wire.record(owner, wire.A, wire.a(address), **kw)


def cname(owner, target):
    return wire.record(owner, wire.CNAME, wire.name(target))


def rrsig(owner, covered, signer="example"):
    """Of the right shape, which is all a forwarder looks at."""
    fixed = covered.to_bytes(2, "big") + b"\x0d\x02" + (300).to_bytes(4, "big") + bytes(10)
    return wire.record(owner, RRSIG, fixed + wire.name(signer) + bytes(64))


def replying(answer=(), authority=(), additional=()):
    """A behaviour: these records, whatever the question."""
    return lambda arrival: [Send(wire.reply(arrival.message, answer, authority, additional))]


def shown(section):
    return [(wire.show(each.name), each.type) for each in section]


class DrevilTest(CacheCase):
    """The textbooks' example: who asks for www.drevil.com shall not be told who google.com is."""

    def serve_evil(self, *sections, name="www", **kw):
        self.serve(by_name({name: replying(*sections)}), **kw)

    def assert_others_go_upstream(self, *names, qtypes=(wire.A, wire.NS, wire.AAAA)):
        for name, qtype in itertools.product(names, qtypes):
            answer = self.from_upstream(name, qtype)
            self.assertNotIn(wire.a(EVIL), [each.rdata for each in answer.answer])

    def test_drevil_in_authority_and_additional(self):
        """www.drevil.com, answered with "drevil.com NS google.com" and "google.com A"."""
        self.serve_evil([a(DREVIL, ADDRESS)],
                        [wire.record("drevil.com", wire.NS, wire.name(GOOGLE))], [a(GOOGLE)])
        self.assert_address(self.from_upstream(DREVIL))
        self.assert_address(self.from_cache(DREVIL))
        self.assert_others_go_upstream(GOOGLE, "drevil.com")

    def test_drevil_as_extra_answer_records(self):
        """In front of the answer, amid and behind it: neither client nor cache gets them."""
        mine, others = a(DREVIL, ADDRESS), [a(GOOGLE), a("mail.google.com"), a("drevil.com")]
        for place in range(4):
            with self.subTest(place=place):
                answer = [*others[:place], mine, *others[place:]]
                self.serve_evil(answer)
                self.assert_address(self.from_upstream(DREVIL))
                self.assert_address(self.from_cache(DREVIL))
                self.assertEqual(self.ringdns.stats()["replies_trimmed"], 1)
                self.assert_others_go_upstream(GOOGLE, "mail.google.com", "drevil.com",
                                               qtypes=(wire.A,))
                self.ringdns.stop()

    def test_nothing_but_extra_records_is_no_answer_and_not_kept(self):
        """What is left has no record and no SOA."""
        self.serve_evil([a(GOOGLE), a("drevil.com")])
        for _ in range(2):
            answer = self.from_upstream(DREVIL)
            self.assertEqual(answer.answer, [])
        self.assert_others_go_upstream(GOOGLE, qtypes=(wire.A,))

    def test_extra_types_of_the_very_name(self):
        """Records of another type than was asked for, of the right name."""
        self.serve_evil([a(DREVIL, ADDRESS), wire.record(DREVIL, wire.TXT, wire.txt(b"x")),
                         wire.record(DREVIL, wire.MX, b"\0\1" + wire.name(GOOGLE))])
        self.assert_address(self.from_upstream(DREVIL))
        self.assert_address(self.from_cache(DREVIL))
        self.assertEqual(self.ringdns.stats()["replies_trimmed"], 1)
        self.from_upstream(DREVIL, wire.TXT)

    def test_clean_reply_is_not_trimmed(self):
        self.serve(addresses())
        self.assert_address(self.from_upstream(DREVIL))
        self.assert_address(self.from_cache(DREVIL))
        self.assertEqual(self.ringdns.stats()["replies_trimmed"], 0)

    def test_large_reply_is_trimmed_by_tcp(self):
        """What goes is far behind what stays."""
        mine = [wire.record(DREVIL, wire.TXT, wire.txt(bytes([i]) * 200)) for i in range(40)]
        evil = [wire.record(GOOGLE, wire.TXT, wire.txt(bytes([i]) * 200)) for i in range(200)]
        mixed = [record for pair in zip(mine, evil) for record in pair] + evil[len(mine):]
        self.serve(truncated, tcp=replying(mixed), config={"tcp": {"idle": "1m"}})
        answer = self.client.query(DREVIL, wire.TXT, size=4096)
        self.assertTrue(answer.has(wire.TC))
        self.assertEqual(self.ringdns.stats()["replies_trimmed"], 1)
        self.assertEqual(self.ringdns.stats()["cache_stored"], 1)


class ChainTest(CacheCase):
    """The chain from the question's name by CNAME and DNAME, and nothing beside it."""

    def check(self, qname, answer, expected, *, do=False):
        """Of the records ANSWER the client gets EXPECTED (owner, type), from upstream and from the
        cache, in that order."""
        self.serve(replying(answer))
        for ask in (self.from_upstream, self.from_cache):
            got = ask(qname, do=do)
            self.assertEqual(got.rcode, wire.NOERROR)
            self.assertEqual(shown(got.answer), expected)
        self.assertEqual(self.ringdns.stats()["replies_trimmed"], len(answer) != len(expected))
        self.ringdns.stop()

    def test_chain_of_aliases_is_kept_whole(self):
        self.check("a.example", [cname("a.example", "b.test.example"),
                                 cname("b.test.example", "c.net"), a("c.net", ADDRESS)],
                   [("a.example.", wire.CNAME), ("b.test.example.", wire.CNAME),
                    ("c.net.", wire.A)])

    def test_only_what_the_chain_leads_to_is_kept(self):
        self.check("a.example",
                   [cname("a.example", "b.example"), a("b.example", ADDRESS), a("c.example"),
                    cname("x.example", "y.example"), a("y.example")],
                   [("a.example.", wire.CNAME), ("b.example.", wire.A)])

    def test_address_beside_its_owners_alias_is_not_mixed_with_what_that_leads_to(self):
        """A name with a CNAME has nothing else (RFC 2181 section 10.1); such a reply is either."""
        self.serve(replying([cname("a.example", "b.example"), a("a.example"),
                             a("b.example", ADDRESS)]))
        first = shown(self.from_upstream("a.example").answer)
        self.assertIn(first, ([("a.example.", wire.A)],
                              [("a.example.", wire.CNAME), ("b.example.", wire.A)]))
        self.assertEqual(shown(self.from_cache("a.example").answer), first)

    def test_dname_and_what_it_makes(self):
        self.check("www.old.example",
                   [wire.record("old.example", DNAME, wire.name("new.example")),
                    cname("www.old.example", "www.new.example"), a("www.new.example", ADDRESS)],
                   [("old.example.", DNAME), ("www.old.example.", wire.CNAME),
                    ("www.new.example.", wire.A)])

    def test_dname_of_another_name_is_left_out(self):
        self.check("www.old.example",
                   [wire.record("other.example", DNAME, wire.name("evil.example")),
                    a("www.old.example", ADDRESS)], [("www.old.example.", wire.A)])

    def test_signatures_that_cover_the_chain_stay(self):
        self.check("a.example",
                   [cname("a.example", "b.example"), rrsig("a.example", wire.CNAME),
                    a("b.example", ADDRESS), rrsig("b.example", wire.A)],
                   [("a.example.", wire.CNAME), ("a.example.", RRSIG), ("b.example.", wire.A),
                    ("b.example.", RRSIG)], do=True)

    def test_signatures_of_others_go(self):
        self.check("a.example",
                   [a("a.example", ADDRESS), rrsig("a.example", wire.A),
                    rrsig("c.example", wire.A), rrsig("a.example", wire.TXT)],
                   [("a.example.", wire.A), ("a.example.", RRSIG)], do=True)

    def test_endless_chain_is_not_kept(self):
        self.serve(replying([cname("a.example", "b.example"), cname("b.example", "a.example")]))
        for _ in range(2):
            self.from_upstream("a.example")
        self.assertEqual(self.ringdns.stats()["cache_stored"], 0)
        self.assertEqual(self.ringdns.stats()["cache_refused_content"], 2)


if __name__ == "__main__":
    unittest.main()
