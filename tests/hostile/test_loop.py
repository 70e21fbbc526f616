# SPDX-License-Identifier: BSD-2-Clause
"""Forwarding loops: an upstream that is our own listener is refused at start; a probe finds longer
loops, and until it has, a budget of messages and one resolution per question keep them quiet."""

import json
import time
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Upstream, good
from support.process import patience, run, wait_until
from support.relay import Relay
from support.ringdns import Ringdns, binary, endpoint, free_port

PROBING = {"loop-probe": True}
PATIENCE_S = 4.5
ATTEMPTS = 6   # messages for a question
AGAIN_S = 5    # between probes of a server that is looping


def states(ringdns):
    """The state of every upstream, by its address."""
    text = run([binary("ringdnsctl"), "-s", ringdns.control, "upstreams", "--json"])
    return {each["address"]: each["state"] for each in json.loads(text)["upstreams"]}


class OwnListenerTest(unittest.TestCase):
    """An upstream that is our own listener is refused at start, and the message says why."""

    def assert_refused(self, forward=(), **kw):
        ringdns = Ringdns(forward, **kw)
        self.addCleanup(ringdns.process.kill)
        self.assertRegex(ringdns.failed((1, 2)), r"this forwarder itself.*loop")

    def test_the_very_address(self):
        port = free_port(("127.0.0.1", "::1"))
        for address in ("127.0.0.1", "::1"):
            with self.subTest(address):
                self.assert_refused([(address, port)], listen=(address,), port=port)

    def test_an_address_of_a_wildcard(self):
        for listen, address in (("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.7.7.7"), ("::", "::1")):
            with self.subTest(listen=listen, address=address):
                port = free_port((listen,))
                self.assert_refused([(address, port)], listen=(listen,), port=port)

    def test_one_server_of_many_in_another_pool(self):
        port = free_port()
        pools = {"default": {"servers": ["192.0.2.1"]},
                 "inner": {"servers": ["192.0.2.2", endpoint("127.0.0.1", port)]}}
        routes = {"corp.example": "inner"}
        self.assert_refused(port=port, config={"upstreams": pools, "routes": routes})


class LoopCase(ForwarderCase):
    def wait_state(self, ringdns, server, state, seconds=5):
        wait_until(lambda: states(ringdns)[endpoint(*server)] == state, patience(seconds),
                   lambda: f"{states(ringdns)}, never {state}")


class RelayTest(LoopCase):
    """We ask a forwarder that asks us."""

    def start_before(self, *others):
        """A relay that leads back here."""
        self.relay = self.enterContext(Relay())
        port = free_port()
        self.relay.target = ("127.0.0.1", port)
        self.start([self.relay.server, *others], port=port, config=PROBING)

    def test_loop_is_found_and_not_asked(self):
        for io in ("uring", "syscall"):
            with self.subTest(io=io):
                relay = self.enterContext(Relay())
                port = free_port()
                relay.target = ("127.0.0.1", port)
                self.start([relay.server], port=port, config=PROBING, io=io)
                self.wait_state(self.ringdns, relay.server, "looping")
                before = relay.passed
                for i in range(50):
                    answer = self.client.query(f"q{i}.loop.example")
                    self.assertEqual(answer.rcode, wire.SERVFAIL)
                    self.assertEqual(len(answer.edns.errors()), 1)
                stats = self.ringdns.stats()
                self.assertEqual((stats["failed_loop"], stats["servers_looping"]), (50, 1))
                self.assertLessEqual(relay.passed - before, 2)  # probes may be among them
                self.ringdns.stop()

    def test_loop_beside_a_good_server(self):
        upstream = self.enterContext(Upstream(good))
        self.start_before(*upstream.servers)
        self.wait_state(self.ringdns, self.relay.server, "looping")
        before = self.relay.passed
        for i in range(50):
            self.assert_address(self.client.query(f"q{i}.loop.example"))
        self.assertLessEqual(self.relay.passed - before, 2)
        self.assertEqual(states(self.ringdns)[endpoint(*upstream.servers[0])], "up")

    def test_loop_that_is_mended(self):
        self.start_before()
        self.wait_state(self.ringdns, self.relay.server, "looping")
        upstream = self.enterContext(Upstream(good))
        self.relay.target = upstream.servers[0]
        start = time.monotonic()
        self.wait_state(self.ringdns, self.relay.server, "up", 2 * AGAIN_S)
        print(f"looping for {time.monotonic() - start:.2f} s more")
        self.assert_address(self.client.query("mended.loop.example"))

    def test_loop_before_it_is_found_is_no_storm(self):
        """Without probes: each question costs its budget, and ends as any that is not answered."""
        relay = self.enterContext(Relay())
        port = free_port()
        relay.target = ("127.0.0.1", port)
        self.start([relay.server], port=port)
        clients = self.clients(10)
        start = time.monotonic()
        for i, client in enumerate(clients):
            client.send(wire.query(f"q{i}.storm.example"))
        for client in clients:
            self.assertEqual(client.answer(8).rcode, wire.SERVFAIL)
        print(f"SERVFAIL after {time.monotonic() - start:.2f} s, {relay.passed} messages")
        self.assertLess(time.monotonic() - start, patience(PATIENCE_S))
        self.ringdns.wait_quiet(8)
        self.assertLessEqual(relay.passed, len(clients) * ATTEMPTS)

    def test_probe_of_another_is_no_loop_of_ours(self):
        """Whoever asks us for the name of a probe that is not ours learns and changes nothing."""
        upstream = self.enterContext(Upstream(good))
        self.start(upstream.servers, config=PROBING)
        upstream.wait(lambda: upstream.probes)
        for label in ("0123456789abcdef", "0" * 16, "f" * 15, "0123456789ABCDEG"):
            self.client.query(f"{label}.loop-probe.ringdns", wire.TXT)
        self.assertEqual(set(states(self.ringdns).values()), {"up"})
        self.assert_address(self.client.query("after.loop.example"))


class TwoTest(LoopCase):
    """Two of us pointed at each other."""

    def pair(self, config):
        """The first, the second, in the order of their start."""
        ports = free_port(), free_port()
        return [self.enterContext(Ringdns([("127.0.0.1", theirs)], port=ours, config=config))
                for ours, theirs in (ports, ports[::-1])]

    def check(self, one, two):
        """No storm: packets are bounded, SERVFAIL comes soon."""
        before = [each.stats()["upstream_sent"] for each in (one, two)]
        start = time.monotonic()
        for number, ringdns in enumerate((one, two)):
            self.ringdns = ringdns
            clients = self.clients(10)
            for i, client in enumerate(clients):
                client.send(wire.query(f"q{i}.two{number}.example"))
            for client in clients:
                self.assertEqual(client.answer(8).rcode, wire.SERVFAIL)
        took = time.monotonic() - start
        sent = [each.wait_quiet(8)["upstream_sent"] - old for each, old in zip((one, two), before)]
        print(f"SERVFAIL after {took:.2f} s, {sent} messages")
        self.assertLess(took, patience(2 * PATIENCE_S))
        self.assertLessEqual(sum(sent), 20 * 2 * ATTEMPTS + 20)  # some probes of health

    def test_no_storm_before_it_is_found(self):
        self.check(*self.pair({"loop-probe": False}))

    def test_loop_is_found(self):
        one, two = self.pair(PROBING)
        self.wait_state(two, ("127.0.0.1", one.port), "looping")
        self.check(one, two)


if __name__ == "__main__":
    unittest.main()
