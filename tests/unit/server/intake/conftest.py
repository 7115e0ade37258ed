"""Paths and helpers shared by the intake's tests."""

import sys
from pathlib import Path

import pytest

# The builders of malicious files are a module of the tests, not of the package.
sys.path.insert(0, str(Path(__file__).parent))

MODELS = Path(__file__).parents[3] / "fixtures" / "models"


@pytest.fixture
def models() -> Path:
    """The folder of genuine model files."""
    return MODELS
