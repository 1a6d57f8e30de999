# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all nodes have in common: parameters, lifecycle, input, worker and reports."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import logging
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions

from vpr_ros.describe import Describer
from vpr_ros.errors import MapAccessError, VprError
from vpr_ros.geometry.mounts import parse_cameras, parse_extrinsics
from vpr_ros.inputs.frames import image_decoder
from vpr_ros.localize import DecisionConfig
from vpr_ros.maps import MapFolder
from vpr_ros.nodes.jobs import Jobs
from vpr_ros.nodes.parameters import NODES
from vpr_ros.nodes.rate import StampGate
from vpr_ros.nodes.subscriptions import ImageInput, IntrinsicsInput, PoseInput
from vpr_ros.nodes.timing import RecentRate, StageTimes
from vpr_ros.nodes.transforms import Transforms
from vpr_ros.nodes.worker import NewestWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lifecycle_msgs.srv import ChangeState
    from rclpy.lifecycle import LifecycleState

    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.pinhole import Pinhole
    from vpr_ros.inputs.frames import Frame
    from vpr_ros.nodes.health import InputHealth

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
"""Quality of service of what a late subscriber must still get."""
_SWITCH = 2e-4
"""Seconds that a thread runs Python while another one wants to."""
_RETRY = 5.0
"""Seconds between attempts to start, where something outside must first be mended."""
REPEAT = 5.0
"""Seconds between repetitions of the same complaint in the log."""
_PATIENCE = 1.5
"""Seconds that the work in progress may take when the process is told to end."""
_COMPLAINTS = 100
"""Different complaints that are remembered."""

Item = TypeVar('Item')


class VprNode(LifecycleNode, Generic[Item]):  # type: ignore[misc]  # rclpy is not typed
    """A lifecycle node that describes images in a worker thread.

    Subclasses load what they need in ``load``, release it in ``unload``, take frames in
    ``on_frame`` (executor thread, must be quick) and do the work in ``work`` (worker thread).

    Args:
        name: The node's name and its key in the table of parameters.

    Attributes:
        worker: Works on images; None while the node is not active.
        jobs: Does what takes time and is no image.
        using_map: Held by whoever searches or writes the map in use, and by who replaces it.
        configured: Whether what ``load`` allocates is there.
        listening: What the node listens to beside images; ``stop`` ends it.
        refused: Messages that could not be used.
        cameras: Names of the cameras; one empty name where there is only one.
        mounts: The optical frame of each camera in the base frame, by name, where it is known.
        rate: Holds images back that come faster than asked for.
        times: Where the time of recent images went.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._table = {parameter.name: parameter for parameter in NODES[name]}
        self._map_folder: MapFolder | None = None
        self._declare_parameters()
        if 'map_folder' in self._table:
            self._map_folder = MapFolder(Path(self.value('map_folder') or self.map_path().parent))
        self._refuse_impossible_transitions()
        self._describers: dict[tuple[Any, ...], Describer] = {}
        self._ticks: list[Any] = []
        self._images: list[ImageInput] = []
        self.listening: list[IntrinsicsInput | PoseInput] = []
        self.cameras: tuple[str, ...] = ()
        self.mounts: dict[str, Pose] = {}
        self._transforms: Transforms | None = None
        self.worker: NewestWorker[Item] | None = None
        self.jobs = Jobs(self._wake)
        self.using_map = threading.RLock()
        self.configured = False
        self.refused = 0
        self._complaints: dict[str, float] = {}
        self.rate = StampGate()
        self.times = StageTimes()
        self._processed_rate = RecentRate()
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)

    # What subclasses provide.

    def load(self) -> None:
        """Allocate everything that images need; raise VprError where that cannot be."""
        raise NotImplementedError

    def unload(self) -> None:
        """Release what ``load`` allocated; called also after a failed ``load``."""
        raise NotImplementedError

    def on_frame(self, frame: Frame) -> None:
        """Take a frame off the wire."""
        raise NotImplementedError

    def work(self, items: list[Item]) -> int:
        """Do the work on items that were submitted; return how many of them could be used.

        There is one of each camera at most.
        """
        raise NotImplementedError

    def report(self) -> dict[str, str]:
        """Return what else /diagnostics should say."""
        return {}

    # Parameters.

    def value(self, name: str) -> Any:
        """Return the present value of a parameter, in the type of its default."""
        value = self.get_parameter(name).value
        return type(self._table[name].default)(value)

    def _declare_parameters(self) -> None:
        self.add_on_set_parameters_callback(self._check_parameters)
        for p in self._table.values():
            descriptor = ParameterDescriptor(
                description=p.description + (f' [{p.unit}]' if p.unit else ''),
                additional_constraints=p.range,
                # An integer where a float is meant is converted, not refused.
                dynamic_typing=isinstance(p.default, float),
                read_only=p.fixed,
            )
            low = -1e308 if p.minimum is None else p.minimum
            high = 1e308 if p.maximum is None else p.maximum
            if isinstance(p.default, float):
                descriptor.floating_point_range = [
                    FloatingPointRange(from_value=float(low), to_value=float(high))
                ]
            elif type(p.default) is int:
                descriptor.integer_range = [
                    IntegerRange(
                        from_value=int(max(low, -(2**31))), to_value=int(min(high, 2**31))
                    )
                ]
            self.declare_parameter(p.name, p.default, descriptor)

    def _check_parameters(self, parameters: Sequence[RosParameter]) -> SetParametersResult:
        for new in parameters:
            known = self._table.get(new.name)
            fault = known.fault(new.value) if known else None
            if new.name == 'map_path':
                fault = fault or self._fault_of_map_path(new.value)
            if fault:
                return SetParametersResult(successful=False, reason=fault)
        return SetParametersResult(successful=True)

    def _fault_of_map_path(self, value: str) -> str | None:
        """Say what is wrong with a path that is given to the running node."""
        if self._map_folder is None:
            return None  # At the start, by who also decides on the folder.
        try:
            self._map_folder.path_of(str(self._path_of_map(value).absolute()))
        except MapAccessError as error:
            return f'map_path: {error}'
        return None

    # Lifecycle.

    def _wake(self) -> None:
        if self.executor is not None:
            self.executor.wake()

    def _refuse_impossible_transitions(self) -> None:
        """Answer requests for a transition that the state does not allow.

        rclpy lets the error escape from its service instead, which leaves the caller without an
        answer and would end the process.
        """
        service = self._service_change_state
        answer = service.callback

        def guarded(request: ChangeState.Request, response: ChangeState.Response) -> Any:
            try:
                return answer(request, response)
            except rclpy_implementation.RCLError as error:
                self.get_logger().warning(f'refused: {error}')
                response.success = False
                return response

        service.callback = guarded

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load network and map."""
        self.jobs.wait()
        try:
            self.cameras = parse_cameras(self.value('cameras'))
            self.mounts = parse_extrinsics(self.value('camera_extrinsics'), self.cameras)
            self.load()
        except VprError as error:
            self.get_logger().error(f'cannot start: {error}')
            self.unload()
            return TransitionCallbackReturn.FAILURE
        self.configured = True
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to listen."""
        self.refused = 0
        self.rate = StampGate()
        self.times = StageTimes()
        self._processed_rate = RecentRate()
        self.worker = NewestWorker(self.work, self.fail, len(self.cameras))
        self.get_logger().info(image_decoder().reason)
        if not self.mounts:
            self._transforms = Transforms(self, self.value('base_frame'))
        transport, rectify = self.value('image_transport'), self.value('rectify')
        self._images = [
            ImageInput(self, camera, transport, self._on_image, self.fail, rectify=rectify)
            for camera in self.cameras
        ]
        # By a clock that always runs: without /clock, simulated time stands still.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._ticks = [self.create_timer(1.0, self._tick, clock=clock)]
        topics = [topic for images in self._images for topic in images.topics]
        self.get_logger().info(f'listening to {" and ".join(topics)}')
        # Looking for garbage in all that the libraries have loaded takes a tenth of a second.
        gc.collect()
        gc.freeze()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop to listen; the frame in progress is finished."""
        self.stop()
        gc.unfreeze()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the map."""
        self.jobs.wait()
        self.configured = False
        self.unload()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop from whatever state and close the map."""
        self.configured = False
        self.stop()
        self.unload()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured after an unforeseen error in a transition."""
        self.get_logger().error('a transition failed; the node is unconfigured now')
        self.stop()
        self.jobs.wait()
        self.configured = False
        self.unload()
        return super().on_error(state)

    def start(self) -> bool:
        """Configure and activate; return whether there is nothing left to do."""
        try:
            return bool(
                self.trigger_configure() == TransitionCallbackReturn.SUCCESS
                and self.trigger_activate() == TransitionCallbackReturn.SUCCESS
            )
        except rclpy_implementation.RCLError:
            # Somebody else has moved the node on meanwhile: leave it to them.
            return True

    def stop(self) -> None:
        """Stop to listen; the item in progress is finished."""
        for timer in self._ticks:
            self.destroy_timer(timer)
        self._ticks = []
        for source in (*self.listening, *self._images):
            source.destroy()
        self.listening, self._images = [], []
        if self._transforms is not None:
            self._transforms.close()
            self._transforms = None
        if self.worker is not None:
            self.worker.stop()
            self.worker = None

    # Input and reports.

    def listen_to_intrinsics(self, received: Callable[[Pinhole], None]) -> None:
        """Deliver the intrinsics of the first camera, as its images are used, until ``stop``."""
        rectified = self.value('rectify')
        self.listening.append(
            IntrinsicsInput(self, self.cameras[0], received, self.fail, rectified=rectified)
        )

    def describer(self) -> Describer:
        """Return the network that the parameters name; kept over a cleanup, since loading is slow.

        Raises:
            ModelError: Unknown network, or weights that are missing or damaged.
        """
        names = ('model', 'weights', 'device', 'threads', 'precision', 'backend')
        key = tuple(self.value(name) for name in names)
        if key not in self._describers:
            model, weights, device, threads, precision, backend = key
            self._describers = {
                key: Describer(
                    model,
                    device=device,
                    weights=weights or None,
                    threads=threads or None,
                    precision=precision,
                    backend=backend,
                )
            }
        return self._describers[key]

    def map_path(self) -> Path:
        """Return the file of the map that the parameters name."""
        return self._path_of_map(self.value('map_path'))

    @staticmethod
    def _path_of_map(value: str) -> Path:
        if value:
            return Path(value).expanduser()
        home = Path(os.environ.get('ROS_HOME') or Path.home() / '.ros')
        return home / 'vpr' / 'map.vprmap'

    def map_folder(self) -> MapFolder:
        """Return where maps may lie that a service or a changed parameter names."""
        if self._map_folder is None:
            msg = 'a node without a map has no folder for maps'
            raise ValueError(msg)
        return self._map_folder

    def set_map_path(self, path: Path) -> None:
        """Make the parameter say what map is in use."""
        self.set_parameters([RosParameter('map_path', value=str(path))])

    def fail(self, error: Exception) -> None:
        """Report what could not be used, and go on; the same complaint only now and then."""
        self.refused += 1
        now, text = time.monotonic(), f'{type(error).__name__}: {error}'
        if now - self._complaints.get(text, -REPEAT) < REPEAT:
            return
        if len(self._complaints) >= _COMPLAINTS:
            self._complaints.clear()
        self._complaints[text] = now
        if isinstance(error, VprError):
            self.get_logger().warning(f'left out: {error}')
        else:
            trace = ''.join(traceback.format_exception(error))
            self.get_logger().error(f'unforeseen error, please report it: {trace}')

    def readable(self, frames: Sequence[Frame]) -> list[Frame]:
        """Return the frames that can be decoded, and report the others."""
        return [frame for frame in frames if self.attempt(getattr, frame, 'rgb')]

    def attempt(self, do: Callable[..., object], *arguments: object) -> bool:
        """Do something with one of several frames; where it fails, report it and return False."""
        try:
            do(*arguments)
        except Exception as error:  # noqa: BLE001  the other cameras' frames may be good
            self.fail(error)
            return False
        return True

    def _on_image(self, frame: Frame) -> None:
        if self._transforms is not None and frame.camera not in self.mounts:
            self._learn_mount(self._transforms, frame)
        if self.rate.passes(frame, self.value('max_rate')):
            self.on_frame(frame)

    def _learn_mount(self, transforms: Transforms, frame: Frame) -> None:
        """Ask tf where a camera sits; cameras are fixed, so that once is enough."""
        if (mount := transforms.mount_of(frame)) is None:
            return
        self.mounts[frame.camera] = mount
        if len(self.mounts) == len(self.cameras):
            transforms.close()

    @property
    def received(self) -> int:
        """Images that have come since the node was activated."""
        return sum(images.health.messages for images in self._images)

    @property
    def silent(self) -> float:
        """Seconds since the last image of any camera, or since the node was activated."""
        return min((images.health.silent for images in self._images), default=0.0)

    def inputs(self) -> list[InputHealth]:
        """Return how everything that the node listens to is doing."""
        return [health for images in self._images for health in images.inputs]

    def tick(self) -> None:
        """Do what is due every second."""

    def _tick(self) -> None:
        for health in self.inputs():
            if news := health.news():
                self.get_logger().warning(news)
        self.tick()
        if self.worker is not None:
            self._publish_diagnostics(self.worker)

    def _publish_diagnostics(self, worker: NewestWorker[Item]) -> None:
        inputs = self.inputs()
        faults = [fault for health in inputs if (fault := health.fault())]
        values = {
            'images received': str(self.received),
            'images processed': str(worker.processed),
            'images processed [Hz]': f'{self._processed_rate.read(worker.processed):.1f}',
            'images dropped for newer ones': str(worker.dropped),
            'images dropped by max_rate': str(self.rate.held),
            'messages refused': str(self.refused),
            'model': self.value('model'),
            'device': ', '.join(str(one.device) for one in self._describers.values()),
            **self.report(),
            **self.times.report(),
        }
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if faults else DiagnosticStatus.OK,
            name=f'{self.get_fully_qualified_name()}: place recognition',
            message='; '.join(faults) or 'running',
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status, *(health.status() for health in inputs)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def decision_config(node: VprNode[Any]) -> DecisionConfig:
    """Return when a candidate is believed, by the present values of the parameters."""
    return DecisionConfig(
        **{field.name: node.value(field.name) for field in dataclasses.fields(DecisionConfig)}
    )


class _ToRos(logging.Handler):
    """Forwards the log of the ROS-free packages to the node's."""

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__(logging.INFO)
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


def _leave() -> NoReturn:
    """End the process without taking its libraries down, which can take seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _leave_at_last(node: VprNode[Any]) -> None:
    """End the process soon, whatever a slow network, merge or middleware is still doing.

    Nothing is lost: every place is on the disk once it is added, and what is unfinished leaves the
    map as it was.
    """

    def leave() -> None:
        node.get_logger().warning('leaving without waiting for the work in progress')
        _leave()

    timer = threading.Timer(_PATIENCE, leave)
    timer.daemon = True
    timer.start()


def run(node_class: Callable[[], VprNode[Any]]) -> int:
    """Run a node until SIGINT or SIGTERM; return the exit status of the process.

    With the parameter ``autostart`` the node configures and activates itself, and tries again
    every few seconds where that fails: a file system may not be mounted yet.
    """
    # Our own handlers: rclpy's would shut the context down under the worker's feet.
    stop = False

    def request_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGINT, request_stop)
    signal.signal(signal.SIGTERM, request_stop)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    # An image that has come need not wait until the thread that took it is done with the executor.
    sys.setswitchinterval(_SWITCH)
    try:
        node = node_class()
    except InvalidParameterValueException as error:
        rclpy.logging.get_logger('vpr_ros').fatal(str(error))
        rclpy.shutdown()
        return 2
    logging.getLogger('vpr_ros').addHandler(_ToRos(node))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    next_attempt = time.monotonic() if node.value('autostart') else float('inf')
    while not stop:
        if time.monotonic() >= next_attempt:
            next_attempt = float('inf') if node.start() else time.monotonic() + _RETRY
        try:
            executor.spin_once(timeout_sec=0.1)
        except Exception as error:  # noqa: BLE001  a node survives any message
            node.fail(error)
    _leave_at_last(node)
    with contextlib.suppress(rclpy_implementation.RCLError):  # somebody else has shut it down
        node.trigger_shutdown()
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()
    _leave()
