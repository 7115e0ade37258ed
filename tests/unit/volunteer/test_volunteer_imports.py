"""What the parent process of a volunteer loads, and what its command line says."""

import subprocess
import sys

from volunteer.protocol.version import SOFTWARE


def test_the_parent_never_imports_tensorflow_or_h5py():
    code = (
        "import sys, volunteer.cli, volunteer.agent.running, volunteer.trainer.process\n"
        "print(sorted({'tensorflow', 'keras', 'h5py', 'flask', 'volunteer.training'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_it_says_its_version():
    command = [sys.executable, "-m", "volunteer.cli", "--version"]
    assert SOFTWARE in subprocess.run(command, capture_output=True, text=True).stdout
