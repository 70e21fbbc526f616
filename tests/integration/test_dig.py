# SPDX-License-Identifier: BSD-2-Clause
"""What dig sees through Ringdns is what it sees from the upstream itself: section by section, TTLs
and the records' order aside, over IPv4 and IPv6 on both sides.

The upstream's own answer is fetched over TCP, so that it is whole. Where it is larger than the
client takes, the rule is: additional records go first, whole; then TC=1 and empty sections.
"""

import unittest

from support import dig
from support.ringdns import Ringdns
from support.servers import Knot

HEAD = "$TTL 300\n@ SOA ns admin 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.53\n"
PLAIN = HEAD + r"""
gaia            A 128.119.245.12
gaia            AAAA 2001:db8::12
four            A 192.0.2.4
www             CNAME gaia
chain1          CNAME chain2
chain2          CNAME chain3
chain3          CNAME chain4
chain4          CNAME four
dangling        CNAME nowhere
@               MX 10 mail
@               MX 20 mail2
mail            A 192.0.2.25
mail2           A 192.0.2.26
mail2           AAAA 2001:db8::26
txt             TXT "one" "two; three" "quote\" and \\ and \200"
srv             SRV 1 2 5060 gaia
caa             CAA 0 issue "ca.test"
https           HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1
naptr           NAPTR 1 2 "u" "sip" "!^.*$!sip:x@lab.example!" .
odd             TYPE65333 \# 4 0a000001
*.wild          TXT "any"
below.empty     A 192.0.2.7
old             DNAME new
host.new        A 192.0.2.8
a\000b          A 192.0.2.9
a\.b            A 192.0.2.10
a\255b          A 192.0.2.11
sp\032ace       A 192.0.2.12
""" + "".join(f"forty A 192.0.2.{i}\n" for i in range(40)) \
    + "".join(f"many MX {i} relay-{i}\nrelay-{i} A 192.0.2.{i}\nrelay-{i} AAAA 2001:db8::{i}\n"
              for i in range(10, 22)) \
    + "big600 TXT" + f' "{"x" * 200}"' * 3 + "\n" \
    + "big1400 TXT" + f' "{"x" * 200}"' * 7 + "\n"
SIGNED = HEAD + "www A 192.0.2.80\nalias CNAME www\nmail MX 10 www\ntxt TXT \"signed\"\n"
REVERSE = HEAD + "12 PTR gaia.lab.example.\n13 CNAME 12\n"
ZONES = {"lab.example": PLAIN, "signed.example": SIGNED, "245.119.128.in-addr.arpa": REVERSE}

QUESTIONS = [
    ("gaia.lab.example", "A"), ("gaia.lab.example", "AAAA"), ("lab.example", "MX"),
    ("lab.example", "SOA"), ("lab.example", "NS"), ("txt.lab.example", "TXT"),
    ("www.lab.example", "A"), ("www.lab.example", "AAAA"),
    ("www.lab.example", "CNAME"), ("chain1.lab.example", "A"), ("dangling.lab.example", "A"),
    ("srv.lab.example", "SRV"), ("caa.lab.example", "CAA"), ("https.lab.example", "HTTPS"),
    ("naptr.lab.example", "NAPTR"), ("odd.lab.example", "TYPE65333"),
    ("x.y.wild.lab.example", "TXT"),
    ("12.245.119.128.in-addr.arpa", "PTR"), ("13.245.119.128.in-addr.arpa", "PTR"),
    ("nowhere.lab.example", "A"), ("four.lab.example", "AAAA"), ("empty.lab.example", "A"),
    ("host.old.lab.example", "A"), ("GaIa.lAb.eXaMPle", "A"), ("WWW.LAB.EXAMPLE", "AAAA"),
    (r"a\000b.lab.example", "A"), (r"a\.b.lab.example", "A"), (r"A\255b.lab.example", "A"),
    (r"sp\032ace.lab.example", "A"), ("forty.lab.example", "A"), ("many.lab.example", "MX"),
    ("big600.lab.example", "TXT"), ("big1400.lab.example", "TXT"), ("signed.example", "DNSKEY"),
    ("www.signed.example", "A"), ("alias.signed.example", "A"), ("mail.signed.example", "MX"),
    ("nowhere.signed.example", "A"), ("www.signed.example", "TXT"), ("a.refused.example", "A"),
]
# dig's options, and how many bytes of an answer they allow.
OPTIONS = {
    (): 1232,
    ("+dnssec",): 1232,
    ("+cd",): 1232,
    ("+dnssec", "+cd", "+noad"): 1232,
    ("+noedns",): 512,
    ("+bufsize=512",): 512,
    ("+bufsize=512", "+dnssec"): 512,
    ("+bufsize=4096",): 1232,
}


class DigTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.knot = cls.enterClassContext(
            Knot(ZONES, signed=("signed.example",), addresses=("127.0.0.1", "::1")))
        cls.ringdns = {
            address: cls.enterClassContext(Ringdns([server], listen=("127.0.0.1", "::1")))
            for address, server in zip(cls.knot.addresses, cls.knot.servers)}
        cls.whole = {
            options: dig.ask(cls.knot.servers[0], QUESTIONS, ("+tcp", *options))
            for options in OPTIONS}

    def check_reply(self, whole, got, options, limit):
        """GOT, through Ringdns, says what WHOLE says, as far as it fits."""
        self.assertLessEqual(got.size, limit)
        self.assertEqual(got.question.split()[0], whole.question.split()[0])
        # Another resolver is asked after a refusal; where there is none, the question has failed.
        refused = whole.rcode == "REFUSED"
        self.assertEqual(got.rcode, "SERVFAIL" if refused else whole.rcode)
        cd = {"cd"} if "+cd" in options else set()
        self.assertEqual(got.flags - {"tc"}, {"qr", "rd", "ra"} | cd)
        if "+noedns" in options:
            self.assertIsNone(got.edns)
        else:
            self.assertEqual(got.edns, (0, "do" if "+dnssec" in options else "", 1232))
        if refused:
            self.assertEqual(got.sections[1:], ((), (), ()))
        elif whole.size <= limit:
            self.assertEqual(got.sections, whole.sections)
            self.assertNotIn("tc", got.flags)
        elif "tc" in got.flags:
            self.assertEqual(got.sections, (whole.rcode, (), (), ()))
        else:
            self.assertEqual(got.sections[:3], whole.sections[:3])
            self.assertLess(set(got.additional), set(whole.additional))

    def check_way(self, client, upstream):
        for options, limit in OPTIONS.items():
            got = dig.ask((client, self.ringdns[upstream].port), QUESTIONS, options)
            for asked, whole, reply in zip(QUESTIONS, self.whole[options], got):
                with self.subTest(asked=asked, options=options):
                    self.check_reply(whole, reply, options, limit)

    def test_ipv4_client_ipv4_upstream(self):
        self.check_way("127.0.0.1", "127.0.0.1")

    def test_ipv4_client_ipv6_upstream(self):
        self.check_way("127.0.0.1", "::1")

    def test_ipv6_client_ipv4_upstream(self):
        self.check_way("::1", "127.0.0.1")

    def test_ipv6_client_ipv6_upstream(self):
        self.check_way("::1", "::1")

    def test_reference_is_what_it_should_be(self):
        """The comparison means something: the upstream's answers are as different as they look."""
        plain = dict(zip(QUESTIONS, self.whole[()]))
        signed = dict(zip(QUESTIONS, self.whole[("+dnssec",)]))
        rcodes = [reply.rcode for reply in plain.values()]
        self.assertEqual([rcodes.count(r) for r in ("NXDOMAIN", "REFUSED")], [3, 1])
        self.assertEqual(len(plain["chain1.lab.example", "A"].answer), 5)
        self.assertGreater(plain["many.lab.example", "MX"].size, 512)
        self.assertLess(plain["many.lab.example", "MX"].size, 1232)
        self.assertEqual(len(plain["many.lab.example", "MX"].additional), 24)
        self.assertTrue(any(" RRSIG " in r for r in signed["www.signed.example", "A"].answer))
        self.assertTrue(any(" NSEC " in r for r in signed["nowhere.signed.example", "A"].authority))
        self.assertFalse(any(" RRSIG " in r for r in plain["www.signed.example", "A"].answer))

    def ask(self, name, rtype, *options):
        return dig.ask(("127.0.0.1", self.ringdns["127.0.0.1"].port), [(name, rtype)], options)[0]

    def test_additional_records_go_before_the_answer_is_cut(self):
        whole = dict(zip(QUESTIONS, self.whole[()]))["many.lab.example", "MX"]
        for options in ("+bufsize=512",), ("+noedns",):
            with self.subTest(options=options):
                got = self.ask("many.lab.example", "MX", *options)
                self.assertNotIn("tc", got.flags)
                self.assertEqual(got.answer, whole.answer)
                self.assertLess(len(got.additional), len(whole.additional))

    def test_answer_over_512_bytes_is_truncated_for_a_small_client_only(self):
        for options in ("+bufsize=512",), ("+noedns",):
            with self.subTest(options=options):
                got = self.ask("big600.lab.example", "TXT", *options)
                self.assertIn("tc", got.flags)
                self.assertEqual(got.sections, ("NOERROR", (), (), ()))
                self.assertEqual(got.edns is None, options == ("+noedns",))
        got = self.ask("big600.lab.example", "TXT", "+bufsize=700")
        self.assertNotIn("tc", got.flags)
        self.assertEqual(len(got.answer), 1)

    def test_answer_over_1232_bytes_is_truncated_for_everyone(self):
        got = self.ask("big1400.lab.example", "TXT", "+bufsize=4096")
        self.assertIn("tc", got.flags)
        self.assertEqual(got.sections, ("NOERROR", (), (), ()))
        self.assertEqual(got.edns, (0, "", 1232))


if __name__ == "__main__":
    unittest.main()
