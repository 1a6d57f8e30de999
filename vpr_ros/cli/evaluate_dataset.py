# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate dataset`` and ``lint``: evaluates published data sets, and checks them."""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import (
    console,
    deliver,
    echo,
    print_json,
    progress_steps,
    show_table,
    table_of,
    warn_untrained,
)
from vpr_ros.cli.localizing import tolerance_of
from vpr_ros.cli.predictions_file import PredictionsFile
from vpr_ros.evaluation.datasets import DATASET_FORMATS, FRAMES, MSLS, UTM
from vpr_ros.inputs.folders import FOLDER_FORMATS
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vpr_ros.evaluation import Tolerance
    from vpr_ros.evaluation.dataset_findings import Finding
    from vpr_ros.evaluation.dataset_results import DatasetEvaluation
    from vpr_ros.evaluation.datasets import Dataset
    from vpr_ros.evaluation.description_store import AnyDescriber

_Folder = Annotated[
    Path,
    typer.Argument(
        metavar='FOLDER',
        callback=opt.check_not_map,
        help='The data set; images/test is looked for in it.',
    ),
]
_Format = Annotated[str, opt.format_option('--format', DATASET_FORMATS)]
_Split = Annotated[str, typer.Option(help='Folder in FOLDER/images.')]
_Database = Annotated[str, typer.Option('--database', help='Name of the folder searched.')]
_Queries = Annotated[str, typer.Option('--queries', help='Name of the folder of queries.')]
_Tolerance = Annotated[
    float | None,
    opt.number(
        'Correct within so many metres, or frames; inclusive. 25 m, if not given.',
        '--tolerance',
        min=0,
    ),
]


def dataset(
    context: typer.Context,
    folder: _Folder,
    *,
    form: _Format = UTM,
    split: _Split = 'test',
    database: _Database = 'database',
    queries: _Queries = 'queries',
    database_poses: Annotated[
        Path | None,
        typer.Option(help='File of poses of the database, where the format needs one.'),
    ] = None,
    queries_poses: Annotated[
        Path | None, typer.Option(help='File of poses of the queries.')
    ] = None,
    tolerance: _Tolerance = None,
    angle: opt.Angle = None,
    queries_list: Annotated[
        Path | None,
        typer.Option(help='Keys of the queries to use, such as the official ones of MSLS-val.'),
    ] = None,
    model: opt.Network = DEFAULT_MODEL,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    size: Annotated[
        int, typer.Option(min=0, help='Side of the input in pixels; 0 for that of the model.')
    ] = 0,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help='Images described together by a cross-image encoder.'),
    ] = None,
    test_method: Annotated[
        Literal['hard-resize', 'central-crop', 'five-crops', 'nearest-crop'],
        typer.Option(help='What is described of a query: all of it, or squares of it.'),
    ] = 'hard-resize',
    candidates: opt.Candidates = 100,
    bits: Annotated[
        int,
        typer.Option(min=8, callback=opt.check_bits, help='Of fitted codes; a multiple of 8.'),
    ] = 512,
    verify: opt.DatasetVerify = 'xfeat',
    rerank: opt.Rerank = 10,
    cache: Annotated[
        Path | None, typer.Option(help='Where descriptions are kept, to go on after a break.')
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            callback=opt.check_folder,
            help='Write the images found for each query: .json, .csv, or .txt as MSLS asks for.',
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help='Folder of a picture for each query, those found in green or red.'),
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=100, help='Images of each query in it.')] = 10,
    by: Annotated[str, typer.Option(help='Search method of it.')] = 'float',
    wrong_only: Annotated[
        bool, typer.Option('--wrong-only', help='Only queries whose first image is wrong.')
    ] = False,
    no_labels: Annotated[
        bool, typer.Option('--no-labels', help='Nobody knows what is correct.')
    ] = False,
    as_json: opt.AsJson = False,
    output: opt.Output = None,
    report: opt.Report = None,
) -> None:
    """Search a data set as published evaluations do: recall of floats, codes, both, re-ranked."""
    why = f'with --format {form}'
    opt.refuse_idle(context, why, 'database', 'queries', when=form == MSLS)
    bare = form not in FOLDER_FORMATS or not FOLDER_FORMATS[form].needs_poses
    opt.refuse_idle(context, why, 'database_poses', 'queries_poses', when=bare)
    opt.refuse_idle(context, why, 'angle', when=form == FRAMES)
    opt.refuse_idle(context, 'with --verify none', 'rerank', when=verify == 'none')
    if batch_size is not None and test_method != 'hard-resize':
        msg = 'crops of a query do not belong in batches: leave --batch-size or --test-method out'
        raise typer.BadParameter(msg)
    wanted = PredictionsFile(predictions, pictures, top, by, wrong_only, not no_labels)
    wanted.check(context)
    correct = _tolerance(form, tolerance, angle)
    from vpr_ros.evaluation import dataset_lint as linter
    from vpr_ros.evaluation.dataset_evaluation import (
        cache_folder,
        evaluate_dataset,
        search_methods,
    )
    from vpr_ros.evaluation.dataset_findings import Subject
    from vpr_ros.evaluation.words import now
    from vpr_ros.localize import Reranking, local_detector

    if report is not None:  # missing packages are told now, not after an hour of work
        from vpr_ros.evaluation.dataset_report import render_report
    wanted.check_method(search_methods(local=verify != 'none'))
    poses = (database_poses, queries_poses)
    data = _read(
        folder,
        form if form == MSLS or not no_labels else '',
        split,
        (database, queries),
        poses,
        correct,
        queries_list,
        labelled=not no_labels,
    )
    subject = Subject(folder, data.form, data.database.paths, data.queries.paths, correct)
    findings = [] if no_labels else linter.lint(subject)
    show_findings(findings, console(stderr=as_json))
    describer = _describer(model, device, weights, batch_size, size)
    why = f'on codes that {model} makes itself'
    opt.refuse_idle(context, why, 'bits', when=describer.model_info.code_bits > 0)
    kept = cache_folder() if cache is None else cache
    with progress_steps(data.name) as tell:
        evaluation = evaluate_dataset(
            data,
            describer,
            kept,
            batch=batch_size or 0,
            candidates=candidates,
            bits=bits,
            queries_list='' if queries_list is None else queries_list.name,
            test_method=test_method,
            detector=local_detector(verify),
            reranking=Reranking(rerank),
            findings=findings,
            created=now(),
            rankings_to=partial(
                wanted.write,
                data,
                describer.model_info,
                lambda done, total: tell(f'drawing, {data.name}', done, total),
            ),
            progress=lambda step, done, total: tell(f'{step}, {data.name}', done, total),
        )
    if no_labels:
        if as_json:
            print_json({'predictions': str(predictions), 'queries': len(data.queries.paths)})
        return
    deliver(
        evaluation,
        partial(_show, kept),
        output=output,
        report=report,
        page=lambda: render_report(evaluation, data),
        as_json=as_json,
    )


def lint(
    folder: _Folder,
    *,
    form: _Format = UTM,
    split: _Split = 'test',
    database: _Database = 'database',
    queries: _Queries = 'queries',
    tolerance: _Tolerance = None,
    as_json: opt.AsJson = False,
) -> None:
    """Look for known problems of a data set; the exit status is 1 if figures would be wrong."""
    from vpr_ros.evaluation import dataset_lint as linter
    from vpr_ros.evaluation.dataset_findings import ERROR, Subject
    from vpr_ros.evaluation.datasets import folder_pair
    from vpr_ros.inputs.folders import images_in, unread_in

    correct = _tolerance(form, tolerance, None)
    if form == MSLS:
        from vpr_ros.evaluation.mapillary import mapillary_pair

        sides = mapillary_pair(folder, split, labelled=split != 'test')
        mapped, asked = (list(side.paths) for side in sides)
        unread = []
    else:
        pair = folder_pair(folder, split, database, queries)
        mapped, asked = (images_in(path) for path in pair)
        unread = [path for side in pair for path in unread_in(side)]
    findings = linter.lint(Subject(folder, form, mapped, asked, correct, unread))
    if as_json:
        print_json({'folder': folder, 'findings': [asdict(finding) for finding in findings]})
    else:
        show_findings(findings, console())
        if not findings:
            echo(f'{folder}: nothing known to go wrong was found')
    if any(finding.level == ERROR for finding in findings):
        raise typer.Exit(1)


def show_findings(findings: Sequence[Finding], out: Console) -> None:
    """Print the findings of the linter."""
    from rich.text import Text

    styles = {'error': 'bold red', 'warning': 'bold yellow', 'note': 'cyan'}
    for finding in findings:
        title = Text(f'{finding.level}: ', style=styles[finding.level])
        title.append(finding.what + (f' ({finding.count})' if finding.count else ''), 'default')
        title.append(f'  {finding.code}', 'dim')
        out.print(title)
        more = [f'such as {finding.example}'] if finding.example else []
        for line in (*more, finding.advice):
            out.print(f'    {line}')


def _show(cache: Path, evaluation: DatasetEvaluation, out: Console) -> None:
    from vpr_ros.evaluation.dataset_search import BINARY
    from vpr_ros.evaluation.words import UNKNOWN, milliseconds, share

    setup = evaluation.setup
    warn_untrained(out, setup.model)
    counts = list(next(iter(evaluation.methods.values())).recall)
    headers = 'search', *(f'R@{n}' for n in counts), 'AP', 'ms'
    table = table_of(*headers, left=headers[:1], no_wrap=True)
    for name, method in evaluation.methods.items():
        auc = method.curve(evaluation.positives).auc
        shares = (*(method.recall[n] for n in counts), auc)
        figures = (UNKNOWN if math.isnan(value) else f'{100 * value:.1f}' for value in shares)
        table.add_row(name, *figures, f'{1e3 * method.seconds:.2f}')
    title = f'{setup.dataset}: {setup.model.name}, within {setup.tolerance_words}, %'
    show_table(out, title, table)
    total, images = len(evaluation.queries), len(evaluation.database)
    chosen = f' ({setup.queries_list})' if setup.queries_list else ''
    chosen += '' if setup.test_method == 'hard-resize' else f', {setup.test_method},'
    without = total - evaluation.positives
    none = f', of which {without} have no correct image there' if without else ''
    out.print(f'{total} queries{chosen} in {images} images{none}. All queries count.')
    unreadable = setup.unreadable_database + setup.unreadable_queries
    if unreadable:
        out.print(
            f'{unreadable} images cannot be read: {setup.unreadable_queries} queries count as '
            f'missed, {setup.unreadable_database} of the database cannot be found.'
        )
    coder = 'its hash head' if setup.coder == 'hash head' else 'ITQ fitted on the database'
    out.print('AP: average precision of the first answers. ms: search time a query.')
    out.print(
        f'Descriptors: {setup.model.descriptor_dim} floats, {setup.code_bits} bits by {coder}; '
        f'{milliseconds(setup.describe_seconds)} an image. Kept in {cache}: '
        f'{setup.stored_bytes / 2**20:.1f} MiB.'
    )
    binary = evaluation.methods[BINARY]
    if (passed := binary.recall.get(100)) is not None:
        out.print(
            f'The first 100 by Hamming distance hold a correct image for {share(passed)} of the '
            'queries: re-ranking them cannot do better.'
        )
    if setup.batch:
        out.print(
            f'Every descriptor depends on the {setup.batch} images of its batch, neighbours in '
            'the order of their paths, queries among queries. A robot has no such batch: these '
            'figures are for comparison with published ones only.',
            style='bold yellow',
        )


def _tolerance(form: str, distance: float | None, angle: float | None) -> Tolerance:
    from vpr_ros.evaluation.datasets import PUBLISHED_DISTANCE

    if distance is None:
        if form == FRAMES:
            msg = '--format frames needs a tolerance in frames: --tolerance 2, for example'
            raise typer.BadParameter(msg)
        distance = PUBLISHED_DISTANCE
    return tolerance_of(distance, angle)


def _read(
    folder: Path,
    form: str,
    split: str,
    names: tuple[str, str],
    poses: tuple[Path | None, Path | None],
    tolerance: Tolerance,
    queries_list: Path | None,
    *,
    labelled: bool,
) -> Dataset:
    from vpr_ros.evaluation import datasets

    if form in FOLDER_FORMATS and FOLDER_FORMATS[form].needs_poses and None in poses:
        msg = f'--format {form} needs --database-poses and --queries-poses'
        raise typer.BadParameter(msg)
    if form == MSLS:
        from vpr_ros.evaluation.mapillary import mapillary_pair

        database, queries = mapillary_pair(folder, split, labelled=labelled)
    elif labelled:
        pair = datasets.folder_pair(folder, split, *names)
        database, queries = datasets.posed_pair(form, pair, poses)
    else:
        database, queries = map(datasets.bare_images, datasets.folder_pair(folder, split, *names))
    if queries_list is not None:
        keys = datasets.query_keys(queries_list)
        queries, unused = datasets.listed(queries, keys)
        if unused:
            echo(
                f'{len(unused)} of the {len(keys)} keys in {queries_list} fit no query, such as '
                f'{unused[0]}',
                fg=typer.colors.YELLOW,
                err=True,
            )
    name = folder.resolve().name + (f', {split}' if form == MSLS else '')
    if names != ('database', 'queries'):
        name += f', {names[1]} in {names[0]}'
    return datasets.Dataset(name, form, database, queries, tolerance)


def _describer(
    model: str, device: str, weights: Path | None, batch_size: int | None, size: int
) -> AnyDescriber:
    from vpr_ros.describe import Describer
    from vpr_ros.describe.loading import resolve
    from vpr_ros.evaluation.description_store import BatchDescriber

    if not resolve(model, weights).batch_dependent:
        if batch_size is not None:
            msg = f'the descriptors of {model} do not depend on the batch: leave --batch-size out'
            raise typer.BadParameter(msg)
        return Describer(model, device=device, weights=weights, size=size)
    if batch_size is None:
        msg = (
            f'the descriptors of {model} depend on the batch: give --batch-size. Published '
            'figures of D2-VPR are of 8 for Pitts30k, Pitts250k and AmsterTime, 3 for SPED, 128 '
            'for MSLS and Nordland; 1 as on a robot'
        )
        raise typer.BadParameter(msg)
    return BatchDescriber(model, device, weights, size)
