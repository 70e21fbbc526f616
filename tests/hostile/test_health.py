# SPDX-License-Identifier: BSD-2-Clause
"""Servers that fail, each or all of them: what their clients notice, who is asked meanwhile, and
how soon a server that is well again is used."""

import json
import time
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Upstream, fails, good, silent
from support.process import patience, run, wait_until
from support.ringdns import binary, endpoint

A, B = "127.0.0.1", "127.0.0.2"
ROOT = b"\0"
PATIENCE_S = 4.5
PROBE_S = 0.5            # between probes of a server that is down
FAILURES_DEGRADED = 16   # of different suffixes
NO_REACHABLE, NETWORK_ERROR = 22, 23


class HealthCase(ForwarderCase):
    def upstreams(self):
        """What ringdnsctl says of each, by its address."""
        text = run([binary("ringdnsctl"), "-s", self.ringdns.control, "upstreams", "--json"])
        return {each["address"]: each for each in json.loads(text)["upstreams"]}

    def state(self, address):
        return self.upstreams()[endpoint(address, self.upstream.port)]["state"]

    def wait_state(self, address, state, seconds=8):
        wait_until(lambda: self.state(address) == state, patience(seconds),
                   lambda: f"{address} is {self.state(address)}, never {state}")

    def seen_by(self, address):
        return len([each for each in self.upstream.log() if each.server == address])


class DegradedTest(HealthCase):
    """An upstream that says SERVFAIL to everything, beside a healthy one."""

    def serve_one_bad(self, bad=fails(wire.SERVFAIL), **kw):
        self.serve(lambda arrival: bad(arrival) if arrival.server == A else good(arrival),
                   addresses=(A, B), **kw)

    def ask(self, prefix, count, suffix="s{}.example"):
        """COUNT questions, one after the other; each client gets the healthy server's answer."""
        for i in range(count):
            name = f"{prefix}{i}." + suffix.format(i)
            self.assert_address(self.client.query(name))

    def test_every_client_is_answered_and_the_bad_one_sees_little(self):
        for rcode in (wire.SERVFAIL, wire.REFUSED):
            for io in ("uring", "syscall"):
                with self.subTest(rcode=rcode, io=io):
                    self.serve_one_bad(fails(rcode), io=io)
                    self.ask("q", 1000, "s{}-example")
                    stats = self.ringdns.stats()
                    self.assertEqual(stats["answers_servfail"], 0)
                    self.assertGreaterEqual(stats["servers_degraded"], 1)
                    # Sixteen until it is degraded; four for each trial, and trials are seconds
                    # apart.
                    self.assertIn(self.seen_by(A), range(FAILURES_DEGRADED, 100))
                    self.assertGreaterEqual(self.seen_by(B), 1000)

    def test_degraded_is_told(self):
        self.serve_one_bad()
        wait_until(lambda: self.ask("q", 50, f"{time.monotonic_ns()}-{{}}") or
                   self.state(A) == "degraded", patience(5), lambda: self.state(A))
        self.assertEqual(self.state(B), "up")

    def test_one_bad_domain_degrades_nobody(self):
        """SERVFAIL for all names below one suffix speaks against that suffix."""
        self.serve_one_bad(pool={"policy": "spread"})
        self.ask("q", 300, "one.example")
        self.assertEqual(self.ringdns.stats()["servers_degraded"], 0)
        self.assertEqual(self.state(A), "up")
        self.assertGreater(self.seen_by(A), FAILURES_DEGRADED)

    def test_both_degraded_are_still_asked(self):
        """There is nobody better: every question is asked, of both."""
        self.serve(fails(wire.SERVFAIL), addresses=(A, B))
        for i in range(40):
            self.assertEqual(self.client.query(f"q{i}.s{i}-example").rcode, wire.SERVFAIL)
        self.assertEqual({self.state(A), self.state(B)}, {"degraded"})
        self.upstream.behaviour = good
        self.ask("then", 20, "t{}-example")

    def test_degraded_server_that_is_well_again_is_used_again(self):
        self.serve_one_bad()
        self.ask("q", 200, "s{}-example")
        self.upstream.behaviour = good
        before, start = self.seen_by(A), time.monotonic()
        wait_until(lambda: self.ask("w", 20) or self.seen_by(A) > before + FAILURES_DEGRADED,
                   patience(8), "it was not used again")
        print(f"used again after {time.monotonic() - start:.2f} s")
        self.wait_state(A, "up")


class AllDownTest(HealthCase):
    """No upstream replies: SERVFAIL in time, then at once; and service comes back by itself."""

    def take_down(self, code):
        """Until all servers are known to be down. Everybody was told, in time."""
        start = time.monotonic()
        for i in range(30):
            self.client.send(wire.query(f"q{i}.down.example"))
        for _ in range(30):
            answer = self.client.answer(8)
            self.assertEqual(answer.rcode, wire.SERVFAIL)
            self.assertIn([each[0] for each in answer.edns.errors()], code)
        took = time.monotonic() - start
        print(f"SERVFAIL after {took:.2f} s")
        self.assertLess(took, patience(PATIENCE_S))
        for address in (A, B):
            self.wait_state(address, "down")

    def assert_told_at_once(self):
        """All but the few questions that go to a server in the hope that it is back."""
        before = self.ringdns.stats()["failed_down"]
        start = time.monotonic()
        client = self.new_client()
        for i in range(100):
            client.send(wire.query(f"once{i}.down.example"))
        for _ in range(90):
            answer = client.answer(1)
            self.assertEqual(answer.rcode, wire.SERVFAIL)
            self.assertEqual([each[0] for each in answer.edns.errors()], [NO_REACHABLE])
        print(f"90 of 100 told after {(time.monotonic() - start) * 1000:.0f} ms")
        self.assertGreaterEqual(self.ringdns.stats()["failed_down"] - before, 90)

    def assert_comes_back(self, restart):
        """RESTART lets the servers reply again. They are in use before the third probe of one."""
        client = self.new_client()
        restart()
        start = time.monotonic()
        wait_until(lambda: client.query(f"back{time.monotonic_ns()}.down.example",
                                        seconds=8).rcode == wire.NOERROR,
                   patience(5), "not used again")
        print(f"back after {(time.monotonic() - start) * 1000:.0f} ms")
        probes = [each.server for each in self.upstream.log()
                  if each.message.qname == ROOT and each.time >= start]
        self.assertLessEqual(max(map(probes.count, (A, B))), 2)
        for address in (A, B):
            self.wait_state(address, "up")
        self.assertEqual(self.ringdns.stats()["servers_up"], 2)

    def test_silent_servers(self):
        for io in ("uring", "syscall"):
            with self.subTest(io=io):
                self.serve(silent, addresses=(A, B), io=io)
                self.take_down([[NO_REACHABLE]])
                self.assert_told_at_once()
                self.assert_comes_back(lambda: setattr(self.upstream, "behaviour", good))
                self.ringdns.stop()

    def test_servers_that_are_not_there(self):
        """Their ports are closed; then they are started."""
        def restart():
            self.upstream = self.enterContext(Upstream(good, (A, B), self.upstream.port))

        for io in ("uring", "syscall"):
            with self.subTest(io=io):
                self.serve(good, addresses=(A, B), io=io)
                self.upstream.close()
                self.take_down([[NETWORK_ERROR], [NO_REACHABLE]])
                self.assert_told_at_once()
                self.assert_comes_back(restart)
                self.ringdns.stop()

    def test_server_that_is_down_sees_a_bounded_rate(self):
        """One probe per half a second, and twenty questions a second, from the whole process."""
        self.serve(silent, addresses=(A, B), workers=2)
        self.take_down([[NO_REACHABLE]])
        self.ringdns.wait_stats(lambda now: not now["waiters"], 8)
        before, start = len(self.upstream.log()), time.monotonic()
        clients = self.clients(20)
        while time.monotonic() < start + 1:
            for client in clients:
                client.send(wire.query(f"r{time.monotonic_ns()}.down.example"))
            self.ringdns.stats()
        seen, took = len(self.upstream.log()) - before, time.monotonic() - start
        print(f"{seen} messages in {took:.2f} s")
        # Both servers have a rate of their own; a question that is sent is not sent again sooner.
        self.assertLessEqual(seen, 2 * (took + PROBE_S) * (1 / PROBE_S + 20))
        self.assertGreater(seen, 0)


if __name__ == "__main__":
    unittest.main()
