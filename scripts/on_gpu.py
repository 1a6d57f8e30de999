#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run everything that needs a GPU, and show the results.

The tests marked `gpu`, the networks in every precision with and without CUDA graphs beside their
authors' code, a training by two processes on one card, and memory and time of training. Each step
has a time limit and a process of its own; results are written as they come, and what could not be
measured is named. Without a GPU everything runs on the CPU. This file needs Python alone; what a
step lacks, it says.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = (
    'd2vpr',
    'selavprpp-base',
    'megaloc',
    'eigenplaces-resnet50',
    'd2vpr-nano',
    'd2vpr-pico',
    'boq-dinov2',
    'boq-resnet50',
    'salad',
    'image-merged',
    'mixvpr',
    'cosplace-resnet18',
    'selavprpp-large',
)
"""The most important first: a machine is lent for minutes. Others differ in their weights only."""
_QUICK_NETWORKS = ('d2vpr-nano',)
_NONE = '\N{EN DASH}'
SECONDS = 500.0
"""For everything; `on_gpu.sh` ends it a little later."""
BEGIN, END = '<!-- on_gpu.py writes from here -->', '<!-- to here -->'
PACKAGES = (
    'faiss-cpu',
    'hypothesis',
    'lightning',
    'lz4',
    'matplotlib',
    'numpy',
    'opencv-python-headless',
    'pyproj',
    'pytest',
    'pytest-timeout',
    'pytorch-metric-learning',
    'PyYAML',
    'rosbags',
    'safetensors',
    'tensorboard',
    'threadpoolctl',
)
"""What the steps need beside torch; the code of others also needs timm and torchvision."""


class Step(NamedTuple):
    """A part of the run.

    Attributes:
        name: In the results.
        command: What to start; it writes its result to the path that is appended.
        seconds: It may take.
    """

    name: str
    command: tuple[str, ...]
    seconds: float


def steps(device: str, networks: tuple[str, ...], published: Path | None, *, quick: bool) -> list:
    """Return the parts of a run in their order."""
    python, worker = sys.executable, str(ROOT / 'scripts' / 'gpu_steps.py')
    options = ('--device', device, *(('--quick',) if quick else ()))
    beside = ('--published', str(published.resolve())) if published else ()
    measured = [
        Step(
            f'network {name}',
            (python, worker, 'network', '--model', name, *options, *beside, '--result'),
            90.0,
        )
        for name in networks
    ]
    tests = Step(
        'tests',
        (python, '-m', 'pytest', '-q', '-m', 'gpu', *gpu_tests(), '--junitxml'),
        150.0,
    )
    training = Step('two processes', (python, worker, 'distributed', *options, '--result'), 120.0)
    cost = Step('training cost', (python, worker, 'training', *options, '--result'), 90.0)
    return [*measured[:4], tests, training, *measured[4:], cost]


def gpu_tests() -> list[str]:
    """Return the files with tests that need a GPU; the others may need what is not there."""
    found = (ROOT / 'test').rglob('test_*.py')
    return sorted(str(path) for path in found if 'pytest.mark.gpu' in path.read_text('utf-8'))


def run(step: Step, folder: Path, seconds: float) -> dict[str, Any]:
    """Run a step and return its result with `state`: done, failed, timed out or not run."""
    if seconds < 1:
        return {'state': 'not run', 'reason': 'no time was left'}
    stem = folder / step.name.replace(' ', '-')
    result, log = stem.with_suffix('.result'), stem.with_suffix('.log')
    result.unlink(missing_ok=True)
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH'))))
    environment = {**os.environ, 'PYTHONPATH': search, 'OMP_WAIT_POLICY': 'PASSIVE'}
    start = time.monotonic()
    with (
        log.open('w') as said,
        subprocess.Popen(  # noqa: S603  our own commands
            (*step.command, str(result)),
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            status = process.wait(min(step.seconds, seconds))
        except subprocess.TimeoutExpired:
            status = None
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    taken = round(time.monotonic() - start, 1)
    if status is None:
        return {'state': 'timed out', 'seconds': taken, 'reason': f'not done after {taken:.0f} s'}
    try:
        text = result.read_text('utf-8')
        found = tests_of(text) if step.name == 'tests' else json.loads(text)
    except (OSError, ValueError, ElementTree.ParseError):
        return {'state': 'failed', 'seconds': taken, 'reason': last_line(log)}
    # The status of pytest is 1 where a test failed, which is a result.
    return {'state': 'done', 'seconds': taken, **found}


def last_line(log: Path) -> str:
    """Return what a process said last."""
    lines = [line.strip() for line in log.read_text('utf-8', 'replace').splitlines()]
    return next((line for line in reversed(lines) if line), 'it ended without a word')


def tests_of(report: str) -> dict[str, Any]:
    """Return from a JUnit report how many tests passed, and which did not and why."""
    passed, failed, skipped = 0, {}, {}
    for case in ElementTree.fromstring(report).iter('testcase'):  # noqa: S314  of our own pytest
        name = f'{case.get("classname", "").rpartition(".")[2]}::{case.get("name")}'
        outcome = next(
            (part for part in case if part.tag in ('failure', 'error', 'skipped')), None
        )
        if outcome is None:
            passed += 1
        elif outcome.tag == 'skipped':
            skipped[name] = outcome.get('message', '')
        else:
            failed[name] = outcome.get('message', '').partition('\n')[0]
    return {'passed': passed, 'failed': failed, 'skipped': skipped}


def machine() -> dict[str, Any]:
    """Return what everything is measured on."""
    about = (
        'import json, os, torch; cuda = torch.cuda.is_available(); print(json.dumps({'
        "'device': 'cuda' if cuda else 'cpu', 'torch': torch.__version__, 'cpus': os.cpu_count(), "
        "'name': torch.cuda.get_device_name(0) if cuda else '', 'cuda': torch.version.cuda}))"
    )
    asked = subprocess.run(  # noqa: S603  our own words
        (sys.executable, '-c', about), capture_output=True, text=True, check=False
    )
    if asked.returncode:
        said = asked.stderr.strip().rpartition('\n')[2]
        sys.exit(f'on_gpu: {sys.executable} has no torch that works: {said}')
    known: dict[str, Any] = json.loads(asked.stdout)
    return known


def problems(results: dict[str, Any]) -> list[str]:
    """Return what was not measured, and why."""
    found: dict[str, list[str]] = {}
    unasked = [name for name in NETWORKS if f'network {name}' not in results['steps']]
    if unasked:
        found['not asked for'] = [f'the networks {", ".join(unasked)}']
    for name, step in results['steps'].items():
        if step['state'] != 'done':
            found.setdefault(step['reason'], []).append(name)
        for what, why in step.get('missing', {}).items():
            found.setdefault(why, []).append(what)
        for test, why in step.get('skipped', {}).items():
            found.setdefault(why, []).append(test)
    return [f'{_named(what)}: {why}' for why, what in found.items()]


def _named(what: list[str]) -> str:
    names = list(dict.fromkeys(what))
    tests = [name for name in names if '::' in name]
    others = [name for name in names if '::' not in name]
    return ', '.join([*others, *([f'{len(tests)} tests marked gpu'] if tests else [])])


def table(results: dict[str, Any]) -> str:
    """Return results as Markdown."""
    about = results['machine']
    where = about['name'] or f'a CPU ({about["cpus"]} processors), no GPU'
    amount = 'Three rounds only, a try of the script' if results['quick'] else 'Medians'
    cuda = f', CUDA {about["cuda"]}' if about['device'] == 'cuda' else ''
    lines = [
        (
            f'Measured on {where}, torch {about["torch"]}{cuda}. {amount}; images are on the '
            'device, results come to the host. *Speed* is relative to the first row of a network '
            'in the same rounds; results are compared with the plain network on the CPU.'
        ),
        '',
    ]
    networks = {
        name.partition(' ')[2]: step
        for name, step in results['steps'].items()
        if name.startswith('network ') and step['state'] == 'done'
    }
    if networks:
        batches = sorted({row['batch'] for step in networks.values() for row in step['forms']})
        columns = [f'{count} image{"s"[: count > 1]} [ms], speed' for count in batches]
        heads = ('network (weights), input', 'form', *columns)
        heads = (*heads, 'memory [MB]', 'least cosine', 'bits changed [%]')
        lines += [_row(heads), '|' + '---|' * len(heads)]
        for name, step in networks.items():
            title = f'{name} ({step["weights"]}), {step["input"]}'
            for form in dict.fromkeys(row['form'] for row in step['forms']):
                rows = {row['batch']: row for row in step['forms'] if row['form'] == form}
                first = next(iter(rows.values()))
                cells = [_time(rows.get(batch)) for batch in batches]
                cells += [
                    _number(first.get('memory_mb'), '.0f'),
                    _number(first.get('cosine'), '.5f'),
                    _number(first.get('bits_changed'), '.2f'),
                ]
                lines.append(_row((title, form, *cells)))
                title = ''
        lines.append('')
    lines += [*_sentences(results['steps']), *_costs(results['steps'].get('training cost', {}))]
    if missing := problems(results):
        lines += ['', 'Not measured:', '', *(f'- {line}' for line in missing)]
    return '\n'.join(lines)


def _row(cells: Any) -> str:
    return f'| {" | ".join(cells)} |'


def _time(row: dict[str, Any] | None) -> str:
    return f'{row["median_ms"]:.1f}, {row["speed"]:.2f}' if row else _NONE


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)


def _sentences(found: dict[str, Any]) -> list[str]:
    lines = []
    tests = found.get('tests', {})
    if tests.get('state') == 'done':
        failed = tests['failed']
        lines.append(
            f'Tests marked `gpu`: {tests["passed"]} passed, {len(failed)} failed, '
            f'{len(tests["skipped"])} skipped.'
        )
        lines += [f'- failed: `{name}`: {why}' for name, why in failed.items()]
    two = found.get('two processes', {})
    if two.get('state') == 'done':
        kept = two['weights_equal'] and two['weights_changed'] and two['batches_differ']
        devices = ' and '.join(sorted(set(two['devices'])))
        lines.append(
            f'Training {two["network"]} by two processes on {devices} '
            f'({two["precision"]}, {two["images_of_each"]} images each): a step in '
            f'{two["step_ms"]:.0f} ms; '
            + (
                'their batches differ, and their weights are the same bits after it.'
                if kept and two['losses_finite']
                else f'NOT as it should be: {json.dumps(two)}'
            )
        )
    return lines


def _costs(step: dict[str, Any]) -> list[str]:
    """Return the table of training steps."""
    if step.get('state') != 'done':
        return []
    heads = ('training step', 'precision', 'tuning', 'trained [MB]', 'largest memory [MB]', 'ms')
    rows = [
        _row(
            (
                *(row['model'], row['precision'], row['tuning'], f'{row["trained_mb"]:.0f}'),
                *(_number(row['peak_mb'], '.0f'), f'{row["step_ms"]:.0f}'),
            )
        )
        for row in step['rows']
    ]
    title = f'A training step of {step["images"]} images of {step["size"]}x{step["size"]}:'
    return ['', title, '', _row(heads), '|' + '---|' * len(heads), *rows]


def wheels(there: str) -> list[str]:
    """Return the packages to carry, with their versions here, as `pip download` takes them.

    Args:
        there: Text that names the packages which the other machine has, such as `pip freeze`.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415  the other machine has none

    present = {_key(name) for name in re.findall(r'[A-Za-z0-9][\w.-]*', there)} | {'torch'}
    open_names, seen = list(PACKAGES), {}
    while open_names:
        key = _key(open_names.pop())
        if key in seen or key in present:
            continue
        package = metadata.distribution(key)
        seen[key] = f'{package.metadata["Name"]}=={package.version}'
        needs = [Requirement(line) for line in package.requires or ()]
        open_names += [
            need.name for need in needs if not need.marker or need.marker.evaluate({'extra': ''})
        ]
    return sorted(seen.values(), key=str.lower)


def _key(name: str) -> str:
    return re.sub(r'[-_.]+', '-', name).lower().strip('-')


def write_into(page: Path, text: str) -> None:
    """Put a table between the markers of a page."""
    before, begin, rest = page.read_text('utf-8').partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f'on_gpu: {page} lacks the lines {BEGIN} and {END}')
    page.write_text(f'{before}{begin}\n{text}\n{end}{after}', 'utf-8')


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """Run the steps, and write the results after each."""
    begun = time.monotonic()
    folder: Path = wanted.output
    folder.mkdir(parents=True, exist_ok=True)
    about = machine()
    results: dict[str, Any] = {'machine': about, 'quick': wanted.quick, 'steps': {}}
    networks = tuple(wanted.model or (_QUICK_NETWORKS if wanted.quick else NETWORKS))
    for step in steps(about['device'], networks, wanted.published, quick=wanted.quick):
        left = wanted.seconds - (time.monotonic() - begun)
        found = results['steps'][step.name] = run(step, folder, left)
        said = found.get('reason', '')
        print(f'{step.name}: {found["state"]} {said}'.strip(), file=sys.stderr, flush=True)
        unfinished = folder / 'results.json.part'
        unfinished.write_text(json.dumps(results, indent=1), 'utf-8')
        unfinished.replace(folder / 'results.json')
    return results


def main() -> int:
    """Run the script; the status is 1 where a step or a test failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--output', type=Path, default=ROOT / 'build' / 'on_gpu')
    parser.add_argument('--quick', action='store_true', help='tiny amounts: a try of the script')
    parser.add_argument('--model', action='append', help='network; several times; else all')
    parser.add_argument('--published', type=Path, help="folder of the authors' repositories")
    parser.add_argument('--seconds', type=float, default=SECONDS, help='for everything')
    parser.add_argument('--render', type=Path, metavar='JSON', help='only show these results')
    parser.add_argument('--into', type=Path, metavar='PAGE', help='write them into this page')
    parser.add_argument(
        '--list-wheels', nargs='?', const='', metavar='FILE',
        help='only list the packages to carry to a machine that has torch and those in the file',
    )  # fmt: skip
    wanted = parser.parse_args()
    if wanted.list_wheels is not None:
        there = Path(wanted.list_wheels).read_text('utf-8') if wanted.list_wheels else ''
        print('\n'.join(wheels(there)))
        return 0
    shown = wanted.render
    results = json.loads(shown.read_text('utf-8')) if shown else measure(wanted)
    text = table(results)
    if wanted.into is None:
        print(text)
    elif results['machine']['device'] == 'cpu' or results['quick']:
        sys.exit(f'on_gpu: {wanted.into} is for what a GPU measured in full')
    else:
        write_into(wanted.into, text)
    states = {step['state'] for step in results['steps'].values()}
    failed = results['steps'].get('tests', {}).get('failed')
    return int(bool(failed) or states != {'done'})


if __name__ == '__main__':
    sys.exit(main())
