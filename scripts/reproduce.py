#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate the models of a published table on its data sets, and print ours beside the paper's.

For each row: `vpr weights fetch`, then `vpr evaluate dataset`, which lints the data. Data sets lie
in one folder, as VPR-datasets-downloader makes them, MSLS also as it is published; rows whose data
set or weights are not there are named. The tables are in config/published.yaml.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from vpr_ros.documents import DocumentError, read_yaml  # noqa: E402
from vpr_ros.parsing import parse  # noqa: E402

_RANKS = (1, 5, 10)
_VPR = (sys.executable, '-c', 'import sys; from vpr_ros.cli.main import main; sys.exit(main())')
_SPLITS = {'msls': 'val'}
"""Where the published figures are not those of the folder `test`."""
_LISTS = {'msls': 'key_mslsval.txt'}
"""Files beside the data sets that choose the queries, where they are there."""


@dataclass(frozen=True)
class PublishedRow:
    """A row of a table.

    Attributes:
        model: Name or file.
        dataset: Folder of the data set.
        recall: At 1, 5 and 10, in %, as far as published.
        options: Of `vpr evaluate dataset`.
        method: Search method.
    """

    model: str
    dataset: str
    recall: tuple[float, ...]
    options: tuple[Any, ...] = ()
    method: str = 'float'


@dataclass(frozen=True)
class ReproducedRow:
    """What came out: ours at 1, 5 and 10 in %, or why nothing did, and what the linter said."""

    row: PublishedRow
    ours: tuple[float, ...] = ()
    errors: int = 0
    reason: str = ''


def vpr(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command of vpr."""
    environment = os.environ | {'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}'}
    command = [*_VPR, *map(str, words)]
    return subprocess.run(  # noqa: S603  our own command
        command, capture_output=True, text=True, check=False, env=environment
    )


def reproduced(row: PublishedRow, data: Path, *, fetch: bool) -> ReproducedRow:
    """Evaluate a row."""
    folder = data / row.dataset
    if not folder.is_dir():
        return ReproducedRow(row, reason=f'there is no {folder}')
    if fetch:
        got = vpr('weights', 'fetch', row.model, '--json')
        if got.returncode and 'nothing to fetch' not in got.stderr:
            return ReproducedRow(row, reason=_last_line(got.stderr))
    split = ('--split', _SPLITS.get(row.dataset, 'test'))
    keys = data / _LISTS.get(row.dataset, '')
    chosen: tuple[object, ...] = ('--queries-list', keys) if keys.is_file() else ()
    if (folder / 'train_val').is_dir():
        chosen = ('--format', 'msls')
    run = vpr(
        *('evaluate', 'dataset', folder, *split, *chosen, *row.options),
        *('--model', row.model, '--verify', 'none', '--json'),
    )
    if run.returncode:
        return ReproducedRow(row, reason=_last_line(run.stderr))
    result = json.loads(run.stdout)
    recall = result['summary'][row.method]['recall']
    ours = tuple(100 * float(recall[str(rank)]) for rank in _RANKS if str(rank) in recall)
    errors = sum(finding['level'] == 'error' for finding in result['findings'])
    return ReproducedRow(row, ours, errors)


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else 'it ended without a word'


def table(results: list[ReproducedRow]) -> str:
    """Return the results as a table in Markdown."""
    lines = ['| model | data set | R@1 / 5 / 10 ours | published | |', '|---|---|---|---|---|']
    for result in results:
        row = result.row
        ours, published = (
            ' / '.join(f'{value:.1f}' for value in values) or '-'
            for values in (result.ours, row.recall)
        )
        options = ' '.join(map(str, row.options))
        note = result.reason or ('the linter finds errors in the data' if result.errors else '')
        name = f'{row.model} {options}'.strip() + (
            '' if row.method == 'float' else f', {row.method}'
        )
        lines.append(f'| {name} | {row.dataset} | {ours} | {published} | {note} |')
    return '\n'.join(lines)


def main() -> int:
    """Run the script; the status is 1 where a row could not be evaluated."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('table', help='name of the table; "list" shows their names')
    parser.add_argument('--data', type=Path, default=Path(), help='folder of the data sets')
    parser.add_argument('--tables', type=Path, default=ROOT / 'config' / 'published.yaml')
    parser.add_argument('--no-fetch', action='store_true', help='use the weights that are here')
    arguments = parser.parse_args()
    try:
        tables = read_yaml(arguments.tables)
        if arguments.table not in tables:
            parser.error(f'the tables are {", ".join(tables)}')
        rows = [parse(PublishedRow, row) for row in tables[arguments.table]]
    except (DocumentError, TypeError) as error:
        parser.error(f'{arguments.tables}: {error}')
    results = []
    for row in rows:
        print(f'{row.model} on {row.dataset} …', file=sys.stderr)
        results.append(reproduced(row, arguments.data, fetch=not arguments.no_fetch))
    print(table(results))
    return int(any(result.reason for result in results))


if __name__ == '__main__':
    sys.exit(main())
