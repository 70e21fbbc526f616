# SPDX-License-Identifier: BSD-2-Clause
"""TCP to upstreams (RFC 7766): whole answers, few connections. Each test runs on both back ends."""

import unittest

from support import dig, wire
from support.hostile import Raw, Send, good, silent, truncated
from support.link_case import NO_REACHABLE, TCP_ALWAYS, LinkCase
from support.tcp_client import Ended, framed

LARGEST = 65535


def filled(size):
    """A behaviour: a reply of SIZE bytes, of TXT records, by TCP; TC=1 by UDP."""
    def behave(arrival):
        if not arrival.tcp:
            return truncated(arrival)
        room, records = size - len(wire.reply(arrival.message)), []
        while room:
            # A record: 12 bytes and its text, of 256 bytes at most; 13 bytes are the least.
            take = room if room <= 268 else min(268, room - 13)
            records.append(wire.record(b"\xc0\x0c", wire.TXT, wire.txt(b"t" * (take - 13))))
            room -= take
        return [Send(wire.reply(arrival.message, records))]
    return behave


class Sizes:
    def test_answers_up_to_65535_bytes_go_whole_to_a_tcp_client(self):
        for size in (1233, 4096, 16384, 40000, LARGEST - 1, LARGEST):
            with self.subTest(size):
                self.serve(filled(size), tcp=filled(size))
                stream = self.new_stream()
                answer = stream.ask(wire.query(f"s{size}.link.example", wire.TXT))
                self.assertEqual((answer.rcode, answer.has(wire.TC)), (wire.NOERROR, False))
                self.assertEqual(len(answer.data), size)
                self.assertEqual({r.rdata.strip(b"t")[1:] for r in answer.answer}, {b""})

    def test_udp_client_is_told_to_come_by_tcp(self):
        self.serve(filled(LARGEST), tcp=filled(LARGEST))
        answer = self.client.query("udp.link.example", wire.TXT, size=4096)
        self.assertTrue(answer.has(wire.TC))
        self.assertEqual((answer.rcode, answer.answer), (wire.NOERROR, []))
        self.assertEqual(self.ringdns.stats()["upstream_tcp"], 1)

    def test_dig_comes_by_tcp_of_itself(self):
        """It has TC=1, and asks again; the answer is whole."""
        self.serve(filled(20000), tcp=filled(20000))
        reply = dig.ask(("127.0.0.1", self.ringdns.port), [("dig.link.example", "TXT")],
                        ["+noignore"])[0]
        self.assertEqual((reply.rcode, reply.size), ("NOERROR", 20000))
        self.assertNotIn("tc", reply.flags)
        stats = self.ringdns.stats()
        self.assertEqual((stats["queries_udp"], stats["queries_tcp"]), (1, 1))

    def test_waiters_by_tcp_and_udp_each_get_what_they_can_take(self):
        self.serve(truncated, tcp=silent)
        stream = self.new_stream()
        stream.send(wire.query("both.link.example", wire.TXT))
        self.client.send(wire.query("both.link.example", wire.TXT))
        arrival = self.upstream.wait_asked("both.link.example", tcp=True)[0]
        self.ringdns.wait_stats(lambda now: now["waiters"] == 2)
        self.upstream.act(arrival.connection, *filled(30000)(arrival))
        self.assertEqual(len(stream.answer().data), 30000)
        self.assertTrue(self.client.answer().has(wire.TC))

    def test_many_waiters_of_a_large_answer(self):
        """More than there are large buffers: each gets all of it, or its connection is closed, so
        that it asks again; nobody gets half, and nobody waits."""
        self.serve(truncated, tcp=silent)
        streams = [self.new_stream() for _ in range(200)]
        for stream in streams:
            stream.send(wire.query("crowd.link.example", wire.TXT))
        arrival = self.upstream.wait_asked("crowd.link.example", tcp=True)[0]
        self.ringdns.wait_stats(lambda now: now["waiters"] == 200)
        self.upstream.act(arrival.connection, *filled(60000)(arrival))
        whole = closed = 0
        for stream in streams:
            try:
                self.assertEqual(len(stream.answer().data), 60000)
                whole += 1
            except Ended:
                closed += 1
        print(f"{whole} were answered, {closed} were closed")
        self.assertGreaterEqual(whole, 64)
        self.assertEqual(self.ringdns.wait_quiet()["connections_lost"], closed)
        self.upstream.behaviour = good
        self.assert_address(self.client.query("after.link.example"))

    def test_truncated_by_tcp_is_a_failure(self):
        self.serve(truncated, tcp=lambda arrival: [Send(wire.reply(
            arrival.message, flags=wire.RA | wire.TC))])
        self.assert_failed(self.client.query("tc.link.example"), NO_REACHABLE)
        self.assertEqual(len(self.upstream.log()), 2)

    def test_message_that_comes_byte_by_byte(self):
        def slowly(arrival):
            data = framed(good(arrival)[0].data)
            return [Raw(data[i:i + 1], delay=0.002 * i) for i in range(len(data))]

        self.serve(tcp=slowly, pool=TCP_ALWAYS)
        self.assert_address(self.client.query("bytes.link.example"))

    def test_messages_that_come_together(self):
        """Ten replies in one segment, in reverse order."""
        waiting = []

        def behave(arrival):
            waiting.append(arrival)
            if len(waiting) < 10:
                return []
            return [Raw(b"".join(framed(good(each)[0].data) for each in reversed(waiting)))]

        self.serve(tcp=behave, pool=TCP_ALWAYS)
        self.ask_many("q", 10)
        self.assertEqual(len(self.upstream.connections), 1)


class Sharing:
    def test_transport_tcp_never_asks_by_udp(self):
        self.serve(tcp=good, pool=TCP_ALWAYS)
        self.ask_many("q", 20)
        self.assertEqual(self.upstream.asked(tcp=False), [])
        self.assertEqual(self.ringdns.stats()["upstream_tcp_always"], 20)

    def test_many_questions_share_few_connections(self):
        """At most two per worker, however many are under way."""
        self.serve(tcp=lambda arrival: [good(arrival)[0]._replace(delay=0.1)], pool=TCP_ALWAYS)
        for turn in range(3):
            self.ask_many(f"t{turn}q", 150)
        self.assertIn(self.upstream.most_connections(), (1, 2))
        self.assertLessEqual(len(self.upstream.connections), 2)

    def test_connections_of_all_workers_are_bounded(self):
        """Two workers may have four; they get no more than tcp.per-upstream, and no question is
        lost by it."""
        self.check_workers(2, 3, **{"per-upstream": 3})

    def check_workers(self, workers, bound, **config):
        """WORKERS are each busy enough for two connections; all together have BOUND at most, and
        nobody is told that there is none left."""
        self.serve(tcp=lambda arrival: [good(arrival)[0]._replace(delay=0.2)], pool=TCP_ALWAYS,
                   workers=workers, config={"tcp": config} if config else None)
        clients = self.clients(16 * workers)
        for number, client in enumerate(clients):
            for i in range(10):
                client.send(wire.query(f"c{number}q{i}.link.example", ident=i))
        for client in clients:
            for _ in range(10):
                self.assert_address(client.answer())
        self.assertLessEqual(self.upstream.most_connections(), bound)

    def test_more_workers_than_connections(self):
        """Ten workers and sixteen connections: those that find all taken have one as well."""
        self.check_workers(10, 18)

    def test_one_connection_and_three_workers(self):
        self.check_workers(3, 3, **{"per-upstream": 1})

    def test_options_bound_connections(self):
        for bound in (1, 4):
            with self.subTest(bound):
                self.serve(tcp=silent, pool=TCP_ALWAYS, config={"tcp": {"per-worker": bound}})
                for i in range(400):
                    self.client.send(wire.query(f"q{i}.link.example"))
                self.upstream.wait_asked(count=400)
                self.assertEqual(len(self.upstream.connections), bound)

    def test_idle_connection_is_closed_in_time(self):
        self.serve(tcp=good, pool=TCP_ALWAYS, config={"tcp": {"upstream-idle": "600ms"}})
        self.assert_address(self.client.query("one.link.example"))
        asked = self.upstream.log()[-1].time
        self.upstream.wait(lambda: not self.upstream.open_connections())
        self.assertGreaterEqual(self.upstream.connections[0].closed - asked, 0.6 - 0.02)
        self.assert_address(self.client.query("two.link.example"))
        self.assertEqual(len(self.upstream.connections), 2)
        stats = self.ringdns.stats()
        self.assertEqual((stats["links_opened"], stats["links_failed"]), (2, 0))

    def test_used_connection_is_not_idle(self):
        """Questions every 0.2 s keep it, well beyond its idle time."""
        self.serve(tcp=lambda arrival: [good(arrival)[0]._replace(delay=0.2)], pool=TCP_ALWAYS,
                   config={"tcp": {"upstream-idle": "500ms"}})
        for i in range(6):
            self.assert_address(self.client.query(f"q{i}.link.example"))
        self.assertEqual(len(self.upstream.connections), 1)

    def test_stopping_closes_connections(self):
        self.serve(tcp=good, pool=TCP_ALWAYS)
        self.assert_address(self.client.query("stop.link.example"))
        self.ringdns.stop()
        self.upstream.wait(lambda: not self.upstream.open_connections())
        self.assertEqual(len(self.upstream.connections), 1)


class UringSizesTest(Sizes, LinkCase):
    io = "uring"


class SyscallSizesTest(Sizes, LinkCase):
    io = "syscall"


class UringSharingTest(Sharing, LinkCase):
    io = "uring"


class SyscallSharingTest(Sharing, LinkCase):
    io = "syscall"


if __name__ == "__main__":
    unittest.main()
