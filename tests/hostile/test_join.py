# SPDX-License-Identifier: BSD-2-Clause
"""One resolution per question at a time (RFC 5452 section 5), whatever clients do; and what happens
when the tables of questions and of waiting clients are full."""

import random
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Send, silent

ADDRESS = "192.0.2.1"


def late(arrival):
    """Late enough for a test to send what shall join, also where it is slow."""
    return [Send(wire.address_reply(arrival.message, ADDRESS), 1.0)]


class JoinTest(ForwarderCase):
    def assert_one_upstream(self, led=1):
        """Retransmissions aside."""
        stats = self.ringdns.stats()
        self.assertEqual(stats["queries_led"], led)
        self.assertEqual(stats["upstream_sent"] - stats["upstream_resent"], led)
        self.assertEqual(len(self.upstream.log()), stats["upstream_sent"])
        return stats

    def test_clients_retransmission_joins_its_query(self):
        self.serve(late)
        query = wire.query("again.join.example")
        for _ in range(5):
            self.client.send(query)
        self.assert_address(self.client.answer())
        self.assert_no_more()
        stats = self.assert_one_upstream()
        self.assertEqual(stats["queries_dropped_repeat"], 4)
        self.assertEqual(stats["answers_noerror"], 1)

    def test_another_id_of_the_same_client_gets_its_own_answer(self):
        self.serve(late)
        for ident in (1, 2, 3):
            self.client.send(wire.query("other.join.example", ident=ident))
        answers = [self.client.answer() for _ in range(3)]
        self.assertEqual({each.id for each in answers}, {1, 2, 3})
        for each in answers:
            self.assert_address(each)
        self.assert_one_upstream()
        self.assert_no_more()

    def test_the_same_id_from_another_port_gets_its_own_answer(self):
        self.serve(late)
        query = wire.query("port.join.example")
        clients = self.clients(3)
        for client in clients:
            client.send(query)
        for client in clients:
            self.assert_address(client.answer())
        self.assert_one_upstream()

    def check_crowd(self, reply, check):
        """A thousand clients of many ports and IDs, each with its own spelling and EDNS. REPLY: a
        function that makes the upstream's one reply from its query, when all of them wait; None:
        there is none."""
        self.serve(silent)
        rnd = random.Random(7)
        clients = self.clients(50)
        asked = {}
        for i in range(1000):
            name = wire.spelling(wire.name("Crowded-House.Some-Label.join.example"), rnd)
            asked[clients[i % 50], i // 50] = name, rnd.random() < 0.7
        for (client, ident), (name, edns) in asked.items():
            client.send(wire.query(name, ident=ident, edns=edns))
        self.ringdns.wait_stats(lambda now: now["waiters"] == 1000)
        if reply:
            arrival = self.upstream.log()[0]
            self.upstream.send(reply(arrival.message), arrival.peer)
        for client in clients:
            for _ in range(20):
                answer = client.answer(8)
                name, edns = asked.pop((client, answer.id))
                self.assertEqual(answer.qname, name)
                self.assertEqual(answer.edns is not None, edns)
                check(answer)
        self.assertEqual(asked, {})
        stats = self.assert_one_upstream()
        self.assertEqual(stats["queries_joined"], 999)
        self.assertEqual(stats["answers_lost_buffer"] + stats["answers_lost_send"], 0)
        for client in clients:
            self.assertEqual(client.before_fence(), [])

    def test_a_thousand_clients_and_one_query(self):
        self.check_crowd(lambda asked: wire.address_reply(asked, ADDRESS), self.assert_address)

    def test_a_thousand_clients_and_a_failure(self):
        self.check_crowd(lambda asked: wire.reply(asked, rcode=wire.SERVFAIL),
                         lambda answer: self.assertEqual(answer.rcode, wire.SERVFAIL))

    def test_a_thousand_clients_and_ttl_0(self):
        self.check_crowd(lambda asked: wire.address_reply(asked, ADDRESS, ttl=0),
                         self.assert_address)

    def test_a_thousand_clients_and_a_full_sized_answer(self):
        """Those with small buffers get TC=1."""
        def check(answer):
            self.assertEqual(answer.has(wire.TC), answer.edns is None)
            self.assertEqual(len(answer.answer), 0 if answer.edns is None else 68)

        records = [wire.record(b"\xc0\x0c", wire.A, wire.a(f"192.0.2.{i}")) for i in range(68)]
        self.check_crowd(lambda asked: wire.reply(asked, records), check)

    def test_a_thousand_clients_and_silence(self):
        def check(answer):
            self.assertEqual(answer.rcode, wire.SERVFAIL)
            self.assertEqual(bool(answer.edns and answer.edns.errors()), answer.edns is not None)

        self.check_crowd(None, check)

    def test_what_makes_answers_differ_is_not_joined(self):
        """Name, type, DO and CD tell questions apart."""
        self.serve(late)
        queries = [wire.query("apart.join.example"), wire.query("apart.join.example", wire.AAAA),
                   wire.query("apart.join.example", do=True),
                   wire.query("apart.join.example", flags=wire.RD | wire.CD),
                   wire.query("apart.join.example", do=True, flags=wire.RD | wire.CD),
                   wire.query("bpart.join.example")]
        for ident, query in enumerate(queries):
            self.client.send(ident.to_bytes(2, "big") + query[2:])
        answers = [self.client.answer() for _ in queries]
        self.assertEqual({each.id for each in answers}, set(range(len(queries))))
        self.assert_one_upstream(led=len(queries))

    def test_what_makes_no_difference_is_joined(self):
        """AD, Z, EDNS or not, its size and options, spelling."""
        self.serve(late)
        queries = [wire.query("alike.join.example"), wire.query("ALIKE.join.example"),
                   wire.query("alike.join.example", edns=False),
                   wire.query("alike.join.example", size=512),
                   wire.query("alike.join.example", flags=wire.RD | wire.AD),
                   wire.query("alike.join.example", flags=wire.RD | wire.Z),
                   wire.query("alike.join.example", options=wire.option(wire.NSID)),
                   wire.query("alike.join.example", options=wire.option(wire.COOKIE, b"12345678"))]
        for ident, query in enumerate(queries):
            self.client.send(ident.to_bytes(2, "big") + query[2:])
        answers = [self.client.answer() for _ in queries]
        self.assertEqual({each.id for each in answers}, set(range(len(queries))))
        self.assert_one_upstream()

    def test_question_that_was_answered_is_asked_anew_without_a_cache(self):
        self.serve()
        for count in (1, 2, 3):
            self.assert_address(self.client.query("memory.join.example"))
            self.assertEqual(len(self.upstream.asked("memory.join.example")), count)


class FullTest(ForwarderCase):
    """The limit is 16; 40 come; 24 are told at once."""

    def release(self, served):
        """The upstream answers; whoever was let in is served, and all is well again."""
        for arrival in self.upstream.log():
            self.upstream.send(wire.address_reply(arrival.message, ADDRESS), arrival.peer)
        for _ in range(served):
            self.assert_address(self.client.answer())
        self.upstream.behaviour = late
        self.assert_address(self.client.query("well.full.example"))
        self.assert_no_more()

    def assert_refusals(self, count):
        """The next COUNT answers are SERVFAIL; each says so at once, not after the patience."""
        for _ in range(count):
            answer = self.client.answer(2)
            self.assertEqual(answer.rcode, wire.SERVFAIL)
            self.assertEqual(len(answer.edns.errors()), 1)

    def test_questions_full(self):
        self.serve(silent, config={"in-flight": {"queries": 16}})
        for i in range(40):
            self.client.send(wire.query(f"q{i}.full.example"))
        self.assert_refusals(24)
        stats = self.ringdns.stats()
        self.assertEqual(stats["failed_slots"], 24)
        self.assertEqual((stats["inflight"], stats["waiters"]), (16, 16))
        self.assertEqual(stats["upstream_sent"] - stats["upstream_resent"], 16)
        self.release(16)

    def test_questions_full_does_not_keep_others_from_joining(self):
        self.serve(silent, config={"in-flight": {"queries": 16}})
        for i in range(16):
            self.client.send(wire.query(f"q{i}.full.example", ident=i))
        self.upstream.wait_asked("q15.full.example")
        other = self.new_client()
        other.send(wire.query("q7.full.example"))
        self.ringdns.wait_stats(lambda now: now["waiters"] == 17)
        self.assertEqual(self.ringdns.stats()["failed_slots"], 0)
        self.release(16)
        self.assert_address(other.answer())

    def test_waiters_full_with_one_question(self):
        self.serve(silent, config={"in-flight": {"waiters": 16}})
        for i in range(40):
            self.client.send(wire.query("one.full.example", ident=i))
        self.assert_refusals(24)
        stats = self.ringdns.stats()
        self.assertEqual(stats["failed_waiters"], 24)
        self.assertEqual((stats["inflight"], stats["waiters"]), (1, 16))
        self.release(16)

    def test_waiters_full_with_many_questions(self):
        """A question for which nobody can wait is not asked."""
        self.serve(silent, config={"in-flight": {"waiters": 16}})
        for i in range(40):
            self.client.send(wire.query(f"q{i}.full.example"))
        self.assert_refusals(24)
        stats = self.ringdns.stats()
        self.assertEqual(stats["failed_waiters"], 24)
        self.assertEqual((stats["inflight"], stats["waiters"]), (16, 16))
        self.assertEqual(stats["upstream_sent"] - stats["upstream_resent"], 16)
        self.release(16)


if __name__ == "__main__":
    unittest.main()
