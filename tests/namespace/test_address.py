# SPDX-License-Identifier: BSD-2-Clause
"""Addresses, as they are on real machines: several on an interface, IPv4 beside IPv6, link-local
ones with a scope, ones that come later. Two namespaces and a veth between them: clients and
upstreams here, Ringdns there."""

import socket
import threading
import unittest

from support import netns, wire
from support.client import Client
from support.hostile import Upstream, good
from support.process import patience, wait_until
from support.ringdns import Ringdns

HERE4, HERE6 = "10.9.0.100", "fd00:9::100"
THERE4 = ("10.9.0.1", "10.9.0.2", "10.9.0.3")
THERE6 = ("fd00:9::1", "fd00:9::2")


class AddressCase(unittest.TestCase):
    def setUp(self):
        self.here = self.enterContext(netns.Namespace())
        self.there = self.enterContext(netns.Namespace())
        for side in (self.here, self.there):
            side.no_dad()
        netns.link(self.here, self.there)
        self.here.ip(f"addr add {HERE4}/24 dev veth0")
        self.here.ip(f"addr add {HERE6}/64 dev veth0 nodad")
        for address in THERE4:
            self.there.ip(f"addr add {address}/24 dev veth0")
        for address in THERE6:
            self.there.ip(f"addr add {address}/64 dev veth0 nodad")

    def upstream(self, behaviour=good, addresses=(HERE4,)):
        return self.enterContext(Upstream(behaviour, addresses, 53, self.here))

    def serve(self, listen, forward=((HERE4, 53),), config=None, **kw):
        config = {"loop-probe": False, **(config or {})}
        self.ringdns = self.enterContext(
            Ringdns(list(forward), listen=listen, namespace=self.there, config=config, **kw))

    def ask(self, server, name="www.address.example", **kw):
        """Asks from here; the answer must come from the very address that was asked."""
        with Client(server if isinstance(server, tuple) else (server, 53),
                    namespace=self.here) as client:
            answer = client.query(name, **kw)
        self.assertEqual((answer.rcode, [r.rdata for r in answer.answer]),
                         (wire.NOERROR, [wire.a("192.0.2.1")]))

    def link_local(self, side):
        """(the address, the interface's number) of SIDE's veth."""
        text = side.ip("-6 -o addr show dev veth0 scope link")
        number, rest = text.split(":", 1)
        return rest.split("inet6")[1].split("/")[0].strip(), int(number)


class ListenTest(AddressCase):
    def test_reply_leaves_from_the_address_that_was_asked(self):
        self.upstream()
        for io in ("uring", "syscall"):
            with self.subTest(io=io):
                self.serve(["0.0.0.0", "::"], io=io)
                for number in range(5):
                    for address in THERE4 + THERE6:
                        self.ask(address, f"q{number}.address.example")
                self.ringdns.stop()

    def test_errors_leave_from_the_address_that_was_asked(self):
        """Answers of our own, which take another way than an upstream's."""
        self.serve(["0.0.0.0", "::"])
        for address in THERE4 + THERE6:
            with self.subTest(address), Client((address, 53), namespace=self.here) as client:
                self.assertEqual(client.query("x.address.example", flags=0).rcode, wire.REFUSED)

    def test_waiters_of_several_addresses_are_answered_from_each(self):
        upstream = self.upstream(lambda arrival: [])
        self.serve(["0.0.0.0", "::"])
        clients = [self.enterContext(Client((address, 53), namespace=self.here))
                   for address in THERE4 + THERE6]
        for client in clients:
            client.send(wire.query("one.address.example"))
        self.ringdns.wait_stats(lambda now: now["waiters"] == len(clients))
        arrival = upstream.log()[0]
        upstream.send(wire.address_reply(arrival.message, "192.0.2.1"), arrival.peer)
        for client in clients:
            self.assertEqual(client.answer().rcode, wire.NOERROR)

    def test_only_the_listed_addresses_are_served(self):
        self.upstream()
        self.serve([THERE4[0], THERE6[1]])
        self.ask(THERE4[0])
        self.ask(THERE6[1])
        for address in (THERE4[1], THERE6[0]):
            self.assert_closed(address)

    def assert_closed(self, address):
        """Nobody is at port 53 of ADDRESS: the kernel says so."""
        with Client((address, 53), namespace=self.here) as client:
            client.sock.connect((address, 53))
            client.sock.settimeout(patience(3))
            client.sock.send(wire.query("closed.address.example"))
            with self.assertRaises(ConnectionRefusedError):
                client.sock.recv(512)

    def test_ipv6_wildcard_takes_no_ipv4(self):
        self.upstream()
        self.serve(["::"])
        self.ask(THERE6[0])
        self.assert_closed(THERE4[0])

    def test_wildcards_of_both_kinds_and_single_addresses_go_together(self):
        self.upstream()
        self.serve(["0.0.0.0", "::"], workers=2)
        with self.there.visited(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            with self.assertRaises(OSError):  # the port is really held, on every address
                other.bind((THERE6[0], 53))
        self.ask(THERE4[2])
        self.ask(THERE6[1])

    def test_ipv6_only_upstream_and_ipv4_clients(self):
        self.upstream(addresses=(HERE6,))
        self.serve([THERE4[0]], [(HERE6, 53)])
        self.ask(THERE4[0])

    def test_freebind_address_that_comes_later(self):
        self.upstream()
        self.serve([THERE4[0], "10.9.0.77", "fd00:9::77"], config={"freebind": True})
        self.ask(THERE4[0])
        self.there.ip("addr add 10.9.0.77/24 dev veth0")
        self.there.ip("addr add fd00:9::77/64 dev veth0 nodad")
        self.ask("10.9.0.77")
        self.ask("fd00:9::77")

    def test_address_that_goes_and_comes_back(self):
        """Answers that cannot be sent are lost and counted, nothing more."""
        self.upstream()
        self.serve(["0.0.0.0"])
        self.ask(THERE4[0])
        self.there.ip("link set veth0 down")
        with Client(("127.0.0.1", 53), namespace=self.there) as client:
            client.query("local.address.example", flags=0)
        self.there.ip("link set veth0 up")
        wait_until(lambda: "state UP" in self.there.ip("link show veth0"), patience(5), "not up")
        self.ask(THERE4[0], "after.address.example")


class ScopeTest(AddressCase):
    def test_link_local_listener(self):
        self.upstream()
        address, _ = self.link_local(self.there)
        _, number = self.link_local(self.here)
        for listen in (f"{address}%veth0", "::"):
            with self.subTest(listen):
                self.serve([listen])
                self.ask((address, 53, 0, number))
                self.ringdns.stop()

    def test_link_local_upstream(self):
        address, number = self.link_local(self.here)
        upstream = self.enterContext(LinkLocalUpstream(address, number, self.here))
        self.serve([THERE4[0]], [(f"{address}%veth0", 53)])
        self.ask(THERE4[0])
        self.assertTrue(upstream.peer[0].startswith("fe80:"))

    def test_scope_that_is_not_there(self):
        address, _ = self.link_local(self.there)
        for kw in ({"listen": [f"{address}%veth9"], "forward": [(HERE4, 53)]},
                   {"listen": [THERE4[0]], "forward": [(f"{address}%veth9", 53)]}):
            with self.subTest(kw):
                ringdns = Ringdns(namespace=self.there, **kw)
                self.addCleanup(ringdns.process.kill)
                self.assertIn("veth9", ringdns.failed((1, 2)))

    def test_link_local_without_a_scope(self):
        address, _ = self.link_local(self.there)
        ringdns = Ringdns([(HERE4, 53)], listen=[address], namespace=self.there)
        self.addCleanup(ringdns.process.kill)
        self.assertRegex(ringdns.failed((1, 2)), r"fe80:.*%")


class LinkLocalUpstream:
    """Answers one query at a link-local address."""

    def __init__(self, address, scope, namespace):
        self.sock = namespace.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.sock.bind((address, 53, 0, scope))
        self.peer = None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        self.sock.settimeout(patience(10))
        data, self.peer = self.sock.recvfrom(4096)
        self.sock.sendto(wire.address_reply(wire.parse(data), "192.0.2.1"), self.peer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.sock.close()


class AccessTest(AddressCase):
    def test_public_clients_are_refused_by_default(self):
        """Never an open forwarder by accident."""
        self.upstream()
        self.here.ip("addr add 203.0.113.5/32 dev veth0")
        self.there.ip("route add 203.0.113.5/32 dev veth0")
        self.here.ip("addr add 2001:db8:5::5/128 dev veth0 nodad")
        self.there.ip("-6 route add 2001:db8:5::5/128 dev veth0")
        self.serve(["0.0.0.0", "::"])
        for bind, server in ((("203.0.113.5", 0), THERE4[0]), (("2001:db8:5::5", 0), THERE6[0])):
            with self.subTest(bind), Client((server, 53), namespace=self.here, bind=bind) as client:
                self.assertEqual(client.query("public.address.example").rcode, wire.REFUSED)
        self.assertEqual(self.ringdns.stats()["refused_acl"], 2)
        self.ask(THERE4[0])  # from 10/8
        self.ask(THERE6[0])  # from fc00::/7


if __name__ == "__main__":
    unittest.main()
