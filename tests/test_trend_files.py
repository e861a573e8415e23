"""Trend models as files: every shipped one is sound, every wrong one says what is wrong."""

import re

import pytest

import densing_bayes as db
from densing_bayes.errors import SpecError
from densing_bayes.trend.files import list_trends, load_trend

UNKNOWN = list_trends()["break_unknown"].read_text(encoding="utf-8")
FRONTIER = list_trends()["frontier"].read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(list_trends()))
def test_shipped_trends_load_by_name_and_by_path(name):
    trend = load_trend(name)
    assert trend.name == name
    assert trend.title
    assert len(trend.reason) > 80
    assert load_trend(list_trends()[name]) == trend
    assert db.load_trend(name) == trend


def test_every_kind_is_shipped():
    kinds = {load_trend(name).kind for name in list_trends()}
    assert kinds == {"average", "break", "saturating", "frontier"}


#: what is wrong -> pattern, what stands for it, texts that the one line must hold
WRONG = {
    "kind": ("kind =.*", 'kind = "breaks"', ["'kind'", "'breaks'", "average, break", "Choose"]),
    "no kind": ("kind =.*\n", "", ["'kind'", "average, break, saturating, frontier"]),
    "unknown key": ("change =", "chang =", ["'chang'", "unknown key", "mean 'change'"]),
    "missing key": ("level =.*\n", "", ["'level'", "missing", "Add"]),
    "no reason": ("reason =.*", "", ["'reason'", "missing", "Add"]),
    "one of two dates": ("earliest =.*\n", "", ["'break_date'", "unknown between two", "earliest"]),
    "three dates": ("earliest", "break_date = 2023-01-01\nearliest", ["'break_date'", "one date"]),
    "no date": (r"(earliest|latest) =.*\n", "", ["'break_date'", "one date", "2022-11-30"]),
    "dates exchanged": ("2022-11-30", "2026-01-01", ["'earliest'", "'2026-01-01'", "Exchange"]),
    "no such date": ("2022-11-30", '"soon"', ["'earliest'", "'soon'", "date"]),
    "growth not Normal": (
        "growth_rate =.*",
        'growth_rate = { dist = "HalfNormal", sigma = 5.0 }',
        ["'growth_rate.dist'", "HalfNormal", "allowed: Normal"],
    ),
    "noise not positive": (
        "noise_sd =.*",
        'noise_sd = { dist = "Normal", mu = 0.0, sigma = 1.0 }',
        ["'noise_sd.dist'", "'Normal(mu=0, sigma=1)'", "HalfNormal", "positive"],
    ),
    "misspelt distribution": ('"HalfNormal"', '"HalfNorml"', ["dist'", "mean 'HalfNormal'"]),
    "negative sigma": ("sigma = 3.0", "sigma = -3.0", ["'change.sigma'", "'-3.0'", "positive"]),
    "name": ('name = "break', 'name = "brake', ["'name'", "'brake_unknown'", "'break_unknown'"]),
    "not TOML": ('kind = "break"', 'kind = "break', ["row 5", "not TOML", "strings in quotes"]),
}


def problems_of(text, path):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_trend(path)
    return caught.value.problems, str(caught.value)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_says_so_in_one_line_a_problem(wrong, tmp_path):
    pattern, instead, texts = WRONG[wrong]
    text, changes = re.subn(pattern, instead, UNKNOWN)
    assert changes
    problems, said = problems_of(text, tmp_path / "break_unknown.toml")
    # a misspelt key is missing too, and two lines hold the misspelt distribution
    assert len(problems) == (2 if wrong in ("unknown key", "misspelt distribution") else 1), said
    for one in texts:
        assert one in said
    assert "break_unknown.toml" in said


def test_all_problems_are_told_at_once(tmp_path):
    text = UNKNOWN.replace("change =", "chang =").replace("sigma = 10.0", "sigma = 0")
    problems, said = problems_of(text.replace("earliest =", "#"), tmp_path / "break_unknown.toml")
    assert len(problems) >= 3, said


def test_keys_of_another_kind_are_not_taken(tmp_path):
    text = FRONTIER + "\nbreak_date = 2022-11-30\n"
    _, said = problems_of(text, tmp_path / "frontier.toml")
    assert "'break_date'" in said
    assert "unknown key" in said


def test_a_file_that_is_no_text_says_so(tmp_path):
    path = tmp_path / "frontier.toml"
    path.write_bytes(FRONTIER.replace("best", "bést").encode("latin-1"))
    with pytest.raises(SpecError, match=r"frontier\.toml:\s.*not UTF-8.*Save it as UTF-8"):
        load_trend(path)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(SpecError, match=r"no trend of that name or path.*mean 'saturating'"):
        load_trend("saturatin")


def test_a_changed_copy_under_a_new_name_loads(tmp_path):
    path = tmp_path / "tight.toml"
    path.write_text(FRONTIER.replace('"frontier"\ntitle', '"tight"\ntitle').replace("2.0", "1.0"))
    trend = load_trend(path)
    assert trend.name == "tight"
    assert trend.shortfall.parameters == {"sigma": 1.0}
    assert trend.shortfall_drift is None
