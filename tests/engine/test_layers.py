"""The engine's folders are layers, and docs/architecture.md tells the truth about them and about where each rule is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CPP = ROOT / "cpp"
INCLUDE = re.compile(r'#include "(\w+)/')


def table(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def layers() -> dict[str, list[str]]:
    """Folder of cpp/ to the folders that it may include, in the order of the table."""
    folders = {}
    for place, _, may_include in table("Where things are"):
        if match := re.fullmatch(r"`cpp/(\w+)`", place):
            folders[match[1]] = re.findall(r"`(?:cpp/)?(\w+)`", may_include)
    return folders


def violations(cpp: Path, allowed: dict[str, list[str]]) -> list[str]:
    found = []
    for path in sorted(cpp.glob("*/*.[ch]pp")):
        folder = path.parent.name
        for number, line in enumerate(path.read_text().splitlines(), 1):
            included = INCLUDE.match(line)
            if included and included[1] not in (folder, *allowed[folder]):
                may = ", ".join(allowed[folder]) or "nothing"
                found.append(f"{path}:{number}: {line} (cpp/{folder} may include {may}: docs/architecture.md)")
    return found


def test_every_folder_has_its_place_above_those_that_build_on_it() -> None:
    folders = layers()
    assert set(folders) == {path.name for path in CPP.iterdir() if path.is_dir()}
    order = list(folders)
    for place, (folder, may_include) in enumerate(folders.items()):
        assert set(may_include) <= set(order[:place]), f"docs/architecture.md: cpp/{folder} may include one below it"


def test_no_folder_includes_one_that_it_may_not() -> None:
    found = violations(CPP, layers())
    assert not found, "\n".join(found)


def test_an_include_against_the_order_is_named(tmp_path: Path) -> None:
    for folder in ("game", "world"):
        (tmp_path / folder).mkdir()
    (tmp_path / "world" / "world.hpp").write_text('#include <vector>\n#include "game/game.hpp"\n')
    (tmp_path / "game" / "game.cpp").write_text('#include "game/game.hpp"\n\n#include "world/world.hpp"\n')
    (found,) = violations(tmp_path, {"game": [], "world": ["game"]})
    assert "game.cpp:3: " in found and "world/world.hpp" in found and "may include nothing" in found


@pytest.mark.parametrize("row", table("Where a rule is"), ids=lambda row: row[0])
def test_a_rule_is_where_the_table_says(row: list[str]) -> None:
    text = ""
    for name in re.findall(r"`([^`]+)`", row[1]):
        if "/" in name:
            files = [path for path in (CPP / f"{name}.hpp", CPP / f"{name}.cpp") if path.exists()]
            assert files, f"docs/architecture.md: there is no cpp/{name}"
            text = "".join(path.read_text() for path in files)
        elif re.fullmatch(r"[\w:]+", name):
            function = name.split("::")[-1]
            assert re.search(rf"\b{function}\(", text), f"docs/architecture.md: {function} is not where it says"
