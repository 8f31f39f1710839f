"""Plug-ins are found without import, loaded by name, and a wrong name is answered with the right one."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import counterfault
from counterfault.core.errors import UsageError
from counterfault.registry import Family

FILES = {
    "zoo/__init__.py": "",
    "zoo/owl.py": "KIND = 'bird'",
    "zoo/_cage.py": "raise RuntimeError('no plug-in')",
    "zoo/_attic/__init__.py": "",
    "zoo/_attic/bat.py": "",
    "zoo/cats/__init__.py": "raise RuntimeError('imported while listing')",
    "zoo/fish/__init__.py": "",
    "zoo/fish/carp.py": "KIND = 'fish'",
    "zoo/cats/lion.py": "KIND = 'cat'",
    "zoo/broken.py": "import nothing_of_that_name",
    "outside.py": "class Yak: KIND = 'ox'\nclass Owl: KIND = 'another owl'",
    "outside-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n",
    "outside-1.0.dist-info/entry_points.txt": (
        "[counterfault.zoo]\nyak = outside:Yak\nowl = outside:Owl\ngone = outside:Gone\n"
    ),
}


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(counterfault, "__path__", [*counterfault.__path__, str(tmp_path)])
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name == "outside" or name.startswith("counterfault.zoo")]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    return Family("zoo")


def test_modules_sub_packages_and_entry_points_are_listed_without_import(zoo: Family) -> None:
    assert zoo.names() == ["broken", "cats.lion", "fish.carp", "gone", "owl", "yak"]
    assert "outside" not in sys.modules
    assert not [name for name in sys.modules if name.startswith("counterfault.zoo")]


def test_a_plug_in_is_loaded_by_its_name(zoo: Family) -> None:
    assert zoo.load("fish.carp").KIND == "fish"
    assert zoo.load("yak").KIND == "ox"


def test_a_plug_in_of_ours_is_not_replaced_from_outside(zoo: Family) -> None:
    assert zoo.load("owl").KIND == "bird"


def test_an_unknown_name_is_answered_with_the_nearest(zoo: Family) -> None:
    with pytest.raises(UsageError, match=r"'carp' is none of the zoo; did you mean 'fish\.carp'"):
        zoo.load("carp")
    with pytest.raises(UsageError, match=r"known: broken, cats\.lion"):
        zoo.load("0000")
    with pytest.raises(UsageError, match="is none of the zoo"):
        zoo.load("_cage")


def test_a_plug_in_that_cannot_be_imported_is_a_usage_error_with_the_cause(zoo: Family) -> None:
    with pytest.raises(UsageError, match="nothing_of_that_name"):
        zoo.load("broken")
    with pytest.raises(UsageError, match="'gone' of the zoo"):
        zoo.load("gone")


def test_a_family_that_has_no_package_has_no_plug_ins() -> None:
    assert Family("no_such_family").names() == []
    with pytest.raises(UsageError, match="known: none"):
        Family("no_such_family").load("a")


def test_listing_the_formats_imports_none_of_them() -> None:
    code = (
        "import sys; from counterfault.registry import Family; names = Family('formats').names();"
        "assert {'counterfault_jsonl', 'openai_chat', 'tau_bench'} <= set(names), names;"
        "assert not [name for name in sys.modules if name.startswith('counterfault.formats')]"
    )
    source = Path(counterfault.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(source)})
