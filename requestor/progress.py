"""A bar for people who wait, in terminals and notebooks. Knows no network."""

from types import TracebackType

from tqdm.auto import tqdm

from volunteer.protocol.requestor_messages import Project


class UploadBar:
    """Bytes on their way; as a context manager."""

    def __init__(self, filename: str, size: int, quiet: bool) -> None:
        self._bar = tqdm(total=size, desc=filename, unit="B", unit_scale=True, disable=quiet, leave=False)

    def add(self, count: int) -> None:
        self._bar.update(count)

    def __enter__(self) -> "UploadBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()


class TrainingBar:
    """Mini-batches of a whole training, with the newest losses beside them; as a context manager."""

    def __init__(self, name: str, quiet: bool) -> None:
        self._bar = tqdm(desc=name, unit="mini-batch", disable=quiet)
        self._said = ""

    def show(self, project: Project) -> None:
        total = project.mini_batches_per_epoch * project.epochs
        if total and self._bar.total != total:
            self._bar.reset(total)
        self._bar.set_postfix(_measures(project), refresh=False)
        self._bar.set_description_str(f"{project.name}, epoch {min(project.epoch + 1, project.epochs)}", refresh=False)
        self._bar.update(round(project.progress * total) - self._bar.n)
        self._bar.refresh()
        self.say(project.status)

    def say(self, sentence: str) -> None:
        """A line above the bar, when it is news."""
        if sentence != self._said:
            self._said = sentence
            if not self._bar.disable:
                self._bar.write(sentence)

    def __enter__(self) -> "TrainingBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()


def _measures(project: Project) -> dict[str, str]:
    values = {"loss": project.loss, **project.metrics, "val_loss": project.validation_loss}
    return {name: f"{value:.4g}" for name, value in values.items() if value is not None}
