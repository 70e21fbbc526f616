# SPDX-License-Identifier: BSD-2-Clause
"""Where names go: routes by suffix to pools of knotd and unbound, reverse zones among them; names
that never leave; and the address that an upstream sees. Each server answers every name with its
own address and counts what it is asked."""

import re
import unittest

from support import dig, wire
from support.netns import Namespace
from support.places import PlaceCase, UnboundPlace, ask, fresh, label, mark, upstreams, who

DEFAULT, CORP, DEEP, REVERSE = "127.20.0.1", "127.20.0.2", "127.20.0.3", "127.20.0.4"
PUBLIC = "192.0.2.53"
SOURCE, SOURCE6 = "127.40.0.7", "fd00:40::7"
UNBOUND6 = "fd00:20::3"
DS, SVCB = 43, 64
LOCAL_OPTIONS = ("localhost", "test", "invalid", "onion", "resolver-arpa", "home-arpa",
                 "private-reverse")


class RoutesCase(PlaceCase, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enterClassContext(Namespace())
        cls.namespace.ip(f"addr add {PUBLIC}/32 dev lo")
        for address in (SOURCE6, UNBOUND6):
            cls.namespace.ip(f"addr add {address}/128 dev lo nodad")
        cls.default, cls.corp, cls.reverse = (
            cls.place(address) for address in (DEFAULT, CORP, REVERSE))
        cls.deep = cls.enterClassContext(
            UnboundPlace(DEEP, cls.namespace, addresses=(UNBOUND6,)))

    def setUp(self):
        self.addCleanup(self.restore, self.default, self.corp, self.reverse)

    def serve_routes(self, routes, **more):
        """Pools that are called as their places here."""
        pools = {name: {"servers": [getattr(self, name)]}
                 for name in ("default", "corp", "deep", "reverse")
                 if name == "default" or name in routes.values()}
        self.serve(pools, more={"routes": routes, **more})

    def assert_who(self, expected):
        """EXPECTED: name -> address of the place that answers it."""
        self.assertEqual(who(self.client, expected), expected)

    def reverse_of(self, address, *options):
        return self.namespace.run(["dig", "@127.0.0.1", "+short", *options, "-x", address]).strip()


class SuffixTest(RoutesCase):
    ROUTES = {"corp.example": "corp", "deep.corp.example": "deep",
              "119.128.in-addr.arpa": "reverse", "8.b.d.0.1.0.0.2.ip6.arpa": "reverse"}

    def setUp(self):
        super().setUp()
        self.serve_routes(self.ROUTES)

    def test_suffix_and_all_below_go_to_the_pool(self):
        self.assert_who({"corp.example": CORP, "www.corp.example": CORP,
                         "a.b.c.d.e.corp.example": CORP, "WWW.Corp.EXAMPLE": CORP})

    def test_labels_are_compared_whole(self):
        self.assert_who({"xcorp.example": DEFAULT, "corp.example.net": DEFAULT, "corp": DEFAULT,
                         "example": DEFAULT, "www.example": DEFAULT,
                         "corp\\.example": DEFAULT})

    def test_longest_suffix_wins(self):
        self.assert_who({"deep.corp.example": DEEP, "x.y.deep.corp.example": DEEP,
                         "notdeep.corp.example": CORP, "deep.example": DEFAULT})

    def test_reverse_zones(self):
        for address, place in (("128.119.245.12", REVERSE), ("128.120.245.12", DEFAULT),
                               ("2001:db8::1", REVERSE), ("2001:db9::1", DEFAULT)):
            for options in ((), ("+tcp",)):
                with self.subTest(address, options=options):
                    self.assertEqual(self.reverse_of(address, *options),
                                     f"{label(place)}.place.example.")

    def test_each_server_is_asked_for_its_own_names_only(self):
        places = {DEFAULT: self.default, CORP: self.corp, REVERSE: self.reverse}
        suffixes = {DEFAULT: "example", CORP: "corp.example", DEEP: "deep.corp.example",
                    REVERSE: "119.128.in-addr.arpa"}
        before = {address: place.asked() for address, place in places.items()}
        names = {address: fresh(50 + 10 * nth, suffix)
                 for nth, (address, suffix) in enumerate(suffixes.items())}
        self.assert_who({name: address for address, those in names.items() for name in those})
        for address, place in places.items():
            self.assertEqual(place.asked() - before[address], len(names[address]), address)
        logged = re.findall(r"info: \S+ (\S+)\. A IN", self.deep.process.output())
        self.assertLessEqual(set(names[DEEP]), set(logged))
        self.assertEqual([name for name in logged if not name.endswith("deep.corp.example")], [])

    def test_dead_pools_names_go_nowhere_else(self):
        before = self.default.asked(), self.reverse.asked()
        self.corp.process.kill()
        answers = ask(self.client, fresh(10, "corp.example"))
        self.assertEqual({each.rcode for each in answers.values()}, {wire.SERVFAIL})
        self.assertEqual((self.default.asked(), self.reverse.asked()), before)
        self.assert_who({"x.deep.corp.example": DEEP, "still.example": DEFAULT})

    def test_ds_at_the_top_of_a_suffix_is_its_parents(self):
        before = self.corp.asked("DS"), self.default.asked("DS")
        self.client.query("deep.corp.example", DS)
        self.assertEqual((self.corp.asked("DS"), self.default.asked("DS")),
                         (before[0] + 1, before[1]))
        self.client.query("corp.example", DS)
        self.assertEqual((self.corp.asked("DS"), self.default.asked("DS")),
                         (before[0] + 1, before[1] + 1))


class OtherRoutesTest(RoutesCase):
    def test_route_of_the_root_is_another_default(self):
        self.serve_routes({".": "corp", "default.example": "default"})
        self.assert_who({"www.example": CORP, "www.default.example": DEFAULT})
        # Names that are answered here are so all the same.
        self.assertEqual(self.client.query("x.test").rcode, wire.NXDOMAIN)

    def test_names_look_the_same_and_go_to_different_pools_at_a_time(self):
        """Questions are joined within a pool only, and there are none across pools."""
        self.serve_routes({"a.example": "corp", "b.example": "deep"})
        names = fresh(100, "a.example") + fresh(100, "b.example") + fresh(100, "c.example")
        expected = [CORP] * 100 + [DEEP] * 100 + [DEFAULT] * 100
        mixed = dict(zip(names[::3] + names[1::3] + names[2::3],
                         expected[::3] + expected[1::3] + expected[2::3]))
        self.assert_who(mixed)


class LocalTest(RoutesCase):
    # Name, type, RCODE, and the answer's records. The negative ones tell whose they are by an SOA.
    LOCAL = (
        ("localhost", "A", "NOERROR", ["localhost. IN A 127.0.0.1"]),
        ("www.localhost", "AAAA", "NOERROR", ["www.localhost. IN AAAA ::1"]),
        ("localhost", "MX", "NOERROR", []),
        ("test", "A", "NXDOMAIN", []),
        ("www.test", "AAAA", "NXDOMAIN", []),
        ("www.invalid", "A", "NXDOMAIN", []),
        ("abc.onion", "A", "NXDOMAIN", []),
        ("_dns.resolver.arpa", f"TYPE{SVCB}", "NOERROR", []),
        ("tv.home.arpa", "A", "NXDOMAIN", []),
        ("1.2.3.10.in-addr.arpa", "PTR", "NXDOMAIN", []),
        ("1.0.16.172.in-addr.arpa", "PTR", "NXDOMAIN", []),
        ("1.0.31.172.in-addr.arpa", "PTR", "NXDOMAIN", []),
        ("1.0.168.192.in-addr.arpa", "PTR", "NXDOMAIN", []),
        ("1.0.254.169.in-addr.arpa", "PTR", "NXDOMAIN", []),
        ("1.0.0.127.in-addr.arpa", "PTR", "NOERROR",
         ["1.0.0.127.in-addr.arpa. IN PTR localhost."]),
        ("9.0.d.f.ip6.arpa", "PTR", "NXDOMAIN", []),
        ("b.e.f.ip6.arpa", "PTR", "NOERROR", []),
    )
    ABROAD = ("localhost.example", "test.example", "mytest", "arpa", "11.in-addr.arpa",
              "1.0.15.172.in-addr.arpa", "1.0.32.172.in-addr.arpa", "1.169.192.in-addr.arpa",
              "e.f.ip6.arpa", "example", "local", "work.arpa")
    # A name of each option's, asked for its address.
    SAMPLES = dict(zip(LOCAL_OPTIONS, ("x.localhost", "x.test", "x.invalid", "x.onion",
                                       "x.resolver.arpa", "x.home.arpa", "1.10.in-addr.arpa")))

    def serve_local(self, routes=None, **local):
        self.serve_routes(routes or {}, local={"private-reverse": True, **local})

    def assert_local(self, name, rtype, rcode, records, *options):
        reply, = dig.ask(("127.0.0.1", 53), [(name, rtype)], options,
                         preexec=(self.namespace.join,))
        self.assertEqual((reply.rcode, sorted(reply.answer)), (rcode, sorted(records)))
        self.assertEqual([each.split()[2] for each in reply.authority], [] if records else ["SOA"])

    def assert_stays(self, name):
        data = [each.rdata for each in self.client.query(name).answer]
        for place in (DEFAULT, CORP, DEEP, REVERSE, PUBLIC):
            self.assertNotIn(wire.a(place), data, f"{name} left")

    def test_local_names_are_answered_here(self):
        self.serve_local()
        before = self.default.counts()
        for each in self.LOCAL:
            for options in ((), ("+tcp",), ("+noedns",)):
                with self.subTest(each[0], rtype=each[1], options=options):
                    self.assert_local(*each, *options)
        self.assertEqual(self.ringdns.stats()["answers_local"], 3 * len(self.LOCAL))
        self.assertEqual(self.default.counts(), before)

    def test_neighbours_of_local_names_are_forwarded(self):
        self.serve_local()
        self.assert_who(dict.fromkeys(self.ABROAD, DEFAULT))
        self.assertEqual(self.ringdns.stats()["answers_local"], 0)

    def test_each_can_be_switched_off(self):
        for option in LOCAL_OPTIONS:
            with self.subTest(option):
                self.serve_local(**{option: False})
                self.assert_who({self.SAMPLES[option]: DEFAULT})
                for other, name in self.SAMPLES.items():
                    if other != option:
                        self.assert_stays(name)
                self.ringdns.stop()

    def test_route_goes_before_the_local_answer(self):
        self.serve_local({"test": "corp", "10.in-addr.arpa": "reverse", "home.arpa": "corp"})
        self.assert_who({"www.test": CORP, "test": CORP, "tv.home.arpa": CORP,
                         "1.2.3.10.in-addr.arpa": REVERSE})
        self.assertEqual(self.reverse_of("10.3.2.1"), f"{label(REVERSE)}.place.example.")
        for name in ("x.invalid", "1.168.192.in-addr.arpa", "localhost"):
            self.assert_stays(name)

    def test_route_below_a_local_name_takes_its_own_part(self):
        self.serve_local({"lan.home.arpa": "corp", "7.10.in-addr.arpa": "reverse"})
        self.assert_who({"tv.lan.home.arpa": CORP, "1.1.7.10.in-addr.arpa": REVERSE})
        self.assert_stays("tv.home.arpa")
        self.assert_stays("1.1.8.10.in-addr.arpa")

    def test_route_above_local_names_takes_them_with_it(self):
        self.serve_local({"in-addr.arpa": "reverse"})
        self.assert_who({"1.2.3.10.in-addr.arpa": REVERSE, "1.1.168.192.in-addr.arpa": REVERSE})
        self.assert_stays("9.0.d.f.ip6.arpa")

    def test_private_reverse_by_itself_is_left_to_private_resolvers(self):
        self.serve_local(**{"private-reverse": "auto"})
        self.assert_who({"1.2.3.10.in-addr.arpa": DEFAULT})

    def test_private_reverse_by_itself_stays_where_resolvers_are_public(self):
        public = self.place(PUBLIC)
        self.serve({"default": {"servers": [public]}})
        self.assert_stays("1.2.3.10.in-addr.arpa")
        self.assert_who({"1.2.3.11.in-addr.arpa": PUBLIC})
        self.assertEqual(self.client.query("1.2.3.10.in-addr.arpa").rcode, wire.NXDOMAIN)


class SourceTest(RoutesCase):
    def seen_from(self, name):
        """The address that asked the resolver for NAME."""
        self.assertEqual(mark(self.client.query(name)), DEEP)
        return self.deep.process.wait_for(rf"info: (\S+) {re.escape(name)}\. A IN")[1]

    def serve_from(self, server, source, **pool):
        self.serve({"default": {"servers": [server], **({"source": source} if source else {}),
                                **pool}})

    def test_system_chooses_without_one(self):
        self.serve_from(f"{DEEP}:53", None)
        self.assertEqual(self.seen_from(*fresh(1)), "127.0.0.1")

    def test_upstream_sees_the_source(self):
        for transport in ("auto", "tcp"):
            for server, source in ((f"{DEEP}:53", SOURCE), (f"[{UNBOUND6}]:53", SOURCE6)):
                with self.subTest(server, transport=transport):
                    self.serve_from(server, source, transport=transport)
                    self.assertEqual(self.seen_from(*fresh(1)), source)
                    one, = upstreams(self.ringdns)
                    self.assertEqual(one["source"], source)
                    used = one["counters"]["sent_tcp" if transport == "tcp" else "sent"]
                    self.assertGreater(used, 0)
                    self.ringdns.stop()

    def test_one_for_each_family(self):
        self.serve({"default": {"servers": [f"{DEEP}:53", f"[{UNBOUND6}]:53"], "policy": "spread",
                                "source": [SOURCE, SOURCE6]}})
        seen = {self.seen_from(name) for name in fresh(60)}
        self.assertEqual(seen, {SOURCE, SOURCE6})  # one of them is missed once in 2^59 times

    def test_pools_differ_towards_the_same_server(self):
        self.serve({"default": {"servers": [f"{DEEP}:53"]},
                    "other": {"servers": [f"{DEEP}:53"], "source": SOURCE}},
                   more={"routes": {"other.example": "other"}})
        for below, source in (("example", "127.0.0.1"), ("other.example", SOURCE)):
            for name in fresh(5, below):
                self.assertEqual(self.seen_from(name), source)


if __name__ == "__main__":
    unittest.main()
