"""Model files that are meant to do harm. Each builder writes one into a folder and returns its path.

`Trap.canary` is touched by any code that such a file smuggles in; `Trap.secret` is a file that none may read.
"""

import base64
import json
import marshal
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

GENUINE = Path(__file__).parents[3] / "fixtures" / "models"
KERNEL = "model_weights/dense/sequential/dense/kernel"


@dataclass(frozen=True)
class Trap:
    folder: Path

    @property
    def canary(self) -> Path:
        return self.folder / "executed"

    @property
    def secret(self) -> Path:
        path = self.folder / "secret.txt"
        if not path.exists():
            path.write_bytes(b"root:x:0:0\n" * 200)
        return path

    def code(self) -> str:
        """Marshalled code of a function that touches the canary, as Keras's Lambda keeps it."""
        source = compile(f"lambda x: open({str(self.canary)!r}, 'w') and x", "<lambda>", "eval")
        function = next(constant for constant in source.co_consts if hasattr(constant, "co_code"))
        return base64.b64encode(marshal.dumps(function)).decode("ascii")


Builder = Callable[[Trap], Path]


def _genuine_h5(trap: Trap, name: str = "model.h5") -> Path:
    return Path(shutil.copy(GENUINE / "k315-cnn.h5", trap.folder / name))


def _h5_with(trap: Trap, change: Callable[[dict[str, Any]], None]) -> Path:
    path = _genuine_h5(trap)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)
    return path


def _members(name: str = "k315-cnn.keras") -> dict[str, bytes]:
    with zipfile.ZipFile(GENUINE / name) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _archive(trap: Trap, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    path = trap.folder / "model.keras"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _keras_with(trap: Trap, change: Callable[[dict[str, Any]], None]) -> Path:
    members = _members()
    config = json.loads(members["config.json"])
    change(config)
    return _archive(trap, members | {"config.json": json.dumps(config).encode()})


def _append(layer: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda config: config["config"]["layers"].append(layer)


def _with_kernel(trap: Trap, create: Callable[[h5py.File], None]) -> Path:
    path = _genuine_h5(trap)
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        create(file)
    return path


def lambda_in_h5(trap: Trap) -> Path:
    config = {
        "name": "lambda",
        "function": [trap.code(), None, None],
        "function_type": "lambda",
        "arguments": {},
    }
    return _h5_with(trap, _append({"class_name": "Lambda", "config": config}))


def lambda_in_keras(trap: Trap) -> Path:
    function = {
        "class_name": "__lambda__",
        "config": {"code": trap.code(), "defaults": None, "closure": None},
    }
    layer = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"name": "lambda", "function": function},
    }
    return _keras_with(trap, _append(layer))


def system_as_activation(trap: Trap) -> Path:
    call = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
    return _keras_with(trap, lambda config: config["config"]["layers"][-1]["config"].update(activation=call))


def system_as_layer(trap: Trap) -> Path:
    config = {"command": f"touch {trap.canary}", "name": "system"}
    return _keras_with(trap, _append({"module": "os", "class_name": "system", "config": config}))


def popen_as_initializer(trap: Trap) -> Path:
    call = {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", str(trap.canary)]}}
    return _keras_with(
        trap, lambda config: config["config"]["layers"][1]["config"].update(kernel_initializer=call)
    )


def registered_name_of_another_package(trap: Trap) -> Path:
    layer = {
        "module": "builtins",
        "class_name": "eval",
        "config": {"name": "x"},
        "registered_name": "builtins>eval",
    }
    return _keras_with(trap, _append(layer))


def saved_model_layer(trap: Trap) -> Path:
    layer = {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": str(trap.secret), "name": "t"},
    }
    return _keras_with(trap, _append(layer))


def vocabulary_from_a_file(trap: Trap) -> Path:
    config = {"vocabulary": str(trap.secret), "name": "lookup", "max_tokens": None}
    return _keras_with(
        trap, _append({"module": "keras.layers", "class_name": "StringLookup", "config": config})
    )


def vocabulary_from_a_file_in_h5(trap: Trap) -> Path:
    return _h5_with(
        trap, _append({"class_name": "TextVectorization", "config": {"vocabulary": str(trap.secret)}})
    )


def link_into_another_file(trap: Trap) -> Path:
    other = trap.folder / "other.h5"
    with h5py.File(other, "w") as file:
        file["kernel"] = np.zeros((36, 10), "f4")
    return _with_kernel(trap, lambda file: file.__setitem__(KERNEL, h5py.ExternalLink(other, "kernel")))


def soft_link(trap: Trap) -> Path:
    return _with_kernel(trap, lambda file: file.__setitem__(KERNEL, h5py.SoftLink("/optimizer_weights")))


def numbers_in_another_file(trap: Trap) -> Path:
    place = [(str(trap.secret), 0, 1440)]
    return _with_kernel(trap, lambda file: file.create_dataset(KERNEL, (36, 10), "f4", external=place))


def virtual_array(trap: Trap) -> Path:
    layout = h5py.VirtualLayout((36, 10), "f4")
    layout[:] = h5py.VirtualSource(str(trap.secret), "kernel", (36, 10))
    return _with_kernel(trap, lambda file: file.create_virtual_dataset(KERNEL, layout))


def group_inside_itself(trap: Trap) -> Path:
    path = _genuine_h5(trap)
    with h5py.File(path, "r+") as file:
        file["model_weights/dense/again"] = file["model_weights"]
    return path


def array_linked_twice(trap: Trap) -> Path:
    path = _genuine_h5(trap)
    with h5py.File(path, "r+") as file:
        file["model_weights/dense/again"] = file[KERNEL]
    return path


def declares_24_gigabytes(trap: Trap) -> Path:
    return _with_kernel(
        trap, lambda file: file.create_dataset(KERNEL, (6_000_000_000,), "f4", chunks=(1_000_000,))
    )


def declares_3_gigabytes_in_one_piece(trap: Trap) -> Path:
    return _with_kernel(trap, lambda file: file.create_dataset(KERNEL, (30_000, 30_000), "f4"))


def zeros_in_gzip(trap: Trap) -> Path:
    def create(file: h5py.File) -> None:
        dataset = file.create_dataset(
            KERNEL, (25, 1_000_000), "f4", chunks=(1, 1_000_000), compression="gzip"
        )
        for row in range(25):
            dataset[row] = 0

    return _with_kernel(trap, create)


def names_that_expand(trap: Trap) -> Path:
    """A thousand texts of variable length that all point at the same two megabytes."""
    path = _genuine_h5(trap)
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        del group.attrs["layer_names"]
        names = np.array(["#" * 2_000_000] + [f"{number:08}" for number in range(1000)], dtype=object)
        group.attrs.create("layer_names", names, dtype=h5py.string_dtype())
    raw = bytearray(path.read_bytes())
    at = raw.find(struct.pack("<I", 2_000_000))
    first = raw[at : at + 16]
    for number in range(1, 1001):
        raw[at + 16 * number : at + 16 * number + 16] = first
    path.write_bytes(raw)
    return path


def strings_as_weights(trap: Trap) -> Path:
    return _with_kernel(trap, lambda file: file.create_dataset(KERNEL, data=[b"a", b"b"]))


def compound_as_weights(trap: Trap) -> Path:
    pairs = np.zeros(4, [("a", "f4"), ("b", "i4")])
    return _with_kernel(trap, lambda file: file.create_dataset(KERNEL, data=pairs))


def not_a_number_as_weight(trap: Trap) -> Path:
    return _with_kernel(trap, lambda file: file.create_dataset(KERNEL, data=np.full((36, 10), np.nan, "f4")))


def deep_json_in_h5(trap: Trap) -> Path:
    path = _genuine_h5(trap)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = '{"a":' * 20_000 + "1" + "}" * 20_000
    return path


def deep_json_in_keras(trap: Trap) -> Path:
    return _archive(trap, _members() | {"config.json": b"[" * 20_000 + b"]" * 20_000})


def zip_bomb(trap: Trap) -> Path:
    return _archive(trap, _members() | {"config.json": b" " * 300_000_000}, zipfile.ZIP_DEFLATED)


def zip_slip(trap: Trap) -> Path:
    return _archive(trap, _members() | {"../../executed": b"x", f"{trap.canary}": b"x"})


def assets(trap: Trap) -> Path:
    return _archive(trap, _members() | {"assets/string_lookup/vocabulary.txt": b"a\nb\n"})


def member_twice(trap: Trap) -> Path:
    path = _archive(trap, _members())
    with zipfile.ZipFile(path, "a") as archive:
        raw = json.dumps({"class_name": "Lambda"}).encode()
        archive.writestr(zipfile.ZipInfo("config.jsom"), raw)
    path.write_bytes(path.read_bytes().replace(b"config.jsom", b"config.json"))
    return path


def thousands_of_members(trap: Trap) -> Path:
    return _archive(trap, _members() | {f"x{number}": b"" for number in range(20_000)})


def truncated_h5(trap: Trap) -> Path:
    path = _genuine_h5(trap)
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def truncated_keras(trap: Trap) -> Path:
    path = _archive(trap, _members())
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def truncated_inside_keras(trap: Trap) -> Path:
    members = _members()
    return _archive(trap, members | {"model.weights.h5": members["model.weights.h5"][:9_000]})


def empty_file(trap: Trap) -> Path:
    path = trap.folder / "model.h5"
    path.write_bytes(b"")
    return path


def magic_alone(trap: Trap) -> Path:
    path = trap.folder / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    return path


def pickle(trap: Trap) -> Path:
    path = trap.folder / "model.h5"
    path.write_bytes(f"cos\nsystem\n(S'touch {trap.canary}'\ntR.".encode())
    return path


HARMFUL: tuple[Builder, ...] = (
    lambda_in_h5, lambda_in_keras, system_as_activation, system_as_layer, popen_as_initializer,
    registered_name_of_another_package, saved_model_layer, vocabulary_from_a_file,
    vocabulary_from_a_file_in_h5, link_into_another_file, soft_link, numbers_in_another_file,
    virtual_array, group_inside_itself, array_linked_twice, declares_24_gigabytes,
    declares_3_gigabytes_in_one_piece, zeros_in_gzip, names_that_expand, strings_as_weights,
    compound_as_weights, not_a_number_as_weight, deep_json_in_h5, deep_json_in_keras, zip_bomb,
    zip_slip, assets, member_twice, thousands_of_members, truncated_h5, truncated_keras,
    truncated_inside_keras, empty_file, magic_alone, pickle,
)  # fmt: skip
