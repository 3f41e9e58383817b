from pathlib import Path

from scissorsd.folders.listing import Listing


def test_what_is_there(tmp_path: Path) -> None:
    """Regular files are found by their path; links, folders and what is not there are none."""
    (tmp_path / "x/y").mkdir(parents=True)
    (tmp_path / "x/y/a.png").write_bytes(b"123")
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "link.png").symlink_to("b.png")
    listing = Listing(tmp_path)
    found = listing.file("x/y/a.png")
    assert found is not None
    assert (found.size, found.mtime_ns) == (3, (tmp_path / "x/y/a.png").stat().st_mtime_ns)
    assert listing.file("b.png") is not None
    for path in ("link.png", "x", "x/y/b.png", "nowhere/a.png", "b.png/a.png"):
        assert listing.file(path) is None


def test_what_fills_a_gap(tmp_path: Path) -> None:
    """What a part of a name was is read from the names that are there, the same in all its gaps."""
    for path in ("2026-01-02/a-2026-01-02.png", "2026-01-03/a-2026-01-04.png", "2026-01-05/b.png"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).touch()
    form = r"\d{4}-\d\d-\d\d"
    listing = Listing(tmp_path)

    def filled(path: str) -> list[str]:
        return sorted(found["@"] for found in listing.fillings(path, {"@": form}))

    assert filled("@/a-@.png") == ["2026-01-02"]
    assert filled("2026-01-03/a-@.png") == ["2026-01-04"]
    assert filled("@/c.png") == ["2026-01-02", "2026-01-03", "2026-01-05"]
    assert filled("a-@.png") == []
    (tmp_path / "2026-01-05/0007-b-0007.png").touch()
    gaps = {"@": form, "#": r"\d{4,}"}
    assert listing.fillings("@/#-b-#.png", gaps) == []  # the folder was listed before
    assert Listing(tmp_path).fillings("@/#-b-#.png", gaps) == [{"@": "2026-01-05", "#": "0007"}]
