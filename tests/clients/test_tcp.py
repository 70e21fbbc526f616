# SPDX-License-Identifier: BSD-2-Clause
"""Clients over TCP: how bytes become messages, in which order answers come, how connections end,
and how long they may be idle (RFC 7766, RFC 7828)."""

import random
import struct
import time
import unittest

from support import wire
from support.hostile import Send, good, silent
from support.process import scaled
from support.tcp_case import TcpCase, numbered
from support.tcp_client import KEEPALIVE, Ended, framed

NAME = "www.tcp.example"
QUERY = wire.query(NAME, ident=0x1234)
ASK_KEEPALIVE = wire.option(KEEPALIVE)


def slow_for(seconds, label=b"slow"):
    """An upstream that is late for names that begin with LABEL."""
    def behave(arrival):
        late = arrival.message.qname[1:].startswith(label)
        return [Send(each.data, delay=seconds if late else 0) for each in good(arrival)]
    return behave


class Messages:
    """Framing: RFC 1035 section 4.2.2, RFC 7766 section 8."""

    def test_answer(self):
        self.serve()
        connection = self.connect()
        self.assert_address(connection.query(NAME))
        self.assert_address(connection.query("again." + NAME, edns=False))
        stats = self.ringdns.stats()
        self.assertEqual((stats["queries_tcp"], stats["queries_udp"]), (2, 0))
        self.assertEqual((stats["connections"], stats["connections_accepted"]), (1, 1))

    def test_over_ipv6(self):
        self.serve(listen=("::1",))
        self.assert_address(self.connect(server="::1").query(NAME))

    def test_udp_sizes_do_not_bound_an_answer(self):
        """512 without EDNS and the OPT's size are of UDP (RFC 6891 section 6.2.3)."""
        texts = wire.txt(*[b"t" * 200] * 5)
        self.serve(lambda arrival: [Send(wire.reply(
            arrival.message, [wire.record(b"\xc0\x0c", wire.TXT, texts)]))])
        connection = self.connect()
        for kw in ({"edns": False}, {"size": 0}, {"size": 512}):
            with self.subTest(kw):
                answer = connection.query(f"s{kw.get('size')}.example", wire.TXT, **kw)
                self.assertFalse(answer.has(wire.TC))
                self.assertEqual(answer.answer[0].rdata, texts)

    def test_one_byte_at_a_time(self):
        self.serve()
        connection = self.connect()
        for at in range(len(framed(QUERY))):
            connection.send_bytes(framed(QUERY)[at:at + 1])
            self.turned()
        self.assert_address(connection.answer())

    def test_two_messages_in_one_segment(self):
        self.serve()
        connection = self.connect()
        connection.send(*numbered(2))
        self.assertEqual({connection.answer().id for _ in range(2)}, {0, 1})

    def test_message_over_two_segments_wherever_it_is_cut(self):
        self.serve()
        connection = self.connect()
        whole = framed(*numbered(2))
        for at in range(1, len(whole)):
            connection.send_bytes(whole[:at])
            self.turned()
            connection.send_bytes(whole[at:])
            self.assertEqual({connection.answer().id for _ in range(2)}, {0, 1}, at)

    def test_length_prefix_alone_first(self):
        self.serve()
        connection = self.connect()
        connection.send_bytes(framed(QUERY)[:2])
        self.turned()
        self.assertFalse(connection.has_ended())
        connection.send_bytes(QUERY)
        self.assert_address(connection.answer())

    def test_longest_message(self):
        """65,535 bytes of it padding."""
        self.serve()
        room = 65535 - len(QUERY) - 4
        data = wire.query(NAME, options=wire.option(wire.PADDING, bytes(room)))
        self.assertEqual(len(data), 65535)
        self.assert_address(self.connect().ask(data))

    def test_many_segments_of_many_messages(self):
        """Cut at random."""
        self.serve()
        rnd = random.Random(7766)
        connection = self.connect()
        count, got = 400, set()
        whole, at = framed(*numbered(count)), 0
        while at < len(whole):
            step = rnd.choice((1, 2, 3, 40, 500))
            connection.send_bytes(whole[at:at + step])
            at += step
        while len(got) < count:
            got.add(connection.answer().id)
        self.assertEqual(got, set(range(count)))

    def test_pipelined_answers_do_not_wait_for_a_slow_one(self):
        """RFC 7766 section 6.2.1.1: 1000 at once, the first of them slow upstream; the others come
        before it, every ID once."""
        count = 1000
        self.serve(lambda arrival: [] if arrival.message.qname[1:5] == b"slow" else good(arrival),
                   tcp={"pipeline": count})
        connection = self.connect()
        connection.send(wire.query("slow.example", ident=0), *numbered(count)[1:])
        others = [connection.answer(10).id for _ in range(count - 1)]
        self.assertEqual(sorted(others), list(range(1, count)))
        self.upstream.behaviour = good
        slow = self.upstream.wait_asked("slow.example")[-1]
        self.upstream.send(wire.address_reply(slow.message, "192.0.2.1"), slow.peer)
        self.assertEqual(connection.answer(10).id, 0)
        self.assertEqual(self.ringdns.stats()["queries_tcp"], count)

    def test_pipeline_longer_than_its_limit_is_answered_whole(self):
        self.serve(tcp={"pipeline": 4})
        connection = self.connect()
        count = 500
        connection.send(*numbered(count))
        self.assertEqual({connection.answer().id for _ in range(count)}, set(range(count)))

    def test_same_question_twice_on_one_connection(self):
        """Both are answered: over TCP there are no retransmissions."""
        self.serve(slow_for(0.2))
        connection = self.connect()
        connection.send(wire.query("slow.example", ident=1), wire.query("slow.example", ident=2))
        self.assertEqual({connection.answer().id for _ in range(2)}, {1, 2})
        self.assertEqual(len(self.upstream.asked("slow.example")), 1)


class Ends:
    """How connections end, and what is left of them: nothing."""

    def test_fin_with_answers_due(self):
        """Half closed: all are answered, then it is our FIN (RFC 7766 section 6.2.4)."""
        self.serve(slow_for(0.3))
        connection = self.connect()
        connection.send(*numbered(10, "slow{}.example"))
        connection.finish()
        self.assertEqual({connection.answer().id for _ in range(10)}, set(range(10)))
        self.assertEqual(connection.ending(), "FIN")
        self.wait_closed()

    def test_fin_without_anything_due(self):
        self.serve()
        connection = self.connect()
        connection.finish()
        self.assertEqual(connection.ending(), "FIN")
        self.wait_closed()

    def test_fin_inside_a_message(self):
        for length in (1, 2, 20):
            with self.subTest(length=length):
                self.serve()
                connection = self.connect()
                connection.send_bytes(framed(QUERY)[:length])
                connection.finish()
                self.assertEqual(connection.ending(), "FIN")
                self.assertEqual(self.wait_closed()["queries_tcp"], 0)

    def test_reset_with_queries_under_way(self):
        self.serve(slow_for(0.3))
        connection = self.connect()
        connection.send(*numbered(20, "slow{}.example"))
        self.upstream.wait_asked(count=20)
        connection.reset()
        self.ringdns.wait_stats(lambda now: not now["connections"])
        self.wait_closed()
        self.well()

    def test_reset_inside_a_message(self):
        self.serve()
        connection = self.connect()
        connection.send_bytes(framed(QUERY)[:20])
        self.turned()
        connection.reset()
        self.assertEqual(self.wait_closed()["queries_tcp"], 0)
        self.well()

    def test_early_close_with_queries_under_way(self):
        """The client leaves without reading: no signal, no answer to anybody else."""
        self.serve(slow_for(0.3))
        connection = self.connect()
        connection.send(*numbered(20, "slow{}.example"))
        self.upstream.wait_asked(count=20)
        connection.close()
        other = self.connect()
        self.assert_address(other.query(NAME))
        other.finish()
        self.assertEqual(other.ending(), "FIN")
        self.wait_closed()
        self.well()

    def test_shorter_than_a_header(self):
        """No DNS: reset, from length zero on."""
        self.serve()
        for number, length in enumerate(range(12), 1):
            with self.subTest(length=length):
                connection = self.connect()
                connection.send_bytes(framed(QUERY[:length]))
                self.assertEqual(connection.ending(), "RST")
                stats = self.ringdns.wait_stats(
                    lambda now, n=number: now["connections_bad"] == n)
                self.assertEqual(stats["queries_dropped_short"], number)
        self.wait_closed()
        self.well()

    def test_zero_length_behind_a_query(self):
        """What was asked before is not answered any more: the stream makes no sense."""
        self.serve(slow_for(0.3))
        connection = self.connect()
        connection.send(wire.query("slow.example"), b"")
        self.assertEqual(connection.ending(), "RST")
        self.assertEqual(self.wait_closed()["connections_bad"], 1)

    def test_replies_meet_silence(self):
        """QR=1: dropped; what follows on the connection is served."""
        self.serve()
        connection = self.connect()
        reply = wire.build(1, wire.QR | wire.RD, [wire.question(NAME)])
        connection.send(reply, wire.query(NAME, ident=2), reply, wire.query(NAME, ident=3))
        self.assertEqual({connection.answer().id for _ in range(2)}, {2, 3})
        self.assertEqual(self.ringdns.stats()["queries_dropped_qr"], 2)
        connection.finish()
        self.assertEqual(connection.ending(), "FIN")
        self.wait_closed()

    def test_garbage(self):
        """Other protocols and noise: answered, reset or closed when its time is over."""
        rnd = random.Random(1035)
        noise = [rnd.randbytes(rnd.randrange(1, 2000)) for _ in range(scaled(100))]
        self.serve(tcp={"message": "500ms"})
        for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                     b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
                     b"SSH-2.0-x\r\n", b"\0" * 100, b"\xff" * 100, *noise):
            with self.subTest(data=data[:32].hex()):
                connection = self.connect()
                connection.send_bytes(data)
                with self.assertRaises(Ended):
                    connection.finish()
                    while True:
                        self.assertTrue(connection.answer().has(wire.QR))
        self.wait_closed()
        self.well()

    def test_errors_leave_the_connection_open(self):
        """FORMERR, NOTIMP, REFUSED and BADVERS are answers as any other."""
        self.serve()
        connection = self.connect()
        cases = {wire.FORMERR: wire.build(1, wire.RD), wire.NOTIMP: wire.build(2, 2 << 11),
                 wire.REFUSED: wire.query(NAME, flags=0),
                 wire.BADVERS: wire.build(3, wire.RD, [wire.question(NAME)],
                                          additional=[wire.opt(version=1)])}
        for rcode, data in cases.items():
            self.assertEqual(connection.ask(data).rcode, rcode)
        self.assert_address(connection.query(NAME))

    def test_stopping_answers_what_is_under_way(self):
        self.serve(slow_for(0.5))
        connection, idle = self.connected(2)
        connection.send(wire.query("slow.example"))
        self.upstream.wait_asked("slow.example")
        self.ringdns.process.signal(15)
        self.assertEqual(idle.ending(), "FIN")
        self.assert_address(connection.answer())
        self.assertEqual(connection.ending(), "FIN")


class Times:
    """The keepalive option and the idle time-out (RFC 7828, RFC 7766 section 6.2.3)."""

    def test_keepalive_tells_the_configured_time(self):
        for text, units in (("2s", 20), ("12300ms", 123), ("600s", 6000)):
            with self.subTest(text):
                self.serve(tcp={"idle": text})
                answer = self.connect().query(NAME, options=ASK_KEEPALIVE)
                self.assertEqual(answer.edns.options, [(KEEPALIVE, struct.pack("!H", units))])

    def test_keepalive_only_for_those_who_ask(self):
        self.serve()
        connection = self.connect()
        self.assertEqual(connection.query("a.example").edns.options, [])
        self.assertIsNone(connection.query("b.example", edns=False).edns)

    def test_keepalive_not_over_udp(self):
        """The option is ignored there (RFC 7828 section 3.2.1)."""
        self.serve()
        answer = self.client.query(NAME, options=ASK_KEEPALIVE)
        self.assert_address(answer)
        self.assertEqual(answer.edns.options, [])

    def test_keepalive_in_answers_of_our_own(self):
        self.serve(tcp={"idle": "7s"})
        connection = self.connect()
        for title, kw in {"REFUSED": {"flags": 0}, "CH": {"qclass": wire.CH}}.items():
            with self.subTest(title):
                answer = connection.query(NAME, options=ASK_KEEPALIVE, **kw)
                self.assertEqual(answer.edns.values(KEEPALIVE), [b"\0\x46"])

    def test_keepalive_is_not_passed_on(self):
        """It is of one connection: hop by hop."""
        self.serve()
        self.connect().query(NAME, options=ASK_KEEPALIVE)
        self.assertEqual(self.upstream.asked(NAME)[0].message.edns.values(KEEPALIVE), [])

    def test_two_clients_of_one_question_of_which_one_asks(self):
        self.serve(slow_for(0.3), tcp={"idle": "5s"})
        one, other = self.connected(2)
        one.send(wire.query("slow.example", options=ASK_KEEPALIVE))
        other.send(wire.query("slow.example"))
        self.assertEqual(one.answer().edns.values(KEEPALIVE), [b"\0\x32"])
        self.assertEqual(other.answer().edns.options, [])

    def test_idle_connection_is_closed_with_fin_and_not_before_its_time(self):
        self.serve(tcp={"idle": "1s"})
        fresh, used = self.connect(), self.connect()
        since = time.monotonic()
        self.assert_address(used.query(NAME))
        answered = time.monotonic()
        self.assertEqual(fresh.ending(), "FIN")
        self.assertEqual(used.ending(), "FIN")
        self.assertGreaterEqual(time.monotonic() - since, 1)
        self.assertGreater(time.monotonic() - answered, 0.9)
        self.assertEqual(self.wait_closed()["connections_idle"], 2)

    def test_waiting_for_an_answer_is_not_idle(self):
        self.serve(slow_for(2.5), tcp={"idle": "1s"})
        connection = self.connect()
        connection.send(wire.query("slow.example"))
        self.assert_address(connection.answer(10))
        self.assertEqual(connection.ending(), "FIN")

    def test_each_query_begins_the_idle_time_anew(self):
        self.serve(tcp={"idle": "1s"})
        connection = self.connect()
        begin = time.monotonic()
        number = 0
        while time.monotonic() - begin < 2.5:
            self.assert_address(connection.query(f"n{number}.example"))
            number += 1
        self.assertFalse(connection.has_ended())
        self.assertEqual(connection.ending(), "FIN")

    def test_silent_upstream_ends_in_servfail(self):
        """The connection is there for as long as the question takes."""
        self.serve(silent, tcp={"idle": "1s"})
        self.assertEqual(self.connect().query(NAME, seconds=10).rcode, wire.SERVFAIL)


class UringMessagesTest(Messages, TcpCase):
    io = "uring"


class SyscallMessagesTest(Messages, TcpCase):
    io = "syscall"


class UringEndsTest(Ends, TcpCase):
    io = "uring"


class SyscallEndsTest(Ends, TcpCase):
    io = "syscall"


class UringTimesTest(Times, TcpCase):
    io = "uring"


class SyscallTimesTest(Times, TcpCase):
    io = "syscall"


if __name__ == "__main__":
    unittest.main()
