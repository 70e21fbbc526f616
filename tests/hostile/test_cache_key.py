# SPDX-License-Identifier: BSD-2-Clause
"""What answers of the cache belong to whom: CD and DO are part of the key, AD follows the pool's
trust, spelling is the client's own, and names are compared by their bytes."""

import itertools
import os
import random
import signal
import unittest

from support import wire
from support.cache_case import ADDRESS, RDATA, CacheCase, addresses, any_type, denial
from support.hostile import Send, Upstream
from support.process import patience, wait_until
from support.ringdns import endpoint, yaml

EVIL = "192.0.2.66"


def by_flags(arrival):
    """An address that tells CD and DO of the query."""
    asked = arrival.message
    host = 2 * asked.has(wire.CD) + bool(asked.edns and asked.edns.flags & wire.DO)
    return [Send(wire.address_reply(asked, f"192.0.2.{host}"))]


def ede(code, text=b""):
    return wire.option(wire.EDE, code.to_bytes(2, "big") + text)


class PollutionTest(CacheCase):
    def test_cd_pollution_never_reaches_clients_without_cd(self):
        """With CD=1 bogus data may come; only who asks so gets it."""
        self.serve(addresses(address=EVIL))
        self.assert_address(self.from_upstream("www.example", flags=wire.RD | wire.CD), EVIL)
        self.upstream.behaviour = addresses()
        self.assert_address(self.from_upstream("www.example"))
        self.assert_address(self.from_cache("www.example", flags=wire.RD | wire.CD), EVIL)
        self.assert_address(self.from_cache("www.example"))

    def test_all_of_cd_and_do_are_apart(self):
        self.serve(by_flags)
        cases = list(itertools.product((False, True), repeat=2))
        for ask in (self.from_upstream, self.from_cache):
            for cd, do in cases:
                with self.subTest(ask=ask.__name__, cd=cd, do=do):
                    answer = ask("www.example", do=do, flags=wire.RD | (wire.CD if cd else 0))
                    self.assert_address(answer, f"192.0.2.{2 * cd + do}")
                    self.assertEqual(answer.has(wire.CD), cd)

    def test_denials_are_apart_as_well(self):
        """One without DO has no NSEC to show to a client that wants it."""
        self.serve(denial())
        for do, cd in itertools.product((False, True), repeat=2):
            flags = wire.RD | (wire.CD if cd else 0)
            self.from_upstream("gone.example", do=do, flags=flags)
            answer = self.from_cache("gone.example", wire.AAAA, do=do, flags=flags,
                                     kind="cache_hits_negative")
            self.assertEqual(answer.rcode, wire.NXDOMAIN)

    def test_flags_and_options_that_do_not_matter_share(self):
        """AD, Z, EDNS or none, its size and options."""
        self.serve()
        self.from_upstream("www.example")
        subnet = wire.option(wire.ECS, b"\0\1\x18\0\xc0\0\2")
        for kw in ({"flags": wire.RD | wire.AD}, {"flags": wire.RD | wire.Z}, {"edns": False},
                   {"size": 512}, {"options": subnet}, {"options": wire.option(wire.NSID)}):
            with self.subTest(kw):
                self.assert_address(self.from_cache("www.example", **kw))

    def test_types_are_apart(self):
        self.serve(any_type)
        for ask in (self.from_upstream, self.from_cache):
            for qtype, rdata in RDATA.items():
                answer = ask("www.example", qtype)
                self.assertEqual([(each.type, each.rdata) for each in answer.answer],
                                 [(qtype, rdata)])

    def test_a_pool_is_not_polluted_by_another(self):
        """MaginotDNS: a name that is asked of another pool now is not answered by what the first
        one said."""
        evil = self.enterContext(Upstream(addresses(address=EVIL)))
        good = self.enterContext(Upstream(addresses()))
        pools = {"default": {"servers": [endpoint(*evil.servers[0])]},
                 "inner": {"servers": [endpoint(*good.servers[0])]}}
        config = {"cache": {"size": "64MiB"}, "loop-probe": False, "upstreams": pools,
                  "routes": {"corp.example": "inner"}}
        self.start((), config={**config, "routes": {"else.example": "inner"}})
        self.assert_address(self.from_upstream("www.corp.example"), EVIL)
        with open(self.ringdns.file + ".new", "w", encoding="utf-8") as file:
            file.write(yaml(config) + "\n")
        os.rename(self.ringdns.file + ".new", self.ringdns.file)
        self.ringdns.process.signal(signal.SIGHUP)
        wait_until(lambda: self.client.query("www.corp.example").answer[0].rdata
                   == wire.a(ADDRESS), patience(5), "the new route is not used")
        self.assert_address(self.from_cache("www.corp.example"))


class AuthenticTest(CacheCase):
    """AD from the cache: to clients with AD or DO, from a pool that is trusted."""

    def check_ad(self, trust):
        self.serve(lambda arrival: [Send(wire.address_reply(
            arrival.message, ADDRESS,
            flags=wire.RA | (wire.AD if arrival.message.qname[1:3] == b"ad" else 0)))],
            pool={"trust-ad": trust})
        for upstream, do in itertools.product(("ad", "no"), (False, True)):
            self.from_upstream(f"{upstream}.example", do=do)
        cases = itertools.product((False, True), (False, True), ("ad", "no"))
        for ad, do, upstream in cases:
            with self.subTest(client_ad=ad, client_do=do, upstream=upstream, trust=trust):
                answer = self.from_cache(f"{upstream}.example", do=do,
                                         flags=wire.RD | (wire.AD if ad else 0))
                self.assert_address(answer)
                self.assertEqual(answer.has(wire.AD), trust and upstream == "ad" and (ad or do))
                self.assertEqual(answer.edns.flags, wire.DO if do else 0)

    def test_ad_from_the_cache_of_a_trusted_pool(self):
        self.check_ad(True)

    def test_ad_from_the_cache_of_a_pool_that_is_not_trusted(self):
        self.check_ad(False)

    def test_aa_is_not_kept(self):
        self.serve(addresses(flags=wire.RA | wire.AA))
        self.from_upstream("www.example")
        answer = self.from_cache("www.example")
        self.assertEqual((answer.has(wire.RA), answer.has(wire.AA)), (True, False))

    def test_extended_errors_are_kept_with_their_answer(self):
        """And no other option of the upstream's."""
        options = ede(18, b"prohibited") + wire.option(wire.NSID, b"theirs") + ede(4)
        self.serve(addresses(edns=wire.opt(size=4000, options=options)))
        for ask in (self.from_upstream, self.from_cache):
            answer = ask("www.example")
            self.assertEqual(answer.edns.errors(), [(18, b"prohibited"), (4, b"")])
            self.assertEqual([code for code, _ in answer.edns.options], [wire.EDE, wire.EDE])
            self.assertNotEqual(answer.edns.size, 4000)
        self.assertIsNone(self.from_cache("www.example", edns=False).edns)


class NamesTest(CacheCase):
    def test_spelling_is_each_clients_own(self):
        """0x20: one entry, whatever the spelling, and each gets its own back."""
        self.serve()
        rnd = random.Random(20)
        name = wire.name("www.Some-Label.spelling.example")
        self.assert_address(self.from_upstream(name))
        for _ in range(20):
            mine = wire.spelling(name, rnd)
            answer = self.from_cache(mine)
            self.assert_address(answer)
            self.assertEqual((answer.qname, answer.answer[0].name), (mine, mine))

    def test_spelling_of_one_who_fills_the_cache_is_not_kept(self):
        """Whatever a server makes of it in the owner names."""
        self.serve(lambda arrival: [Send(wire.reply(arrival.message, [
            wire.record("WWW.exaMPLE", wire.CNAME, wire.name("Target.example")),
            wire.record("tARGET.example", wire.A, wire.a(ADDRESS))]))])
        self.from_upstream("WWW.EXAMPLE")
        answer = self.from_cache("www.example")
        self.assertEqual(answer.qname, wire.name("www.example"))
        self.assertEqual([each.name.lower() for each in answer.answer],
                         [wire.name("www.example"), wire.name("target.example")])

    def test_nul_dot_and_0xff_in_labels_never_match_others(self):
        """Each name has an address of its own, and keeps it."""
        names = [wire.name(f"{each}.example") for each in (
            "a\\000b", "a\\.b", "a.b", "a\\255b", "a", "a\\000", "b", "\\000a", "a\\000b.a",
            "\\255", "a\\223b", "\\@", "`", "\\[", "{")]
        place = {name: f"192.0.2.{i}" for i, name in enumerate(names)}
        self.serve(lambda arrival: [Send(wire.address_reply(
            arrival.message, place[arrival.message.qname.lower()]))])
        for ask in (self.from_upstream, self.from_cache):
            for name in names:
                with self.subTest(wire.show(name), ask=ask.__name__):
                    answer = ask(name)
                    self.assert_address(answer, place[name])
                    self.assertEqual(answer.qname, name)

    def test_longest_names_and_the_root(self):
        self.serve()
        longest = (b"\x3f" + b"\xfe" * 63) * 3 + b"\x3d" + b"\x01" * 61 + b"\0"
        many = b"\1a" * 127 + b"\0"
        for name in (longest, many, b"\0", b"\x3f" + bytes(range(1, 64)) + b"\0"):
            with self.subTest(wire.show(name)):
                self.assert_address(self.from_upstream(name))
                answer = self.from_cache(name)
                self.assert_address(answer)
                self.assertEqual(answer.qname, name)

    def test_names_answered_locally_are_not_in_the_cache(self):
        self.serve()
        for name in ("localhost", "www.test", "x.invalid"):
            before = self.ringdns.stats()
            for _ in range(2):
                self.client.query(name)
            after = self.ringdns.stats()
            self.assertEqual(after["answers_local"] - before["answers_local"], 2)
            self.assertEqual(after["cache_stored"], before["cache_stored"])


if __name__ == "__main__":
    unittest.main()
