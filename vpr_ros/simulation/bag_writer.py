# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes a traverse as a rosbag2: camera, odometry and satellite positions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from vpr_ros.errors import BagError
from vpr_ros.geometry import Datum, Pose
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.simulation.town import RenderedFrame, Traverse

Storage = Literal['sqlite3', 'mcap']
Encoding = Literal['rgb8', 'jpeg']

DATUM = Datum(52.09, 5.12, 43.0)
"""Where the origin of the town's map lies on Earth."""

START = 1_750_000_000_000_000_000
"""Stamp of the first frame where no other is asked for, nanoseconds."""

_ODOMETRY_PER_FRAME = 4
_SMALL = 1e-6
"""Variance of exact values, since zero would mean unknown."""

_types = get_typestore(Stores.ROS2_JAZZY)


def write_bag(  # noqa: PLR0913 -- one keyword for each independent choice
    traverse: Traverse,
    path: Path | str,
    *,
    storage: Storage = 'sqlite3',
    encoding: Encoding = 'rgb8',
    start: int = START,
    drift: float = 0.0,
    fix_noise: float = 0.0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Render a traverse into a new rosbag2 folder.

    Topics: ``/camera/image_raw`` or ``/camera/image_raw/compressed``, ``/camera/camera_info``,
    ``/odom`` (with each frame and three times in between) and ``/fix`` (with each frame).

    Args:
        traverse: The drive to render.
        path: Folder to create.
        storage: Storage plugin of the bag.
        encoding: Raw pixels, or JPEG of quality 90.
        start: Stamp of the first frame, nanoseconds.
        drift: Random walk of the odometry: metres, and tenths of a radian, per root of a metre
            driven; 0 gives the exact pose in the map.
        fix_noise: Standard deviation of satellite positions, metres; twice that in height.
        seed: Of drift and noise.
        progress: Called with the frames done and the frames in all.

    Raises:
        BagError: The path exists already, or cannot be written.
    """
    folder = Path(path)
    if folder.exists():
        msg = f'{folder} exists already; remove it or choose another path for the bag'
        raise BagError(msg)
    plugin = {'sqlite3': StoragePlugin.SQLITE3, 'mcap': StoragePlugin.MCAP}[storage]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with Writer(folder, version=9, storage_plugin=plugin) as writer:
            bag = _Bag(writer, traverse, encoding, start)
            odometry = _Odometry(traverse, drift, seed)
            rng = np.random.default_rng([seed, 18])
            for index, frame in enumerate(traverse):
                bag.camera(frame)
                bag.fix(frame, fix_noise, rng)
                odometry.write(bag, index)
                if progress is not None:
                    progress(index + 1, len(traverse))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        msg = f'cannot write the bag {folder}: {error}'
        raise BagError(msg) from error
    except BaseException:
        # Half a bag would look like a whole one.
        shutil.rmtree(folder, ignore_errors=True)
        raise


class _Bag:
    """An open bag with its topics."""

    def __init__(self, writer: Writer, traverse: Traverse, encoding: Encoding, start: int) -> None:
        self._writer = writer
        self._start = start
        self._jpeg = encoding == 'jpeg'
        image = '/camera/image_raw' + ('/compressed' if self._jpeg else '')
        kind = 'sensor_msgs/msg/' + ('CompressedImage' if self._jpeg else 'Image')
        self._image = self._topic(image, kind)
        self._info = self._topic('/camera/camera_info', 'sensor_msgs/msg/CameraInfo')
        self._odom = self._topic('/odom', 'nav_msgs/msg/Odometry')
        self._fix = self._topic('/fix', 'sensor_msgs/msg/NavSatFix')
        self._camera = traverse.town.camera

    def camera(self, frame: RenderedFrame) -> None:
        """Write picture and intrinsics."""
        header = self._header(frame.stamp, 'camera_optical_frame')
        height, width = frame.rgb.shape[:2]
        fields: dict[str, Any]
        if self._jpeg:
            _, data = cv2.imencode('.jpg', frame.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            fields = {'format': 'rgb8; jpeg compressed bgr8', 'data': data.reshape(-1)}
        else:
            fields = {'height': height, 'width': width, 'encoding': 'rgb8', 'is_bigendian': 0}
            fields |= {'step': 3 * width, 'data': frame.rgb.reshape(-1)}
        image = _make(self._image.msgtype, header=header, **fields)
        self._write(self._image, frame.stamp, image)
        k = self._camera.matrix
        info = _make(
            'sensor_msgs/msg/CameraInfo',
            header=header,
            height=height,
            width=width,
            distortion_model='plumb_bob',
            d=np.zeros(5),
            k=k.reshape(-1),
            r=np.eye(3).reshape(-1),
            p=np.column_stack([k, np.zeros(3)]).reshape(-1),
            binning_x=0,
            binning_y=0,
            roi=_make(
                'sensor_msgs/msg/RegionOfInterest',
                x_offset=0,
                y_offset=0,
                height=0,
                width=0,
                do_rectify=False,
            ),
        )
        self._write(self._info, frame.stamp, info)

    def odometry(
        self, stamp: int, pose: Pose, velocity: tuple[float, float], variance: tuple[float, float]
    ) -> None:
        """Write a pose in the odometry frame; m/s forward, rad/s about z; m^2 and rad^2."""
        x, y, z, qx, qy, qz, qw = pose.as_array().tolist()
        covariance = np.diag([variance[0], variance[0], _SMALL, _SMALL, _SMALL, variance[1]])
        message = _make(
            'nav_msgs/msg/Odometry',
            header=self._header(stamp, 'odom'),
            child_frame_id='base_link',
            pose=_make(
                'geometry_msgs/msg/PoseWithCovariance',
                pose=_make(
                    'geometry_msgs/msg/Pose',
                    position=_make('geometry_msgs/msg/Point', x=x, y=y, z=z),
                    orientation=_make('geometry_msgs/msg/Quaternion', x=qx, y=qy, z=qz, w=qw),
                ),
                covariance=covariance.reshape(-1),
            ),
            twist=_make(
                'geometry_msgs/msg/TwistWithCovariance',
                twist=_make(
                    'geometry_msgs/msg/Twist',
                    linear=_make('geometry_msgs/msg/Vector3', x=velocity[0], y=0.0, z=0.0),
                    angular=_make('geometry_msgs/msg/Vector3', x=0.0, y=0.0, z=velocity[1]),
                ),
                covariance=np.diag(np.full(6, _SMALL)).reshape(-1),
            ),
        )
        self._write(self._odom, stamp, message)

    def fix(self, frame: RenderedFrame, noise: float, rng: np.random.Generator) -> None:
        """Write where the receiver, above ``base_link``, believes to be."""
        spread = noise * np.array([1.0, 1.0, 2.0])
        measured = frame.pose.position + rng.standard_normal(3) * spread
        place = DATUM.point_at(measured)
        # A receiver never claims to be exact: half a metre is a good one.
        claimed = max(noise, 0.5) * np.array([1.0, 1.0, 2.0])
        message = _make(
            'sensor_msgs/msg/NavSatFix',
            header=self._header(frame.stamp, 'gps'),
            status=_make('sensor_msgs/msg/NavSatStatus', status=0, service=1),
            latitude=place.lat,
            longitude=place.lon,
            altitude=place.alt,
            position_covariance=np.diag(claimed**2).reshape(-1),
            position_covariance_type=2,
        )
        self._write(self._fix, frame.stamp, message)

    def _topic(self, name: str, kind: str) -> Any:
        return self._writer.add_connection(name, kind, typestore=_types)

    def _header(self, stamp: int, frame_id: str) -> Any:
        seconds, nanoseconds = divmod(self._start + stamp, SECOND)
        time = _make('builtin_interfaces/msg/Time', sec=seconds, nanosec=nanoseconds)
        return _make('std_msgs/msg/Header', stamp=time, frame_id=frame_id)

    def _write(self, topic: Any, stamp: int, message: Any) -> None:
        data = _types.serialize_cdr(message, message.__msgtype__)
        self._writer.write(topic, self._start + stamp, data)


class _Odometry:
    """Poses of wheels: exact, or with errors that grow with the distance."""

    def __init__(self, traverse: Traverse, drift: float, seed: int) -> None:
        self._traverse = traverse
        self._drift = drift
        self._rng = np.random.default_rng([seed, 19])
        self._true = self._believed = traverse.pose_at(0)
        self._driven = 0.0

    def write(self, bag: _Bag, index: int) -> None:
        """Write the pose of a frame and those up to the next frame."""
        traverse = self._traverse
        stamp = traverse.stamp(index)
        gap = traverse.stamp(index + 1) - stamp
        last = index + 1 == len(traverse)
        for part in range(1 if last else _ODOMETRY_PER_FRAME):
            at = stamp + part * gap // _ODOMETRY_PER_FRAME
            pose = self._advance(traverse.pose_at(at))
            soon = traverse.pose_at(at + 10_000_000)
            turn = float(np.angle(np.exp(1j * (soon.yaw - self._true.yaw)))) / 0.01
            square = self._drift**2 * self._driven
            variance = (square + _SMALL, 0.01 * square + _SMALL)
            bag.odometry(at, pose, (traverse.speed, turn), variance)

    def _advance(self, true: Pose) -> Pose:
        if self._drift == 0:
            self._true = true
            return true
        step = self._true.inverse() @ true
        length = float(np.linalg.norm(step.position))
        error: NDArray[np.float64] = self._rng.standard_normal(3) * self._drift * np.sqrt(length)
        slip = Pose.planar(float(error[0]), float(error[1]), 0.1 * float(error[2]))
        self._true, self._believed = true, self._believed @ step @ slip
        self._driven += length
        return self._believed


def _make(kind: str, **fields: Any) -> Any:
    return _types.types[kind](**fields)
