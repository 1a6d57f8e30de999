# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map``: build, inspect and verify place maps; ``map_edit`` changes them."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli import (
    map_contents,
    map_edit,
    map_exchange,
    map_redescribe,
    map_register,
    map_weak_spots,
)
from vpr_ros.cli import options as opt
from vpr_ros.cli.adding_places import adding_to
from vpr_ros.cli.camera_options import CameraExtrinsics, ImageTopics
from vpr_ros.cli.console import console, echo, print_json, progress_bar, say
from vpr_ros.types import DEFAULT_MODEL, THUMBNAIL_SIZE
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.describe import Describer
    from vpr_ros.maps import MapWriter

app = typer.Typer(no_args_is_help=True)

_INTERVAL = 1.0
"""Seconds between two places without poses."""


@app.command()
def build(
    context: typer.Context,
    path: opt.NewMapPath,
    bag_path: opt.BagPath,
    *,
    image_topic: ImageTopics = None,
    pose_topic: opt.PoseTopic = None,
    fixed_frame: opt.FixedFrame = '',
    base_frame: opt.BaseFrame = '',
    camera_extrinsics: CameraExtrinsics = '',
    model: opt.Network = DEFAULT_MODEL,
    weights: opt.Weights = None,
    device: opt.Device = 'auto',
    keyframe_distance: opt.KeyframeDistance = 0.5,
    keyframe_angle: opt.KeyframeAngle = 11.5,
    interval: Annotated[
        float | None,
        opt.number('Seconds between two keyframes; 0: no limit. 1 with --no-poses.', min=0),
    ] = None,
    no_poses: opt.NoPoses = False,
    anchored: Annotated[
        bool,
        typer.Option(
            '--anchored', help='The poses are in the frame of the map, whatever frame they name.'
        ),
    ] = False,
    register: Annotated[
        bool,
        typer.Option(
            '--register',
            help='Bring the poses into the frame of the map by places that it already holds.',
        ),
    ] = False,
    session_name: opt.SessionName = None,
    thumbnails: opt.Thumbnails = THUMBNAIL_SIZE,
    mount: opt.Mount = '',
    fix_min_status: Annotated[
        int, typer.Option(min=0, max=2, help='Least status of a fix: 0 any, 1 SBAS, 2 RTK.')
    ] = 0,
    fix_max_sigma: Annotated[
        float, opt.number('Greatest deviation of a fix, metres; 0: any.', min=0, max=10_000.0)
    ] = 10.0,
    as_json: opt.AsJson = False,
) -> None:
    """Build a map from a bag, or add the bag as a session to a map that exists."""
    from vpr_ros.describe import Describer
    from vpr_ros.geometry.mounts import parse_extrinsics, parse_mount
    from vpr_ros.inputs.bags import (
        Bag,
        choose_cameras,
        choose_topics,
        is_geodetic,
        pose_source,
    )
    from vpr_ros.inputs.frames import is_video
    from vpr_ros.inputs.poses import FixLimits, TreeFrames
    from vpr_ros.mapping import KeyframeConfig, map_bag

    if is_video(bag_path):
        msg = f'{bag_path} is a video: `vpr map import` makes maps of videos'
        raise typer.BadParameter(msg)
    if no_poses:
        of_poses = (
            'anchored',
            'register',
            'pose_topic',
            'fixed_frame',
            'base_frame',
            'keyframe_distance',
            'keyframe_angle',
            'mount',
            'camera_extrinsics',
        )
        opt.refuse_idle(context, 'with --no-poses', *of_poses, 'fix_min_status', 'fix_max_sigma')
        describer = Describer(model, device=device, weights=weights)
        seconds = _INTERVAL if interval is None else interval
        added = _without_poses(
            path, bag_path, describer, image_topic or (), seconds, session_name, thumbnails
        )
        _say_added(added, path, as_json=as_json)
        return
    turn = math.radians(keyframe_angle)
    keyframes = KeyframeConfig.chosen(keyframe_distance, turn, interval or 0.0)
    sensor, limits = parse_mount(mount), FixLimits(fix_min_status, fix_max_sigma)
    with Bag(bag_path) as bag:
        frames = TreeFrames(fixed_frame, base_frame)
        cameras = choose_cameras(bag, image_topic or ())
        mounts = parse_extrinsics(camera_extrinsics, tuple(cameras))
        topics = choose_topics(bag, next(iter(cameras.values())).name, pose_topic, frames)
        why = f'on the poses of {topics.pose.name}, which are not those of tf'
        opt.refuse_idle(context, why, 'fixed_frame', when=topics.pose.frames is None)
        why = f'on the poses of {topics.pose.name}, which are no fixes'
        other = not is_geodetic(topics.pose)
        opt.refuse_idle(context, why, 'fix_min_status', 'fix_max_sigma', when=other)
        describer = Describer(model, device=device, weights=weights)

        def mapped(place_map: MapWriter) -> int:
            with progress_bar(f'mapping {bag.path.name}') as progress:
                return map_bag(
                    place_map,
                    bag,
                    describer,
                    topics,
                    keyframes,
                    cameras=cameras,
                    mounts=mounts,
                    session=bag.path.name if session_name is None else session_name,
                    source=pose_source(topics.pose, place_map.datum, sensor, limits),
                    thumbnails=thumbnails,
                    anchored=anchored,
                    progress=progress,
                )

        if register:
            added = map_register.mapped_apart(path, describer.model_info, mapped)
        else:
            ways = '--register, --no-poses, or --anchored'
            with adding_to(path, describer.model_info, ways) as place_map:
                added = mapped(place_map)
    _say_added(added, path, as_json=as_json)


def _without_poses(
    path: Path,
    bag_path: Path,
    describer: Describer,
    image_topics: Sequence[str],
    interval: float,
    session: str | None,
    thumbnails: int,
) -> int:
    """Add a bag to a map without poses; return how many places were added."""
    from vpr_ros.inputs.bags import Bag, choose_cameras
    from vpr_ros.mapping.builder import map_bag_without_poses

    with Bag(bag_path) as bag:
        cameras = choose_cameras(bag, image_topics)
        added_to = adding_to(path, describer.model_info)
        with added_to as place_map, progress_bar(f'mapping {bag.path.name}') as progress:
            return map_bag_without_poses(
                place_map,
                bag,
                describer,
                cameras,
                interval,
                session=bag.path.name if session is None else session,
                thumbnails=thumbnails,
                progress=progress,
            )


def _say_added(added: int, path: Path, *, as_json: bool) -> None:
    """Print how many places were added to a map, and the map as its writer has left it."""
    from vpr_ros.maps import PlaceMap

    with PlaceMap.open(path, memory_budget=0) as place_map:
        about = place_map.info()
    if as_json:
        print_json({'added': added, 'map': asdict(about)})
    else:
        echo(f'{counted(added, "place")} added')
        map_contents.show(about)


@app.command()
def info(
    context: typer.Context,
    path: opt.MapPath,
    *,
    health: Annotated[
        bool,
        typer.Option('--health', help='Find look-alike stretches, gaps and blank places.'),
    ] = False,
    figure: Annotated[
        Path | None,
        typer.Option(callback=opt.check_figure, help='Draw the health here (PNG, SVG, PDF).'),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show the contents of a map, the model that made it, and how healthy the map is."""
    opt.refuse_idle(context, 'without --health', 'figure', when=not health)
    from vpr_ros.maps import PlaceMap

    with PlaceMap.open(path) as place_map:
        about = place_map.info()
        found = map_weak_spots.examine(place_map, figure) if health else None
    if as_json:
        more = {} if found is None else {'health': {**asdict(found), 'healthy': found.healthy}}
        print_json({**asdict(about), **more})
        return
    map_contents.show(about)
    if found is not None:
        map_weak_spots.show(found, console())
    if figure is not None:
        echo(f'figure: {figure}')


@app.command()
def verify(path: opt.MapPath, *, as_json: opt.AsJson = False) -> None:
    """Check the whole content of a map; the exit status is 1 if something is wrong."""
    from vpr_ros import maps

    problems = maps.verify(path)
    text = '\n'.join(f'{path}: {problem}' for problem in problems) or f'{path}: sound'
    say(as_json, {'path': str(path), 'problems': problems}, text)
    if problems:
        raise typer.Exit(1)


@app.command()
def recode(
    context: typer.Context,
    path: opt.MapPath,
    *,
    bits: Annotated[
        int,
        typer.Option(
            min=8,
            callback=opt.check_bits,
            help='Length of the codes; at most that of the descriptors.',
        ),
    ] = 512,
    seed: Annotated[int, typer.Option(min=0, help='Of the fit.')] = 0,
    dim: Annotated[
        int | None, typer.Option(min=8, help='Shorten descriptors to so many components.')
    ] = None,
    storage: Annotated[
        opt.DescriptorStorage | None,
        typer.Option(help='How descriptors are stored; as before, if not given.'),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Fit binary codes on the places of a map, shorten its descriptors, or store them smaller.

    Codes are fitted only where the model has no hash head.
    """
    from vpr_ros.maps import MapWriter

    with MapWriter.open(path) as place_map:
        length, hashed = dim or place_map.info().descriptor_dim, place_map.model.code_bits > 0
        why = f'on codes that {place_map.model.name} makes itself'
        opt.refuse_idle(context, why, 'bits', when=hashed)
        opt.refuse_idle(context, why, 'seed', when=hashed and dim is None)
        why = f'above the {length} elements of a descriptor'
        opt.refuse_idle(context, why, 'bits', when=bits > length)
        place_map.recode(bits, seed, dim, storage)
        about = place_map.info()
    say(
        as_json,
        asdict(about),
        f'{path}: {counted(about.places, "place")}, {about.code_bits} bits, {about.coder}, '
        f'{about.descriptor_dim} elements as {about.storage}',
    )


app.command()(map_redescribe.redescribe)
app.command()(map_edit.merge)
app.command()(map_register.register)
app.command()(map_edit.delete)
app.command()(map_edit.compact)
app.command()(map_edit.recover)
app.command()(map_edit.update_poses)
app.command()(map_edit.datum)
app.command()(map_edit.mount)
app.command()(map_exchange.export)
app.command('import')(map_exchange.import_)
