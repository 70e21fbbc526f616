# SPDX-License-Identifier: BSD-2-Clause
"""Forgers who guess at IDs, and what is made of it: after three wrong ones at a port, what waits
there is asked by TCP, where nobody can guess (RFC 5452 section 9.3)."""

import collections
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Send, good, silent

BAD, GOOD = "203.0.113.66", "192.0.2.1"
WRONG_IDS = 3    # at one port, until what waits there is asked by TCP
ATTEMPTS = 6     # messages for a question


def flipped(arrival, count=WRONG_IDS):
    """COUNT replies that would be right but for the ID."""
    return [Send(wire.address_reply(arrival.message, BAD, ident=arrival.message.id ^ i))
            for i in range(1, count + 1)]


class FloodTest(ForwarderCase):
    def test_flood_of_wrong_ids_is_answered_by_tcp(self):
        """U flips the ID on UDP, answers on TCP: the client gets the TCP answer, the counter
        moves."""
        for io in ("uring", "syscall"):
            with self.subTest(io=io):
                self.serve(lambda arrival: flipped(arrival, 1000), tcp=good, io=io)
                self.assert_address(self.client.query("flood.example"), GOOD)
                self.assertEqual([each.tcp for each in self.upstream.asked("flood.example")],
                                 [False, True])
                self.assert_no_more()
                stats = self.ringdns.stats()
                self.assertGreaterEqual(stats["replies_bad_unknown_id"], WRONG_IDS)
                self.assertEqual((stats["upstream_tcp_forged"], stats["replies_accepted"]), (1, 1))

    def test_fewer_wrong_ids_change_nothing(self):
        """They may be an accident: the right reply by UDP still counts."""
        self.serve(lambda arrival: [*flipped(arrival, WRONG_IDS - 1), *good(arrival)], tcp=good)
        self.assert_address(self.client.query("few.example"), GOOD)
        self.assertEqual([each.tcp for each in self.upstream.log()], [False])
        self.assertEqual(self.ringdns.stats()["replies_bad_unknown_id"], WRONG_IDS - 1)

    def test_right_guess_after_the_flood_is_not_taken(self):
        """The question's wait by UDP is over: the forger's thousandth ID is the right one, and
        comes before the answer by TCP."""
        self.serve(flipped, tcp=silent)
        self.client.send(wire.query("guess.example"))
        asked, by_tcp = self.upstream.wait_asked("guess.example", 2)
        for _ in range(3):
            self.upstream.send(wire.address_reply(asked.message, BAD), asked.peer)
        self.upstream.act(by_tcp.connection, Send(wire.address_reply(by_tcp.message, GOOD)))
        self.assert_address(self.client.answer(), GOOD)
        self.assert_no_more()

    def test_every_question_of_that_port_is_asked_by_tcp_and_no_other(self):
        self.serve(silent, tcp=good, config={"ports": {"per-upstream": 4}})
        for i in range(16):
            self.client.send(wire.query(f"q{i}.port.example"))
        by_port = collections.defaultdict(list)
        for arrival in self.upstream.wait_asked(count=16):
            by_port[arrival.peer].append(arrival)
        attacked = max(by_port.values(), key=len)
        self.assertGreater(len(attacked), 1)
        self.assertLess(len(attacked), 16)
        for send in flipped(attacked[0], 40):
            if send.data[:2] not in {each.data[:2] for each in attacked}:
                self.upstream.send(send.data, attacked[0].peer)
        answers = {self.client.answer().qname for _ in attacked}
        self.assertEqual(answers, {each.message.qname for each in attacked})
        self.assertEqual({each.key for each in self.upstream.asked(tcp=True)},
                         {each.key for each in attacked})
        self.assertEqual(self.ringdns.stats()["upstream_tcp_forged"], len(attacked))

    def test_repeated_replies_are_no_flood(self):
        """Their IDs were used on that port: late, not guessed."""
        self.serve(lambda arrival: good(arrival) * 10, tcp=good)
        for i in range(10):
            self.assert_address(self.client.query(f"q{i}.repeat.example"), GOOD)
        stats = self.ringdns.wait_stats(lambda now: now["replies_late"] > 0)
        self.assertEqual((stats["replies_bad_unknown_id"], stats["upstream_tcp_forged"]), (0, 0))
        self.assertEqual(self.upstream.asked(tcp=True), [])

    def test_flood_where_tcp_is_refused_ends_in_time(self):
        """No TCP, and forgers at every port: SERVFAIL, after few messages, and nothing forged."""
        self.serve(lambda arrival: flipped(arrival, 50))
        answer = self.client.query("refused.example", seconds=8)
        self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.assertLessEqual(self.ringdns.stats()["upstream_sent"], ATTEMPTS)
        self.assert_no_more()


if __name__ == "__main__":
    unittest.main()
