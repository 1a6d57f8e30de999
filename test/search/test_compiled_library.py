# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled search is used as the build made it, or not at all."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
import sys

import hostile
import pytest

from vpr_ros.search import kernels
from vpr_ros.search.compiled_library import load

LOAD_ALL = """
import logging, sys
from pathlib import Path
from vpr_ros.search.compiled_library import load
logging.disable()
for path in sorted(Path(sys.argv[1]).glob('*.native.so')):
    functions = load(path)
    print(path.name, functions == (None, None), flush=True)
"""


def in_another_process(folder):
    """Load all libraries in a folder where a crash does no harm; return how many were refused."""
    done = subprocess.run(
        [sys.executable, '-c', LOAD_ALL, folder],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-200:], done.stderr[-2000:])
    return done.stdout.count('True')


@pytest.fixture
def built():
    if not kernels.LIBRARY.exists():
        pytest.skip('there is no compiled search: make build')
    return kernels.LIBRARY.read_bytes(), kernels.LIBRARY.with_suffix('.sha256').read_bytes()


@pytest.mark.hostile
def test_library_that_is_cut_off_or_altered_is_not_used(tmp_path, built):
    code, checksum = built
    damaged = [code[:end] for end in range(0, len(code), hostile.amount(1000, 50))]
    chance = random.Random(1)
    for _ in range(hostile.amount(20, 500)):
        flipped = bytearray(code)
        flipped[chance.randrange(len(code))] ^= 1 << chance.randrange(8)
        damaged.append(bytes(flipped))
    damaged += [code + b'\0', code[::-1], b'\0' * len(code), b'\x7fELF, but no more']
    for number, content in enumerate(damaged):
        (tmp_path / f'{number}.native.so').write_bytes(content)
        (tmp_path / f'{number}.native.sha256').write_bytes(checksum)
    assert in_another_process(tmp_path) == len(damaged)
    hostile.tried(len(damaged))
    hostile.survived(len(damaged))


def test_library_is_used_as_it_was_built(built):
    assert load(kernels.LIBRARY) != (None, None) or kernels._compiled == (None, None)


@pytest.mark.parametrize('checksum', [None, b'', b'\xff' * 64, b'0' * 64])
def test_library_whose_checksum_is_gone_or_another_is_not_used(tmp_path, built, checksum, caplog):
    library = tmp_path / 'search.native.so'
    library.write_bytes(built[0])
    if checksum is not None:
        library.with_suffix('.sha256').write_bytes(checksum)
    assert load(library) == (None, None)
    assert f'{library} is not used, and searching takes longer' in caplog.text


def test_library_that_is_absent_is_not_missed(tmp_path, caplog):
    assert load(tmp_path / 'absent.native.so') == (None, None)
    assert not caplog.text


def compiled(folder, source):
    if (compiler := shutil.which('gcc')) is None:
        pytest.skip('there is no compiler')
    file, library = folder / 'other.c', folder / 'other.native.so'
    file.write_text(source)
    subprocess.run([compiler, '-shared', '-fPIC', file, '-o', library], check=True)
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    library.with_suffix('.sha256').write_text(f'{digest}  {library.name}\n')
    return library


def test_library_is_not_used_on_a_processor_that_it_does_not_support(tmp_path, caplog):
    library = compiled(
        tmp_path,
        'int nearest_codes_supported(void) { return 0; }\nvoid nearest_codes(void) {}\n'
        'int inner_products_supported(void) { return 0; }\nvoid inner_products(void) {}\n',
    )
    assert load(library) == (None, None)
    assert not caplog.text


@pytest.mark.parametrize(
    'source',
    ['', 'int nearest_codes_supported(void) { return 1; }\n'],
    ids=['no functions', 'one function says that it is there, and is not'],
)
def test_library_without_the_functions_is_not_used(tmp_path, caplog, source):
    assert load(compiled(tmp_path, source)) == (None, None)
    assert 'nearest_codes' in caplog.text
