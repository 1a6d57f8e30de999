#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make docs/licences.md from the metadata of the packages that pyproject.toml requires.

With --check nothing is written; the exit status says whether every required package that is
installed is listed under a licence that it states. Other versions may state it in other words,
and require other packages in turn.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with pytest there

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / 'docs' / 'licences.md'
HEAD = """\
# Licences of what the package needs

Made by `scripts/licences.py` from the metadata of the packages. Nothing of them is copied
into this repository but the weights of [XFeat](https://github.com/verlab/accelerated_features),
in another form and under Apache-2.0: see `vpr_ros/models/weights/xfeat.md`. ROS packages come with
the distribution, under Apache-2.0 or BSD licences; published weights have licences of their own,
which `vpr weights list` shows.
"""
NOT_STATED = 'not stated'
_NAMES = {
    'Apache Software License': 'Apache-2.0',
    'BSD License': 'BSD',
    'GNU Lesser General Public License v3 (LGPLv3)': 'LGPL-3.0',
    'ISC License (ISCL)': 'ISC',
    'MIT License': 'MIT',
    'Mozilla Public License 2.0 (MPL 2.0)': 'MPL-2.0',
    'Python Software Foundation License': 'PSF-2.0',
}
"""Short forms of what classifiers call licences."""


def required() -> dict[str, list[str]]:
    """Return the requirements of pyproject.toml by their purpose."""
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text('utf-8'))['project']
    extras = project['optional-dependencies']
    return {
        'Always': project['dependencies'],
        **{f"For `pip install 'vpr_ros[{extra}]'`": names for extra, names in extras.items()},
    }


def licence(package: Distribution) -> str:
    """Return the licence that an installed package states, as short as it does."""
    metadata = package.metadata
    if expression := metadata.get('License-Expression'):
        return str(expression)
    classifiers = metadata.get_all('Classifier') or []
    found = [one.split(' :: ')[-1] for one in classifiers if one.startswith('License ::')]
    found = [_NAMES.get(one, one) for one in found if one != 'OSI Approved']
    text = (metadata.get('License') or '').strip().splitlines()
    return ', '.join(found) or (text[0] if text and text != ['UNKNOWN'] else NOT_STATED)


def needed_by(name: str, seen: set[str]) -> list[Distribution]:
    """Return an installed package and all it requires here that was not seen yet."""
    key = canonicalize_name(name)
    if key in seen:
        return []
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return []
    seen.add(key)
    found = [package]
    for text in package.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({'extra': ''}):
            found += needed_by(requirement.name, seen)
    return found


def families(stated: str) -> set[str]:
    """Return the kinds of licences named in a text, such as BSD for BSD-3-Clause."""
    return set(re.findall(rf'Apache|BSD|BSL|CC0|ISC|LGPL|MIT|MPL|PSF|Zlib|{NOT_STATED}', stated))


def table() -> str:
    """Return the whole document."""
    seen: set[str] = set()
    parts = [HEAD]
    for purpose, names in required().items():
        direct = {canonicalize_name(Requirement(text).name) for text in names}
        packages = [p for text in names for p in needed_by(Requirement(text).name, seen)]
        if not packages:
            continue
        parts.append(f'\n## {purpose}\n\n| package | licence | |\n|---|---|---|\n')
        packages.sort(key=lambda p: (canonicalize_name(p.name) not in direct, p.name.lower()))
        for package in packages:
            indirect = '' if canonicalize_name(package.name) in direct else 'required by these'
            parts.append(f'| {package.name} | {licence(package)} | {indirect} |\n')
    return ''.join(parts)


def stale() -> list[str]:
    """Return the required packages that the document lacks or gives a wrong licence."""
    rows = re.findall(r'^\| (\S+) \| (.+?) \|', FILE.read_text('utf-8'), re.MULTILINE)
    listed = {canonicalize_name(name): stated for name, stated in rows}
    wrong = []
    for names in required().values():
        for text in names:
            name = Requirement(text).name
            known = families(listed.get(canonicalize_name(name), ''))
            try:
                right = known & families(licence(distribution(name)))
            except PackageNotFoundError:
                right = known
            if not right:
                wrong.append(name)
    return wrong


def main() -> int:
    """Write the document, or only check it."""
    if '--check' not in sys.argv[1:]:
        FILE.write_text(table(), 'utf-8')
        return 0
    wrong = stale()
    for name in wrong:
        print(f'docs/licences.md is wrong about {name}: run scripts/licences.py')
    return int(bool(wrong))


if __name__ == '__main__':
    sys.exit(main())
