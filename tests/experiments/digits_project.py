"""A project of the MNIST subset in a simulated grid: draft, check, submission and preparation, like any other."""

import secrets
import shutil
from pathlib import Path
from typing import Any

from server.rules.incoming import IncomingFile
from server.rules.states import ProjectState
from tests.support.domain_grid import DomainGrid

FILES = {
    "data": "mnist_train_x.npy", "labels": "mnist_train_y.npy",
    "validation_data": "mnist_test_x.npy", "validation_labels": "mnist_test_y.npy",
}  # fmt: skip


def start(grid: DomainGrid, data: Path, form: dict[str, str]) -> int:
    """The number of the running project."""
    network().save(grid.drafts.incoming_folder / "network.keras")
    sources = {"model": grid.drafts.incoming_folder / "network.keras", **{f: data / n for f, n in FILES.items()}}
    incoming = []
    for field, source in sources.items():
        path = grid.drafts.incoming_folder / secrets.token_hex(6)
        shutil.copyfile(source, path)
        incoming.append(IncomingFile(field, source.name, path, path.stat().st_size))
    owner = grid.person("owner")
    draft = grid.drafts.start(owner, form, incoming, grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    grid.preparer.run_pass(grid.now)
    row = grid.row(project)
    if row.state is not ProjectState.running:
        raise RuntimeError(f"the project does not run: {row.reason}")
    return project


def network() -> Any:
    """17,000 weights; takes the pictures as they are, 0 to 255.

    Plain momentum: Adam forgives a mean that is a hundred times too long, and would hide what lies do.
    """
    import keras

    keras.utils.set_random_seed(2)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Reshape((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(12, 5, strides=2, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Conv2D(24, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, "relu"),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
