"""Message-IDs of mails that others wrote, or rewrote, and the engagement that each belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_mail",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("engagement", sa.Text(), nullable=False),
        sa.Column("item", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", name="known_mail_pkey"),
    )
