#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make_corpus.py [FOLDER] - writes the seeds of the fuzz targets, tests/fuzz/corpus by default.

Sound inputs come from dnspython; what it refuses to make is put together by hand. The same seeds
each time. Inputs that fuzzing found are kept beside them under names that begin with "found-".
"""

import os
import random
import struct
import sys

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rrset

HEADER = bytes(12)
ZONE = 'example.'


def labels(*texts):
    return b''.join(bytes([len(text)]) + text for text in texts) + b'\0'


def option(code, data=b''):
    return struct.pack('!HH', code, len(data)) + data


def name_seeds():
    """The first byte is the offset of the name in what follows."""
    at_start = {
        'root': b'\0',
        'plain': labels(b'www', b'networkutopia', b'com'),
        'spelled': labels(b'GaIa', b'CS', b'umass', b'EDU'),
        'not-letters': labels(b'@`[{', b'AZaz', b'\xc1\xe1'),
        'nul-and-dot': labels(b'a\0b', b'c.d', b'\\', b'"();@$ '),
        'label-63': labels(b'x' * 63),
        'label-64': labels(b'x' * 64),
        'name-255': labels(*[b'x'] * 127),
        'name-256': labels(*[b'x'] * 126, b'yy'),
        'high-bytes': labels(bytes(range(128, 191)), bytes(range(191, 254))),
        'no-root': labels(b'www', b'example')[:-1],
        'cut-label': b'\7exam',
        'type-01': b'\1a\x40' + b'b' * 64 + b'\0',
        'type-10': b'\1a\x80\0\0',
        'text-escapes': b'a\\.b\\\\.\\000\\255.\\@.',
        'text-bad-escape': b'\\256.a',
        'text-empty-label': b'a..b',
        'text-long': b'x.' * 127,
    }
    compressed = {
        'pointer': (HEADER + labels(b'example') + b'\3www\xc0\x0c', 21),
        'pointer-alone': (HEADER + labels(b'example') + b'\xc0\x0c', 21),
        'pointer-chain': (HEADER + labels(b'com') + b'\1b\xc0\x0c\1a\xc0\x11\xc0\x15', 25),
        'pointer-self': (HEADER + b'\xc0\x0c', 12),
        'pointer-own-label': (HEADER + b'\1a\xc0\x0c', 12),
        'pointer-forward': (HEADER + b'\xc0\x0e\1a\0', 12),
        'pointer-header': (HEADER + b'\xc0\x04', 12),
        'pointer-each-other': (HEADER + b'\xc0\x0e\xc0\x0c', 14),
        'pointer-cut': (HEADER + labels(b'a') + b'\xc0', 15),
        'pointer-middle': (HEADER + labels(b'aa', b'bb') + b'\1c\xc0\x0d', 19),
        'pointers-many': (HEADER + b'\0' + b''.join(
            struct.pack('!H', 0xc000 | (13 + 2 * (i - 1) if i else 12)) for i in range(118)), 247),
    }
    seeds = {name: b'\0' + wire for name, wire in at_start.items()}
    seeds.update((name, bytes([at]) + wire) for name, (wire, at) in compressed.items())
    return seeds


# One record of every type that wire/layout.c knows of and dnspython can write.
RECORDS = [
    ('A', '192.0.2.1'), ('AAAA', '2001:db8::1'), ('NS', 'ns.example.'), ('CNAME', 'a.example.'),
    ('PTR', 'host.example.'), ('SOA', 'ns.example. mail.example. 1 7200 900 604800 300'),
    ('MX', '10 mail.example.'), ('TXT', '"some text" "" "more"'), ('HINFO', '"RFC8482" ""'),
    ('RP', 'mail.example. text.example.'), ('AFSDB', '1 afs.example.'), ('X25', '"311061700956"'),
    ('ISDN', '"150862028003217" "004"'), ('RT', '2 relay.example.'), ('NSAP-PTR', 'a.example.'),
    ('PX', '10 map822.example. mapx400.example.'), ('GPOS', '-32.6882 116.8652 10.0'),
    ('LOC', '52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m'),
    ('SRV', '0 5 5060 sip.example.'), ('NAPTR', '100 50 "s" "SIP+D2U" "" _sip._udp.example.'),
    ('KX', '10 kx.example.'), ('DNAME', 'other.example.'),
    ('RRSIG', 'A 8 2 300 20300101000000 20200101000000 12345 example. c2lnbmF0dXJl'),
    ('NSEC', 'b.example. A NS RRSIG'), ('SVCB', '1 svc.example. port=853'),
    ('HTTPS', '1 . alpn=h2,h3 ipv4hint=192.0.2.7'), ('SPF', '"v=spf1 -all"'),
    ('NID', '10 0014:4fff:ff20:ee64'), ('L32', '10 10.1.2.0'), ('L64', '10 2001:0DB8:1140:1000'),
    ('LP', '10 l64.example.'), ('EUI48', '00-00-5e-00-53-2a'), ('EUI64', '00-00-5e-ef-10-00-00-2a'),
    ('CAA', '0 issue "ca.example"'), ('DS', '1 8 2 ' + 'ab' * 32), ('TYPE65280', r'\# 3 c0ff00'),
]


def reply(*answers, qname='www.example.', edns=None, **sections):
    message = dns.message.make_response(dns.message.make_query(qname, 'A', use_edns=edns, id=4660))
    message.answer = [dns.rrset.from_text(qname, 300, 'IN', *answer) for answer in answers]
    for section, owners in sections.items():
        setattr(message, section, [dns.rrset.from_text(owner, 300, 'IN', *record)
                                   for owner, *record in owners])
    return message.to_wire()


def message_seeds():
    plain = dns.message.make_query('www.example.', 'A', id=4660).to_wire()
    with_edns = dns.message.make_query('WwW.eXample.', 'AAAA', want_dnssec=True, id=1).to_wire()
    full = reply(('CNAME', 'a.example.'), ('A', '192.0.2.1', '192.0.2.2'), edns=0,
                 authority=[(ZONE, 'NS', 'ns.example.')],
                 additional=[('ns.example.', 'A', '192.0.2.53')])
    seeds = {f'type-{rtype.lower()}': reply((rtype, text)) for rtype, text in RECORDS}
    opt = b'\0' + struct.pack('!HHIH', 41, 1232, 0, 0)
    seeds.update({
        'query': plain,
        'query-edns': with_edns,
        'query-cut': plain[:-1],
        'header-alone': plain[:12],
        'no-question': bytes(12),
        'two-questions': b'\0\1\1\0\0\2' + bytes(6) + plain[12:] * 2,
        'reply-full': full,
        'reply-cut': full[:-3],
        'reply-trailing': full + b'\0',
        'counts-lie': full[:6] + b'\xff\xff' + full[8:],
        'two-opts': plain[:10] + b'\0\2' + plain[12:] + opt * 2,
        'opt-in-answer': plain[:6] + b'\0\1' + plain[8:] + opt,
        'opt-not-at-root': plain[:10] + b'\0\1' + plain[12:] + b'\xc0\x0c' + opt[1:],
        'opt-overrun': plain[:10] + b'\0\1' + plain[12:] + opt[:-2] + b'\0\4\0\3\0\1',
        'rdlength-short': full.replace(b'\0\4\xc0\0\2\1', b'\0\3\xc0\0\2\1'),
        'owner-loop': plain[:6] + b'\0\1' + plain[8:] + b'\xc0\x1d' + bytes(10),
        'class-any': plain[:6] + b'\0\1' + plain[8:] + b'\xc0\x0c\0\1\0\xff' + bytes(6),
        'authority-soa': reply(edns=0, authority=[
            (ZONE, 'SOA', 'ns.example. mail.example. 1 7200 900 604800 300')]),
        'referral': reply(authority=[(ZONE, 'NS', 'ns.example.')]),
        'opt-cookie': plain[:10] + b'\0\1' + plain[12:] + opt[:-2] + b'\0\x10' +
                      option(11) + option(10, b'12345678'),
        'opt-version-1': plain[:10] + b'\0\1' + plain[12:] + opt[:6] + b'\1' + opt[7:-2] +
                         b'\0\x0c' + option(10, b'12345678'),
        'tsig': plain[:10] + b'\0\1' + plain[12:] + b'\0\0\xfa\0\xff' + bytes(6),
        'sig0': plain[:10] + b'\0\1' + plain[12:] + b'\0\0\x18\0\xff\0\0\0\0\0\x13' + bytes(19),
    })
    return seeds


def edns_seeds():
    """The first byte is the room for our own OPT."""
    options = {
        'none': b'',
        'nsid': option(3),
        'cookie': option(10, b'12345678'),
        'cookie-both': option(10, b'12345678' + b'server--' * 4),
        'cookie-empty-first': option(10) + option(10, b'12345678') + option(10, b'87654321'),
        'cookie-300': option(10, bytes(300)),
        'keepalive': option(11) + option(11, b'\0\1'),
        'subnet': option(8, b'\0\1\x18\0\xc0\0\2'),
        'padding': option(12, bytes(40)),
        'ede': dns.edns.EDEOption(22, 'none answers').to_wire(),
        'ede-no-text': option(15, b'\0\x16'),
        'ede-no-code': option(15) + option(15, b'\0'),
        'ede-six': b''.join(option(15, struct.pack('!H', i) + b'text') for i in range(6)),
        'ede-64': option(15, b'\0\1' + b'a' * 64),
        'ede-65': option(15, b'\0\1' + b'a' * 65),
        'ede-utf8-2': option(15, b'\0\1' + b'a' * 63 + 'é'.encode() + b'aaa'),
        'ede-utf8-3': option(15, b'\0\1' + b'a' * 62 + '€'.encode() + b'aaa'),
        'ede-utf8-4': option(15, b'\0\1' + b'a' * 61 + '🌍'.encode() + b'aaa'),
        'ede-not-utf8': option(15, b'\0\1' + b'\x80' * 80),
        'unknown-many': b''.join(option(1000 + i) for i in range(200)),
        'mixed': option(3) + option(15, b'\0\x17oof') + option(65001, b'xyz') + option(15, b'\0\0'),
        'overrun': option(3)[:-2] + b'\0\1',
        'overrun-far': option(3) + b'\0\x0f\xff\xff\0\1',
        'cut-head': option(3) + b'\0\x0f\0',
    }
    seeds = {name: b'\xff' + data for name, data in options.items()}
    for room in (0, 10, 11, 16, 17, 30):
        seeds[f'room-{room}'] = bytes([room]) + options['ede']
    return seeds


def untidy(qtype, *records, flags=0x8180, number=8):
    """A reply to www.example. of QTYPE; records are (section, owner, type, RDATA, TTL)."""
    counts = [sum(section == i for section, *_ in records) for i in range(3)]
    wire = (struct.pack('!6H', number, flags, 1, *counts) + labels(b'www', b'example') +
            struct.pack('!HH', qtype, 1))
    for _, owner, rtype, data, *ttl in records:
        wire += owner + struct.pack('!HHIH', rtype, 1, *ttl or [300], len(data)) + data
    return wire


def tidy_seeds():
    www, target = b'\xc0\x0c', labels(b'a')
    zone, other = labels(b'example'), labels(b'other')
    address, alias = (0, www, 1, b'abcd'), (0, www, 5, target)
    soa = (1, zone, 6, b'\0\0' + bytes(16) + b'\0\0\0\x1e')
    rrsig = [struct.pack('!H', covered) + bytes(17) + b'sig' for covered in (1, 5, 39)]
    dname = [(0, zone, 39, other), (0, zone, 46, rrsig[2]), (0, www, 5, labels(b'www', b'other'))]
    errors = (2, b'\0', 41, option(10, b'12345678') + option(15, b'\0\x16oof'))
    return {
        'address': untidy(1, address),
        'addresses': untidy(1, *[address] * 4, (0, www, 46, rrsig[0])),
        'alias': untidy(1, alias, (0, www, 46, rrsig[1]), *[(0, b'\xc0\x29', 1, b'abcd')] * 2),
        'backward': untidy(1, (0, target, 1, b'abcd'), alias),
        'circle': untidy(1, alias, (0, target, 5, labels(b'www', b'example')), soa),
        'long': untidy(1, alias, *[(0, labels(*[b'a'] * i), 5, labels(*[b'a'] * (i + 1)))
                                 for i in range(1, 18)]),
        'junk': untidy(1, (0, other, 1, b'abcd'), address, (2, other, 1, b'abcd')),
        'dname': untidy(1, *dname),
        'dname-wrong': untidy(1, *dname[:2], alias),
        'no-data': untidy(1, soa),
        'no-name': untidy(1, soa, flags=0x8183),
        'no-name-behind': untidy(1, alias, (1, b'\0', *soa[2:]), flags=0x8183),
        'no-name-elsewhere': untidy(1, (1, other, *soa[2:]), flags=0x8183),
        'no-ds': untidy(43, (1, labels(b'www', b'example'), *soa[2:])),
        'any': untidy(255, address, alias, (0, www, 16, b'\1a'), (0, target, 1, b'abcd')),
        'cname': untidy(5, alias, (0, target, 1, b'abcd')),
        'rrsig': untidy(46, alias, (0, www, 46, rrsig[1])),
        'errors': untidy(1, address, (2, other, 1, b'abcd'), errors, (2, target, 1, b'abcd')),
        'errors-junk': untidy(1, (0, other, 1, b'abcd'), errors, number=0),
        'ttl-top-bit': untidy(1, (*address, 1 << 31), (*address, 0), number=3),
        'name-in-ttl': untidy(2, (0, www, 2, target, 0x01610000), (0, www, 2, b'\xc0\x23')),
        'name-in-address': untidy(1, (0, www, 1, b'\1a\0\0'), address, (1, zone, 2, b'\xc0\x29')),
        'label-ends-high': untidy(1, address, (1, b'\3ab\xd0\0', 2, b'\xc0\x0c')),
        'mail': untidy(15, (0, other, 1, b'abcd'), (0, www, 15, b'\0\1\xc0\x10'),
                     (0, www, 15, b'\0\2\4mail\xc0\x1d')),
        'many': untidy(1, *[address] * 300),
    }


def piece(stream, data):
    """A step of fuzz_stream.c: these bytes come on a stream."""
    return bytes([stream, len(data)]) + data


def run(stream, size):
    """A step: so many bytes of no meaning come, or up to two less."""
    return bytes([stream | 1 << 2 | (size - 1) // 768 << 5, (size - 1) % 768 // 3])


def framed(*sizes):
    return b''.join(struct.pack('!H', size) + bytes(range(size)) for size in sizes)


def stream_seeds():
    """The first byte is the number of buffers, the rest are steps."""
    end, pause, go_on, close, receive, release = (kind << 2 for kind in range(2, 8))
    eight = receive | 7 << 5
    three = framed(12, 30, 0)
    large = struct.pack('!H', 5000)
    parts = b''.join(piece(i, framed(40)[:20]) for i in range(4))
    seeds = {
        'whole': piece(0, framed(12)) + bytes([receive]),
        'several': piece(0, three) + bytes([eight, release]),
        'one-by-one': b''.join(piece(1, bytes([byte])) + bytes([receive]) for byte in three),
        'head-cut': piece(0, three[:15]) + bytes([eight]) + piece(0, three[15:]) + bytes([eight]),
        'empty': piece(2, bytes(9)) + bytes([receive, eight, end | 2, receive]),
        'large': piece(0, large) + run(0, 512) * 10 + bytes([eight]),
        'large-in-turn': piece(0, large) + (run(0, 700) + bytes([receive])) * 8,
        'parts': parts + bytes([eight, eight]) + parts + bytes([eight]),
        'parts-large': b''.join(piece(i, large + b'x') + bytes([receive]) for i in range(4)),
        'paused': bytes([pause]) + piece(0, three) + bytes([eight, go_on, eight]),
        'paused-with-chunk': b''.join(piece(i, three) + bytes([pause | i]) for i in range(4)) +
                             bytes([eight, go_on, go_on | 1, eight, eight]),
        'held': b''.join(piece(0, three) + bytes([eight]) for _ in range(4)) + bytes([release]),
        'ended-in-part': piece(3, three[:20]) + bytes([eight, end | 3, eight]),
        'closed-in-part': piece(3, three[:20]) + bytes([eight, close | 3, eight]),
    }
    return {f'{name}-{sizes}': bytes([sizes]) + steps
            for name, steps in seeds.items() for sizes in (0, 0x1f)}


def suffix_seeds():
    """The first byte is the number of entries; names are codes of labels behind their number."""
    raw = b'\xe0\2a\0b'
    alike = b''.join(bytes([2, top, 0]) for top in range(48))
    return {
        'none': b'\0\1\0\2\0\1',
        'root': b'\1\0\0\1\0\2\0\1',
        'nested': b'\3\1\0\2\0\1\3\0\1\2\4\0\1\2\3\3\0\1\3',
        'equal': b'\2\2\0\1\2\0\1\3\0\1\2',
        'beside': b'\2\1\0\1\1\2\1\0\2\0\0',
        'ends-differ': b'\3\1\x1c\1\x3c\1\x7c\1\x1c\1\x3c\1\x7c\1\xbc',
        'heads-alike': b'\4\1\x0c\1\x10\1\x14\1\x18\1\x0c\1\x10\1\x14\1\x18',
        'long': b'\1\4\x1c\x1d\x1e\x1f\4\x1c\x1d\x1e\x1f\4\x1c\x1d\x1e\x1c',
        'raw': b'\1\1' + raw + b'\2' + raw + b'\0\1' + raw,
        'alike-below-others': b'\x30' + alike + alike,
        'many': b'\x30' + b''.join(bytes([1, i]) for i in range(48)) +
                bytes([2, 0, 47, 3, 1, 2, 3]),
    }


def main():
    random.seed(1)  # dnspython shuffles the records of an RRset
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, 'corpus')
    for target, seeds in (('name', name_seeds()), ('message', message_seeds()),
                          ('edns', edns_seeds()), ('tidy', tidy_seeds()),
                          ('stream', stream_seeds()), ('suffix', suffix_seeds())):
        folder = os.path.join(root, target)
        os.makedirs(folder, exist_ok=True)
        for name, data in seeds.items():
            with open(os.path.join(folder, name), 'wb') as file:
                file.write(data)


if __name__ == '__main__':
    main()
