"""${message[:1].upper() + message[1:].rstrip(".")}."""

% if "sa." in (upgrades or "") + (downgrades or ""):
import sqlalchemy as sa
% endif
% for line in sorted((imports or "").splitlines()):
${line}
% endfor
% if "sa." in (upgrades or "") + (downgrades or "") or imports:

% endif
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
