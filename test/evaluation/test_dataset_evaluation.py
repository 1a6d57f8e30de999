# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_sample import CompanyDescriber, GreyDescriber, picture, street, write
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import VprError
from vpr_ros.evaluation import Tolerance, dataset_search, description_store
from vpr_ros.evaluation.dataset_evaluation import evaluate_dataset, judged
from vpr_ros.evaluation.dataset_report import render_report
from vpr_ros.evaluation.dataset_results import DatasetEvaluation
from vpr_ros.evaluation.dataset_search import BINARY, BOTH, FLOAT, Codes, search
from vpr_ros.evaluation.datasets import (
    FRAMES,
    UTM,
    Dataset,
    ImageSet,
    frame_images,
    utm_images,
)
from vpr_ros.evaluation.description_store import Descriptions, describe_images


def opened(root, distance=25.0):
    base = root / 'images' / 'test'
    sets = utm_images(base / 'database'), utm_images(base / 'queries')
    return Dataset(root.name, UTM, *sets, Tolerance(distance))


def descriptions(values, codes=None, unread=()):
    """Return descriptions (N, D) as a store would hold them."""
    width = 0 if codes is None else codes.shape[1]
    kind = [('descriptor', '<f4', (values.shape[1],)), ('code', 'u1', (width,))]
    records = np.zeros(len(values), [*kind, ('seconds', '<f4'), ('state', 'u1')])
    records['descriptor'], records['state'] = values, 1
    if codes is not None:
        records['code'] = codes
    records['state'][list(unread)] = 2
    records['descriptor'][list(unread)] = 0
    return Descriptions(records)


def random_pair(rng, images, queries, dim=16):
    """Return unit vectors and codes of both sides."""
    sides = [rng.standard_normal((n, dim)).astype(np.float32) for n in (images, queries)]
    sides = [values / np.linalg.norm(values, axis=1, keepdims=True) for values in sides]
    codes = [np.packbits(values > 0, axis=1) for values in sides]
    return (*sides, Codes(*codes, 'hash head'))


@pytest.mark.parametrize('blocks', [(1 << 27, 1 << 11), (16 * 4 * 7, 5)])
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 9), st.integers(1, 70))
@settings(max_examples=25)
def test_recall_equals_brute_force_whatever_the_blocks(blocks, seed, images, queries, candidates):
    rng = np.random.default_rng(seed)
    database, asked, codes = random_pair(rng, images, queries)
    at = [np.column_stack([rng.integers(0, 30, n), np.zeros((n, 6))]) for n in (images, queries)]
    for poses in at:
        poses[:, 6] = 1
    reach = int(rng.integers(0, 6))
    dataset = Dataset(
        '',
        FRAMES,
        *(ImageSet(Path(), tuple(Path(f'{i}') for i in range(len(p))), p) for p in at),
        Tolerance(reach),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_search, '_BLOCK_BYTES', blocks[0])
        patch.setattr(dataset_search, '_BLOCK_ROWS', blocks[1])
        found = search(
            descriptions(database), descriptions(asked), codes, k=10, candidates=candidates
        )
    products = asked @ database.T
    bits = np.unpackbits(codes.queries[:, None] ^ codes.database[None], axis=2).sum(axis=2)
    passed = np.argsort(bits, axis=1, kind='stable')[:, : max(candidates, 10)]
    among = np.full(products.shape, -np.inf, np.float32)
    np.put_along_axis(among, passed, np.take_along_axis(products, passed, 1), 1)
    expected = {
        FLOAT: np.argsort(-products, axis=1, kind='stable'),
        BINARY: np.argsort(bits, axis=1, kind='stable'),
        BOTH: np.argsort(-among, axis=1, kind='stable'),
    }
    right = np.abs(at[1][:, :1] - at[0][None, :, 0]) <= reach
    for name, order in expected.items():
        recall = judged(dataset, found[name]).recall
        for n in (1, 5, 10):
            if n <= min(10, images):
                marks = np.take_along_axis(right, order, 1)[:, :n].any(axis=1)
                assert recall[n] == pytest.approx(marks.mean()), (name, n)
            else:
                assert n not in recall


def test_with_all_as_candidates_codes_then_floats_are_floats():
    database, asked, codes = random_pair(np.random.default_rng(1), 50, 20)
    found = search(descriptions(database), descriptions(asked), codes, k=20, candidates=50)
    np.testing.assert_array_equal(found[FLOAT].rows, found[BOTH].rows)
    np.testing.assert_array_equal(found[FLOAT].scores, found[BOTH].scores)


def test_unreadable_images_are_never_found_and_unreadable_queries_find_nothing():
    database, asked, codes = random_pair(np.random.default_rng(2), 8, 4)
    found = search(
        descriptions(database, unread=[3, 5]),
        descriptions(asked, unread=[1]),
        codes,
        k=10,
        candidates=10,
    )
    for ranking in found.values():
        assert not np.isin(ranking.rows, [3, 5]).any()
        assert (ranking.rows[1] == -1).all()
        assert (np.sort(ranking.rows[0])[-6:] == [0, 1, 2, 4, 6, 7]).all()


def test_a_street_is_recognised_and_queries_off_it_stay_in_the_denominator(tmp_path):
    dataset = opened(street(tmp_path / 'town', 12, 12))
    whole = evaluate_dataset(dataset, GreyDescriber(), tmp_path / 'cache')
    assert whole.methods[FLOAT].recall[1] == 1.0
    assert whole.setup.coder.startswith('itq-')
    longer = opened(street(tmp_path / 'longer', 9, 12, gap=30.0))
    part = evaluate_dataset(longer, GreyDescriber(), tmp_path / 'cache')
    assert part.positives == 9
    assert part.methods[BOTH].recall[1] == pytest.approx(9 / 12)


def test_codes_of_a_hash_head_are_used(tmp_path):
    dataset = opened(street(tmp_path / 'town', 12, 12))
    found = evaluate_dataset(dataset, GreyDescriber(code_bits=64), tmp_path / 'cache')
    assert (found.setup.coder, found.setup.code_bits) == ('hash head', 64)
    assert found.methods[BINARY].recall[5] == 1.0


def test_what_was_described_is_described_once_and_for_one_model_only(tmp_path):
    dataset = opened(street(tmp_path / 'town', 5, 5))
    first, again, other = GreyDescriber(), GreyDescriber(), GreyDescriber(dim=128)
    results = [evaluate_dataset(dataset, d, tmp_path / 'cache') for d in (first, again, other)]
    assert [sum(d.batches) for d in (first, again, other)] == [10, 0, 10]
    assert results[0].methods[FLOAT].rank.tolist() == results[1].methods[FLOAT].rank.tolist()
    write(tmp_path / 'town/images/test/queries', {dataset.queries.names[0]: picture(77)})
    changed = GreyDescriber()
    evaluate_dataset(dataset, changed, tmp_path / 'cache')
    assert sum(changed.batches) == 5  # the queries


@pytest.mark.parametrize('company', [0, 4])
def test_a_run_that_stopped_goes_on_with_the_same_batches(tmp_path, company):
    folder = write(tmp_path / 'images', {f'{i:02}.jpg': picture(i) for i in range(18)})
    images = frame_images(folder)

    def describe(describer, cache):
        return describe_images(images, describer, tmp_path / cache, batch=4, company=company)

    whole = describe(CompanyDescriber(), 'whole')
    stopped = CompanyDescriber(fail_after=8)
    with pytest.raises(KeyboardInterrupt):
        describe(stopped, 'broken')
    (file,) = (tmp_path / 'broken').iterdir()
    with file.open('ab') as part:  # what a kill and a power cut may leave
        part.write(b'\1' * 100 + b'\0' * 3000)
    file.write_bytes(file.read_bytes()[: 8 * (64 * 4 + 5) + 100])
    rest = CompanyDescriber()
    found = describe(rest, 'broken')
    assert rest.batches == [4, 4, 2]
    np.testing.assert_array_equal(found.rows(slice(None)), whole.rows(slice(None)))


def test_records_that_never_reached_the_disk_are_made_again(tmp_path):
    images = frame_images(write(tmp_path / 'i', {f'{i}.jpg': picture(i) for i in range(6)}))
    whole = describe_images(images, GreyDescriber(), tmp_path / 'cache', batch=2)
    expected = whole.rows(slice(None)).copy()
    (file,) = (tmp_path / 'cache').iterdir()
    data = file.read_bytes()
    size = len(data) // 6
    file.write_bytes(data[: 3 * size] + b'\0' * (3 * size))  # the length, but not the contents
    rest = GreyDescriber()
    found = describe_images(images, rest, tmp_path / 'cache', batch=2)
    assert rest.batches == [2, 2]
    np.testing.assert_array_equal(found.rows(slice(None)), expected)


def test_a_killed_process_loses_nothing_it_had_written(tmp_path):
    images = frame_images(write(tmp_path / 'i', {f'{i:03}.jpg': picture(i) for i in range(40)}))
    script = f"""
import sys, os, signal
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from dataset_sample import GreyDescriber
from vpr_ros.evaluation.datasets import frame_images
from vpr_ros.evaluation.description_store import describe_images
class Killed(GreyDescriber):
    def describe(self, images):
        if sum(self.batches) >= 24:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().describe(images)
os.chdir({str(tmp_path)!r})
describe_images(frame_images(Path({str(images.folder)!r})), Killed(), Path('c'), batch=8)
"""
    end = subprocess.run([sys.executable, '-c', script], check=False, env={**os.environ})
    assert end.returncode == -signal.SIGKILL
    rest = GreyDescriber()
    found = describe_images(images, rest, tmp_path / 'c', batch=8)
    assert sum(rest.batches) == 16
    assert found.readable.all()


def test_two_processes_do_not_describe_the_same_images(tmp_path):
    images = frame_images(write(tmp_path / 'i', {'0.jpg': picture(0)}))

    class Nested(GreyDescriber):
        def describe(self, pictures):
            with pytest.raises(VprError, match='another process'):
                describe_images(images, GreyDescriber(), tmp_path / 'c', batch=1)
            return super().describe(pictures)

    describe_images(images, Nested(), tmp_path / 'c', batch=1)


def test_too_little_room_is_told_before_the_work(tmp_path, monkeypatch):
    images = frame_images(write(tmp_path / 'i', {'0.jpg': picture(0)}))
    usage = type('Usage', (), {'free': 10})
    monkeypatch.setattr(description_store.shutil, 'disk_usage', lambda _path: usage)
    describer = GreyDescriber()
    with pytest.raises(VprError, match='GiB'):
        describe_images(images, describer, tmp_path / 'c', batch=1)
    assert describer.batches == []


def test_descriptors_in_company_depend_on_the_batch_and_are_kept_apart(tmp_path):
    dataset = opened(street(tmp_path / 'town', 6, 6))
    one, three = CompanyDescriber(), CompanyDescriber()
    evaluate_dataset(dataset, one, tmp_path / 'c', batch=1)
    found = evaluate_dataset(dataset, three, tmp_path / 'c', batch=3)
    assert one.batches == [1] * 12
    assert three.batches == [3] * 4  # never across database and queries
    assert found.setup.batch == 3


def test_unreadable_images_are_counted_and_queries_of_them_missed(tmp_path):
    root = street(tmp_path / 'town', 6, 6)
    broken = sorted((root / 'images/test/queries').iterdir())[2]
    broken.write_bytes(b'no picture')
    sorted((root / 'images/test/database').iterdir())[0].write_bytes(b'')
    found = evaluate_dataset(opened(root, 5.0), GreyDescriber(), tmp_path / 'c')
    assert (found.setup.unreadable_queries, found.setup.unreadable_database) == (1, 1)
    assert found.methods[FLOAT].recall[1] == pytest.approx(4 / 6)
    assert found.methods[FLOAT].match[2] == -1
    assert np.isnan(found.methods[FLOAT].score[2])
    again = DatasetEvaluation.from_json(json.loads(found.dumps()))
    assert np.isnan(again.methods[FLOAT].score[2])


def test_json_gives_back_the_evaluation(tmp_path):
    found = evaluate_dataset(opened(street(tmp_path / 'town')), GreyDescriber(), tmp_path / 'c')
    again = DatasetEvaluation.from_json(json.loads(found.dumps()))
    assert again.dumps() == found.dumps()
    assert again.setup == found.setup
    data = found.to_json()
    assert data['summary']['float']['recall']['1'] == 1.0


@pytest.mark.parametrize(
    ('spoil', 'words'),
    [
        (lambda d: d.update(schema='x'), 'not an evaluation'),
        (lambda d: d.update(schema_version=9), 'schema version 9'),
        (lambda d: d.pop('setup'), 'damaged'),
        (lambda d: d['queries']['methods']['float']['rank'].pop(), 'damaged'),
        (lambda d: d['queries']['has_positive'].pop(), 'damaged'),
        (lambda d: d['queries'].update(methods=[]), 'damaged'),
    ],
)
def test_damaged_results_are_refused_with_the_reason(tmp_path, spoil, words):
    found = evaluate_dataset(opened(street(tmp_path / 't')), GreyDescriber(), tmp_path / 'c')
    data = found.to_json()
    spoil(data)
    with pytest.raises(VprError, match=words):
        DatasetEvaluation.from_json(data)


def test_page_shows_pictures_figures_and_warnings(tmp_path):
    dataset = opened(street(tmp_path / '<town>', 4, 6, gap=30.0))
    found = evaluate_dataset(dataset, CompanyDescriber(), tmp_path / 'c', batch=2)
    page = render_report(found, dataset)
    assert 'Every descriptor depends on its batch' in page
    assert '2 queries have no correct image' in page
    assert '&lt;town&gt;' in page
    assert '<town>' not in page
    assert page.count('data:image/jpeg') >= 4
