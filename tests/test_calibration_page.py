"""What README and the page say of calibration is what the artefact says, and it is good."""

import calibration_page as made
import pytest

ARTEFACT = made.read("calibration")
STUDIES = ARTEFACT["studies"]


def test_the_page_is_made_from_the_artefacts():
    page = made.page(ARTEFACT, *(made.read(name) for name in made.OTHERS))
    assert page == made.PAGE.read_text(), "run python tests/studies/calibration_page.py"


def test_the_sentence_in_readme_is_made_from_the_artefact():
    readme = made.README.read_text()
    assert made.with_sentence(readme, ARTEFACT) == readme, (
        "run python tests/studies/calibration_page.py"
    )


@pytest.mark.parametrize("name", STUDIES)
def test_right_models_are_inside_and_errors_made_on_purpose_outside(name):
    study = STUDIES[name]
    assert study["inside"] != study["must_fail"], study


def test_the_latent_calibrations_intervals_hold_what_they_say():
    latent = STUDIES["latent"]
    assert latent["replicates"] >= 1000
    assert latent["within_3_se"]
    assert latent["not_finite"] == 0


def test_errors_were_made_on_purpose():
    assert sum(study["must_fail"] for study in STUDIES.values()) >= 3
