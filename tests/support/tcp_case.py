# SPDX-License-Identifier: BSD-2-Clause
"""A test case for clients that come over TCP, on the back end that the class names."""

from support import proc, wire
from support.case import ForwarderCase
from support.process import patience, wait_until
from support.tcp_client import TcpClient


class TcpCase(ForwarderCase):
    """Each behaviour is tested on every back end: a mixin with the tests, and two classes of it."""

    io = "auto"

    def serve(self, *args, tcp=None, **kw):
        """TCP: options below tcp."""
        config = dict(kw.pop("config", None) or {})
        if tcp:
            config["tcp"] = tcp
        super().serve(*args, config=config or None, io=self.io, **kw)

    def connect(self, source=None, server="127.0.0.1", **kw):
        return self.enterContext(TcpClient((server, self.ringdns.port), source=source, **kw))

    def connected(self, count, sources=None):
        """COUNT connections, which the server has taken in, or refused, by now."""
        made = [self.connect(source) for source in (sources or [None] * count)]
        self.ringdns.wait_stats(
            lambda now: now["connections_accepted"] + now["connections_refused"] >= count)
        return made

    def turned(self):
        """The worker has looked at what it was sent before."""
        self.assertEqual(self.client.before_fence(), [])

    def well(self):
        """An ordinary query is answered over UDP and over a new connection."""
        self.assert_address(self.client.query("well.example"))
        with self.connect() as connection:
            self.assert_address(connection.query("well.example"))

    def wait_closed(self, seconds=5):
        """Until no connection is left, to us or to the kernel; the counters then."""
        self.ringdns.wait_stats(
            lambda now: not now["connections"] and not now["waiters"] and not now["inflight"],
            seconds)
        wait_until(lambda: proc.connections(self.ringdns.port) == 0, patience(seconds),
                   lambda: f"{proc.connections(self.ringdns.port)} sockets are left")
        return self.ringdns.stats()


def numbered(count, qname="n{}.example", **kw):
    """Queries with IDs 0 .. COUNT - 1 for names of their own."""
    return [wire.query(qname.format(i), ident=i, **kw) for i in range(count)]
