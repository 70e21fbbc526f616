# SPDX-License-Identifier: BSD-2-Clause
"""A configuration that changes while it is used: SIGHUP, and the system's own name servers."""

import json
import os
import signal
import unittest

from support.case import ForwarderCase
from support.netns import Namespace
from support.process import run, wait_until
from support.ringdns import Ringdns, binary

HEAD = "upstreams: {{ default: {{ servers: [{}] }} }}\n"


class ReloadCase(ForwarderCase):
    def status(self):
        return json.loads(run([binary("ringdnsctl"), "-s", self.ringdns.control, "status",
                               "--json"]))

    def run_with(self, config, **kw):
        self.ringdns = self.enterContext(Ringdns((), config=config.encode(), **kw))

    def reload(self, config, said):
        """Rewrites the file, sends SIGHUP, waits for SAID in what follows, which is returned."""
        before = len(self.ringdns.process.output())
        with open(self.ringdns.file, "w", encoding="utf-8") as file:
            file.write(config)
        self.ringdns.process.signal(signal.SIGHUP)
        wait_until(lambda: said in self.ringdns.process.output()[before:], 10,
                   lambda: f"never said {said!r}: {self.ringdns.process.output()[before:]}")
        return self.ringdns.process.output()[before:]


class SighupTest(ReloadCase):
    def test_new_servers_are_used(self):
        self.run_with(HEAD.format("192.0.2.1"))
        self.reload(HEAD.format("192.0.2.2, 192.0.2.3:54"), "forwarding to")
        status = self.status()
        self.assertEqual(status["servers"], ["192.0.2.2:53", "192.0.2.3:54"])
        self.assertEqual(status["generation"], 2)

    def test_clients_are_answered_by_the_new_configuration(self):
        self.serve(pool={})
        server = "{}:{}".format(*self.upstream.servers[0])
        self.assert_address(self.client.query("before.reload.example"))
        self.reload(HEAD.format(server) + "access: { allow: [192.0.2.0/24] }\n", "read again")
        # Each worker adopts it with its next turn, of which a query is one.
        self.assertEqual(self.client.query("after.reload.example").rcode, 5)
        self.assertEqual(self.ringdns.stats()["refused_acl"], 1)

    def test_wrong_file_changes_nothing_and_says_every_error(self):
        self.run_with(HEAD.format("192.0.2.1"))
        said = self.reload(HEAD.format("192.0.2.2, x") + "io: magic\n", "stays as it was")
        self.assertRegex(said, r"ringdns\.yaml:1:\d+: upstreams\.default\.servers: found \"x\"")
        self.assertRegex(said, r"ringdns\.yaml:2:5: io: found \"magic\"")
        status = self.status()
        self.assertEqual((status["servers"], status["generation"]), (["192.0.2.1:53"], 1))

    def test_file_that_is_gone_changes_nothing(self):
        self.run_with(HEAD.format("192.0.2.1"))
        os.unlink(self.ringdns.file)
        self.ringdns.process.signal(signal.SIGHUP)
        self.ringdns.process.wait_for("stays as it was")
        self.assertEqual(self.status()["servers"], ["192.0.2.1:53"])

    def test_upstream_that_is_ourselves_is_refused(self):
        self.run_with(HEAD.format("192.0.2.1"))
        said = self.reload(HEAD.format(f"127.0.0.1:{self.ringdns.port}"), "stays as it was")
        self.assertIn("this forwarder itself", said)
        self.assertEqual(self.status()["servers"], ["192.0.2.1:53"])

    def test_pools_and_routes_are_live(self):
        self.run_with(HEAD.format("192.0.2.1"))
        said = self.reload("upstreams:\n  default: { servers: [192.0.2.2] }\n"
                           "  corp: { servers: [192.0.2.3, 192.0.2.4], policy: hash }\n"
                           "routes: { corp.test: corp, 10.0.0.0/8: corp }\n", "pool corp")
        self.assertIn("forwarding to 192.0.2.2:53\n", said)
        self.assertIn("pool corp: 2 routes to 192.0.2.3:53, 192.0.2.4:53\n", said)
        self.assertNotIn("next start", said)
        self.assertEqual(self.status()["generation"], 2)
        said = self.reload(HEAD.format("192.0.2.1"), "forwarding to 192.0.2.1:53")
        self.assertNotIn("pool", said)

    def test_source_that_is_not_here_is_refused(self):
        self.run_with(HEAD.format("192.0.2.1"))
        said = self.reload("upstreams: { default: { servers: [192.0.2.2], source: 192.0.2.77 } }\n",
                           "stays as it was")
        self.assertIn("upstreams.default.source: found 192.0.2.77", said)
        self.assertEqual(self.status()["servers"], ["192.0.2.1:53"])

    def test_pool_default_may_go_over_to_the_systems_servers_and_back(self):
        self.namespace = Namespace({"resolv.conf": "nameserver 192.0.2.53\n"})
        self.addCleanup(self.namespace.close)
        self.run_with(HEAD.format("192.0.2.1"), namespace=self.namespace)
        said = self.reload("upstreams: { corp: { servers: [192.0.2.3] } }\n"
                           "routes: { corp.test: corp }\n", "pool corp: 1 route to 192.0.2.3:53")
        self.assertIn("forwarding to 192.0.2.53:53 of /etc/resolv.conf\n", said)
        with open(os.path.join(self.namespace.etc, "resolv.conf"), "w", encoding="utf-8") as file:
            file.write("nameserver 192.0.2.54\n")
        self.ringdns.process.wait_for("forwarding to 192.0.2.54:53 of /etc/resolv.conf")
        said = self.reload(HEAD.format("192.0.2.1"), "forwarding to 192.0.2.1:53")
        self.assertNotIn("resolv.conf", said)

    def test_options_for_the_next_start_are_named_and_kept(self):
        self.run_with(HEAD.format("192.0.2.1"))
        said = self.reload(HEAD.format("192.0.2.2") + "in-flight: { queries: 99 }\n"
                           "freebind: yes\nmax-answer: 999\n", "read again")
        self.assertIn("in-flight.queries changed: it keeps its old value", said)
        self.assertIn("freebind changed: it keeps its old value", said)
        self.assertNotIn("max-answer changed", said)
        self.assertEqual(self.status()["servers"], ["192.0.2.2:53"])

    def test_command_line_stays_over_the_file(self):
        self.run_with("max-answer: 1000\n", args=["--forward", "192.0.2.9"])
        self.reload(HEAD.format("192.0.2.2"), "read again")
        self.assertEqual(self.status()["servers"], ["192.0.2.9:53"])

    def test_many_reloads_leave_nothing_behind(self):
        """More different servers than are kept at a time."""
        self.run_with(HEAD.format("192.0.2.1"), workers=2)
        for i in range(100):
            self.reload(HEAD.format(f"192.0.2.{i + 2}, 198.51.100.{i + 2}"),
                        f"forwarding to 192.0.2.{i + 2}:53, 198.51.100.{i + 2}:53")
        self.assertEqual(self.status()["servers"], ["192.0.2.101:53", "198.51.100.101:53"])


class SystemServersTest(ReloadCase):
    def setUp(self):
        self.namespace = Namespace({"resolv.conf": "nameserver 192.0.2.1\nnameserver 127.0.0.1\n"})
        self.addCleanup(self.namespace.close)
        self.path = os.path.join(self.namespace.etc, "resolv.conf")
        self.ringdns = self.enterContext(Ringdns((), namespace=self.namespace))

    def wait_servers(self, expected):
        wait_until(lambda: self.status()["servers"] == expected, 10,
                   lambda: f"{self.status()}\n{self.ringdns.process.output()}")

    def replace(self, text):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.path + ".new", self.path)

    def test_used_without_ourselves_and_said_so(self):
        status = self.status()
        self.assertEqual(status["servers"], ["192.0.2.1:53"])
        self.assertEqual(status["servers_from"], "/etc/resolv.conf")
        self.assertRegex(self.ringdns.process.output(), "127.0.0.1 is left out: .* itself")

    def test_file_that_is_replaced_is_followed(self):
        self.replace("nameserver 192.0.2.2\n")
        self.wait_servers(["192.0.2.2:53"])
        self.replace("nameserver 192.0.2.3\nnameserver 2001:db8::3\n")
        self.wait_servers(["192.0.2.3:53", "[2001:db8::3]:53"])

    def test_link_that_is_set_is_followed(self):
        with open(self.path + ".stub", "w", encoding="utf-8") as file:
            file.write("nameserver 192.0.2.4\n")
        os.symlink("resolv.conf.stub", self.path + ".new")
        os.rename(self.path + ".new", self.path)
        self.wait_servers(["192.0.2.4:53"])
        with open(self.path + ".stub", "w", encoding="utf-8") as file:
            file.write("nameserver 192.0.2.5\n")
        self.wait_servers(["192.0.2.5:53"])

    def test_file_without_servers_keeps_the_old_ones(self):
        self.replace("# nothing\n")
        self.ringdns.process.wait_for("names no server that can be used")
        self.assertEqual(self.status()["servers"], ["192.0.2.1:53"])
        os.unlink(self.path)
        self.assertEqual(self.status()["servers"], ["192.0.2.1:53"])
        self.replace("nameserver 192.0.2.6\n")
        self.wait_servers(["192.0.2.6:53"])


class NoServersTest(unittest.TestCase):
    def test_start_without_any_server_says_what_to_do(self):
        namespace = Namespace({"resolv.conf": "nameserver 127.0.0.1\n"})
        self.addCleanup(namespace.close)
        said = Ringdns((), namespace=namespace).failed((1,))
        self.assertRegex(said, "no server to forward to.*--forward")


if __name__ == "__main__":
    unittest.main()
