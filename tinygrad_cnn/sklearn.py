"""Models as scikit-learn's estimators, for its pipelines and searches. Needs the extra ``[sklearn]``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from tinygrad_cnn import nn, optim
from tinygrad_cnn.creation import from_numpy, zeros
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.ops import softmax
from tinygrad_cnn.random import Generator, default_generator, replace_generator
from tinygrad_cnn.support.dtypes import as_dtype
from tinygrad_cnn.training import Callback, EarlyStopping, Trainer
from tinygrad_cnn.typing import Array

__all__ = ["NeuralNetClassifier", "NeuralNetRegressor", "perceptron"]


def perceptron(n_features: int, n_outputs: int, hidden: int = 64) -> nn.Module:
    """Return the model that is trained if none is given: one hidden layer with ReLU."""
    return nn.Sequential(nn.Flatten(), nn.Linear(n_features, hidden), nn.ReLU(), nn.Linear(hidden, n_outputs))


class _NeuralNet(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share: fitting, and the outputs of the model."""

    _loss: type[nn.Module]

    def __init__(
        self,
        module: Callable[..., nn.Module] = perceptron,
        module_options: Mapping[str, Any] | None = None,
        optimizer: str | Callable[..., optim.Optimizer] = "Adam",
        optimizer_options: Mapping[str, Any] | None = None,
        lr: float = 0.01,
        max_epochs: int = 50,
        batch_size: int = 32,
        validation_fraction: float = 0.0,
        patience: int = 10,
        callbacks: Sequence[Callback] = (),
        warm_start: bool = False,
        dtype: str = "float32",
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.module, self.module_options = module, module_options
        self.optimizer, self.optimizer_options, self.lr = optimizer, optimizer_options, lr
        self.max_epochs, self.batch_size = max_epochs, batch_size
        self.validation_fraction, self.patience, self.callbacks = validation_fraction, patience, callbacks
        self.warm_start, self.dtype = warm_start, dtype
        self.random_state, self.verbose = random_state, verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new model on all samples, or go on with the one there is if ``warm_start`` is set."""
        return self._fit(X, y, self.max_epochs, not (self.warm_start and hasattr(self, "module_")))

    def _fit(self, X: Any, y: Any, epochs: int, fresh: bool, classes: Any = None) -> Self:
        X, targets = self._checked(X, y, fresh, classes)
        with self._own_random_numbers():
            if fresh:
                self._make(X, self._number_of_outputs(targets))
            order = default_generator().permutation(len(X))
            held = round(self.validation_fraction * len(X))
            train, validation = (
                DataLoader(TensorDataset(from_numpy(X[part]), from_numpy(targets[part])), self.batch_size, shuffle)
                if len(part)
                else None
                for part, shuffle in ((order[held:], True), (order[:held], False))
            )
            if train is None:
                raise ValueError(
                    f"fit: validation_fraction is {self.validation_fraction}; nothing is left to train on"
                )
            self.trainer_.history.ended_early = None
            done = len(self.trainer_.history)
            self.trainer_.fit(train, validation, done + epochs, verbose=bool(self.verbose))
        self.history_ = [epoch.row() for epoch in self.trainer_.history.epochs]
        self.n_iter_ = len(self.history_)
        return self

    @contextmanager
    def _own_random_numbers(self) -> Iterator[None]:
        """Within the block, draw from a generator with the seed of ``random_state``: fitting changes no other."""
        before = default_generator()
        replace_generator(Generator().manual_seed(int(check_random_state(self.random_state).randint(2**31))))
        try:
            yield
        finally:
            replace_generator(before)

    def _make(self, X: Array, outputs: int) -> None:
        """Make model, optimizer and trainer for samples like these."""
        known = {"n_features": int(np.prod(X.shape[1:])), "shape": X.shape[1:], "n_outputs": outputs}
        taken = inspect.signature(self.module).parameters
        given = {name: value for name, value in known.items() if name in taken} | dict(self.module_options or {})
        self.module_ = self.module(**given).to(as_dtype(self.dtype))
        kind = getattr(optim, self.optimizer) if isinstance(self.optimizer, str) else self.optimizer
        optimizer = kind(self.module_.parameters(), lr=self.lr, **(self.optimizer_options or {}))
        stops = [EarlyStopping(self.patience)] if self.validation_fraction else []
        callbacks = [*self.callbacks, *stops]
        self.trainer_ = Trainer(self.module_, self._loss(), optimizer, callbacks=callbacks, metric=None)

    def _outputs(self, X: Any) -> Array:
        check_is_fitted(self)
        checked = validate_data(self, X, reset=False, dtype=self.dtype, allow_nd=True)
        data = TensorDataset(from_numpy(np.ascontiguousarray(checked)), zeros(len(checked)))
        return self.trainer_.predict(DataLoader(data, 1000)).numpy().astype(np.float64)

    def _checked(self, X: Any, y: Any, fresh: bool, classes: Any) -> tuple[Array, Array]:
        raise NotImplementedError(f"{type(self).__name__}: _checked() is not defined")

    def _number_of_outputs(self, targets: Array) -> int:
        raise NotImplementedError(f"{type(self).__name__}: _number_of_outputs() is not defined")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.random_state is None
        return tags


class NeuralNetClassifier(ClassifierMixin, _NeuralNet):  # type: ignore[misc]
    """A model that is trained with the cross-entropy, as a classifier for scikit-learn.

    ``module`` is a class or function that makes the model. It is given those of ``n_features``, ``shape`` and
    ``n_outputs`` that it has parameters for, and ``module_options``. With ``validation_fraction``, training ends
    after ``patience`` epochs without progress on that part of the samples, and the best weights are restored;
    without, all samples are trained on. The model is ``module_``, and the losses are in ``history_``.

    >>> import numpy as np
    >>> from tinygrad_cnn.sklearn import NeuralNetClassifier
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> NeuralNetClassifier(random_state=0).fit(X, X[:, 0] > 0).predict([[2.0, 0.0], [-2.0, 0.0]])
    array([ True, False])
    """

    _loss = nn.CrossEntropyLoss

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train for one epoch. The first call may name all classes, where its samples have not all of them."""
        return self._fit(X, y, 1, not hasattr(self, "module_"), classes)

    def _checked(self, X: Any, y: Any, fresh: bool, classes: Any) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, reset=fresh, dtype=self.dtype, allow_nd=True)
        check_classification_targets(y)
        if fresh:
            self.classes_ = np.unique(y if classes is None else classes)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"fit: y has the class {unknown[0]!r}; wanted one of {self.classes_.tolist()}")
        return X, np.searchsorted(self.classes_, y)

    def _number_of_outputs(self, targets: Array) -> int:
        return len(self.classes_)

    def decision_function(self, X: Any) -> Array:
        """Return the model's outputs (N, classes); of two classes, how far the second is ahead, (N,)."""
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, (N, classes)."""
        return softmax(from_numpy(self._outputs(X)), dim=1).numpy()

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each sample, (N,)."""
        best = self._outputs(X).argmax(1)
        return self.classes_[best]


class NeuralNetRegressor(RegressorMixin, _NeuralNet):  # type: ignore[misc]
    """A model that is trained with the mean squared error, as a regressor for scikit-learn.

    Targets have the shape (N,) or (N, outputs). Options are those of `NeuralNetClassifier`.

    >>> import numpy as np
    >>> from tinygrad_cnn.sklearn import NeuralNetRegressor
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> NeuralNetRegressor(random_state=0).fit(X, X[:, 0] + X[:, 1]).predict([[1.0, 1.0]]).round()
    array([2.])
    """

    _loss = nn.MSELoss

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Train for one epoch."""
        return self._fit(X, y, 1, not hasattr(self, "module_"))

    def _checked(self, X: Any, y: Any, fresh: bool, classes: Any) -> tuple[Array, Array]:
        X, y = validate_data(
            self, X, y, reset=fresh, dtype=self.dtype, allow_nd=True, multi_output=True, y_numeric=True
        )
        self._is_flat = y.ndim == 1
        return X, np.ascontiguousarray(y.reshape(len(y), -1), dtype=self.dtype)

    def _number_of_outputs(self, targets: Array) -> int:
        return int(targets.shape[1])

    def predict(self, X: Any) -> Array:
        """Return the model's outputs, in the shape of the targets that it was fitted to."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_flat else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
