# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sound messages of each type that nodes hear, to be spoilt."""

import numpy as np
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from node_samples import message, picture
from sensor_msgs.msg import CameraInfo, CompressedImage, NavSatFix

from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail


def stamped(sound, seconds=1, frame='map'):
    sound.header.stamp.sec, sound.header.frame_id = seconds, frame
    return sound


def camera_info():
    info = CameraInfo(
        width=64, height=48, distortion_model='plumb_bob', d=[0.1, 0.0, 0.0, 0.0, 0.0]
    )
    info.k[:] = [50.0, 0, 32, 0, 50, 24, 0, 0, 1]
    info.r[:] = np.eye(3).ravel()
    info.p[:] = [50.0, 0, 32, 0, 0, 50, 24, 0, 0, 0, 1, 0]
    return stamped(info, frame='camera')


def pose(seconds=1, x=0.0):
    sound = stamped(PoseStamped(), seconds)
    sound.pose.position.x, sound.pose.orientation.w = x, 1.0
    return sound


def pose_with_covariance(kind, seconds=1, x=0.0):
    sound = stamped(kind(), seconds, 'odom')
    sound.pose.pose.position.x, sound.pose.pose.orientation.w = x, 1.0
    sound.pose.covariance[:] = (np.eye(6) * 0.01).ravel()
    return sound


def fix(seconds=1):
    sound = stamped(NavSatFix(latitude=48.0, longitude=11.0, altitude=500.0), seconds, 'gps')
    sound.status.status = 0
    sound.position_covariance[:] = np.eye(3).ravel()
    sound.position_covariance_type = NavSatFix.COVARIANCE_TYPE_KNOWN
    return sound


def transform(parent, child, seconds=1):
    sound = stamped(TransformStamped(child_frame_id=child), seconds, parent)
    sound.transform.rotation.w = 1.0
    return sound


def compressed(seed=0, seconds=1):
    return stamped(
        CompressedImage(format='jpeg', data=encode_thumbnail(picture(seed), 64)), seconds
    )


def image(seed=0, seconds=1):
    return message(picture(seed), seconds)


POSES = {
    'odometry': pose_with_covariance(Odometry),
    'pose': pose(),
    'pose_with_covariance': pose_with_covariance(PoseWithCovarianceStamped),
    'fix': fix(),
}
"""By the names of pose formats."""
