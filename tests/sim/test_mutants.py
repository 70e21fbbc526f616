# SPDX-License-Identifier: BSD-2-Clause
"""Deliberate bugs of the data plane: the simulation finds each of them, in the seeds that are tried
anyway: the first ones, and those that are kept."""

import concurrent.futures
import importlib.util
import os
import re
import sys
import time
import unittest

import storm_case

SEEDS = 300       # at most, for each mutant
CLEAN_SEEDS = 20  # with none
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'mutants')


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(FOLDER, name + '.py'))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


generate = load('generate')
mutants = load('mutants')


def row(number, finding, seconds):
    name = mutants.MUTANTS[number - 1].name
    if not finding:
        return f'{number:3} {name:32} in none of {SEEDS} seeds and those kept ({seconds:.1f} s)'
    return f'{number:3} {name:32} {finding.seed or "?":5} {finding.rule}'


class Found(unittest.TestCase):
    def setUp(self):
        self.program = storm_case.program('ringdns-sim-mutants')

    def try_mutant(self, number):
        start = time.monotonic()
        finding = storm_case.try_seeds(self.program, 1, SEEDS, '--mutant', number)
        for seed, queries in storm_case.kept_seeds() if not finding else ():
            finding = finding or storm_case.try_seed(self.program, seed, '--queries', queries,
                                                     '--mutant', number)
        return number, finding, time.monotonic() - start

    def test_every_mutant_is_found(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(self.try_mutant, range(1, len(mutants.MUTANTS) + 1)))
        table = '\n'.join(['mutant, seeds needed, rule', *(row(*result) for result in results)])
        print(table, file=sys.stderr)
        with open(os.path.join(storm_case.BUILD, 'mutants.txt'), 'w', encoding='utf-8') as file:
            file.write(table + '\n')
        missed = [row(*result) for result in results if not result[1]]
        self.assertFalse(missed, '\n' + '\n'.join(missed))

    def test_without_mutants_nothing_is_found(self):
        self.assertIsNone(storm_case.try_seeds(self.program, 1, CLEAN_SEEDS, '--mutant', 0))

    def test_without_mutants_all_is_as_in_the_release(self):
        seeds = ('--seeds', f'1-{CLEAN_SEEDS}', '--hash')
        release = storm_case.run(storm_case.program(), *seeds)
        mutable = storm_case.run(self.program, *seeds)
        self.assertEqual(release.returncode, 0)
        self.assertEqual(mutable.stdout, release.stdout)

    def test_what_is_no_mutant_is_refused(self):
        for text in ('', '-1', '1x', 'no-such-mutant', len(mutants.MUTANTS) + 1):
            done = storm_case.run(self.program, '--seed', 1, '--mutant', text)
            self.assertEqual(done.returncode, 2, text)
            self.assertIn('--mutant', done.stderr.decode())

    def test_the_program_lists_them(self):
        listed = storm_case.run(self.program, '--list-mutants').stdout.decode()
        names = re.findall(r'^ *(\d+) (\S+)', listed, re.MULTILINE)
        self.assertEqual(names, [(str(number), one.name)
                                 for number, one in enumerate(mutants.MUTANTS, 1)])


class Generated(unittest.TestCase):
    TEXT = 'one(1);\ntwo(2);\none(1);\n'

    def mutated(self, *edits):
        return generate.mutated(self.TEXT, 'f.c', [
            (number, mutants.mutant(f'mutant-{number}', 'f.c', '', edit))
            for number, edit in enumerate(edits, 7)])

    def test_a_choice_is_put_in(self):
        self.assertEqual(self.mutated(('two(2)', 'two(MUTANT ? 3 : 2)')),
                         'one(1);\ntwo(MUTANT(7u) ? 3 : 2);\none(1);\n')

    def assert_misplaced(self, *edits, about):
        with self.assertRaisesRegex(generate.Misplaced, about):
            self.mutated(*edits)

    def test_a_place_is_there_once(self):
        self.assert_misplaced(('one(1)', 'one(MUTANT)'), about=r'f\.c: .*mutant-7.* 2 times')
        self.assert_misplaced(('six(6)', 'six(MUTANT)'), about=r'f\.c: .*mutant-7.* 0 times')

    def test_mutants_do_not_overlap(self):
        self.assert_misplaced(('two(2)', 'two(MUTANT)'), ('two', 'MUTANT ? two : one'),
                              about='mutant-[78].*mutant-[78] overlap')

    def test_lines_stay_where_they_are(self):
        self.assert_misplaced(('two(2)', 'two(\nMUTANT)'), about='other lines')

    def test_a_mutant_can_be_off(self):
        self.assert_misplaced(('two(2)', 'two(3)'), about='always on')

    def test_names_are_words_and_differ(self):
        names = [one.name for one in mutants.MUTANTS]
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual([name for name in names if not re.fullmatch(r'[a-z][a-z-]+', name)], [])
        self.assertEqual([one.name for one in mutants.MUTANTS if re.search(r'["\\]', one.help)], [])


if __name__ == '__main__':
    unittest.main()
