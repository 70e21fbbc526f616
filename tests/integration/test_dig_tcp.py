# SPDX-License-Identifier: BSD-2-Clause
"""What dig sees over TCP: whole answers whatever their size, several on one connection, and the
keepalive option."""

import re
import unittest

from support import dig
from support.process import run
from support.ringdns import Ringdns
from support.servers import Knot

HEAD = "$TTL 300\n@ SOA ns admin 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.53\n"
ZONE = HEAD + "gaia A 128.119.245.12\nwww CNAME gaia\nmail MX 10 gaia\n" \
    + "".join(f"forty A 192.0.2.{i}\n" for i in range(40)) \
    + "".join(f"big{n} TXT" + f' "{"x" * 200}"' * n + "\n" for n in (3, 7, 20, 80, 320))
ZONES = {"lab.example": ZONE}
QUESTIONS = [(f"{name}.lab.example", rtype) for name, rtype in (
    ("gaia", "A"), ("www", "A"), ("mail", "MX"), ("forty", "A"), ("big3", "TXT"), ("big7", "TXT"),
    ("big20", "TXT"), ("big80", "TXT"), ("big320", "TXT"), ("nowhere", "A"), ("gaia", "AAAA"))]
IO = ("uring", "syscall")


class DigTcpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.knot = cls.enterClassContext(Knot(ZONES, addresses=("127.0.0.1", "::1")))
        cls.ringdns = {io: cls.enterClassContext(
            Ringdns(cls.knot.servers, listen=("127.0.0.1", "::1"), io=io,
                    config={"tcp": {"idle": "12s"}})) for io in IO}

    def check_answers(self, io, address, *options):
        """Each says what the upstream itself says over TCP."""
        whole = dig.ask(self.knot.servers[0], QUESTIONS, ("+tcp", *options))
        got = dig.ask((address, self.ringdns[io].port), QUESTIONS, ("+tcp", *options))
        for asked, one, other in zip(QUESTIONS, whole, got, strict=True):
            with self.subTest(asked=asked, options=options):
                self.assertEqual(other.sections, one.sections)
                self.assertEqual(other.flags, {"qr", "rd", "ra"})
        return got

    def test_answers_are_whole(self):
        for io in IO:
            for address in ("127.0.0.1", "::1"):
                for options in ((), ("+noedns",), ("+bufsize=512",), ("+dnssec",)):
                    with self.subTest(io=io, address=address, options=options):
                        got = self.check_answers(io, address, *options)
                        self.assertGreater(max(each.size for each in got), 64000)

    def test_keepopen_asks_over_one_connection(self):
        for io in IO:
            with self.subTest(io=io):
                before = self.ringdns[io].stats()
                self.check_answers(io, "127.0.0.1", "+keepopen")
                after = self.ringdns[io].stats()
                grown = {name: after[name] - before[name]
                         for name in ("connections_accepted", "queries_tcp", "queries_udp")}
                self.assertEqual(grown, {"connections_accepted": 1, "queries_udp": 0,
                                         "queries_tcp": len(QUESTIONS)})

    def test_truncated_over_udp_and_asked_again(self):
        """As resolvers do: dig without +ignore goes to TCP by itself."""
        for io in IO:
            with self.subTest(io=io):
                before = self.ringdns[io].stats()
                text = run(["dig", "@127.0.0.1", "-p", str(self.ringdns[io].port), "+tries=1",
                            "big80.lab.example", "TXT"])
                self.assertIn("Truncated, retrying in TCP mode", text)
                reply = dig.read(text)[-1]
                self.assertEqual((reply.rcode, len(reply.answer)), ("NOERROR", 1))
                self.assertGreater(reply.size, 16000)
                after = self.ringdns[io].stats()
                self.assertEqual(after["queries_tcp"] - before["queries_tcp"], 1)

    def test_keepalive(self):
        for io in IO:
            with self.subTest(io=io):
                for transport, told in (("+tcp", ["12.0 secs"]), ("+notcp", [])):
                    text = run(["dig", "@127.0.0.1", "-p", str(self.ringdns[io].port),
                                "+tries=1", transport, "+keepalive", "gaia.lab.example"])
                    self.assertEqual(re.findall(r"^; TCP KEEPALIVE: (.*)$", text, re.M), told,
                                     text)


if __name__ == "__main__":
    unittest.main()
