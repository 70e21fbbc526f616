# SPDX-License-Identifier: BSD-2-Clause
"""After a flush nothing from before is answered, also not what was under way when it was flushed;
and flushes and reloads in a loop harm nobody."""

import signal
import threading
import unittest

from support import dnsperf, wire
from support.cache_case import ADDRESS, CacheCase, addresses, any_type, by_name, denial
from support.hostile import fails, silent
from support.process import patience, run, scaled, wait_until
from support.ringdns import binary

OLD, NEW = ADDRESS, "192.0.2.2"
LOOPS = 30


class FlushCase(CacheCase):
    def control(self, *words):
        return run([binary("ringdnsctl"), "-s", self.ringdns.control, "cache", *words])

    def new_answers(self, *names, **kw):
        """They are asked for again, and are NEW."""
        for name in names:
            self.assert_address(self.from_upstream(name, **kw), NEW)

    def old_answers(self, *names, **kw):
        for name in names:
            self.assert_address(self.from_cache(name, **kw), OLD)


class FlushTest(FlushCase):
    def fill(self, *names, **kw):
        self.serve(addresses(address=OLD), **kw)
        for name in names:
            self.assert_address(self.client.query(name), OLD)
        self.upstream.behaviour = addresses(address=NEW)
        self.old_answers(*names)

    def test_flush_of_a_name(self):
        """That name alone, however it is spelled; not what is above, below or beside it."""
        others = ("example", "a.www.example", "ww.example", "www.example2")
        self.fill("www.example", *others)
        self.control("flush", "WWW.example.")
        self.new_answers("www.example")
        self.old_answers(*others)

    def test_flush_of_a_name_with_odd_bytes(self):
        names = [f"{each}.example" for each in ("a\\000b", "a\\.b", "a.b", "a\\255b", "a")]
        self.fill(*names)
        self.control("flush", names[0])
        self.new_answers(names[0])
        self.old_answers(*names[1:])
        self.control("flush", names[1])
        self.new_answers(names[1])
        self.old_answers(*names[2:])

    def test_flush_of_a_name_is_of_all_types_flags_denials_and_failures(self):
        self.serve(by_name({"gone": denial(), "bad": fails(wire.SERVFAIL)}))
        asks = [("www.example", wire.A, {}), ("www.example", wire.TXT, {}),
                ("www.example", wire.A, {"do": True}),
                ("www.example", wire.A, {"flags": wire.RD | wire.CD}),
                ("gone.example", wire.AAAA, {}), ("bad.example", wire.A, {})]
        for name, qtype, kw in asks:
            self.client.query(name, qtype, **kw)
        self.upstream.behaviour = any_type
        for name in ("www.example", "gone.example", "bad.example"):
            self.control("flush", name)
        for name, qtype, kw in asks:
            with self.subTest(name, qtype=qtype, **kw):
                answer = self.from_upstream(name, qtype, **kw)
                self.assertEqual((answer.rcode, len(answer.answer)), (wire.NOERROR, 1))

    def test_flush_of_a_suffix(self):
        flushed = ("corp.example", "www.corp.example", "a.b.CORP.example")
        others = ("example", "xcorp.example", "corp.example2", "corp")
        self.fill(*flushed, *others)
        self.control("flush", "corp.example", "--suffix")
        self.new_answers(*flushed)
        self.old_answers(*others)

    def test_flush_of_all(self):
        names = ("www.example", "a.net", ".")
        for _ in range(2):
            self.fill(*names, workers=2)
            self.control("flush-all")
            self.new_answers(*names)
            for name in names:
                self.assert_address(self.from_cache(name), NEW)
            self.ringdns.stop()

    def test_flushed_answers_are_not_stale_ones(self):
        self.fill("www.example")
        self.control("flush", "www.example")
        self.upstream.behaviour = fails(wire.SERVFAIL)
        self.assert_failed(self.client.query("www.example"), 22)


class UnderWayTest(FlushCase):
    """The question has been sent when the flush comes; the reply comes after it."""

    def check(self, *words, kept=False):
        self.serve(silent)
        self.client.send(wire.query("www.corp.example"))
        arrival = self.upstream.wait_asked("www.corp.example")[0]
        self.control(*words)
        self.upstream.send(wire.address_reply(arrival.message, OLD), arrival.peer)
        self.assert_address(self.client.answer(), OLD)
        self.upstream.behaviour = addresses(address=NEW)
        if kept:
            self.old_answers("www.corp.example")
            return
        self.assertEqual(self.ringdns.stats()["cache_refused_flushed"], 1)
        self.new_answers("www.corp.example")
        self.assert_address(self.from_cache("www.corp.example"), NEW)

    def test_under_way_when_its_name_is_flushed(self):
        self.check("flush", "www.corp.example")

    def test_under_way_when_its_suffix_is_flushed(self):
        self.check("flush", "corp.example", "--suffix")

    def test_under_way_when_all_is_flushed(self):
        self.check("flush-all")

    def test_under_way_at_any_other_time(self):
        self.check("stats", kept=True)


class LoopTest(FlushCase):
    def test_flush_and_reload_in_a_loop_under_load(self):
        """Every query is answered, and never with what was flushed before it was asked."""
        self.serve(addresses(address=OLD), workers=2, config={"receive-buffer": "16MiB"})
        lines = dnsperf.names(200) * scaled(250)
        results = []
        load = threading.Thread(target=lambda: results.append(dnsperf.load(
            ("127.0.0.1", self.ringdns.port), lines, clients=8, outstanding=100,
            rate=scaled(10000))))
        load.start()
        try:
            for i in range(LOOPS):
                self.upstream.behaviour = addresses(address=f"198.51.100.{i}")
                self.control(*(("flush-all",), ("flush", "example", "--suffix"),
                               ("flush", "7.wild.example"))[i % 3])
                answer = self.client.query("7.wild.example")
                self.assert_address(answer, f"198.51.100.{i}")
                self.ringdns.process.signal(signal.SIGHUP)
        finally:
            load.join()
        result, = results
        self.assertEqual((result.lost, result.rcodes), (0, {"NOERROR": result.sent}))
        wait_until(lambda: self.ringdns.process.output().count("was read again") >= LOOPS // 3,
                   patience(10), lambda: self.ringdns.process.report("does not reload"))
        self.assertGreater(self.ringdns.stats()["cache_hits"], 0)


if __name__ == "__main__":
    unittest.main()
