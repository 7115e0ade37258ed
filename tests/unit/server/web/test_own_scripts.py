import re
from collections import defaultdict
from pathlib import Path

STATIC = Path(__file__).parents[4] / "server" / "web" / "static"
DECLARED = re.compile(r"^(?:const|let|var|class|(?:async )?function) (\w+)", re.MULTILINE)


def test_no_two_scripts_declare_the_same_name_for_all_of_a_page() -> None:
    """A page loads several; the later would silently replace what the earlier calls."""
    where = defaultdict(set)
    for script in STATIC.glob("*.js"):
        for name in DECLARED.findall(script.read_text()):
            where[name].add(script.name)
    assert where, "the scripts moved"
    assert {name: files for name, files in where.items() if len(files) > 1} == {}
