from __future__ import annotations

from clipedu.cli.main import main
from clipedu.pairs import FAMILIES


def test_licences_name_every_set(capsys) -> None:
    assert main(["licences"]) == 0
    said = capsys.readouterr().out
    for family in FAMILIES.values():
        assert family.title in said and family.license in said
    assert "NOTICE.md" in said
