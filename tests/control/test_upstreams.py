# SPDX-License-Identifier: BSD-2-Clause
"""What the operator is told of the upstreams, by the socket and by ringdnsctl."""

import json
import unittest

from support.process import run
from support.ringdns import Ringdns, binary

SERVERS = (("192.0.2.1", 53), ("192.0.2.2", 5353), ("2001:db8::1", 53))
ADDRESSES = ["192.0.2.1:53", "192.0.2.2:5353", "[2001:db8::1]:53"]


class UpstreamsTest(unittest.TestCase):
    def setUp(self):
        self.ringdns = self.enterContext(Ringdns(SERVERS, workers=2,
                                                 config={"loop-probe": False}))

    def ask(self, *command, check=True):
        return run([binary("ringdnsctl"), "-s", self.ringdns.control, *command], check=check)

    def test_document_has_every_server_in_order(self):
        document = json.loads(self.ask("upstreams", "--json"))
        self.assertEqual([one["address"] for one in document["upstreams"]], ADDRESSES)
        for one in document["upstreams"]:
            self.assertEqual((one["pool"], one["policy"], one["weight"], one["tier"]),
                             ("default", "fastest", 1, 0))
            self.assertEqual((one["state"], one["since"], one["for_s"]), ("up", None, None))
            self.assertEqual((one["source"], one["rtt"]["count"]), (None, 0))
            self.assertEqual(one["counters"]["sent"], 0)

    def test_table_has_a_line_for_each(self):
        lines = self.ask("upstreams").splitlines()
        self.assertRegex(lines[0], r"^  pool +address +state +queries ")
        self.assertEqual([line.split()[:3] for line in lines[1:4]],
                         [["default", address, "up"] for address in ADDRESSES])
        self.assertLessEqual(max(map(len, lines)), 120)

    def test_status_counts_the_pools_and_names_nobody_who_is_up(self):
        status = json.loads(self.ask("status"))
        self.assertEqual((status["pools"], status["not_up"]), (1, []))
        self.assertEqual(status["servers"], ADDRESSES)

    def test_unknown_command_is_told_what_there_is(self):
        said = self.ask("upstream", check=False)
        self.assertIn("unknown command upstream; there are stats, status, upstreams, cache",
                      said)


if __name__ == "__main__":
    unittest.main()
