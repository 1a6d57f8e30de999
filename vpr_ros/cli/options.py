# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments and options that several commands share, with their help and their checks.

The checks run while arguments are parsed, before anything is loaded: a wrong choice or an argument
in the place of another is a usage error.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vpr_ros.cli.console import require_folders
from vpr_ros.cli.model_names import require_model, require_network
from vpr_ros.errors import VprError
from vpr_ros.types import LARGEST_SETTING, LEAST_COMPARED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAP_SUFFIX = '.vprmap'

TemporalFilter = Literal['none', 'sequence']
"""The names of ``localize.FILTERS``, and none."""
LocalFeatureKind = Literal['xfeat', 'sift', 'none']
"""The kinds of ``localize.local_detector``."""
DescriptorStorage = Literal['float16', 'int8']
"""The names of ``maps.descriptors.STORAGES``."""


def each(check: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Return a callback that checks an argument, or each of several, and returns it."""

    def checked(value: Any) -> Any:
        for item in value if isinstance(value, list | tuple) else [value]:
            if item is not None:
                try:
                    check(item)
                except (VprError, ValueError) as error:
                    raise typer.BadParameter(str(error)) from error
        return value

    return checked


@each
def check_map(path: Path) -> None:
    """Refuse an argument that cannot be a map, such as swapped arguments."""
    if path.is_dir() or (path.suffix.lower() not in ('', MAP_SUFFIX) and not _is_map(path)):
        msg = f'a map is expected here, named *{MAP_SUFFIX}, and {path} is none'
        raise typer.BadParameter(msg)


def check_folder(path: Any) -> Any:
    """Make sure that a file can be written, before anything else is done."""
    require_folders(path)
    return path


def check_figure(path: Path | None) -> Any:
    """Refuse a figure that cannot be drawn or written."""
    if path is not None and path.suffix.lower() not in ('.png', '.svg', '.pdf'):
        msg = f'{path} must end in .png, .svg or .pdf'
        raise typer.BadParameter(msg)
    return check_folder(path)


def check_new_map(path: Path) -> Any:
    """Refuse a path that cannot become a map."""
    return check_folder(check_map(path))


def _is_map(path: Path) -> bool:
    """Return whether there is a map under another name."""
    from vpr_ros.maps.file_format import APPLICATION_ID

    if not path.is_file():
        return False
    with path.open('rb') as file:
        return file.read(72)[68:] == APPLICATION_ID.to_bytes(4, 'big')


@each
def check_not_map(path: Path | str) -> None:
    """Refuse a map in the place of something else."""
    if Path(path).suffix.lower() == MAP_SUFFIX:
        msg = f'{path} is a map, and something else is expected here'
        raise typer.BadParameter(msg)


check_model = each(require_model)
check_network = each(require_network)


def _form(pattern: str, form: str) -> Callable[[Any], Any]:
    """Return a callback that refuses texts of other forms."""

    def check(text: str) -> None:
        if not re.fullmatch(pattern, text):
            msg = f'{text!r} is not of the form {form}'
            raise ValueError(msg)

    return each(check)


check_device = _form(r'auto|cpu|cuda(:\d+)?', 'auto, cpu, cuda or cuda:N')
check_setting = _form(r'(?s)[^=\s]+=.*', 'KEY=VALUE')


@each
def check_finite(number: float) -> None:
    """Refuse nan and the infinities, which the bounds of an option let through."""
    if not math.isfinite(number):
        msg = f'a number is expected here, not {number}'
        raise typer.BadParameter(msg)


def number(text: str, *names: str, **bounds: Any) -> Any:
    """Return an option that takes a finite number, with its help, names and bounds."""
    return typer.Option(*names, callback=check_finite, help=text, **bounds)


@each
def check_bits(bits: int) -> None:
    """Refuse lengths of codes that fill no bytes."""
    if bits % 8:
        msg = f'{bits} is no multiple of 8'
        raise typer.BadParameter(msg)


@each
def check_mount(text: str) -> None:
    """Refuse texts that are no mount."""
    from vpr_ros.geometry.mounts import parse_mount

    parse_mount(text)


def check_on_earth(numbers: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Refuse latitudes, longitudes and altitudes that are none."""
    from vpr_ros.geometry import GeoPoint

    if numbers is not None:
        check_finite(numbers)
        each(lambda point: GeoPoint(*point))([numbers])
    return numbers


def refuse_idle(context: typer.Context, why: str, *names: str, when: bool = True) -> None:
    """Refuse parameters of these names that were given although they have no effect."""
    for option in context.command.params if when else ():
        source = context.get_parameter_source(option.name or '')
        if option.name in names and source is not None and source.name == 'COMMANDLINE':
            msg = f'{option.opts[0]} has no effect {why}'
            raise typer.BadParameter(msg)


def format_option(option: str, formats: Mapping[str, str]) -> Any:
    """Return an option whose choices are these names, with a line of help for each."""

    def chosen(name: str) -> str:
        if name not in formats:
            msg = f'{name!r} is not one of {", ".join(formats)}'
            raise typer.BadParameter(msg)
        return name

    return typer.Option(
        option,
        parser=chosen,
        metavar=f'[{"|".join(formats)}]',
        help='; '.join(f'{name}: {text}' for name, text in formats.items()) + '.',
        autocompletion=lambda: list(formats),
    )


MapPath = Annotated[
    Path,
    typer.Argument(metavar='MAP', callback=check_map, help=f'A place map ({MAP_SUFFIX}).'),
]
NewMapPath = Annotated[
    Path,
    typer.Argument(
        metavar='MAP',
        callback=check_new_map,
        help=f'A place map ({MAP_SUFFIX}), which is made if there is none.',
    ),
]
BagPath = Annotated[
    Path,
    typer.Argument(
        metavar='BAG',
        callback=check_not_map,
        help='A rosbag2 folder, .mcap, .db3 or ROS 1 .bag file.',
    ),
]
Images = Annotated[
    list[Path],
    typer.Argument(
        metavar='IMAGE', callback=check_not_map, help='An image, a folder of images or a video.'
    ),
]
Sessions = Annotated[
    list[str] | None,
    typer.Option(
        '--session',
        metavar='SESSION',
        help='Name or number of a session in the map; may be given several times.',
    ),
]
SessionName = Annotated[
    str | None,
    typer.Option(help='Name of the new session; that of the bag or folder, if not given.'),
]
AsJson = Annotated[
    bool, typer.Option('--json', help='Print JSON on standard output, and nothing else there.')
]
Output = Annotated[
    Path | None,
    typer.Option(
        '--output', '-o', callback=check_folder, help='Write the results to this file, as JSON.'
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        '--report', callback=check_folder, help='Write the results to this file, as an HTML page.'
    ),
]

Network = Annotated[
    str,
    typer.Option(
        '--model', callback=check_model, help='Network that describes the images, or its file.'
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        '--model',
        callback=check_model,
        help='Network, or its file; that of the map, if not given.',
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar='MODEL', callback=check_model, help='A network, such as d2vpr-nano, or its file.'
    ),
]
Weights = Annotated[Path | None, typer.Option('--weights', help='Weights file of the network.')]
Device = Annotated[
    str, typer.Option('--device', callback=check_device, help='auto, cpu, cuda or cuda:N.')
]

ImageTopic = Annotated[str | None, typer.Option(help='Topic of the images in the bag.')]
PoseTopic = Annotated[str | None, typer.Option(help='Topic of the poses, fixes or tf in the bag.')]
FixedFrame = Annotated[
    str, typer.Option(help='Frame of tf that the poses are in; map, if not given.')
]
BaseFrame = Annotated[
    str, typer.Option(help='Frame of the base in tf; base_link or base_footprint, if not given.')
]
MapBag = Annotated[
    Path | None,
    typer.Option(
        callback=check_not_map,
        help='Bag that the map was built from: its images of the places are shown.',
    ),
]
MapImageTopic = Annotated[str | None, typer.Option(help='Topic of the images in the map bag.')]
KeyframeDistance = Annotated[
    float, number('Metres between two keyframes.', min=0, max=LARGEST_SETTING)
]
KeyframeAngle = Annotated[float, number('Degrees of a turn that make a keyframe.', min=0)]
NoPoses = Annotated[
    bool,
    typer.Option(
        '--no-poses',
        help='Map places without poses: answers say which place it is, and never a pose.',
    ),
]
Mount = Annotated[
    str,
    typer.Option(
        callback=check_mount,
        help='Mount of the sensor whose poses are given: x y z, or x y z roll pitch yaw (m, rad).',
    ),
]
Thumbnails = Annotated[
    int,
    typer.Option(
        '--thumbnails',
        min=0,
        max=4096,
        help='Longest side of the pictures kept of the places, pixels, about 14 kB each at 320;'
        ' 0: none, and no verification.',
    ),
]

Candidates = Annotated[
    int,
    typer.Option(
        '--candidates',
        min=1,
        max=10000,
        help='Places nearest by Hamming distance compared by floats.',
    ),
]
MinSimilarity = Annotated[
    float, number('Reject candidates of lower similarity.', '--min-similarity', min=-1, max=1)
]
MaxDistanceRatio = Annotated[
    float,
    number(
        'Reject the best candidate if its distance, divided by that of the best other '
        'place, is greater.',
        '--max-distance-ratio',
        min=0,
        max=1,
    ),
]
PlaceRadius = Annotated[
    float,
    number(
        'Count places within this distance as one, metres.',
        '--place-radius',
        min=0,
        max=LARGEST_SETTING,
    ),
]
CalibrationFile = Annotated[
    str,
    typer.Option(
        '--calibration',
        help='File made by vpr calibrate, or none; that of the package, if not given.',
    ),
]
Temporal = Annotated[
    TemporalFilter, typer.Option('--temporal', help='Filter that uses the frames before.')
]
Verify = Annotated[
    LocalFeatureKind | None,
    typer.Option(
        '--verify',
        help='Local features that re-rank and verify the first candidates; xfeat where there are '
        'thumbnails, if not given.',
    ),
]
DatasetVerify = Annotated[
    LocalFeatureKind,
    typer.Option('--verify', help='Local features that re-rank the first images.'),
]
LoopVerify = Annotated[
    LocalFeatureKind,
    typer.Option('--verify', help='Local features that re-rank and verify the first candidates.'),
]
Rerank = Annotated[
    int,
    typer.Option(
        '--rerank',
        min=LEAST_COMPARED,
        max=100,
        help='Candidates compared by local features and re-ranked.',
    ),
]
MinInliers = Annotated[
    int,
    typer.Option(
        '--min-inliers',
        min=0,
        max=1000,
        help='Features that must agree; 0 takes the number of the detector.',
    ),
]
FieldOfView = Annotated[
    float | None,
    number(
        'Horizontal, degrees, of a camera without camera_info; gives relative poses.',
        '--field-of-view',
        min=1,
        max=179,
    ),
]

Distance = Annotated[
    float, number('Correct within this distance of the truth, metres.', '--tolerance', min=0)
]
Angle = Annotated[
    float | None, number('Correct within this angle too, degrees.', '--angle', min=0)
]
