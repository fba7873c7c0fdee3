"""A pattern stands for files on disk, whatever the folders look like."""

import os
import sys
from pathlib import Path

import pytest

from fieldline import patterns
from fieldline.patterns import but, expand

posix = pytest.mark.skipif(sys.platform == "win32", reason="names and links of Linux")


@pytest.fixture
def tree(tmp_path):
    def tree(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")
        return tmp_path

    return tree


def found(pattern, project, **options):
    return [path.relative_to(project).as_posix() for path in expand(pattern, project, **options)]


def test_patterns_start_from_the_project_and_come_back_sorted(tree):
    project = tree("d/b.dat", "d/a.dat", "d/a.dat.backup", "d/e/c.dat", "d/folder.dat/x", "d/.hidden.dat")
    assert found("d/*.dat", project) == ["d/a.dat", "d/b.dat"]
    assert found("d/**/*.dat", project) == ["d/a.dat", "d/b.dat", "d/e/c.dat"]
    assert found("**/**/*.dat", project) == ["d/a.dat", "d/b.dat", "d/e/c.dat"]
    assert found("d/e/**", project) == ["d/e/c.dat"]
    assert found("d/[ab].dat", project) == ["d/a.dat", "d/b.dat"]
    assert found("d/?.dat", project) == ["d/a.dat", "d/b.dat"]
    assert found("d/.h*.dat", project) == ["d/.hidden.dat"]
    assert found("./d/../d/a.dat", project) == ["d/../d/a.dat"]
    assert found("d", project) == found("nothing/*", project) == found("d/a.dat/*", project) == []
    assert found(str(project / "d" / "*.dat"), project / "d") == ["a.dat", "b.dat"]


def test_backslashes_separate_on_every_platform(tree):
    assert found(r"d\e\*.dat", tree("d/e/a.dat")) == ["d/e/a.dat"]


def test_brackets_in_names_are_meant_literally_when_they_are_there(tree):
    project = tree("[old] x/a[1].dat", "[old] x/a1.dat", "[o]/b.dat")
    assert found("[old] x/a[1].dat", project) == ["[old] x/a[1].dat"]
    assert found("[old] x/*.dat", project) == ["[old] x/a1.dat", "[old] x/a[1].dat"]
    assert found("*.dat", project / "[o]") == ["b.dat"]


def test_the_home_of_the_user(tree, monkeypatch):
    project = tree("d/a.dat")
    monkeypatch.setenv("HOME", str(project))
    monkeypatch.setenv("USERPROFILE", str(project))
    assert found("~/d/*.dat", project) == ["d/a.dat"]
    assert expand("~nobody-of-this-name/*.dat", project) == []


@posix
@pytest.mark.parametrize("pattern", ["C:/x/*.dat", r"C:\x\*.dat", "c:*.dat", r"\\server\share\*.dat", "C:/**"])
def test_a_drive_is_never_a_folder_of_the_project(tree, pattern):
    assert expand(pattern, tree("C:/x/a.dat", "c:a.dat", "server/share/a.dat")) == []


@pytest.mark.parametrize("pattern", ["a\0b", "x" * 5000, "x" * 300 + "/*.dat", "[", "**", "", ".", "/", "[!", "***"])
def test_no_pattern_raises(tmp_path, pattern):
    if pattern != "/":
        assert expand(pattern, tmp_path) == []


@posix
def test_links_that_lead_in_a_circle_cost_only_themselves(tree):
    project = tree("d/a.dat", "away/b.dat")
    (project / "d/loop").symlink_to(project / "d")
    (project / "d/self").symlink_to("self")
    (project / "d/broken.dat").symlink_to("nowhere")
    (project / "d/away").symlink_to(project / "away")
    assert found("d/**/*.dat", project) == ["d/a.dat"]
    assert found("d/away/*.dat", project) == ["d/away/b.dat"]
    assert found("d/self/*.dat", project) == found("d/self", project) == []


@posix
def test_a_folder_that_may_not_be_read_costs_only_itself_and_is_told(tree):
    project = tree("d/a.dat", "d/closed/b.dat")
    (project / "d/closed").chmod(0)
    if os.access(project / "d/closed", os.R_OK):
        pytest.skip("root may read everything")
    told = []
    assert found("d/**/*.dat", project, onerror=told.append) == ["d/a.dat"]
    assert found("d/closed/b.dat", project, onerror=told.append) == []
    assert [Path(error.filename).name for error in told] == ["closed", "b.dat"]
    (project / "d/closed").chmod(0o700)


def test_an_error_of_the_disk_is_told_and_costs_only_its_folder(tree, monkeypatch):
    project, told, scandir = tree("d/a.dat", "d/closed/b.dat"), [], os.scandir

    def failing(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    assert found("d/**/*.dat", project, onerror=told.append) == ["d/a.dat"]
    assert len(told) == 1


def test_where_case_does_not_matter_names_are_spelled_as_on_disk(tree, monkeypatch):
    """Windows: one file must not have two paths, for its state is kept by path."""
    monkeypatch.setattr(patterns, "WINDOWS", True)
    assert found("Data/Tower.dat", tree("Data/Tower.dat")) == ["Data/Tower.dat"]


@pytest.mark.parametrize("names", [("d/a.dat", "d/e/b.dat", "d/f/c.dat", "d/f/g/d.dat")])
def test_folders_of_a_drive_that_numbers_no_files_are_all_looked_into(tree, monkeypatch, names):
    """So it is on some network drives: st_ino is 0 for every file."""
    project, stat = tree(*names), Path.stat

    def unnumbered(self, **options):
        values = list(stat(self, **options))
        return os.stat_result([*values[:1], 0, *values[2:]])

    monkeypatch.setattr(Path, "stat", unnumbered)
    assert found("d/**/*.dat", project) == list(names)


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ([], ["a/met.dat", "a/x_TOB1.dat", "old/met.dat"]),
        (["*TOB1*"], ["a/met.dat", "old/met.dat"]),
        (["old/*"], ["a/met.dat", "a/x_TOB1.dat"]),
        (["*/met.dat"], ["a/x_TOB1.dat"]),
        (["old\\\\*", "x*"], ["a/met.dat"]),
        (["a"], ["a/met.dat", "a/x_TOB1.dat", "old/met.dat"]),
    ],
)
def test_files_are_left_out_by_name_or_by_path(tmp_path, patterns, left):
    paths = [tmp_path / name for name in ("a/met.dat", "a/x_TOB1.dat", "old/met.dat")]
    assert [path.relative_to(tmp_path).as_posix() for path in but(paths, patterns, tmp_path)] == left
