"""Owners with their tokens' hashes, sessions, answers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "facts", sa.Column("name", sa.String(64), primary_key=True), sa.Column("value", sa.Text())
    )
    op.create_table(
        "owners",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "answers",
        sa.Column("reader", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("case_name", sa.String(64), nullable=False),
        sa.Column("is_repeat", sa.Boolean(), nullable=False),
        sa.Column("real", sa.String(16)),
        sa.Column("real_certainty", sa.Integer()),
        sa.Column("quality", sa.Integer()),
        sa.Column("diagnosis", sa.String(64)),
        sa.Column("diagnosis_certainty", sa.Integer()),
        sa.Column("comment", sa.Text()),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reader", "position", name="one_answer_per_position"),
    )
