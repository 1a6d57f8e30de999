# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
# UNTRIED: written without a Docker engine at hand. docker build --build-arg ROS_DISTRO=jazzy -t vpr_ros .
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]

RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-colcon-common-extensions python3-pip python3-venv \
 && rm -rf /var/lib/apt/lists/*

# What pip brings lies in an environment of its own, which sees the packages of the distribution.
# TORCH_INDEX: https://download.pytorch.org/whl/cu126 for NVIDIA GPUs.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python3 -m venv --system-site-packages /opt/vpr \
 && /opt/vpr/bin/pip install --no-cache-dir --index-url ${TORCH_INDEX} 'torch>=2.6' \
 && /opt/vpr/bin/pip install --no-cache-dir faiss-cpu safetensors threadpoolctl 'rosbags>=0.11' 'typer>=0.19' 'numpy>=1.26,<2'

WORKDIR /ws
COPY . src/vpr_ros
RUN apt-get update \
 && rosdep update --rosdistro ${ROS_DISTRO} \
 && rosdep install --from-paths src --ignore-src -y \
      --skip-keys 'python3-torch python3-faiss python3-rosbags-pip python3-hypothesis' \
 && rm -rf /var/lib/apt/lists/* \
 && source /opt/ros/${ROS_DISTRO}/setup.bash \
 && export PATH=/opt/vpr/bin:$PATH \
 && colcon build --cmake-args -DPython3_EXECUTABLE=/opt/vpr/bin/python -DBUILD_TESTING=OFF

# Not root: maps are the only thing that is written, into a folder that is mounted.
RUN useradd --create-home vpr && mkdir /maps && chown vpr /maps
USER vpr
VOLUME /maps
ENV ROS_HOME=/maps
ENTRYPOINT ["/bin/bash", "-c", "source /ws/install/setup.bash && export PATH=/opt/vpr/bin:$PATH && exec \"$@\"", "--"]
CMD ["ros2", "launch", "vpr_ros", "place_recognition.launch.py"]
