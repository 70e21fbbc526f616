# SPDX-License-Identifier: BSD-2-Clause
"""TCP connections to upstreams that end when they should not, and what comes over them that should
not. Each test runs on both back ends."""

import itertools
import unittest

from support import wire
from support.hostile import Close, Raw, Send, good, silent
from support.link_case import NETWORK_ERROR, NO_REACHABLE, TCP_ALWAYS, LinkCase
from support.tcp_client import framed

ATTEMPTS = 6  # messages for a question


class Ends:
    """A dead reused upstream connection gets one retry on a fresh one: U closes after each answer,
    closes idle connections, closes with questions under way; every query is answered."""

    def test_upstream_that_closes_after_each_answer(self):
        for reset in (False, True):
            with self.subTest(reset=reset):
                end = Close(0.005 if reset else 0, reset)
                self.serve(tcp=lambda arrival: [*good(arrival), end], pool=TCP_ALWAYS)
                for i in range(30):
                    self.assert_address(self.client.query(f"q{i}.link.example"))

    def test_upstream_that_closes_idle_connections(self):
        self.serve(tcp=good, pool=TCP_ALWAYS)
        for i, reset in enumerate((False, True) * 3):
            self.assert_address(self.client.query(f"q{i}.link.example"))
            self.upstream.act(self.upstream.connections[-1], Close(reset=reset))
            self.upstream.wait(lambda: not self.upstream.open_connections())
        self.assertEqual(len(self.upstream.connections), 6)
        self.assertEqual(self.ringdns.stats()["answers_servfail"], 0)

    def check_closing_on_reuse(self, act):
        """The first question of a connection is answered; at the second it ends."""
        self.serve(tcp=lambda arrival: good(arrival) if arrival.connection.count == 1 else [act],
                   pool=TCP_ALWAYS)
        for i in range(20):
            self.assert_address(self.client.query(f"q{i}.link.example"))
        self.assertEqual(self.ringdns.stats()["answers_servfail"], 0)

    def test_fin_on_reuse(self):
        self.check_closing_on_reuse(Close())

    def test_reset_on_reuse(self):
        self.check_closing_on_reuse(Close(reset=True))

    def test_fin_midway_through_a_message_on_reuse(self):
        def behave(arrival):
            if arrival.connection.count == 1:
                return good(arrival)
            return [Raw(framed(good(arrival)[0].data)[:15]), Close()]

        self.serve(tcp=behave, pool=TCP_ALWAYS)
        for i in range(10):
            self.assert_address(self.client.query(f"q{i}.link.example"))

    def test_many_questions_on_a_connection_that_ends(self):
        """Fifty wait on a connection that has served; it ends, and all are asked again."""
        self.serve(tcp=good, pool=TCP_ALWAYS, config={"tcp": {"per-worker": 1}})
        self.assert_address(self.client.query("first.link.example"))
        self.upstream.tcp = silent
        for i in range(50):
            self.client.send(wire.query(f"q{i}.link.example"))
        self.upstream.wait_asked(count=51)
        self.upstream.tcp = good
        self.upstream.act(self.upstream.connections[0], Close())
        for _ in range(50):
            self.assert_address(self.client.answer())
        self.assertEqual(len(self.upstream.connections), 2)
        self.assertEqual(len(self.upstream.asked()), 101)

    def assert_bounded_failure(self, code, acts=(), tcp=silent):
        """SERVFAIL with CODE; few messages and few connections."""
        self.serve(tcp=tcp, pool=TCP_ALWAYS)
        self.upstream.greeting = lambda _: list(acts)
        answer = self.client.query("fails.link.example", seconds=8)
        self.assert_failed(answer, code)
        self.assertLessEqual(len(self.upstream.connections), ATTEMPTS)
        self.assertLessEqual(self.ringdns.stats()["upstream_sent"], ATTEMPTS)
        self.assert_no_more()

    def test_upstream_that_accepts_and_closes(self):
        self.assert_bounded_failure(NETWORK_ERROR, [Close()])

    def test_upstream_that_accepts_and_resets(self):
        self.assert_bounded_failure(NETWORK_ERROR, [Close(reset=True)])

    def test_upstream_that_accepts_and_is_silent(self):
        self.assert_bounded_failure(NO_REACHABLE)

    def test_upstream_that_always_closes_midway_through_a_message(self):
        self.assert_bounded_failure(NETWORK_ERROR, tcp=lambda arrival: [
            Raw(framed(good(arrival)[0].data)[:-1]), Close()])

    def test_upstream_that_refuses_connections(self):
        self.assert_bounded_failure(NETWORK_ERROR, tcp=None)

    def test_upstream_that_accepts_again(self):
        """Refused at first; then connections are accepted, and questions answered."""
        self.serve(tcp=None, pool=TCP_ALWAYS)
        self.assert_failed(self.client.query("early.link.example", seconds=8), NETWORK_ERROR)
        self.upstream.accept_tcp(good)
        self.assert_address(self.client.query("later.link.example", seconds=8))


class Replies:
    """By TCP nobody else can send; the server itself may still send anything."""

    def test_wrong_replies_do_not_end_the_wait(self):
        def behave(arrival):
            message = arrival.message
            bad = wire.address_reply(message._replace(questions=[
                (wire.name("other.example"), wire.A, wire.IN)]), "203.0.113.66")
            return [Send(wire.address_reply(message, "203.0.113.66", ident=message.id ^ 1)),
                    Send(bad), Send(wire.address_reply(message, "203.0.113.66", drop=wire.QR)),
                    *good(arrival)]

        self.serve(tcp=behave, pool=TCP_ALWAYS)
        for i in range(5):
            self.assert_address(self.client.query(f"q{i}.link.example"))
        self.assert_no_more()

    def test_short_messages_are_survived(self):
        """No bytes, one, eleven: no reply; and the question is answered, there or elsewhere."""
        for size in (0, 1, 11):
            with self.subTest(size):
                self.serve(tcp=lambda arrival: [Send(bytes(size)), *good(arrival)]
                           if arrival.nth == 0 else good(arrival), pool=TCP_ALWAYS)
                self.assert_address(self.client.query("short.link.example"))

    def test_late_reply_meets_a_question_in_its_place(self):
        """Each reply comes again in front of the next one: its ID's place has another question."""
        before = []

        def behave(arrival):
            late = [Send(wire.address_reply(each.message, "203.0.113.66")) for each in before]
            late += [Send(wire.address_reply(arrival.message, "203.0.113.66",
                                             ident=each.message.id)) for each in before]
            before.append(arrival)
            return late + good(arrival)

        self.serve(tcp=behave, pool=TCP_ALWAYS, config={"in-flight": {"queries": 16}})
        for i in range(30):
            self.assert_address(self.client.query(f"q{i}.link.example"))
        self.assert_no_more()
        self.assertGreater(self.ringdns.stats()["replies_late"], 0)
        self.assertEqual(len({each.message.id for each in self.upstream.log()}), 30)

    def test_reply_to_another_connection(self):
        """An ID is good on the connection that it was sent on, and there alone."""
        self.serve(tcp=silent, pool=TCP_ALWAYS)
        for i in range(100):
            self.client.send(wire.query(f"q{i}.link.example"))
        arrivals = self.upstream.wait_asked(count=100)
        first, second = self.upstream.connections
        for arrival, other in itertools.product(arrivals[:1] + arrivals[-1:], (first, second)):
            if arrival.connection is not other:
                self.upstream.act(other, Send(wire.address_reply(
                    arrival.message, "203.0.113.66")))
        for arrival in arrivals:
            self.upstream.act(arrival.connection, *good(arrival))
        for _ in arrivals:
            self.assert_address(self.client.answer())


class UringEndsTest(Ends, LinkCase):
    io = "uring"


class SyscallEndsTest(Ends, LinkCase):
    io = "syscall"


class UringRepliesTest(Replies, LinkCase):
    io = "uring"


class SyscallRepliesTest(Replies, LinkCase):
    io = "syscall"


if __name__ == "__main__":
    unittest.main()
