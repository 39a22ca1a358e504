"""What stands in the cells of files that people read: what a code is called, in their language."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from app.exports.codebook import values_of
from app.exports.rules.asking import Locale
from app.exports.rules.columns import Column
from app.exports.store.beside import BETWEEN
from app.exports.writers.tables import Values
from app.usecases.rulebook import Rulebook

_REMEMBERED: Final = 4_096


class Labels(dict[Any, Any]):
    """The label of each code of one column; several codes in a cell are called one by one.

    What is no code stays as it is: an older release, or an older configuration, may have had it.
    """

    def __missing__(self, cell: Any) -> Any:  # noqa: ANN401 - a cell
        """What a cell says that is not a single code; a few thousand of them are remembered."""
        told = BETWEEN.join(self.get(code, code) for code in cell.split(BETWEEN))
        if len(self) < _REMEMBERED:
            self[cell] = told
        return told


def labels_of(rulebook: Rulebook, columns: Sequence[Column], locale: Locale) -> dict[int, Labels]:
    """The labels of each column that holds codes, by the column's place."""
    return {
        place: _labels(values_of(rulebook, column.codes), locale)
        for place, column in enumerate(columns)
        if column.codes
    }


def labelled(rows: Iterator[Values], labels: Mapping[int, Labels]) -> Iterator[Values]:
    """The rows with labels in the place of codes."""
    by_place = list(labels.items())
    for values in rows:
        for place, called in by_place:
            code = values[place]
            if code is not None:
                values[place] = called[code]
        yield values


def _labels(values: Iterable[tuple[str, str, str]], locale: Locale) -> Labels:
    """A label that would not lead back to its one code is left out: there the code stays.

    Whoever configures a list may call two codes the same, or one like another's code.
    """
    called = {code: km if locale == "km" else en for code, km, en in values}
    said = [*called, *(label for code, label in called.items() if label != code)]
    return Labels(
        {
            code: label
            for code, label in called.items()
            if label == code or (said.count(label) == 1 and BETWEEN not in label)
        }
    )
