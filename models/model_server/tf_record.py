"""TFRecord files, read without TensorFlow's Python package: each record between two checksums (CRC-32C, masked)."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from inference_graph.clients.tf_serving_protocol.model_pb2 import Code
from model_server.refusal import Refused

_POLYNOMIAL = 0x82F63B78
_BLOCK = 1024
_MASK = 0xA282EAD8
_ADVICE = ". Please verify your warmup data is in TFRecord format."


def read_records(path: Path) -> Iterator[bytes]:
    """Raises Refused with TensorFlow's text where a record is cut off or its checksum does not hold."""
    with path.open("rb") as file:
        while length := file.read(8):
            at = file.tell() - len(length)
            (size,) = struct.unpack("<Q", _checked(length, 8, file, at))
            left = path.stat().st_size - file.tell()
            yield _checked(file.read(min(size, left)), size, file, at)


def crc32c(data: bytes) -> int:
    """By blocks: a byte of data changes the checksum by what the table holds for the byte and its distance to the block's end."""
    if len(data) < 4:
        return _byte_by_byte(data)
    table = _table()
    begun = bytes(byte ^ 0xFF for byte in data[:4]) + data[4:]
    # Zeros in front change nothing while the state is zero, which it is once the first four bytes carry the initial ones.
    blocks = np.frombuffer(begun.rjust(-(-len(begun) // _BLOCK) * _BLOCK, b"\0"), np.uint8).reshape(-1, _BLOCK)
    state = 0
    for block in blocks:
        found = int(np.bitwise_xor.reduce(table[np.arange(_BLOCK), block]))
        state = found ^ functools.reduce(int.__xor__, (int(table[index, state >> 8 * index & 0xFF]) for index in range(4)))
    return state ^ 0xFFFFFFFF


def _checked(data: bytes, size: int, file: BinaryIO, at: int) -> bytes:
    checksum = file.read(4)
    if len(data) < size or len(checksum) < 4:
        raise Refused(Code.DATA_LOSS, f"truncated record at {at}{_ADVICE}")
    crc = crc32c(data)
    if struct.unpack("<I", checksum)[0] != ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF:
        raise Refused(Code.DATA_LOSS, f"corrupted record at {at}{_ADVICE}")
    return data


def _byte_by_byte(data: bytes) -> int:
    state, last = 0xFFFFFFFF, _table()[-1]
    for byte in data:
        state = state >> 8 ^ int(last[(state ^ byte) & 0xFF])
    return state ^ 0xFFFFFFFF


@functools.cache
def _table() -> NDArray[np.uint32]:
    """[place in a block, byte]: the checksum of a block of zeros with that byte in that place, from and to a plain zero state."""
    last = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        last = last >> np.uint32(1) ^ (last & np.uint32(1)) * np.uint32(_POLYNOMIAL)
    table = np.empty((_BLOCK, 256), np.uint32)
    table[-1] = last
    for place in range(_BLOCK - 2, -1, -1):
        table[place] = table[place + 1] >> np.uint32(8) ^ last[table[place + 1] & np.uint32(0xFF)]
    return table
