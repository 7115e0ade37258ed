"""The geometry of the curves, and numbers in words."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.views import Curves
from server.web.curves import HEIGHT, MOST_POINTS, WIDTH, charts, nice_steps, spark
from server.web.results import file_name
from server.web.words import ago, duration, measure, percent, size


def rounds(losses: list[float | None]) -> Curves:
    return Curves(rounds=list(range(len(losses))), loss=losses)


def test_no_curve_is_drawn_before_there_are_two_points() -> None:
    assert charts(Curves()) == []
    assert charts(rounds([1.0])) == []
    assert charts(rounds([None, math.nan, math.inf, 1.0])) == []


@given(st.lists(st.none() | st.floats(width=32), min_size=2, max_size=60))
def test_every_point_lies_inside_the_picture_whatever_the_numbers(losses: list[float | None]) -> None:
    for chart in charts(rounds(losses)):
        for line in chart.lines:
            for pair in line.points.split():
                x, y = (float(text) for text in pair.split(","))
                assert 0 <= x <= WIDTH
                assert 0 <= y <= HEIGHT


def test_what_a_liar_says_its_loss_was_breaks_no_page() -> None:
    said = [1.7e308, -1.7e308, float("nan"), float("inf"), 2.0, 1.0]
    [chart] = charts(rounds([*said]))
    assert len(chart.lines[0].points.split()) == 2
    assert "nan" not in spark(said)


def test_long_histories_are_thinned_out_but_keep_their_ends() -> None:
    (chart,) = charts(rounds([1 / (n + 1) for n in range(10_000)]))
    points = chart.lines[0].points.split()
    assert len(points) <= MOST_POINTS + 2
    assert (points[0].split(",")[0], points[-1].split(",")[0]) == (f"{46:g}", f"{WIDTH - 10:g}")


def test_a_lower_loss_is_drawn_lower() -> None:
    (chart,) = charts(rounds([2.0, 1.0]))
    first, last = (float(pair.split(",")[1]) for pair in chart.lines[0].points.split())
    assert first < last
    assert chart.sentence == "loss: training from 2 in round 0 to 1 in round 1"


def test_a_sparkline_goes_from_side_to_side_and_down_where_the_loss_does() -> None:
    assert spark([]) == spark([1.0]) == ""
    assert spark([3.0, 2.0, 1.0], 104, 24) == "2.0,2.0 52.0,12.0 102.0,22.0"
    assert spark([1.0, 1.0], 104, 24) == "2.0,2.0 102.0,2.0"


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_the_steps_of_an_axis_enclose_the_values_and_are_few(low: float, span: float) -> None:
    steps = nice_steps(low, low + span)
    slack = 1e-6 * max(1.0, abs(low), span)
    assert steps[0] <= low + slack
    assert steps[-1] >= low + span - slack
    assert 2 <= len(steps) <= 9


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KB"), (4_123_456, "4.1 MB"), (999_999, "1.0 MB"),
     (32 * 10**9, "32.0 GB"), (850_000_000, "850 MB"), (10**16, "10000 TB")],
)  # fmt: skip
def test_sizes_are_said_in_short(count: int, text: str) -> None:
    assert size(count) == text


def test_numbers_are_said_as_people_say_them() -> None:
    assert [measure(value) for value in (None, math.nan, 0.25, 1e-7)] == [
        "-",
        "not finite",
        "0.2500",
        "1.000e-07",
    ]
    assert [percent(share) for share in (0, 0.29, 0.999, 1.0, 2.0)] == [
        "0 %",
        "29 %",
        "99 %",
        "100 %",
        "100 %",
    ]
    assert [duration(seconds) for seconds in (1.25, 45, 600, 7200, 10**6)] == [
        "1.2 s", "45 s", "10 min", "2.0 h", "11.6 days",
    ]  # fmt: skip
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert [ago(None, now), ago(now, now), ago(now - dt.timedelta(hours=3), now)] == [
        "never",
        "just now",
        "3.0 h ago",
    ]


def test_a_projects_name_becomes_a_harmless_file_name() -> None:
    assert [file_name(name) for name in ("Digits 2!", "../..", "Vögel")] == ["digits-2", "project", "v-gel"]
