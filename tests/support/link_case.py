# SPDX-License-Identifier: BSD-2-Clause
"""A test case about TCP to upstreams; what is derived from it says on which back end."""

from support import wire
from support.case import ForwarderCase
from support.tcp_client import TcpClient

TCP_ALWAYS = {"transport": "tcp"}
NO_REACHABLE, NETWORK_ERROR = 22, 23  # extended errors


class LinkCase(ForwarderCase):
    io = None

    def serve(self, *args, **kw):  # pylint: disable=arguments-differ
        super().serve(*args, io=self.io, **kw)

    def new_stream(self):
        return self.enterContext(TcpClient(("127.0.0.1", self.ringdns.port)))

    def ask_many(self, prefix, count):
        """COUNT questions at once; each must be answered."""
        for i in range(count):
            self.client.send(wire.query(f"{prefix}{i}.link.example", ident=i))
        answers = [self.client.answer() for _ in range(count)]
        self.assertEqual({each.id for each in answers}, set(range(count)))
        for each in answers:
            self.assert_address(each)

    def assert_failed(self, answer, code):
        self.assertEqual(answer.rcode, wire.SERVFAIL)
        self.assertEqual([each[0] for each in answer.edns.errors()], [code])
