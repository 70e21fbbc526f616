# SPDX-License-Identifier: BSD-2-Clause
"""Clients over TCP that mean no good: slow senders, floods of connections, and every rude way to
leave. What they may cost is bounded, and others are served meanwhile."""

import time
import unittest

from support import limits, proc, wire
from support.hostile import good, silent
from support.process import patience, scaled, wait_until
from support.tcp_case import TcpCase, numbered
from support.tcp_client import Ended, framed

NAME = "www.tcp.example"
QUERY = wire.query(NAME, ident=0x1234)


def silent_for_slow(arrival):
    return silent(arrival) if arrival.message.qname[1:5] == b"slow" else good(arrival)


class Slowloris:
    """A deadline per message, not per byte."""

    def trickle(self, connection, data, limit=400):
        """Sends DATA byte by byte, 50 ms apart, until the server has enough. (how it ended, after
        how many seconds)"""
        begin = time.monotonic()
        for at in range(limit):
            try:
                connection.send_bytes(data[at:at + 1])
            except Ended:
                pass
            if connection.has_ended(0.05):
                return connection.ending(), time.monotonic() - begin
        raise AssertionError(f"{limit} bytes were taken, and the connection is still there")

    def test_a_byte_now_and_then_does_not_extend_the_deadline(self):
        self.serve(tcp={"message": "1s"})
        connection = self.connect()
        how, seconds = self.trickle(connection, framed(bytes(1000)))
        self.assertEqual(how, "RST")
        self.assertGreaterEqual(seconds, 0.95)
        stats = self.wait_closed()
        self.assertEqual((stats["connections_slow"], stats["connections_idle"]), (1, 0))

    def test_deadline_behind_good_messages(self):
        """The first messages are answered; the one that does not end is not waited for."""
        self.serve(tcp={"message": "500ms"})
        connection = self.connect()
        connection.send_bytes(framed(*numbered(3), QUERY)[:-1])
        self.assertEqual({connection.answer().id for _ in range(3)}, {0, 1, 2})
        self.assertEqual(connection.ending(), "RST")
        self.assertEqual(self.wait_closed()["connections_slow"], 1)

    def test_half_a_length_is_a_message_begun(self):
        """It does not count as idle."""
        self.serve(tcp={"message": "500ms", "idle": "60s"})
        connection = self.connect()
        connection.send_bytes(b"\0")
        self.assertEqual(connection.ending(), "RST")
        self.assertEqual(self.wait_closed()["connections_slow"], 1)

    def test_each_message_has_the_whole_time(self):
        """Four messages that take less than the limit each, and more than it together."""
        self.serve(tcp={"message": "2s"})
        connection = self.connect()
        for _ in range(4):
            connection.send_bytes(framed(QUERY)[:20])
            self.assertFalse(connection.has_ended(0.6))
            connection.send_bytes(framed(QUERY)[20:])
            self.assert_address(connection.answer())
        self.assertEqual(self.ringdns.stats()["connections_slow"], 0)

    def test_others_are_served_beside_many_slow_ones(self):
        """Large messages in part: more than all buffers could hold."""
        count = scaled(600)
        self.serve(tcp={"message": "3s", "per-prefix": 1000})
        slow = self.connected(count)
        for connection in slow:
            connection.send_bytes(framed(bytes(60000))[:20000])
        for number in range(20):
            self.assert_address(self.client.query(f"u{number}.example"))
            with self.connect() as connection:
                self.assert_address(connection.query(f"t{number}.example"))
        ends = [connection.ending(10) for connection in slow]
        stats = self.wait_closed()
        self.assertGreater(stats["connections_slow"], 0)
        print(f"{count} messages of which 20 kB came: RST {ends.count('RST')}, "
              f"FIN {ends.count('FIN')}; slow {stats['connections_slow']}, "
              f"gone for want of buffers {stats['connections_lost']}")


class Floods:
    """Caps, in all and per prefix; the idlest goes first."""

    def check_idlest_goes(self, four, before):
        """Of FOUR, which are all that may be: asked in the order 2, 0, 3, 1, they go in it."""
        order = (2, 0, 3, 1)
        for at in order:
            self.assert_address(four[at].query(f"{before}{at}.example"))
        for number, at in enumerate(order[:3], 1):
            new = self.connect(four[at].sock.getsockname()[0])
            self.assertEqual(four[at].ending(), "FIN")
            self.assert_address(new.query(f"{before}new{at}.example"))
            self.assertEqual(self.ringdns.stats()["connections_evicted"], number)
        self.assertFalse(four[1].has_ended())
        self.assert_address(four[1].query(f"{before}last.example"))

    def test_idlest_of_the_prefix_goes(self):
        """Not one of another prefix, though it has been idle for longer."""
        self.serve(tcp={"per-prefix": 4})
        elsewhere = self.connect("127.0.9.1")
        self.assert_address(elsewhere.query("first.example"))
        four = self.connected(4, [f"127.0.1.{i + 1}" for i in range(4)])
        self.check_idlest_goes(four, "p")
        self.assertFalse(elsewhere.has_ended())
        self.assertEqual(self.ringdns.stats()["connections"], 5)

    def test_idlest_of_all_goes(self):
        self.serve(tcp={"connections": 16})
        busy = self.connected(12, [f"127.1.{i}.1" for i in range(12)])
        for connection in busy:
            connection.send_bytes(framed(QUERY)[:5])
        self.turned()
        four = self.connected(4, [f"127.2.{i}.1" for i in range(4)])
        self.check_idlest_goes(four, "a")
        self.assertEqual(self.ringdns.stats()["connections"], 16)
        self.assertFalse(any(connection.has_ended() for connection in busy))

    def test_busy_ones_stay_and_new_ones_are_refused(self):
        """Under way or begun is busy; once they are done, new ones come in again."""
        self.serve(silent_for_slow, tcp={"per-prefix": 4})
        asking, begun = self.connected(2), self.connected(2)
        for number, connection in enumerate(asking):
            connection.send(wire.query(f"slow{number}.example"))
        for connection in begun:
            connection.send_bytes(framed(QUERY)[:20])
        self.upstream.wait_asked(count=2)
        self.turned()
        for number in range(1, 4):
            with self.assertRaises((Ended, OSError)):
                self.connect().query(NAME)
            self.ringdns.wait_stats(lambda now, n=number: now["connections_refused"] == n)
        stats = self.ringdns.stats()
        self.assertEqual((stats["connections"], stats["connections_evicted"]), (4, 0))
        for connection in begun:
            connection.send_bytes(framed(QUERY)[20:])
            self.assert_address(connection.answer())
        new = self.connect()
        self.assertEqual(begun[0].ending(), "FIN")
        self.assert_address(new.query("new.example"))
        self.upstream.behaviour = good
        for number, connection in enumerate(asking):
            slow = self.upstream.wait_asked(f"slow{number}.example")[-1]
            self.upstream.send(wire.address_reply(slow.message, "192.0.2.1"), slow.peer)
            self.assert_address(connection.answer())

    def test_flood_from_one_prefix_hurts_no_other(self):
        self.serve(tcp={"per-prefix": 16, "connections": 64})
        other = self.connect("127.0.9.1")
        self.assert_address(other.query("before.example"))
        flood = self.connected(scaled(500), [f"127.0.1.{i % 250 + 1}" for i in range(scaled(500))])
        self.assertEqual(self.ringdns.stats()["connections"], 17)
        self.assert_address(other.query("after.example"))
        self.assertEqual(sum(not each.has_ended() for each in flood), 16)
        self.well()

    def test_flood_from_everywhere_and_what_follows(self):
        """The table is full of idle ones: they go for those who come; what comes all at once beyond
        that is refused. Who comes then is served, and so it is when all have gone."""
        self.serve(tcp={"connections": 64, "per-prefix": 64})
        count = scaled(1000)
        flood = self.connected(count, [f"127.{i % 200 + 1}.{i % 7}.1" for i in range(count)])
        stats = self.ringdns.stats()
        self.assertEqual(stats["connections"], 64)
        self.assertGreater(stats["connections_evicted"], 0)
        self.assertEqual(stats["connections_evicted"] + stats["connections_refused"], count - 64)
        self.well()
        for connection in flood:
            connection.close()
        self.wait_closed()
        self.well()

    def test_keepalive_tells_zero_when_the_table_is_nearly_full(self):
        """RFC 7828 section 3.3.2: please close soon."""
        self.serve(tcp={"connections": 16, "idle": "30s"})
        crowd = self.connected(15)
        answer = crowd[0].query(NAME, options=wire.option(11))
        self.assertEqual(answer.edns.options, [(11, b"\0\0")])

    def test_too_few_descriptors(self):
        """Connections take all that are left: UDP is served all the same, source ports are changed
        as always, and TCP comes back."""
        self.serve(preexec=[limits.descriptors(200)],
                   tcp={"per-prefix": 10000, "idle": "60s"})
        flood = []
        for _ in range(400):
            try:
                flood.append(self.connect())
            except OSError:
                continue
        for number in range(600):
            self.assert_address(self.client.query(f"u{number}.example"))
        stats = self.ringdns.stats()
        self.assertLess(proc.descriptors(self.ringdns.process.pid), 200)
        self.assertGreater(stats["ports_opened"], 6)
        print({name: stats[name] for name in ("connections", "connections_refused",
               "connections_evicted", "ports_open", "ports_opened", "ports_failed", "io_errors")})
        for connection in flood:
            connection.close()
        self.wait_closed()
        self.well()


class Leaks:
    """Nothing is left of those who leave in whatever way: descriptors, connections, waiters."""

    ROUNDS = 100

    def leave(self, way):
        connection = self.connect()
        if way == "half close":
            connection.send(QUERY)
            connection.finish()
            self.assert_address(connection.answer())
            self.assertEqual(connection.ending(), "FIN")
        elif way == "reset":
            connection.send(*numbered(3, "slow{}.example"))
            connection.reset()
        elif way == "zero length":
            connection.send(wire.query("slow.example"), b"")
            self.assertEqual(connection.ending(), "RST")
        elif way == "early close":
            connection.send(*numbered(3))
        elif way == "inside a message":
            connection.send_bytes(framed(QUERY)[:9])
        elif way == "inside a large message":
            connection.send_bytes(framed(bytes(60000))[:30000])
        else:
            self.assertEqual(way, "nothing sent")
        connection.close()

    def test_leaving(self):
        self.serve(silent_for_slow)
        self.well()
        start = proc.descriptors(self.ringdns.process.pid) - self.ringdns.stats()["ports_open"]
        for way in ("half close", "reset", "zero length", "early close", "inside a message",
                    "inside a large message", "nothing sent"):
            with self.subTest(way):
                for _ in range(scaled(self.ROUNDS)):
                    self.leave(way)
                self.well()  # behind them in the queue
                self.wait_closed(10)
                self.check_descriptors(start)
        self.well()

    def check_descriptors(self, start):
        """As many as at the START, source ports aside: they come and go by themselves."""
        def look():
            ports = self.ringdns.stats()["ports_open"]
            return proc.descriptors(self.ringdns.process.pid) - ports <= start
        wait_until(look, patience(15), lambda: f"{proc.descriptors(self.ringdns.process.pid)} "
                   f"descriptors, {start} and the source ports were there")


class UringSlowlorisTest(Slowloris, TcpCase):
    io = "uring"


class SyscallSlowlorisTest(Slowloris, TcpCase):
    io = "syscall"


class UringFloodsTest(Floods, TcpCase):
    io = "uring"


class SyscallFloodsTest(Floods, TcpCase):
    io = "syscall"


class UringLeaksTest(Leaks, TcpCase):
    io = "uring"


class SyscallLeaksTest(Leaks, TcpCase):
    io = "syscall"


if __name__ == "__main__":
    unittest.main()
