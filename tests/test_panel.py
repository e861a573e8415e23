"""The panel: each rule on a toy table, then the bundled tables."""

import io

import numpy as np
import pandas as pd
import pytest

from densing_bayes.errors import TableError
from densing_bayes.panel import load_panel

LLMS = """\
llm,family,organisation,release_date,params_total,params_active,params_nonembedding,tokens,moe,\
distilled_or_pruned,stage,domain,date_precision,source_release,source_params
A,F,Lab,2024-01-01,8e9,,7e9,1e12,false,false,base,general,day,x,x
B,F,Lab,2024-02-01,3e9,,,,false,true,base,general,day,x,x
C,F,Lab,2024-03-01,9e9,,,1e12,true,false,base,general,day,x,x
D,F,Lab,2024-04-01,9e9,2e9,,1e12,true,false,base,code,day,x,x
E,F,Lab,2024-05-01,9e9,,,1e12,false,false,post-trained,general,day,x,x
"""
SCORES = """\
llm,benchmark,shots,metric,score,n_items,evaluator,evaluator_type,flag,source
A,MMLU,5,acc,0.50,100,Own A,own-report,,s1
A,MMLU,5,acc,0.51,100,Board,harness-dump,,s2
A,MMLU,5,acc_norm,0.52,100,Board,harness-dump,,s3
A,MMLU,5,acc_char,0.53,100,Board,harness-dump,,s4
A,BBH,3,em,0.40,200,Own A,own-report,suspect: too low,s5
A,BBH,3,em,0.41,200,Other 2,other-lab-report,,s7
A,BBH,3,em,0.42,200,Other 1,other-lab-report,,s6
A,BBH,,em,0.43,150,Other 3,other-lab-report,,s0
B,MMLU,5,acc,0.30,100,Board,harness-dump,,s8
B,BBH,3,em,0.31,,Own B,own-report,,s9
C,MMLU,5,acc,0.60,100,Board,harness-dump,,s10
C,BBH,3,em,0.61,200,Own C,own-report,,s11
D,MMLU,5,acc,0.35,100,Board,harness-dump,,s12
D,BBH,3,em,0.36,200,Own D,own-report,,s13
E,MMLU,5,acc,0.65,100,Board,harness-dump,,s14
"""
TOY = {
    "benchmarks": ["MMLU", "BBH"],
    "metrics": {"MMLU": ["acc", "acc_norm"], "BBH": ["em"]},
    "evaluators": ["harness-dump", "own-report", "other-lab-report"],
    "exclude_flags": ["suspect"],
}

BUNDLED = {
    "benchmarks": ["MMLU", "BBH", "MATH", "HumanEval", "MBPP"],
    "metrics": {
        "MMLU": ["acc (macro over 57 subjects)", "acc"],
        "BBH": ["em CoT", "em", "em CoT flexible-extract (27 subtasks)", "em (OlmoBaseEval)"],
        "MATH": [
            "em",
            "em CoT",
            "em CoT (shot count as stated in report not re-checked)",
            "em (OlmoBaseEval)",
        ],
        "HumanEval": ["pass@1", "pass@1 (OlmoBaseEval)"],
        "MBPP": ["pass@1", "pass@1 (sanitized)", "pass@1 (OlmoBaseEval)"],
    },
    "evaluators": ["harness-dump", "own-report", "other-lab-report"],
    "exclude_flags": ["suspect", "exactly zero", "not integral over 5000"],
}


@pytest.fixture
def toy(tmp_path):
    (tmp_path / "llms.csv").write_text(LLMS)
    (tmp_path / "scores.csv").write_text(SCORES)

    def build(**changes):
        files = {"llms": tmp_path / "llms.csv", "scores": tmp_path / "scores.csv"}
        return load_panel(**{**TOY, **files, **changes})

    return build


def reason(excluded, row):
    return excluded.set_index("row").at[row, "reason"]


def reason_llm(excluded, llm):
    whole = excluded[excluded["row"].isna() & (excluded["llm"] == llm)]
    return whole["reason"].item()


def test_the_first_evaluator_that_fits_wins(toy):
    panel, _ = toy()
    cell = panel.sel(llm="A", benchmark="MMLU")
    assert (float(cell["score"]), str(cell["evaluator"].values)) == (0.51, "Board")
    panel, _ = toy(evaluators=["Own A", "harness-dump", "own-report", "other-lab-report"])
    assert float(panel["score"].sel(llm="A", benchmark="MMLU")) == 0.50


def test_ties_go_to_the_metric_then_the_items_then_the_source(toy):
    panel, excluded = toy()
    cell = panel.sel(llm="A", benchmark="BBH")
    assert (float(cell["score"]), str(cell["source"].values)) == (0.42, "s6")
    assert reason(excluded, 4) == "row 3 preferred: Board, acc"
    assert reason(excluded, 9) == "row 8 preferred: Other 1, em"
    swapped = {"MMLU": ["acc_norm", "acc"], "BBH": ["em"]}
    assert float(toy(metrics=swapped)[0]["score"].sel(llm="A", benchmark="MMLU")) == 0.52


def test_what_is_not_taken_is_listed_with_its_reason(toy):
    panel, excluded = toy()
    assert panel["llm"].values.tolist() == ["A", "D"]
    assert reason(excluded, 5) == "metric 'acc_char' not asked for"
    assert reason(excluded, 6) == "flag 'suspect: too low'"
    assert reason(excluded, 11) == "number of items unknown"
    assert reason_llm(excluded, "B") == "1 of 2 benchmarks, lacks BBH"
    assert reason_llm(excluded, "C") == "mixture of experts with unknown active parameters"
    assert reason_llm(excluded, "E") == "stage 'post-trained' not asked for"
    assert list(excluded.columns) == ["llm", "benchmark", "evaluator", "metric", "row", "reason"]


def test_rows_are_taken_or_listed_never_lost(toy):
    panel, excluded = toy()
    whole = set(excluded.loc[excluded["row"].isna(), "llm"])
    listed = set(excluded["row"].dropna())
    taken = int(panel["score"].notnull().sum())
    rows = pd.read_csv(io.StringIO(SCORES))
    of_kept = rows[~rows["llm"].isin(whole)]
    kept_listed = [row for row in of_kept.index + 2 if row in listed]
    assert len(kept_listed) + taken == len(of_kept)


def test_the_count_used_is_named(toy):
    panel, _ = toy()
    assert panel["params"].values.tolist() == [7e9, 9e9]
    assert panel["params_rule"].values.tolist() == ["nonembedding", "total"]
    assert panel["params"].attrs["units"] == "parameters"


def test_fewer_benchmarks_leave_cells_empty(toy):
    panel, _ = toy(min_benchmarks=1)
    assert panel["llm"].values.tolist() == ["A", "B", "D"]
    cell = panel.sel(llm="B", benchmark="BBH")
    assert np.isnan(cell["score"])
    assert (int(cell["n_items"]), int(cell["correct"])) == (0, 0)
    assert panel.attrs["missing"] == "B / BBH"
    assert np.isnan(panel["tokens"].sel(llm="B"))


def test_nominal_items_only_when_asked_for(toy):
    panel, _ = toy(nominal_items=True)
    cell = panel.sel(llm="B", benchmark="BBH")
    assert (int(cell["n_items"]), int(cell["correct"])) == (6511, round(0.31 * 6511))


def test_stages_and_domains(toy):
    panel, excluded = toy(domains=["general"], stages=["base", "post-trained"], min_benchmarks=1)
    assert panel["llm"].values.tolist() == ["A", "B", "E"]
    assert reason_llm(excluded, "D") == "domain 'code' not asked for"


def test_an_evaluator_not_asked_for_is_listed(toy):
    panel, excluded = toy(evaluators=["harness-dump"], min_benchmarks=1)
    assert reason(excluded, 7) == "evaluator not asked for"
    assert panel["llm"].values.tolist() == ["A", "B", "D"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"benchmarks": ["MMLU", "BHB"]}, "did you mean 'BBH'"),
        ({"metrics": {"MMLU": ["acc"]}}, "metrics.BBH"),
        ({"metrics": {"MMLU": ["accuracy"], "BBH": ["em"]}}, "acc_char, acc_norm"),
        ({"evaluators": ["Bord"]}, "did you mean 'Board'"),
        ({"evaluators": "Board"}, "list"),
        ({"exclude_flags": ["suspicious"]}, "suspect: too low"),
        ({"stages": ["chat"]}, "post-trained"),
        ({"domains": ["law"]}, "general"),
        ({"min_benchmarks": 3}, "1 to 2"),
        ({"evaluators": ["Own D"], "min_benchmarks": 2}, "no model has 2"),
    ],
)
def test_arguments_that_name_nothing_are_refused(toy, changes, words):
    with pytest.raises(TableError, match=words):
        toy(**changes)


def test_all_argument_problems_come_at_once(toy):
    with pytest.raises(TableError) as refused:
        toy(evaluators=["Bord"], stages=["chat"], min_benchmarks=0)
    assert len(refused.value.problems) == 3


def test_bundled_panel_of_five_benchmarks():
    panel, excluded = load_panel(**BUNDLED)
    assert panel.sizes == {"llm": 70, "benchmark": 5}
    assert not panel["score"].isnull().any()
    assert (panel["n_items"] > 0).all()
    assert (panel["correct"] <= panel["n_items"]).all()
    assert int(panel["moe"].sum()) == 9
    assert (panel["params_active"].notnull() | ~panel["moe"]).all()
    years = panel["release_date"].dt.year
    assert [int((years == year).sum()) for year in (2023, 2024, 2025)] == [24, 32, 14]
    assert float(panel["score"].sel(llm="Llama-2-7B", benchmark="MMLU")) == 0.4687
    assert excluded["reason"].ne("").all()


def test_every_bundled_model_is_in_the_panel_or_listed():
    panel, excluded = load_panel(**BUNDLED)
    whole = set(excluded.loc[excluded["row"].isna(), "llm"])
    assert whole.isdisjoint(panel["llm"].values.tolist())
    assert len(whole) + panel.sizes["llm"] == 276


def test_nominal_items_add_models_to_the_bundled_panel():
    panel, _ = load_panel(**BUNDLED, nominal_items=True)
    assert panel.sizes["llm"] == 73
