# SPDX-License-Identifier: BSD-2-Clause
"""What the objects of the data plane may take from libc and other libraries: no clock, randomness,
sockets, files or allocation but in the few objects that are there for it."""

import fnmatch
import os
import re
import subprocess
import unittest

import sources

EVERYWHERE = ('mem*', 'bcmp', '__assert_fail', '__stack_chk_fail', '__errno_location',
              '_GLOBAL_OFFSET_TABLE_')
MEMORY = ('malloc', 'calloc', 'aligned_alloc', 'free')
MAPPING = ('mmap', 'munmap', 'madvise')
SODIUM = ('crypto_*', 'sodium_memzero')
SOCKETS = ('socket', 'bind', 'connect', 'close', 'setsockopt', 'getsockopt', 'getsockname',
           'getpeername', 'listen', 'accept4', 'shutdown', 'recvmmsg', 'sendmmsg', 'recvmsg',
           'sendmsg', 'recv', 'send', 'read', 'write', 'epoll_*', 'eventfd')

# Object (without its ending) -> what it may import beside EVERYWHERE. Making and freeing a table
# allocates; what works per query (query, reply, answer, attempt) has no line here.
IMPORTS = {
    'base/clock': ('clock_gettime',),
    'base/hash': SODIUM,
    'base/random': SODIUM,
    'base/slab': MAPPING,
    'cache/cache': MEMORY,
    'cache/memory': MAPPING,
    'cache/walk': ('sched_yield',),
    'guard/acl': MEMORY + ('qsort',),
    'io/*': SOCKETS + MEMORY + MAPPING + ('io_uring_*', '__io_uring_*'),
    'io/probe': ('snprintf', 'strerror', 'open', 'socketpair', 'sysconf'),
    'connection_table': MEMORY,
    'exchange': MEMORY,
    'fleet': MEMORY + ('strcmp', 'strlen'),
    'inflight': MEMORY,
    'link': MEMORY,
    'policy/suffix': MEMORY,
    'route': MEMORY + ('strlen',),
    'snapshot': MEMORY + ('strlen',),
    'upstream': MEMORY,
    'wire/name_text': ('strchr',),
    'worker': MEMORY,
}


def objects():
    """(name, path) of the data plane's objects in the build tree; name as in IMPORTS."""
    for source, path, _ in sources.compile_commands():
        name = os.path.splitext(os.path.relpath(source, sources.ROOT))[0]
        if name.startswith('fastpath/') and 'libfastpath.a.p' in path:
            yield name[len('fastpath/'):], path


def symbols(path, option):
    listed = subprocess.run(['nm', '-P', option, path], check=True, capture_output=True, text=True)
    return {line.split()[0].split('@')[0] for line in listed.stdout.splitlines()}


def allowed(name, symbol):
    """Variants, __read_chk and mmap64, are their plain functions."""
    plain = re.sub(r'^__(\w+)_chk$', r'\1', symbol)
    plain = re.sub(r'64$', '', plain)
    lists = [EVERYWHERE] + [names for pattern, names in IMPORTS.items()
                            if fnmatch.fnmatch(name, pattern)]
    return any(fnmatch.fnmatch(plain, pattern) for names in lists for pattern in names)


class Imports(unittest.TestCase):
    def test_objects_import_only_what_is_listed(self):
        files = list(objects())
        self.assertTrue(files)
        ours = set().union(*(symbols(path, '--defined-only') for _, path in files))
        found = [f'fastpath/{name}.c: {symbol}' for name, path in files
                 for symbol in sorted(symbols(path, '--undefined-only') - ours)
                 if not allowed(name, symbol)]
        self.assertFalse(found, '\n' + '\n'.join(found))

    def test_every_line_of_the_list_is_an_object(self):
        names = [name for name, _ in objects()]
        idle = [pattern for pattern in IMPORTS if not fnmatch.filter(names, pattern)]
        self.assertEqual(idle, [])

    def test_foreign_imports_are_found(self):
        for name, symbol in (('query', 'malloc'), ('reply', 'clock_gettime'), ('worker', 'time'),
                             ('inflight', 'socket'), ('base/hash', 'getrandom'),
                             ('wire/name', 'snprintf'), ('io/uring', 'clock_gettime')):
            self.assertFalse(allowed(name, symbol), f'{name} {symbol}')


if __name__ == '__main__':
    unittest.main()
