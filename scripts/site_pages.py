# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pages of the documentation site that are made when it is built (hooks of mkdocs).

The start page is the README; messages, services and commands come from their definitions.
"""

from __future__ import annotations

import html
import importlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from vpr_ros.cli.main import PARTS  # noqa: E402

# Pages of the site that are files elsewhere in the repository.
ELSEWHERE = {
    'index.md': 'README.md',
    'd2vpr-nano.md': 'vpr_ros/models/weights/d2vpr-nano.md',
    'pose_graph.md': 'examples/pose_graph/README.md',
}
_LINK = re.compile(r'(\]\()([^)#:\s]+)((?:#[^)]*)?\))')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {page: (ROOT / source).read_text('utf-8') for page, source in ELSEWHERE.items()}
    pages['reference/messages.md'] = messages()
    pages['reference/commands.md'] = commands()
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: object) -> str:
    """Turn links that are right in the repository into links of the site."""
    source = ROOT / ELSEWHERE.get(page.file.src_uri, f'docs/{page.file.src_uri}')
    here = (ROOT / 'docs' / page.file.src_uri).parent
    pages = {ROOT / file: ROOT / 'docs' / name for name, file in ELSEWHERE.items()}

    def link(match: re.Match[str]) -> str:
        target = (source.parent / match[2]).resolve()
        target = pages.get(target, target)
        if not target.is_relative_to(ROOT / 'docs'):
            return match[0]
        up = len(here.relative_to(ROOT / 'docs').parts)
        return match[1] + '../' * up + target.relative_to(ROOT / 'docs').as_posix() + match[3]

    return _LINK.sub(link, markdown)


def messages() -> str:
    """Return the page of all messages and services, from the comments of their files."""
    lines = ['# Messages and services', '', 'Made from the files in `msg/` and `srv/`.']
    for kind in ('msg', 'srv'):
        for path in sorted((ROOT / kind).glob(f'*.{kind}')):
            text = re.sub(r'^# SPDX.*\n', '', path.read_text('utf-8'), flags=re.MULTILINE).strip()
            lines += ['', f'## vpr_ros/{kind}/{path.stem}', '', '```text', text, '```']
    return '\n'.join(lines) + '\n'


def commands() -> str:
    """Return the page of all commands with their arguments and options."""
    lines = ['# Command line', '', 'Made from the help of the commands: `vpr COMMAND --help`.']
    for name, command in every_command():
        help_text = (command.help or '').split('\f')[0].replace('\b\n', '').strip()
        lines += ['', f'## {name}', '', html.escape(help_text, quote=False), '']
        rows = [row for parameter in command.params if (row := _row(parameter))]
        if rows:
            lines += ['| argument or option | default | meaning |', '|---|---|---|', *rows]
    return '\n'.join(lines) + '\n'


def every_command() -> Iterator[tuple[str, Any]]:
    """Yield the full name and the click command of every command."""
    for name, part in PARTS.items():
        module, _, attribute = part.target.partition(':')
        loaded = getattr(importlib.import_module(module), attribute)
        if not isinstance(loaded, typer.Typer):
            application = typer.Typer(add_completion=False)
            application.command(name)(loaded)
            loaded = application
        yield from _leaves(f'vpr {name}', typer.main.get_command(loaded))


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield the commands below one command, or itself."""
    below = getattr(command, 'commands', None)
    if below is None:
        yield name, command
        return
    for word, inner in below.items():
        yield from _leaves(f'{name} {word}', inner)


def _row(parameter: Any) -> str:
    """Return the row of a table for an argument or an option; nothing for a hidden one."""
    if getattr(parameter, 'hidden', False) or parameter.name in ('help', 'install_completion'):
        return ''
    argument = parameter.param_type_name == 'argument'
    shown = (parameter.metavar or parameter.name.upper()).strip('{}')
    names = [shown] if argument else [*parameter.opts, *parameter.secondary_opts]
    default = parameter.default
    nothing = default is None or default is False or default in ((), [], '')
    if callable(default) or nothing or 'UNSET' in repr(default):
        default = ''
    default = getattr(default, 'value', default)
    meaning = html.escape(getattr(parameter, 'help', None) or '', quote=False)
    meaning = ' '.join(meaning.split()).replace('|', '\\|')
    shown = ', '.join(f'`{name}`' for name in names)
    needed = 'required' if parameter.required else default
    return f'| {shown} | {needed} | {meaning} |'
