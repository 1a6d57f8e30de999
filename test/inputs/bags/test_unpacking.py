# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
from types import SimpleNamespace

import lz4.frame
import pytest
from rosbags.rosbag2.storage_mcap import zstd
from sample_bags import write_bag

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import Bag, unpacking

POINT = 'geometry_msgs/msg/PointStamped'
PACKERS = {
    '.zstd': zstd.compress,
    '.zst': zstd.compress,
    '.gz': gzip.compress,
    '.bz2': bz2.compress,
    '.xz': lzma.compress,
    '.lz4': lz4.frame.compress,
}


def packed(folder, suffix, *, keep=False):
    """Compress the files of a bag as recorders and people do."""
    for file in [file for file in folder.iterdir() if file.suffix != '.yaml']:
        file.with_name(file.name + suffix).write_bytes(PACKERS[suffix](file.read_bytes()))
        if not keep:
            file.unlink()
    return folder


@pytest.mark.parametrize('metadata', [False, True])
@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('suffix', PACKERS)
def test_compressed_files_are_read(tmp_path, monkeypatch, caplog, suffix, storage, metadata):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'temporary'))
    (tmp_path / 'temporary').mkdir()
    folder = packed(write_bag(tmp_path / 'bag', {'/a': POINT}, storage=storage), suffix)
    if not metadata:
        (folder / 'metadata.yaml').unlink()
    with Bag(folder) as bag:
        assert len(list(bag.messages())) == 10
    with Bag(next(file for file in folder.iterdir() if file.suffix == suffix)) as bag:
        assert len(list(bag.messages())) == 10
    assert 'is unpacked into' in caplog.text
    assert not list((tmp_path / 'temporary').iterdir())


def test_a_file_that_is_there_compressed_and_not_is_read_once(tmp_path):
    for metadata in (True, False):
        folder = packed(write_bag(tmp_path / f'{metadata}', {'/a': POINT}), '.zstd', keep=True)
        if not metadata:
            (folder / 'metadata.yaml').unlink()
        with Bag(folder) as bag:
            assert len(list(bag.messages())) == 10


def test_a_compressed_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    folder = write_bag(tmp_path / 'bag', {'/a': POINT}, times=range(1, 4000))
    (file,) = folder.glob('*.mcap')
    file.with_name('bag.mcap.gz').write_bytes(gzip.compress(file.read_bytes())[:-200])
    file.unlink()
    with Bag(folder) as bag:
        assert 0 < len(list(bag.messages())) < 4000


def test_a_file_made_to_fill_the_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, '_ALWAYS', 10**6)
    (tmp_path / 'bomb.mcap.zstd').write_bytes(zstd.compress(bytes(10**8)))
    with pytest.raises(BagError, match='which no recording does'):
        Bag(tmp_path / 'bomb.mcap.zstd')


def test_a_full_disk_is_named_before_it_is_full(tmp_path, monkeypatch):
    folder = packed(write_bag(tmp_path / 'bag', {'/a': POINT}), '.zstd')
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: SimpleNamespace(free=2**28 + 100))
    with pytest.raises(BagError, match=r'has not the room.*TMPDIR'):
        Bag(folder)
