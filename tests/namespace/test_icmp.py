# SPDX-License-Identifier: BSD-2-Clause
"""What only a network can do to a query under way: ICMP errors, true and forged, and fragments."""

import socket
import struct
import unittest

from support import netns, wire
from support.client import Client
from support.hostile import Send, Upstream, good
from support.ringdns import Ringdns
from support.tcp_client import TcpClient

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


def icmp6_about(kind, code, query_from, query_to, length, rest=0):
    """The same for IPv6, KIND 1 (unreachable) or 2 (too big). The kernel adds the checksum."""
    inner = struct.pack("!IHBB16s16s", 6 << 28, 8 + length, socket.IPPROTO_UDP, 64,
                        socket.inet_pton(socket.AF_INET6, query_from[0]),
                        socket.inet_pton(socket.AF_INET6, query_to[0]))
    inner += struct.pack("!HHHH", query_from[1], query_to[1], 8 + length, 0)
    return struct.pack("!BBHI", kind, code, 0, rest) + inner


class IcmpCase(unittest.TestCase):
    """Two namespaces: the upstream and the client here, Ringdns there."""

    io = "auto"
    forward = ((HERE, 53),)

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
            Ringdns(list(self.forward), listen=(THERE, THERE6), namespace=self.there, io=self.io,
                    config={"loop-probe": False}))
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


class Icmp:
    """ICMP side channel (SAD DNS): errors do not end a query, and tell nobody anything."""

    def test_icmp_errors_do_not_end_a_query(self):
        """Unreachable and frag-needed, while it is in flight."""
        with self.here.visited(), socket.socket(
                socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            for number, (code, rest) in enumerate(((PORT_UNREACHABLE, 0), (HOST_UNREACHABLE, 0),
                                                   (ADMIN, 0), (FRAG_NEEDED, 552),
                                                   (FRAG_NEEDED, 68), (FRAG_NEEDED, 0))):
                with self.subTest(code=code, rest=rest):
                    arrival = self.ask(f"q{number}.icmp.example")
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
        arrival = self.ask("small.icmp.example")
        with self.here.visited(), socket.socket(
                socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.sendto(icmp_about(FRAG_NEEDED, arrival.peer, (HERE, 53), 1000, 552), (THERE, 0))
            local = self.client.sock.getsockname()[1]
            raw.sendto(icmp_about(FRAG_NEEDED, (THERE, 53), (HERE, local), 1200, 552), (THERE, 0))
        self.assert_answered(arrival)
        record = wire.record(b"\xc0\x0c", wire.TXT, wire.txt(*[b"t" * 200] * 5))
        self.upstream.behaviour = lambda arrival: [Send(wire.reply(arrival.message, [record]))]
        before = self.fragments()
        answer = self.client.query("large.icmp.example", wire.TXT)
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
        answer = self.client.query("closed.icmp.example", seconds=8)
        self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.assertEqual([code for code, _ in answer.edns.errors()], [23])
        self.assertGreater(self.ringdns.stats()["ports_errors"], 0)

    def test_no_route_to_the_upstream(self):
        """The kernel refuses to send: an error of our own, and service goes on when it is over."""
        self.there.ip("route add unreachable 10.9.0.100/32")
        with Client((THERE6, 53), namespace=self.here) as client:
            self.assertEqual(client.query("noroute.icmp.example", seconds=8).rcode, wire.SERVFAIL)
            self.there.ip("route del unreachable 10.9.0.100/32")
            self.upstream.behaviour = lambda arrival: [
                Send(wire.address_reply(arrival.message, "192.0.2.1"))]
            answers = [client.query(f"q{i}.icmp.example", seconds=8).rcode for i in range(5)]
        self.assertIn(wire.NOERROR, answers)

    def test_fragmented_reply_reaches_nobody(self):
        """U sends 3 kB in fragments: it arrives whole, and is longer than was advertised. Neither
        the client by UDP nor the one by TCP gets it; it is asked again over TCP."""
        record = wire.record(b"\xc0\x0c", wire.TXT, wire.txt(*[b"f" * 250] * 12))
        stream = self.enterContext(TcpClient((THERE, 53), namespace=self.here))
        self.upstream.accept_tcp(good)
        for client in (self.client, stream):
            client.send(wire.query("fragments.icmp.example", size=4096))
        self.ringdns.wait_stats(lambda now: now["waiters"] == 2)
        arrival = self.upstream.wait_asked("fragments.icmp.example")[0]
        self.upstream.send(wire.reply(arrival.message, [record]), arrival.peer)
        for client in (self.client, stream):
            self.assertEqual([r.rdata for r in client.answer().answer], [wire.a("192.0.2.1")])
        stats = self.ringdns.wait_quiet()
        self.assertEqual((stats["replies_bad_oversize"], stats["upstream_tcp_forged"]), (1, 1))
        self.assertEqual(self.client.before_fence(), [])
        self.assertEqual([each.tcp for each in self.upstream.log()][-1], True)
        self.assertGreaterEqual(self.reassembled(), 1)

    def reassembled(self):
        """Datagrams that the forwarder's side has put together from fragments."""
        rows = [line.split() for line in self.there.proc("snmp").splitlines()
                if line.startswith("Ip:")]
        return int(dict(zip(*rows))["ReasmOKs"])

    def test_lost_fragment_is_no_reply(self):
        """The first half alone, by hand: nothing arrives, and the wait goes on."""
        arrival = self.ask("half.icmp.example")
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


class UringIcmpTest(Icmp, IcmpCase):
    io = "uring"


class SyscallIcmpTest(Icmp, IcmpCase):
    io = "syscall"


class Icmp6Test(IcmpCase):
    forward = ((HERE6, 53),)

    def test_icmpv6_errors_do_not_end_a_query(self):
        """Unreachable and too big, while it is in flight."""
        with self.here.visited(), socket.socket(
                socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
            for number, (kind, code, rest) in enumerate(((1, 4, 0), (1, 0, 0), (1, 1, 0),
                                                         (2, 0, 1280), (2, 0, 68))):
                with self.subTest(kind=kind, code=code, rest=rest):
                    arrival = self.ask(f"q{number}.icmp.example")
                    before = self.ringdns.stats()["ports_errors"]
                    for _ in range(3):
                        raw.sendto(icmp6_about(kind, code, arrival.peer, (HERE6, 53),
                                               len(arrival.data), rest), (THERE6, 0))
                    if (kind, code) == (1, 4):
                        self.ringdns.wait_stats(lambda now: now["ports_errors"] > before)
                    self.upstream.send(wire.address_reply(arrival.message, "192.0.2.1"),
                                       arrival.peer, server=HERE6)
                    self.assertEqual(self.client.answer().rcode, wire.NOERROR)
        self.assertEqual(self.ringdns.stats()["answers_servfail"], 0)


class SourceTest(IcmpCase):
    """Blind spoofing with a raw socket: the network does not keep forged sources away."""

    def packet(self, source_port, port, data):
        """DATA as if from the upstream's address."""
        udp = struct.pack("!HHHH", source_port, port, 8 + len(data), 0) + data
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64,
                           socket.IPPROTO_UDP, 0, socket.inet_aton(HERE),
                           socket.inet_aton(THERE)) + udp

    def spoof(self, *packets):
        with self.here.visited(), socket.socket(
                socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for each in packets:
                raw.sendto(each, (THERE, 0))

    def with_id(self, arrival, step):
        """A forged reply whose ID is STEP too large."""
        return wire.address_reply(arrival.message, "203.0.113.66",
                                  ident=arrival.message.id + step & 0xffff)

    def test_spoofed_source_address_with_a_wrong_id_or_port(self):
        """The forger has the upstream's address, and has to guess the rest: its port, ours, the
        ID."""
        arrival = self.ask("spoof.icmp.example")
        port, forged = arrival.peer[1], self.with_id(arrival, 0)
        self.spoof(self.packet(54, port, forged),
                   *(self.packet(53, port + step, forged) for step in range(-20, 21)
                     if step and 1024 <= port + step <= 65535),
                   *(self.packet(53, port, self.with_id(arrival, step)) for step in (1, 2)))
        self.ringdns.wait_stats(lambda now: now["replies_bad_unknown_id"] >= 2)
        self.assert_answered(arrival)
        self.assertEqual(self.ringdns.stats()["replies_accepted"], 1)

    def test_spoofed_flood_of_ids_is_answered_by_tcp(self):
        """Half of all IDs at the right port, from the right address: TCP has the answer."""
        self.upstream.accept_tcp(good)
        arrival = self.ask("flood.icmp.example")
        self.spoof(*(self.packet(53, arrival.peer[1], self.with_id(arrival, step))
                     for step in range(1, 0x8000)))
        answer = self.client.answer()
        self.assertEqual([r.rdata for r in answer.answer], [wire.a("192.0.2.1")])
        self.spoof(self.packet(53, arrival.peer[1], self.with_id(arrival, 0)))
        stats = self.ringdns.wait_quiet()
        self.assertEqual((stats["upstream_tcp_forged"], stats["replies_accepted"]), (1, 1))
        self.assertEqual(self.client.before_fence(), [])


if __name__ == "__main__":
    unittest.main()
