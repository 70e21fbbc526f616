# SPDX-License-Identifier: BSD-2-Clause
"""Addresses in an answer are turned with each client (RFC 1794), so that all of them are used."""

import collections
import unittest

from support import chance, wire
from support.cache_case import CacheCase
from support.hostile import Send
from support.process import scaled

P_MIN = 1e-6  # honest dice fail once in a million runs


def address(qtype, host):
    return bytes([192, 0, 2, host]) if qtype == wire.A else bytes(15) + bytes([host])


def many(count, alias=False):
    """A behaviour: COUNT addresses, of the name or of its alias."""
    def behave(arrival):
        qtype = arrival.message.questions[0][1]
        owner = wire.name("target.example") if alias else b"\xc0\x0c"
        answer = [wire.record(b"\xc0\x0c", wire.CNAME, owner)] if alias else []
        answer += [wire.record(owner, qtype, address(qtype, i)) for i in range(count)]
        return [Send(wire.reply(arrival.message, answer))]
    return behave


class RotateTest(CacheCase):
    def orders(self, count, qtype, asked):
        """The orders of the addresses in ASKED answers from the cache."""
        found = []
        for _ in range(asked):
            answer = self.client.query("many.example", qtype)
            found.append([each.rdata[-1] for each in answer.answer if each.type == qtype])
            self.assertEqual(sorted(found[-1]), list(range(count)))
        return found

    def check_even(self, count, qtype, **kw):
        """Each comes first about as often, and what follows it is what followed it before."""
        self.serve(many(count, **kw))
        self.from_upstream("many.example", qtype)
        for _ in range(2):
            orders = self.orders(count, qtype, max(scaled(count * 50), 20 * count))
            for order in orders:
                self.assertEqual(order, [(order[0] + i) % count for i in range(count)])
            first = collections.Counter(order[0] for order in orders)
            p = chance.chi_square([first[i] for i in range(count)], [1] * count)
            if p > P_MIN:
                break
        self.assertGreater(p, P_MIN, first)
        self.assertEqual(len(self.upstream.log()), 1)
        self.ringdns.stop()

    def test_each_address_comes_first_about_equally_often(self):
        for qtype in (wire.A, wire.AAAA):
            for count in (2, 3, 7, 32):
                with self.subTest(qtype=qtype, count=count):
                    self.check_even(count, qtype)

    def test_addresses_behind_an_alias_are_turned_and_the_alias_stays_in_front(self):
        self.check_even(4, wire.A, alias=True)
        self.serve(many(4, alias=True))
        self.from_upstream("many.example")
        for _ in range(20):
            answer = self.client.query("many.example")
            self.assertEqual([each.type for each in answer.answer], [wire.CNAME] + [wire.A] * 4)

    def assert_never_turned(self, qtype, count):
        self.from_upstream("many.example", qtype)
        first = self.client.query("many.example", qtype, size=4096)
        for _ in range(50):
            answer = self.client.query("many.example", qtype, size=4096)
            self.assertEqual(answer.answer, first.answer)
        self.assertEqual(len(first.answer), count)

    def test_more_than_32_are_left_as_they_are(self):
        self.serve(many(33))
        self.assert_never_turned(wire.A, 33)

    def test_other_types_are_left_as_they_are(self):
        self.serve(lambda arrival: [Send(wire.reply(arrival.message, [
            wire.record(b"\xc0\x0c", wire.TXT, wire.txt(bytes([i]))) for i in range(5)]))])
        self.assert_never_turned(wire.TXT, 5)

    def test_not_where_the_operator_does_not_want_it(self):
        self.serve(many(5), cache={"rotate": False})
        self.assert_never_turned(wire.A, 5)


if __name__ == "__main__":
    unittest.main()
