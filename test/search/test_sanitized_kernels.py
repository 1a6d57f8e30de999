# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sources of the compiled search under the sanitizers of the compiler (ASan, UBSan)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import hostile
import pytest

HERE = Path(__file__).resolve().parent
SOURCES = sorted(HERE.parents[1].glob('src/*.c'))
CHECKED = ('-fsanitize=address,undefined', '-fno-sanitize-recover=all')


def build(folder, *sources):
    """Compile with the sanitizers; skip where there are none."""
    if (compiler := shutil.which('gcc')) is None:
        pytest.skip('there is no gcc')
    program = folder / 'program'
    plain = folder / 'plain.c'
    plain.write_text('int main(void) { return 0; }\n')
    if subprocess.run([compiler, *CHECKED, plain, '-o', program], check=False).returncode:
        pytest.skip('this gcc has no sanitizers')
    subprocess.run([compiler, '-g', '-O1', '-Wall', *CHECKED, *sources, '-o', program], check=True)
    return program


@pytest.mark.hostile
def test_compiled_search_reads_and_writes_within_its_arrays(tmp_path):
    assert SOURCES
    program = build(tmp_path, *SOURCES, HERE / 'sanitized_kernels.c')
    rounds = hostile.amount(2000, 80_000)
    done = subprocess.run([program, str(rounds), '1'], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f'{rounds} rounds' in done.stdout
    hostile.tried(rounds)


def test_access_beyond_an_array_would_be_noticed(tmp_path):
    """The products of one row more than there is."""
    source = (HERE / 'sanitized_kernels.c').read_text('utf-8')
    beyond = source.replace('rows[i] = (intptr_t)below((uint64_t)count)', 'rows[i] = count')
    assert beyond != source
    (tmp_path / 'beyond.c').write_text(beyond)
    program = build(tmp_path, *SOURCES, tmp_path / 'beyond.c')
    done = subprocess.run([program, '50'], check=False, capture_output=True, text=True)
    if 'products' in done.stdout:
        pytest.skip('this processor cannot run the compiled search')
    assert 'AddressSanitizer' in done.stderr
