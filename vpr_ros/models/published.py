# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The weights files that others published: where they are, and by what to know them."""

from __future__ import annotations

from dataclasses import dataclass

from vpr_ros.errors import ModelError

_DINOV2 = 'https://dl.fbaipublicfiles.com/dinov2'
_D2VPR = 'https://github.com/tony19980810/D2VPR'
_CRICAVPR = 'https://github.com/Lu-Feng/CricaVPR'
_SELAVPRPP = 'https://github.com/Lu-Feng/SelaVPRplusplus'
_SELAVPRPP_FILES = (
    'https://huggingface.co/fenglu96/SelaVPRplusplus/resolve/main',
    f'{_SELAVPRPP}/releases/download/SelaVPR%2B%2B',
)


@dataclass(frozen=True)
class Published:
    """One file of weights.

    Attributes:
        name: The model it is for (see `registry.names`), or ``dinov2-vitX14`` for a backbone
            that training starts from.
        file: What its authors call it.
        source: Page of its authors.
        licence: SPDX identifier, or what is known.
        urls: Where it can be downloaded, the same bytes everywhere; empty where only a browser
            gets it.
        page: The page to open in a browser where there are no ``urls``.
        size: About how many bytes.
        sha256: Hex digest; always known where there are ``urls``.
    """

    name: str
    file: str
    source: str
    licence: str
    size: int
    sha256: str = ''
    urls: tuple[str, ...] = ()
    page: str = ''


def _d2vpr(name: str, file: str, key: str, size: int) -> Published:
    page = f'https://drive.google.com/file/d/{key}/view'
    return Published(name, file, _D2VPR, 'not stated', size, page=page)


def _selavprpp(name: str, file: str, size: int, sha256: str) -> Published:
    urls = tuple(f'{folder}/{file}' for folder in _SELAVPRPP_FILES)
    return Published(name, file, _SELAVPRPP, 'MIT', size, sha256, urls)


def _dinov2(kind: str, size: int, sha256: str) -> Published:
    file = f'dinov2_{kind}_pretrain.pth'
    url = f'{_DINOV2}/dinov2_{kind}/{file}'
    source = 'https://github.com/facebookresearch/dinov2'
    return Published(f'dinov2-{kind}', file, source, 'Apache-2.0', size, sha256, (url,))


# The digests are those that Hugging Face states for SelaVPR++, and for the others those on which
# independent users of the files agree.
PUBLISHED = {
    entry.name: entry
    for entry in (
        _d2vpr(
            'd2vpr', 'finetune_no_encoder.pth', '1uh4XZsmRBhPkGuBNTWtjNypoGBd2JWyy', 109_000_000
        ),
        _d2vpr('d2vpr-encoder', 'finetune.pth', '1FwJY2hhuMLh4OJFTr7cMzRM7WrZ2Qb9a', 153_000_000),
        Published(
            'cricavpr',
            'CricaVPR.pth',
            _CRICAVPR,
            'MIT',
            size=562_000_000,
            sha256='e3102d28e07df60b9f82003e96b44feb3debe1827f7d90143180174c3ad8e046',
            urls=(f'{_CRICAVPR}/releases/download/v1.0/CricaVPR.pth',),
        ),
        _selavprpp(
            'selavprpp-base',
            'SelaVPRplusplus_base_rerank.pth',
            513_995_711,
            'da31138202b9a746916588ecd97499a56bae304e61444a50d6f34761377cdcbf',
        ),
        _selavprpp(
            'selavprpp-large',
            'SelaVPRplusplus_large_rerank.pth',
            1_605_319_807,
            'b055346fe0ac14e48689502da2c60113c9dd4018c4fb7a10fbd48d1662e69f8a',
        ),
        _dinov2(
            'vits14',
            88_283_115,
            'b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9',
        ),
        _dinov2(
            'vitb14',
            346_378_731,
            '0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73',
        ),
        _dinov2(
            'vitl14',
            1_217_586_395,
            'd5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428',
        ),
    )
}


def published(name: str) -> Published:
    """Return the published file of a model or backbone.

    Raises:
        ModelError: There is none; the message lists those there are.
    """
    if name not in PUBLISHED:
        msg = f'nobody published weights {name!r}; there are {", ".join(PUBLISHED)}'
        raise ModelError(msg)
    return PUBLISHED[name]
