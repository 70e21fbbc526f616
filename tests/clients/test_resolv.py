# SPDX-License-Identifier: BSD-2-Clause
"""Without --forward and without a file, the name servers of /etc/resolv.conf are asked; it is
watched, and entries that are Ringdns itself are left out with a warning. In a namespace, whose
/etc is a folder of the test's own and whose port 53 is free."""

import os
import unittest

from support import wire
from support.case import ForwarderCase
from support.client import Client
from support.hostile import Send, Upstream, silent
from support.netns import Namespace
from support.process import patience, wait_until
from support.ringdns import Ringdns


def server(address):
    """A behaviour: the answer is the address of the server that was asked."""
    return lambda arrival: [Send(wire.address_reply(arrival.message, address))]


class ResolvConfTest(ForwarderCase):
    def setUp(self):
        self.namespace = self.enterContext(Namespace({"resolv.conf": ""}))
        self.upstreams = {}
        for address in ("127.0.0.11", "127.0.0.12", "127.0.0.13"):
            self.upstreams[address] = self.enterContext(
                Upstream(server(address), [address], 53, self.namespace))
        self.count = 0

    def write(self, text, rename=False, name="resolv.conf"):
        path = os.path.join(self.namespace.etc, name)
        with open(path + ".new" if rename else path, "w", encoding="utf-8") as file:
            file.write(text)
        if rename:
            os.rename(path + ".new", path)

    def launch(self, **kw):
        self.ringdns = self.enterContext(Ringdns(namespace=self.namespace, **kw))
        self.client = self.enterContext(
            Client((self.ringdns.listen[0], 53), namespace=self.namespace))

    def who_answers(self, queries=12):
        """The servers that answer, of QUERIES new questions."""
        found = set()
        for _ in range(queries):
            self.count += 1
            answer = self.client.query(f"q{self.count}.resolv.example")
            found |= {".".join(str(b) for b in record.rdata) for record in answer.answer}
        return found

    def wait_for(self, *servers):
        wait_until(lambda: self.who_answers() == set(servers), patience(5),
                   lambda: self.ringdns.process.report(f"does not ask {servers} alone"))

    def test_its_name_servers_are_asked(self):
        self.write("# a comment\nsearch x.test\nnameserver 127.0.0.11\n\nnameserver\t127.0.0.12 \n"
                   "options edns0\n")
        self.launch()
        self.wait_for("127.0.0.11", "127.0.0.12")
        self.assertIn("/etc/resolv.conf", self.ringdns.process.output())

    def test_forward_goes_over_it(self):
        self.write("nameserver 127.0.0.11\n")
        self.launch(forward=[("127.0.0.12", 53)])
        self.wait_for("127.0.0.12")

    def test_changes_are_followed(self):
        """Written in place, and put in place by a rename, as different programs do."""
        self.write("nameserver 127.0.0.11\n")
        self.launch()
        self.wait_for("127.0.0.11")
        self.write("nameserver 127.0.0.12\n")
        self.wait_for("127.0.0.12")
        self.write("nameserver 127.0.0.13\n", rename=True)
        self.wait_for("127.0.0.13")
        self.write("nameserver 127.0.0.11\n", rename=True)
        self.wait_for("127.0.0.11")
        self.write("nameserver 127.0.0.12\nnameserver 127.0.0.13\n")
        self.wait_for("127.0.0.12", "127.0.0.13")

    def test_symbolic_link_is_followed(self):
        path = os.path.join(self.namespace.etc, "resolv.conf")
        self.write("nameserver 127.0.0.11\n", name="stub-resolv.conf")
        self.write("nameserver 127.0.0.12\n", name="other-resolv.conf")
        os.unlink(path)
        os.symlink("stub-resolv.conf", path)
        self.launch()
        self.wait_for("127.0.0.11")
        self.write("nameserver 127.0.0.13\n", rename=True, name="stub-resolv.conf")
        self.wait_for("127.0.0.13")
        os.symlink("other-resolv.conf", path + ".new")
        os.rename(path + ".new", path)
        self.wait_for("127.0.0.12")

    def test_entries_that_are_ourselves_are_left_out_with_a_warning(self):
        self.write("nameserver 127.0.0.1\nnameserver 127.0.0.11\n")
        self.launch()
        self.wait_for("127.0.0.11")
        self.assertRegex(self.ringdns.process.output(), r"(?i)warning.*127\.0\.0\.1\b.*itself")
        self.write("nameserver 127.0.0.12\nnameserver 127.0.0.1\n")
        self.wait_for("127.0.0.12")

    def test_wildcard_listener_is_ourselves_at_every_address(self):
        self.namespace.ip("addr add 10.99.0.1/32 dev lo")
        for upstream in self.upstreams.values():
            upstream.close()
        self.write("nameserver 10.99.0.1\nnameserver 127.0.0.1\n")
        ringdns = Ringdns(namespace=self.namespace, listen=("0.0.0.0",))
        self.addCleanup(ringdns.process.kill)
        said = ringdns.failed((1, 2))
        for address in ("10.99.0.1", "127.0.0.1"):
            self.assertRegex(said, rf"{address}.*itself".replace(".", r"\.", 3))

    def test_change_to_nothing_usable_keeps_the_servers(self):
        self.write("nameserver 127.0.0.11\n")
        self.launch()
        self.wait_for("127.0.0.11")
        said = self.ringdns.process.output()
        self.write("nameserver 127.0.0.1\n# nobody else\n")
        wait_until(lambda: len(self.ringdns.process.output()) > len(said), patience(5),
                   "nothing was said of a resolv.conf without servers")
        self.wait_for("127.0.0.11")
        self.write("nameserver 127.0.0.12\n")
        self.wait_for("127.0.0.12")

    def test_rubbish_is_left_out_with_a_warning(self):
        self.write("nameserver localhost\nnameserver 127.0.0.11\nnameserver 1.2.3.4.5\nnameserver\n"
                   "nameserver 0.0.0.0\nnameserver \x1b[31m\n")
        self.launch()
        self.wait_for("127.0.0.11")
        self.assertIn("localhost", self.ringdns.process.output())
        self.assertNotIn("\x1b", self.ringdns.process.output())

    def test_without_any_name_server_it_does_not_start(self):
        for text in ("", "nameserver 127.0.0.1\n", "search x.test\n"):
            with self.subTest(text):
                self.write(text)
                ringdns = Ringdns(namespace=self.namespace)
                self.addCleanup(ringdns.process.kill)
                self.assertRegex(ringdns.failed((1, 2)), "resolv.conf|--forward")

    def test_queries_under_way_survive_a_change(self):
        """The reply of a server that is no longer listed still counts for what it was asked."""
        new = self.upstreams["127.0.0.12"]
        self.write("nameserver 127.0.0.11\n")
        self.launch()
        self.wait_for("127.0.0.11")
        old = self.upstreams["127.0.0.11"]
        old.behaviour = lambda arrival: [
            Send(wire.address_reply(arrival.message, "127.0.0.11"), delay=1.5)]
        self.client.send(wire.query("underway.resolv.example"))
        old.wait_asked("underway.resolv.example")
        new.behaviour = silent
        self.write("nameserver 127.0.0.12\n")
        new.wait_asked("underway.resolv.example")  # retransmissions go there
        self.assert_address(self.client.answer(), "127.0.0.11")
        new.behaviour = server("127.0.0.12")
        self.wait_for("127.0.0.12")


if __name__ == "__main__":
    unittest.main()
