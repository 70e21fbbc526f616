# SPDX-License-Identifier: BSD-2-Clause
"""EDNS and flags, in all combinations: what RFC 8906 (section 8), RFC 6891 and RFC 9619 want of an
answer to each query, whatever else is odd about it, over UDP and TCP.

A query is what is asked (KINDS), its header's flags, and its OPT. RULES say what must be answered:
the first that applies. What holds for every answer is in check().
"""

import itertools
import unittest
from typing import Callable, NamedTuple

from support import wire
from support.hostile import Send
from support.tcp_case import TcpCase

NAME = "www.compliance.example"
QUESTION = wire.question(NAME)
HEADER_FLAGS = {"AA": wire.AA, "TC": wire.TC, "RA": wire.RA, "Z": wire.Z, "AD": wire.AD,
                "CD": wire.CD}
EVERY_FLAG = sum(HEADER_FLAGS.values())
UNKNOWN_FLAGS = 0x7fff  # of EDNS: all but DO
CLASS_NONE = 254
EXPIRE, KEEPALIVE = 9, 11
TSIG = wire.record("key.example", wire.TSIG, wire.name("hmac-sha256") + bytes(6) + b"\1\x2c\0\x20"
                   + b"m" * 32 + b"\x12\x34" + bytes(4), ttl=0, rclass=wire.ANY)


class Kind(NamedTuple):
    """What is asked. SECOND_OPT: where one stands beside the query's own."""
    opcode: int = 0
    qtype: int = wire.A
    qclass: int = wire.IN
    qdcount: int = 1
    tsig: bool = False
    second_opt: str = ""
    opt_in: str = "additional"


class Opt(NamedTuple):
    version: int = 0
    flags: int = 0
    options: bytes = b""
    size: int = 1232


class Query(NamedTuple):
    kind: Kind
    flags: int
    opt: Opt  # None: no EDNS

    def data(self, ident):
        sections = {"answer": [], "authority": [], "additional": []}
        if self.opt:
            record = wire.opt(self.opt.size, self.opt.version, self.opt.flags, self.opt.options)
            sections[self.kind.opt_in].append(record)
        if self.kind.second_opt:
            sections[self.kind.second_opt].append(wire.opt())
        if self.kind.tsig:
            sections["additional"].append(TSIG)
        question = wire.question(NAME, self.kind.qtype, self.kind.qclass)
        return wire.build(ident, self.kind.opcode << 11 | wire.RD | self.flags,
                          [question] * self.kind.qdcount, **sections)

    def has_opt(self):
        return bool(self.opt or self.kind.second_opt)


KINDS = {
    "A": Kind(),
    "ANY": Kind(qtype=wire.ANY),
    "unknown type": Kind(qtype=1000),
    **{f"opcode {n}": Kind(opcode=n) for n in range(1, 16)},
    "opcode 15 without a question": Kind(opcode=15, qdcount=0),
    "no question": Kind(qdcount=0),
    "two questions": Kind(qdcount=2),
    "second OPT": Kind(second_opt="additional"),
    "second OPT in the answer section": Kind(second_opt="answer"),
    "second OPT in the authority section": Kind(second_opt="authority"),
    "OPT in the answer section": Kind(opt_in="answer"),
    "OPT in the authority section": Kind(opt_in="authority"),
    "TSIG": Kind(tsig=True),
    "AXFR": Kind(qtype=wire.AXFR),
    "IXFR": Kind(qtype=wire.IXFR),
    "type OPT": Kind(qtype=wire.OPT),
    "class CH": Kind(qclass=wire.CH),
    "class ANY": Kind(qclass=wire.ANY),
    "class NONE": Kind(qclass=CLASS_NONE),
}

VERSIONS = {"EDNS 0": 0, "EDNS 1": 1, "EDNS 255": 255}
EDNS_FLAGS = {"": 0, "DO": wire.DO, "unknown flags": UNKNOWN_FLAGS,
              "DO, unknown flags": wire.DO | UNKNOWN_FLAGS}
OPTIONS = {
    "": b"",
    "unknown option": wire.option(100) + wire.option(65001, b"x" * 50),
    "six options": b"".join((  # RFC 8906 section 8.2.10, and what a client may send beside them
        wire.option(wire.NSID), wire.option(wire.ECS, b"\0\1\0\0"), wire.option(EXPIRE),
        wire.option(wire.COOKIE, b"12345678"), wire.option(KEEPALIVE), wire.option(wire.PADDING))),
}
SIZES = (0, 511, 512, 1232, 4096, 65535)


class Rule(NamedTuple):
    """QUESTION: whether it must be repeated; None: it may."""
    source: str
    applies: Callable
    rcode: int
    question: object
    opt: object = True  # None: it may be there if the query had one


def broken_opt(query):
    kind = query.kind
    return (kind.second_opt and (query.opt or kind.second_opt != "additional")) \
        or (query.opt and kind.opt_in != "additional")


RULES = (
    Rule("RFC 8906 section 8.1.4: an unknown opcode", lambda q: q.kind.opcode > 0,
         wire.NOTIMP, None, None),
    Rule("RFC 9619 section 4, RFC 7873 section 5.4: one question",
         lambda q: q.kind.qdcount != 1, wire.FORMERR, None),
    Rule("RFC 6891 section 6.1.1: one OPT, in the additional section", broken_opt,
         wire.FORMERR, None, None),
    Rule("RFC 6891 section 6.1.3, RFC 8906 sections 8.2.2, 8.2.5, 8.2.6: an unknown version",
         lambda q: q.opt and q.opt.version > 0, wire.BADVERS, True),
    Rule("RFC 8945 section 5.5, which we deviate from: keys are not known here",
         lambda q: q.kind.tsig, wire.REFUSED, True),
    Rule("RFC 5936 section 2.2.1, RFC 1995: transfers are not for forwarding; OPT is no type",
         lambda q: q.kind.qtype in (wire.AXFR, wire.IXFR, wire.OPT), wire.REFUSED, True),
    Rule("RFC 1035 section 4.1.1: a class that is not served",
         lambda q: q.kind.qclass != wire.IN, wire.REFUSED, True),
    Rule("RFC 8906 sections 8.1.2, 8.1.3, 8.2.1, 8.2.3, 8.2.4, 8.2.10: an ordinary answer",
         lambda q: True, wire.NOERROR, True),
)


def rule_for(query):
    return next(rule for rule in RULES if rule.applies(query))


def answering(arrival):
    """One record of the type that is asked for; AA=1, as from the source."""
    qtype = arrival.message.questions[0][1]
    record = wire.record(b"\xc0\x0c", wire.A if qtype == wire.ANY else qtype, wire.a("192.0.2.1"))
    return [Send(wire.reply(arrival.message, [record], flags=wire.RA | wire.AA))]


class Compliance:
    """asker() gives what sends a query and gets its answer, by one of the two transports."""

    def setUp(self):
        self.serve(answering, tcp={"idle": "60s"})
        self.asker = self.make_asker()
        self.idents = itertools.cycle(range(wire.FENCE_IDS))

    def check_header(self, query, rule, answer):
        kept = wire.RD | query.flags & wire.CD  # RFC 1035 section 4.1.1, RFC 4035 section 3.2.2
        expected = wire.QR | query.kind.opcode << 11 | rule.rcode & 15
        if rule.rcode != wire.NOTIMP:
            expected |= wire.RA | kept
        self.assertEqual(hex(answer.flags), hex(expected))
        self.assertEqual(answer.rcode, rule.rcode)

    def check_sections(self, query, rule, answer):
        asked = [(wire.name(NAME), query.kind.qtype, query.kind.qclass)]
        if rule.question or answer.questions:
            self.assertEqual(answer.questions, asked * query.kind.qdcount if not rule.question
                             else asked)
        self.assertEqual(len(answer.answer), rule.rcode == wire.NOERROR)
        self.assertEqual((answer.authority, answer.additional), ([], []))

    def check_edns(self, query, rule, answer):
        """RFC 6891 sections 6.1.1 and 7: OPT for who sent one, and for no one else."""
        if not query.has_opt():
            self.assertIsNone(answer.edns)
        elif rule.opt:
            self.assertIsNotNone(answer.edns)
        if answer.edns is None:
            return
        self.assertEqual(answer.edns.version, 0)  # section 6.1.3
        self.assertGreaterEqual(answer.edns.size, 512)
        asked = query.opt or Opt()
        if rule.opt:
            # DO comes back (RFC 3225 section 3), nothing else does (RFC 6891 section 6.1.4).
            self.assertEqual(hex(answer.edns.flags), hex(asked.flags & wire.DO))
        else:
            self.assertEqual(answer.edns.flags & UNKNOWN_FLAGS, 0)
        told = {code for code, _ in answer.edns.options}
        self.assertLessEqual(told, self.may_be_told(asked))

    @staticmethod
    def known(asked):
        return {KEEPALIVE} if asked.options == OPTIONS["six options"] else set()

    def check(self, query):
        rule = rule_for(query)
        answer = self.asker.ask(query.data(next(self.idents)))
        with self.subTest(rule.source):
            self.check_header(query, rule, answer)
            self.check_sections(query, rule, answer)
            self.check_edns(query, rule, answer)

    def check_product(self, title, opts, flags):
        """Every kind with every OPT of OPTS and every set of FLAGS."""
        for (kind, one), (opt, edns), (name, word) in itertools.product(
                KINDS.items(), opts.items(), flags.items()):
            with self.subTest(f"{title}: {kind}; {opt}; {name or 'no flags'}"):
                self.check(Query(one, word, edns))

    def test_without_edns_with_all_flags_in_all_combinations(self):
        combinations = {
            " ".join(names): sum(HEADER_FLAGS[name] for name in names)
            for n in range(len(HEADER_FLAGS) + 1)
            for names in itertools.combinations(HEADER_FLAGS, n)}
        self.assertEqual(len(combinations), 64)
        self.check_product("flags", {"no EDNS": None}, combinations)

    def test_versions_flags_and_options_in_all_combinations(self):
        opts = {", ".join(filter(None, (version, flags, option))): Opt(
            VERSIONS[version], EDNS_FLAGS[flags], OPTIONS[option])
            for version in VERSIONS for flags in EDNS_FLAGS for option in OPTIONS}
        self.assertEqual(len(opts), 36)
        self.check_product("EDNS", opts, {"": 0, **HEADER_FLAGS, "all flags": EVERY_FLAG})

    def test_every_rule_is_met(self):
        opts = (None, Opt(), Opt(version=1))
        met = {rule_for(Query(kind, 0, opt)) for kind in KINDS.values() for opt in opts}
        self.assertEqual(met, set(RULES))

    def test_sizes(self):
        opts = {f"size {size}, {flags or 'no flags'}": Opt(size=size, flags=EDNS_FLAGS[flags])
                for size in SIZES for flags in EDNS_FLAGS}
        self.check_product("sizes", opts, {"": 0})

    def test_nothing_but_ordinary_questions_goes_upstream(self):
        for kind in KINDS.values():
            for opt in (None, Opt(), Opt(version=1)):
                before = len(self.upstream.log())
                query = Query(kind, EVERY_FLAG, opt)
                self.check(query)
                self.assertEqual(len(self.upstream.log()) - before,
                                 rule_for(query).rcode == wire.NOERROR)

    def test_what_is_odd_stays_here(self):
        """Neither flags nor options nor the version of a client reach an upstream."""
        self.check(Query(Kind(), EVERY_FLAG, Opt(0, wire.DO | UNKNOWN_FLAGS,
                                                 OPTIONS["unknown option"], 65535)))
        message = self.upstream.log()[-1].message
        self.assertEqual(hex(message.flags & ~wire.AD), hex(wire.RD | wire.CD))
        self.assertEqual((message.edns.size, message.edns.version, message.edns.flags),
                         (1232, 0, wire.DO))
        self.assertLessEqual({code for code, _ in message.edns.options}, {wire.COOKIE})

    def test_truncated_answers_have_the_opt(self):
        """RFC 8906 section 8.2.7; sizes under 512 mean 512 (RFC 6891 section 6.2.3)."""
        texts = wire.txt(*[b"t" * 200] * 4)
        self.upstream.behaviour = lambda arrival: [Send(wire.reply(
            arrival.message, [wire.record(b"\xc0\x0c", wire.TXT, texts)]))]
        for size in SIZES:
            for do in (False, True):
                with self.subTest(size=size, do=do):
                    answer = self.asker.query(NAME, wire.TXT, size=size, do=do)
                    self.assertEqual(answer.has(wire.TC), size <= 512 and self.truncates)
                    self.assertEqual(answer.edns[1:3], (0, wire.DO if do else 0))
                    self.assertEqual(len(answer.answer), not answer.has(wire.TC))


class UdpComplianceTest(Compliance, TcpCase):
    truncates = True

    def make_asker(self):
        return self.client

    @staticmethod
    def may_be_told(_):
        return {wire.EDE}


class TcpComplianceTest(Compliance, TcpCase):
    truncates = False

    def make_asker(self):
        return self.connect()

    @staticmethod
    def may_be_told(asked):
        return {wire.EDE} | Compliance.known(asked)


if __name__ == "__main__":
    unittest.main()
