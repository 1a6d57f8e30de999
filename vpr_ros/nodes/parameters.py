# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter of every node, declared once.

The ROS declaration, the checks, the files in ``config/`` and the tables of the documentation come
from here. This module does not import rclpy, so documentation can be made without ROS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpr_ros.inputs.poses import POSE_FORMATS
from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable

Value = bool | int | float | str


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    Attributes:
        name: As in ROS.
        default: Its type is the parameter's type.
        description: One sentence for people.
        unit: Empty for numbers without one.
        minimum: Least value allowed.
        maximum: Greatest value allowed.
        choices: All values allowed, for text.
        dynamic: True if a change takes effect at once, False if at the next configure.
        fixed: True if it can only be given at the start.
    """

    name: str
    default: Value
    description: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    dynamic: bool = False
    fixed: bool = False

    @property
    def type(self) -> str:
        """The type's name as users of ROS write it."""
        names = {bool: 'bool', int: 'integer', float: 'double', str: 'string'}
        return names[type(self.default)]

    @property
    def range(self) -> str:
        """Values allowed, for people; empty where any value is."""
        if self.choices:
            return ', '.join(self.choices)
        if self.minimum is None and self.maximum is None:
            return ''
        low = '' if self.minimum is None else f'{self.minimum:g}'
        high = '' if self.maximum is None else f'{self.maximum:g}'
        return (
            f'{low} to {high}' if low and high else f'at least {low}' if low else f'at most {high}'
        )

    def fault(self, value: object) -> str | None:
        """Say what is wrong with a value, or None where nothing is."""
        wanted = type(self.default)
        # People write 1 where 1.0 is meant; YAML makes that an integer.
        number_for_float = wanted is float and type(value) is int
        if type(value) is not wanted and not number_for_float:
            return f'{self.name} must be of type {self.type}, not {type(value).__name__}'
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            below = self.minimum is not None and value < self.minimum
            above = self.maximum is not None and value > self.maximum
            if below or above or not math.isfinite(value):
                return f'{self.name} is {value} but must be {self.range or "finite"}'
        if isinstance(value, str) and not value.isprintable():
            return f'{self.name} is {value!r} but must be printable text'
        if self.choices and value not in self.choices:
            return f'{self.name} is "{value}" but must be one of {self.range}'
        return None


START = (Parameter('autostart', default=True, description='Configure and activate at start.'),)
MODEL = (
    Parameter('model', DEFAULT_MODEL, 'What describes images; must be what made the map.'),
    Parameter('weights', '', "File with the network's weights; empty for those in the package."),
    Parameter(
        'device', 'auto', 'Where the network runs: auto (a GPU if there is one), cpu, cuda.'
    ),
    Parameter(
        'precision',
        'fp32',
        'What the network is computed with: bf16 on a CPU or GPU that has it, fp16 on a GPU, int8'
        ' with the backend onnx; best the same for a map and what is looked for in it.',
        choices=('fp32', 'bf16', 'fp16', 'int8'),
    ),
    Parameter(
        'backend',
        'torch',
        'What computes the network: torch, or onnx for ONNX Runtime on the CPU.',
        choices=('torch', 'onnx'),
    ),
    Parameter(
        'threads',
        0,
        'CPU threads of the network; 0 leaves the choice to the library.',
        minimum=0,
        maximum=256,
    ),
)
IMAGES = (
    Parameter(
        'cameras',
        '',
        'Names of the cameras, separated by spaces: their images come on NAME/image, and each'
        ' place and answer bears the name; empty for one camera without a name, on image.',
    ),
    Parameter(
        'image_transport',
        'auto',
        'raw subscribes to image, compressed to image/compressed, auto to whichever speaks first.',
        choices=('auto', 'raw', 'compressed'),
    ),
    Parameter(
        'camera_extrinsics',
        '',
        'Where each camera sits on the base, in the order of cameras, separated by semicolons:'
        ' x y z, or x y z roll pitch yaw (m, rad; without rotation it looks forward); empty to ask'
        ' tf, where tf2_ros is installed.',
    ),
    Parameter('base_frame', 'base_link', "Frame of the robot's base in tf."),
    Parameter(
        'rectify',
        default=False,
        description='Take the distortion of the lens out of images, by camera_info beside image.',
    ),
    Parameter(
        'max_rate',
        0.0,
        'Images of a camera looked at per second of their stamps; 0 for all.',
        'Hz',
        minimum=0.0,
        dynamic=True,
    ),
)
POSES = (
    Parameter(
        'pose_source',
        'odometry',
        'Messages that give the poses: '
        + ', '.join(f'{f.name} ({f.typename} on {f.topic})' for f in POSE_FORMATS.values())
        + '; none maps without poses.',
        choices=(*POSE_FORMATS, 'none'),
    ),
    Parameter(
        'pose_mount',
        '',
        'Where on the base the antenna or camera sits that the poses are of: x y z, or'
        ' x y z roll pitch yaw (m, rad); empty where they are of the base.',
    ),
    Parameter(
        'fix_min_status',
        0,
        'Fixes of a lower status are refused: 0 any fix, 1 SBAS, 2 GBAS or RTK.',
        minimum=0,
        maximum=2,
    ),
    Parameter(
        'fix_max_sigma',
        10.0,
        'Fixes that state a greater horizontal standard deviation are refused; 0 takes all.',
        'm',
        minimum=0.0,
    ),
)
KEYFRAMES = (
    Parameter(
        'keyframe_distance',
        0.5,
        'A place every so many metres; 0 for never.',
        'm',
        minimum=0.0,
        dynamic=True,
    ),
    Parameter(
        'keyframe_angle',
        0.2,
        'A place at every turn of so much; 0 for never.',
        'rad',
        minimum=0.0,
        maximum=math.pi,
        dynamic=True,
    ),
    Parameter(
        'keyframe_interval',
        0.0,
        'A place every so many seconds; 0 for never.',
        's',
        minimum=0.0,
        dynamic=True,
    ),
)
MAP = (
    Parameter(
        'map_path',
        '',
        'File of the place map; empty for vpr/map.vprmap in ROS_HOME (~/.ros).',
    ),
    Parameter(
        'map_folder',
        '',
        'Outside of this folder no service, and no change of map_path, reads or writes a map;'
        ' empty for the folder of map_path.',
        fixed=True,
    ),
)
FOLLOWED_MAP = tuple(replace(p, dynamic=not p.fixed) for p in MAP)
MAPPING = (
    Parameter('map_frame', 'map', "Frame in which the places' poses are given, for a new map."),
    Parameter('session_name', '', 'Name of this traverse in the map.'),
    Parameter(
        'thumbnails',
        0,
        'Longest side of the pictures kept in the map, to verify candidates by; 0 for none.',
        'pixels',
        minimum=0,
        maximum=4096,
    ),
)
SEARCH = (
    Parameter(
        'candidates',
        100,
        'Places nearest by Hamming distance that are compared by float descriptors.',
        minimum=1,
        maximum=10000,
        dynamic=True,
    ),
)
PUBLISHED = (
    Parameter(
        'max_candidates',
        10,
        'Candidates published per image.',
        minimum=1,
        maximum=1000,
        dynamic=True,
    ),
    Parameter(
        'initial_pose',
        'never',
        'When an accepted pose goes to initialpose, for Nav2 and slam_toolbox: never, once (and'
        ' once more after relocalize), or always.',
        choices=('never', 'once', 'always'),
        dynamic=True,
    ),
)
DECISION = (
    Parameter(
        'min_similarity',
        0.0,
        'Below this cosine similarity a place counts as never mapped.',
        minimum=-1.0,
        maximum=1.0,
        dynamic=True,
    ),
    Parameter(
        'min_probability',
        0.0,
        'Below this calibrated probability nothing is accepted; 0 takes the threshold of the'
        ' calibration.',
        minimum=0.0,
        maximum=1.0,
        dynamic=True,
    ),
    Parameter(
        'max_distance_ratio',
        0.85,
        'Descriptor distance of the best place over that of the best place elsewhere; above'
        ' it they look alike and nothing is accepted. 1 accepts everything. Without a'
        ' calibration only.',
        minimum=0.0,
        maximum=1.0,
        dynamic=True,
    ),
    Parameter(
        'place_radius',
        5.0,
        'Places within this distance count as one; a calibration brings its own.',
        'm',
        minimum=0.0,
        dynamic=True,
    ),
    Parameter(
        'position_sigma',
        0.5,
        'Smallest standard deviation of a published position.',
        'm',
        minimum=0.0,
        dynamic=True,
    ),
    Parameter(
        'angle_sigma',
        0.07,
        'Smallest standard deviation of a published angle.',
        'rad',
        minimum=0.0,
        dynamic=True,
    ),
)
CALIBRATION = (
    Parameter(
        'calibration',
        '',
        'File made by vpr calibrate for the network; empty for the one in the package, none to do'
        ' without probabilities.',
    ),
)
TEMPORAL = (
    Parameter(
        'temporal',
        'none',
        'What the images before say: none, bayes (a filter over places) or sequence (matching of'
        ' the last images to stretches of the way); needs a calibration.',
        choices=('none', 'bayes', 'sequence'),
    ),
    Parameter(
        'use_odometry',
        default=False,
        description='The filter follows the motion on odom; else it expects the pace of mapping.',
    ),
    Parameter('sequence_length', 20, 'Images that are matched together.', minimum=2, maximum=1000),
    Parameter(
        'fix_gate',
        0.0,
        'Places further than this, and three standard deviations, from the fix on fix are passed'
        ' over; 0 does not listen to fixes. Needs a map with a datum.',
        'm',
        minimum=0.0,
    ),
)
VERIFICATION = (
    Parameter(
        'verify',
        default=False,
        description='Believe a place only if its picture goes with the image, by local features;'
        ' with camera_info and poses this also measures the relative pose. A map must have'
        ' thumbnails.',
    ),
    Parameter(
        'min_inliers',
        15,
        'Features of both pictures that must agree on one geometry, where they are compared.',
        minimum=8,
        maximum=1000,
    ),
)
LOOPS = (
    Parameter(
        'exclude_time', 20.0, 'A loop closes to places at least this much older.', 's', minimum=0.0
    ),
    Parameter(
        'exclude_distance', 10.0, 'A loop is at least this long, along the path.', 'm', minimum=0.0
    ),
    Parameter(
        'exclude_keyframes',
        10,
        'At least this many places lie between the ends of a loop.',
        minimum=0,
    ),
    Parameter(
        'loop_interval', 0.0, 'At most one loop is announced in so much time.', 's', minimum=0.0
    ),
    *VERIFICATION,
    Parameter(
        'require_transform',
        default=False,
        description='Announce only loops whose relative pose was measured; needs verify.',
    ),
)

NODES: dict[str, tuple[Parameter, ...]] = {
    'place_recognition_node': START
    + MODEL
    + FOLLOWED_MAP
    + IMAGES
    + SEARCH
    + PUBLISHED
    + DECISION
    + CALIBRATION
    + TEMPORAL
    + VERIFICATION,
    'map_builder_node': START + MODEL + MAP + MAPPING + IMAGES + POSES + KEYFRAMES,
    'loop_closure_node': START + MODEL + IMAGES + POSES + KEYFRAMES + LOOPS + SEARCH + DECISION,
}


def as_yaml(node: str) -> str:
    """Return a parameter file of a node with all defaults, each described."""
    lines = [
        '# SPDX-FileCopyrightText: 2026 The vpr_ros authors',
        '# SPDX-License-Identifier: Apache-2.0',
        f'# Parameters of {node} with their defaults; made from vpr_ros/nodes/parameters.py.',
        f'/**/{node}:',
        '  ros__parameters:',
    ]
    for p in NODES[node]:
        when = 'dynamic' if p.dynamic else 'fixed' if p.fixed else ''
        notes = [p.unit, p.range, when]
        note = '; '.join(note for note in notes if note)
        lines.append(f'    # {p.description}' + (f' ({note})' if note else ''))
        lines.append(f'    {p.name}: {_yaml(p.default)}')
    return '\n'.join(lines) + '\n'


def as_markdown(parameters: Iterable[Parameter]) -> str:
    """Return a table of parameters for the README."""
    lines = ['| parameter | type | default | range | meaning |', '|---|---|---|---|---|']
    for p in parameters:
        default = f'{_yaml(p.default)} {p.unit}'.strip()
        dynamic = ' *(at once)*' if p.dynamic else ' *(at the start only)*' if p.fixed else ''
        lines.append(
            f'| `{p.name}` | {p.type} | {default} | {p.range} | {p.description}{dynamic} |'
        )
    return '\n'.join(lines) + '\n'


def _yaml(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
