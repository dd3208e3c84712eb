# SPDX-License-Identifier: Apache-2.0
"""Trains a byte-level BPE on a text and writes the text as token shards for data.kind = "tokens".

    python scripts/token_shards.py TEXT --out shards --extensions .py --vocab 4096

TEXT is a file or a folder. The files that validate are those that data.kind = "text" takes for
validation (of one file: its end), copies are left out as there, and the BPE sees no byte of them.
<|endoftext|>, token 0, begins every file. Into the folder go train.bin, validation.bin and
tokenizer.json; the same text, options and version of tokenizers give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

END_OF_TEXT = "<|endoftext|>"
MAGIC, VERSION, HEADER = 20240520, 1, 256  # of llm.c; the header's int32s
MASK = 2**64 - 1


def refuse(what: str, received: str, allowed: str) -> None:
    """Ends the program with one line."""
    sys.exit(f"token_shards.py: {what}: received {received}, allowed {allowed}")


def scramble(x: int) -> int:
    """splitmix64, as the trainer hashes names."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def in_validation(relative: str, fraction: float) -> bool:
    """Whether the trainer takes the file of this name for validation."""
    name = os.fsencode(relative)
    found = scramble(len(name))
    for begin in range(0, len(name), 8):
        found = scramble(found ^ int.from_bytes(name[begin : begin + 8], "little"))
    return (scramble(found) >> 11) * 2.0**-53 < fraction


def files_of(folder: Path, extensions: list[str]) -> list[Path]:
    """The files of a folder and of those below it, in the order of their paths' bytes."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    if extensions:
        found = [path for path in found if path.suffix in extensions]
    return sorted(found, key=lambda path: os.fsencode(path.relative_to(folder)))


def read_text(path: Path, given: Any) -> tuple[list[bytes], list[bytes]]:
    """The files for training and for validation, without empty ones and copies."""
    if path.is_file():
        whole = path.read_bytes()
        cut = int(len(whole) * (1 - given.validation_fraction))
        return [whole[:cut]], [whole[cut:]]
    parts: tuple[list[bytes], list[bytes]] = ([], [])
    seen = set()
    for file in files_of(path, given.extensions):
        content = file.read_bytes()
        digest = hashlib.sha256(content).digest()
        if content and digest not in seen:
            seen.add(digest)
            relative = str(file.relative_to(path))
            parts[in_validation(relative, given.validation_fraction)].append(content)
    return parts


def texts(files: Iterable[bytes]) -> Iterator[str]:
    """The files as texts; a byte that is not UTF-8 becomes U+FFFD."""
    for content in files:
        yield content.decode("utf-8", errors="replace")


def trained(files: list[bytes], vocab: int) -> Any:
    """A byte-level BPE of so many tokens: <|endoftext|>, the 256 bytes, and pairs."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        import tokenizers
    except ModuleNotFoundError:
        refuse("tokenizers", "no such package", "pip install -r scripts/token-requirements.txt")
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    model.train_from_iterator(texts(files), trainer)
    # A text that has the words "<|endoftext|>" has no end there.
    model.encode_special_tokens = True
    return model


def write_shard(path: Path, model: Any, files: list[bytes]) -> int:
    """Writes the files' tokens as one shard; the number of tokens."""
    tokens = array("H")
    for text in texts(files):
        tokens.append(0)
        tokens.extend(model.encode(text).ids)
    if len(tokens) >= 2**31:
        refuse(str(path), f"{len(tokens)} tokens", "fewer than 2^31 in one shard")
    if sys.byteorder == "big":
        tokens.byteswap()
    header = struct.pack(f"<{HEADER}i", MAGIC, VERSION, len(tokens), *[0] * (HEADER - 3))
    path.write_bytes(header + tokens.tobytes())
    return len(tokens)


def arguments() -> Any:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("text", type=Path, help="a file or a folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--vocab", type=int, default=4096, help="how many tokens there are")
    parser.add_argument("--extensions", nargs="*", default=[], help="of a folder's files")
    parser.add_argument("--validation-fraction", type=float, default=0.05, help="of the text")
    given = parser.parse_args()
    if not 257 <= given.vocab <= 65536:
        refuse("--vocab", str(given.vocab), "257 (the bytes and the end of a text) to 65536")
    if not 0 < given.validation_fraction < 1:
        refuse("--validation-fraction", str(given.validation_fraction), "above 0 and below 1")
    if not given.text.exists():
        refuse("TEXT", str(given.text), "a file or a folder")
    return given


def main() -> None:
    """The command."""
    given = arguments()
    parts = read_text(given.text, given)
    for name, files in zip(("training", "validation"), parts):
        if not any(files):
            refuse(str(given.text), f"nothing for {name}", "more text, or --validation-fraction")
    model = trained(parts[0], given.vocab)
    if model.get_vocab_size() != given.vocab:
        refuse(str(given.text), f"text for {model.get_vocab_size()} tokens", "a lower --vocab")
    given.out.mkdir(parents=True, exist_ok=True)
    model.save(str(given.out / "tokenizer.json"))
    told = {}
    for name, files in zip(("train", "validation"), parts):
        count = write_shard(given.out / f"{name}.bin", model, files)
        told[name] = {"files": len(files), "bytes": sum(map(len, files)), "tokens": count}
    print(json.dumps({"vocab": given.vocab, **told}))


if __name__ == "__main__":
    main()
