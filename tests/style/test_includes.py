# SPDX-License-Identifier: BSD-2-Clause
"""Who may include what: the directions of ARCHITECTURE.md, in one table."""

import os
import re
import unittest

import sources

# Part -> the parts that it may include beside itself. The first pattern that fits a path names its
# part; the order of the lines is the order of the levels.
PARTS = (
    ('contract', r'include/ringdns/'),
    ('base', r'fastpath/base/'),
    ('wire', r'fastpath/wire/'),
    ('io', r'fastpath/io/'),
    ('guard', r'fastpath/(cache|guard)/'),
    ('policy', r'fastpath/policy/'),
    ('stages', r'fastpath/(query|reply|answer|local|ask|cut|follow|keep|recall|settle)\.[ch]$'),
    ('worker', r'fastpath/worker\.[ch]$'),
    ('state', r'fastpath/[^/]+\.[ch]$'),  # inflight, upstream, attempt, snapshot, context, ...
    ('control', r'control/'),
)
ALLOWED = {
    'contract': (),
    'base': ('contract',),
    'wire': ('contract', 'base'),
    'io': ('contract', 'base'),
    'guard': ('contract', 'base', 'wire'),
    'policy': ('contract', 'base', 'wire'),
    'state': ('contract', 'base', 'wire', 'io', 'guard', 'policy'),
    'stages': ('contract', 'base', 'wire', 'io', 'guard', 'state'),
    'worker': ('contract', 'base', 'wire', 'io', 'guard', 'state', 'stages'),
    'control': ('contract',),
}
# What bytes and addresses have no need to know.
NO_DNS = ('base', 'io')

# System headers that belong to a few places -> the places.
SYSTEM = (
    (r'liburing(/.*)?\.h', r'fastpath/io/'),
    (r'sodium(/.*)?\.h', r'fastpath/base/|control/(main|cache_load|cache_save)\.c$'),
    (r'(xdp|bpf)/.*', r'fastpath/io/xdp'),
    (r'hs(_.*)?\.h', r'fastpath/policy/|control/policy_compile\.c$'),
    (r'(yaml|jansson|microhttpd)\.h', r'control/'),
    (r'pthread\.h|sys/(stat|file|un)\.h|fcntl\.h|getopt\.h', r'control/|fastpath/io/'),
    (r'stdio\.h|sys/(socket|epoll|eventfd|uio)\.h|netinet/.*|arpa/inet\.h|net/.*|poll\.h',
     r'control/|include/ringdns/address\.h$|fastpath/io/'),
    (r'time\.h|sys/time\.h', r'control/|fastpath/base/clock\.c$'),
    (r'sys/random\.h', r'control/'),
    (r'sys/mman\.h', r'control/|fastpath/base/slab\.c$|fastpath/cache/memory\.c$|fastpath/io/'),
)

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"(?P<own>[^"]+)"|<(?P<system>[^>]+)>)', re.MULTILINE)


def part_of(path):
    return next((part for part, pattern in PARTS if re.match(pattern, path)), None)


def resolve(path, name):
    """The file that "NAME" means in PATH, by the include path of its plane."""
    beside = os.path.join(os.path.dirname(path), name)
    roots = ('include', 'fastpath') if path.startswith('fastpath/') else ('include',)
    for candidate in [beside] + [os.path.join(root, name) for root in roots]:
        if os.path.exists(os.path.join(sources.ROOT, candidate)):
            return os.path.normpath(candidate)
    return None


def faults(path, text):
    """One sentence per include in TEXT, the content of PATH, that the tables do not allow."""
    part = part_of(path)
    for match in INCLUDE.finditer(text):
        name = match['own'] or match['system']
        if match['system']:
            for pattern, places in SYSTEM:
                if re.fullmatch(pattern, name) and not re.match(places, path):
                    yield f'{path}: <{name}> belongs to {places} only'
            continue
        target = resolve(path, name)
        to = part_of(target) if target else None
        if to is None:
            yield f'{path}: "{name}" is none of the files that it may include'
        elif to != part and to not in ALLOWED[part]:
            yield f'{path}: {part} does not include {to} ("{name}")'
        elif part in NO_DNS and target == 'include/ringdns/dns.h':
            yield f'{path}: {part} knows nothing of DNS'


class Includes(unittest.TestCase):
    def test_directions_hold(self):
        found = []
        checked = [path for path in sources.paths('.c', '.h') if part_of(path)]
        self.assertTrue(checked)
        for path in checked:
            found += faults(path, sources.read(path))
        self.assertFalse(found, '\n' + '\n'.join(found))

    def test_wrong_directions_are_found(self):
        for path, line in (('fastpath/wire/name.c', '#include "io/io.h"'),
                           ('fastpath/io/uring.c', '#include "wire/name.h"'),
                           ('fastpath/io/uring.c', '#include "ringdns/dns.h"'),
                           ('fastpath/base/hash.c', '#include "wire/name.h"'),
                           ('fastpath/inflight.c', '#include "worker.h"'),
                           ('fastpath/policy/suffix.c', '#include "route.h"'),
                           ('fastpath/query.c', '#include "policy/suffix.h"'),
                           ('control/main.c', '#include "fastpath/io/io.h"'),
                           ('control/main.c', '#include "../fastpath/io/io.h"'),
                           ('fastpath/query.c', '#include "../control/address.h"'),
                           ('fastpath/query.c', '#include <liburing.h>'),
                           ('control/log.c', '#include <sodium.h>')):
            with self.subTest(path=path, line=line):
                self.assertEqual(len(list(faults(path, line))), 1)


if __name__ == '__main__':
    unittest.main()
