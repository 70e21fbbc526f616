# SPDX-License-Identifier: BSD-2-Clause
"""Upstreams that do not answer: retransmission, how much is sent, what the client is told, and how
a server that was down is found again (RFC 9520 section 3.1, RFC 8914)."""

import collections
import time
import unittest

from support import wire
from support.case import ForwarderCase
from support.hostile import Send, good, silent
from support.process import patience, wait_until
from support.ringdns import free_port

FIRST_RESEND_S = 0.4
PATIENCE_S = 4.0
JITTER_S = 0.02       # between a send and the time that Python notes
PER_SERVER = 3        # packets for a question
NO_REACHABLE, NETWORK_ERROR = 22, 23


class SilentTest(ForwarderCase):
    def assert_failed(self, answer, code):
        self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.assertEqual([each[0] for each in answer.edns.errors()], [code])
        self.assertEqual((answer.answer, answer.authority, answer.additional), ([], [], []))

    def check_packets(self, arrivals):
        """What a server saw of one question that nobody answered."""
        times = [each.time for each in arrivals]
        self.assertGreater(len(times), 1, "nothing was sent again")
        self.assertLessEqual(len(times), PER_SERVER)
        for one, two in zip(times, times[1:]):
            self.assertGreaterEqual(two - one, FIRST_RESEND_S - JITTER_S)
        keys = {(each.peer[1], each.message.id) for each in arrivals}
        self.assertEqual(len(keys), len(arrivals), "a retransmission has its own port and ID")

    def test_silence_becomes_servfail(self):
        self.serve(silent)
        start = time.monotonic()
        answer = self.client.query("silent.example", seconds=8)
        took = time.monotonic() - start
        self.assert_failed(answer, NO_REACHABLE)
        self.assertEqual(answer.qname, wire.name("silent.example"))
        self.assertGreaterEqual(took, PATIENCE_S - 0.5)
        self.assertLessEqual(took, patience(PATIENCE_S + 1))
        self.check_packets(self.upstream.asked("silent.example"))
        stats = self.ringdns.stats()
        self.assertEqual(stats["failed_timeout"], 1)
        self.assertEqual(stats["upstream_sent"], len(self.upstream.log()))
        self.assertEqual(stats["upstream_resent"], stats["upstream_sent"] - 1)
        self.assert_no_more()

    def test_no_ede_for_a_client_without_edns(self):
        self.serve(silent)
        answer = self.client.query("plain.silent.example", edns=False, seconds=8)
        self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.assertIsNone(answer.edns)

    def test_retransmission_goes_to_the_other_server(self):
        """One of two servers is silent: every question is answered by the second packet."""
        def behave(arrival):
            return good(arrival) if arrival.server == "127.0.0.1" else []

        self.serve(behave, addresses=("127.0.0.1", "127.0.0.2"))
        for i in range(12):
            self.client.send(wire.query(f"q{i}.two.example"))
        for _ in range(12):
            self.assert_address(self.client.answer())
        by_name = collections.defaultdict(list)
        for arrival in self.upstream.log():
            by_name[arrival.key[0]].append(arrival)
        resent = [arrivals for arrivals in by_name.values() if len(arrivals) > 1]
        self.assertGreater(len(resent), 0, "no question went to the silent server first")
        for arrivals in resent:
            self.assertEqual([each.server for each in arrivals], ["127.0.0.2", "127.0.0.1"])
            self.assertGreaterEqual(arrivals[1].time - arrivals[0].time, FIRST_RESEND_S - JITTER_S)

    def test_packets_for_a_question_are_bounded_with_several_servers(self):
        addresses = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        self.serve(silent, addresses=addresses)
        self.assert_failed(self.client.query("three.example", seconds=8), NO_REACHABLE)
        per_server = collections.Counter(each.server for each in self.upstream.log())
        self.assertLessEqual(max(per_server.values()), PER_SERVER)
        self.assertEqual(set(per_server), set(addresses))

    def test_closed_port_is_a_network_error(self):
        self.start([("127.0.0.1", free_port())])
        answer = self.client.query("closed.example", seconds=8)
        self.assert_failed(answer, NETWORK_ERROR)
        stats = self.ringdns.stats()
        self.assertGreaterEqual(stats["ports_errors"], 1)
        self.assertEqual(stats["failed_network"], 1)
        self.assertLessEqual(stats["upstream_sent"], PER_SERVER)

    def test_closed_port_and_one_that_answers(self):
        self.serve()
        self.ringdns.stop()
        self.start([("127.0.0.1", free_port()), self.upstream.servers[0]])
        for i in range(8):
            self.assert_address(self.client.query(f"q{i}.closed.example"))

    def test_slow_reply_is_not_lost(self):
        """Slower than the first time-outs, and within the client's patience."""
        self.serve(lambda arrival: [Send(wire.address_reply(arrival.message, "192.0.2.1"), 2.5)])
        self.assert_address(self.client.query("slow.example", seconds=8))
        self.assertLessEqual(len(self.upstream.asked("slow.example")), PER_SERVER)
        self.assert_no_more()

    def test_lost_packet_is_sent_again(self):
        self.serve(lambda arrival: good(arrival) if arrival.nth else [])
        self.assert_address(self.client.query("lost.example"))
        self.check_packets(self.upstream.asked("lost.example"))


class DownTest(ForwarderCase):
    def flood(self, prefix, seconds, rate=200):
        """Different questions at RATE for SECONDS; how many."""
        count = int(seconds * rate)
        start = time.monotonic()
        for i in range(count):
            self.client.send(wire.query(f"{prefix}{i}.down.example"))
            while time.monotonic() < start + i / rate:
                self.client.sock.settimeout(0.001)
                try:
                    self.codes[wire.parse(self.client.sock.recv(4096)).rcode] += 1
                except TimeoutError:
                    pass
        return count

    def test_servers_that_are_all_down_are_asked_at_a_bounded_rate_and_found_again(self):
        self.codes = collections.Counter()
        self.serve(silent, addresses=("127.0.0.1", "127.0.0.2"))
        for i in range(30):
            self.client.send(wire.query(f"first{i}.down.example"))
        self.ringdns.wait_stats(lambda now: now["servers_down"] >= 2 and not now["waiters"], 8)

        before = len(self.upstream.log())
        asked = self.flood("while", 2)
        self.assertEqual(set(self.codes), {wire.SERVFAIL})
        seen = len(self.upstream.log()) - before
        self.assertGreater(seen, 0, "a server that is down is still tried")
        self.assertLess(seen, asked * 0.6)
        self.assertGreater(self.ringdns.stats()["failed_down"], 0)

        self.upstream.behaviour = good
        start = time.monotonic()
        probe = self.new_client()
        wait_until(lambda: probe.query(f"again{time.monotonic_ns()}.down.example").rcode == 0, 10,
                   "the servers came back and were not used again")
        self.assertLess(time.monotonic() - start, patience(5))
        self.ringdns.wait_stats(lambda now: now["servers_up"] >= 1)

    def test_one_server_that_is_down_costs_nothing_and_is_found_again(self):
        alive = {"127.0.0.1"}
        self.serve(lambda arrival: good(arrival) if arrival.server in alive else [],
                   addresses=("127.0.0.1", "127.0.0.2"))
        for i in range(60):
            self.client.send(wire.query(f"first{i}.down.example"))
        for _ in range(60):
            self.assert_address(self.client.answer())
        self.ringdns.wait_stats(lambda now: now["servers_down"] == 1)
        before = self.ringdns.stats()["upstream_resent"]
        for i in range(100):
            self.assert_address(self.client.query(f"second{i}.down.example"))
        # Copies that look for its return are allowed, waiting for it is not.
        self.assertLess(self.ringdns.stats()["upstream_resent"] - before, 20)

        alive.add("127.0.0.2")
        alive.discard("127.0.0.1")
        answered = []

        def back():
            name = f"third{len(answered)}.down.example"
            answered.append(self.client.query(name, seconds=8).rcode)
            return self.ringdns.stats()["servers_up"] >= 1
        wait_until(back, 15, "the second server came back and was not found")
        self.assertLess(answered.count(wire.SERVFAIL), 10)


if __name__ == "__main__":
    unittest.main()
