# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The script that runs everything that needs a GPU: on a CPU, and what it makes of results."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from documented_commands import ROOT

from vpr_ros import models

ON_GPU = ROOT / 'scripts' / 'on_gpu.py'
FORM = {'rounds': 50, 'p95_ms': 3.0, 'memory_mb': 512.3, 'cosine': 0.99996, 'bits_changed': 0.25}
MACHINE = {'device': 'cuda', 'name': 'NVIDIA X', 'torch': '2.11.0', 'cuda': '13.0', 'cpus': 16}


def _module():
    location = importlib.util.spec_from_file_location('on_gpu', ON_GPU)
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module


on_gpu = _module()


def form(name, batch, median, speed):
    return {**FORM, 'form': name, 'batch': batch, 'median_ms': median, 'speed': speed}


@pytest.fixture
def results():
    forms = [
        form('published code', 1, 12.04, 1.0),
        form('published code', 32, 90.0, 1.0),
        form('fp32', 1, 3.01, 4.0),
        form('fp32', 32, 60.0, 1.5),
    ]
    network = {'state': 'done', 'input': '224x224', 'weights': 'random', 'forms': forms}
    return {
        'machine': MACHINE,
        'quick': False,
        'steps': {
            'network d2vpr': {**network, 'missing': {}},
            'network megaloc': {'state': 'timed out', 'seconds': 90, 'reason': 'not done'},
            'network salad': {'state': 'not run', 'reason': 'no time was left'},
            'network mixvpr': {'state': 'not run', 'reason': 'no time was left'},
            'training cost': {
                'state': 'done',
                'images': 64,
                'size': 224,
                'rows': [
                    {
                        'model': 'selavprpp-large',
                        'precision': '16-mixed',
                        'tuning': 'full tuning',
                        'trained_mb': 1238.2,
                        'peak_mb': 26000.0,
                        'step_ms': 512.4,
                    }
                ],
                'missing': {'freezing of selavprpp-base': '64 images need more memory'},
            },
            'tests': {
                'state': 'done',
                'passed': 5,
                'failed': {'test_a::test_b[x]': 'assert 2 < 1'},
                'skipped': {},
            },
        },
    }


def script(*words, **environment):
    return subprocess.run(
        [sys.executable, ON_GPU, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_table_has_a_row_for_each_form_and_names_what_was_not_measured(results):
    text = on_gpu.table(results)

    assert 'Measured on NVIDIA X, torch 2.11.0, CUDA 13.0.' in text
    assert '| 1 image [ms], speed | 32 images [ms], speed |' in text
    assert (
        '| d2vpr (random), 224x224 | published code | 12.0, 1.00 | 90.0, 1.00 | 512 '
        '| 0.99996 | 0.25 |'
    ) in text
    assert '|  | fp32 | 3.0, 4.00 | 60.0, 1.50 | 512 |' in text
    assert '- network megaloc: not done\n' in text
    assert '- network salad, network mixvpr: no time was left' in text
    assert '| selavprpp-large | 16-mixed | full tuning | 1238 | 26000 | 512 |' in text
    assert '- freezing of selavprpp-base: 64 images need more memory' in text
    assert '- failed: `test_a::test_b[x]`: assert 2 < 1' in text


def test_table_takes_the_place_of_the_one_before_in_a_page(results, tmp_path):
    page, stored = tmp_path / 'page.md', tmp_path / 'results.json'
    page.write_text(f'above\n{on_gpu.BEGIN}\nold\n{on_gpu.END}\nbelow\n')
    stored.write_text(json.dumps(results))
    run = script('--render', stored, '--into', page)
    before, _, rest = page.read_text().partition(on_gpu.BEGIN)

    assert (before, rest.rpartition(on_gpu.END)[2]) == ('above\n', '\nbelow\n')
    assert on_gpu.table(results) in rest
    assert 'old' not in rest
    assert run.returncode == 1  # a test failed, and not all was measured


@pytest.mark.parametrize('change', [{'quick': True}, {'machine': {**MACHINE, 'device': 'cpu'}}])
def test_page_of_gpus_takes_no_other_figures(change, results, tmp_path):
    stored = tmp_path / 'results.json'
    stored.write_text(json.dumps(results | change))
    page = tmp_path / 'page.md'
    page.write_text(f'{on_gpu.BEGIN}\nold\n{on_gpu.END}\n')
    run = script('--render', stored, '--into', page)

    assert 'is for what a GPU measured in full' in run.stderr
    assert 'old' in page.read_text()


def test_documentation_has_the_place_for_the_table():
    page = (ROOT / 'docs' / 'performance.md').read_text('utf-8')
    assert page.index(on_gpu.BEGIN) < page.index(on_gpu.END)


def test_step_that_fails_or_hangs_says_so_and_ends(tmp_path):
    broken = on_gpu.Step('b', (sys.executable, '-c', 'raise SystemExit("no wheels")'), 20)
    hanging = on_gpu.Step('h', (sys.executable, '-c', 'import time; time.sleep(99)'), 0.5)

    failed = on_gpu.run(broken, tmp_path, 20)
    assert (failed['state'], failed['reason']) == ('failed', 'no wheels')
    assert on_gpu.run(hanging, tmp_path, 20)['state'] == 'timed out'
    assert on_gpu.run(hanging, tmp_path, 0)['state'] == 'not run'


def test_package_that_is_missing_is_named_and_the_other_steps_are_run(tmp_path):
    (tmp_path / 'safetensors.py').write_text('raise ModuleNotFoundError("No safetensors here")')
    words = ('--quick', '--model', 'd2vpr-nano', '--output', tmp_path / 'out', '--seconds', '60')
    run = script(*words, PYTHONPATH=str(tmp_path))
    steps = json.loads((tmp_path / 'out' / 'results.json').read_text())['steps']

    assert steps['network d2vpr-nano']['reason'].endswith('No safetensors here')
    assert set(steps) == {'network d2vpr-nano', 'tests', 'two processes', 'training cost'}
    assert run.returncode == 1


def test_packages_to_carry_are_those_that_the_other_machine_lacks():
    everything = {line.partition('==')[0] for line in on_gpu.wheels('')}
    carried = {line.partition('==')[0] for line in on_gpu.wheels('NumPy==2.5.2\nlightning\n')}

    assert {'faiss-cpu', 'numpy', 'rosbags', 'lightning'} <= everything
    assert 'torch' not in everything
    assert not carried & {'numpy', 'lightning', 'lightning-utilities'}


def test_every_kind_of_network_is_measured():
    measured = {models.spec(name).make for name in on_gpu.NETWORKS}
    for name in models.names():
        entry = models.spec(name)
        assert entry.make in measured or entry.weightless or entry.batch_dependent, name


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_everything_runs_on_a_cpu_and_says_what_needs_a_gpu(tmp_path):
    environment = {'CUDA_VISIBLE_DEVICES': '', 'PYTHONPATH': os.environ.get('PYTHONPATH', '')}
    run = script('--quick', '--output', tmp_path, **environment)
    results = json.loads((tmp_path / 'results.json').read_text())

    assert run.returncode == 0, run.stderr + run.stdout
    assert results['machine']['device'] == 'cpu'
    forms = {row['form']: row for row in results['steps']['network d2vpr-nano']['forms']}
    assert forms['bf16']['cosine'] > 0.999
    assert forms['fp32']['difference'] < 1e-5
    assert results['steps']['tests']['failed'] == {}
    assert results['steps']['tests']['passed'] == 0
    two = results['steps']['two processes']
    assert two['weights_equal']
    assert two['weights_changed']
    assert two['batches_differ']
    assert '| selavprpp-base | 32 | MemEfficient-MCA |' in run.stdout
    assert 'tests marked gpu: needs a CUDA device' in run.stdout
    assert 'CUDA graphs, fp16: they need a CUDA device' in run.stdout
