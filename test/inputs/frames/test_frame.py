# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import ImageFile


def test_a_file_that_cannot_be_read_or_decoded_is_named(tmp_path):
    broken = tmp_path / 'broken.png'
    broken.write_bytes(b'broken')
    with pytest.raises(ImageError, match=r'none\.jpg: it cannot be read: No such file'):
        _ = ImageFile(tmp_path / 'none.jpg').rgb
    with pytest.raises(ImageError, match=r'broken\.png: '):
        _ = ImageFile(broken).rgb
