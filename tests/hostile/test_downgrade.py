# SPDX-License-Identifier: BSD-2-Clause
"""Downgrade by forged refusals of EDNS (CVE-2026-52690): a server is not marked "no EDNS" on one
reply, but one that really knows no EDNS is served (RFC 6891 section 7)."""

import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Send, fails, good

NAMES = 3  # that worked without EDNS alone, until the server is asked so


def no_edns(rcode):
    """A server from before EDNS: it refuses a query with OPT, and answers one without."""
    def behave(arrival):
        return good(arrival) if not arrival.message.edns else \
            [Send(wire.reply(arrival.message, rcode=rcode, edns=b""))]
    return behave


class DowngradeTest(ForwarderCase):
    def edns(self, qname):
        """Whether each packet for QNAME had EDNS."""
        return [each.message.edns is not None for each in self.upstream.asked(qname)]

    def test_one_forged_formerr_marks_nothing(self):
        """The question of the forged FORMERR is asked again without EDNS; the next has it."""
        self.serve(no_edns(wire.FORMERR))
        self.assert_address(self.client.query("forged.example"))
        self.assertEqual(self.edns("forged.example"), [True, False])
        self.upstream.behaviour = good
        for i in range(5):
            self.assert_address(self.client.query(f"q{i}.forged.example"))
            self.assertEqual(self.edns(f"q{i}.forged.example"), [True])
        self.assertEqual(self.ringdns.stats()["upstream_plain"], 1)

    def check_marked(self, rcode):
        self.serve(no_edns(rcode))
        for i in range(NAMES):
            self.assert_address(self.client.query(f"q{i}.old.example"))
            self.assertEqual(self.edns(f"q{i}.old.example"), [True, False])
        answer = self.client.query("then.old.example")
        self.assert_address(answer)
        self.assertIsNotNone(answer.edns)  # between us and the client there is EDNS
        self.assertEqual(self.edns("then.old.example"), [False])

    def test_three_names_mark_a_server_that_says_formerr(self):
        self.check_marked(wire.FORMERR)

    def test_three_names_mark_a_server_that_says_notimp(self):
        self.check_marked(wire.NOTIMP)

    def test_one_name_again_and_again_marks_nothing(self):
        """Whoever can forge for one name cannot take EDNS from all."""
        self.serve(no_edns(wire.FORMERR))
        for _ in range(2 * NAMES):
            self.assert_address(self.client.query("same.old.example"))
        self.assertEqual(self.edns("same.old.example"), [True, False] * 2 * NAMES)

    def test_names_that_fail_without_edns_too_mark_nothing(self):
        self.serve(fails(wire.FORMERR, edns=b""))
        for i in range(NAMES):
            self.assertEqual(self.client.query(f"q{i}.fails.example").rcode, wire.SERVFAIL)
            self.assertEqual(self.edns(f"q{i}.fails.example"), [True, False])
        self.upstream.behaviour = good
        self.assert_address(self.client.query("then.fails.example"))
        self.assertEqual(self.edns("then.fails.example"), [True])

    def test_formerr_with_an_opt_is_no_refusal_of_edns(self):
        self.serve(fails(wire.FORMERR))
        self.assertEqual(self.client.query("opt.example").rcode, wire.SERVFAIL)
        self.assertEqual(self.edns("opt.example"), [True])
        self.assertEqual(self.ringdns.stats()["upstream_plain"], 0)

    def test_formerr_without_a_question_is_no_reply(self):
        """It matches nothing, so it may be anybody's: the wait goes on."""
        self.serve(lambda arrival: [Send(wire.build(arrival.message.id, wire.QR | wire.FORMERR)),
                                    good(arrival)[0]._replace(delay=0.05)])
        self.assert_address(self.client.query("bare.example"))
        self.assertEqual(self.edns("bare.example"), [True])


if __name__ == "__main__":
    unittest.main()
