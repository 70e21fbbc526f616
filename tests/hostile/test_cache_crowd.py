# SPDX-License-Identifier: BSD-2-Clause
"""Birthday attacks by duplicates (RFC 5452 section 5, CVE-2020-25686): a thousand clients on two
workers ask one question, and the upstream sees one query, whatever becomes of it and however little
may be kept; also when each brings another client subnet (RebirthDay, CVE-2025-5994)."""

import time
import unittest

from support import wire
from support.cache_case import ADDRESS, CACHED_ERROR, CacheCase, questions, smallest_cache
from support.hostile import Send, silent, truncated

CROWD, SOCKETS = 1000, 250
FIRST_TIMEOUT_S = 0.35  # 0.4, less what it takes to see that all have come
ATTEMPTS = 5
LARGE = 17_000          # bytes: more than is kept


def large_reply(asked):
    return wire.reply(asked, [wire.record(b"\xc0\x0c", wire.TXT, wire.txt(*[b"x" * 250] * 4))
                              for _ in range(20)])


class CrowdTest(CacheCase):
    def crowd(self, qname, qtype=wire.A, subnets=False):
        """Sends a thousand queries from many ports; [(client, ID)]."""
        packets = []
        for i in range(CROWD):
            options = wire.option(wire.ECS, bytes([0, 1, 24, 0, 10, i >> 8, i & 255]))
            packets.append((self.sockets[i % SOCKETS], wire.query(
                qname, qtype, ident=i, options=options if subnets else b"")))
        for client, packet in packets:
            client.send(packet)

    def start_crowd(self, behaviour=silent, **kw):
        self.serve(behaviour, workers=2, **kw)
        self.sockets = self.clients(SOCKETS)

    def attempt(self, number, release, qtype=wire.A, packets=1, **kw):
        """One crowd for a name of its own, released when all of it waits: every query that came
        upstream, and whether that was done before the first time-out. Beside what was sent again
        there are PACKETS."""
        qname = f"crowd{number}.example"
        before = self.ringdns.stats()
        start = time.monotonic()
        self.crowd(qname, qtype, **kw)
        self.ringdns.wait_stats(lambda now: now["waiters"] == CROWD)
        release(self.upstream.asked(qname))
        in_time = time.monotonic() - start < FIRST_TIMEOUT_S
        answers = self.collect(qname)
        after = self.ringdns.wait_quiet()
        self.assertEqual(after["queries_udp"] - before["queries_udp"], CROWD)
        self.assertEqual(questions(after) - questions(before), packets)
        return self.upstream.asked(qname), answers, in_time

    def collect(self, qname):
        """All of them are answered, once each."""
        answers, seen = [], set()
        for i in range(CROWD):
            answer = self.sockets[i % SOCKETS].answer()
            self.assertEqual(answer.id % SOCKETS, i % SOCKETS)
            self.assertEqual(answer.qname, wire.name(qname))
            seen.add(answer.id)
            answers.append(answer)
        self.assertEqual(seen, set(range(CROWD)))
        return answers

    def check(self, release, judge, qtype=wire.A, tcp=False, **kw):
        """As a machine that does other things may be late, an attempt counts when all that it takes
        came before the first time-out; what the counters say holds for each."""
        for number in range(ATTEMPTS):
            arrivals, answers, in_time = self.attempt(number, release, qtype, 1 + tcp, **kw)
            for answer in answers:
                judge(answer)
            if in_time:
                break
        self.assertTrue(in_time, f"{CROWD} clients never came before the first time-out")
        self.assertEqual([each.tcp for each in arrivals], [False, True] if tcp else [False])
        shares = [worker["queries_udp"] for worker in self.ringdns.worker_stats()]
        self.assertGreater(min(shares), 0, "the clients came to one worker only")
        self.assertEqual(self.ringdns.stats()["pending_full"], 0)
        return f"crowd{number}.example"

    def release(self, **kw):
        """What lets the upstream answer with an address."""
        def answer(arrivals):
            arrival = arrivals[0]
            self.upstream.send(wire.address_reply(arrival.message, ADDRESS, **kw), arrival.peer)
        return answer

    def assert_followed(self):
        """The other worker's clients waited for the same query."""
        self.assertGreater(self.ringdns.stats()["queries_followed"], 0)

    def test_birthday_one_query(self):
        self.start_crowd()
        qname = self.check(self.release(), self.assert_address)
        self.assert_followed()
        self.assert_address(self.from_cache(qname))

    def test_birthday_ttl_0(self):
        self.start_crowd()
        qname = self.check(self.release(ttl=0), self.assert_address)
        self.assert_followed()
        self.upstream.behaviour = lambda arrival: [Send(wire.address_reply(
            arrival.message, "192.0.2.2"))]
        self.assert_address(self.from_upstream(qname), "192.0.2.2")

    def test_birthday_servfail(self):
        def release(arrivals):
            self.upstream.send(wire.reply(arrivals[0].message, rcode=wire.SERVFAIL),
                               arrivals[0].peer)
        self.start_crowd()
        qname = self.check(release, lambda answer: self.assertEqual(answer.rcode, wire.SERVFAIL))
        self.assert_followed()
        self.assert_failed(self.from_cache(qname, kind="cache_hits_failure"), CACHED_ERROR)

    def test_birthday_too_large_to_keep(self):
        """TC=1 by UDP; over 16 KiB by TCP when all clients wait. They get TC=1."""
        def release(arrivals):
            arrival = self.upstream.wait_asked(wire.show(arrivals[0].message.qname), tcp=True)[0]
            self.upstream.act(arrival.connection, Send(large_reply(arrival.message)))
        self.assertGreater(len(large_reply(wire.parse(wire.query("a.example", wire.TXT)))), LARGE)
        self.start_crowd(truncated, tcp=silent)
        self.check(release, lambda answer: self.assertTrue(answer.has(wire.TC)), wire.TXT, tcp=True)
        self.assert_followed()
        stats = self.ringdns.stats()
        self.assertEqual(stats["cache_stored"], 0)
        self.assertGreaterEqual(stats["cache_refused_large"], 1)

    def test_birthday_smallest_cache(self):
        self.start_crowd(cache={"size": smallest_cache(workers=2)})
        self.check(self.release(), self.assert_address)
        self.assert_followed()

    def test_birthday_without_a_cache(self):
        self.start_crowd(cache={"size": 0})
        qname = self.check(self.release(), self.assert_address)
        self.assert_followed()
        self.upstream.behaviour = lambda arrival: [Send(wire.address_reply(
            arrival.message, "192.0.2.2"))]
        self.assert_address(self.from_upstream(qname), "192.0.2.2")

    def test_birthday_silence(self):
        """No answer at all: as many packets as for one client, and one SERVFAIL for each."""
        self.start_crowd()
        self.crowd("never.example")
        for answer in self.collect("never.example"):
            self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.assertLessEqual(len(self.upstream.log()), 3)
        stats = self.ringdns.stats()
        self.assertEqual(questions(stats), 1)

    def test_rebirthday_client_subnets(self):
        """A thousand of them: one query, with no client subnet, and one entry for all."""
        def judge(answer):
            self.assert_address(answer)
            self.assertEqual(answer.edns.values(wire.ECS), [])
        self.start_crowd()
        qname = self.check(self.release(), judge, subnets=True)
        for arrival in self.upstream.log():
            self.assertEqual(arrival.message.edns.values(wire.ECS), [])
        other = wire.option(wire.ECS, b"\0\1\x18\0\xc0\0\2")
        self.assert_address(self.from_cache(qname, options=other))


if __name__ == "__main__":
    unittest.main()
