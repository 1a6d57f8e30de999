# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All parameters of all nodes, as frozen dataclasses whose fields are the parameters.

The ROS declaration, the checks, the files in ``config/`` and the tables of the documentation come
from here. Fields of the last base class come first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from vpr_ros.inputs.poses import BASES, MAP, POSE_FORMATS, TRANSFORMS
from vpr_ros.localize import DecisionConfig, Reranking
from vpr_ros.nodes.fleet_parameters import FleetParameters
from vpr_ros.nodes.parameter_fields import parameter
from vpr_ros.types import (
    DEFAULT_MODEL,
    LARGEST_SETTING,
    LEAST_COMPARED,
    LOOP_PROBABILITY,
    THUMBNAIL_SIZE,
)

_MAP_PATH = 'File of the place map; empty for vpr/map.vprmap in ROS_HOME (~/.ros).'


@dataclass(frozen=True)
class NodeParameters:
    """Parameters of every node: its start, model and images."""

    autostart: bool = parameter(
        default=True,
        description='Configure and activate at the start; false leaves that to a lifecycle'
        ' manager.',
    )
    model: str = parameter(
        DEFAULT_MODEL,
        'Network that describes images, or its file; must be the one that made the map.',
    )
    weights: str = parameter('', "File of the network's weights; empty for those in the package.")
    device: str = parameter(
        'auto', 'Device that runs the network: auto (a GPU if there is one), cpu, cuda.'
    )
    precision: Literal['fp32', 'bf16', 'fp16', 'int8'] = parameter(
        'fp32',
        'Number format of the network: bf16 on a CPU or GPU that supports it, fp16 on a GPU, int8'
        ' with ONNX Runtime on a CPU. Use one precision for mapping and for querying.',
    )
    backend: Literal['auto', 'torch', 'onnx'] = parameter(
        'auto',
        'Library that computes the network: torch, onnx for ONNX Runtime on the CPU, or auto for'
        ' the faster one where both are installed, measured at the first start.',
    )
    threads: int = parameter(
        0,
        'CPU threads of the network; 0 leaves the number to the library.',
        minimum=0,
        maximum=256,
    )
    cameras: str = parameter(
        '',
        'Names of the cameras, separated by spaces. Images come on NAME/image, and places and'
        ' answers have the name. Empty for one camera without a name, on image.',
    )
    image_transport: Literal['auto', 'raw', 'compressed'] = parameter(
        'auto',
        'Image topic: raw subscribes to image, compressed to image/compressed, auto to the one'
        ' that delivers first.',
    )
    camera_extrinsics: str = parameter(
        '',
        'Mount of each camera in the base frame, in the order of cameras, separated by semicolons:'
        ' x y z, or x y z roll pitch yaw (m, rad; without rotation the camera looks forward).'
        ' Empty takes mounts from tf.',
    )
    base_frame: str = parameter(
        '',
        "tf frame of the robot's base; empty for "
        + ', '.join(BASES[:-1])
        + f' or {BASES[-1]}, the first that there is.',
    )
    rectify: bool = parameter(
        default=False,
        description='Remove the lens distortion of images, by the camera_info beside image.',
    )
    max_rate: float = parameter(
        0.0,
        'Maximum rate of processed images of a camera, by their stamps; 0 processes all.',
        'Hz',
        minimum=0.0,
        maximum=10000.0,
        dynamic=True,
    )


@dataclass(frozen=True)
class MapParameters:
    """Parameters of nodes that use the file of a map."""

    map_path: str = parameter('', _MAP_PATH)
    map_folder: str = parameter(
        '',
        'The only folder in which services and changes of map_path may read or write maps;'
        ' empty for the folder of map_path.',
        fixed=True,
    )


@dataclass(frozen=True)
class MappingParameters(NodeParameters):
    """Parameters of nodes that add places: poses and keyframes."""

    pose_source: str = parameter(
        'odometry',
        'Messages that give the poses: '
        + ', '.join(f'{f.name} ({f.typename} on {f.topic})' for f in POSE_FORMATS.values())
        + f'; tf ({TRANSFORMS} on /tf and /tf_static) of base_frame in fixed_frame; none maps'
        ' without poses.',
        choices=(*POSE_FORMATS, 'tf', 'none'),
    )
    fixed_frame: str = parameter(
        MAP,
        'tf frame that the poses are in with pose_source tf: map, or the root of the tree of a'
        ' robot that has none, such as odom or camera_init.',
    )
    pose_mount: str = parameter(
        '',
        'Mount of the sensor that the poses are of, such as a GNSS antenna, in the base frame:'
        ' x y z, or x y z roll pitch yaw (m, rad); empty for poses of the base.',
    )
    fix_min_status: int = parameter(
        0,
        'Reject fixes of a lower status: 0 accepts any fix, 1 SBAS, 2 GBAS or RTK.',
        minimum=0,
        maximum=2,
    )
    fix_max_sigma: float = parameter(
        10.0,
        'Reject fixes with a larger horizontal standard deviation; 0 accepts all.',
        'm',
        minimum=0.0,
        maximum=10000.0,
    )
    keyframe_distance: float = parameter(
        0.5,
        'Add a place after this distance; 0 never does.',
        'm',
        minimum=0.0,
        maximum=LARGEST_SETTING,
        dynamic=True,
    )
    keyframe_angle: float = parameter(
        0.2,
        'Add a place after a turn by this angle; 0 never does.',
        'rad',
        minimum=0.0,
        maximum=math.pi,
        dynamic=True,
    )
    keyframe_interval: float = parameter(
        0.0,
        'Add a place after this time; 0 never does.',
        's',
        minimum=0.0,
        maximum=LARGEST_SETTING,
        dynamic=True,
    )


@dataclass(frozen=True)
class DecisionParameters:
    """Parameters of the search, and of the decision on its candidates."""

    calibration: str = parameter(
        '',
        'File made by vpr calibrate for the network; empty for the one in the package, none for no'
        ' probabilities.',
    )
    min_probability: float = parameter(
        0.0,
        'Reject candidates below this calibrated probability; 0 takes the threshold of the'
        ' calibration. No effect without a calibration.',
        minimum=0.0,
        maximum=1.0,
        dynamic=True,
    )
    candidates: int = parameter(
        100,
        'Places nearest by Hamming distance that are re-ranked by float descriptors; more find'
        ' more and take longer.',
        minimum=1,
        maximum=10000,
        dynamic=True,
    )
    min_similarity: float = parameter(
        0.0,
        'Reject candidates below this cosine similarity, as places that are not in the map.',
        minimum=-1.0,
        maximum=1.0,
        dynamic=True,
    )
    max_distance_ratio: float = parameter(
        0.85,
        'Reject the best candidate if its descriptor distance over that of the best candidate at'
        ' another place is larger, since the two look alike; 1 accepts all. No effect with a'
        ' calibration.',
        minimum=0.0,
        maximum=1.0,
        dynamic=True,
    )
    place_radius: float = parameter(
        5.0,
        'Candidates within this distance count as one place; a calibration has its own radius.',
        'm',
        minimum=0.0,
        maximum=LARGEST_SETTING,
        dynamic=True,
    )
    position_sigma: float = parameter(
        0.5,
        'Smallest standard deviation of a published position.',
        'm',
        minimum=0.0,
        maximum=10000.0,
        dynamic=True,
    )
    angle_sigma: float = parameter(
        0.07,
        'Smallest standard deviation of a published angle.',
        'rad',
        minimum=0.0,
        maximum=math.pi,
        dynamic=True,
    )

    def decision_config(self) -> DecisionConfig:
        """Return when a candidate is accepted."""
        names = {f.name for f in fields(self)} & {f.name for f in fields(DecisionConfig)}
        return DecisionConfig(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class VerificationParameters:
    """Parameters of verification by local features."""

    verify: Literal['xfeat', 'sift', 'none'] = parameter(
        'xfeat',
        'Local features that compare an image with the thumbnails of the first candidates, which'
        ' re-ranks and verifies them; with camera_info and poses this also measures the relative'
        ' pose. Needs a map with thumbnails.',
    )
    rerank: int = parameter(
        10,
        'Candidates that are compared by local features and re-ranked.',
        minimum=LEAST_COMPARED,
        maximum=100,
        dynamic=True,
    )
    rerank_budget_ms: float = parameter(
        250.0,
        'Time for the comparisons of an image, after which no further candidate is compared; 0 is'
        ' no limit.',
        'ms',
        minimum=0.0,
        maximum=LARGEST_SETTING,
        dynamic=True,
    )
    min_inliers: int = parameter(
        0,
        'Feature matches that must agree for a candidate to be verified; 0 takes'
        ' the number of the detector. With a calibration the probability decides instead.',
        minimum=0,
        maximum=1000,
    )

    def reranking(self) -> Reranking:
        """Return how many candidates are compared."""
        return Reranking(self.rerank, self.rerank_budget_ms / 1e3)


@dataclass(frozen=True)
class PlaceRecognitionParameters(
    FleetParameters, VerificationParameters, DecisionParameters, MapParameters, NodeParameters
):
    """Parameters of place_recognition_node."""

    map_path: str = parameter('', _MAP_PATH, dynamic=True)
    max_candidates: int = parameter(
        10, 'Candidates published per image.', minimum=1, maximum=1000, dynamic=True
    )
    initial_pose: Literal['never', 'once', 'always'] = parameter(
        'never',
        'When an accepted pose is published on initialpose, for Nav2 and slam_toolbox: never, once'
        ' (as soon as a node subscribes, and once more after relocalize), or always.',
        dynamic=True,
    )
    temporal: Literal['none', 'sequence'] = parameter(
        'none',
        'Temporal filter: sequence weighs each image by those before and the motion between them.'
        ' Needs a calibration.',
    )
    use_odometry: bool = parameter(
        default=False,
        description='Tell the temporal filter the motion by the odometry on odom; false assumes'
        ' the mapped path, at half to twice the speed of mapping.',
    )
    publish_tf: Literal['none', 'jumping', 'smooth'] = parameter(
        'none',
        'Publish map → odom on /tf from accepted poses and odometry, 20 times a second: jumping to'
        ' each pose, or smooth. Only where no other localisation does.',
    )
    sequence_length: int = parameter(
        20, 'Images that the temporal filter remembers.', minimum=2, maximum=1000
    )
    fix_gate: float = parameter(
        0.0,
        'Reject places farther than this plus three standard deviations from the fix on fix; 0'
        ' ignores fixes. Needs a map with a datum.',
        'm',
        minimum=0.0,
        maximum=LARGEST_SETTING,
    )


@dataclass(frozen=True)
class MapBuilderParameters(MapParameters, MappingParameters):
    """Parameters of map_builder_node."""

    map_frame: str = parameter('map', 'Coordinate frame of the poses in a new map.')
    session_name: str = parameter('', 'Name of this session in the map.')
    anchored: bool = parameter(
        default=False,
        description='The poses are in the frame of the map even where their messages name a frame'
        ' that begins anew with each run (odom).',
    )
    thumbnails: int = parameter(
        THUMBNAIL_SIZE,
        'Longest side of the thumbnails in the map, which verification and redescribing need;'
        ' about 14 kB a place at 320; 0 stores none.',
        'pixels',
        minimum=0,
        maximum=4096,
    )


@dataclass(frozen=True)
class LoopClosureParameters(VerificationParameters, DecisionParameters, MappingParameters):
    """Parameters of loop_closure_node."""

    min_probability: float = parameter(
        LOOP_PROBABILITY,
        'Announce no loop of a lower calibrated probability; 0 takes the threshold of the'
        ' calibration, which is that for poses. No effect without a calibration.',
        minimum=0.0,
        maximum=1.0,
        dynamic=True,
    )
    exclude_time: float = parameter(
        20.0,
        'Smallest age of a place that closes a loop.',
        's',
        minimum=0.0,
        maximum=LARGEST_SETTING,
    )
    exclude_distance: float = parameter(
        10.0,
        'Shortest path between the ends of a loop.',
        'm',
        minimum=0.0,
        maximum=LARGEST_SETTING,
    )
    exclude_keyframes: int = parameter(
        10,
        'Smallest number of places between the ends of a loop.',
        minimum=0,
        maximum=int(LARGEST_SETTING),
    )
    loop_interval: float = parameter(
        0.0,
        'Shortest time between announced loops; 0 announces all.',
        's',
        minimum=0.0,
        maximum=LARGEST_SETTING,
    )
    require_transform: bool = parameter(
        default=False,
        description='Announce only loops with a measured relative pose; needs verify.',
    )


NODES: dict[str, type[NodeParameters]] = {
    'place_recognition_node': PlaceRecognitionParameters,
    'map_builder_node': MapBuilderParameters,
    'loop_closure_node': LoopClosureParameters,
}
