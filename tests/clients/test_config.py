# SPDX-License-Identifier: BSD-2-Clause
"""Files that are wrong, each in its own way: exit status 2, every error with file, line and column,
what was found and what is allowed; and nothing is served."""

import socket
import tempfile
import unittest

from support.case import ForwarderCase
from support.process import run
from support.ringdns import Ringdns, binary, free_port

HEAD = "workers: 1\nupstreams:\n  default: { servers: [127.0.0.1:9] }\n"  # three good lines
# title: (what follows HEAD, the line of the error, what the message must say)
BROKEN = {
    "an unknown option": ("cashe: { size: 1GiB }\n", 4, ("cashe",)),
    "an unknown option within another": ("access:\n  deny: [10.0.0.0/8]\n", 5, ("deny", "allow")),
    "a list that is not closed": ("listen: [127.0.0.1:5300\n", None, ()),
    "a tab for a space": ("access:\n\tallow: [127.0.0.1]\n", 5, ("tab",)),
    "a map for a number": ("max-answer: { a: 1 }\n", 4, ("max-answer",)),
    "a list for a number": ("max-answer: [512]\n", 4, ("max-answer",)),
    "a number for a map": ("access: 3\n", 4, ("access",)),
    "no number": ("in-flight: { queries: many }\n", 4, ("in-flight.queries", "many", "16")),
    "a number that is too small": ("in-flight: { queries: 15 }\n", 4,
                                   ("in-flight.queries", "15", "16", "1048576")),
    "a number that is too large": ("max-answer: 5000\n", 4, ("max-answer", "512", "4KiB")),
    "a number beyond all": ("max-answer: 99999999999999999999\n", 4, ("max-answer",)),
    "a negative number": ("in-flight: { waiters: -5 }\n", 4, ("in-flight.waiters",)),
    "an unknown unit": ("receive-buffer: 4XB\n", 4, ("receive-buffer", "4XB")),
    "neither yes nor no": ("freebind: maybe\n", 4, ("freebind", "maybe", "yes", "no")),
    "no such back end": ("io: magic\n", 4, ("magic", "uring", "syscall")),
    "a host name for an address": ("listen: [localhost]\n", 4, ("localhost",)),
    "an address of five parts": ("listen: [127.0.0.1.1:53]\n", 4, ("127.0.0.1.1",)),
    "a port that is too high": ("listen: [127.0.0.1:70000]\n", 4, ("70000",)),
    "IPv6 without brackets": ("listen: [\"::1:53x\"]\n", 4, ("::1:53x",)),
    "a prefix that is too long": ("access: { allow: [10.0.0.0/33] }\n", 4, ("10.0.0.0/33",)),
    "an empty list of listeners": ("listen: []\n", 4, ("listen",)),
    "a range that goes backwards": ("ports: { avoid: [60000-50000] }\n", 4, ("60000-50000",)),
    "a text that is too long": ("identity: { nsid: " + "x" * 65 + " }\n", 4, ("64",)),
    "a text with a control character": ("identity: { nsid: \"a\\x07b\" }\n", 4, ("identity.nsid",)),
    "an option twice": ("io: auto\nio: syscall\n", 5, ("io",)),
    "a second document": ("---\nio: auto\n", None, ()),
    "an anchor and an alias": ("access: &a { allow: [127.0.0.1] }\nio: *a\n", None, ()),
    "bytes that are no UTF-8": (b"identity: { nsid: \"\xff\xfe\" }\n", 4, ()),
    "a file that is a list": (b"REPLACE- io: auto\n", 1, ()),
    "a file of one word": (b"REPLACEauto\n", 1, ()),
    "a pool that nothing leads to": ("  corp: { servers: [127.0.0.1:9] }\n", 4,
                                     ("upstreams.corp", "no route leads to it", "default")),
    "a route to a pool that is not there": ("routes: { x.test: defualt }\n", 4,
                                            ("defualt", "is default meant", "one of the pools")),
    "a route for no name": ("routes: { a..test: default }\n", 4, ("a..test",)),
    "a route for a wildcard": ("routes: { \"*.test\": default }\n", 4, ("is test meant",)),
    "a route off the octet boundary": ("routes: { 10.0.0.0/9: default }\n", 4, ("octet",)),
    "a route off the nibble boundary": ("routes: { \"2001:db8::/33\": default }\n", 4, ("nibble",)),
    "a route twice": ("routes:\n  x.test: default\n  X.test.: default\n", 6, ("second time",)),
    "routes that are no map": ("routes: [x.test]\n", 4, ("routes", "a list", "a map")),
    "a pool without servers": ("  corp: { policy: hash }\nroutes: { x.test: corp }\n", 4,
                               ("upstreams.corp.servers", "no entry")),
    "a pool whose name is none": ("  c/d: { servers: [127.0.0.1:9] }\n", 4, ("c/d", "letters")),
    "a pool twice": ("  default: { servers: [127.0.0.1:9] }\n", 4,
                     ("upstreams.default", "second time")),
    "an unknown key of a server": (
        b"REPLACEupstreams:\n  default: { servers: [{ adress: 127.0.0.1 }] }\n", 2,
        ("upstreams.default.servers[0].adress", "is address meant")),
    "a weight that is too large": (
        b"REPLACEupstreams:\n  default: { servers: [{ address: 127.0.0.1, weight: 101 }] }\n", 2,
        ("upstreams.default.servers[0].weight", "101", "1 to 100")),
    "a server twice": (
        b"REPLACEupstreams:\n  default: { servers: [127.0.0.1, { address: 127.0.0.1 }] }\n", 2,
        ("127.0.0.1:53", "second time")),
    "a source with a port": ("  x: { servers: [127.0.0.1:9], source: 127.0.0.1:53 }\n"
                             "routes: { x.test: x }\n", 4, ("upstreams.x.source", "no port")),
    "a source of another family": ("  x: { servers: [127.0.0.1:9], source: \"::1\" }\n"
                                   "routes: { x.test: x }\n", 4, ("upstreams.x.source", "IPv6")),
    "an unknown policy": ("  x: { servers: [127.0.0.1:9], policy: roundrobin }\n"
                          "routes: { x.test: x }\n", 4, ("fastest, ordered, spread or hash",)),
    "a time without a unit": ("tcp: { idle: 10 }\n", 4, ("tcp.idle", "unit", "1s to 10m")),
    "a time that is too long": ("tcp: { message: 1h }\n", 4, ("tcp.message", "1h", "1m")),
    "a pool with an empty list": (b"REPLACEupstreams:\n  default: { servers: [] }\n", 2,
                                  ("servers",)),
    "an unknown option of a pool": (
        b"REPLACEupstreams:\n  default: { servers: [127.0.0.1:9], fast: yes }\n", 2, ("fast",)),
}


class ConfigTest(ForwarderCase):
    def refuse(self, content, port):
        """Starts with CONTENT as its file: status 2, and nothing was served. What it said."""
        ringdns = Ringdns((), config=content, port=port, workers=None, io=None)
        self.addCleanup(ringdns.process.kill)
        said = ringdns.failed((2,))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", port))
        self.assertNotIn("ready", said)
        return said, ringdns.file

    def test_each_error_is_told_with_its_place(self):
        port = free_port()
        for title, (text, line, words) in BROKEN.items():
            with self.subTest(title):
                content = text.encode() if isinstance(text, str) else text
                content = content[7:] if content.startswith(b"REPLACE") else HEAD.encode() + content
                said, path = self.refuse(content, port)
                where = r"\d+" if line is None else str(line)
                self.assertRegex(said, rf"{path}:{where}:\d+: ")
                self.assertIn("allowed", said)
                for word in words:
                    self.assertIn(word, said)

    def test_all_errors_are_told_at_once(self):
        said, path = self.refuse(
            HEAD.encode() + b"io: magic\nfreebind: maybe\ncashe: 1\nmax-answer: 7\n", free_port())
        for line in (4, 5, 6, 7):
            self.assertRegex(said, rf"{path}:{line}:\d+: ")

    def test_what_is_no_file(self):
        for path in ("/", "/nonexistent/x.yaml"):
            with self.subTest(path):
                said = run([binary(), "--check-config", "-c", path], check=False)
                self.assertIn(path, said)

    def test_file_that_is_too_large(self):
        said, path = self.refuse(b"# x\n" * 300_000, free_port())
        self.assertIn(path, said)

    def test_names_in_errors_are_escaped(self):
        said, _ = self.refuse(HEAD.encode() + b"\"a\\x1b[31mb\\nc\": 1\n", free_port())
        self.assertNotIn("\x1b", said)

    def test_check_config_says_the_same_and_serves_nothing(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(HEAD + "io: magic\n")
            file.flush()
            said = run([binary(), "--check-config", "-c", file.name], check=False)
        self.assertRegex(said, rf"{file.name}:4:\d+: ")

    def test_check_config_tells_of_each_pool(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(HEAD +
                       "  corp: { servers: [192.0.2.1, { address: \"2001:db8::1\", tier: 1 }] }\n"
                       "routes: { corp.test: corp, 10.0.0.0/8: corp, x.corp.test: default }\n")
            file.flush()
            said = run([binary(), "--check-config", "-c", file.name])
            self.assertEqual(said.splitlines()[1:], [
                "pool default: 127.0.0.1:9, from the configuration; 1 route, and all other names",
                "pool corp: 192.0.2.1:53, [2001:db8::1]:53; 2 routes"])
            said = run([binary(), "--check-config", "-c", file.name, "--forward", "192.0.2.9"])
            self.assertIn("pool default: 192.0.2.9:53, from the command line; 1 route", said)

    def test_pools_and_routes_are_dumped_as_they_are_read(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("routes: { Corp.Test: corp, 10.0.0.0/8: corp }\n"
                       "upstreams: { corp: { servers: [{ address: 192.0.2.1, weight: 2 }] } }\n")
            file.flush()
            dump = run([binary(), "--dump-config", "-c", file.name])
        for line in ('routes:\n  "corp.test.": "corp"\n  "10.in-addr.arpa.": "corp"\n',
                     '      - { address: "192.0.2.1:53", weight: 2 }\n',
                     "# upstreams.default: the name servers of /etc/resolv.conf\n"):
            self.assertIn(line, dump)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(dump)
            file.flush()
            self.assertEqual(run([binary(), "--dump-config", "-c", file.name]), dump)

    def test_good_file_is_used(self):
        self.serve(pool={"trust-ad": False}, config={
            "receive-buffer": "1MiB", "max-answer": 1000, "access": {"allow": ["127.0.0.0/8"]},
            "in-flight": {"queries": 100, "waiters": 200}, "ports": {"per-upstream": 16}})
        answer = self.client.query("good.config.example")
        self.assert_address(answer)
        self.assertEqual(answer.edns.size, 1000)


if __name__ == "__main__":
    unittest.main()
