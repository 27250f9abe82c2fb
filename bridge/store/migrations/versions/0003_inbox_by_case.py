"""What came for one case is looked up by the case."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("inbox_case", "inbox", ["case_id", "source"])
