# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / 'test'), str(ROOT / 'scripts')]
mkdocs = pytest.importorskip('mkdocs', reason='mkdocs is not installed')
from documented_commands import PAGES, commands_of  # noqa: E402
from site_pages import every_command  # noqa: E402

COMMANDS = dict(every_command())
LOADED = re.compile(r'<(?:script|img|link rel="?stylesheet"?)[^>]*?(?:src|href)="?(https?:[^">]*)')
SHOWN = [
    pytest.param(words, id=f'{page.name}-{" ".join(words)[:60]}')
    for page in PAGES
    for words in commands_of(page.read_text('utf-8'))
]


def command_of(words):
    """Return the name of the command that words begin with; empty where there is none."""
    names = (' '.join(words[:n]) for n in (3, 2))
    return next((name for name in names if name in COMMANDS), '')


def parsed(words):
    """Parse a command without running it."""
    name = command_of(words)
    assert name, f'there is no command {" ".join(words[:3])}'
    COMMANDS[name].make_context(name, words[len(name.split()) :], resilient_parsing=False)


@pytest.mark.parametrize('words', SHOWN)
def test_a_command_that_is_shown_parses(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = ' '.join(words[:3])
    for word in words[1:]:
        # Files that a command wants to exist.
        if not word.startswith(('-', '/')) and ' ' not in word and word not in name.split():
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).touch()
    parsed(words)


def test_a_command_that_does_not_exist_is_found():
    with pytest.raises(AssertionError, match='there is no command'):
        parsed(['vpr', 'train', 'data'])


def test_commands_named_in_the_text_exist():
    # A group may be named alone.
    known = set(COMMANDS) | {name.rsplit(' ', 1)[0] for name in COMMANDS} | {'vpr'}
    known |= {f'vpr {word}' for word in ('COMMAND', '--help')}
    for page in [*PAGES, *sorted((ROOT / 'config').rglob('*.yaml'))]:
        for shown in re.findall(r'`(vpr [a-z][^`|]*)`', page.read_text('utf-8')):
            words = shown.split()
            assert any(' '.join(words[:n]) in known for n in (2, 3)), f'{page.name}: {shown}'
            options = {word.partition('=')[0] for word in words if word.startswith('--')}
            name = next(
                (' '.join(words[:n]) for n in (3, 2) if ' '.join(words[:n]) in COMMANDS), ''
            )
            if name:
                takes = {option for p in COMMANDS[name].params for option in p.opts}
                assert options <= takes | {'--help'}, f'{page.name}: {shown}'


def test_the_architecture_names_files_and_functions_that_exist():
    page = (ROOT / 'docs' / 'architecture.md').read_text('utf-8')
    for path in re.findall(r'`(\w+/[\w./]*)`', page):
        assert (ROOT / 'vpr_ros' / path).exists() or (ROOT / path).exists(), path
    named = re.findall(r'`(\w+(?:\.\w+)?)` \(`([\w/]+(?:\.py)?)`', page)
    assert len(named) > 10
    for name, place in named:
        path = ROOT / 'vpr_ros' / place
        files = [path] if path.is_file() else path.rglob('*.py')
        text = '\n'.join(file.read_text('utf-8') for file in files)
        for part in name.split('.'):
            assert re.search(rf'^ *(?:def|class) {part}\b', text, re.M), f'{name} in {place}'


def test_readme_is_short():
    assert len((ROOT / 'README.md').read_text('utf-8').splitlines()) <= 150


def test_site_builds_without_warnings(tmp_path):
    run = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--quiet', '-d', tmp_path / 'site'],
        cwd=ROOT,
        env=os.environ | {'NO_MKDOCS_2_WARNING': '1'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for page in (tmp_path / 'site').rglob('*.html'):
        loaded = LOADED.findall(page.read_text('utf-8'))
        assert not loaded, f'{page.name} loads {loaded}'
