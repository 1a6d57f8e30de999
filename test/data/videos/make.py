# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the videos of this folder as phones and browsers do, which OpenCV cannot: needs PyAV.

Each has 20 frames at the times below, is coded with frames that refer to later ones where its
codec can, and shows the number of the frame in squares.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HERE = Path(__file__).parent
TIMES = (0, 33, 66, 100, 133, 500, 533, 566, 1200, 1233, 1300, 1400, 1433, 1466, 2500, 2533, 2566)
TIMES += (2600, 2633, 2700)
"""Milliseconds."""


def picture(number: int) -> np.ndarray:
    rgb = np.random.default_rng(7).integers(60, 200, (6, 10, 3)).repeat(16, 0).repeat(16, 1)
    for bit in range(6):
        rgb[64:96, 16 * bit + 32 : 16 * bit + 48] = 235 if number >> bit & 1 else 20
    rgb[:32, :32] = 235, 20, 20
    return rgb.astype(np.uint8)


def write(name: str, codec: str, options: dict[str, str], turned: int = 0) -> None:
    with av.open(str(HERE / name), 'w') as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, 'yuv420p'
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number, time in enumerate(TIMES):
            frame = av.VideoFrame.from_ndarray(picture(number))
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if turned:  # The matrix in the header, which PyAV does not write.
        data = bytearray((HERE / name).read_bytes())
        at = data.index(b'tkhd') + 44
        turns = {90: (0, 1, -1, 0), 270: (0, -1, 1, 0)}[turned]
        for place, value in zip((0, 4, 12, 16), turns, strict=True):
            data[at + place : at + place + 4] = (value << 16).to_bytes(4, 'big', signed=True)
        (HERE / name).write_bytes(data)


write('phone.mov', 'libx264', {'bf': '3', 'g': '12'}, turned=90)
write('phone.mp4', 'libx265', {'bf': '3', 'g': '12', 'x265-params': 'log-level=0'}, turned=270)
write('recorder.mkv', 'libx264', {'bf': '3', 'g': '12'})
write('browser.webm', 'libvpx-vp9', {'auto-alt-ref': '1', 'lag-in-frames': '8'})
write('screen.mp4', 'libsvtav1', {})
