# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A command that is refused leaves every file as it was."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from vpr_ros.cli.main import main
from vpr_ros.geometry import Datum, Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('test-net', 'weights', 16, 0, 'none', trained=False)

REFUSED = (
    'recode MAP --storage foo',
    'recode MAP --dim 16',
    'recode MAP --bits 3',
    'delete MAP --session 9 --yes',
    'delete MAP --session 1 --session 9 --yes',
    'delete MAP --near 0 0 0 --yes',
    'delete MAP --near-geo 91 0 --radius 1 --yes',
    'delete MAP --yes',
    'datum MAP --set 91 0 0',
    'datum MAP --set 1 2 3',
    'mount MAP --camera none --set "0 0 1"',
    'mount MAP --camera front --set nonsense',
    'update-poses MAP missing.txt',
    'update-poses MAP far.txt',
    'update-poses MAP far.txt --by id',
    'update-poses MAP far.txt --session 9',
    'update-poses MAP garbage.txt',
    'merge MAP --output MAP',
    'merge MAP:9 --output new.vprmap',
    'merge MAP MAP --output new.vprmap',
    'merge MAP garbage.txt --output new.vprmap',
    'build MAP missing_bag',
    'import MAP missing_folder',
    'compact garbage.txt',
)


@pytest.fixture
def town(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'town.vprmap'
    with MapWriter.create(path, MODEL, datum=Datum(10, 20, 30)) as writer:
        for name in ('morning', 'evening'):
            session = writer.begin_session(name, 0)
            vectors = np.eye(16, dtype=np.float32)
            writer.add(
                [
                    NewPlace(
                        Description(v), session, i * 10**9, Pose.planar(i, 0, 0), camera='front'
                    )
                    for i, v in enumerate(vectors)
                ]
            )
    (tmp_path / 'far.txt').write_text('5000 0 0 0 0 0 0 1\n')
    (tmp_path / 'garbage.txt').write_text('this is neither a map nor a trajectory\n')
    return path


@pytest.mark.parametrize('command', REFUSED)
def test_refused_command_leaves_every_file_as_it_was(town, command):
    def files():
        return {file.name: file.read_bytes() for file in town.parent.iterdir()}

    before = files()
    words = [word.replace('MAP', town.name) for word in shlex.split(command)]
    try:
        code = main(['map', *words])
    except SystemExit as end:
        code = end.code
    assert code in (1, 2)
    assert files() == before
