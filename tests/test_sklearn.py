"""scikit-learn's own checks of estimators, and its tools around them. Needs ``.[sklearn]``."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import tinygrad_cnn as tg
from tinygrad_cnn.sklearn import NeuralNetClassifier, NeuralNetRegressor

CHECKS = [
    (estimator, check)
    for kind in (NeuralNetClassifier, NeuralNetRegressor)
    for estimator, check in estimator_checks_generator(kind(dtype="float64", max_epochs=30, random_state=0))
]
X, Y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)


@pytest.mark.parametrize(
    ("estimator", "check"), CHECKS, ids=lambda x: x.func.__name__ if hasattr(x, "func") else type(x).__name__
)
def test_scikit_learns_checks_pass(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_a_search_over_a_pipeline_in_two_processes() -> None:
    pipeline = make_pipeline(StandardScaler(), NeuralNetClassifier(max_epochs=5, random_state=0))
    grid = {"neuralnetclassifier__module_options": [{"hidden": 1}, {"hidden": 32}]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, Y)
    assert search.best_params_["neuralnetclassifier__module_options"] == {"hidden": 32}


def test_calibration_clones_and_pickles() -> None:
    net = NeuralNetClassifier(max_epochs=5, random_state=0).fit(X, Y)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    assert not hasattr(clone(net), "module_")
    calibrated = CalibratedClassifierCV(NeuralNetClassifier(max_epochs=5, random_state=0), cv=2).fit(X, Y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(1), 1)


def test_fitting_depends_on_the_random_state_alone_and_changes_no_other() -> None:
    tg.manual_seed(5)
    first = NeuralNetClassifier(max_epochs=3, random_state=1).fit(X, Y).predict_proba(X)
    drawn = tg.rand(3).tolist()
    second = NeuralNetClassifier(max_epochs=3, random_state=1).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(first, second)
    tg.manual_seed(5)
    assert tg.rand(3).tolist() == drawn


def test_the_best_weights_are_restored_and_nothing_is_held_back_without_validation() -> None:
    net = NeuralNetClassifier(max_epochs=60, validation_fraction=0.25, patience=3, lr=0.1, random_state=0).fit(X, Y)
    assert 3 < net.n_iter_ < 60
    assert net.trainer_.history.ended_early
    assert "val_loss" in net.history_[0]
    whole = NeuralNetClassifier(max_epochs=1, random_state=0).fit(X, Y)
    assert whole.history_[0]["val_loss"] is None


def test_partial_fit_goes_on_and_refuses_a_new_class() -> None:
    net = NeuralNetClassifier(random_state=0).partial_fit(X[Y < 2], Y[Y < 2], classes=[0, 1, 2])
    net.partial_fit(X, Y)
    assert (net.n_iter_, net.predict_proba(X).shape) == (2, (120, 3))
    with pytest.raises(ValueError, match=r"y has the class .*3.*; wanted one of \[0, 1, 2\]"):
        net.partial_fit(X, Y + 1)


def test_pictures_and_several_targets() -> None:
    def network(shape: tuple[int, ...], n_outputs: int) -> tg.nn.Module:
        return tg.nn.Sequential(tg.nn.Conv2d(shape[0], 2, 3), tg.nn.Flatten(), tg.nn.Linear(32, n_outputs))

    pictures = np.random.default_rng(0).normal(size=(40, 1, 6, 6))
    classes = pictures.mean((1, 2, 3)) > 0
    assert NeuralNetClassifier(network, random_state=0).fit(pictures, classes).score(pictures, classes) > 0.9
    inputs, targets = make_regression(80, 4, n_targets=2, random_state=0)
    net = NeuralNetRegressor(lr=0.03, max_epochs=100, random_state=0).fit(inputs, targets)
    assert net.predict(inputs).shape == (80, 2)
    assert net.score(inputs, targets) > 0.9
