# SPDX-License-Identifier: BSD-2-Clause
"""What is simulated is the release's own data plane, and the program says what it cannot read."""

import hashlib
import os
import re
import subprocess
import sys
import unittest

import storm_case
from storm_case import BUILD

MUTANT_SYMBOL = 'rd_mutant'


def archives(*names):
    """What programs of the build tree are linked with: name -> paths from BUILD."""
    targets = {os.path.relpath(storm_case.executables()[name], BUILD): name for name in names}
    said = subprocess.run(['ninja', '-C', BUILD, '-t', 'query', *targets], check=True,
                          capture_output=True, text=True).stdout
    found = {name: set() for name in names}
    for target, inputs in re.findall(r'^(\S+):\n  input:(.*?)^  outputs:', said,
                                     re.MULTILINE | re.DOTALL):
        found[targets[target]] = set(re.findall(r'\S+\.a$', inputs, re.MULTILINE))
    return found


def data_planes(name):
    return {path for path in archives(name)[name] if 'fastpath' in os.path.basename(path)}


def members(archive):
    """Paths: an archive of the build tree only names its objects."""
    done = subprocess.run(['ar', 't', archive], cwd=BUILD, check=True, capture_output=True,
                          text=True)
    return [os.path.join(BUILD, line) for line in done.stdout.splitlines()]


def digest(archive):
    """Of an archive and all that is in it."""
    total = hashlib.sha256()
    for path in [os.path.join(BUILD, archive), *members(archive)]:
        with open(path, 'rb') as file:
            total.update(file.read())
    return total.hexdigest()


def has_mutants(name):
    listed = subprocess.run(['nm', storm_case.program(name)], check=True, capture_output=True,
                            text=True).stdout
    return re.search(rf'\b{MUTANT_SYMBOL}\b', listed) is not None


class Linked(unittest.TestCase):
    def test_the_simulation_runs_the_release(self):
        release, simulated = data_planes('ringdns'), data_planes('ringdns-sim')
        self.assertEqual(len(release), 1)
        self.assertEqual(simulated, release)
        digests = {}
        for name in ('ringdns', 'ringdns-sim'):
            archive, = data_planes(name)
            digests[name] = digest(archive)
            print(f'{name}: {archive} {digests[name]}', file=sys.stderr)
        self.assertEqual(digests['ringdns-sim'], digests['ringdns'])

    def test_mutants_are_nowhere_else(self):
        mutated = [name for name, paths in archives(*storm_case.executables()).items()
                   if any('mutants' in path for path in paths)]
        self.assertEqual(mutated, ['ringdns-sim-mutants'])
        for name in ('ringdns', 'ringdns-sim'):
            self.assertFalse(has_mutants(name), name)


class CommandLine(unittest.TestCase):
    def assert_refused(self, *arguments, about):
        done = storm_case.run(storm_case.program(), *arguments)
        self.assertEqual(done.returncode, 2, arguments)
        self.assertIn(about, done.stderr.decode(), arguments)
        self.assertEqual(done.stdout, b'', arguments)

    def test_numbers_that_are_none_are_refused(self):
        for text in ('', 'abc', '-1', '+1', '1x', '0x10', ' 1', '1.5', '99999999999999999999999'):
            self.assert_refused('--seed', text, about='--seed')
            self.assert_refused('--seed', '1', '--queries', text, about='--queries')

    def test_ranges_that_are_none_are_refused(self):
        for text in ('', '1', '1-', '-5', '5-1', '1-2-3', 'a-b', '1..5'):
            self.assert_refused('--seeds', text, about='--seeds')

    def test_what_is_not_known_is_refused(self):
        self.assert_refused('--sed', '1', about='--sed')
        self.assert_refused('--seed', '1', 'and', about='--seed')
        self.assert_refused('--seed', about='--seed')

    def test_no_mutants_without_their_program(self):
        self.assert_refused('--seed', '1', '--mutant', '1', about='--mutant')


if __name__ == '__main__':
    unittest.main()
