# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr query``: the places of a map that images show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from vpr_ros.cli import console
from vpr_ros.cli import options as opt
from vpr_ros.cli.viewing import RerunFile, View, viewing
from vpr_ros.errors import VprError
from vpr_ros.stamps import format_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from vpr_ros.cli.viewing import Recorder
    from vpr_ros.geometry import Pose
    from vpr_ros.inputs.frames import ImageFile, VideoFrame
    from vpr_ros.localize import Localization
    from vpr_ros.maps import Place, PlaceMap

    _Seen = tuple[Path, Callable[[], ImageFile | VideoFrame], Localization]

_MANY = 100
"""Images for which the export of a network may be made, which takes longer than describing few."""


def query(
    context: typer.Context,
    map_path: opt.MapPath,
    images: opt.Images,
    *,
    k: Annotated[
        int,
        typer.Option(
            '--max-candidates', '-k', min=1, max=1000, help='Candidates shown per image.'
        ),
    ] = 5,
    candidates: opt.Candidates = 100,
    min_similarity: opt.MinSimilarity = 0.0,
    max_distance_ratio: opt.MaxDistanceRatio = 0.85,
    place_radius: opt.PlaceRadius = 5.0,
    calibration: opt.CalibrationFile = '',
    interval: Annotated[
        float, opt.number('Seconds between two frames of a video; 0: all.', min=0)
    ] = 1.0,
    verify: opt.Verify = None,
    rerank: opt.Rerank = 10,
    min_inliers: opt.MinInliers = 0,
    as_json: opt.AsJson = False,
    rerun: RerunFile = None,
    view: View = False,
    model: opt.ModelName = None,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
) -> None:
    """Find the places that images show in a map.

    A folder stands for its images, a video for frames of it. Images that cannot be read are named,
    and the others are answered; the exit status is 1 then.
    """
    unverified = 'rerank', 'min_inliers'
    opt.refuse_idle(context, 'with --verify none', *unverified, when=verify == 'none')
    from vpr_ros.cli.localizing import localizing
    from vpr_ros.localize import DecisionConfig

    config = DecisionConfig(
        min_similarity=min_similarity,
        max_distance_ratio=max_distance_ratio,
        place_radius=place_radius,
    )
    failed = False
    answers = []
    seen: list[_Seen] = []
    pictures = [(path, opens) for path in images for opens in _pictures(path, interval)]
    with (
        viewing(rerun, map_path.name, viewer=view) as record,
        localizing(
            map_path,
            model,
            weights,
            device,
            few=len(pictures) < _MANY,
            config=config,
            candidates=candidates,
            calibration=calibration,
            verify=verify,
            rerank=rerank,
            min_inliers=min_inliers,
            context=context,
        ) as (place_map, localizer),
    ):
        for source, opens in pictures:
            path = source
            try:
                picture = opens()
                path = picture.path
                result = localizer.localize(picture, k=k)
            except VprError as error:
                named = str(error) if str(source) in str(error) else f'{path}: {error}'
                console.echo(f'vpr: {named}', fg=typer.colors.RED, err=True)
                failed = True
                about = {'type': type(error).__name__, 'message': str(error)}
                answers.append({'image': str(path), 'error': about})
                continue
            if record is not None:
                seen.append((path, opens, result))
            if as_json:
                answers.append(answer_of(path, result, place_map))
            else:
                show(path, result, place_map, console.console())
        _record(record, place_map, seen)
        if as_json:
            made = {'model': place_map.model.name, 'trained': place_map.model.trained}
            console.print_json({'map': str(map_path), **made, 'answers': answers})
    if failed:
        raise typer.Exit(1)


def _record(record: Recorder | None, place_map: PlaceMap, seen: list[_Seen]) -> None:
    """Record the answers where that is wanted."""
    if record is None:
        return
    if not seen:
        typer.secho('vpr: no image was answered: nothing is recorded', err=True)
        return
    from vpr_ros.evaluation.bag_evaluation import query_result
    from vpr_ros.view.drive_scene import AnsweredDrive, show_drive

    def fetch(numbers: Collection[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        for number in sorted(numbers):
            try:
                picture = seen[number][1]().rgb
            except VprError:  # the file is there no more
                continue
            yield number, picture

    drive = AnsweredDrive.asked(
        place_map,
        [query_result(result, None) for _, _, result in seen],
        [str(path) for path, _, _ in seen],
        fetch,
    )
    record(lambda stream, tell: show_drive(stream, drive, tell))


def _pictures(path: Path, interval: float) -> list[Callable[[], ImageFile | VideoFrame]]:
    """Return what opens the pictures of a path; where that fails, what says so in their place."""
    from vpr_ros.cli.localizing import pictures_of

    try:
        return pictures_of(path, interval)
    except VprError as error:
        reason = error

    def fail() -> NoReturn:
        raise reason

    return [fail]


def answer_of(path: Path, result: Localization, place_map: PlaceMap) -> dict[str, Any]:
    """Return the answer for one image as it is in the JSON."""
    names = _session_names(place_map)
    return {
        'image': str(path),
        'status': result.decision.status.name,
        'reason': result.decision.reason,
        'pose': _seven(result.decision.pose),
        'candidates': [
            {
                'place_id': place.id,
                'session_id': place.session,
                'session': names[place.session],
                'camera': place.camera,
                'picture': _picture(place_map, place) or None,
                'stamp': place.stamp,
                'similarity': similarity,
                'probability': probability,
                'hamming': hamming,
                'inliers': inliers,
                'pose': _seven(place.pose),
                'geo': None
                if place.geo is None
                else {'latitude': place.geo.lat, 'longitude': place.geo.lon},
            }
            for place, similarity, hamming, probability, inliers in _rows(result)
        ],
    }


def _rows(
    result: Localization,
) -> list[tuple[Place, float, int, float | None, int | None]]:
    """Return place, similarity, differing bits, probability and inliers of each candidate."""
    candidates, count = result.candidates, len(result.candidates)
    known, inliers = candidates.probabilities, candidates.inliers
    columns = candidates.places(), candidates.similarities.tolist(), candidates.hamming.tolist()
    return list(
        zip(
            *columns,
            [None] * count if known is None else known.tolist(),
            [None] * count
            if inliers is None
            else [None if math.isnan(each) else int(each) for each in inliers.tolist()],
            strict=True,
        )
    )


def _session_names(place_map: PlaceMap) -> dict[int, str]:
    return {session.id: session.name for session in place_map.session_list()}


def _picture(place_map: PlaceMap, place: Place) -> str:
    """Return the name of the picture of a place, empty where it is not known."""
    from vpr_ros.inputs.frames.jpeg_comment import comment_of

    return comment_of(place_map.thumbnail(place.id))


def _seven(pose: Pose | None) -> list[float] | None:
    return None if pose is None else [float(value) for value in pose.as_array()]


def show(path: Path, result: Localization, place_map: PlaceMap, out: Console) -> None:
    """Print one image's candidates."""
    decision = result.decision
    names, rows = _session_names(place_map), _rows(result)
    # What nobody knows of any of them gets no column, nor does the only session.
    posed = any(place.pose is not None for place, *_ in rows)
    pictures = [_picture(place_map, place) for place, *_ in rows]
    named = any(place.camera for place, *_ in rows)
    headers = ['place', *(['session'] if len(names) > 1 else [])]
    headers += ['camera'] if named else []
    headers += ['x', 'y', 'z', 'yaw'] if posed else ['time']
    headers += [*(['picture'] if any(pictures) else []), 'similarity', 'bits', 'probability']
    compared = result.candidates.inliers is not None
    if compared:
        headers.append('inliers')
    left = 'session', 'camera', 'picture'
    table = console.table_of(*headers, left=left, box=None, header_style='bold')
    for (place, similarity, hamming, known, inliers), picture in zip(rows, pictures, strict=True):
        pose = place.pose
        where = [''] * 4 if posed else [_seconds(place.stamp)]
        if pose is not None:
            where = [f'{value:.2f}' for value in pose.position]
            where.append(f'{math.degrees(pose.yaw):.0f}°')
        if any(pictures):
            where.append(picture)
        if named:
            where.insert(0, place.camera)
        bits = '' if hamming < 0 else str(hamming)
        session = [names.get(place.session) or str(place.session)] if len(names) > 1 else []
        probability = '' if known is None else f'{known:.3f}'
        figures = [f'{similarity:.3f}', bits, probability]
        if compared:
            figures.append('' if inliers is None else str(inliers))
        table.add_row(str(place.id), *session, *where, *figures)
    trained = '' if place_map.model.trained else ' (untrained weights: the answer means nothing)'
    out.print(f'{path}: {decision.status.name}{trained}', style='bold')
    out.print(decision.reason)
    out.print(table)


def _seconds(stamp: int) -> str:
    """Write a stamp in seconds without zeros that say nothing."""
    return f'{format_stamp(stamp).rstrip("0").rstrip(".")} s'
