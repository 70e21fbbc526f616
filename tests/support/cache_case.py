# SPDX-License-Identifier: BSD-2-Clause
"""A test case for a forwarder with a cache: who answered, the cache or an upstream, is told by what
was asked upstream and by the counters; and what upstreams say that may be kept or not."""

import functools
import struct

from support import wire
from support.case import ForwarderCase
from support.hostile import Send
from support.process import patience, wait_until
from support.ringdns import Ringdns

ADDRESS = "192.0.2.1"
STALE_ERROR, STALE_NXDOMAIN_ERROR, CACHED_ERROR = 3, 19, 13  # RFC 8914
STALE_TTL = 30
HITS = ("cache_hits", "cache_hits_negative", "cache_hits_failure", "cache_hits_stale")


def soa(minimum=300):
    """RDATA."""
    return (wire.name("ns.example") + wire.name("admin.example")
            + struct.pack("!5I", 1, 3600, 600, 86400, minimum))


def denial(rcode=wire.NXDOMAIN, ttl=300, minimum=300, owner="example", alias=None, **kw):
    """A behaviour: NXDOMAIN or, with NOERROR, no data, with a SOA. ALIAS: the name is a CNAME of
    it, and that is what is denied."""
    def behave(arrival):
        answer = [wire.record(b"\xc0\x0c", wire.CNAME, wire.name(alias))] if alias else []
        authority = [wire.record(owner, wire.SOA, soa(minimum), ttl)] if owner else []
        return [Send(wire.reply(arrival.message, answer, authority, rcode=rcode, **kw))]
    return behave


def addresses(ttl=300, address=ADDRESS, **kw):
    """A behaviour: one A record of this TTL."""
    return lambda arrival: [Send(wire.address_reply(arrival.message, address, ttl, **kw))]


RDATA = {wire.A: wire.a(ADDRESS), wire.AAAA: bytes(15) + b"\1", wire.TXT: wire.txt(b"text"),
         wire.NS: wire.name("ns.example"), wire.MX: b"\0\1" + wire.name("mx.example")}


def any_type(arrival):
    """A behaviour: a record of the type that was asked for."""
    qtype = arrival.message.questions[0][1]
    return [Send(wire.reply(arrival.message, [wire.record(b"\xc0\x0c", qtype, RDATA[qtype])]))]


def by_name(behaviours, otherwise=any_type):
    """A behaviour: those of BEHAVIOURS (first label -> behaviour) by the question's first label."""
    def behave(arrival):
        qname = arrival.message.qname
        first = qname[1:1 + qname[0]].decode("latin-1").lower()
        return behaviours.get(first, otherwise)(arrival)
    return behave


def questions(stats):
    """Asked upstream so far, each counted once."""
    return stats["upstream_sent"] - stats["upstream_resent"]


def hits(stats):
    return sum(stats[field] for field in HITS)


@functools.cache
def smallest_cache(workers=1):
    """The least cache.size that starts, but for 0: in bytes, a power of two."""
    size = 1 << 12
    while size <= 1 << 28:
        ringdns = Ringdns([("127.0.0.1", 9)], cache={"size": size}, workers=workers)
        try:
            ringdns.wait_ready()
        except AssertionError:
            ringdns.failed((1, 2))
            size *= 2
        else:
            ringdns.stop()
            return size
    raise AssertionError("no cache is large enough")


class CacheCase(ForwarderCase):
    """The cache has a size at which nothing in a test is ever without room, unless it says so."""

    def serve(self, *args, cache=None, **kw):  # pylint: disable=arguments-differ
        """CACHE: options of it."""
        super().serve(*args, cache={"size": "64MiB", **(cache or {})}, **kw)

    def ask(self, qname, qtype=wire.A, *, client=None, **kw):
        """The answer, and by how much the counters (of HITS, and questions upstream) grew."""
        before = self.ringdns.stats()
        answer = (client or self.client).query(qname, qtype, **kw)
        after = self.ringdns.stats()
        grown = {field: after[field] - before[field] for field in HITS}
        return answer, grown, questions(after) - questions(before)

    def from_cache(self, qname, qtype=wire.A, *, kind="cache_hits", **kw):
        """The answer; nothing was asked upstream for it, and it was counted as one of KIND."""
        answer, grown, asked = self.ask(qname, qtype, **kw)
        self.assertEqual(grown, {field: int(field == kind) for field in HITS}, f"{qname} {qtype}")
        self.assertEqual(asked, 0, f"{qname} {qtype} went upstream")
        return answer

    def from_upstream(self, qname, qtype=wire.A, **kw):
        """The answer; it was asked upstream for it, once, and the cache had no part in it."""
        answer, grown, asked = self.ask(qname, qtype, **kw)
        self.assertEqual(sum(grown.values()), 0, f"{qname} {qtype}: {grown}")
        self.assertEqual(asked, 1, f"{qname} {qtype}: questions upstream")
        return answer

    def wait_expired(self, qname, qtype=wire.A, seconds=5, **kw):
        """Until the answer to it is no longer fresh. cache.without-recursion must be set: what is
        asked so never goes upstream."""
        def expired():
            answer = self.client.query(qname, qtype, flags=0, **kw)
            return answer.rcode == wire.REFUSED
        wait_until(expired, patience(seconds), f"{qname} is fresh still")

    def wait_counted_down(self, qname, below, qtype=wire.A, seconds=5, **kw):
        """The answer to it, once the TTL of its first record is below BELOW; nothing goes upstream
        for that."""
        before = questions(self.ringdns.stats())
        seen = []

        def look():
            answer = self.client.query(qname, qtype, **kw)
            seen.append((answer.answer or answer.authority)[0].ttl)
            return seen[-1] < below and answer
        answer = wait_until(look, patience(seconds), lambda: f"{qname}: TTLs {seen}")
        self.assertEqual(questions(self.ringdns.stats()), before)
        self.assertEqual(seen, sorted(seen, reverse=True), "a TTL that grew")
        return answer

    def assert_rcode(self, answer, rcode, *errors):
        """RCODE, and exactly these extended errors; none of them in an answer without EDNS."""
        self.assertEqual(answer.rcode, rcode)
        said = [each[0] for each in answer.edns.errors()] if answer.edns else []
        self.assertEqual(said, list(errors) if answer.edns else [])

    def assert_failed(self, answer, *errors):
        """SERVFAIL and nothing else in it but these extended errors."""
        self.assert_rcode(answer, wire.SERVFAIL, *errors)
        self.assertEqual((answer.answer, answer.authority, answer.additional), ([], [], []))
