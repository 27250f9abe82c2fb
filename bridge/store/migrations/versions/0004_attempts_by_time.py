"""What may have reached a recipient of late is looked up by time."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("attempt_settle_after", "attempt", ["settle_after"])
