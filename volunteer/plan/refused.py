"""The one error by which the plan room says no: a sentence for the person and the field it belongs to."""


class Refused(ValueError):
    """Something a person gave us cannot be used.

    `sentence` is shown as it is: it names what is wrong and, where possible, what to do.
    `field` is the form's field that the sentence stands beside ("model", "loss", "labels", ...).
    """

    def __init__(self, sentence: str, field: str = "model") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
