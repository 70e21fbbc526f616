# SPDX-License-Identifier: BSD-2-Clause
"""What a file may look like: licence line, line length, words and calls that have no place."""

import re
import unittest

import sources

C = ('.c', '.h')
CODE = C + ('.py', '.sh', 'meson.build', 'dev', '.ci/run')
LICENSED = CODE + ('.def', '.scd', '.service')
LINE_CHARACTERS = 100

UNSAFE = ('strcpy', 'strcat', 'sprintf', 'vsprintf', 'strtok', 'atoi', 'atol', 'atoll', 'atof',
          'gets', 'alloca', 'system', 'popen', 'tmpnam', 'mktemp')
GUESSABLE = ('rand', 'srand', 'rand_r', 'random', 'srandom', 'drand48')
SLEEPS = ('sleep', 'usleep', 'nanosleep', 'clock_nanosleep')
# Put together here, so that this file does not hold them itself.
MARKS = ['TO' 'DO', 'FIX' 'ME', 'XX' 'X', 'HA' 'CK']
ASSERTION = re.compile(r'assert|expect|fail|check|raises', re.IGNORECASE)


def calls(names):
    return re.compile(rf'(?<![\w.>])({"|".join(names)})\s*\(')


def lines_with(pattern, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = pattern.search(line)
        if match:
            yield number, match[0]


def found_in(paths, pattern, code=sources.read):
    return [f'{path}:{number}: {what}' for path in paths
            for number, what in lines_with(pattern, code(path))]


def c_code(path):
    return sources.c_code(sources.read(path))


class Text(unittest.TestCase):
    def assert_none(self, found):
        self.assertFalse(found, '\n' + '\n'.join(found))

    def test_files_open_with_the_licence(self):
        paths = sources.paths(*LICENSED)
        self.assertTrue(paths)
        line = 'SPDX-License-Identifier: BSD-2-Clause'
        self.assert_none([path for path in paths
                          if line not in '\n'.join(sources.read(path).splitlines()[:3])])

    def test_lines_fit(self):
        long = re.compile(rf'.{{{LINE_CHARACTERS + 1},}}')
        self.assert_none(found_in(sources.paths(*CODE), long))

    def test_no_tabs_and_no_blanks_at_the_end(self):
        self.assert_none(found_in(sources.paths(*CODE), re.compile(r'\t|\s+$')))

    def test_nothing_is_left_for_later(self):
        marks = re.compile(rf'\b({"|".join(MARKS)})\b')
        self.assert_none(found_in(sources.paths(*LICENSED, '.md'), marks))

    def test_no_unsafe_calls(self):
        self.assert_none(found_in(sources.paths(*C), calls(UNSAFE), c_code))

    def test_nothing_draws_guessable_numbers(self):
        planes = [path for path in sources.paths(*C) if path.startswith(('fastpath/', 'control/'))]
        self.assert_none(found_in(planes, calls(GUESSABLE), c_code))

    def test_nothing_sleeps(self):
        planes = [path for path in sources.paths(*C)
                  if path.startswith(('fastpath/', 'control/', 'tests/'))]
        self.assert_none(found_in(planes, calls(SLEEPS), c_code))

    def test_python_tests_wait_for_conditions(self):
        """Only tests/support polls, and under a deadline."""
        tests = [path for path in sources.paths('.py')
                 if path.startswith('tests/') and not path.startswith('tests/support/')]
        self.assert_none(found_in(tests, re.compile(r'\bsleep\(')))

    def test_tests_assert(self):
        """By itself, or by a function that it calls."""
        bodies = {(one['path'], one['name']): body(one) for one in sources.functions('.c', '.py')
                  if one['path'].startswith('tests/')}
        idle = without_assertion(bodies)
        self.assertLess(len(idle), len(bodies))
        self.assert_none([f'{path}: {name}' for path, name in idle if name.startswith('test_')])

    def test_faults_are_found(self):
        self.assertEqual(list(lines_with(calls(UNSAFE), 'a\n  strcpy (b, c);')), [(2, 'strcpy (')])
        self.assertEqual(list(lines_with(calls(UNSAFE), 'rd_random(x) snprintf(y) a->gets(z)')), [])
        self.assertNotIn('gets', sources.c_code('/* gets(x) */ "gets(y)"'))
        bodies = {('t', 'test_a'): 'go(1);', ('t', 'go'): 'assert_true(x);', ('t', 'test_b'): 'x()'}
        self.assertEqual(without_assertion(bodies), [('t', 'test_b')])


def without_assertion(bodies):
    """The keys of BODIES, (path, name) -> text, that reach no assertion through any call."""
    idle = {key for key, text in bodies.items() if not ASSERTION.search(text)}
    while True:
        asserting = {name for path, name in bodies.keys() - idle if not name.startswith('test_')}
        reached = {key for key in idle
                   if asserting & set(re.findall(r'(\w+)\s*\(', bodies[key]))}
        if not reached:
            return sorted(idle)
        idle -= reached


def body(function):
    """Without its first line, which holds the name."""
    return '\n'.join(sources.read(function['path']).splitlines()[function['line']:function['end']])


if __name__ == '__main__':
    unittest.main()
