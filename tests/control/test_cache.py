# SPDX-License-Identifier: BSD-2-Clause
"""The operator's commands about the cache, and the cache's way from one run to the next."""

import json
import os
import socket
import tempfile
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Send, fails, good
from support.process import run, wait_until
from support.ringdns import Ringdns, binary

SOA = wire.name("ns.example") + wire.name("admin.example") + bytes(4 * 4) + (60).to_bytes(4, "big")


def denies(arrival):
    """NXDOMAIN with an SOA."""
    return [Send(wire.reply(arrival.message, rcode=wire.NXDOMAIN,
                            authority=[wire.record("example", wire.SOA, SOA, ttl=60)]))]


def has_aaaa(arrival):
    return [Send(wire.reply(arrival.message,
                            answer=[wire.record("www.example", wire.AAAA, bytes(15) + b"\x01")]))]


class CacheCase(ForwarderCase):
    def ask(self, *command, check=True):
        return run([binary("ringdnsctl"), "-s", self.ringdns.control, "cache", *command],
                   check=check)

    def ask_json(self, *command):
        return json.loads(self.ask(*command, "--json"))

    def fill(self, *names):
        for name in names:
            self.assert_address(self.client.query(name))
        return len(self.upstream.asked())

    def entries(self):
        """The dump's lines, as words, in any order."""
        lines = self.ask("dump").splitlines()
        self.assertEqual(lines[0], "; name type kind pool flags state seconds rcode bytes")
        self.assertEqual(lines[-1], f"; {len(lines) - 2} entries")
        return sorted(line.split() for line in lines[1:-1])


class CommandsTest(CacheCase):
    def test_stats_count_hits_and_misses(self):
        self.serve(cache={"size": "64MiB"})
        self.assertIsNone(self.ask_json("stats")["hit_ratio"])
        self.fill("a.example", "a.example", "a.example", "b.example")
        stats = self.ask_json("stats")
        self.assertEqual((stats["counters"]["hits"], stats["counters"]["misses"]), (2, 2))
        self.assertEqual((stats["hit_ratio"], stats["entries"]), (0.5, 2))
        self.assertGreaterEqual(stats["bytes"], 64 << 20)
        self.assertRegex(self.ask("stats"), r"(?m)^hit_ratio +0\.5000$")

    def test_lookup_tells_every_type_and_the_records(self):
        self.serve(cache={})
        self.fill("www.example")
        self.upstream.behaviour = has_aaaa
        self.client.query("www.example", wire.AAAA, do=True)
        found = self.ask_json("lookup", "WWW.example.")
        self.assertEqual((found["name"], found["omitted"]), ("www.example.", 0))
        entries = {each["type"]: each for each in found["entries"]}
        self.assertEqual(sorted(entries), ["A", "AAAA"])
        a = entries["A"]
        self.assertEqual((a["pool"], a["kind"], a["state"], a["rcode"], a["dnssec_ok"]),
                         ("default", "answer", "fresh", "NOERROR", False))
        self.assertIn(a["seconds"], range(200, 301))
        self.assertEqual([(r["section"], r["name"], r["type"], r["data"]) for r in a["records"]],
                         [("answer", "www.example.", "A", "192.0.2.1")])
        self.assertTrue(entries["AAAA"]["dnssec_ok"])
        self.assertEqual(entries["AAAA"]["records"][0]["data"], "::1")
        self.assertRegex(self.ask("lookup", "www.example"),
                         r"A answer, pool default: fresh, \d+ s left, NOERROR, \d+ bytes\n"
                         r" +answer: www\.example\. \d+ A 192\.0\.2\.1\n")

    def test_lookup_tells_denials_and_failures(self):
        self.serve(denies, cache={})
        self.client.query("no.example")
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.client.query("bad.example")
        no, = self.ask_json("lookup", "no.example")["entries"]
        self.assertEqual((no["kind"], no["type"], no["rcode"]), ("name", "*", "NXDOMAIN"))
        self.assertIn("ns.example. admin.example. 0 0 0 0 60", no["records"][0]["data"])
        bad, = self.ask_json("lookup", "bad.example")["entries"]
        self.assertEqual((bad["kind"], bad["type"], bad["failed"], bad["records"]),
                         ("failure", "A", 1, []))

    def test_lookup_of_the_unknown(self):
        self.serve(cache={})
        self.assertEqual(self.ask("lookup", "a.example"), "nothing is known of a.example.\n")

    def test_names_are_escaped_and_may_be_typed_so(self):
        self.serve(cache={})
        self.fill(b"\x05a \x1b\n.\x07example\0")
        shown = r"a\032\027\010\..example."
        self.assertEqual([line[0] for line in self.entries()], [shown])
        self.assertEqual(len(self.ask_json("lookup", shown)["entries"]), 1)
        self.assertEqual(self.ask_json("flush", shown)["entries"], 1)

    def test_flush_forgets_one_name(self):
        self.serve(cache={})
        before = self.fill("a.example", "b.a.example")
        self.assertEqual(self.ask("flush", "A.example"), "1 entry removed: a.example.\n")
        self.assertEqual(self.fill("a.example", "b.a.example"), before + 1)

    def test_flush_of_a_suffix_forgets_what_is_below(self):
        self.serve(cache={})
        before = self.fill("a.example", "b.a.example", "ba.example")
        self.assertEqual(self.ask("flush", "a.example", "--suffix"),
                         "2 entries removed: a.example. and all below it\n")
        self.assertEqual(self.fill("a.example", "b.a.example", "ba.example"), before + 2)

    def test_flush_all_forgets_everything(self):
        self.serve(cache={}, workers=2)
        before = self.fill("a.example", "b.example")
        self.assertEqual(self.ask_json("flush-all"), {"flushed": True})
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.fill("a.example", "b.example"), before + 2)

    def test_dump_has_every_entry(self):
        self.serve(cache={})
        self.fill(*(f"n{i}.example" for i in range(300)))
        entries = self.entries()
        self.assertEqual({words[0] for words in entries}, {f"n{i}.example." for i in range(300)})
        self.assertEqual({tuple(words[1:6]) + tuple(words[7:8]) for words in entries},
                         {("A", "answer", "default", "-", "fresh", "NOERROR")})

    def test_a_dump_that_nobody_reads_holds_up_nothing(self):
        self.serve(cache={})
        self.fill(*(f"n{i}.{'x' * 60}.example" for i in range(2500)))
        idle = self.enterContext(socket.socket(socket.AF_UNIX))
        idle.connect(self.ringdns.control)
        idle.send(b"cache dump\n")
        self.assertTrue(idle.recv(1, socket.MSG_PEEK))  # it is under way, and does not end
        self.assertIn("another dump is under way", self.ask("dump", check=False))
        self.assertEqual(self.ask_json("flush", "example", "--suffix")["entries"], 2500)
        idle.close()
        wait_until(lambda: "another" not in self.ask("dump", check=False), 5, "it never ended")
        self.assertEqual(self.entries(), [])

    def test_without_a_cache_all_of_it_is_told(self):
        self.serve()
        self.assertEqual(self.ask_json("stats")["entries"], 0)
        self.assertEqual(self.entries(), [])
        self.assertEqual(self.ask_json("lookup", "a.example")["entries"], [])
        self.assertEqual(self.ask_json("flush", "a.example", "--suffix")["entries"], 0)
        self.assertTrue(self.ask_json("flush-all")["flushed"])

    def test_wrong_usage_is_told(self):
        self.serve(cache={})
        for command, said in ((("lookup",), "cache lookup takes a NAME"),
                              (("lookup", "a", "b"), "cache lookup takes one NAME"),
                              (("lookup", "a..b"), "a..b is no name; allowed: labels of 1 to 63"),
                              (("lookup", "a b"), "not printable ASCII"),
                              (("lookup", "\u00e9.example"), "not printable ASCII"),
                              (("lookup", "a", "--suffix"), "--suffix is for cache flush alone"),
                              (("dump", "--json"), "cache dump has no --json"),
                              (("flush-all", "a"), "one command at a time"),
                              (("flush-al",), "unknown command cache flush-al; there are")):
            with self.subTest(command=command):
                self.assertIn(said, self.ask(*command, check=False))


class FileTest(CacheCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.path = os.path.join(folder, "cache")
        self.options = {"file": self.path}

    def second_run(self):
        """After the first has ended."""
        self.ringdns.stop()
        self.start(self.upstream.servers, cache=self.options)

    def first_run(self):
        """How many questions went upstream in it."""
        self.serve(good, cache=self.options)
        return self.fill("a.example", "b.example")

    def test_answers_outlive_a_restart(self):
        before = self.first_run()
        self.second_run()
        self.assertEqual(self.fill("a.example", "b.example"), before)
        self.assertIn(f"2 entries of the cache loaded from {self.path}, saved ",
                      self.ringdns.process.output())

    def test_no_file_yet_is_told(self):
        self.first_run()
        self.assertIn(f"no cache was saved yet: there is no {self.path}",
                      self.ringdns.process.output())

    def test_a_broken_file_is_told_and_ignored(self):
        before = self.first_run()
        self.ringdns.stop()
        with open(self.path, "r+b") as file:
            file.seek(200)
            file.write(b"broken")
        self.start(self.upstream.servers, cache=self.options)
        self.assertIn(f"{self.path} is not loaded: its checksum does not fit: it is cut or damaged",
                      self.ringdns.process.output())
        self.assertEqual(self.fill("a.example"), before + 1)

    def test_a_foreign_file_is_left_alone(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("precious\n" * 20)
        self.first_run()
        self.assertIn(f"{self.path} is not loaded: it is not the file of a cache",
                      self.ringdns.process.output())
        self.ringdns.stop()
        self.assertIn(f"the cache is not saved to {self.path}: a file is there that is not ours",
                      self.ringdns.process.output())
        with open(self.path, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious\n" * 20)

    def test_one_that_could_not_start_leaves_the_file(self):
        self.first_run()
        self.ringdns.stop()
        with open(self.path, "rb") as file:
            before = file.read()
        Ringdns(self.upstream.servers, cache=self.options, listen=("192.0.2.1",),
                port=5353).failed()
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), before)


class ConfigTest(CacheCase):
    def test_too_small_a_cache_is_told_with_its_place(self):
        server = Ringdns([("192.0.2.1", 53)], config=b"cache:\n  size: 4096\n", workers=2)
        self.assertRegex(server.failed(expected=(2,)),
                         r"ringdns\.yaml:2:9: cache\.size: found 4096 bytes; allowed: 0, or at "
                         r"least \d+[KM]iB for 2 workers")

    def test_size_and_pages_are_told_at_start(self):
        self.serve(cache={"size": "64MiB"})
        self.assertRegex(self.ringdns.process.output(),
                         r"(?m)^cache of 64 MiB in (small|transparent huge|huge) pages$")


if __name__ == "__main__":
    unittest.main()
