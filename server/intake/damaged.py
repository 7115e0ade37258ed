"""The sentences for files that cannot be understood at all."""

from volunteer.plan.refused import Refused

MODEL_DAMAGED = (
    "The model file could not be read: it is damaged or cut short. Save the model again and upload that file."
)


def damaged(detail: str) -> Refused:
    """A model file that breaks off or contradicts itself; `detail` ends the sentence."""
    return Refused(f"The model file could not be read: {detail}. Save the model again and upload that file.")
