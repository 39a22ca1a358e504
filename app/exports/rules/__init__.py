"""What an export may be asked to hold, what its columns are, and how rows and cells are made safe."""

from app.exports.rules.asking import Format as Format
from app.exports.rules.asking import Locale as Locale
from app.exports.rules.asking import Profile as Profile
from app.exports.rules.asking import Wanted as Wanted
from app.exports.rules.columns import COLUMNS as COLUMNS
from app.exports.rules.columns import FILTERS as FILTERS
from app.exports.rules.columns import NARROW as NARROW
from app.exports.rules.columns import SCHEMA_VERSION as SCHEMA_VERSION
from app.exports.rules.columns import Cell as Cell
from app.exports.rules.columns import Column as Column
from app.exports.rules.guarding import guard as guard
from app.exports.rules.guarding import recover as recover
from app.exports.rules.short import WantedCases as WantedCases
