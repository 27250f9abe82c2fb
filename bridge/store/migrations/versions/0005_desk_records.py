"""What the desk's own system calls its record of a case, and says about it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("desk_record", "desk_link", "desk_status"):
        op.add_column("engagement", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("engagement", sa.Column("desk_status_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "engagement_desk_record",
        "engagement",
        ["desk", "desk_record"],
        sqlite_where=sa.text("desk_record <> ''"),
        postgresql_where=sa.text("desk_record <> ''"),
    )
