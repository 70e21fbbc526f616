# SPDX-License-Identifier: BSD-2-Clause
"""A test case with a forwarder in front of an upstream of the test's own, ended with it."""

import socket
import unittest

from support import wire
from support.client import Client
from support.hostile import Upstream, good
from support.ringdns import Ringdns, endpoint


class ForwarderCase(unittest.TestCase):
    """serve() starts what a test wants; whatever it started is checked and ended by clean-up."""

    maxDiff = None

    def serve(self, behaviour=good, *, addresses=("127.0.0.1",), tcp=None, pool=None, config=None,
              **kw):
        """self.upstream, self.ringdns before it, self.client before that.

        TCP: the upstream's behaviour there; POOL: options of the default pool, which is then given
        in the file, with the servers."""
        self.upstream = self.enterContext(Upstream(behaviour, addresses, tcp=tcp))
        if pool is None:
            self.start(self.upstream.servers, config=config, **kw)
        else:
            servers = [endpoint(*each) for each in self.upstream.servers]
            default = {"default": {"servers": servers, **pool}}
            self.start((), config={**(config or {}), "upstreams": default}, **kw)

    def start(self, forward, *, config=None, **kw):
        """self.ringdns in front of the servers FORWARD, self.client before it. It sends no loop
        probes unless CONFIG says so: what a test counts is what the test caused."""
        config = {"loop-probe": False, **(config or {})}
        self.ringdns = self.enterContext(Ringdns(forward, config=config, **kw))
        self.client = self.new_client()

    def new_client(self, address="127.0.0.1", **kw):
        return self.enterContext(Client((address, self.ringdns.port), **kw))

    def clients(self, count):
        return [self.new_client() for _ in range(count)]

    def udp_socket(self, address="127.0.0.1"):
        """A socket of the test's own, to send forgeries from."""
        sock = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.bind((address, 0))
        return sock

    def assert_address(self, message, address="192.0.2.1"):
        """A NOERROR answer with this one A record."""
        self.assertEqual(message.rcode, wire.NOERROR)
        self.assertEqual([(r.type, r.rdata) for r in message.answer], [(wire.A, wire.a(address))])

    def assert_no_more(self, client=None):
        """Nothing has come, and nothing was under way that could."""
        self.ringdns.wait_quiet()
        self.assertEqual((client or self.client).before_fence(), [])
