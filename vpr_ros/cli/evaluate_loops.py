# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate loops``: loop closures within one traverse."""

from __future__ import annotations

import math
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import (
    deliver,
    progress_bar,
    show_table,
    table_of_figures,
)
from vpr_ros.cli.viewing import RerunFile, View, viewing
from vpr_ros.stamps import SECOND
from vpr_ros.types import DEFAULT_MODEL, LARGEST_SETTING, LOOP_PROBABILITY, THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from vpr_ros.evaluation.loop_results import LoopEvaluation
    from vpr_ros.evaluation.picture_sources import Pictures
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.frames import Picture
    from vpr_ros.inputs.poses import PoseReading

    Traverse = tuple[Iterator[tuple[Picture, PoseReading | None]], Pinhole | None, Pictures, int]


def loops(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar='BAG',
            callback=opt.check_not_map,
            help='A bag with poses, or a folder of images.',
        ),
    ],
    *,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help='CSV of the true loops, with columns query and match (numbers of frames from 1); '
            'in the place of poses, and needed for a folder.'
        ),
    ] = None,
    pair_tolerance: Annotated[int, typer.Option(min=0, help='Frames to either side.')] = 2,
    image_topic: opt.ImageTopic = None,
    pose_topic: opt.PoseTopic = None,
    fixed_frame: opt.FixedFrame = '',
    base_frame: opt.BaseFrame = '',
    tolerance: opt.Distance = 5.0,
    angle: opt.Angle = None,
    keyframe_distance: opt.KeyframeDistance = 0.5,
    keyframe_angle: opt.KeyframeAngle = 11.5,
    exclude_time: Annotated[
        float, opt.number('A loop goes back so many seconds.', min=0, max=LARGEST_SETTING)
    ] = 20.0,
    exclude_distance: Annotated[
        float, opt.number('A loop is so many metres long.', min=0, max=LARGEST_SETTING)
    ] = 10.0,
    exclude_keyframes: Annotated[
        int,
        typer.Option(
            min=0, max=int(LARGEST_SETTING), help='So many keyframes lie between its ends.'
        ),
    ] = 10,
    verify: opt.LoopVerify = 'xfeat',
    rerank: opt.Rerank = 10,
    require_transform: Annotated[
        bool,
        typer.Option(
            '--require-transform', help='Announce only loops whose relative pose was measured.'
        ),
    ] = False,
    min_inliers: opt.MinInliers = 0,
    field_of_view: opt.FieldOfView = None,
    candidates: opt.Candidates = 100,
    min_probability: Annotated[
        float,
        opt.number(
            'Announce no loop of a lower calibrated probability; 0 takes the threshold of the '
            'calibration.',
            min=0,
            max=1,
        ),
    ] = LOOP_PROBABILITY,
    min_similarity: opt.MinSimilarity = 0.0,
    max_distance_ratio: opt.MaxDistanceRatio = 0.85,
    place_radius: opt.PlaceRadius = 5.0,
    calibration: opt.CalibrationFile = '',
    as_json: opt.AsJson = False,
    output: opt.Output = None,
    report: opt.Report = None,
    rerun: RerunFile = None,
    view: View = False,
    model: opt.Network = DEFAULT_MODEL,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
) -> None:
    """Close loops within one traverse and compare with the revisits there really were."""
    by_poses = (
        'pose_topic',
        'fixed_frame',
        'base_frame',
        'tolerance',
        'angle',
        'exclude_time',
        'exclude_distance',
    )
    keyframes_by_poses = 'keyframe_distance', 'keyframe_angle'
    opt.refuse_idle(
        context, 'with --pairs', *by_poses, *keyframes_by_poses, when=pairs is not None
    )
    opt.refuse_idle(context, 'without --pairs', 'pair_tolerance', when=pairs is None)
    _check_source(context, source, pairs)
    unverified = 'rerank', 'require_transform', 'min_inliers', 'field_of_view'
    opt.refuse_idle(context, 'with --verify none', *unverified, when=verify == 'none')
    from vpr_ros.cli.localizing import calibration_of, tolerance_of, verifier_of
    from vpr_ros.describe import Describer
    from vpr_ros.evaluation.loop_evaluation import (
        Truth,
        TruthByPairs,
        TruthByPoses,
        evaluate_loops,
    )
    from vpr_ros.evaluation.loop_results import LoopSetup
    from vpr_ros.evaluation.words import now
    from vpr_ros.localize import DecisionConfig, Localizer, Reranking
    from vpr_ros.loops import LoopConfig, LoopDetector
    from vpr_ros.mapping import KeyframeConfig, MapBuilder
    from vpr_ros.maps import MapWriter
    from vpr_ros.search import Retriever
    from vpr_ros.version import SOFTWARE

    if report is not None:  # missing packages are told now, not after an hour of work
        from vpr_ros.evaluation.loop_report import render_loop_report
    truth: Truth
    if pairs is not None:
        truth = TruthByPairs.read(pairs, pair_tolerance)
        told = f'{pairs.name}, {pair_tolerance} frames to either side'
        keyframes = KeyframeConfig(0.0, 0.0, 1e-9)
        config = LoopConfig(0.0, 0.0, exclude_keyframes, require_transform=require_transform)
        goes_back = f'{exclude_keyframes} keyframes'
    else:
        truth = TruthByPoses(tolerance_of(tolerance, angle))
        told = f'within {tolerance:g} m' + ('' if angle is None else f' and {angle:g}°')
        keyframes = KeyframeConfig(keyframe_distance, math.radians(keyframe_angle))
        config = LoopConfig(
            exclude_time, exclude_distance, exclude_keyframes, require_transform=require_transform
        )
        goes_back = (
            f'{exclude_time:g} s, {exclude_distance:g} m of way and {exclude_keyframes} keyframes'
        )
    describer = Describer(model, device=device, weights=weights)
    setup = LoopSetup(
        source.name, describer.model_info, told, goes_back, verify != 'none', now(), SOFTWARE
    )
    with ExitStack() as stack:
        record = stack.enter_context(viewing(rerun, source.name, viewer=view))
        frames, camera, pictures, count = _traverse(
            stack,
            source,
            image_topic,
            pose_topic,
            field_of_view,
            poses=pairs is None,
            tree=(fixed_frame, base_frame),
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='vpr_loops_')))
        place_map = stack.enter_context(
            MapWriter.create(folder / 'traverse.vprmap', describer.model_info)
        )
        localizer = Localizer(
            describer,
            Retriever(place_map),
            DecisionConfig(
                min_probability=min_probability,
                min_similarity=min_similarity,
                max_distance_ratio=max_distance_ratio,
                place_radius=place_radius,
            ),
            candidates=candidates,
            calibration=calibration_of(describer, calibration, context),
            verifier=verifier_of(place_map, verify, min_inliers, camera),
            reranking=Reranking(rerank),
        )
        builder = MapBuilder(
            place_map,
            describer,
            keyframes,
            thumbnails=0 if verify == 'none' else THUMBNAIL_SIZE,
            frame='',  # the map holds this drive alone
        )
        detector = LoopDetector(place_map, builder, localizer, config)
        with progress_bar(f'closing loops of {source.name}') as progress:
            evaluation = evaluate_loops(
                frames, detector, config, truth, setup, lambda done: progress(done, count)
            )
        if record is not None:
            from vpr_ros.view.loop_scene import show_loops

            record(lambda stream, tell: show_loops(stream, evaluation, pictures, tell))
        deliver(
            evaluation,
            _show,
            output=output,
            report=report,
            page=lambda: render_loop_report(evaluation, pictures),
            as_json=as_json,
        )


def _check_source(context: typer.Context, source: Path, pairs: Path | None) -> None:
    """Refuse options that do not fit what the images come from."""
    from vpr_ros.inputs.frames import is_video

    alone = _is_folder(source) or is_video(source)
    opt.refuse_idle(context, 'on a folder or a video', 'image_topic', when=alone)
    if alone and pairs is None:
        msg = f'{source} is no bag; for a folder or a video, give the true loops as --pairs'
        raise typer.BadParameter(msg)


def _is_folder(source: Path) -> bool:
    return source.is_dir() and not (source / 'metadata.yaml').exists()


def _traverse(
    stack: ExitStack,
    source: Path,
    image_topic: str | None,
    pose_topic: str | None,
    degrees: float | None,
    *,
    poses: bool,
    tree: tuple[str, str],
) -> Traverse:
    """Return frames, intrinsics, a source of pictures by stamp, and how many frames there are."""
    from vpr_ros.cli.localizing import camera_of
    from vpr_ros.evaluation.bag_evaluation import frame_pictures
    from vpr_ros.inputs.bags import Bag, choose_image, choose_pose, pose_source
    from vpr_ros.inputs.frames import is_video
    from vpr_ros.inputs.poses import TreeFrames
    from vpr_ros.inputs.replay import replay_frames

    if is_video(source):
        return _video(source, degrees)
    if _is_folder(source):
        return _folder(source, degrees)
    bag = stack.enter_context(Bag(source))
    image = choose_image(bag, image_topic)
    camera = camera_of(bag, image.name, degrees)
    if poses:
        pose = choose_pose(bag, pose_topic, TreeFrames(*tree))
        frames = replay_frames(bag, image.name, pose.name, pose_source(pose))
    else:
        frames = replay_frames(bag, image.name)
    return iter(frames), camera, frame_pictures(bag, image.name), image.count


def _video(source: Path, degrees: float | None) -> Traverse:
    """Return the frames of a video."""
    from vpr_ros.cli.query_sources import pictures_of, view_of
    from vpr_ros.inputs.frames import Video, VideoFrame

    video = Video(source)
    frames = ((VideoFrame(video, index), None) for index in range(len(video.stamps)))
    return frames, view_of(video, degrees), pictures_of(video), len(video.stamps)


def _folder(source: Path, degrees: float | None) -> Traverse:
    """Return the images of a folder, one a second, in natural order."""
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.folders import images_in
    from vpr_ros.inputs.frames import ImageFile

    frames = [ImageFile(file, i * SECOND) for i, file in enumerate(images_in(source))]
    camera = None
    if degrees is not None:
        height, width = frames[0].rgb.shape[:2]
        camera = Pinhole.of_view(degrees, width, height)

    def fetch(stamps: Collection[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        yield from ((stamp, frames[stamp // SECOND].rgb) for stamp in sorted(stamps))

    return iter([(frame, None) for frame in frames]), camera, fetch, len(frames)


def _show(evaluation: LoopEvaluation, out: Console) -> None:
    from vpr_ros.evaluation.words import (
        average_precision,
        loop_verdict,
        metres,
        milliseconds,
        share,
    )

    setup, s = evaluation.setup, evaluation.summary
    table = table_of_figures()
    table.add_row('keyframes', str(s.keyframes))
    table.add_row('at a place seen before', str(s.revisits))
    table.add_row('loops announced', str(s.accepted))
    table.add_row('wrong', str(s.wrong))
    table.add_row('precision', share(s.precision_accepted))
    table.add_row('recall', share(s.recall_accepted))
    table.add_row('recall at 100 % precision', share(s.recall_at_full_precision))
    score = 'inliers' if setup.verified else 'similarity'
    table.add_row(f'average precision ({score})', average_precision(s.curve.auc))
    if s.measured:
        table.add_section()
        table.add_row('loops with a measured pose', str(s.measured))
        for level, error in s.position_error.items():
            degrees = math.degrees(s.angle_error[level])
            name = 'worst error' if level == 100 else f'{level:g} % of errors within'
            table.add_row(name, f'{metres(error)}, {degrees:.1f}°')
    table.add_section()
    for stage, taken in s.latency.items():
        table.add_row(stage, f'{milliseconds(taken.p50)}, 95 % {milliseconds(taken.p95)}')
    show_table(out, f'loops of {setup.source}', table)
    out.print(loop_verdict(s))
