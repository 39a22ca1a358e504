"""What an export may be asked to hold, and how a cell is made safe to open."""

from app.exports.rules.cases import COLUMNS as COLUMNS
from app.exports.rules.cases import POSITION as POSITION
from app.exports.rules.cases import Cell as Cell
from app.exports.rules.cases import Column as Column
from app.exports.rules.cases import Locale as Locale
from app.exports.rules.cases import WantedCases as WantedCases
from app.exports.rules.cases import guard as guard
from app.exports.rules.cases import recover as recover
