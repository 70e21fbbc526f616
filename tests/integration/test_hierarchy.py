# SPDX-License-Identifier: BSD-2-Clause
"""Names as the textbooks resolve them: a root, two TLDs and arpa, four authoritative zones,
resolvers that walk, Ringdns in front, and in front of that what people use: dig, nslookup, getent,
and a mail that finds its way by MX.

All in one namespace: every server has an address of its own, at port 53; /etc/resolv.conf there
names Ringdns. And all of it in several ways: over TCP on either side, over IPv6, with a resolver
that is dead.
"""

import unittest

from support import dig
from support.netns import Namespace
from support.places import upstreams
from support.ringdns import Ringdns, endpoint
from support.servers import Knot, Nsd, Unbound
from support.smtp import Sink

ROOT, COM, EDU, ARPA = "127.10.0.1", "127.10.0.2", "127.10.0.3", "127.10.0.4"
UMASS, UTOPIA, IBM, REVERSE = "127.10.1.1", "127.10.1.2", "127.10.1.3", "127.10.1.4"
RESOLVERS = ("127.20.0.1", "127.20.0.2")
RESOLVERS6 = ("fd00:20::1", "fd00:20::2")
MAIL_HOST = "127.30.0.25"
MAIL_HOST_2 = "127.30.0.26"


def zone(origin, body):
    return (f"$ORIGIN {origin}\n$TTL 3600\n@ SOA ns.{origin.lstrip('.')} hostmaster 1 3600 600 "
            f"86400 300\n{body}")


ZONES = {
    ROOT: (Nsd, ".", zone(".", f"""
@ NS root.test.
root.test. A {ROOT}
com. NS a.gtld.com.
a.gtld.com. A {COM}
edu. NS a.edu-servers.edu.
a.edu-servers.edu. A {EDU}
arpa. NS ns.arpa.
ns.arpa. A {ARPA}
""")),
    COM: (Nsd, "com", zone("com.", f"""
@ NS a.gtld
a.gtld A {COM}
networkutopia NS dns1.networkutopia
networkutopia NS dns2.networkutopia
dns1.networkutopia A {UTOPIA}
dns2.networkutopia A {UTOPIA}
ibm NS ns.ibm
ns.ibm A {IBM}
""")),
    EDU: (Nsd, "edu", zone("edu.", f"""
@ NS a.edu-servers
a.edu-servers A {EDU}
umass NS dns.umass
dns.umass A {UMASS}
""")),
    ARPA: (Nsd, "arpa", zone("arpa.", f"""
@ NS ns
ns A {ARPA}
245.119.128.in-addr NS dns.umass.edu.
245.119.128.in-addr NS ns.reverse.in-addr
ns.reverse.in-addr A {REVERSE}
""")),
    UMASS: (Knot, "umass.edu", zone("umass.edu.", f"""
@ NS dns
dns A {UMASS}
gaia.cs A 128.119.245.12
gaia.cs AAAA 2001:db8:128::12
www.cs CNAME gaia.cs
""")),
    UTOPIA: (Knot, "networkutopia.com", zone("networkutopia.com.", f"""
@ NS dns1
@ NS dns2
dns1 A {UTOPIA}
dns2 A {UTOPIA}
@ MX 20 mail2
@ MX 10 mail
@ TXT "peer-to-peer"
mail A {MAIL_HOST}
mail2 A {MAIL_HOST_2}
www A 212.212.71.4
""")),
    IBM: (Knot, "ibm.com", zone("ibm.com.", f"""
@ NS ns
ns A {IBM}
@ A 198.51.100.1
www CNAME servereast.backup2
servereast.backup2 A 198.51.100.7
""")),
    REVERSE: (Knot, "245.119.128.in-addr.arpa", zone("245.119.128.in-addr.arpa.", """
@ NS ns.reverse.in-addr.arpa.
12 PTR gaia.cs.umass.edu.
""")),
}


class HierarchyTest(unittest.TestCase):
    """What differs from one way to the other; here it is UDP over IPv4."""

    listen = "127.0.0.1"
    resolver_addresses = RESOLVERS
    transport = "auto"      # to the resolvers
    client_tcp = False      # whether clients use nothing else

    @classmethod
    def setUpClass(cls):
        options = "options use-vc\n" if cls.client_tcp else ""
        cls.namespace = cls.enterClassContext(
            Namespace({"resolv.conf": f"nameserver {cls.listen}\n{options}"}))
        for address in RESOLVERS6:
            cls.namespace.ip(f"addr add {address}/128 dev lo nodad")
        # With an address of one family alone getaddrinfo() would not give those of the other.
        cls.namespace.ip("addr add 10.20.0.1/32 dev lo")
        for address, (kind, origin, text) in ZONES.items():
            cls.enterClassContext(
                kind({origin: text}, addresses=(address,), namespace=cls.namespace))
        cls.resolvers = [
            cls.enterClassContext(Unbound(hints=ROOT, addresses=(address,), probe="com",
                                          namespace=cls.namespace))
            for address in cls.resolver_addresses]

    def setUp(self):
        default = {"servers": [endpoint(address, 53) for address in self.resolver_addresses],
                   "transport": self.transport}
        self.ringdns = self.enterContext(Ringdns(
            listen=(self.listen,), config={"upstreams": {"default": default}},
            namespace=self.namespace))
        self.tools = False  # whether the test lets others ask that may use UDP whatever we say

    def tearDown(self):
        """It really went the way that the class is about."""
        stats = self.ringdns.wait_quiet()
        self.assertGreater(stats["queries_tcp" if self.client_tcp else "queries_udp"], 0)
        if self.client_tcp and not self.tools:
            self.assertEqual(stats["queries_udp"], 0)
        if self.transport == "tcp":
            self.assertEqual(self.sent("sent"), 0)
            self.assertGreater(self.sent("sent_tcp"), 0)
        else:
            self.assertGreater(self.sent("sent"), 0)

    def sent(self, counter):
        return sum(each["counters"][counter] for each in upstreams(self.ringdns))

    def dig(self, name, rtype, *options):
        tcp = ("+tcp",) if self.client_tcp else ()
        return dig.ask((self.listen, 53), [(name, rtype)], (*tcp, *options),
                       preexec=(self.namespace.join,))[0]

    def check_names(self):
        self.assertEqual(self.dig("gaia.cs.umass.edu", "A").answer,
                         ("gaia.cs.umass.edu. IN A 128.119.245.12",))
        self.assertEqual(self.dig("gaia.cs.umass.edu", "AAAA").answer,
                         ("gaia.cs.umass.edu. IN AAAA 2001:db8:128::12",))
        self.assertEqual(self.dig("www.networkutopia.com", "A").answer,
                         ("www.networkutopia.com. IN A 212.212.71.4",))
        self.assertEqual(self.dig("networkutopia.com", "MX").answer,
                         ("networkutopia.com. IN MX 10 mail.networkutopia.com.",
                          "networkutopia.com. IN MX 20 mail2.networkutopia.com."))
        self.assertEqual(self.dig("www.ibm.com", "A").answer,
                         ("servereast.backup2.ibm.com. IN A 198.51.100.7",
                          "www.ibm.com. IN CNAME servereast.backup2.ibm.com."))
        self.assertEqual(self.dig("12.245.119.128.in-addr.arpa", "PTR").answer,
                         ("12.245.119.128.in-addr.arpa. IN PTR gaia.cs.umass.edu.",))
        nothing = self.dig("nowhere.cs.umass.edu", "A")
        self.assertEqual((nothing.rcode, nothing.answer), ("NXDOMAIN", ()))

    def test_dig(self):
        self.check_names()

    def test_dig_says_what_the_resolver_says(self):
        for name, rtype in (("www.ibm.com", "A"), ("networkutopia.com", "MX"),
                            ("networkutopia.com", "TXT"), ("nowhere.com", "A"),
                            ("umass.edu", "MX"), (".", "NS"), ("com", "SOA")):
            with self.subTest(name, rtype=rtype):
                direct, = dig.ask((self.resolver_addresses[0], 53), [(name, rtype)],
                                  preexec=(self.namespace.join,))
                self.assertEqual(self.dig(name, rtype).sections, direct.sections)

    def test_dig_by_address(self):
        tcp = ["+tcp"] if self.client_tcp else []
        text = self.namespace.run(["dig", "+short", *tcp, "-x", "128.119.245.12"])
        self.assertEqual(text.strip(), "gaia.cs.umass.edu.")

    def test_nslookup(self):
        for words, expected in ((["gaia.cs.umass.edu"], "128.119.245.12"),
                                (["www.ibm.com"], "198.51.100.7"),
                                (["-type=MX", "networkutopia.com"], "mail.networkutopia.com"),
                                (["128.119.245.12"], "gaia.cs.umass.edu")):
            with self.subTest(words):
                tcp = ["-vc"] if self.client_tcp else []
                text = self.namespace.run(["nslookup", *tcp, *words])
                self.assertIn(expected, text)
                if not words[-1][0].isdigit():  # by address it names no server
                    self.assertIn(f"{self.listen}#53", text)

    def test_getent(self):
        text = self.namespace.run(["getent", "ahosts", "gaia.cs.umass.edu"])
        self.assertEqual({line.split()[0] for line in text.splitlines()},
                         {"128.119.245.12", "2001:db8:128::12"})
        text = self.namespace.run(["getent", "ahosts", "www.ibm.com"])
        self.assertIn("198.51.100.7", text)
        self.assertIn("servereast.backup2.ibm.com", text)
        text = self.namespace.run(["getent", "hosts", "128.119.245.12"])
        self.assertIn("gaia.cs.umass.edu", text)
        self.namespace.run(["sh", "-c", "! getent ahosts nowhere.networkutopia.com"])
        self.assertGreater(self.ringdns.stats()["queries_led"], 4)

    def mail_hosts(self, domain):
        """Where a mail for DOMAIN goes, best first, as an MTA finds it out (RFC 5321 section 5)."""
        hosts = []
        for record in self.dig(domain, "MX").answer:
            preference, name = record.split(" MX ")[1].split()
            hosts += [(int(preference), name, each.split(" A ")[1])
                      for each in self.dig(name, "A").answer]
        return [(name, address) for _, name, address in sorted(hosts)]

    def test_mail_is_delivered_by_mx(self):
        with Sink(MAIL_HOST, self.namespace) as sink:
            hosts = self.mail_hosts("networkutopia.com")
            self.assertEqual(hosts, [("mail.networkutopia.com.", MAIL_HOST),
                                     ("mail2.networkutopia.com.", MAIL_HOST_2)])
            self.namespace.run(["swaks", "--server", hosts[0][1], "--from", "a@umass.edu", "--to",
                                "b@networkutopia.com", "--helo", "umass.edu", "--body", "by MX"])
            (sender, recipients, text), = sink.mails
        self.assertEqual((sender, recipients), ("<a@umass.edu>", ["<b@networkutopia.com>"]))
        self.assertRegex(text, "(?m)^by MX")

    def test_swaks_finds_the_host_itself(self):
        """swaks asks for MX and A over resolv.conf, where Perl's Net::DNS is there for it."""
        if "MX Routing supported" not in self.namespace.run(["swaks", "--support"], check=False):
            self.skipTest("swaks finds no Net::DNS")
        self.tools = True
        with Sink(MAIL_HOST, self.namespace) as sink:
            self.namespace.run(["swaks", "--from", "a@umass.edu", "--to", "c@networkutopia.com",
                                "--helo", "umass.edu"])
            self.assertEqual([mail[1] for mail in sink.mails], [["<c@networkutopia.com>"]])
        self.assertGreater(self.ringdns.stats()["queries_led"], 0)


class TcpClientTest(HierarchyTest):
    """Clients come over TCP."""

    client_tcp = True


class TcpResolverTest(HierarchyTest):
    """The resolvers are asked over TCP."""

    transport = "tcp"


class TcpTest(HierarchyTest):
    """TCP on either side."""

    client_tcp = True
    transport = "tcp"


class Ipv6Test(HierarchyTest):
    listen = "::1"
    resolver_addresses = RESOLVERS6


class TcpIpv6Test(Ipv6Test):
    client_tcp = True
    transport = "tcp"


class BothFamiliesTest(HierarchyTest):
    """Clients over IPv6, a resolver over each."""

    listen = "::1"
    resolver_addresses = (RESOLVERS[0], RESOLVERS6[1])


class DeadResolverTest(HierarchyTest):
    """The same with one of the two resolvers dead: the first questions are slower, that is all."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.resolvers[1].process.kill()

    def test_dig(self):
        for _ in range(3):
            self.check_names()
        stats = self.ringdns.stats()
        self.assertEqual(stats["answers_servfail"], 0)
        self.assertEqual(stats["answers_noerror"] + stats["answers_nxdomain"], 21)


class DeadResolverTcpTest(DeadResolverTest):
    client_tcp = True
    transport = "tcp"


if __name__ == "__main__":
    unittest.main()
