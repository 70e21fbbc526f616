# SPDX-License-Identifier: BSD-2-Clause
"""Failures are remembered (RFC 9520 section 3.1): whoever asks meanwhile is told so at once, and
nothing goes upstream; what failed because of ourselves is not. And what is known is given while no
question can be asked."""

import time
import unittest

from support import wire
from support.cache_case import (ADDRESS, CACHED_ERROR, CacheCase, addresses, any_type, by_name,
                                denial)
from support.hostile import fails, good, silent
from support.process import patience, wait_until

PER_SERVER = 3       # packets for one question (RFC 9520 section 3.1)
REMEMBERED_S = 5
COARSE_S = 0.2       # between the worker's time of a turn and the test's
NO_REACHABLE = 22
ASKS = 1000


class RememberedTest(CacheCase):
    def fill(self, behaviour, qname="bad.example", **kw):
        """The failure, as the one gets it who causes it."""
        self.serve(behaviour, **kw)
        answer = self.client.query(qname, seconds=8)
        self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.ringdns.wait_quiet()
        return answer

    def assert_remembered(self, qname="bad.example", qtype=wire.A, **kw):
        answer = self.from_cache(qname, qtype, kind="cache_hits_failure", **kw)
        self.assert_failed(answer, CACHED_ERROR)
        return answer

    def test_silent_upstream_and_a_thousand_asks(self):
        """What one costs is all that they cost."""
        first = self.fill(silent)
        self.assert_failed(first, NO_REACHABLE)
        packets = len(self.upstream.log())
        self.assertLessEqual(packets, PER_SERVER)
        for i in range(ASKS):
            self.client.send(wire.query("bad.example", ident=i))
            self.assert_failed(self.client.answer(), CACHED_ERROR)
        self.assertEqual(len(self.upstream.log()), packets)
        self.assertEqual(self.ringdns.stats()["cache_hits_failure"], ASKS)

    def test_silent_servers_at_most_3_packets_each(self):
        addresses4 = tuple(f"127.0.0.{i}" for i in range(1, 5))
        self.fill(silent, addresses=addresses4)
        for address in addresses4:
            count = sum(each.server == address for each in self.upstream.log())
            self.assertLessEqual(count, PER_SERVER)
        self.assert_remembered()

    def test_failing_upstream_by_each_rcode(self):
        for rcode in (wire.SERVFAIL, wire.REFUSED, wire.NOTIMP):
            with self.subTest(rcode=rcode):
                self.fill(fails(rcode))
                self.assertLessEqual(len(self.upstream.log()), PER_SERVER)
                self.assert_remembered()
                self.ringdns.stop()

    def test_clients_without_edns_get_no_extended_error(self):
        self.fill(fails(wire.SERVFAIL))
        self.assertIsNone(self.assert_remembered(edns=False).edns)

    def test_failure_carries_no_ad(self):
        self.fill(fails(wire.SERVFAIL, flags=wire.RA | wire.AD), pool={"trust-ad": True})
        self.assertFalse(self.assert_remembered(flags=wire.RD | wire.AD).has(wire.AD))

    def test_failure_is_of_one_name_and_type(self):
        self.fill(by_name({"bad": lambda arrival: any_type(arrival) if arrival.key[1] != wire.A
                           else fails(wire.SERVFAIL)(arrival)}))
        for name, qtype in (("bad.example", wire.AAAA), ("www.bad.example", wire.A),
                            ("example", wire.A), ("bad.example", wire.TXT)):
            answer = self.from_upstream(name, qtype)
            self.assertEqual((answer.rcode, len(answer.answer)), (wire.NOERROR, 1))
        self.assert_remembered()

    def test_one_server_that_fails_is_no_failure(self):
        self.serve(lambda arrival: fails(wire.SERVFAIL)(arrival)
                   if arrival.server == "127.0.0.1" else good(arrival),
                   addresses=("127.0.0.1", "127.0.0.2"), pool={"policy": "ordered"})
        self.assert_address(self.client.query("half.example"))
        self.assert_address(self.from_cache("half.example"))

    def test_failure_ends_and_a_success_is_kept(self):
        """It holds for its 5 s; then the question is asked again."""
        self.serve(fails(wire.SERVFAIL))
        began = time.monotonic()
        self.assertEqual(self.client.query("bad.example").rcode, wire.SERVFAIL)
        self.upstream.behaviour = good
        packets = len(self.upstream.log())
        found = []

        def asked_again():
            found.append(self.client.query("bad.example"))
            return len(self.upstream.log()) > packets
        wait_until(asked_again, patience(REMEMBERED_S + 3), "it is never asked again")
        self.assertGreater(time.monotonic() - began, REMEMBERED_S - COARSE_S)
        self.assert_address(found[-1])
        for answer in found[:-1]:
            self.assert_failed(answer, CACHED_ERROR)
        self.assert_address(self.from_cache("bad.example"))

    def test_failure_is_remembered_by_all_workers(self):
        self.fill(fails(wire.SERVFAIL), workers=2)
        packets = len(self.upstream.log())
        for client in self.clients(64):
            self.assert_failed(client.query("bad.example"), CACHED_ERROR)
        self.assertEqual(len(self.upstream.log()), packets)
        shares = [worker["cache_hits_failure"] for worker in self.ringdns.worker_stats()]
        self.assertGreater(min(shares), 0, shares)


class OwnFailureTest(CacheCase):
    """Tables of 16, which silent names fill."""

    def fill_table(self, **kw):
        self.serve(by_name({f"slow{i}": silent for i in range(16)}), **kw)
        self.assert_address(self.client.query("known.example"))
        gone = self.upstream.behaviour
        self.upstream.behaviour = denial()
        self.assertEqual(self.client.query("gone.example").rcode, wire.NXDOMAIN)
        self.upstream.behaviour = gone
        self.slow = self.new_client()
        for i in range(16):
            self.slow.send(wire.query(f"slow{i}.example", ident=i))
        self.ringdns.wait_stats(lambda now: now["waiters"] == 16)

    def release(self):
        for arrival in self.upstream.log():
            if arrival.key[0].startswith(b"\5slow") or arrival.key[0].startswith(b"\6slow"):
                self.upstream.send(wire.address_reply(arrival.message, ADDRESS), arrival.peer)
        for _ in range(16):
            self.assert_address(self.slow.answer())

    def check_full(self, counter):
        """Who asks for what is not known fails; what is known is given."""
        for _ in range(3):
            answer = self.client.query("new.example", seconds=2)
            self.assertEqual(answer.rcode, wire.SERVFAIL)
            self.assertNotEqual([each[0] for each in answer.edns.errors()], [CACHED_ERROR])
        self.assertEqual(self.ringdns.stats()[counter], 3)
        for _ in range(100):
            self.assert_address(self.client.query("known.example", seconds=2))
            self.assertEqual(self.client.query("gone.example", wire.AAAA, seconds=2).rcode,
                             wire.NXDOMAIN)
        stats = self.ringdns.stats()
        self.assertEqual((stats["cache_hits"], stats["cache_hits_negative"]), (100, 100))
        self.assertEqual(stats[counter], 3)
        self.assertEqual(stats["cache_hits_failure"], 0)
        self.release()
        self.assert_address(self.from_upstream("new.example"))
        self.assert_address(self.from_cache("new.example"))

    def test_hits_are_unaffected_and_nothing_is_remembered_with_the_in_flight_table_full(self):
        self.fill_table(config={"in-flight": {"queries": 16}})
        self.check_full("failed_slots")

    def test_hits_are_unaffected_and_nothing_is_remembered_with_all_waiters_taken(self):
        self.fill_table(config={"in-flight": {"waiters": 16}})
        self.check_full("failed_waiters")

    def serve_down(self):
        """The one server is taken for down; known.example is in the cache."""
        self.serve(addresses())
        self.assert_address(self.client.query("known.example"))
        self.upstream.behaviour = silent
        other = self.new_client()
        for i in range(40):
            other.send(wire.query(f"bad{i}.example"))
        self.ringdns.wait_stats(lambda now: now["servers_down"] >= 1, 8)

    def test_hits_are_unaffected_by_servers_that_are_down(self):
        self.serve_down()
        for _ in range(100):
            self.assert_address(self.client.query("known.example", seconds=2))
        self.assertEqual(self.ringdns.stats()["cache_hits"], 100)

    def test_what_was_never_asked_because_servers_are_down_is_not_remembered(self):
        """Names that were told so at once are asked for when there is a server again."""
        self.serve_down()
        names = [f"down{i}.example" for i in range(100)]
        for ident, name in enumerate(names):
            self.client.send(wire.query(name, ident=ident))
        for _ in names:
            self.assertEqual(self.client.answer(8).rcode, wire.SERVFAIL)
        asked = {each.key[0] for each in self.upstream.log()}
        never = [name for name in names if wire.name(name) not in asked]
        self.assertGreater(len(never), 0)
        self.assertGreaterEqual(self.ringdns.stats()["failed_down"], len(never))
        self.upstream.behaviour = good
        found = []
        wait_until(lambda: found.append(0) or self.client.query(
            f"up{len(found)}.example", seconds=8).rcode == wire.NOERROR, patience(20),
            "the server is not found again")
        self.ringdns.wait_stats(lambda now: now["servers_up"] >= 1)
        for name in never:
            self.assert_address(self.client.query(name))
        self.assertEqual(self.ringdns.stats()["cache_hits_failure"], 0)


if __name__ == "__main__":
    unittest.main()
