# SPDX-License-Identifier: BSD-2-Clause
"""Queries that are broken, odd or not queries at all, and what becomes of each: FORMERR, NOTIMP,
REFUSED, BADVERS, an ordinary answer, or silence. Nothing of them reaches an upstream that should
not."""

import struct
import unittest

from support import pcap, wire
from support.case import ForwarderCase
from support.hostile import Send, good

NAME = "www.clients.example"
QUESTION = wire.question(NAME)


def query(*, flags=wire.RD, questions=(QUESTION,), answer=(), authority=(), additional=(),
          counts=None, trail=b"", ident=0x1234):
    return wire.build(ident, flags, questions, answer, authority, additional, counts, trail)


def question_of(name_bytes):
    return query(questions=[name_bytes + struct.pack("!HH", wire.A, wire.IN)])


A_RECORD = wire.record(NAME, wire.A, b"\x01\x02\x03\x04")
LABEL63 = b"\x3f" + b"x" * 63
FORMERRS = {
    "no question": query(questions=[]),
    "no question, but OPT": query(questions=[], additional=[wire.opt()]),
    "two questions": query(questions=[QUESTION, QUESTION]),
    "two questions claimed": query(counts=[2, 0, 0, 0]),
    "65535 questions claimed": query(counts=[65535, 0, 0, 0]),
    "the header alone claims a question": query(questions=[], counts=[1, 0, 0, 0]),
    "half a name": query()[:15],
    "a name without end": query(questions=[b"\x03www\x07clients"], counts=[1, 0, 0, 0]),
    "a name without type and class": query(questions=[wire.name(NAME)], counts=[1, 0, 0, 0]),
    "half a class": query()[:-1],
    "a pointer to itself": question_of(b"\xc0\x0c"),
    "a pointer that goes forward": question_of(b"\xc0\x20"),
    "a pointer behind the message": question_of(b"\xff\xff"),
    "half a pointer": query(questions=[b"\x03www\xc0"], counts=[1, 0, 0, 0]),
    "a loop over a label": question_of(b"\x03www\xc0\x0c"),
    "a label of the kind 01": question_of(b"\x41x\0"),
    "a label of the kind 10": question_of(b"\x81x\0"),
    "a label of 64 bytes": question_of(b"\x40" + b"x" * 64 + b"\0"),
    "a name of 256 bytes": question_of(LABEL63 * 3 + b"\x3e" + b"x" * 62 + b"\0"),
    "a name of 1000 bytes": question_of(LABEL63 * 16 + b"\0"),
    "129 labels": question_of(b"\x01x" * 128 + b"\0"),
    "bytes behind the message": query(trail=b"\0"),
    "a second message behind it": query(trail=query()),
    "an answer that is not there": query(counts=[1, 1, 0, 0]),
    "an authority that is not there": query(counts=[1, 0, 1, 0]),
    "65535 additional records claimed": query(counts=[1, 0, 0, 65535]),
    "half a record": query(additional=[A_RECORD[:-1]]),
    "half of a record's header": query(additional=[A_RECORD[:len(wire.name(NAME)) + 7]]),
    "RDLENGTH that lies": query(additional=[A_RECORD[:-6] + b"\0\5\1\2\3\4"]),
    "RDLENGTH 65535": query(additional=[A_RECORD[:-6] + b"\xff\xff\1\2\3\4"]),
    "two OPTs": query(additional=[wire.opt(), wire.opt()]),
    "two OPTs, apart": query(additional=[wire.opt(), A_RECORD, wire.opt()]),
    "OPT not at the root": query(additional=[wire.opt(owner=wire.name("x"))]),
    "OPT at a pointer to the root": query(questions=[wire.question("")],
                                          additional=[wire.opt(owner=b"\xc0\x0c")]),
    "OPT in the answer section": query(answer=[wire.opt()]),
    "OPT in the authority section": query(authority=[wire.opt()]),
    "an option that overruns": query(additional=[wire.opt(options=b"\0\x0a\0\x09" + b"x" * 8)]),
    "half an option's header": query(additional=[wire.opt(options=b"\0\x0a\0")]),
    "an option that overruns behind a good one": query(additional=[
        wire.opt(options=wire.option(wire.NSID) + b"\xff\xff\xff\xff")]),
    "more than a buffer holds": query(additional=[
        wire.opt(options=wire.option(65001, bytes(8000)))]),
}
# What a pointer at the root's place may stand for is a matter of taste.
EITHER_WAY = ("OPT at a pointer to the root",)

OPCODES_UNKNOWN = [opcode for opcode in range(1, 16)]
REFUSED_TYPES = {"TKEY": wire.TKEY, "IXFR": wire.IXFR, "AXFR": wire.AXFR, "MAILB": wire.MAILB,
                 "MAILA": wire.MAILA}


class ParseTest(ForwarderCase):
    def setUp(self):
        self.serve()

    def well(self):
        """An ordinary query is answered through the upstream."""
        self.assert_address(self.client.query(NAME))

    def assert_untouched(self):
        """Nothing reached the upstream."""
        self.assertEqual(self.upstream.log(), [])

    def check_error(self, data, rcode, flags):
        """The answer to DATA is an error without records, of the right shape."""
        answer = self.client.ask(data)
        self.assertEqual(answer.rcode, rcode)
        self.assertEqual((answer.answer, answer.authority, answer.additional), ([], [], []))
        self.assertLessEqual(len(answer.questions), 1)
        self.assertEqual(answer.flags & ~15, flags)
        if answer.edns:
            self.assertEqual((answer.edns.version, answer.edns.size), (0, 1232))
        return answer

    def test_broken_query_is_formerr(self):
        for title, data in FORMERRS.items():
            with self.subTest(title):
                before = self.ringdns.stats()["answers_formerr"]
                if title in EITHER_WAY:
                    self.client.ask(data)
                    continue
                answer = self.check_error(data, wire.FORMERR, wire.QR | wire.RD | wire.RA)
                if b"\0\0\x29" not in data:
                    self.assertIsNone(answer.edns, "OPT for a client that sent none")
                self.assertEqual(self.ringdns.stats()["answers_formerr"], before + 1)
        self.assertLessEqual(len(self.upstream.log()), len(EITHER_WAY))
        self.well()

    def test_other_opcodes_are_notimp_and_no_flag_is_echoed(self):
        every = wire.AA | wire.TC | wire.RD | wire.Z | wire.AD | wire.CD
        for opcode in OPCODES_UNKNOWN:
            for flags in (0, every):
                for title, rest in {
                        "a question": {}, "no question": {"questions": []},
                        "three questions": {"questions": [QUESTION] * 3},
                        "counts that lie": {"counts": [9, 9, 9, 9]},
                        "OPT": {"additional": [wire.opt()]}}.items():
                    with self.subTest(title, opcode=opcode, flags=hex(flags)):
                        data = query(flags=opcode << 11 | flags, **rest)
                        answer = self.client.ask(data)
                        self.assertEqual(answer.rcode, wire.NOTIMP)
                        self.assertEqual(answer.opcode, opcode)
                        self.assertEqual(answer.flags & every, 0)
                        self.assertEqual(answer.answer + answer.authority + answer.additional, [])
        self.assert_untouched()
        self.assertEqual(self.ringdns.stats()["answers_notimp"], 15 * 2 * 5)
        self.well()

    def test_what_is_no_query_meets_silence(self):
        replies = [query(flags=wire.QR | wire.RD), query(flags=wire.QR | 5 << 11),
                   query(flags=0xffff), query(flags=wire.QR, questions=[], counts=[9, 9, 9, 9]),
                   wire.build(1, wire.QR), query(flags=wire.QR | wire.FORMERR)]
        shorts = [query()[:length] for length in range(12)]
        for data in replies + shorts:
            self.client.send(data)
        self.assertEqual(self.client.before_fence(), [])
        stats = self.ringdns.stats()
        self.assertEqual(stats["queries_dropped_qr"], len(replies))
        self.assertEqual(stats["queries_dropped_short"], len(shorts))
        self.assertEqual(stats["queries_udp"], len(replies) + len(shorts) + 1)
        self.assert_untouched()
        self.well()

    def test_a_thousand_replies_meet_silence(self):
        for i in range(1000):
            self.client.send(query(flags=wire.QR | wire.RD | wire.RA, ident=i))
            if i % 50 == 49:
                self.assertEqual(self.client.before_fence(), [])
        self.assertEqual(self.ringdns.stats()["queries_dropped_qr"], 1000)

    def test_flags_that_mean_nothing_in_a_query(self):
        """TC, AA, RA, the reserved bit and an RCODE: answered normally, and none comes back."""
        for number, flags in enumerate((wire.TC, wire.AA, wire.RA, wire.Z, 3, 15,
                                        wire.TC | wire.AA | wire.RA | wire.Z | 5)):
            with self.subTest(flags=hex(flags)):
                name = f"f{number}.clients.example"
                answer = self.client.query(name, flags=wire.RD | flags)
                self.assert_address(answer)
                self.assertEqual(answer.flags, wire.QR | wire.RD | wire.RA)
                self.assertEqual(self.upstream.asked(name)[0].message.flags, wire.RD | wire.AD)

    def test_unknown_edns_flags_and_options_are_ignored(self):
        cases = {
            "all flags": wire.opt(flags=0xffff),
            "an unknown option": wire.opt(options=wire.option(65001, b"x" * 100)),
            "an empty one": wire.opt(options=wire.option(65001)),
            "a thousand": wire.opt(options=b"".join(wire.option(i + 100) for i in range(1000))),
            "a thousand NSIDs": wire.opt(options=wire.option(wire.NSID) * 1000),
            "a broken ECS": wire.opt(options=wire.option(wire.ECS, b"\0")),
            "a broken cookie": wire.opt(options=wire.option(wire.COOKIE, b"123")),
            "a broken EDE": wire.opt(options=wire.option(wire.EDE, b"1")),
            "size 65535": wire.opt(size=65535),
        }
        for number, (title, opt) in enumerate(cases.items()):
            with self.subTest(title):
                question = wire.question(f"o{number}.clients.example")
                answer = self.client.ask(query(questions=[question], additional=[opt]))
                self.assert_address(answer)
                flags = wire.DO if title == "all flags" else 0
                self.assertEqual(answer.edns, wire.Edns(1232, 0, flags, []))

    def test_other_records_in_a_query_are_ignored(self):
        for section in ("answer", "authority", "additional"):
            with self.subTest(section):
                question = wire.question(f"{section}.clients.example")
                self.assert_address(self.client.ask(
                    query(questions=[question], **{section: [A_RECORD]})))
        before_opt = query(questions=[wire.question("both.clients.example")],
                           additional=[A_RECORD, wire.opt(), A_RECORD])
        self.assert_address(self.client.ask(before_opt))
        for arrival in self.upstream.log():
            message = arrival.message
            self.assertEqual(message.answer + message.authority + message.additional, [])

    def test_edns_version_above_0_is_badvers(self):
        for version in (1, 2, 255):
            for options in (b"", wire.option(wire.NSID)):
                with self.subTest(version=version, options=options):
                    data = query(additional=[wire.opt(version=version, options=options)])
                    answer = self.check_error(data, wire.BADVERS, wire.QR | wire.RD | wire.RA)
                    self.assertEqual((answer.edns.version, answer.edns.flags), (0, 0))
        self.assertEqual(self.ringdns.stats()["answers_badvers"], 6)
        self.assert_untouched()

    def test_badvers_keeps_do(self):
        data = query(additional=[wire.opt(version=1, flags=wire.DO)])
        answer = self.check_error(data, wire.BADVERS, wire.QR | wire.RD | wire.RA)
        self.assertEqual(answer.edns.flags, wire.DO)

    def test_error_for_a_client_with_edns_has_our_opt(self):
        answer = self.client.query(NAME, flags=0)
        self.assertEqual(answer.rcode, wire.REFUSED)
        self.assertEqual(answer.edns[:3], (1232, 0, 0))

    def test_types_that_ask_for_zones_keys_and_mailboxes_are_refused(self):
        for number, (title, qtype) in enumerate(REFUSED_TYPES.items(), 1):
            for edns in (True, False):
                with self.subTest(title, edns=edns):
                    answer = self.client.query(NAME, qtype, edns=edns)
                    self.assertEqual(answer.rcode, wire.REFUSED)
                    self.assertEqual(answer.questions, [(wire.name(NAME), qtype, wire.IN)])
                    self.assertEqual(answer.edns is not None, edns)
            self.assertEqual(self.ringdns.stats()["refused_type"], 2 * number)
        self.assert_untouched()

    def test_tsig_is_refused(self):
        rdata = wire.name("hmac-sha256") + bytes(6) + b"\1\x2c" + b"\0\x20" + b"m" * 32 \
            + b"\x12\x34" + bytes(4)
        tsig = wire.record("key", wire.TSIG, rdata, ttl=0, rclass=wire.ANY)
        for number, additional in enumerate(([tsig], [wire.opt(), tsig]), 1):
            with self.subTest(number=number):
                self.check_error(query(additional=additional), wire.REFUSED,
                                 wire.QR | wire.RD | wire.RA)
                self.assertEqual(self.ringdns.stats()["refused_tsig"], number)
        self.assert_untouched()

    def test_other_classes_are_refused(self):
        for number, qclass in enumerate((0, 2, wire.CH, 4, 254, 255, 65535), 1):
            with self.subTest(qclass=qclass):
                answer = self.client.query(NAME, wire.A, qclass)
                self.assertEqual(answer.rcode, wire.REFUSED)
                self.assertEqual(answer.questions, [(wire.name(NAME), wire.A, qclass)])
                self.assertEqual(self.ringdns.stats()["refused_class"], number)
        self.assert_untouched()

    def test_without_recursion_desired_is_refused(self):
        for edns in (True, False):
            answer = self.client.query(NAME, flags=wire.CD, edns=edns)
            self.assertEqual(answer.rcode, wire.REFUSED)
            self.assertEqual(answer.flags & ~15, wire.QR | wire.RA | wire.CD)
            self.assertEqual(answer.qname, wire.name(NAME))
        self.assertEqual(self.ringdns.stats()["refused_rd"], 2)
        self.assert_untouched()

    def test_errors_keep_the_clients_spelling(self):
        answer = self.client.query("wWw.CLIENTS.tEsT", flags=0)
        self.assertEqual(answer.qname, wire.name("wWw.CLIENTS.tEsT"))

    def test_every_truncation_of_a_query_is_survived(self):
        """Each prefix gets silence or an answer of the right shape."""
        whole = query(additional=[wire.opt(options=wire.option(wire.COOKIE, b"12345678"))])
        for length in range(12, len(whole)):
            with self.subTest(length=length):
                self.assertEqual(self.client.ask(whole[:length]).rcode, wire.FORMERR)
        self.assert_untouched()
        self.well()

    def test_every_byte_of_a_query_may_be_any(self):
        """One byte changed at a time, behind the ID: answered, or silence where QR=1."""
        whole = bytearray(query(additional=[wire.opt(options=wire.option(wire.NSID))]))
        answers = 0
        for at in range(2, len(whole)):
            for value in (0, 1, 0x3f, 0x40, 0x7f, 0xc0, 0xff):
                data = bytes(whole[:at]) + bytes([value]) + bytes(whole[at + 1:])
                if data[2] & 0x80:
                    self.client.send(data)
                    self.assertEqual(self.client.before_fence(), [])
                else:
                    answers += len(self.client.ask(data).data) >= 12
        self.assertGreater(answers, 300)
        self.well()


class PacketsTest(ForwarderCase):
    """The packets that broke others: thrown at the listener, and thrown back as replies."""

    def packets(self):
        for path in pcap.files():
            yield from ((path, data) for data in pcap.payloads(path))

    def test_thrown_at_the_listener(self):
        self.serve(good)
        thrower = self.new_client()
        for number, (path, data) in enumerate(self.packets()):
            with self.subTest(path=path, number=number):
                as_query = data[:2] + b"\1\0" + data[4:4000]
                for packet in (data, data[:512], as_query):
                    thrower.send(packet)
                for answer in thrower.before_fence():
                    self.assertTrue(wire.parse(answer).has(wire.QR))
                self.assert_address(self.client.query(f"listener{number}.clients.example"))
        self.assertGreater(number, 100)

    def test_thrown_back_as_replies(self):
        """As they are; with the ID that is waited for; and with header and question right too."""
        packets = [data for _, data in self.packets()]

        def behave(arrival):
            bad = packets[int(arrival.message.qname[2:5])]
            asked = arrival.message
            ident = asked.data[:2]
            head = ident + b"\x81\x80\0\1" + bad[6:12].ljust(6, b"\0")
            with_question = head + wire.question(*asked.questions[0]) + bad[12:]
            as_it_is = bad[:60000] if bad[:2] != ident else b""
            return [Send(as_it_is), Send(ident + bad[2:60000]), Send(with_question[:1232])] + \
                [Send(each.data, delay=0.01) for each in good(arrival)]

        self.serve(behave, tcp=good)
        for number in range(len(packets)):
            with self.subTest(number=number):
                # The last of the three may be sound, and then it is the answer.
                answer = self.client.query(f"r{number:03}.clients.example")
                self.assertEqual(answer.qname, wire.name(f"r{number:03}.clients.example"))
        self.assert_no_more()
        stats = self.ringdns.stats()
        self.assertGreaterEqual(stats["replies_accepted"], len(packets))
        self.assertGreater(stats["replies_bad_malformed"], 50)


if __name__ == "__main__":
    unittest.main()
