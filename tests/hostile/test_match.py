# SPDX-License-Identifier: BSD-2-Clause
"""Which replies count (RFC 5452 section 9): both addresses, both ports, ID, QR, opcode and the
question must be those of that very query. Whatever else comes does not end the wait."""

import struct
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Send, good
from support.process import wait_until

BAD, GOOD = "203.0.113.66", "192.0.2.1"


def forged(asked, **kw):
    return wire.address_reply(asked, BAD, **kw)


def with_question(asked, name=None, qtype=None, qclass=None):
    qname, was_type, was_class = asked.questions[0]
    return forged(asked._replace(questions=[(name or qname, qtype or was_type,
                                             qclass or was_class)]))


def other_name(asked):
    """One letter of the name is another one."""
    name = bytearray(asked.qname)
    name[1] = ord("z")
    return with_question(asked, bytes(name))


def longer_name(asked):
    return with_question(asked, b"\1x" + asked.qname)


def shorter_name(asked):
    return with_question(asked, asked.qname[1 + asked.qname[0]:])


# Wrong in one thing each, and otherwise just what is waited for: message -> bytes.
WRONG = {
    "ID one more": lambda m: forged(m, ident=m.id + 1 & 0xffff),
    "ID with its bytes swapped": lambda m: forged(m, ident=(m.id << 8 | m.id >> 8) & 0xffff ^ (
        1 if m.id >> 8 == m.id & 255 else 0)),
    "ID 0": lambda m: forged(m, ident=0 if m.id else 1),
    "ID 65535": lambda m: forged(m, ident=65535 if m.id != 65535 else 1),
    "QR=0": lambda m: forged(m, drop=wire.QR),
    "opcode 5": lambda m: forged(m, flags=5 << 11),
    "opcode 4": lambda m: forged(m, flags=4 << 11),
    "another name": other_name,
    "a longer name": longer_name,
    "a shorter name": shorter_name,
    "the root": lambda m: with_question(m, b"\0"),
    "another type": lambda m: with_question(m, qtype=wire.AAAA),
    "another class": lambda m: with_question(m, qclass=wire.CH),
    "type and class ANY": lambda m: with_question(m, qtype=255, qclass=255),
    "no question": lambda m: forged(m._replace(questions=[])),
    "two questions": lambda m: forged(m._replace(questions=m.questions * 2)),
}

LOOP = b"\xc0\x0c" + struct.pack("!HHIH", wire.A, wire.IN, 300, 4) + wire.a(BAD)
ADDRESS = wire.record(b"\xc0\x0c", wire.A, wire.a(BAD))


def raw(asked, *, answer=(), additional=(), counts=None, trail=b"", flags=0):
    """A reply with the right header and question, and parts that lie."""
    return wire.build(asked.id, wire.QR | wire.RA | wire.RD | flags,
                      [wire.question(*asked.questions[0])], answer, (), additional, counts, trail)


def at_end(asked, record_of):
    """A reply whose one answer is RECORD_OF(its own offset)."""
    return raw(asked, answer=[record_of(12 + len(asked.qname) + 4)])


def loop_record(offset):
    return struct.pack("!H", 0xc000 | offset) + LOOP[2:]


def forward_record(offset):
    return struct.pack("!H", 0xc000 | offset + 12) + LOOP[2:]


def cname_loop(offset):
    """RDATA is a name that points to itself."""
    return wire.record(b"\xc0\x0c", wire.CNAME, struct.pack("!H", 0xc000 | offset + 12))


# Broken, with the right ID and mostly the right question: message -> bytes.
BROKEN = {
    "0 bytes": lambda m: b"",
    "1 byte": lambda m: m.data[:1],
    "11 bytes": lambda m: forged(m)[:11],
    "the header alone": lambda m: forged(m)[:12],
    "half the question": lambda m: forged(m)[:12 + len(m.qname) + 2],
    "FORMERR without a question": lambda m: wire.build(m.id, wire.QR | wire.FORMERR),
    "TC with a wrong ID": lambda m: forged(m, ident=m.id ^ 1, flags=wire.TC),
    "half a record": lambda m: forged(m)[:-13],
    "RDLENGTH one more than there is": lambda m: raw(m, answer=[
        ADDRESS[:10] + struct.pack("!H", 5) + ADDRESS[12:]]),
    "RDLENGTH 65535": lambda m: raw(m, answer=[ADDRESS[:10] + b"\xff\xff" + ADDRESS[12:]]),
    "an A record of 5 bytes": lambda m: raw(m, answer=[
        wire.record(b"\xc0\x0c", wire.A, b"\x01\x02\x03\x04\x05")]),
    "an AAAA record of 4 bytes": lambda m: raw(m, answer=[
        wire.record(b"\xc0\x0c", wire.AAAA, b"\x01\x02\x03\x04")]),
    "ANCOUNT one more than there is": lambda m: raw(m, answer=[ADDRESS], counts=[1, 2, 0, 0]),
    "ANCOUNT 65535": lambda m: raw(m, answer=[ADDRESS], counts=[1, 65535, 0, 0]),
    "ANCOUNT one less than there is": lambda m: raw(m, answer=[ADDRESS], counts=[1, 0, 0, 0]),
    "trailing bytes": lambda m: raw(m, answer=[ADDRESS], trail=b"\0"),
    "two OPTs": lambda m: raw(m, answer=[ADDRESS], additional=[wire.opt(), wire.opt()]),
    "OPT in the answer section": lambda m: raw(m, answer=[ADDRESS, wire.opt()]),
    "OPT that is not at the root": lambda m: raw(m, answer=[ADDRESS], additional=[
        wire.opt(owner=b"\xc0\x0c")]),
    "an EDNS option that overruns": lambda m: raw(m, answer=[ADDRESS], additional=[
        wire.opt(options=struct.pack("!HH", 10, 9) + b"12345678")]),
    "half an EDNS option": lambda m: raw(m, answer=[ADDRESS], additional=[
        wire.opt(options=b"\0\x0a\0")]),
    "a compression loop": lambda m: at_end(m, loop_record),
    "a pointer that goes forward": lambda m: at_end(m, forward_record),
    "a compression loop in RDATA": lambda m: at_end(m, cname_loop),
    "a pointer behind the message": lambda m: raw(m, answer=[b"\xff\xff" + ADDRESS[2:]]),
    "a label of the kind 01": lambda m: raw(m, answer=[b"\x41x\0" + ADDRESS[2:]]),
    "a label of the kind 10": lambda m: raw(m, answer=[b"\x81x\0" + ADDRESS[2:]]),
    "a name of 256 bytes": lambda m: raw(m, answer=[
        (b"\x3f" + b"x" * 63) * 3 + b"\x3e" + b"x" * 62 + b"\0" + ADDRESS[2:]]),
    "a name made too long by a pointer": lambda m: raw(m, answer=[
        (b"\x3f" + b"x" * 63) * 3 + b"\x35" + b"x" * 53 + b"\xc0\x0c" + ADDRESS[2:]]),
    "an MX whose name runs out of its RDATA": lambda m: raw(m, answer=[
        wire.record(b"\xc0\x0c", wire.MX, b"\0\x0a\x05mail")]),
    "an SOA without its numbers": lambda m: raw(m, answer=[
        wire.record(b"\xc0\x0c", wire.SOA, b"\xc0\x0c\xc0\x0c")]),
}


def is_guess(title):
    """A reply with an ID that was never used: the third at one port sends the question by TCP."""
    return "ID" in title


def right(arrival):
    return good(arrival, GOOD)


class MatchTest(ForwarderCase):
    """Blind spoofing: a reply counts only if both addresses, both ports, ID, QR, opcode, and the
    question (name, type, class) match that very query. And TuDoor: a bad packet does not end the
    wait."""

    def check(self, cases):
        """Each of CASES comes before the right reply; the client sees the latter alone."""
        def behave(arrival):
            title = titles[arrival.message.qname]
            return [Send(cases[title](arrival.message)),
                    Send(wire.address_reply(arrival.message, GOOD), delay=0.02)]

        titles = {wire.name(f"m{i}.wrong.example"): title for i, title in enumerate(cases)}
        self.serve(behave, tcp=right)
        for qname, title in titles.items():
            with self.subTest(title):
                before = self.ringdns.stats()
                self.assert_address(self.client.query(qname), GOOD)
                after = self.ringdns.stats()
                self.assertEqual(self.bad(after) - self.bad(before), 1)
                self.assertEqual(after["replies_accepted"] - before["replies_accepted"], 1)
        self.assert_no_more()

    @staticmethod
    def bad(stats):
        return sum(n for field, n in stats.items() if field.startswith("replies_bad_"))

    def test_reply_wrong_in_one_field_is_not_taken(self):
        self.check(WRONG)

    def test_broken_packet_does_not_end_the_wait(self):
        self.check(BROKEN)

    def test_tudoor(self):
        """U sends 0 bytes, 11 bytes, QR=0, opcode 5, FORMERR without a question, TC with a wrong
        ID, then a good reply: the client gets the good one."""
        makes = [{**WRONG, **BROKEN}[title] for title in (
            "0 bytes", "11 bytes", "QR=0", "opcode 5", "FORMERR without a question",
            "TC with a wrong ID")]
        for io in ("uring", "syscall"):
            with self.subTest(io=io):
                self.serve(lambda arrival: [Send(make(arrival.message)) for make in makes] + [
                    Send(wire.address_reply(arrival.message, GOOD), delay=0.05)], io=io)
                self.assert_address(self.client.query("tudoor.example"), GOOD)
                self.assert_no_more()
                stats = self.ringdns.stats()
                self.assertEqual((self.bad(stats), stats["upstream_sent"]), (len(makes), 1))

    def test_all_broken_packets_before_one_good_reply(self):
        makes = [make for title, make in {**WRONG, **BROKEN}.items() if not is_guess(title)]

        def behave(arrival):
            return [Send(make(arrival.message)) for make in makes] + \
                   [Send(wire.address_reply(arrival.message, GOOD), delay=0.1)]

        self.serve(behave)
        self.assert_address(self.client.query("all.wrong.example"), GOOD)
        self.assert_no_more()
        stats = self.ringdns.stats()
        self.assertEqual(self.bad(stats), len(makes))
        self.assertEqual((stats["replies_accepted"], stats["upstream_sent"]), (1, 1))

    def test_bad_replies_are_counted_by_reason(self):
        cases = {
            "replies_bad_unknown_id": WRONG["ID one more"],
            "replies_bad_header": WRONG["opcode 5"],
            "replies_bad_question": WRONG["another name"],
            "replies_bad_malformed": BROKEN["two OPTs"],
        }
        queue = list(cases.values())
        self.serve(lambda arrival: [Send(queue.pop(0)(arrival.message)),
                                    Send(wire.address_reply(arrival.message, GOOD), delay=0.02)])
        for field in cases:
            with self.subTest(field):
                before = self.ringdns.stats()[field]
                self.assert_address(self.client.query(f"{field.replace('_', '-')}.example"), GOOD)
                self.assertEqual(self.ringdns.stats()[field], before + 1)

    def test_reply_from_another_port_of_the_server(self):
        self.other = self.udp_socket()
        self.serve(lambda arrival: [Send(forged(arrival.message), via=self.other),
                                    Send(wire.address_reply(arrival.message, GOOD), delay=0.05)])
        self.assert_address(self.client.query("port.wrong.example"), GOOD)
        self.assert_no_more()

    def test_reply_from_another_address_and_the_same_port(self):
        self.serve(lambda arrival: [Send(forged(arrival.message), via=self.other),
                                    Send(wire.address_reply(arrival.message, GOOD), delay=0.05)])
        self.other = self.upstream.other_socket("127.0.0.9", self.upstream.port)
        self.addCleanup(self.other.close)
        self.assert_address(self.client.query("address.wrong.example"), GOOD)
        self.assert_no_more()

    def test_reply_to_another_of_our_ports(self):
        """Questions are under way from several ports; each port is first sent what belongs to the
        others."""
        self.serve(lambda arrival: [])
        names = [f"q{i}.crossed.example" for i in range(8)]
        for name in names:
            self.client.send(wire.query(name))
        waiting = [self.upstream.wait_asked(name)[0] for name in names]
        self.assertGreaterEqual(len({each.peer for each in waiting}), 2)
        crossed = [(one, peer) for peer in {each.peer for each in waiting}
                   for one in [each for each in waiting if each.peer != peer][:2]]
        for one, peer in crossed:
            self.upstream.send(forged(one.message), peer)
        for each in waiting:
            self.upstream.send(wire.address_reply(each.message, GOOD), each.peer)
        for _ in names:
            self.assert_address(self.client.answer(), GOOD)
        self.assert_no_more()
        self.assertEqual(self.bad(self.ringdns.stats()), len(crossed))

    def test_reply_to_any_of_its_packets_counts(self):
        """The first packet is answered only when a retransmission has been sent."""
        first = []

        def behave(arrival):
            first.append(arrival)
            if len(first) < 2:
                return []
            return [Send(wire.address_reply(first[0].message, GOOD), to=first[0].peer)]

        self.serve(behave)
        self.assert_address(self.client.query("late.example"), GOOD)
        one, two = self.upstream.log()[:2]
        self.assertNotEqual((one.peer[1], one.message.id), (two.peer[1], two.message.id))


class LateTest(ForwarderCase):
    """A late completion meets a reused slot: replies that come when their question is over, and
    its slot has been given to another; IDs 0 and 65535 among them."""

    def test_second_reply_meets_the_next_question_in_the_slot(self):
        earlier = []

        def behave(arrival):
            late = []
            for old in earlier:
                late += [Send(forged(old.message), to=old.peer),
                         Send(forged(arrival.message, ident=old.message.id), to=old.peer),
                         Send(forged(arrival.message, ident=old.message.id))
                         if old.message.id != arrival.message.id else Send(b"")]
            earlier.append(arrival)
            return late + [Send(wire.address_reply(arrival.message, GOOD), delay=0.01)]

        self.serve(behave, tcp=right, config={"in-flight": {"queries": 16}})
        for i in range(24):
            self.assert_address(self.client.query(f"q{i}.late.example"), GOOD)
        self.assert_no_more()
        stats = self.ringdns.stats()
        self.assertEqual(stats["replies_accepted"], 24)
        self.assertGreater(stats["replies_late"], 0)

    def test_replies_after_the_questions_were_given_up(self):
        """A table is filled, given up, filled again; then the first are answered. One place more
        than questions: a probe of the server may be under way."""
        self.serve(lambda arrival: [], config={"in-flight": {"queries": 17}})
        for i in range(16):
            self.client.send(wire.query(f"old{i}.late.example"))
        for _ in range(16):
            self.assertEqual(self.client.answer(8).rcode, wire.SERVFAIL)
        old = self.upstream.log()
        self.assertGreaterEqual(len(old), 16)
        # The server is taken for down by now; it answers until it is not.
        self.upstream.behaviour = lambda arrival: [Send(wire.address_reply(arrival.message, GOOD))]
        wait_until(lambda: self.client.query("up.late.example").rcode == wire.NOERROR, 10,
                   "the server came back and was not used again")
        self.upstream.behaviour = lambda arrival: []
        for i in range(16):
            self.client.send(wire.query(f"new{i}.late.example"))
        waiting = [self.upstream.wait_asked(f"new{i}.late.example")[0] for i in range(16)]
        for each in old:
            self.upstream.send(forged(each.message), each.peer)
            for new in waiting:
                if (new.peer, new.message.id) != (each.peer, each.message.id):
                    self.upstream.send(forged(new.message, ident=each.message.id), each.peer)
        for each in waiting:
            self.upstream.send(wire.address_reply(each.message, GOOD), each.peer)
        for _ in range(16):
            self.assert_address(self.client.answer(), GOOD)
        self.assert_no_more()

    def test_ids_0_and_65535_on_ports_that_wait_for_something_else_or_nothing(self):
        def behave(arrival):
            return [Send(forged(arrival.message, ident=ident)) for ident in (0, 65535)
                    if ident != arrival.message.id] + \
                   [Send(wire.address_reply(arrival.message, GOOD), delay=0.01)]

        self.serve(behave, tcp=right)
        for i in range(20):
            self.assert_address(self.client.query(f"edge{i}.example"), GOOD)
        for arrival in self.upstream.log():
            for ident in (0, 65535):
                self.upstream.send(forged(arrival.message, ident=ident), arrival.peer)
        self.assert_no_more()
        self.assert_address(self.client.query("after.edge.example"), GOOD)
        self.assertGreaterEqual(self.ringdns.stats()["replies_bad_unknown_id"], 20)


if __name__ == "__main__":
    unittest.main()
