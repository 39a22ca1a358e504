"""The change feed: for each worker, which documents changed or went, in the order of the commits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    UniqueConstraint,
    bindparam,
    delete,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from app.store.columns import table_of
from app.store.rows import insert_for

_SOME: Final = 500  # how many ids one statement names


class Kind(StrEnum):
    """What a device holds copies of."""

    CASE = "case"
    MEMBER = "member"
    NOTE = "note"
    CONTACT_ATTEMPT = "contact_attempt"
    TASK = "task"
    MESSAGE = "message"
    ATTACHMENT = "attachment"
    REFERENCE = "reference"
    SYNC_ISSUE = "sync_issue"


class FeedHeadRow(SQLModel, table=True):
    """The newest number of one worker's feed. Its lock, held to the commit, puts numbers in commit order.

    `fitted_for` says for which role, organisation and reference data the feed was last compared with
    what the worker may hold; where it is not so any more, the comparison is made again.
    """

    __tablename__ = "feed_head"

    viewer: UUID = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    fitted_for: str | None = None
    fitted_at: datetime | None = None


class FeedRow(SQLModel, table=True):
    """That a document is on a worker's devices, or (`gone`) must go from them. One row each, ever."""

    __tablename__ = "feed"
    __table_args__ = (
        UniqueConstraint("viewer", "seq", name="feed_order"),
        Index("feed_by_kind", "viewer", "kind", "seq"),
        Index("feed_by_case", "case_id", "kind"),
    )

    viewer: UUID = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    doc_id: UUID = Field(primary_key=True)
    case_id: UUID | None = None
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    gone: bool


class DocRow(SQLModel, table=True):
    """A document that devices may hold, and how often it changed. `viewer` where it is one worker's own."""

    __tablename__ = "feed_doc"

    kind: str = Field(primary_key=True)
    doc_id: UUID = Field(primary_key=True)
    case_id: UUID | None = Field(default=None, index=True)
    viewer: UUID | None = Field(default=None, index=True)
    rev: int


heads = table_of(FeedHeadRow)
feed = table_of(FeedRow)
docs = table_of(DocRow)


@dataclass(frozen=True, slots=True)
class Doc:
    """One document by kind and id, with the case it hangs on; `viewer` where it is one worker's own."""

    kind: str
    id: UUID
    case_id: UUID | None = field(default=None, compare=False)
    viewer: UUID | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a worker's feed."""

    doc: Doc
    seq: int
    gone: bool


@dataclass(frozen=True, slots=True)
class Head:
    """Where a worker's feed stands."""

    seq: int
    fitted_for: str | None
    fitted_at: datetime | None


class Touched:
    """What the stores of one transaction changed, gathered until its end.

    Each store notes what it writes, so that no use case can forget to.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.docs: dict[tuple[str, UUID], Doc] = {}
        self.pushed: dict[tuple[UUID, Doc], bool] = {}

    def note(self, kind: Kind, doc_id: UUID, case_id: UUID | None, *, viewer: UUID | None = None) -> None:
        """The document changed. `viewer` is whose it is, where it is one worker's own."""
        key = (kind.value, doc_id)
        known = self.docs.get(key)
        self.docs[key] = Doc(kind.value, doc_id, case_id or (known.case_id if known else None), viewer)

    def answer_to(self, viewer: UUID, doc: Doc, *, corrected: bool) -> None:
        """The worker's device pushed this document: its feed must say what became of it there.

        `corrected` where the device holds something else than what stands here now.
        """
        self.pushed[viewer, doc] = corrected or self.pushed.get((viewer, doc), False)

    def forget(self) -> None:
        """Begin with nothing again."""
        self.docs, self.pushed = {}, {}


class FeedStore:
    """The feeds as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Work inside this transaction."""
        self._connection = connection
        dialect = connection.dialect.name
        self._insert_doc = _insert_doc(dialect)
        self._insert_entry = _insert_entry(dialect)
        self._next = _next_numbers(dialect)

    def changed(self, touched: Iterable[Doc]) -> None:
        """Each document has another revision."""
        rows = [
            {"kind": doc.kind, "doc_id": doc.id, "case_id": doc.case_id, "viewer": doc.viewer, "rev": 1}
            for doc in sorted(touched, key=lambda doc: (doc.kind, doc.id))
        ]
        if rows:
            self._connection.execute(self._insert_doc, rows)

    def append(self, entries: Mapping[UUID, Mapping[Doc, bool]]) -> None:
        """Put into each worker's feed what changed there (False) or is gone (True).

        The heads are locked in one order until the commit, so that no reader ever sees a number whose
        predecessors are still to come. Source: docs/sync.md#the-feed.
        """
        wanted = {viewer: found for viewer, found in entries.items() if found}
        if not wanted:
            return
        counts = [{"viewer": viewer, "seq": len(wanted[viewer])} for viewer in sorted(wanted)]
        reached = {row.viewer: row.seq for row in self._connection.execute(self._next, counts)}
        rows = [
            {
                "viewer": viewer, "kind": doc.kind, "doc_id": doc.id, "case_id": doc.case_id,
                "seq": reached[viewer] - len(wanted[viewer]) + place, "gone": gone,
            }
            for viewer in sorted(wanted)
            for place, (doc, gone) in enumerate(_in_order(wanted[viewer]), start=1)
        ]  # fmt: skip
        self._connection.execute(self._insert_entry, rows)

    def drop(self, viewer: UUID, doc: Doc) -> None:
        """The worker threw away a document of their own: it goes from all their devices."""
        self._connection.execute(delete(docs).where(docs.c.kind == doc.kind, docs.c.doc_id == doc.id))
        self.append({viewer: {doc: True}})

    def lock(self, viewer: UUID) -> None:
        """Nobody else writes to this feed until the transaction ends. A feed that was not there begins."""
        self._connection.execute(self._next, [{"viewer": viewer, "seq": 0}]).all()

    def holders(self, case_ids: Iterable[UUID]) -> dict[UUID, set[UUID]]:
        """Who holds each case, going by the feeds."""
        found: dict[UUID, set[UUID]] = defaultdict(set)
        for row in self._connection.execute(_HOLDERS, {"cases": list(case_ids)}):
            found[row.doc_id].add(row.viewer)
        return found

    def docs_of(self, case_ids: Iterable[UUID]) -> list[Doc]:
        """Every document that hangs on the cases, the cases themselves among them."""
        return [
            Doc(row.kind, row.doc_id, row.case_id, row.viewer)
            for some in _by_some(list(case_ids))
            for row in self._connection.execute(_DOCS_OF_CASES, {"cases": some}).all()
        ]

    def docs_without_case(self, viewer: UUID, kinds: Sequence[str] = ()) -> list[Doc]:
        """A worker's own documents, and those of these kinds that hang on no case."""
        found = self._connection.execute(_DOCS_WITHOUT_CASE, {"viewer": viewer, "kinds": list(kinds)})
        return [Doc(row.kind, row.doc_id, row.case_id) for row in found]

    def held(self, viewer: UUID) -> dict[tuple[str, UUID], Doc]:
        """Everything on a worker's devices, going by the feed."""
        return {
            (row.kind, row.doc_id): Doc(row.kind, row.doc_id, row.case_id)
            for row in self._connection.execute(_HELD, {"viewer": viewer}).all()
        }

    def held_of_case(self, viewer: UUID, case_id: UUID) -> list[Doc]:
        """What a worker's devices hold of one case, going by the feed."""
        found = self._connection.execute(_HELD_OF_CASE, {"viewer": viewer, "case": case_id})
        return [Doc(row.kind, row.doc_id, row.case_id) for row in found]

    def holds(self, viewer: UUID, kind: str, ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those of the documents that are on the worker's devices, going by the feed."""
        found = self._connection.execute(_HOLDS, {"viewer": viewer, "kind": kind, "ids": list(ids)})
        return frozenset(found.scalars())

    def case_of(self, kind: str, doc_id: UUID) -> UUID | None:
        """The case that a document hangs on, if it is here and hangs on one."""
        asked = select(docs.c.case_id).where(docs.c.kind == kind, docs.c.doc_id == doc_id)
        return self._connection.execute(asked).scalar_one_or_none()

    def head(self, viewer: UUID) -> Head | None:
        """Where a worker's feed stands; None where it has not begun."""
        row = self._connection.execute(select(heads).where(heads.c.viewer == viewer)).one_or_none()
        return Head(row.seq, row.fitted_for, row.fitted_at) if row else None

    def fitted(self, viewer: UUID, fitted_for: str, now: datetime) -> None:
        """The feed holds what the worker may hold, as of now."""
        self._connection.execute(
            update(heads).where(heads.c.viewer == viewer).values(fitted_for=fitted_for, fitted_at=now)
        )

    def page(self, viewer: UUID, kinds: Iterable[str], after: int, limit: int) -> list[Entry]:
        """What came into a worker's feed after that number, in order."""
        asked = {"viewer": viewer, "kinds": list(kinds), "after": after, "limit": limit}
        return [
            Entry(Doc(row.kind, row.doc_id, row.case_id), row.seq, row.gone)
            for row in self._connection.execute(_PAGE, asked).all()
        ]

    def revisions(self, ids: Mapping[str, Iterable[UUID]]) -> dict[tuple[str, UUID], int]:
        """The revision of each document that is there, by kind and id."""
        return {
            (kind, row.doc_id): row.rev
            for kind, wanted in ids.items()
            for some in _by_some(list(wanted))
            for row in self._connection.execute(_REVISIONS, {"kind": kind, "ids": some}).all()
        }

    def ever_held(self, viewer: UUID, kind: str) -> dict[UUID, bool]:
        """Every document of a kind that was ever in a worker's feed, and whether it is gone."""
        found = self._connection.execute(_EVER_HELD, {"viewer": viewer, "kind": kind})
        return {row.doc_id: row.gone for row in found}

    def seqs(self, viewers: Iterable[UUID]) -> dict[UUID, int]:
        """The newest number of each feed."""
        found = self._connection.execute(_SEQS, {"viewers": list(viewers)})
        return {row.viewer: row.seq for row in found}


def _in_order(found: Mapping[Doc, bool]) -> list[tuple[Doc, bool]]:
    """Cases before what hangs on them, so that a device that shows a half-read page shows no orphans."""
    return sorted(found.items(), key=lambda item: (item[0].kind != Kind.CASE, item[0].kind, item[0].id))


def _by_some(ids: list[UUID]) -> list[list[UUID]]:
    return [ids[at : at + _SOME] for at in range(0, len(ids), _SOME)]


@cache
def _next_numbers(dialect: str) -> Any:  # noqa: ANN401 - one of two dialects' Insert
    """Move each head on by `seq` and say where it then stands. Rows are taken in the order given."""
    begin = insert_for(dialect, heads)
    moved = begin.on_conflict_do_update(
        index_elements=["viewer"], set_={"seq": heads.c.seq + begin.excluded.seq}
    )
    return moved.returning(heads.c.viewer, heads.c.seq)


@cache
def _insert_entry(dialect: str) -> Any:  # noqa: ANN401 - as above
    fresh = insert_for(dialect, feed)
    changed = {name: fresh.excluded[name] for name in ("seq", "gone", "case_id")}
    return fresh.on_conflict_do_update(index_elements=["viewer", "kind", "doc_id"], set_=changed)


@cache
def _insert_doc(dialect: str) -> Any:  # noqa: ANN401 - as above
    fresh = insert_for(dialect, docs)
    changed = {"rev": docs.c.rev + 1, "case_id": fresh.excluded.case_id}
    return fresh.on_conflict_do_update(index_elements=["kind", "doc_id"], set_=changed)


# Made once, for every change of a case asks them.
_HOLDERS: Final = select(feed.c.doc_id, feed.c.viewer).where(
    feed.c.case_id.in_(bindparam("cases", expanding=True)), feed.c.kind == Kind.CASE, ~feed.c.gone
)
_DOCS_OF_CASES: Final = select(docs.c.kind, docs.c.doc_id, docs.c.case_id, docs.c.viewer).where(
    docs.c.case_id.in_(bindparam("cases", expanding=True))
)
_DOCS_WITHOUT_CASE: Final = select(docs.c.kind, docs.c.doc_id, docs.c.case_id).where(
    docs.c.case_id.is_(None),
    (docs.c.viewer == bindparam("viewer"))
    | (docs.c.viewer.is_(None) & docs.c.kind.in_(bindparam("kinds", expanding=True))),
)
_HELD: Final = select(feed.c.kind, feed.c.doc_id, feed.c.case_id).where(
    feed.c.viewer == bindparam("viewer"), ~feed.c.gone
)
_HOLDS: Final = select(feed.c.doc_id).where(
    feed.c.viewer == bindparam("viewer"), feed.c.kind == bindparam("kind"), ~feed.c.gone,
    feed.c.doc_id.in_(bindparam("ids", expanding=True)),
)  # fmt: skip
_HELD_OF_CASE: Final = _HELD.where(feed.c.case_id == bindparam("case"))
_PAGE: Final = (
    select(feed.c.kind, feed.c.doc_id, feed.c.case_id, feed.c.seq, feed.c.gone)
    .where(
        feed.c.viewer == bindparam("viewer"),
        feed.c.kind.in_(bindparam("kinds", expanding=True)),
        feed.c.seq > bindparam("after"),
    )
    .order_by(feed.c.seq)
    .limit(bindparam("limit"))
)
_REVISIONS: Final = select(docs.c.doc_id, docs.c.rev).where(
    docs.c.kind == bindparam("kind"), docs.c.doc_id.in_(bindparam("ids", expanding=True))
)
_EVER_HELD: Final = select(feed.c.doc_id, feed.c.gone).where(
    feed.c.viewer == bindparam("viewer"), feed.c.kind == bindparam("kind")
)
_SEQS: Final = select(heads.c.viewer, heads.c.seq).where(
    heads.c.viewer.in_(bindparam("viewers", expanding=True))
)
