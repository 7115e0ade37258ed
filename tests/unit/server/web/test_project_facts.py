from server.web.project_facts import preprocessing_facts, settings_facts


def test_settings_are_said_in_words_and_the_files_own_as_such() -> None:
    said = dict(settings_facts({"batch_size": 1024, "k": 4, "epochs": 5, "metrics": [], "seed": 0}))
    assert said["Batch size"] == "1,024"
    assert said["Optimizer"] == said["Learning rate"] == said["Loss"] == said["Metrics"] == "as in the model's file"
    assert said["Seed"] == "0"
    assert "Early stopping" not in said


def test_what_was_chosen_is_said_as_it_works() -> None:
    said = dict(
        settings_facts({
            "learning_rate": 0.003, "scale_learning_rate": True, "schedule": "cosine", "warmup_rounds": 20,
            "early_stopping": 3, "class_weights": "balanced", "metrics": ["sparse_categorical_accuracy"],
            "validation_fraction": 0.1, "report_deadline": 600,
        })
    )  # fmt: skip
    assert said["Learning rate"] == "0.003, multiplied by K"
    assert said["Schedule"] == "cosine, after 20 rounds of warm-up"
    assert said["Early stopping"] == "after 3 epochs without a better validation loss"
    assert said["Metrics"] == "sparse categorical accuracy"
    assert said["Held out for validation"] == "10 %"
    assert said["Longest time for a work unit"] == "10 min"


def test_data_that_was_not_touched_says_nothing() -> None:
    assert preprocessing_facts({}) == []
    assert preprocessing_facts({"version": 1, "scaling": None, "labels": {}, "image": None}) == []


def test_what_was_done_to_the_data_is_said() -> None:
    said = dict(
        preprocessing_facts({
            "version": 1, "scaling": {"kind": "unit", "factor": 0.25}, "labels": {"classes": ["cat", "dog"]},
            "label_column": "species", "columns": [f"c{i}" for i in range(20)],
            "image": {"size": [28, 28], "channels": 1},
        })
    )  # fmt: skip
    assert said["Images"] == "28 × 28, 1 channel"
    assert said["Classes"] == "cat, dog"
    assert said["Label column"] == "species"
    assert said["Columns"].endswith("c11 and 8 more")
    assert said["Scaling"] == "unit, factor 0.2500"


def test_long_lists_of_numbers_are_not_poured_onto_the_page() -> None:
    said = dict(preprocessing_facts({"scaling": {"kind": "standard", "mean": [0.1] * 999, "std": [1.0] * 999}}))
    assert said == {"Scaling": "standard"}
