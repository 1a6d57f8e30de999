# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing that is read from a file or the network may run code; what is required is known."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vpr_ros.nodes.parameters import NODES

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(ROOT.glob('vpr_ros/**/*.py'))
POLICY = ROOT / 'config' / 'sros2' / 'policy.xml'

FORBIDDEN = {
    r'\bpickle\b(?!d)': 'pickle runs code',
    r'\b(yaml\.\w*load|json\.loads?)\(': 'YAML and JSON are read within the limits of documents',
    r'(?<![\w.])(eval|exec|compile)\(': 'text is never run',
    r'\bos\.system\(|shell=True': 'no shell',
    r'allow_pickle=True': 'no pickled arrays',
    r'enable_load_extension': 'no extensions of SQLite',
}


@pytest.mark.parametrize(('pattern', 'why'), FORBIDDEN.items(), ids=FORBIDDEN.values())
def test_nothing_that_is_read_can_run(pattern, why):
    found = [
        f'{path.relative_to(ROOT)}: {line.strip()}'
        for path in SOURCES
        if path.name != 'documents.py'
        for line in path.read_text('utf-8').splitlines()
        if re.search(pattern, line.partition('#')[0]) and '"""' not in line
    ]
    assert found == [], why


def test_torch_loads_weights_only():
    for path in SOURCES:
        for call in re.findall(r'torch\.load\((.*)\)', path.read_text('utf-8')):
            assert 'weights_only=True' in call, path


def test_every_promise_names_tests_that_exist():
    page = (ROOT / 'docs' / 'security.md').read_text('utf-8')
    promises = [line for line in page.splitlines() if line.startswith('| ') and '`' in line]
    assert len(promises) > 10
    for promise in promises:
        tests = re.findall(r'`(test/[\w/]+\.py)::(test_\w+)`', promise)
        assert tests, promise
        for path, name in tests:
            assert f'\ndef {name}(' in (ROOT / path).read_text('utf-8'), f'{path}::{name}'


def test_every_file_of_hostile_tests_is_named_by_a_promise():
    page = (ROOT / 'docs' / 'security.md').read_text('utf-8')
    hostile = [
        path for path in ROOT.glob('test/**/test_*.py') if 'mark.hostile' in path.read_text()
    ]
    assert len(hostile) > 5
    unnamed = [path.name for path in hostile if f'/{path.name}::' not in page]
    assert unnamed in ([], [Path(__file__).name])


def test_security_rules_of_the_linter_are_on():
    rules = re.search(
        r'^select = \[(.*?)\]', (ROOT / 'pyproject.toml').read_text('utf-8'), re.M | re.S
    )
    assert '"S"' in rules[1]


def test_list_of_licences_is_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / 'scripts' / 'licences.py', '--check'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_policy_covers_every_node_and_all_it_says_and_hears():
    root = ElementTree.parse(POLICY).getroot()
    profiles = {profile.get('node'): profile for profile in root.iter('profile')}
    assert set(profiles) == set(NODES)
    code = '\n'.join(path.read_text('utf-8') for path in ROOT.glob('vpr_ros/nodes/*.py'))
    made = set(re.findall(r"'(~/\w+)'", code))
    made |= {f'~/{name}' for name in re.findall(r"serve\(\w+, \w+, '(\w+)'", code)}
    granted = {
        entry.text.strip()
        for profile in profiles.values()
        for entry in profile.iter()
        if entry.tag in ('topic', 'service')
    }
    assert made <= granted


def test_audit_says_what_it_needs_where_there_is_no_network(tmp_path):
    environment = {'PATH': '/usr/bin:/bin', 'https_proxy': 'http://127.0.0.1:9', 'HOME': '/tmp'}
    environment |= {'PIP_INDEX_URL': 'https://127.0.0.1:9', 'PIP_RETRIES': '0'}
    done = subprocess.run(
        [ROOT / 'scripts' / 'audit.sh', tmp_path],
        env={**environment, 'PYTHON': sys.executable, 'PIP_CONFIG_FILE': '/dev/null'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'needs the internet' in done.stderr
