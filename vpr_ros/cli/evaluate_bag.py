# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate``: measures recognition against true poses."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli import evaluate_compare, evaluate_dataset, evaluate_loops, evaluate_stress
from vpr_ros.cli import options as opt
from vpr_ros.cli.console import (
    deliver,
    progress_bar,
    show_table,
    table_of_figures,
    warn_untrained,
)
from vpr_ros.cli.video_options import Start, start_stamp
from vpr_ros.cli.viewing import RerunFile, View, viewing

if TYPE_CHECKING:
    from rich.console import Console

    from vpr_ros.cli.query_sources import QuerySource
    from vpr_ros.cli.viewing import Recorder
    from vpr_ros.evaluation import Evaluation
    from vpr_ros.maps import PlaceMap

app = typer.Typer(no_args_is_help=True)


@app.command()
def bag(
    context: typer.Context,
    map_path: opt.MapPath,
    bag_path: opt.BagPath,
    *,
    poses: Annotated[
        Path | None, typer.Option(help='Of a video in the place of the bag: its trajectory (TUM).')
    ] = None,
    start: Start = '0',
    map_bag: opt.MapBag = None,
    image_topic: opt.ImageTopic = None,
    pose_topic: opt.PoseTopic = None,
    fixed_frame: opt.FixedFrame = '',
    base_frame: opt.BaseFrame = '',
    map_image_topic: opt.MapImageTopic = None,
    tolerance: opt.Distance = 5.0,
    angle: opt.Angle = None,
    k: Annotated[
        int,
        typer.Option('--max-candidates', '-k', min=1, max=1000, help='Candidates per frame.'),
    ] = 20,
    candidates: opt.Candidates = 100,
    min_similarity: opt.MinSimilarity = 0.0,
    max_distance_ratio: opt.MaxDistanceRatio = 0.85,
    place_radius: opt.PlaceRadius = 5.0,
    calibration: opt.CalibrationFile = '',
    temporal: opt.Temporal = 'none',
    odometry: Annotated[
        bool, typer.Option('--odometry', help='Tell the filter the motion, by the true poses.')
    ] = False,
    verify: opt.Verify = None,
    rerank: opt.Rerank = 10,
    min_inliers: opt.MinInliers = 0,
    field_of_view: opt.FieldOfView = None,
    limit: Annotated[int | None, typer.Option(min=1, help='Only the first N frames.')] = None,
    as_json: opt.AsJson = False,
    output: opt.Output = None,
    report: opt.Report = None,
    rerun: RerunFile = None,
    view: View = False,
    model: opt.ModelName = None,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
) -> None:
    """Localise every frame of a bag or video in a map and compare with its own poses."""
    opt.refuse_idle(context, 'without --map-bag', 'map_image_topic', when=map_bag is None)
    opt.refuse_idle(context, 'without --temporal', 'odometry', when=temporal == 'none')
    unverified = 'rerank', 'min_inliers', 'field_of_view'
    opt.refuse_idle(context, 'with --verify none', *unverified, when=verify == 'none')
    if temporal != 'none' and calibration == 'none':
        msg = f'--temporal {temporal} needs a calibration'
        raise typer.BadParameter(msg)

    from vpr_ros.cli import query_sources
    from vpr_ros.cli.localizing import localizing, tolerance_of
    from vpr_ros.evaluation.bag_evaluation import PlacedBy, place_pictures
    from vpr_ros.evaluation.words import now
    from vpr_ros.inputs.bags import Bag, choose_image, choose_topics
    from vpr_ros.inputs.frames import is_video
    from vpr_ros.inputs.poses import TreeFrames
    from vpr_ros.localize import DecisionConfig
    from vpr_ros.maps import PlaceMap

    if report is not None:  # missing packages are told now, not after an hour of work
        from vpr_ros.evaluation.report import render_report
    config = DecisionConfig(
        min_similarity=min_similarity,
        max_distance_ratio=max_distance_ratio,
        place_radius=place_radius,
    )
    mode = 'single frame'
    if temporal != 'none':
        mode = f'{temporal} {"with" if odometry else "without"} odometry'
    with ExitStack() as stack:
        record = stack.enter_context(viewing(rerun, bag_path.name, viewer=view))
        with PlaceMap.open(map_path, memory_budget=0) as described:
            posed = described.has_poses
        why = 'without --report, on a map with poses'
        opt.refuse_idle(context, why, 'map_bag', when=report is None and posed)
        if is_video(bag_path):
            source = query_sources.of_video(
                context, bag_path, poses, start_stamp(start), field_of_view
            )
        else:
            tree = TreeFrames(fixed_frame, base_frame)
            source = query_sources.of_bag(
                stack, context, bag_path, image_topic, pose_topic, tree, field_of_view
            )
        mapped = None if map_bag is None else stack.enter_context(Bag(map_bag))
        mapped_topic = None if mapped is None else choose_image(mapped, map_image_topic).name
        opened = localizing(
            map_path,
            model,
            weights,
            device,
            config=config,
            candidates=candidates,
            calibration=calibration,
            temporal=temporal,
            context=context,
            verify=verify,
            rerank=rerank,
            min_inliers=min_inliers,
            camera=source.camera,
        )
        place_map, localizer = stack.enter_context(opened)
        placed = None
        if mapped is not None and not posed:
            true = choose_topics(mapped, map_image_topic)
            placed = PlacedBy.bag(place_map, mapped, true.image, true.pose)
        with progress_bar(f'localising {bag_path.name}') as progress:
            evaluation = source.evaluate(
                place_map,
                localizer,
                tolerance_of(tolerance, angle),
                candidates=k,
                limit=limit,
                odometry=odometry,
                mode=mode,
                created=now(),
                placed=placed,
                progress=progress,
            )

        _record(record, evaluation, place_map, source)

        def page() -> str:
            pictures = None
            if mapped is not None and mapped_topic is not None:
                pictures = place_pictures(evaluation.places, mapped, mapped_topic)
            return render_report(
                evaluation,
                query_pictures=source.pictures,
                place_pictures=pictures,
            )

        deliver(evaluation, show, output=output, report=report, page=page, as_json=as_json)


def _record(
    record: Recorder | None, evaluation: Evaluation, place_map: PlaceMap, source: QuerySource
) -> None:
    """Record the drive where that is wanted."""
    if record is not None:
        from vpr_ros.view.drive_scene import AnsweredDrive, show_drive

        drive = AnsweredDrive.evaluated(evaluation, place_map, source.pictures)
        record(lambda stream, tell: show_drive(stream, drive, tell))


app.command()(evaluate_dataset.dataset)
app.command()(evaluate_dataset.lint)
app.command()(evaluate_compare.compare)
app.command()(evaluate_loops.loops)
app.command()(evaluate_stress.stress)


def show(evaluation: Evaluation, out: Console) -> None:
    """Print the figures."""
    from vpr_ros.evaluation.words import average_precision, metres, milliseconds, share, verdict

    setup, s = evaluation.setup, evaluation.summary
    warn_untrained(out, setup.model)
    table = table_of_figures()
    for n, value in s.recall.items():
        table.add_row(f'recall@{n}', share(value))
    if s.recall_alone is not None:
        table.add_row('recall@1 by similarity alone', share(s.recall_alone[1]))
    if s.judged < len(evaluation.queries):
        table.add_row('frames with a true pose', f'{s.judged} of {len(evaluation.queries)}')
    if s.localisable < s.judged:
        table.add_row('frames with a place in the map', f'{s.localisable} of {s.judged}')
        table.add_row('recall@1 of those', share(s.recall_localisable[1]))
    table.add_row(f'average precision ({s.score})', average_precision(s.curve.auc))
    table.add_row('recall at 100 % precision', share(s.recall_at_full_precision))
    table.add_row('accepted', f'{s.accepted} of {s.judged}')
    table.add_row('precision of the accepted', share(s.precision_accepted))
    table.add_row('median error of the accepted', metres(s.position_error[50.0]))
    table.add_section()
    for name, count in s.statuses.items():
        table.add_row(name, str(count.frames))
    if setup.unreadable:
        table.add_row('unreadable frames', str(setup.unreadable))
    table.add_section()
    for stage, latency in s.latency.items():
        times = f'{milliseconds(latency.p50)}, 95 % {milliseconds(latency.p95)}'
        table.add_row(stage, times)
    show_table(out, f'{setup.query} in {setup.map}', table)
    out.print(verdict(s))
