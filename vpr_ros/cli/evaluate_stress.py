# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate stress``: the states that a robot meets in its first weeks."""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import (
    deliver,
    fits,
    progress_steps,
    show_table,
    table_of,
    warn_untrained,
)
from vpr_ros.cli.viewing import RerunFile, View, viewing
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from rich.console import Console

    from vpr_ros.evaluation.stress.stress_results import StressEvaluation
    from vpr_ros.inputs.bags import Bag, Topic


@opt.each
def _check_state(name: str) -> None:
    from vpr_ros.evaluation.stress.states import STATES

    known = [state.name for state in STATES]
    if name not in known:
        msg = f'there is no state {name!r}; there are {", ".join(known)}'
        raise typer.BadParameter(msg)


def stress(
    context: typer.Context,
    map_path: opt.MapPath,
    bag_path: opt.BagPath,
    *,
    foreign: Annotated[
        list[Path] | None,
        typer.Option(
            metavar='BAG',
            callback=opt.check_not_map,
            help='Bag of places that the map does not show; may be given several times.',
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar='STATE',
            callback=_check_state,
            help='A state such as black, not all; may be given several times.',
        ),
    ] = None,
    image_topic: opt.ImageTopic = None,
    pose_topic: opt.PoseTopic = None,
    fixed_frame: opt.FixedFrame = '',
    base_frame: opt.BaseFrame = '',
    tolerance: opt.Distance = 5.0,
    angle: opt.Angle = 45.0,
    calibration: opt.CalibrationFile = '',
    verify: opt.Verify = None,
    rerank: opt.Rerank = 10,
    field_of_view: opt.FieldOfView = None,
    limit: Annotated[int | None, typer.Option(min=1, help='Only the first N frames.')] = None,
    as_json: opt.AsJson = False,
    output: opt.Output = None,
    report: opt.Report = None,
    rerun: RerunFile = None,
    view: View = False,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
) -> None:
    """Show how often a map is confidently wrong, before a robot trusts it.

    The states that a robot meets are made of the map and a bag with true poses in its frame: gaps,
    the end of the map, standing still, a covered or frozen camera, bad odometry, and others. Each
    is run in each mode, and wrong answers are counted.
    """
    unverified = 'rerank', 'field_of_view'
    opt.refuse_idle(context, 'with --verify none', *unverified, when=verify == 'none')
    from vpr_ros.cli.localizing import camera_of, tolerance_of, verifier_of
    from vpr_ros.describe import Describer
    from vpr_ros.evaluation.bag_evaluation import require_poses
    from vpr_ros.evaluation.stress.recording import read_recording
    from vpr_ros.evaluation.stress.states import STATES
    from vpr_ros.evaluation.stress.stress_run import StressTest, run_stress
    from vpr_ros.evaluation.words import now
    from vpr_ros.inputs.bags import Bag, choose_image, choose_topics
    from vpr_ros.inputs.poses import TreeFrames
    from vpr_ros.localize import Reranking, calibration_for
    from vpr_ros.maps import PlaceMap

    if report is not None:  # missing packages are told now, not after an hour of work
        from vpr_ros.evaluation.stress.stress_report import render_stress_report
    with ExitStack() as stack:
        record = stack.enter_context(viewing(rerun, bag_path.name, viewer=view))
        with PlaceMap.open(map_path) as place_map:
            require_poses(place_map)
            describer = Describer(place_map.model.name, device=device, weights=weights)
        learnt = calibration_for(describer.model_info, calibration)
        place_map = stack.enter_context(PlaceMap.open(map_path, model=describer.model_info))
        source = stack.enter_context(Bag(bag_path))
        frames = TreeFrames(fixed_frame, base_frame)
        topics = choose_topics(source, image_topic, pose_topic, frames)
        why = f'on the poses of {topics.pose.name}, which are not those of tf'
        named = 'fixed_frame', 'base_frame'
        opt.refuse_idle(context, why, *named, when=topics.pose.frames is None)
        camera = camera_of(source, topics.image.name, field_of_view)
        with progress_steps('reading') as tell:
            read = partial(read_recording, describer=describer, limit=limit)
            recording = read(
                source,
                topics.image,
                topics.pose,
                datum=place_map.datum,
                progress=partial(tell, source.path.name),
            )
            elsewhere = []
            for path in foreign or []:
                with Bag(path) as other:
                    image, pose = choose_image(other), _pose_of(other)
                    elsewhere.append(read(other, image, pose, progress=partial(tell, path.name)))
            test = StressTest(
                place_map,
                recording,
                tuple(elsewhere),
                describer,
                learnt,
                verifier_of(place_map, verify, camera=camera),
                Reranking(rerank),
                tolerance_of(tolerance, angle),
            )
            states = [each for each in STATES if not state or each.name in state]
            run = run_stress(test, states, created=now(), progress=tell)
        if record is not None:
            from vpr_ros.view.stress_scene import show_stress

            record(lambda stream, tell: show_stress(stream, run, place_map, tell))
        deliver(
            run.evaluation,
            show,
            output=output,
            report=report,
            page=lambda: render_stress_report(run, place_map),
            as_json=as_json,
        )


def show(evaluation: StressEvaluation, out: Console) -> None:
    """Print the figures."""
    from vpr_ros.evaluation.stress.stress_results import stress_verdict
    from vpr_ros.evaluation.words import recovery, share, two_decimals

    setup = evaluation.setup
    warn_untrained(out, setup.model)
    names = 'frames', 'accepted', 'wrong', '%', 'longest', 'recovery', 'ECE', 'NEES', 'inside'
    table = table_of('state', 'mode', *names, left=('state', 'mode'))
    last = ''
    for row in evaluation.rows:
        if row.state != last:
            table.add_section()
        table.add_row(
            '' if row.state == last else row.state,
            row.mode,
            *map(str, (row.frames, row.accepted, row.wrong)),
            share(row.wrong / row.frames if row.frames else math.nan),
            str(row.longest),
            recovery(row.recovery),
            two_decimals(row.ece),
            two_decimals(row.nees),
            share(row.inside),
        )
        last = row.state
    if fits(out, table):
        show_table(out, f'{setup.map}, put to the test with {setup.query}', table)
    else:
        show_states(evaluation, out)
        out.print('all figures: in a wider terminal, --report or --json')
    if failed := sum(row.failed for row in evaluation.rows):
        out.print(f'{failed} frames were not answered because of an error of this program')
    for name, why in setup.left_out.items():
        out.print(f'left out: {name}, since {why}')
    out.print(stress_verdict(evaluation))


def _pose_of(bag: Bag) -> Topic | None:
    """Return the only topic of poses, None where odometry cannot be made."""
    from vpr_ros.inputs.bags import choose_pose

    try:
        return choose_pose(bag)
    except VprError:
        return None


def show_states(evaluation: StressEvaluation, out: Console) -> None:
    """Print a line for each state: accepted answers in each mode, and the wrong ones of them."""
    from vpr_ros.wording import counted

    setup = evaluation.setup
    rows = {(row.state, row.mode): row for row in evaluation.rows}
    table = table_of('accepted (wrong)', *setup.modes, left=('accepted (wrong)',))
    for state, meaning in setup.states.items():
        cells = [rows.get((state, mode)) for mode in setup.modes]
        shown = ['' if row is None else f'{row.accepted} ({row.wrong})' for row in cells]
        table.add_row(meaning, *shown)
    show_table(out, f'{counted(setup.frames, "image")} of {setup.query}', table)
