# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr bench``: measures the speed of the parts on this machine."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import console, echo, print_json, progress_bar, show_table, table_of
from vpr_ros.errors import VprError
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vpr_ros.bench.describe_bench import DescribeTiming

app = typer.Typer(no_args_is_help=True)


class Backend(str, Enum):  # Typer takes lists of enums, but not of literals
    """Runtimes of networks."""

    TORCH = 'torch'
    ONNX = 'onnx'


class Precision(str, Enum):
    """Number formats of networks; the names of ``describe.describer.PRECISIONS``."""

    FP32 = 'fp32'
    BF16 = 'bf16'
    FP16 = 'fp16'
    INT8 = 'int8'


_Folder = Annotated[
    Path | None,
    typer.Option(
        exists=True, file_okay=False, help='Folder for the maps while they are measured.'
    ),
]


@app.command()
def retrieval(
    sizes: Annotated[
        list[int], typer.Option('--size', metavar='N', min=2, help='Places; several times.')
    ] = [  # noqa: B006
        10_000,
        100_000,
    ],
    dim: Annotated[int, typer.Option(min=1, help='Length of the descriptors.')] = 4096,
    queries: Annotated[int, typer.Option(min=1, help='Queries to take the median of.')] = 200,
    memory: Annotated[float, opt.number('GiB that descriptors may take in memory.', min=0)] = 4.0,
    folder: _Folder = None,
    as_json: opt.AsJson = False,
) -> None:
    """Time searching, opening and appending on maps of random places, beside plain faiss."""
    from vpr_ros.bench.search_bench import bench_retrieval

    rows: list[dict[str, float]] = []
    for size in sizes:
        with progress_bar(f'{size} places') as progress:
            (row,) = bench_retrieval(
                (size,), dim, queries, int(memory * 2**30), folder, progress=progress
            )
        rows.append({**asdict(row), 'flat_l2_ms / query_ms': row.flat_l2_ms / row.query_ms})
    if as_json:
        print_json(rows)
    else:
        figures = [
            {'': name, **{f'{row["places"]} places': row[name] for row in rows}}
            for name in rows[0]
            if name != 'places'
        ]
        _show('Retrieval, one thread, medians', figures, as_json)
        echo(
            'SelaVPR++ reports for 10000 places, one query: 0.26 ms binary + 0.25 ms re-ranking '
            'at 4096-d;\nL2 search 32.2 ms at 4096-d, 16.0 ms at 2048-d, 3.9 ms at 512-d.'
        )


@app.command()
def node(
    context: typer.Context,
    *,
    rate: Annotated[float, opt.number('Images per second sent to the node.', min=0.1)] = 5.0,
    seconds: Annotated[float, opt.number('How long to send.', min=0.1)] = 20.0,
    model: opt.Network = DEFAULT_MODEL,
    places: Annotated[int, typer.Option(min=1, help='Places in the map that is searched.')] = 1000,
    overload: Annotated[
        bool, typer.Option('--overload', help='Send five times as fast as the node can answer.')
    ] = False,
    calls: Annotated[
        bool, typer.Option('--calls', help='Count the Python calls of an image, without ROS.')
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Time each stage of place_recognition_node on 640x480 images over real DDS."""
    opt.refuse_idle(context, 'with --calls', 'rate', 'seconds', 'overload', when=calls)
    opt.refuse_idle(context, 'with --overload', 'rate', when=overload)
    from vpr_ros.bench.node_bench import bench_calls, bench_node, bench_overload

    if calls:
        _show('An image from description to message', bench_calls(model, places), as_json)
    elif overload:
        rows = bench_overload(seconds, model, places)
        _show('place_recognition_node at five times the sustainable rate', rows, as_json)
    else:
        rows = bench_node(rate, seconds, model, places)
        _show('Stages of place_recognition_node', rows, as_json)


@app.command()
def verify(
    *,
    model: opt.Network = DEFAULT_MODEL,
    rounds: Annotated[int, typer.Option(min=1, help='Calls that are timed.')] = 20,
    threads: Annotated[int, typer.Option(min=1, help='CPU threads.')] = 1,
    as_json: opt.AsJson = False,
) -> None:
    """Time local features: detection, one pair, re-ranking of ten places, beside describing."""
    from vpr_ros.bench.verify_bench import bench_verify

    rows = [asdict(row) for row in bench_verify(model, rounds, threads)]
    if as_json:
        print_json(rows)
        return
    columns = {row['detector']: row for row in rows}
    figures = [
        {'': name, **{detector: row[name] for detector, row in columns.items()}}
        for name in rows[0]
        if name != 'detector'
    ]
    _show(f'Local features beside {model}', figures, as_json)


@app.command()
def describe(
    context: typer.Context,
    *,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar='MODEL', callback=opt.check_model, help='Network; may be given several times.'
        ),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            metavar='DEVICE',
            callback=opt.check_device,
            help='auto, cpu, cuda or cuda:N; several times.',
        ),
    ] = None,
    backend: Annotated[list[Backend] | None, typer.Option(help='All, if not given.')] = None,
    precision: Annotated[list[Precision] | None, typer.Option(help='All, if not given.')] = None,
    batch: Annotated[
        list[int] | None, typer.Option(metavar='N', min=1, help='Images at a time; several times.')
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help='Calls that are timed.')] = 20,
    threads: Annotated[int | None, typer.Option(min=1, help='CPU threads, else all.')] = None,
    images: Annotated[
        Path | None, typer.Option(help='Folder of photographs to compare results on.')
    ] = None,
    most: Annotated[int, typer.Option(min=2, help='Photographs of the folder to use.')] = 200,
    as_json: opt.AsJson = False,
) -> None:
    """Time networks in every precision that this machine offers, and compare their results."""
    opt.refuse_idle(context, 'without --images', 'most', when=images is None)
    from vpr_ros.bench.describe_bench import bench_describe, ways
    from vpr_ros.cli.localizing import photographs

    chosen = [
        way
        for way in ways(model or [DEFAULT_MODEL], device or ['auto'])
        if Backend(way.backend) in (backend or Backend)
        and Precision(way.precision) in (precision or Precision)
    ]
    if not chosen:
        msg = 'no device here computes with this backend in this precision'
        raise typer.BadParameter(msg)
    pictures = photographs(images, most) if images else ()
    rows = bench_describe(chosen, batch or [1], rounds, threads, pictures)
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        # A column for each way: there are more figures than a terminal is wide.
        ways_of = {
            f'{row.model} ({row.weights})\n{row.device} {row.backend} {row.precision}\n'
            f'batch {row.batch}': _figures(row)
            for row in rows
        }
        lines = [
            {'': name, **{way: figures[name] for way, figures in ways_of.items()}}
            for name in _figures(rows[0])
            if any(figures[name] for figures in ways_of.values())
        ]
        _show('Describing images', lines, as_json)


def _figures(row: DescribeTiming) -> dict[str, str]:
    """Return the cells of a measurement, with units."""

    def number(value: float | None, form: str) -> str:
        return '' if value is None else format(value, form)

    return {
        'median [ms]': f'{row.median_ms:.1f}',
        'p95 [ms]': f'{row.p95_ms:.1f}',
        'images/s': f'{row.images_per_s:.1f}',
        'speedup': f'{row.speedup:.2f}',
        'memory [MB]': number(row.memory_mb, '.0f'),
        'GMAC': f'{row.gmac:.2f}',
        'least cosine': number(row.cosine_min, '.5f'),
        'bits changed [%]': number(row.bits_changed, '.2f'),
        'first place changed [%]': number(row.first_changed, '.1f'),
        'the same, map by the first way [%]': number(row.first_changed_mixed, '.1f'),
    }


def _show(title: str, rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print rows as a table, or as JSON.

    Raises:
        VprError: There are none.
    """
    if not rows:
        msg = 'nothing was measured, since no image was answered: measure for longer'
        raise VprError(msg)
    if as_json:
        print_json(rows)
        return
    texts = [name for name, value in rows[0].items() if isinstance(value, str)]
    table = table_of(*rows[0], left=texts)
    for row in rows:
        table.add_row(*(f'{v:.3f}' if isinstance(v, float) else str(v) for v in row.values()))
    show_table(console(), title, table)
