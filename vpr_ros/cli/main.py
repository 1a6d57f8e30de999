# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ``vpr`` command: finds the part that was asked for, imports that one alone and runs it.

To add a part, write ``vpr_ros/cli/NAME.py`` with either a function with Typer annotations (one
command) or a ``typer.Typer`` (a group of commands), and name it in ``PARTS``. Its help text there
is shown by ``vpr --help``, so that help needs no import of the part.

Errors a user can cause are one line on standard error, and JSON on standard output too where
``--json`` was given. The exit status is 2 for mistakes in the arguments, 130 after an interrupt,
and 1 for everything else.
With ``VPR_DEBUG=1`` in the environment the traceback is shown instead.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.cli.console import UNLIMITED, echo, print_json
from vpr_ros.errors import VprError
from vpr_ros.printable import printable
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130  # of shells, for SIGINT; Typer ends commands with it
_HELP = 'Visual place recognition for ROS 2: tells a robot where it is from its camera image.'
_EPILOG = (
    'Exit status: 0 on success, 2 for mistakes in the arguments, 130 after Ctrl-C, 1 for every'
    ' other failure. With --json failures are JSON too: {"error": {"type", "message"}}.'
)
# The base class of mistakes in the arguments; Typer does not export it.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

_PIP_NAMES = {
    'PIL': 'Pillow',
    'cv2': 'opencv-python-headless',
    'faiss': 'faiss-cpu',
    'yaml': 'PyYAML',
}
_EXTRAS = {'rerun': 'view'}
"""The extra that has a package, whichever command needs it."""
_ROS_PACKAGES = ('rclpy', 'vpr_ros.msg', 'vpr_ros.srv')


@dataclass(frozen=True)
class Part:
    """One entry of ``vpr --help``.

    Attributes:
        target: ``module:attribute`` of a function or a ``typer.Typer``.
        help: One line for ``vpr --help``.
        extra: The extra of the pip package with the requirements of this part, or empty.
    """

    target: str
    help: str
    extra: str = ''


PARTS = {
    'demo': Part(
        'vpr_ros.cli.demo_command:demo',
        'Map a synthetic town by day, localise in it by evening, and show a report.',
        'eval',
    ),
    'map': Part(
        'vpr_ros.cli.map_commands:app', 'Build, inspect, merge, edit and exchange place maps.'
    ),
    'fleet': Part(
        'vpr_ros.cli.fleet_commands:app',
        'Share maps among robots on a PostgreSQL server.',
        'fleet',
    ),
    'query': Part('vpr_ros.cli.query_command:query', 'Find the places that images show in a map.'),
    'view': Part('vpr_ros.cli.view_command:view', 'Look at a map in Rerun, the viewer.', 'view'),
    'explain': Part(
        'vpr_ros.cli.explain_command:explain', 'Draw which parts of an image the network uses.'
    ),
    'evaluate': Part(
        'vpr_ros.cli.evaluate_bag:app',
        'Measure recall, precision and latency of recognition.',
        'eval',
    ),
    'calibrate': Part(
        'vpr_ros.cli.calibrate_command:calibrate',
        'Fit the probabilities of answers to answers whose truth is known.',
        'eval',
    ),
    'weights': Part(
        'vpr_ros.cli.weights_commands:app', 'List, fetch and convert the weights of the networks.'
    ),
    'bench': Part(
        'vpr_ros.cli.bench_commands:app', 'Measure the speed of the parts on this machine.'
    ),
    'export': Part(
        'vpr_ros.cli.export_command:export',
        'Write a network as an ONNX file, checked against torch.',
        'onnx',
    ),
    'train': Part(
        'vpr_ros.cli.train_commands:app',
        'Distil, fine-tune and hash networks by recipes.',
        'train',
    ),
    'bag': Part(
        'vpr_ros.cli.bag_commands:app',
        'Inspect bags, and play them as ROS topics, without rosbag2.',
    ),
    'dataset': Part('vpr_ros.cli.dataset_commands:app', 'Prepare data sets for training.'),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status of a failure.

    Args:
        argv: Arguments without the program's name; those of the process when None.

    Raises:
        SystemExit: The command ended by itself, or its arguments are wrong.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As standard error: a terminal without a character, such as °, is shown its code.
        sys.stdout.reconfigure(errors='backslashreplace')
    debug = os.environ.get('VPR_DEBUG', '0') not in ('', '0')
    log = logging.StreamHandler()
    log.setFormatter(_Harmless('%(levelname)s: %(message)s'))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[log])
    name = next((word for word in arguments if not word.startswith('-')), '')
    as_json = '--json' in arguments
    try:
        status = _application(name)(args=arguments, prog_name='vpr', standalone_mode=False)
    except typer.Abort as error:
        _tell(error, 'stopped', as_json=as_json)
        raise SystemExit(EXIT_FAILURE) from None
    except _UsageError as error:
        raise SystemExit(_refuse(error, as_json=as_json)) from None
    except KeyboardInterrupt as error:  # While a part was imported; Typer takes the others.
        _tell(error, 'stopped', as_json=as_json)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except Exception as error:
        message = _in_words(error, name)
        if debug or not message:
            if as_json:
                _tell_json(error, message or repr(error))
            raise
        _tell(error, message, as_json=as_json)
        return EXIT_FAILURE
    if status == EXIT_INTERRUPTED:
        _tell(KeyboardInterrupt(), 'stopped', as_json=as_json)
    raise SystemExit(status or 0)


class _Harmless(logging.Formatter):
    """Formats records so that what a file put into them controls no terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _tell(error: BaseException, message: str, *, as_json: bool) -> None:
    """Print a failure on standard error, and as JSON where that was asked for."""
    echo(f'vpr: {message}', fg=typer.colors.RED, err=True)
    if as_json:
        _tell_json(error, message)


def _tell_json(error: BaseException, message: str) -> None:
    """Print a failure as JSON."""
    print_json({'error': {'type': type(error).__name__, 'message': message}})


def _in_words(error: Exception, name: str) -> str:
    """Return a failure that the user can mend in words; empty for a fault of this package."""
    if isinstance(error, ModuleNotFoundError):
        return _how_to_get(error, name)
    if isinstance(error, OSError) and error.filename is not None:
        return f'{error.filename}: {error.strerror}'
    return str(error) if isinstance(error, (VprError, OSError)) else ''


def _refuse(error: Any, *, as_json: bool) -> int:
    """Print the mistake in the arguments and the usage; return the exit status."""
    # Typer checks literals with pydantic, which puts these two words before its message.
    message, context = error.format_message().replace('Value error, ', ''), error.ctx
    if type(error).__name__ == 'NoArgsIsHelpError':
        typer.echo(context.get_help())
        return int(error.exit_code)
    if context is not None:
        typer.echo(context.get_usage(), err=True)
        typer.echo(f"Try '{context.command_path} --help' for help.", err=True)
    _tell(error, message, as_json=as_json)
    return int(error.exit_code)


def _how_to_get(error: ModuleNotFoundError, name: str) -> str:
    """Return the remedy for a missing module; empty if the module is one of vpr_ros."""
    missing = error.name or ''
    if missing.startswith(_ROS_PACKAGES):
        return (
            f'`vpr {name}` needs ROS 2 and the built messages ({missing} is not there): source'
            ' the ROS distribution and then install/setup.bash of this workspace.'
        )
    top = missing.partition('.')[0]
    if top in ('', 'vpr_ros'):
        return ''
    extra = _EXTRAS.get(top) or (PARTS[name].extra if name in PARTS else '')
    package = f"'vpr_ros[{extra}]'" if extra else _PIP_NAMES.get(top, top)
    return (
        f'`vpr {name}` needs the Python package {top}, which is not installed:'
        f' pip install {package}'
    )


def _application(wanted: str) -> typer.Typer:
    """Return the command line with one part loaded and only the names of the others."""
    settings: dict[str, Any] = {'help_option_names': ['-h', '--help']}
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        settings['terminal_width'] = UNLIMITED  # programs read whole lines
    application = typer.Typer(
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode='rich' if sys.stdout.isatty() else None,
        context_settings=settings,
    )
    application.callback()(_options)
    completing = '_VPR_COMPLETE' in os.environ
    for name, part in PARTS.items():
        if name == wanted or completing:
            _add(application, name, part)
        else:
            application.command(name, help=part.help)(_not_loaded)
    return application


def _add(application: typer.Typer, name: str, part: Part) -> None:
    """Import a part and put it into the application."""
    module, _, attribute = part.target.partition(':')
    loaded: typer.Typer | Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    if isinstance(loaded, typer.Typer):
        application.add_typer(loaded, name=name, help=part.help)
    else:
        application.command(name)(loaded)


def _not_loaded() -> None:
    """Stand in for a part that was not asked for."""


def _show_version(*, wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(SOFTWARE)
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            '--version', callback=_show_version, is_eager=True, help='Show the version and exit.'
        ),
    ] = False,
) -> None:
    """Take the options that stand before the name of a part."""


if __name__ == '__main__':
    sys.exit(main())
