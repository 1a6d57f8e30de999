# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr calibrate``: fits the probabilities of answers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import (
    console,
    print_json,
    progress_bar,
    show_table,
    table_of,
)
from vpr_ros.cli.localizing import localizing, tolerance_of

if TYPE_CHECKING:
    from rich.console import Console

    from vpr_ros.evaluation import Tolerance
    from vpr_ros.evaluation.calibration_data import AnsweredTraverse
    from vpr_ros.evaluation.calibration_fit import Calibrated

_CANDIDATES = 100
_SPARE = 3
"""Times as many candidates are compared as the robot compares: a smaller map, as calibrations make
them of each, has lost some of the first ones."""
_LEAST_TRAVERSES = 2


def _check_inputs(inputs: list[Path], elsewhere: int) -> None:
    """Refuse bags before the map they are of, maps without any bag, and a single traverse."""
    given = [path for path in inputs if path.suffix != '.json']
    maps = [path.suffix == opt.MAP_SUFFIX for path in given]
    if given and not maps[0]:
        path = given[0]
        msg = f'{path} is no result of vpr evaluate, and no map ({opt.MAP_SUFFIX}) stands before'
        raise typer.BadParameter(msg)
    for path, *both in zip(given, maps, [*maps, True][1:], strict=True):
        if all(both) and not elsewhere:
            msg = f'no bag follows the map {path}'
            raise typer.BadParameter(msg)
    if len(inputs) - sum(maps) + elsewhere * sum(maps) < _LEAST_TRAVERSES:
        msg = 'one traverse is too few: each is judged by the others, give bags of two or more'
        raise typer.BadParameter(msg)


def calibrate(
    context: typer.Context,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar='MAP BAG',
            help='A map and bags of the same places, with poses in its frame; more maps with their'
            ' bags may follow. Results of vpr evaluate bag --output (.json) may stand anywhere.',
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option('--output', '-o', callback=opt.check_folder, help='The calibration, YAML.'),
    ],
    elsewhere: Annotated[
        list[Path] | None,
        typer.Option(
            metavar='BAG',
            callback=opt.check_not_map,
            help='Bag of places that none of the maps shows; may be given several times.',
        ),
    ] = None,
    tolerance: opt.Distance = 5.0,
    angle: opt.Angle = 45.0,
    precision: Annotated[
        float,
        opt.number('Share of the accepted answers that should be correct.', min=0.5, max=1.0),
    ] = 0.995,
    figure: Annotated[
        Path | None,
        typer.Option(
            callback=opt.check_figure, help='Draw reliability and precision here (PNG, SVG, PDF).'
        ),
    ] = None,
    verify: opt.Verify = None,
    rerank: opt.Rerank = 10,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    as_json: opt.AsJson = False,
) -> None:
    """Fit the probabilities of answers to answers whose truth is known.

    Every session is judged by a fit to the others. The file belongs to one network and
    its weights; nodes and commands take it as calibration.
    """
    from vpr_ros.evaluation import Evaluation
    from vpr_ros.evaluation.calibration_data import AnsweredTraverse
    from vpr_ros.evaluation.calibration_fit import calibrate as fit

    alone = all(path.suffix == '.json' for path in inputs)
    searching = 'elsewhere', 'verify', 'rerank', 'weights', 'device'
    opt.refuse_idle(context, 'without a map', *searching, when=alone)
    _check_inputs(inputs, len(elsewhere or ()))
    right = tolerance_of(tolerance, angle)

    def localised(map_path: Path, path: Path, *, known: bool) -> AnsweredTraverse:
        means: dict[str, Any] = {'weights': weights, 'device': device}
        means |= {'model': None, 'verify': verify, 'rerank': rerank}
        return answered(map_path, path, right, known=known, **means)

    sessions = []
    current: Path | None = None
    for path in inputs:
        if path.suffix == opt.MAP_SUFFIX:
            current = path
            sessions += [localised(path, bag, known=False) for bag in elsewhere or ()]
        elif path.suffix == '.json':
            sessions.append(AnsweredTraverse(Evaluation.load(path)))
        elif current is not None:
            sessions.append(localised(current, path, known=True))
    with progress_bar('fitting') as progress:
        result = fit(sessions, right, precision, progress)
    result.calibration.save(output)
    out = console(stderr=as_json)
    show(result, out)
    out.print(f'Calibration: {output}')
    if figure is not None:
        from vpr_ros.evaluation.calibration_figure import draw

        draw(result, figure)
        out.print(f'Figure: {figure}')
    if as_json:
        calibration = result.calibration
        print_json(
            {
                'output': output,
                'model': calibration.model.name,
                'thresholds': {n: stage.threshold for n, stage in calibration.stages.items()},
                'quality': calibration.quality,
            }
        )


def answered(
    map_path: Path,
    bag_path: Path,
    tolerance: Tolerance,
    *,
    known: bool,
    topics: tuple[str | None, str | None] = (None, None),
    stretch: tuple[float, float] = (0.0, 1.0),
    **means: Any,
) -> AnsweredTraverse:
    """Return the answers to a bag, or to a stretch of it, as calibrations are fitted to them.

    Args:
        map_path: The map.
        bag_path: Of the traverse.
        tolerance: Of correct answers.
        known: Whether the map covers the traverse.
        topics: Of images and poses; None for the only ones of a bag.
        stretch: Beginning and end, shares of its images.
        means: Keywords of `localizing`.

    Raises:
        VprError: The map, the network or the bag cannot be used, or the map was made from a bag
            that it is said not to cover.
    """
    from vpr_ros.evaluation.bag_evaluation import evaluate_bag
    from vpr_ros.evaluation.calibration_data import AnsweredTraverse, require_elsewhere
    from vpr_ros.inputs.bags import Bag, choose_topics
    from vpr_ros.localize.verification import Reranking

    compared = means.pop('rerank', Reranking().count)
    means['rerank'] = _SPARE * compared if known else compared
    opened = localizing(map_path, candidates=_CANDIDATES, calibration='none', **means)
    title = f'localising {bag_path.name} in {map_path.name}'
    with Bag(bag_path) as bag, opened as (place_map, localizer), progress_bar(title) as progress:
        evaluation = evaluate_bag(
            place_map,
            bag,
            localizer,
            choose_topics(bag, *topics),
            tolerance,
            candidates=_CANDIDATES,
            stretch=stretch,
            progress=progress,
        )
    if not known:
        require_elsewhere(evaluation)
    return AnsweredTraverse(evaluation, known, compared=compared)


def show(result: Calibrated, out: Console) -> None:
    """Print how good the probabilities are."""
    from vpr_ros.evaluation.metrics import reliability
    from vpr_ros.evaluation.words import share

    calibration = result.calibration
    frames = sum(entry['frames'] for entry in calibration.data)
    headers = 'decision by', 'correct', 'Brier', 'ECE', 'accept', 'precision', 'recall', 'NEES'
    style: dict[str, Any] = {'box': None, 'pad_edge': False, 'collapse_padding': True}
    table = table_of(*headers, left=headers[:1], no_wrap=True, header_style='bold', **style)
    for stage, quality in calibration.quality.items():
        table.add_row(
            stage.replace('_without_odometry', ', no odometry'),
            share(quality['right']),
            f'{quality["brier"]:.3f}',
            f'{quality["ece"]:.3f}',
            f'≥ {calibration.stages[stage].threshold:.3f}',
            share(quality['precision']),
            share(quality['recall']),
            _consistency(quality['nees'], quality['nees_band']),
        )
    title = f'{calibration.model.name}: {frames} frames, each session judged by the others'
    show_table(out, title, table)
    for stage, found in result.predictions.items():
        measured = reliability(found.probabilities, found.right)
        bins = [
            f'{predicted:.2f}→{observed:.2f} ({count})'
            for predicted, observed, count in zip(
                measured.predicted, measured.observed, measured.counts, strict=True
            )
            if count
        ]
        out.print(f'{stage.replace("_", " ")}: said→came true {", ".join(bins)}', style='dim')
    sigmas = [
        f'{stage.replace("_", " ")} {error.position:.2f} m, {math.degrees(error.angle):.1f}°'
        for stage, error in calibration.pose_errors.items()
    ]
    out.print(f'Least standard deviations: {"; ".join(sigmas)}', style='dim')
    out.print(
        'NEES: mean square of pose errors (x, y, yaw) in units of the covariance, with the 95 % '
        'band over sessions; 3 is right, less is too cautious, and two sessions are needed.',
        style='dim',
    )


def _consistency(nees: float, band: float) -> str:
    """Write the NEES of a stage; two traverses with accepted answers are needed to know it."""
    return f'{nees:.1f} ± {band:.1f}' if math.isfinite(nees) else 'unknown'
