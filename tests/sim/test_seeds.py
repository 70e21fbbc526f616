# SPDX-License-Identifier: BSD-2-Clause
"""Storms: the forwarder keeps every rule, in fixed ones and in new ones; and a seed is a whole
storm, the same wherever it is run."""

import concurrent.futures
import os
import re
import sys
import time
import unittest

import storm_case
from storm_case import BUILD, ROOT

FIXED = 40
FRESH_S = 20
FRESH_BITS = 48
CHUNK = 5  # fresh seeds of one run
TRACED = (1, 2, 3, 5, 8, 13)
TRACED_QUERIES = 1000
RELEASE = os.path.join(ROOT, 'build')


class SeedCase(unittest.TestCase):
    def setUp(self):
        self.program = storm_case.program()

    def assert_clean(self, finding):
        if finding:
            self.fail(f'seed {finding.seed}: {finding.rule}\nto see it: {finding.command}')


class Storms(SeedCase):
    def test_fixed_seeds(self):
        self.assert_clean(storm_case.try_seeds(self.program, 1, FIXED))

    def test_kept_seeds(self):
        for seed, queries in storm_case.kept_seeds():
            with self.subTest(seed=seed):
                self.assert_clean(storm_case.try_seed(self.program, seed, '--queries', queries))

    def test_fresh_seeds(self):
        """As many as there is time for, on both processors."""
        deadline = time.monotonic() + FRESH_S
        tried = []

        def try_some():
            finding = None
            while not finding and time.monotonic() < deadline:
                first = int.from_bytes(os.urandom(FRESH_BITS // 8), 'big')
                finding = storm_case.try_seeds(self.program, first, first + CHUNK - 1)
                tried.append(first)
            return finding

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(try_some) for _ in range(2)]
            findings = [future.result() for future in futures]
        print(f'{len(tried) * CHUNK} fresh seeds', file=sys.stderr)
        self.assertTrue(tried)
        for finding in findings:
            self.assert_clean(finding)


class TraceCase(SeedCase):
    def trace(self, program, seed):
        """All that happens in a storm, without the last line, which says how long it took."""
        done = storm_case.run(program, '--seed', seed, '--queries', TRACED_QUERIES, '--trace')
        self.assertEqual(done.returncode, 0, storm_case.last_line(done.stdout))
        lines = done.stdout.splitlines()[:-1]
        self.assertGreater(len(lines), TRACED_QUERIES)
        return lines

    def assert_same(self, one, other, seed):
        for number, (first, second) in enumerate(zip(one, other), 1):
            self.assertEqual(first, second, f'seed {seed}, line {number} of the trace')
        self.assertEqual(len(one), len(other), f'seed {seed}: one trace ends before the other')

    def hashes(self, program):
        done = storm_case.run(program, '--seeds', f'1-{TRACED[-1]}', '--hash')
        self.assertEqual(done.returncode, 0, storm_case.last_line(done.stdout))
        return re.findall(rb'^seed \d+ trace \S+$', done.stdout, re.MULTILINE)


class Traces(TraceCase):
    def test_a_seed_is_the_same_twice(self):
        for seed in TRACED:
            self.assert_same(self.trace(self.program, seed), self.trace(self.program, seed), seed)

    def test_seeds_differ(self):
        hashes = [line.split()[-1] for line in self.hashes(self.program)]
        self.assertEqual(len(set(hashes)), TRACED[-1])


class OtherCompiler(TraceCase):
    """The release is built with gcc, build-asan with clang."""

    def test_a_seed_is_the_same_in_the_release(self):
        release = storm_case.program(build=RELEASE)
        self.assertEqual(self.hashes(release), self.hashes(self.program))
        for seed in TRACED:
            self.assert_same(self.trace(release, seed), self.trace(self.program, seed), seed)


if os.path.realpath(BUILD) == os.path.realpath(RELEASE):
    del OtherCompiler


if __name__ == '__main__':
    unittest.main()
