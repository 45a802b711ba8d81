"""Pages: compiled templates are kept between processes, and never trusted where damaged."""

import pytest

from backtest.reports import pages


@pytest.fixture(autouse=True)
def compiled_anew():
    pages._templates.cache_clear()
    yield
    pages._templates.cache_clear()


@pytest.mark.parametrize("damage", [None, b"", b"no code", 40])
def test_a_page_is_the_same_from_a_template_that_is_new_kept_or_damaged(
    tmp_path, monkeypatch, damage
):
    monkeypatch.setenv("BACKTEST_CACHE", str(tmp_path))
    page = pages.fill("tables.js")
    (kept,) = tmp_path.glob("page-*")
    if damage is not None:
        kept.write_bytes(kept.read_bytes()[:damage] if isinstance(damage, int) else damage)
    pages._templates.cache_clear()
    assert pages.fill("tables.js") == page


def test_a_page_is_written_where_no_cache_can_be(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BACKTEST_CACHE", str(tmp_path / "file"))
    assert pages.fill("tables.js")
