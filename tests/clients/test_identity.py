# SPDX-License-Identifier: BSD-2-Clause
"""What Ringdns says of itself (NSID, id.server, version.bind) and whom it answers at all."""

import unittest

from support import wire
from support.case import ForwarderCase
from support.client import Client

IDENTITY = {"identity": {"nsid": "node-7.example", "server": "server seven",
                         "version": "Ringdns 7"}}
NSID = wire.option(wire.NSID)


class IdentityTest(ForwarderCase):
    def test_configured_names_in_class_chaos(self):
        self.serve(config=IDENTITY)
        for name, text in (("version.bind", b"Ringdns 7"), ("id.server", b"server seven"),
                           ("VERSION.Bind", b"Ringdns 7"), ("ID.Server", b"server seven")):
            for edns in (True, False):
                with self.subTest(name, edns=edns):
                    answer = self.client.query(name, wire.TXT, wire.CH, edns=edns)
                    self.assertEqual(answer.rcode, wire.NOERROR)
                    self.assertEqual(answer.texts(), [text])
                    self.assertEqual(answer.answer[0].cls, wire.CH)
                    self.assertEqual(answer.answer[0].name, wire.name(name))
                    self.assertEqual(answer.edns is not None, edns)
        self.assertEqual(self.upstream.log(), [])

    def test_other_chaos_is_refused(self):
        self.serve(config=IDENTITY)
        for name, qtype in (("hostname.bind", wire.TXT), ("version.server", wire.TXT),
                            ("version.bind", wire.A), ("x.version.bind", wire.TXT),
                            ("bind", wire.TXT), ("", wire.TXT)):
            with self.subTest(name, qtype=qtype):
                self.assertEqual(self.client.query(name, qtype, wire.CH).rcode, wire.REFUSED)
        self.assertEqual(self.upstream.log(), [])

    def test_unconfigured_names_are_refused(self):
        self.serve()
        for name in ("version.bind", "id.server"):
            with self.subTest(name):
                answer = self.client.query(name, wire.TXT, wire.CH)
                self.assertEqual((answer.rcode, answer.answer), (wire.REFUSED, []))
        self.assertEqual(self.upstream.log(), [])

    def test_same_names_in_class_internet_are_ordinary(self):
        self.serve(config=IDENTITY)
        self.assert_address(self.client.query("version.bind"))
        self.assertEqual(len(self.upstream.asked("version.bind")), 1)

    def test_nsid_is_told_to_those_who_ask(self):
        self.serve(config=IDENTITY)
        answer = self.client.query("a.nsid.example", options=NSID)
        self.assert_address(answer)
        self.assertEqual(answer.edns.options, [(wire.NSID, b"node-7.example")])
        self.assertEqual(self.client.query("b.nsid.example").edns.options, [])
        self.assertIsNone(self.client.query("c.nsid.example", edns=False).edns)

    def test_nsid_in_answers_of_our_own(self):
        self.serve(config=IDENTITY)
        for title, kw in {"REFUSED": {"flags": 0}, "CH": {"qclass": wire.CH}}.items():
            with self.subTest(title):
                answer = self.client.query("version.bind", wire.TXT, options=NSID, **kw)
                self.assertEqual(answer.edns.values(wire.NSID), [b"node-7.example"])

    def test_nsid_that_is_not_configured(self):
        self.serve()
        self.assertEqual(self.client.query("a.nsid.example", options=NSID).edns.options, [])

    def test_two_clients_of_one_question_of_which_one_asks_for_nsid(self):
        self.serve(lambda arrival: [], config=IDENTITY)
        self.client.send(wire.query("both.nsid.example", ident=1, options=NSID))
        self.client.send(wire.query("both.nsid.example", ident=2))
        self.ringdns.wait_stats(lambda now: now["waiters"] == 2)
        arrival = self.upstream.wait_asked("both.nsid.example")[0]
        self.upstream.send(wire.address_reply(arrival.message, "192.0.2.1"), arrival.peer)
        answers = {each.id: each for each in (self.client.answer(), self.client.answer())}
        self.assertEqual(answers[1].edns.values(wire.NSID), [b"node-7.example"])
        self.assertEqual(answers[2].edns.options, [])


class AccessTest(ForwarderCase):
    def ask_from(self, address, server="127.0.0.1", qtype=wire.A, **kw):
        with Client((server, self.ringdns.port), bind=(address, 0)) as client:
            return client.query("www.access.example", qtype, **kw)

    def test_only_the_allowed_are_served(self):
        self.serve(config={"access": {"allow": ["127.0.0.1", "127.0.1.0/24"]}})
        for address, allowed in (("127.0.0.1", True), ("127.0.0.2", False), ("127.0.1.1", True),
                                 ("127.0.1.254", True), ("127.0.2.1", False)):
            with self.subTest(address):
                before = self.ringdns.stats()["refused_acl"]
                answer = self.ask_from(address)
                if allowed:
                    self.assert_address(answer)
                else:
                    self.assertEqual(answer.rcode, wire.REFUSED)
                    self.assertEqual(answer.answer, [])
                    self.assertEqual([code for code, _ in answer.edns.errors()], [18])
                self.assertEqual(self.ringdns.stats()["refused_acl"], before + (not allowed))
        self.assertEqual(len(self.upstream.log()), 3)

    def test_the_refused_learn_nothing(self):
        """Neither identity nor BADVERS nor an upstream's answer."""
        self.serve(config={**IDENTITY, "access": {"allow": ["127.0.0.1"]}})
        for title, kw in {"CH": {"qclass": wire.CH, "qtype": wire.TXT}, "RD=0": {"flags": 0},
                          "AXFR": {"qtype": wire.AXFR}, "plain": {"edns": False}}.items():
            with self.subTest(title):
                answer = self.ask_from("127.0.0.2", **kw)
                self.assertEqual((answer.rcode, answer.answer), (wire.REFUSED, []))
        self.assertEqual(self.ringdns.stats()["refused_acl"], 4)
        self.assertEqual(self.upstream.log(), [])

    def test_ipv6_prefixes(self):
        self.serve(listen=("127.0.0.1", "::1"), config={"access": {"allow": ["127.0.0.0/8"]}})
        self.assertEqual(self.ask_from("::1", "::1").rcode, wire.REFUSED)
        self.assert_address(self.ask_from("127.0.0.5"))

    def test_nobody_allowed(self):
        self.serve(config={"access": {"allow": []}})
        self.assertEqual(self.ask_from("127.0.0.1").rcode, wire.REFUSED)

    def test_loopback_is_allowed_by_default(self):
        self.serve(listen=("127.0.0.1", "::1"))
        self.assert_address(self.ask_from("127.9.9.9"))
        self.assert_address(self.ask_from("::1", "::1"))


if __name__ == "__main__":
    unittest.main()
