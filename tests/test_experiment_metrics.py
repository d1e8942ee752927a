"""Metrics, against loops that a reader can check, and numbers worked out by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinygrad_cnn.experiment.metrics import (
    calibration,
    confusion_matrix,
    overfitting_warning,
    per_class,
    statistics,
    wilson_interval,
)
from tinygrad_cnn.training import Epoch, History, Score

CLASSES = 4
pairs = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), max_size=40)


# --- confusion, and what follows from it ---


@given(pairs)
def test_the_confusion_matrix_counts_pairs_of_truth_and_guess(pairs: list[tuple[int, int]]) -> None:
    labels, guesses = [t for t, _ in pairs], [g for _, g in pairs]
    matrix = confusion_matrix(labels, guesses, CLASSES)
    assert matrix.dtype == np.int64
    for truth in range(CLASSES):
        for guess in range(CLASSES):
            assert matrix[truth, guess] == pairs.count((truth, guess))


@given(pairs)
def test_figures_of_each_class_are_those_of_counting(pairs: list[tuple[int, int]]) -> None:
    figures = per_class(confusion_matrix([t for t, _ in pairs], [g for _, g in pairs], CLASSES))
    for c in range(CLASSES):
        right = sum(t == g == c for t, g in pairs)
        guessed, support = sum(g == c for _, g in pairs), sum(t == c for t, _ in pairs)
        precision, recall = right / guessed if guessed else 0, right / support if support else 0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert [column[c] for column in figures] == pytest.approx([precision, recall, f1, support])


def test_bytes_are_class_indices_too() -> None:
    labels = np.array([19, 0], np.uint8)
    assert confusion_matrix(labels, labels, 20)[19, 19] == 1  # 19 * 20 does not fit a byte


# --- calibration ---


@given(arrays(np.float32, (23, 3), elements=st.floats(0.125, 1, width=32)), st.integers(1, 20))
def test_calibration_is_that_of_a_loop_over_bins(raw: np.ndarray, bins: int) -> None:
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    labels = np.arange(23) % 3
    found = calibration(probabilities, labels, bins)
    confidence, right = probabilities.max(axis=1).astype(float), probabilities.argmax(axis=1) == labels
    error = 0.0
    for i in range(bins):
        inside = (confidence > found.edges[i]) & (confidence <= found.edges[i + 1])
        assert found.count[i] == inside.sum()
        if inside.any():
            assert found.confidence[i] == pytest.approx(confidence[inside].mean())
            assert found.accuracy[i] == pytest.approx(right[inside].mean())
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
        else:
            assert found.confidence[i] == found.accuracy[i] == 0
    assert found.error == pytest.approx(error)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    assert calibration([[0.5, 0.5]], [0], bins=2).count.tolist() == [1, 0]


def test_certainty_that_is_right_is_calibrated_and_certainty_that_is_wrong_is_not() -> None:
    certain = np.eye(3)
    assert calibration(certain, [0, 1, 2]).error == 0
    assert calibration(certain, [1, 2, 0]).error == 1


# --- the interval ---


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_estimate_and_solves_its_equation(counts: tuple[int, int]) -> None:
    right, total = counts
    low, high = wilson_interval(right, total)
    p = right / total
    assert 0 <= low <= p <= high <= 1
    for bound in (low, high):  # Wilson: the bounds are where the estimate is 1.96 standard deviations away
        assert (p - bound) ** 2 == pytest.approx(1.959964**2 * bound * (1 - bound) / total, rel=1e-6, abs=1e-12)


def test_the_interval_of_a_textbook() -> None:
    assert wilson_interval(10, 20) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


# --- a run as a whole ---


def run(*epochs: tuple[float, float, float]) -> History:
    """Epochs of 2 s with a training loss, a training and a validation accuracy."""
    return History(
        [Epoch(i, Score(loss, a), Score(loss + 0.5, v), 0.1, 2.0) for i, (loss, a, v) in enumerate(epochs, 1)]
    )


def test_final_statistics_are_those_of_the_reports_section() -> None:
    found = statistics(run((2.3026, 0.1, 0.2), (1.0, 0.5, 0.87), (0.2071, 0.8933, 0.85)), Score(0.4, 0.9), 100)
    low, high = wilson_interval(90, 100)
    assert found == pytest.approx(
        {
            "epochs": 3,
            "train_loss": 0.2071,
            "loss_improvement": 2.0955,
            "train_accuracy": 0.8933,
            "val_loss": 0.7071,
            "val_accuracy": 0.85,
            "best_val_accuracy": 0.87,
            "seconds_per_epoch": 2.0,
            "seconds_total": 6.0,
            "test_loss": 0.4,
            "test_accuracy": 0.9,
            "test_accuracy_low": low,
            "test_accuracy_high": high,
        }
    )


def test_statistics_are_strict_json_also_of_a_run_that_went_wrong() -> None:
    lost = History([Epoch(1, Score(math.nan, 0.1), None, 0.1, 1.0)])
    found = json.loads(json.dumps(statistics(lost), allow_nan=False))
    assert found["train_loss"] is found["val_loss"] is found["best_val_accuracy"] is None
    assert found["train_accuracy"] == 0.1


def test_a_gap_of_more_than_10_points_is_overfitting() -> None:
    assert overfitting_warning(0.4, 0.3) is None  # 10 points, although 0.4 - 0.3 > 0.1 in floating point
    assert overfitting_warning(0.3, 0.9) is None
    assert overfitting_warning(math.nan, 0.9) is None
    assert "10.1 points above validation accuracy 80.00%" in str(overfitting_warning(0.901, 0.8))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: confusion_matrix([0, 3], [0, 1], 3), "confusion_matrix: labels from 0 to 3; wanted 0 to 2"),
        (lambda: confusion_matrix([0], [-1], 3), "confusion_matrix: guesses from -1 to -1; wanted 0 to 2"),
        (lambda: confusion_matrix([0.5], [0], 3), "labels are float64 .* wanted integers"),
        (lambda: confusion_matrix([0, 1], [0], 3), "2 labels, 1 guesses; wanted as many"),
        (lambda: confusion_matrix([], [], 0), "classes is 0; wanted at least 1"),
        (lambda: per_class(np.zeros((2, 3))), "per_class: .* wanted a square"),
        (lambda: calibration(np.zeros((0, 3)), []), r"calibration: probabilities \(0, 3\), 15 bins"),
        (lambda: calibration([[math.nan, 1]], [0]), "calibration: .* not all from 0 to 1"),
        (lambda: calibration([[3.0, -2.0]], [0]), "calibration: .* not all from 0 to 1"),
        (lambda: calibration([[0.5, 0.5]], [0, 1]), "1 samples, 2 labels; wanted as many"),
        (lambda: wilson_interval(3, 2), "wilson_interval: 3 right of 2"),
        (lambda: wilson_interval(0, 0), "wilson_interval: 0 right of 0"),
        (lambda: statistics(History()), "statistics: the history has no epochs"),
    ],
)
def test_bad_calls_say_what_is_wrong(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
