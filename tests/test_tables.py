"""The strict reader: bundled tables pass, broken twins are refused with the way out."""

from pathlib import Path

import pytest

from densing_bayes.errors import InputError, Problem, TableError
from densing_bayes.tables import TABLES, bundled_path, read_table, schema, share_dir

HERE = Path(__file__).parent / "data"

REF, PTS, LLM = "reference_losses", "loss_score_points", "llms"

# file, table, then for each problem: row, column, value, words of the way out
WRONG = [
    ("nan", PTS, [(3, "score", "NaN", "leave the cell empty")]),
    ("blank", PTS, [(3, "score", "", "fill in the value")]),
    ("negative_size", REF, [(3, "params", "-5e6", "write the true value")]),
    ("zero_size", REF, [(3, "params", "0", "write the true value")]),
    (
        "billions",
        LLM,
        [(3, "params_total", "7", "7e9 and not 7"), (3, "tokens", "1400", "1.4e12 and not 1400")],
    ),
    ("percent", PTS, [(3, "score", "64.2", "divide it by 100")]),
    ("duplicate", REF, [(4, "benchmark, run", "MMLU, a", "keep row 2 or row 4")]),
    ("benchmark", REF, [(3, "benchmark", "MMLUU", "did you mean 'MMLU'?")]),
    ("date", LLM, [(3, "release_date", "2024-13-01", "year-month-day")]),
    ("future", LLM, [(3, "release_date", "2204-04-18", "year-month-day")]),
    ("missing_column", REF, [(1, "loss", None, "add the column")]),
    ("unknown_column", REF, [(1, "sourse", "sourse", "columns are not ignored")]),
    ("text", REF, [(3, "loss", "0,65", "write digits with a point")]),
    ("empty", REF, [(None, None, None, "write the header line")]),
    ("header_only", REF, [(1, None, None, "add at least one row")]),
    (
        "ragged",
        REF,
        [
            (3, None, "MMLU,b,5e6,1e8,0.65", "add the missing commas"),
            (4, None, "MMLU,c,5e6,1e8,0.6,toy,see note", "between double quotes"),
        ],
    ),
    ("semicolons", REF, [(1, None, "benchmark;run", "comma as separator")]),
    ("duplicate_column", REF, [(1, "loss", "loss", "remove or rename the second one")]),
    ("active", LLM, [(3, "params_active", "9000000000", "swap the two")]),
    ("nonembedding", LLM, [(2, "params_nonembedding", "8500000000", "swap the two")]),
    ("run_size", REF, [(3, "params", "6e6", "a run has one size")]),
    ("bom", REF, [(1, None, "EF BB BF", "not 'UTF-8 with BOM'")]),
    ("latin1", LLM, [(2, "organisation", r"Universit\xe9 Toy", "save the file as UTF-8")]),
    ("infinite", REF, [(2, "loss", "inf", "write digits with a point")]),
    ("blanks_around", REF, [(2, "run", " a", "remove the blanks")]),
    ("quote", REF, [(2, None, None, "close every quoted cell")]),
    ("role", PTS, [(2, "role", "fitt", "did you mean 'fit'?")]),
    ("boolean", LLM, [(2, "moe", "yes", "write true or false")]),
    ("blank_line", REF, [(3, None, None, "remove the line")]),
    (
        "several",
        REF,
        [
            (2, "loss", "0", "greater than zero"),
            (3, "benchmark", "MMLUU", "did you mean 'MMLU'?"),
            (3, "params", "7", "7e9 and not 7"),
            (4, "tokens", "x", "write digits with a point"),
            (5, "benchmark, run", "MMLU, c", "keep row 4 or row 5"),
            (6, None, "MMLU,d", "add the missing commas"),
        ],
    ),
]


@pytest.mark.parametrize(("name", "table", "expected"), WRONG, ids=[w[0] for w in WRONG])
def test_a_broken_table_is_refused_with_place_value_and_way_out(name, table, expected):
    path = HERE / f"wrong_{name}.csv"
    with pytest.raises(TableError) as refused:
        read_table(table, path)
    problems = refused.value.problems
    assert len(problems) == len(expected), str(refused.value)
    noun = "problem" if len(expected) == 1 else "problems"
    text = str(refused.value)
    assert text.startswith(f"{len(expected)} {noun} in wrong_{name}.csv:")
    for problem, (row, column, value, way_out) in zip(problems, expected, strict=True):
        assert problem.file == path.name
        assert (problem.row, problem.column) == (row, column)
        assert (problem.value is None) == (value is None)
        assert value is None or problem.value.startswith(value)
        assert way_out in problem.hint
        for part in (row and f"row {row}", column and f"'{column}'", value, way_out):
            assert not part or str(part) in text


def test_every_wrong_file_is_tested():
    assert {path.name for path in HERE.glob("wrong_*.csv")} == {f"wrong_{w[0]}.csv" for w in WRONG}


@pytest.mark.parametrize("table", TABLES)
def test_bundled_tables_pass_their_schema(table):
    frame = read_table(table)
    assert list(frame.columns) == list(schema(table).columns)
    assert len(frame) > 0
    assert frame.index[0] == 2
    assert frame.attrs["path"] == f"{table}.csv"
    assert len(frame.attrs["sha256"]) == 64


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_described_and_numbers_have_a_unit(table):
    for column in schema(table).columns.values():
        assert column.description
        assert column.unit or column.type in ("string", "boolean")


def test_bundled_files_have_no_float_noise():
    for table in TABLES:
        text = bundled_path(table).read_text(encoding="utf-8")
        assert "00000001," not in text
        assert "99999999," not in text


def test_a_table_of_that_name_must_exist():
    with pytest.raises(TableError, match="did you mean 'llms'"):
        read_table("llm")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TableError, match=r"no such file.*nowhere\.csv"):
        read_table("llms", tmp_path / "nowhere.csv")
    with pytest.raises(TableError, match="folder"):
        read_table("llms", tmp_path)


def test_known_names_replace_those_of_the_schema(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("benchmark,run,params,tokens,loss,source\nPIQA,a,5e6,1e8,0.7,me\n")
    with pytest.raises(TableError, match="unknown benchmark"):
        read_table("reference_losses", path)
    frame = read_table("reference_losses", path, known={"benchmark": ["PIQA"]})
    assert frame.at[2, "params"] == 5e6


def test_optional_columns_come_out_blank(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "benchmark,checkpoint,role,loss,score,n_items,source\nMMLU,a,fit,0.3,0.5,100,me\n"
    )
    frame = read_table("loss_score_points", path)
    assert frame["n_items_note"].isna().all()


def test_share_dir_holds_the_tables():
    assert (share_dir() / "data" / "schema.toml").is_file()


def test_problem_reads_as_one_line():
    problem = Problem(
        message="too large",
        file="scores.csv",
        row=7,
        column="score",
        value="64.2",
        allowed="a fraction in [0, 1]",
        hint="divide percent by 100",
    )
    assert str(problem) == (
        "scores.csv, row 7, column 'score': too large; got '64.2'; allowed: a fraction in [0, 1]. "
        "Mend: divide percent by 100"
    )
    assert isinstance(TableError([problem]), InputError)
    assert str(Problem(message="unknown key", file="m.toml", key="a.b")) == (
        "m.toml, key 'a.b': unknown key."
    )
