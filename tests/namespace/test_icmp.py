# SPDX-License-Identifier: BSD-2-Clause
"""What only a network can do to a query under way: ICMP errors, true and forged, and fragments."""

import socket
import struct
import unittest

from support import netns, wire
from support.client import Client
from support.hostile import Send, Upstream
from support.process import patience
from support.ringdns import Ringdns

HERE, THERE = "10.9.0.100", "10.9.0.1"
HERE6, THERE6 = "fd00:9::100", "fd00:9::1"
DEST_UNREACHABLE, PORT_UNREACHABLE, HOST_UNREACHABLE, ADMIN, FRAG_NEEDED = 3, 3, 1, 13, 4
FATAL = (PORT_UNREACHABLE, ADMIN)  # those that the kernel tells a connected socket of


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def icmp_about(code, query_from, query_to, length, rest=0):
    """An ICMP message (type 3) about the UDP datagram that went between these endpoints."""
    inner = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + length, 0, 0, 64, socket.IPPROTO_UDP, 0,
                        socket.inet_aton(query_from[0]), socket.inet_aton(query_to[0]))
    inner += struct.pack("!HHHH", query_from[1], query_to[1], 8 + length, 0)
    body = struct.pack("!BBHI", DEST_UNREACHABLE, code, 0, rest) + inner
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


class IcmpTest(unittest.TestCase):
    def setUp(self):
        self.here = self.enterContext(netns.Namespace())
        self.there = self.enterContext(netns.Namespace())
        for side in (self.here, self.there):
            side.no_dad()
        netns.link(self.here, self.there)
        for side, address, address6 in ((self.here, HERE, HERE6), (self.there, THERE, THERE6)):
            side.ip(f"addr add {address}/24 dev veth0")
            side.ip(f"addr add {address6}/64 dev veth0 nodad")
        self.upstream = self.enterContext(
            Upstream(lambda arrival: [], (HERE, HERE6), 53, self.here))
        self.ringdns = self.enterContext(
            Ringdns([(HERE, 53)], listen=(THERE, THERE6), namespace=self.there))
        self.client = self.enterContext(Client((THERE, 53), namespace=self.here))

    def ask(self, name):
        """A query under way: its arrival upstream."""
        self.client.send(wire.query(name))
        return self.upstream.wait_asked(name)[0]

    def assert_answered(self, arrival):
        """The upstream's reply still counts, and the client gets it."""
        self.upstream.send(wire.address_reply(arrival.message, "192.0.2.1"), arrival.peer)
        answer = self.client.answer()
        self.assertEqual(answer.qname, arrival.message.qname)
        self.assertEqual((answer.rcode, [r.rdata for r in answer.answer]),
                         (wire.NOERROR, [wire.a("192.0.2.1")]))

    def test_icmp_errors_do_not_end_a_query(self):
        with self.here.visited(), socket.socket(
                socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            for number, (code, rest) in enumerate(((PORT_UNREACHABLE, 0), (HOST_UNREACHABLE, 0),
                                                   (ADMIN, 0), (FRAG_NEEDED, 552),
                                                   (FRAG_NEEDED, 68), (FRAG_NEEDED, 0))):
                with self.subTest(code=code, rest=rest):
                    arrival = self.ask(f"q{number}.icmp.test")
                    before = self.ringdns.stats()["ports_errors"]
                    for _ in range(3):
                        raw.sendto(icmp_about(code, arrival.peer, (HERE, 53), len(arrival.data),
                                              rest), (THERE, 0))
                    if code in FATAL:
                        self.ringdns.wait_stats(lambda now: now["ports_errors"] > before)
                    self.assert_answered(arrival)
        self.assertEqual(self.ringdns.stats()["answers_servfail"], 0)

    def test_forged_path_mtu_changes_nothing(self):
        """Answers as large as ever go to a client whose path was said to take 552 bytes."""
        arrival = self.ask("small.icmp.test")
        with self.here.visited(), socket.socket(
                socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.sendto(icmp_about(FRAG_NEEDED, arrival.peer, (HERE, 53), 1000, 552), (THERE, 0))
            local = self.client.sock.getsockname()[1]
            raw.sendto(icmp_about(FRAG_NEEDED, (THERE, 53), (HERE, local), 1200, 552), (THERE, 0))
        self.assert_answered(arrival)
        record = wire.record(b"\xc0\x0c", wire.TXT, wire.txt(*[b"t" * 200] * 5))
        self.upstream.behaviour = lambda arrival: [Send(wire.reply(arrival.message, [record]))]
        before = self.fragments()
        answer = self.client.query("large.icmp.test", wire.TXT)
        self.assertGreater(len(answer.data), 1000)
        self.assertEqual(self.fragments(), before)

    def fragments(self):
        """Fragments that the forwarder's side has made."""
        rows = [line.split() for line in self.there.proc("snmp").splitlines()
                if line.startswith("Ip:")]
        return int(dict(zip(*rows))["FragCreates"])

    def test_upstream_that_closes_its_port(self):
        """True ICMP errors: nobody listens any more. The query ends with SERVFAIL, in its time."""
        self.upstream.close()
        answer = self.client.query("closed.icmp.test", seconds=8)
        self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.assertEqual([code for code, _ in answer.edns.errors()], [23])
        self.assertGreater(self.ringdns.stats()["ports_errors"], 0)

    def test_no_route_to_the_upstream(self):
        """The kernel refuses to send: an error of our own, and service goes on when it is over."""
        self.there.ip("route add unreachable 10.9.0.100/32")
        with Client((THERE6, 53), namespace=self.here) as client:
            self.assertEqual(client.query("noroute.icmp.test", seconds=8).rcode, wire.SERVFAIL)
            self.there.ip("route del unreachable 10.9.0.100/32")
            self.upstream.behaviour = lambda arrival: [
                Send(wire.address_reply(arrival.message, "192.0.2.1"))]
            answers = [client.query(f"q{i}.icmp.test", seconds=8).rcode for i in range(5)]
        self.assertIn(wire.NOERROR, answers)

    def test_fragmented_reply_is_not_taken(self):
        """3 kB over an MTU of 1500: it arrives whole, and is longer than was advertised."""
        record = wire.record(b"\xc0\x0c", wire.TXT, wire.txt(*[b"f" * 250] * 12))

        def behave(arrival):
            return [Send(wire.reply(arrival.message, [record])),
                    Send(wire.address_reply(arrival.message, "192.0.2.1"), delay=0.1)]

        self.upstream.behaviour = behave
        answer = self.client.query("fragments.icmp.test", size=4096)
        self.assertEqual([r.rdata for r in answer.answer], [wire.a("192.0.2.1")])
        stats = self.ringdns.wait_quiet()
        self.assertEqual((stats["replies_bad_oversize"], stats["replies_accepted"]), (1, 1))
        self.assertEqual(self.client.before_fence(), [])

    def test_lost_fragment_is_no_reply(self):
        """The first half alone, by hand: nothing arrives, and the wait goes on."""
        arrival = self.ask("half.icmp.test")
        data = wire.address_reply(arrival.message, "203.0.113.66")
        udp = struct.pack("!HHHH", 53, arrival.peer[1], 8 + len(data), 0) + data
        with self.here.visited(), socket.socket(
                socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + 24, 77, 0x2000, 64,
                                 socket.IPPROTO_UDP, 0, socket.inet_aton(HERE),
                                 socket.inet_aton(THERE))
            raw.sendto(header + udp[:24], (THERE, 0))
        self.assert_answered(arrival)
        self.assertEqual(self.ringdns.stats()["replies_received"], 1)


class SourceTest(unittest.TestCase):
    """Replies from where nothing was asked; the network does not keep them away."""

    def test_spoofed_source_address_with_a_wrong_id_or_port(self):
        """A raw sender forges the upstream's address, and has to guess the rest."""
        here = self.enterContext(netns.Namespace())
        there = self.enterContext(netns.Namespace())
        netns.link(here, there)
        here.ip(f"addr add {HERE}/24 dev veth0")
        there.ip(f"addr add {THERE}/24 dev veth0")
        upstream = self.enterContext(Upstream(lambda arrival: [], (HERE,), 53, here))
        ringdns = self.enterContext(Ringdns([(HERE, 53)], listen=(THERE,), namespace=there))
        client = self.enterContext(Client((THERE, 53), namespace=here))
        client.send(wire.query("spoof.icmp.test"))
        arrival = upstream.wait_asked("spoof.icmp.test")[0]
        forged = wire.address_reply(arrival.message, "203.0.113.66")

        def packet(source_port, port, data):
            udp = struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data
            return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64,
                               socket.IPPROTO_UDP, 0, socket.inet_aton(HERE),
                               socket.inet_aton(THERE)) + udp

        port = arrival.peer[1]
        with here.visited(), socket.socket(
                socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            raw.sendto(packet(54, port, forged), (THERE, 0))          # the wrong source port
            for step in range(-20, 21):                               # the wrong port of ours
                if step and 1024 <= port + step <= 65535:
                    raw.sendto(packet(53, port + step, forged), (THERE, 0))
            for step in range(1, 40):                                 # the wrong ID
                data = (arrival.message.id + step & 0xffff).to_bytes(2, "big") + forged[2:]
                raw.sendto(packet(53, port, data), (THERE, 0))
        ringdns.wait_stats(lambda now: now["replies_bad_unknown_id"] >= 39, patience(1))
        upstream.send(wire.address_reply(arrival.message, "192.0.2.1"), arrival.peer)
        self.assertEqual([r.rdata for r in client.answer().answer], [wire.a("192.0.2.1")])
        self.assertEqual(ringdns.stats()["replies_accepted"], 1)


if __name__ == "__main__":
    unittest.main()
