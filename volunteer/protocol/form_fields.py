"""The texts of a new project's form, as pages, API and command line all name them. The server checks them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FormField:
    """`switch`: "1" for yes, "" for no; everything else is a text, and "" means the default."""

    name: str
    help: str
    switch: bool = False


FORM_FIELDS = (
    FormField("name", "the project's name"),
    FormField("batch_size", "examples of a mini-batch; else chosen by the grid"),
    FormField("epochs", "passes over the data; else chosen by the grid"),
    FormField("k", "mini-batch gradients that a round waits for; else chosen by the grid"),
    FormField("shard_examples", "examples of a shard; else chosen by the grid"),
    FormField("report_deadline", "seconds that a host may take for a work unit"),
    FormField("validation_fraction", "part of the data that is held out, 0 to 0.9"),
    FormField("optimizer", "a Keras optimizer by name; else the file's own"),
    FormField("learning_rate", "the optimizer's; else its own"),
    FormField("loss", "a Keras loss by name; else the file's own"),
    FormField("metrics", "Keras metrics by name, with commas; else the file's own"),
    FormField("scale_learning_rate", "multiply the rate by K", switch=True),
    FormField("seed", "of every random choice"),
    FormField("schedule", "of the learning rate: constant, cosine, linear or exponential"),
    FormField("warmup_rounds", "rounds in which the learning rate rises to its full value"),
    FormField("early_stopping", "epochs without a better validation loss after which it ends; 0 is never"),
    FormField("class_weights", "balanced, or a weight for each class, like 0:1,1:5"),
    FormField("averaging", "auto, mean, centered_clip, trimmed_mean, median or norm_clip"),
    FormField("quorum", "volunteers that must agree on work of a host without trust, should the grid ask for fewer"),
    FormField("label_column", "the data file's column that holds the labels"),
    FormField("label_encoding", "auto, or none to take labels as they are"),
    FormField("scaling", "none, unit (0 to 1) or standard (mean 0, deviation 1)"),
    FormField("image_size", "height and width that images are brought to, like 28x28"),
    FormField("consent", "data and model may go to other people's machines in clear", switch=True),
)

FILE_FIELDS = ("model", "data", "labels", "validation_data", "validation_labels")
"""Fields of files. `model` and `data` are always needed."""
