# SPDX-License-Identifier: BSD-2-Clause
"""Every header stands alone, and every source is free of warnings, with gcc and with clang."""

import concurrent.futures
import os
import shlex
import subprocess
import unittest

import sources

STRICT = ['-std=c17', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Wshadow', '-Wstrict-prototypes',
          '-Wmissing-prototypes', '-Wvla', '-Wconversion', '-Wno-missing-field-initializers',
          '-Wno-missing-braces', '-Werror']
# gcc finds some things only when it optimises; clang finds all of them in the front end.
COMPILERS = {'gcc': ['-O2', '-S', '-o', os.devnull], 'clang': ['-fsyntax-only']}
FOLDERS = {
    'include/': ('include',),
    'fastpath/': ('include', 'fastpath'),
    'control/': ('include', 'control'),
    'tests/': ('include', 'fastpath', 'control', 'tests'),
}


def complaints(jobs):
    """Runs (name, command, standard input) jobs, two at a time; what the failing ones said."""
    def run(job):
        name, command, text = job
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        return f'{name}: {" ".join(command)}\n{done.stderr}' if done.returncode else None
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [said for said in pool.map(run, jobs) if said]


def header_jobs(compiler):
    for path in sources.paths('.h'):
        folders = next((FOLDERS[start] for start in FOLDERS if path.startswith(start)), None)
        if folders:
            search = [f'-I{os.path.join(sources.ROOT, folder)}' for folder in folders]
            file = os.path.join(sources.ROOT, path)
            command = [compiler, *STRICT, *search, '-fsyntax-only', '-x', 'c', '-']
            yield path, command, f'#include "{file}"\n'


def source_jobs(compiler):
    """As meson compiles them, but strictly, and without what only meson's compiler understands."""
    for source, _, command in sources.compile_commands():
        kept = [word for word in shlex.split(command)
                if word.startswith(('-I', '-D', '-isystem', '-include'))]
        kept = [absolute(word) for word in kept]
        yield source, [compiler, *STRICT, *kept, *COMPILERS[compiler], source], ''


def absolute(word):
    """An include path of the build tree, from anywhere."""
    if word.startswith('-I'):
        return '-I' + os.path.join(sources.BUILD, word[2:])
    return word


class Compile(unittest.TestCase):
    def check(self, jobs):
        jobs = list(jobs)
        self.assertTrue(jobs)
        said = complaints(jobs)
        self.assertFalse(said, '\n'.join(said))

    def test_headers_stand_alone_with_gcc(self):
        self.check(header_jobs('gcc'))

    def test_headers_stand_alone_with_clang(self):
        self.check(header_jobs('clang'))

    def test_no_warnings_with_gcc(self):
        self.check(source_jobs('gcc'))

    def test_no_warnings_with_clang(self):
        self.check(source_jobs('clang'))

    def test_a_warning_is_found(self):
        for compiler in COMPILERS:
            command = [compiler, *STRICT, '-fsyntax-only', '-x', 'c', '-']
            said = complaints([('sample', command, 'int f(long a) { int b = a; return b; }\n')])
            self.assertEqual(len(said), 1)


if __name__ == '__main__':
    unittest.main()
