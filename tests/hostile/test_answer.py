# SPDX-License-Identifier: BSD-2-Clause
"""What goes upstream and what comes back down, when the upstream's replies are odd but valid:
flags, AD, our own OPT, extended errors, truncation, sizes."""

import itertools
import random
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Send, fails, good

ADDRESS = "192.0.2.1"


def ede(code, text=b""):
    return wire.option(wire.EDE, code.to_bytes(2, "big") + text)


def edns_reply(options, **kw):
    """A behaviour: one A record, and an OPT with OPTIONS."""
    return lambda arrival: [Send(wire.address_reply(
        arrival.message, ADDRESS, edns=wire.opt(options=options), **kw))]


class UpwardTest(ForwarderCase):
    """The query that the upstream sees."""

    def see(self, qname="www.up.example", *args, **kw):
        self.client.query(qname, *args, **kw)
        return self.upstream.asked(qname)[-1].message

    def assert_our_opt(self, seen, flags=0):
        """Ours alone: 1232 bytes, version 0, and a client cookie of our own."""
        self.assertEqual(seen.edns[:3], (1232, 0, flags))
        self.assertEqual([(code, len(data)) for code, data in seen.edns.options],
                         [(wire.COOKIE, 8)])
        self.assertNotEqual(seen.edns.values(wire.COOKIE), [b"12345678"])

    def test_query_is_built_anew(self):
        self.serve()
        options = wire.option(wire.ECS, b"\0\1\x18\0\xc0\0\2") + wire.option(wire.NSID) \
            + wire.option(wire.COOKIE, b"12345678") + wire.option(wire.PADDING, bytes(40)) \
            + wire.option(65001, b"local")
        seen = self.see("Www.Up.Example", flags=wire.RD | wire.Z, size=4096, options=options)
        self.assert_our_opt(seen)
        self.assertEqual(seen.flags, wire.RD | wire.AD)
        self.assertEqual([q[1:] for q in seen.questions], [(wire.A, wire.IN)])
        self.assertEqual((seen.answer, seen.authority, seen.additional), ([], [], []))

    def test_edns_is_sent_for_a_client_without(self):
        self.serve()
        self.assert_our_opt(self.see(edns=False))

    def test_do_and_cd_go_upstream(self):
        self.serve()
        for number, (do, cd) in enumerate(itertools.product((False, True), repeat=2)):
            with self.subTest(do=do, cd=cd):
                flags = wire.RD | (wire.CD if cd else 0)
                seen = self.see(f"n{number}.up.example", do=do, flags=flags)
                self.assertEqual(seen.edns.flags, wire.DO if do else 0)
                self.assertEqual(seen.has(wire.CD), cd)
                if not do:
                    self.assertTrue(seen.has(wire.AD))

    def test_names_of_any_bytes_go_through(self):
        self.serve()
        names = [b"\x01\0\x02up\x07example\0", b"\x03a\0b\x02up\x07example\0",
                 b"\x03a.b\x02up\x07example\0", b"\x01\xff\x02up\x07example\0",
                 b"\x3f" + bytes(range(1, 64)) + b"\0",
                 (b"\x3f" + b"\xfe" * 63) * 3 + b"\x3d" + b"\x01" * 61 + b"\0", b"\0"]
        for name in names:
            with self.subTest(name=wire.show(name)):
                answer = self.client.query(name)
                self.assert_address(answer, ADDRESS)
                self.assertEqual(answer.qname, name)
                self.assertEqual(self.upstream.log()[-1].message.qname.lower(), name.lower())

    def test_nul_dot_and_0xff_in_labels(self):
        """a\\000b.up, a\\.b.up, a.b.up, a\\255b.up and a.up are different questions, though all are
        asked at once: lengths are compared, not strings."""
        names = [wire.name(f"{each}.up.example")
                 for each in ("a\\000b", "a\\.b", "a.b", "a\\255b", "a", "a\\000", "b")]
        self.serve(lambda arrival: [])
        for name in names:
            self.client.send(wire.query(name))
        self.upstream.wait_asked(count=len(names))
        self.assertEqual({each.message.qname for each in self.upstream.log()}, set(names))
        for each in self.upstream.log():
            address = f"192.0.2.{names.index(each.message.qname)}"
            self.upstream.send(wire.address_reply(each.message, address), each.peer)
        answers = [self.client.answer() for _ in names]
        self.assertEqual({(each.qname, each.answer[0].rdata[3]) for each in answers},
                         {(name, i) for i, name in enumerate(names)})

    def test_client_subnet_never_goes_upstream_and_splits_nothing(self):
        """RebirthDay: a hundred client subnets, one question, one query upstream."""
        def late(arrival):
            return [Send(wire.address_reply(arrival.message, ADDRESS), delay=1.0)]

        self.serve(late)
        for i in range(100):
            subnet = wire.option(wire.ECS, bytes([0, 1, 24, 0, 10, 1, i]))
            self.client.send(wire.query("ecs.example", options=subnet, ident=i))
        answers = [self.client.answer() for _ in range(100)]
        self.assertEqual({each.id for each in answers}, set(range(100)))
        for each in answers:
            self.assertEqual(each.edns.options, [])
        for arrival in self.upstream.log():
            self.assert_our_opt(arrival.message)
        stats = self.ringdns.stats()
        self.assertEqual((stats["queries_led"], stats["queries_joined"]), (1, 99))
        self.assertEqual(stats["upstream_sent"] - stats["upstream_resent"], 1)


class FlagsTest(ForwarderCase):
    """Upstream queries without DO carry AD=1; the reply's AD is given only to a client that set AD
    or DO, and only from a pool that is trust-ad; never on answers of our own (RFC 6840 section
    5.8)."""

    def check_ad(self, trust):
        """All of the client's AD and DO, the upstream's AD: when does the client get AD?"""
        self.serve(lambda arrival: [Send(wire.address_reply(
            arrival.message, ADDRESS,
            flags=wire.RA | (wire.AD if arrival.message.qname[1:3] == b"ad" else 0)))],
            pool={"trust-ad": trust})
        cases = itertools.product((False, True), (False, True), ("ad", "no"))
        for number, (ad, do, upstream) in enumerate(cases):
            with self.subTest(client_ad=ad, client_do=do, upstream=upstream, trust=trust):
                answer = self.client.query(f"{upstream}{number}.flags.example", do=do,
                                           flags=wire.RD | (wire.AD if ad else 0))
                self.assert_address(answer)
                self.assertEqual(answer.has(wire.AD), trust and upstream == "ad" and (ad or do))
                self.assertEqual(answer.edns.flags, wire.DO if do else 0)

    def test_ad_of_a_trusted_pool(self):
        self.check_ad(True)

    def test_ad_of_a_pool_that_is_not_trusted(self):
        self.check_ad(False)

    def test_ad_is_never_on_answers_of_our_own(self):
        """Not even where the pool is trusted, and the upstream's failure claims it."""
        self.serve(fails(wire.REFUSED, flags=wire.RA | wire.AD), pool={"trust-ad": True})
        for flags, rcode in ((wire.RD, wire.SERVFAIL), (0, wire.REFUSED)):
            with self.subTest(rcode):
                answer = self.client.query("own.flags.example", do=True, flags=flags | wire.AD)
                self.assertEqual((answer.rcode, answer.has(wire.AD)), (rcode, False))

    def test_ad_by_a_client_without_edns(self):
        self.serve(lambda arrival: [Send(wire.address_reply(
            arrival.message, ADDRESS, flags=wire.RA | wire.AD))],
            pool={"trust-ad": True})
        asked = self.client.query("a.flags.example", edns=False, flags=wire.RD | wire.AD)
        plain = self.client.query("b.flags.example", edns=False)
        self.assertTrue(asked.has(wire.AD))
        self.assertFalse(plain.has(wire.AD))

    def test_upstreams_flags_are_not_the_clients(self):
        """AA, Z, RD, CD and a missing RA of the upstream stay there."""
        def behave(arrival):
            word = wire.QR | wire.AA | wire.Z
            if not arrival.message.qname.startswith(b"\x02rd"):
                word |= wire.RD | wire.CD
            data = wire.address_reply(arrival.message, ADDRESS)
            return [Send(data[:2] + word.to_bytes(2, "big") + data[4:])]

        self.serve(behave)
        for name, flags in (("x.flags.example", wire.RD), ("rd.flags.example", wire.RD | wire.CD)):
            with self.subTest(name):
                answer = self.client.query(name, flags=flags)
                self.assertEqual(answer.flags, wire.QR | wire.RA | flags)

    def test_rcodes_of_answers_are_passed_on(self):
        """Those of failures are not: tests of failover see to them."""
        self.serve(lambda arrival: [Send(wire.reply(
            arrival.message, rcode=int(arrival.message.qname[1:3])))])
        for rcode in (0, 3, 6, 7, 8, 9, 10):
            with self.subTest(rcode=rcode):
                answer = self.client.query(f"{rcode:02}.rcode.example")
                self.assertEqual(answer.rcode, rcode)
                self.assertEqual(answer.answer, [])

    def test_extended_rcode_is_not_passed_on(self):
        """BADVERS and the like speak of our OPT: the client, even without EDNS, gets SERVFAIL."""
        self.serve(lambda arrival: [Send(wire.reply(
            arrival.message, edns=wire.opt(extended_rcode=1)))])
        for edns in (True, False):
            with self.subTest(edns=edns):
                answer = self.client.query(f"ext{int(edns)}.rcode.example", edns=edns)
                self.assertEqual(answer.rcode, wire.SERVFAIL)
                self.assertEqual(answer.edns is not None, edns)

    def test_spelling_of_the_question_is_the_clients(self):
        """The upstream answers in lower case, or in a spelling of its own."""
        rnd = random.Random(1)

        def behave(arrival):
            qname, qtype, qclass = arrival.message.questions[0]
            other = arrival.message._replace(
                questions=[(wire.spelling(qname, rnd), qtype, qclass)])
            return [Send(wire.address_reply(other, ADDRESS))]

        self.serve(behave)
        for i in range(20):
            name = wire.name(f"some-longer-name.n{i}.Spelling-[x]@{{y}}.example")
            name = wire.spelling(name, rnd)
            answer = self.client.query(name)
            self.assertEqual(answer.qname, name)
            self.assertEqual(answer.answer[0].name, name)


class OptTest(ForwarderCase):
    def test_hop_by_hop_options_stay_with_their_hop(self):
        options = wire.option(wire.NSID, b"upstream") + wire.option(65001, b"local") \
            + wire.option(wire.ECS, b"\0\1\x18\x18\xc0\0\2") + wire.option(wire.PADDING, bytes(9))

        def behave(arrival):
            ours = arrival.message.edns.values(wire.COOKIE)[0]
            return edns_reply(options + wire.option(wire.COOKIE, ours + b"x" * 8))(arrival)

        self.serve(behave)
        answer = self.client.query("hop.opt.example", options=wire.option(wire.NSID))
        self.assert_address(answer)
        self.assertEqual(answer.edns, wire.Edns(1232, 0, 0, []))

    def test_size_version_and_flags_of_opt_are_our_own(self):
        self.serve(lambda arrival: [Send(wire.address_reply(
            arrival.message, ADDRESS, edns=wire.opt(size=65535, flags=0xffff)))])
        self.assertEqual(self.client.query("own.opt.example").edns, wire.Edns(1232, 0, 0, []))
        self.assertEqual(self.client.query("do.opt.example", do=True).edns,
                         wire.Edns(1232, 0, wire.DO, []))

    def test_no_opt_for_a_client_without(self):
        self.serve(edns_reply(ede(18, b"no")))
        answer = self.client.query("plain.opt.example", edns=False)
        self.assert_address(answer)
        self.assertIsNone(answer.edns)

    def test_opt_for_a_client_with_edns_and_an_upstream_without(self):
        self.serve(lambda arrival: [Send(wire.address_reply(arrival.message, ADDRESS, edns=b""))])
        self.assertEqual(self.client.query("none.opt.example").edns, wire.Edns(1232, 0, 0, []))

    def test_extended_errors_are_passed_on(self):
        cases = {
            b"": b"", b"blocked by policy": b"blocked by policy", b"x" * 64: b"x" * 64,
            b"y" * 65: b"y" * 64, b"z" * 900: b"z" * 64,
            # Cut between characters, not within one.
            "\u00e4".encode() * 40: "\u00e4".encode() * 32,
            b"a" + "\u00e4".encode() * 40: b"a" + "\u00e4".encode() * 31,
            "\u20ac".encode() * 30: "\u20ac".encode() * 21,
        }
        texts = list(cases)
        self.serve(lambda arrival: [Send(wire.reply(
            arrival.message, rcode=wire.SERVFAIL,
            edns=wire.opt(options=ede(22, texts[arrival.message.qname[1] - ord("a")]))))])
        for number, (text, expected) in enumerate(cases.items()):
            with self.subTest(text=text[:10], length=len(text)):
                answer = self.client.query(f"{chr(ord('a') + number)}.ede.example")
                self.assertEqual(answer.rcode, wire.SERVFAIL)
                self.assertEqual(answer.edns.errors(), [(22, expected)])
                self.assertEqual(len(answer.edns.options), 1)

    def test_several_extended_errors(self):
        options = ede(3, b"stale") + wire.option(wire.NSID, b"x") + ede(65535) + ede(0)
        self.serve(edns_reply(options))
        answer = self.client.query("several.ede.example")
        self.assertEqual(answer.edns.errors(), [(3, b"stale"), (65535, b""), (0, b"")])

    def test_a_flood_of_extended_errors_is_bounded(self):
        self.serve(edns_reply(b"".join(ede(i, b"t" * 10) for i in range(60))))
        answer = self.client.query("flood.ede.example")
        self.assert_address(answer)
        errors = answer.edns.errors()
        self.assertEqual(errors, [(i, b"t" * 10) for i in range(len(errors))])
        self.assertIn(len(errors), range(1, 9))

    def test_extended_errors_do_not_push_records_out(self):
        """The records fill the client's 512 bytes but for a few: the errors give way."""
        def behave(arrival):
            records = [wire.record(b"\xc0\x0c", wire.A, wire.a(f"192.0.2.{i}")) for i in range(28)]
            return [Send(wire.reply(arrival.message, records,
                                    edns=wire.opt(options=ede(3, b"e" * 64))))]

        self.serve(behave)
        answer = self.client.query("full.ede.example", size=512)
        self.assertFalse(answer.has(wire.TC))
        self.assertEqual(len(answer.answer), 28)
        self.assertLessEqual(len(answer.data), 512)

    def test_additional_records_around_opt(self):
        """OPT may stand anywhere in the additional section; nothing of it doubles or breaks."""
        extra = [wire.record("ns1.extra.example", wire.A, wire.a("192.0.2.51")),
                 wire.record("ns2.extra.example", wire.A, wire.a("192.0.2.52"))]
        self.serve(lambda arrival: [Send(wire.reply(
            arrival.message, [wire.record(b"\xc0\x0c", wire.A, wire.a(ADDRESS))], [], extra,
            edns=wire.opt(options=ede(3)), opt_at=int(arrival.message.qname[1:2])))])
        for place in range(3):
            with self.subTest(place=place):
                answer = self.client.query(f"{place}.extra.example")
                self.assert_address(answer)
                rdata = [r.rdata for r in answer.additional]
                self.assertEqual(rdata, [wire.a("192.0.2.51"), wire.a("192.0.2.52")][:len(rdata)])
                self.assertGreaterEqual(len(rdata), place)  # what is behind it may be left out
                self.assertEqual(answer.edns.errors(), [(3, b"")])


class SizeTest(ForwarderCase):
    def filled(self, size):
        """A behaviour whose reply is SIZE bytes: one TXT record and OPT."""
        def behave(arrival):
            empty = wire.reply(arrival.message, [wire.record(b"\xc0\x0c", wire.TXT, b"")])
            room, texts = size - len(empty), []
            while room:
                length = min(room - 1, 200) if room - min(room - 1, 200) - 1 != 1 else 199
                texts.append(b"t" * length)
                room -= 1 + length
            data = wire.reply(arrival.message,
                              [wire.record(b"\xc0\x0c", wire.TXT, wire.txt(*texts))])
            return [Send(data)]
        return behave

    def test_reply_as_long_as_advertised_is_taken(self):
        self.serve(self.filled(1232))
        answer = self.client.query("1232.size.example", wire.TXT, size=4096)
        self.assertEqual(answer.rcode, wire.NOERROR)
        self.assertFalse(answer.has(wire.TC))
        self.assertEqual(len(answer.data), 1232)

    def test_reply_longer_than_advertised_is_dropped_and_asked_again_by_tcp(self):
        """RFC 9715: a UDP reply longer than advertised is a bad packet: dropped, counted, asked
        again over TCP."""
        for size in (1233, 1500, 4096, 4500, 9000):
            with self.subTest(size=size):
                self.serve(self.filled(size), tcp=good)
                answer = self.client.query(f"s{size}.size.example", size=4096)
                self.assert_address(answer)
                self.assert_no_more()
                stats = self.ringdns.stats()
                self.assertEqual((stats["replies_bad_oversize"], stats["upstream_tcp_forged"]),
                                 (1, 1))
                self.assertEqual(stats["replies_accepted"], 1)

    def test_truncated_reply_is_asked_again_by_tcp(self):
        """A TC=1 reply with half an answer in it: nothing of that half is given to anybody."""
        def half(arrival):
            return [Send(wire.address_reply(arrival.message, "203.0.113.66",
                                            flags=wire.RA | wire.TC))]

        self.serve(half, tcp=good)
        self.assert_address(self.client.query("tc.size.example"))
        self.assertEqual([each.tcp for each in self.upstream.log()], [False, True])
        stats = self.ringdns.stats()
        self.assertEqual((stats["upstream_tcp"], stats["answers_truncated"]), (1, 0))

    def test_reply_that_does_not_fit_the_client_is_truncated(self):
        """TC=1, empty sections, OPT for who has one."""
        self.serve(self.filled(700))
        for edns in (True, False):
            with self.subTest(edns=edns):
                answer = self.client.query(f"tc{int(edns)}.size.example", wire.TXT, edns=edns,
                                           size=600)
                self.assertTrue(answer.has(wire.TC))
                self.assertEqual(answer.rcode, wire.NOERROR)
                self.assertEqual((answer.answer, answer.authority, answer.additional), ([], [], []))
                self.assertEqual(answer.edns is not None, edns)
        self.assertEqual(self.ringdns.stats()["answers_truncated"], 2)

    def test_client_size_under_512_counts_as_512(self):
        self.serve(self.filled(512))
        for size in (0, 1, 12, 511, 512):
            with self.subTest(size=size):
                answer = self.client.query(f"c{size}.size.example", wire.TXT, size=size)
                self.assertFalse(answer.has(wire.TC))
                self.assertEqual(len(answer.data), 512)

    def test_every_limit_is_kept_to_the_byte(self):
        """One reply of 700 bytes; clients that take 690 to 710."""
        self.serve(self.filled(700))
        for size in range(690, 711):
            with self.subTest(size=size):
                answer = self.client.query(f"b{size}.size.example", wire.TXT, size=size)
                self.assertEqual(answer.has(wire.TC), size < 700)
                self.assertLessEqual(len(answer.data), size)


if __name__ == "__main__":
    unittest.main()
