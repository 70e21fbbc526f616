# SPDX-License-Identifier: BSD-2-Clause
"""Clients over TCP who ask and ask, and never read: their queries are no longer read, memory stays
as it is, and others are served meanwhile."""

import time
import unittest

from support import proc, wire
from support.process import scaled, wait_until
from support.servers import Knot
from support.tcp_case import TcpCase, numbered
from support.tcp_client import Ended, framed

# Texts of 58 kB for every name of the zone.
BIG_ZONE = ("$TTL 300\n@ SOA ns admin 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.53\n* TXT"
            + f' "{"x" * 200}"' * 290 + "\n")
BIG_BYTES = 58_000
# All buffers that a worker has (limits.h), and some room for whatever else is used first then.
MEMORY_BYTES = (2048 + 1024 + 512) * 4416 + 256 * 65664 + (4 << 20)


class Unread:
    """Pipelining without reading (the answers are 58 kB each)."""

    def serve_big(self, **tcp):
        self.knot = self.enterContext(Knot({"big.example": BIG_ZONE}))
        self.start(self.knot.servers, io=self.io, config={"tcp": {"idle": "60s", **tcp}})
        with self.connect() as connection:  # what that takes once is not growth
            answer = connection.query("warm.big.example", wire.TXT)
        self.assertGreater(len(answer.data), BIG_BYTES)

    def flood(self, connections, count):
        """Each sends COUNT queries, as far as they are taken, and reads nothing."""
        data = framed(*numbered(count, "n{}.big.example", qtype=wire.TXT))
        for connection in connections:
            connection.sock.setblocking(False)
            try:
                connection.sock.send(data)
            except BlockingIOError:
                pass

    def others_are_served(self, large=True):
        for number in range(10):
            self.assert_address(self.client.query("ns.big.example"), "192.0.2.53")
            with self.connect("127.0.77.1") as connection:
                self.assert_address(connection.query("ns.big.example"), "192.0.2.53")
                if large:
                    answer = connection.query(f"o{number}.big.example", wire.TXT)
                    self.assertEqual(len(answer.answer), 1)

    def test_reading_stops_and_goes_on_with_the_client(self):
        """One connection: memory is bounded, others are served, and no answer is lost."""
        self.serve_big(message="60s", pipeline=20, unsent="1MiB")
        before = proc.memory(self.ringdns.process.pid)
        count = scaled(1000)
        connection = self.connect(receive_buffer=4096)
        self.flood([connection], count)
        self.ringdns.wait_stats(lambda now: now["connections_paused"] > 0)
        self.ringdns.wait_quiet(10)
        self.others_are_served()
        grown = proc.memory(self.ringdns.process.pid) - before
        taken = self.ringdns.stats()["queries_tcp"]
        self.assertLess(taken, count)
        self.assertLess(grown, MEMORY_BYTES)
        print(f"{count * BIG_BYTES >> 20} MiB asked for, memory has grown by {grown >> 10} KiB")
        answered = {connection.answer(10).id for _ in range(count)}
        self.assertEqual(answered, set(range(count)))

    def test_many_such_connections(self):
        """More than all large buffers: some lose their connection by rule, nothing grows, and what
        needs no large buffer is served."""
        self.serve_big(message="60s")
        before = proc.memory(self.ringdns.process.pid)
        rude = [self.connect(receive_buffer=4096) for _ in range(40)]
        self.flood(rude, 200)
        self.ringdns.wait_stats(
            lambda now: now["connections_paused"] >= len(rude) // 2, 20)
        self.ringdns.wait_quiet(20)
        self.others_are_served(large=False)
        grown = proc.memory(self.ringdns.process.pid) - before
        self.assertLess(grown, MEMORY_BYTES)
        stats = self.ringdns.stats()
        print(f"{40 * 200 * BIG_BYTES >> 20} MiB asked for, memory has grown by {grown >> 10} KiB; "
              f"paused {stats['connections_paused']}, lost {stats['connections_lost']}, "
              f"slow {stats['connections_slow']}")
        for connection in rude:
            connection.close()
        self.wait_closed(20)
        self.others_are_served()

    def test_who_never_reads_is_closed(self):
        """In the time of a message; and then nothing is left of it."""
        self.serve_big(message="1s")
        connection = self.connect(receive_buffer=4096)
        self.flood([connection], 200)
        stats = self.ringdns.wait_stats(lambda now: now["connections_slow"] == 1, 20)
        self.assertGreater(stats["connections_paused"], 0)
        with self.assertRaises(Ended):
            while True:
                connection.answer()
        self.wait_closed(20)

    def test_who_reads_slowly_is_not(self):
        """Some is read in every time of a message, though the whole takes several."""
        self.serve_big(message="1s")
        connection = self.connect(receive_buffer=4096)
        count = 60
        self.flood([connection], count)
        begin, got = time.monotonic(), set()
        while len(got) < count:
            due = begin + 0.05 * len(got)
            wait_until(lambda: time.monotonic() >= due, 5, "time stands still")
            got.add(connection.answer(10).id)
        self.assertEqual(got, set(range(count)))
        self.assertGreater(time.monotonic() - begin, 2)
        self.assertEqual(self.ringdns.stats()["connections_slow"], 0)

    def test_unsent_answers_are_busy(self):
        """They are not pushed out by new connections."""
        self.serve_big(message="60s", pipeline=20, unsent="1MiB", **{"per-prefix": 1})
        connection = self.connect("127.0.5.1", receive_buffer=4096)
        self.flood([connection], 300)
        self.ringdns.wait_stats(lambda now: now["connections_paused"] > 0)
        self.ringdns.wait_quiet(10)
        with self.assertRaises((Ended, OSError)):
            self.connect("127.0.5.2").query("x.example")
        self.assertEqual(self.ringdns.stats()["connections_refused"], 1)
        self.assertEqual({connection.answer(10).id for _ in range(300)}, set(range(300)))


class UringUnreadTest(Unread, TcpCase):
    io = "uring"


class SyscallUnreadTest(Unread, TcpCase):
    io = "syscall"


if __name__ == "__main__":
    unittest.main()
