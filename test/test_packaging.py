# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The four ways to install agree: package.xml, CMakeLists.txt, pyproject.toml and requirements."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from email.parser import HeaderParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import vpr_ros
from vpr_ros.search import kernels

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(ROOT.glob('vpr_ros/**/*.py'))

ROS_PACKAGES = {
    'ament_index_python',
    'builtin_interfaces',
    'cv_bridge',
    'diagnostic_msgs',
    'geometry_msgs',
    'launch',
    'launch_ros',
    'lifecycle_msgs',
    'nav_msgs',
    'rcl_interfaces',
    'rclpy',
    'rosgraph_msgs',
    'sensor_msgs',
    'std_msgs',
    'std_srvs',
    'tf2_msgs',
    'tf2_ros',
    'visualization_msgs',
}

WITH_ROS = (
    'vpr_ros.nodes',
    'vpr_ros.msg',
    'vpr_ros.srv',
    'vpr_ros.bench.answer_recorder',
    'vpr_ros.bench.bag_player',
    'vpr_ros.bench.demonstration',
    'vpr_ros.bench.node_bench',
    'vpr_ros.bench.node_process',
)
"""Modules that may import ROS, by the beginnings of their names."""

DISTRIBUTIONS = {
    'PIL': 'Pillow',
    'cv2': 'opencv-python-headless',
    'faiss': 'faiss-cpu',
    'jinja2': 'Jinja2',
    'rerun': 'rerun-sdk',
    'yaml': 'PyYAML',
}
"""Names on the registry of what is imported by another name."""

ROSDEP_KEYS = {
    'faiss-cpu': 'python3-faiss',
    'gtsam': None,
    'jinja2': 'python3-jinja2',
    'markupsafe': 'python3-jinja2',  # which depends on it
    'matplotlib': 'python3-matplotlib',
    'lz4': 'python3-lz4',
    'numpy': 'python3-numpy',
    'opencv-python-headless': 'python3-opencv',
    'pillow': 'python3-pil',
    'pyproj': 'python3-pyproj',
    'pyyaml': 'python3-yaml',
    'rich': 'python3-rich',
    'rosbags': 'python3-rosbags-pip',
    'safetensors': None,
    'scipy': 'python3-scipy',
    'threadpoolctl': None,
    'torch': 'python3-torch',
    'typer': 'python3-typer',
}
"""The rosdep key of each requirement, those of eval and import included; None if there is none."""


def imported(path: Path) -> set[str]:
    """Return the top names of the modules that a file imports at run time, wherever in it.

    Names given to `import_module` count, as they stand or as constants of the module.
    """
    names = set()
    tree = ast.parse(path.read_text('utf-8'))
    constants = {
        ast.unparse(node.targets[0]): node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        for_types_only = isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'
        nodes += node.orelse if for_types_only else ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith('import_module'):
            (given,) = node.args
            name = given.value if isinstance(given, ast.Constant) else None
            names.add(name or constants.get(ast.unparse(given), 'vpr_ros'))
    return {name.partition('.')[0] for name in names}


@pytest.fixture(scope='module')
def manifest():
    return ElementTree.parse(ROOT / 'package.xml').getroot()


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """Install the package with pip from a copy, without network, and return the folder."""
    folder = tmp_path_factory.mktemp('pip')
    source = folder / 'source'
    source.mkdir()
    for name in ('setup.py', 'pyproject.toml', 'LICENSE', 'README.md'):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / 'vpr_ros', source / 'vpr_ros', ignore=shutil.ignore_patterns('__pycache__')
    )
    target = folder / 'target'
    done = subprocess.run(
        [
            *(sys.executable, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'),
            *('--no-deps', '--no-index', '--no-build-isolation', '--target', target, source),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope='module')
def metadata(installed):
    (file,) = installed.glob('vpr_ros-*.dist-info/METADATA')
    return HeaderParser().parsestr(file.read_text('utf-8'))


@pytest.fixture(scope='module')
def requirements(metadata):
    """What the pip package requires: canonical name to requirement, without and with extras."""
    found = [Requirement(text) for text in metadata.get_all('Requires-Dist')]
    return {canonicalize_name(one.name): one for one in found}


def pinned(file: str) -> dict[str, list[Requirement]]:
    """Read a requirements file: canonical name to its lines."""
    lines = (ROOT / 'requirements' / file).read_text('utf-8').splitlines()
    found: dict[str, list[Requirement]] = {}
    for line in lines:
        if line and not line.startswith('#'):
            one = Requirement(line)
            found.setdefault(canonicalize_name(one.name), []).append(one)
    return found


def test_pip_installs_every_file_of_the_package(installed):
    def contents(folder):
        return {
            path.relative_to(folder)
            for path in (folder / 'vpr_ros').rglob('*')
            if path.is_file() and path.suffix != '.pyc'
        }

    assert contents(installed) == contents(ROOT)
    assert (installed / 'bin/vpr').is_file()


def test_weights_in_the_package_take_at_most_8_megabytes():
    weights = [path.stat().st_size for path in ROOT.glob('vpr_ros/models/weights/*.safetensors')]
    assert len(weights) >= 3
    assert sum(weights) <= 8_000_000


def test_every_folder_of_modules_is_a_package():
    assert [path.parent for path in SOURCES if not (path.parent / '__init__.py').exists()] == []


def test_one_version_everywhere(manifest, metadata):
    assert manifest.findtext('version') == vpr_ros.__version__
    assert metadata['Version'] == vpr_ros.__version__
    changes = (ROOT / 'CHANGELOG.rst').read_text('utf-8')
    assert 'Forthcoming' in changes or f'\n{vpr_ros.__version__} (' in changes


def test_one_licence_everywhere(manifest, metadata):
    assert manifest.findtext('license') == 'Apache-2.0'
    assert 'Apache-2.0' in (metadata['License'] or metadata['License-Expression'])
    assert 'Apache License' in (ROOT / 'LICENSE').read_text('utf-8')


def test_every_file_names_its_licence():
    suffixes = {'.py', '.c', '.sh', '.msg', '.srv', '.in', '.j2', '.txt'}
    folders = ['vpr_ros', 'src', 'test', 'launch', 'scripts', 'msg', 'srv', 'requirements']
    files = [path for folder in folders for path in (ROOT / folder).rglob('*')]
    files = [path for path in files if path.suffix in suffixes]
    files += [ROOT / name for name in ('setup.py', 'Makefile', 'CMakeLists.txt', 'package.xml')]
    # What lies in test/data is taken over from elsewhere.
    lacking = [
        str(path.relative_to(ROOT))
        for path in files
        if not path.is_relative_to(ROOT / 'test/data')
        and 'SPDX-License-Identifier: Apache-2.0' not in path.read_text('utf-8')[:500]
    ]
    assert lacking == []


def test_only_nodes_and_what_measures_them_import_ros():
    offenders = {
        name: found
        for path in SOURCES
        if not (name := '.'.join(path.relative_to(ROOT).with_suffix('').parts)).startswith(
            WITH_ROS
        )
        if (found := imported(path) & ROS_PACKAGES)
    }
    # It prefers cv_bridge where that is installed.
    assert offenders == {'vpr_ros.inputs.frames.decoder_choice': {'cv_bridge'}}


def test_ros_packages_that_are_imported_are_declared(manifest):
    declared = {element.text for element in manifest if element.tag.endswith('depend')}
    files = [*SOURCES, *ROOT.glob('launch/*.py')]
    used = set().union(*(imported(path) for path in files)) & ROS_PACKAGES
    assert used <= declared


def test_python_packages_that_are_imported_are_declared(requirements):
    used = set().union(*(imported(path) for path in SOURCES))
    used -= set(sys.stdlib_module_names) | ROS_PACKAGES | {'vpr_ros', '__future__'}
    undeclared = {
        name
        for name in used
        if canonicalize_name(DISTRIBUTIONS.get(name, name)) not in requirements
    }
    assert undeclared == set()


def test_rosdep_keys_cover_what_pip_requires(manifest, metadata):
    declared = {element.text for element in manifest.iter('exec_depend')}
    required = {
        canonicalize_name(one.name)
        for one in map(Requirement, metadata.get_all('Requires-Dist'))
        if 'extra' not in str(one.marker) or re.search('(eval|import)', str(one.marker))
    }
    assert required == set(ROSDEP_KEYS)
    assert {key for key in ROSDEP_KEYS.values() if key} <= declared


def test_pins_satisfy_what_pip_requires(requirements):
    pins = pinned('python.txt')
    torch = re.search(r'^TORCH \?= (.+)$', (ROOT / 'Makefile').read_text('utf-8'), re.MULTILINE)
    pins['torch'] = [Requirement(torch[1])]
    needed = [one for one in requirements.values() if one.marker is None or 'eval' in str(one)]
    for one in needed:
        for pin in pins[canonicalize_name(one.name)]:
            (version,) = (specifier.version for specifier in pin.specifier)
            assert one.specifier.contains(version), f'{pin} against {one}'


def test_requirements_on_a_robot_cover_what_pip_requires(requirements):
    listed = pinned('python-on-ros.txt')
    needed = {
        name for name, one in requirements.items() if one.marker is None or 'eval' in str(one)
    }
    # torch is named in the Makefile; OpenCV comes with the distribution.
    assert needed - {'torch', 'opencv-python-headless'} <= set(listed)


def test_cmake_finds_what_package_xml_declares(manifest):
    cmake = (ROOT / 'CMakeLists.txt').read_text('utf-8')
    found = set(re.findall(r'^find_package\((\w+) REQUIRED\)', cmake, re.MULTILINE))
    tags = ('buildtool_depend', 'depend')
    assert found == {element.text for tag in tags for element in manifest.findall(tag)}


def test_core_imports_where_ros_is_absent():
    code = f"""
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {ROS_PACKAGES!r} or name in ('vpr_ros.msg', 'vpr_ros.srv'):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
import vpr_ros
from vpr_ros.search import kernels
for module in pkgutil.walk_packages(vpr_ros.__path__, 'vpr_ros.'):
    if not module.name.startswith({WITH_ROS!r}):
        if 's__rosidl' not in module.name and not module.name.startswith('vpr_ros.vpr_ros_s'):
            importlib.import_module(module.name)
"""
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.ros
def test_tests_import_the_built_package():
    index = pytest.importorskip('ament_index_python', reason='ROS 2 is not there')
    try:
        prefix = index.get_package_prefix('vpr_ros')
    except index.PackageNotFoundError:
        pytest.skip('the package is not built: make build, then source install/setup.bash')
    assert Path(vpr_ros.__file__).is_relative_to(prefix)
    assert kernels.LIBRARY.exists()


def adapter():
    """Load the script that adapts the ROS wheels."""
    spec = importlib.util.spec_from_file_location('adapter', ROOT / 'scripts/adapt_ros_wheels.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_foreign_include_folders_are_replaced_once(tmp_path):
    folder = tmp_path / 'share/x_msgs/cmake'
    folder.mkdir(parents=True)
    for name in ('xExport.cmake', 'other.cmake'):
        (folder / name).write_text(
            'INCLUDE "/opt/python/cp312-cp312/include/python3.12;'
            '/opt/python/cp312-cp312/lib/python3.12/site-packages/numpy/_core/include"'
        )
    assert adapter().correct_include_folders(tmp_path, '/py/include', '/np/include') == 1
    assert (folder / 'xExport.cmake').read_text('utf-8') == 'INCLUDE "/py/include;/np/include"'
    assert adapter().correct_include_folders(tmp_path, '/py/include', '/np/include') == 0


@pytest.mark.parametrize('shell', ['sh', 'bash'])
def test_local_setup_prepends_each_path_once(tmp_path, shell):
    adapter().write_local_setup(tmp_path)
    script = tmp_path / f'local_setup.{shell}'
    shown = subprocess.run(
        [shell, '-c', f'. {script}; . {script}; echo "$PATH"; echo "$AMENT_PREFIX_PATH"'],
        env={'PATH': '/usr/bin:/bin'},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == [f'{tmp_path}/bin:/usr/bin:/bin', str(tmp_path)]
    assert not shown.stderr


def check_prerequisites(folder: Path, tools: list[str], **environment: str):
    """Run the check where only some tools exist."""
    folder.mkdir(exist_ok=True)
    for tool in ['sh', 'uname', *tools]:
        (folder / tool).symlink_to(shutil.which(tool))
    (folder / 'python').write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / 'python').chmod(0o755)
    return subprocess.run(
        [ROOT / 'scripts/check_prerequisites.sh'],
        env={'PATH': str(folder), 'PYTHON': 'python', 'ROS_DISTRO': 'jazzy', **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_missing_tool_is_one_line_with_what_to_install(tmp_path):
    done = check_prerequisites(tmp_path / 'bin', ['bash', 'gcc'])
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.split()[1] for line in lines] == ['cmake.', 'g++.']
    assert all('sudo apt install' in line for line in lines)


def test_missing_python_is_named(tmp_path):
    done = check_prerequisites(
        tmp_path / 'bin', ['bash', 'cmake', 'gcc', 'g++'], PYTHON='no-such-python'
    )
    assert done.returncode == 1
    assert 'no-such-python' in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_nothing_is_said_where_nothing_is_missing(tmp_path):
    done = check_prerequisites(tmp_path / 'bin', ['bash', 'cmake', 'gcc', 'g++'])
    assert (done.returncode, done.stderr) == (0, '')


def test_set_up_leaves_a_foreign_environment_alone(tmp_path):
    shutil.copytree(ROOT / 'scripts', tmp_path / 'scripts')
    shutil.copytree(ROOT / 'requirements', tmp_path / 'requirements')
    (tmp_path / '.venv').mkdir()
    (tmp_path / '.venv/precious').touch()
    done = subprocess.run(
        [tmp_path / 'scripts/setup.sh'],
        env={**os.environ, 'PYTHON': sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'not made by this Makefile' in done.stderr
    assert (tmp_path / '.venv/precious').exists()
