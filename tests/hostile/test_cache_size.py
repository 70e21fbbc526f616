# SPDX-License-Identifier: BSD-2-Clause
"""What is too much for the cache: large answers, many records, more answers than there is room for.
All of it is answered, memory stays within its limit, and counters tell."""

import unittest

from support import proc, wire
from support.cache_case import ADDRESS, CacheCase, smallest_cache
from support.hostile import Send
from support.process import scaled
from support.tcp_client import TcpClient

MOST_BYTES = 16384
MOST_RECORDS = 255
ROOM = 24 << 20  # bytes: buffers that are touched with use, what is allocated, sanitizers' own


def filled(asked, size):
    """A reply of exactly SIZE bytes, its OPT not counted: TXT records."""
    records, left = [], size - len(asked.qname) - 16
    while left:
        length = min(left, 1036)
        if 0 < left - length < 14:
            length -= 14
        rdata, rest = b"", length - 12
        while rest:
            step = min(rest, 256)
            rdata += bytes([step - 1]) + b"x" * (step - 1)
            rest -= step
        records.append(wire.record(b"\xc0\x0c", wire.TXT, rdata))
        left -= length
    reply = wire.reply(asked, records, edns=b"")
    if len(reply) != size:
        raise AssertionError(f"{len(reply)} bytes, not {size}")
    return reply


class LargeCase(CacheCase):
    """By TCP on both sides, so that every size goes through."""

    def serve_tcp(self, behaviour, **kw):
        self.serve(behaviour, tcp=behaviour, pool={"transport": "tcp"}, **kw)
        self.stream = self.enterContext(TcpClient(("127.0.0.1", self.ringdns.port)))

    def serve_sizes(self, **kw):
        """Names say how large their answers are: n16384-1.example."""
        def behave(arrival):
            label = arrival.message.qname[2:1 + arrival.message.qname[0]].decode()
            return [Send(filled(arrival.message, int(label.split("-")[0])))]
        self.serve_tcp(behave, **kw)

    def asked_twice(self, qname, qtype=wire.TXT):
        """The same whole answer twice; how often it was asked upstream."""
        before = len(self.upstream.log())
        first = self.stream.query(qname, qtype)
        again = self.stream.query(qname, qtype)
        self.assertEqual((first.rcode, first.has(wire.TC)), (wire.NOERROR, False))
        # A second may have begun between them.
        self.assertEqual([(each.name, each.type, each.rdata) for each in again.answer],
                         [(each.name, each.type, each.rdata) for each in first.answer])
        self.assertGreater(len(first.answer), 0)
        return first, len(self.upstream.log()) - before


class LargeTest(LargeCase):
    def test_64_kb_answers_are_answered_and_not_kept(self):
        self.serve_sizes()
        for size in (65500, 32000, MOST_BYTES + 64):
            with self.subTest(size=size):
                self.assertEqual(self.asked_twice(f"n{size}.example")[1], 2)
        stats = self.ringdns.stats()
        self.assertEqual((stats["cache_stored"], stats["cache_refused_large"]), (0, 6))

    def test_up_to_16_kib_they_are_kept(self):
        self.serve_sizes()
        for size in (MOST_BYTES, MOST_BYTES - 1, 8000, 1300):
            with self.subTest(size=size):
                self.assertEqual(self.asked_twice(f"n{size}.example")[1], 1)
        stats = self.ringdns.stats()
        self.assertEqual((stats["cache_stored"], stats["cache_refused_large"]), (4, 0))

    def memory(self):
        pid = self.ringdns.process.pid
        return proc.memory(pid) + proc.memory(pid, "HugetlbPages")

    def check_memory(self, cache, size, count):
        """COUNT answers of SIZE bytes, cache.size CACHE: memory grows by that at most, and some
        room."""
        self.serve_sizes(cache={"size": cache})
        for i in range(100):
            self.stream.query(f"n{size}-warm{i}.example", wire.TXT)
        before = self.memory()
        for i in range(count):
            answer = self.stream.query(f"n{size}-{i}.example", wire.TXT)
            self.assertEqual((answer.rcode, answer.has(wire.TC)), (wire.NOERROR, False))
        self.assertLess(self.memory() - before, cache + ROOM)
        stats = self.ringdns.stats()
        self.assertEqual(stats["cache_stored"] + stats["cache_refused_large"], count + 100)
        return stats["cache_stored"]

    def test_64_kb_answers_and_memory(self):
        self.assertEqual(self.check_memory(smallest_cache(), 65000, scaled(1500)), 0)

    def test_large_answers_that_are_kept_and_memory(self):
        """Several times what fits."""
        self.assertGreaterEqual(self.check_memory(4 << 20, 16000, 1000), 1000)

    def test_answers_that_are_kept_in_the_smallest_cache_and_memory(self):
        count = 10 * smallest_cache() // 8000
        self.assertGreaterEqual(self.check_memory(smallest_cache(), 8000, count), count)

    def test_too_many_records_are_answered_and_not_kept(self):
        def behave(arrival):
            asked = arrival.message
            count = int(asked.qname[2:1 + asked.qname[0]])
            return [Send(wire.reply(asked, [
                wire.record(b"\xc0\x0c", wire.A, wire.a(f"192.0.{i >> 8}.{i & 255}"))
                for i in range(count)]))]
        self.serve_tcp(behave)
        for count, asked in ((MOST_RECORDS, 1), (MOST_RECORDS + 1, 2), (1000, 2), (100, 1)):
            with self.subTest(count=count):
                answer, times = self.asked_twice(f"n{count}.example", wire.A)
                self.assertEqual(len(answer.answer), count)
                self.assertEqual(times, asked)
        stats = self.ringdns.stats()
        self.assertEqual((stats["cache_stored"], stats["cache_refused_large"]), (2, 4))

    def test_all_sections_count_for_the_records(self):
        def behave(arrival):
            def some(count, owner):
                return [wire.record(owner, wire.A, wire.a(ADDRESS)) for _ in range(count)]
            authority = [wire.record("example", wire.NS, wire.name(f"n{i}.example"))
                         for i in range(100)]
            return [Send(wire.reply(arrival.message, some(1, b"\xc0\x0c"), authority,
                                    some(155, "n1.example")))]
        self.serve_tcp(behave)
        self.assertEqual(self.asked_twice("many.example", wire.A)[1], 2)
        self.assertEqual(self.ringdns.stats()["cache_stored"], 0)


class SmallestTest(CacheCase):
    def test_smallest_cache_is_a_cache(self):
        for workers in (1, 2):
            with self.subTest(workers=workers):
                self.serve(cache={"size": smallest_cache(workers)}, workers=workers)
                for i in range(50):
                    self.assert_address(self.from_upstream(f"n{i}.example"))
                    self.assert_address(self.from_cache(f"n{i}.example"))
                self.ringdns.stop()

    def test_without_a_cache_nothing_is_kept_and_nothing_is_refused(self):
        self.serve(cache={"size": 0})
        for _ in range(3):
            self.assert_address(self.from_upstream("www.example"))
        stats = self.ringdns.stats()
        self.assertEqual((stats["cache_stored"], stats["cache_hits"]), (0, 0))

    def test_too_small_a_cache_is_refused_at_start(self):
        """And it says what it would take."""
        with self.assertRaisesRegex(AssertionError, "cache"):
            self.serve(cache={"size": 1})


if __name__ == "__main__":
    unittest.main()
