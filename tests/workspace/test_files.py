"""The user's cache folder: where it is, and what is kept in it."""

import os
import sys
from pathlib import Path

import pytest

from backtest.workspace.files import cache_folder, cached


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        ("linux", {}, "/home/ann/.cache/backtest"),
        ("linux", {"XDG_CACHE_HOME": "/var/ann"}, "/var/ann/backtest"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/ann/.cache/backtest"),
        ("darwin", {"XDG_CACHE_HOME": "/var/ann"}, "/home/ann/Library/Caches/backtest"),
        ("win32", {}, "/home/ann/AppData/Local/backtest/Cache"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/backtest/Cache"),
        ("linux", {"BACKTEST_CACHE": "/fast", "XDG_CACHE_HOME": "/var/ann"}, "/fast"),
        ("darwin", {"BACKTEST_CACHE": "~/fast"}, "/home/ann/fast"),
    ],
)
def test_the_folder_is_where_the_platform_keeps_caches(monkeypatch, platform, environment, place):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == Path(place)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKTEST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def never() -> bytes:
    raise AssertionError("it is in the cache")


def test_what_was_made_once_is_read_afterwards(folder):
    assert cached("squares", lambda: b"1 4 9") == b"1 4 9"
    assert cached("squares", never) == b"1 4 9"
    assert [path.name for path in folder.iterdir()] == ["squares"]  # nothing half written


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: b"",
        lambda stored: stored[:-1],
        lambda stored: stored + b"0",
        lambda stored: stored[:-1] + bytes([stored[-1] ^ 1]),
        lambda stored: bytes([stored[0] ^ 1]) + stored[1:],
    ],
    ids=["empty", "cut short", "longer", "a bit of the content", "a bit of the hash"],
)
def test_a_damaged_file_is_made_anew(folder, damage):
    cached("squares", lambda: b"1 4 9")
    file = folder / "squares"
    file.write_bytes(damage(file.read_bytes()))
    assert cached("squares", lambda: b"1 4 9 16") == b"1 4 9 16"
    assert cached("squares", never) == b"1 4 9 16"


def test_no_folder_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BACKTEST_CACHE", str(tmp_path / "file" / "cache"))
    assert cached("squares", lambda: b"1 4 9") == b"1 4 9"


@pytest.mark.skipif(os.name == "nt", reason="Windows finds a home without HOME")
def test_a_user_without_a_home_has_no_cache(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError))
    assert cached("squares", lambda: b"1 4 9") == b"1 4 9"
    assert not cache_folder().exists()
