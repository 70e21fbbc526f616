# SPDX-License-Identifier: BSD-2-Clause
"""Replies that are no answer: the next server is asked, and a hard budget holds whatever upstreams
say or do not say (CVE-2026-5950, RFC 9520 section 3.1)."""

import collections
import itertools
import time
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Close, Raw, Send, fails, good, silent
from support.process import patience
from support.tcp_client import framed

MESSAGES = 6      # for one question, all servers together
PER_SERVER = 3    # and transport
PATIENCE_S = 4.5
NO_REACHABLE = 22

A, B = "127.0.0.1", "127.0.0.2"


def refers(arrival):
    """Where to ask instead: servers that resolve do not say that."""
    return [Send(wire.reply(arrival.message, authority=[
        wire.record("example", wire.NS, wire.name("ns.example"))], additional=[
        wire.record("ns.example", wire.A, wire.a("192.0.2.53"))]))]


def truncated(arrival):
    return [Send(wire.reply(arrival.message, flags=wire.RA | wire.TC))]


def formerr_to_edns(arrival):
    """FORMERR without OPT, then FORMERR again."""
    return fails(wire.FORMERR, edns=b"")(arrival)


def bad_cookie(arrival):
    """A new cookie is wanted, every time."""
    ours = arrival.message.edns.values(wire.COOKIE)[0][:8]
    options = wire.option(wire.COOKIE, ours + arrival.nth.to_bytes(8, "big"))
    return [Send(wire.reply(arrival.message, rcode=7,
                            edns=wire.opt(options=options, extended_rcode=1)))]


def wrong_ids(arrival):
    return [Send(wire.address_reply(arrival.message, "203.0.113.66",
                                    ident=arrival.message.id ^ i)) for i in range(1, 5)]


def oversized(arrival):
    record = wire.record(b"\xc0\x0c", wire.TXT, wire.txt(*[b"t" * 250] * 6))
    return [Send(wire.reply(arrival.message, [record]))]


def half_and_close(arrival):
    """A connection that ends midway through a message."""
    return [Raw(framed(good(arrival)[0].data)[:20]), Close()]


def close(_):
    return [Close()]


def reset(_):
    return [Close(reset=True)]


# label: (behaviour by UDP, behaviour by TCP). None of them is ever an answer.
NEVER = {
    "servfail": (fails(wire.SERVFAIL), silent),
    "refused": (fails(wire.REFUSED), silent),
    "formerr": (fails(wire.FORMERR), silent),
    "formerr-plain": (formerr_to_edns, silent),
    "notimp": (fails(wire.NOTIMP), silent),
    "notimp-plain": (fails(wire.NOTIMP, edns=b""), silent),
    "badvers": (fails(0, edns=wire.opt(extended_rcode=1)), silent),
    "badcookie": (bad_cookie, bad_cookie),
    "refers": (refers, silent),
    "silent": (silent, silent),
    "tc-tc": (truncated, truncated),
    "tc-silent": (truncated, silent),
    "tc-close": (truncated, close),
    "tc-reset": (truncated, reset),
    "tc-half": (truncated, half_and_close),
    "tc-servfail": (truncated, fails(wire.SERVFAIL)),
    "ids-silent": (wrong_ids, silent),
    "ids-close": (wrong_ids, close),
    "size-close": (oversized, close),
}


def by_label(number):
    """The behaviour of a name's first label."""
    def behave(arrival):
        name = arrival.message.qname
        return NEVER[name[1:1 + name[0]].decode()][number](arrival)
    return behave


class BudgetTest(ForwarderCase):
    """Retries without end: U always says SERVFAIL, REFUSED, FORMERR, TC, or nothing. Its packets
    are counted for each of the client's queries."""

    def check(self, tcp=by_label(1), **kw):
        self.serve(by_label(0), tcp=tcp, **kw)
        clients = {label: self.new_client() for label in NEVER}
        start = time.monotonic()
        for label, client in clients.items():
            client.send(wire.query(f"{label}.never.example"))
        for label, client in clients.items():
            with self.subTest(label):
                answer = client.answer(8)
                self.assertEqual(answer.rcode, wire.SERVFAIL)
                self.assertTrue(answer.edns.errors())
                self.assert_budget(self.upstream.asked(f"{label}.never.example"))
        self.assertLess(time.monotonic() - start, patience(PATIENCE_S))
        before = len(self.upstream.log())
        self.assert_no_more(client)
        self.assertEqual(len(self.upstream.log()), before)
        self.assertLessEqual(self.ringdns.stats()["upstream_sent"], len(NEVER) * MESSAGES)

    def assert_budget(self, arrivals):
        self.assertIn(len(arrivals), range(1, MESSAGES + 1))
        ways = collections.Counter((each.server, each.tcp) for each in arrivals)
        self.assertLessEqual(max(ways.values()), PER_SERVER, ways)

    def test_one_server_and_no_tcp(self):
        self.check(tcp=None)

    def test_one_server(self):
        self.check()

    def test_three_servers(self):
        self.check(addresses=(A, B, "127.0.0.3"))

    def test_three_servers_by_syscall(self):
        self.check(addresses=(A, B, "127.0.0.3"), io="syscall")

    def test_tcp_that_is_refused_sees_few_connections(self):
        """By a listener that ends every connection at once, to count them."""
        self.serve(truncated, tcp=silent)
        self.upstream.greeting = reset
        self.assertEqual(self.client.query("greeting.example", seconds=8).rcode, wire.SERVFAIL)
        self.assertIn(len(self.upstream.connections), range(1, MESSAGES + 1))


class NextServerTest(ForwarderCase):
    """One of two servers fails: the client gets the other one's answer, whoever was asked first."""

    def check(self, bad, tcp=silent, **kw):
        """A server does what BAD says, the other is good; the names of 12 questions."""
        self.serve(lambda arrival: bad(arrival) if arrival.server == A else good(arrival),
                   addresses=(A, B), tcp=tcp, **kw)
        names = [f"q{i}.s{i}.example" for i in range(12)]
        for name in names:
            self.assert_address(self.client.query(name))
        return names

    def servers(self, name):
        return [each.server for each in self.upstream.asked(name)]

    def test_failures_of_every_kind(self):
        cases = {rcode: fails(rcode) for rcode in (
            wire.SERVFAIL, wire.REFUSED, wire.NOTIMP, wire.FORMERR)}
        for title, bad in {**cases, "referral": refers}.items():
            with self.subTest(title):
                names = self.check(bad, pool={"policy": "ordered"})
                self.assertEqual(self.servers(names[0]), [A, B])
                self.assertGreater(self.ringdns.stats()["upstream_failover"], 0)
                self.assertEqual(self.ringdns.stats()["failed_rcode"], 0)

    def test_truncation_without_tcp(self):
        """TC=1, and TCP fails in one way or another: the other server has an answer by UDP."""
        for title, tcp in {"tc": truncated, "close": close, "half": half_and_close}.items():
            with self.subTest(title):
                names = self.check(truncated, tcp=tcp, pool={"policy": "ordered"})
                self.assertEqual(self.servers(names[0])[-1], B)

    def test_all_fail(self):
        """SERVFAIL, with what the last server said of its own where it said so."""
        text = wire.option(wire.EDE, (9).to_bytes(2, "big") + b"a")
        cases = {
            "ede": (fails(wire.SERVFAIL, edns=wire.opt(options=wire.option(
                wire.EDE, (23).to_bytes(2, "big") + b"net"))), (23, b"net")),
            "none": (fails(wire.SERVFAIL), (NO_REACHABLE, b"")),
            "other": (fails(wire.REFUSED, edns=wire.opt(options=text)), (NO_REACHABLE, b"")),
        }
        for title, (behaviour, error) in cases.items():
            with self.subTest(title):
                self.serve(behaviour, addresses=(A, B))
                answer = self.client.query(f"{title}.example")
                self.assertEqual(answer.rcode, wire.SERVFAIL)
                self.assertEqual(answer.edns.errors(), [error])
                self.assertEqual(sorted(self.servers(f"{title}.example")), [A, B])
                self.assertEqual(self.ringdns.stats()["failed_rcode"], 1)

    def test_findings_of_dnssec_are_final(self):
        """SERVFAIL with an extended error 5 to 12: no other server would find otherwise."""
        self.serve(lambda arrival: fails(wire.SERVFAIL, edns=wire.opt(options=wire.option(
            wire.EDE, int(arrival.message.qname[1:3]).to_bytes(2, "big"))))(arrival),
            addresses=(A, B))
        for code in range(3, 15):
            with self.subTest(code):
                answer = self.client.query(f"{code:02}.bogus.example")
                self.assertEqual(answer.rcode, wire.SERVFAIL)
                self.assertEqual(answer.edns.errors(), [(code, b"")])
                self.assertEqual(len(self.servers(f"{code:02}.bogus.example")),
                                 1 if 5 <= code <= 12 else 2)


class ReferralTest(ForwarderCase):
    """A referral is a failure, and never an answer."""

    def test_referral_reaches_no_client(self):
        self.serve(refers)
        answer = self.client.query("www.example")
        self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.assertEqual((answer.answer, answer.authority, answer.additional), ([], [], []))

    def test_what_only_looks_like_one_is_an_answer(self):
        """NS in authority, but an authoritative reply; or with an answer; or NODATA with SOA."""
        ns = wire.record("example", wire.NS, wire.name("ns.example"))
        soa = wire.record("example", wire.SOA, wire.name("ns.example") + wire.name("m.example")
                          + bytes(20))
        address = wire.record(b"\xc0\x0c", wire.A, wire.a("192.0.2.1"))
        replies = itertools.cycle([
            lambda asked: wire.reply(asked, authority=[ns], flags=wire.RA | wire.AA),
            lambda asked: wire.reply(asked, [address], [ns]),
            lambda asked: wire.reply(asked, authority=[soa, ns]),
            wire.reply,
        ])
        self.serve(lambda arrival: [Send(next(replies)(arrival.message))])
        for i in range(4):
            with self.subTest(i):
                answer = self.client.query(f"q{i}.like.example")
                self.assertEqual(answer.rcode, wire.NOERROR)
                self.assertEqual(len(self.upstream.asked(f"q{i}.like.example")), 1)


if __name__ == "__main__":
    unittest.main()
