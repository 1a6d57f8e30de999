# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make the virtual environment that holds the ROS wheels a ROS installation like any other.

Run by the environment's own Python after the wheels are installed; harmless when run again.

* The wheels' CMake files name the Python and numpy headers of the machine they were built on, and
  CMake refuses folders that do not exist: they get this environment's own.
* The wheels bring no ``local_setup`` scripts: with them colcon knows the environment as an
  underlay, and ``source install/setup.bash`` alone sets everything up, as on a robot.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

_FOREIGN_INCLUDE = re.compile(r'/opt/python/[^;"]*/include(?:/python[0-9.]+)?(?=[;"])')

_LOCAL_SETUP = """\
# Puts the ROS packages of this virtual environment on the search paths; works in sh, bash and zsh.
_vpr_ros_prepend() {{
  eval "_vpr_ros_paths=\\${{$1-}}"
  case ":$_vpr_ros_paths:" in
    *":$2:"*) ;;
    *) export "$1=$2${{_vpr_ros_paths:+:$_vpr_ros_paths}}" ;;
  esac
}}
_vpr_ros_prepend AMENT_PREFIX_PATH '{prefix}'
_vpr_ros_prepend CMAKE_PREFIX_PATH '{prefix}'
_vpr_ros_prepend LD_LIBRARY_PATH '{prefix}/lib'
_vpr_ros_prepend PATH '{prefix}/bin'
unset _vpr_ros_paths
unset -f _vpr_ros_prepend
"""


def correct_include_folders(prefix: Path, python_include: str, numpy_include: str) -> int:
    """Put existing header folders into the exported CMake files; return how many changed."""
    changed = 0
    for path in prefix.glob('share/*/cmake/*Export.cmake'):
        text = path.read_text(encoding='utf-8')
        corrected = _FOREIGN_INCLUDE.sub(
            lambda found: numpy_include if 'numpy' in found[0] else python_include, text
        )
        if corrected != text:
            path.write_text(corrected, encoding='utf-8')
            changed += 1
    return changed


def write_local_setup(prefix: Path) -> None:
    """Write the scripts that colcon's setup files source for an underlay."""
    for shell in ('sh', 'bash', 'zsh'):
        script = prefix / f'local_setup.{shell}'
        script.write_text(_LOCAL_SETUP.format(prefix=prefix), encoding='utf-8')


def main() -> int:
    """Adapt the environment this Python belongs to."""
    prefix = Path(sys.prefix)
    python_include = sysconfig.get_path('include')
    if not Path(python_include, 'Python.h').is_file():
        version = f'{sys.version_info.major}.{sys.version_info.minor}'
        print(
            f'Missing: the headers of Python {version}. Install them:'
            f' sudo apt install python{version}-dev',
            file=sys.stderr,
        )
        return 1
    correct_include_folders(prefix, python_include, np.get_include())
    write_local_setup(prefix)
    return 0


if __name__ == '__main__':
    sys.exit(main())
