"""What a transaction changed, put into the feeds of everybody whose devices hold it or have to drop it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from app.cases.store.scope import ScopeStore
from app.identity.rules import Role
from app.identity.store import IdentityStore
from app.store.feed import Doc, FeedStore, Kind, Touched

_Entries = dict[UUID, dict[Doc, bool]]


def feed_changes(
    touched: Touched, *, feed: FeedStore, scope: ScopeStore, identity: IdentityStore, closed_after: datetime
) -> None:
    """Write the feed rows of everything that the stores noted; nothing where they noted nothing.

    Whoever gets a case gets all that hangs on it; whoever loses it is told to drop all of it. Whoever
    pushed something and may not hold it is told to drop that: their device has it all the same.
    """
    if not touched.docs and not touched.pushed:
        return
    feed.changed(touched.docs.values())
    pushed = [doc for _, doc in touched.pushed]
    cases = {doc.case_id for doc in (*touched.docs.values(), *pushed) if doc.case_id}
    now_held = scope.viewers_of(cases, closed_after) if cases else {}
    entries: _Entries = defaultdict(dict)
    if cases:
        _of_cases(entries, touched, now_held, feed.holders(cases), feed)
    _of_no_case(entries, touched, identity)
    for (viewer, doc), corrected in touched.pushed.items():
        if doc in entries[viewer]:
            continue
        holds = viewer in now_held.get(doc.case_id, ()) if doc.case_id else False
        there = bool(feed.holds(viewer, doc.kind, [doc.id])) and (holds or doc.case_id is None)
        if corrected or not there:
            entries[viewer][doc] = not there
    feed.append(entries)
    touched.forget()


def _of_cases(
    entries: _Entries,
    touched: Touched,
    now_held: dict[UUID, set[UUID]],
    held_before: dict[UUID, set[UUID]],
    feed: FeedStore,
) -> None:
    """What changes for the viewers of each touched case."""
    changed: dict[UUID, list[Doc]] = defaultdict(list)
    for doc in touched.docs.values():
        if doc.case_id:
            changed[doc.case_id].append(doc)
    gained = {case: now_held.get(case, set()) - held_before.get(case, set()) for case in changed}
    whole: dict[UUID, list[Doc]] = defaultdict(list)
    for doc in feed.docs_of(case for case, viewers in gained.items() if viewers):
        if doc.case_id:
            whole[doc.case_id].append(doc)
    for case, found in changed.items():
        viewers, before = now_held.get(case, set()), held_before.get(case, set())
        for viewer in viewers:
            theirs = whole[case] if viewer in gained[case] else found
            entries[viewer] |= {doc: False for doc in theirs if doc.viewer in {None, viewer}}
        for viewer in before - viewers:
            entries[viewer] |= dict.fromkeys(feed.held_of_case(viewer, case), True)


def _of_no_case(entries: _Entries, touched: Touched, identity: IdentityStore) -> None:
    """One worker's own documents, and tasks of no case, which are the coordinators'."""
    coordinators: Iterable[UUID] | None = None
    for doc in touched.docs.values():
        if doc.case_id:
            continue
        if doc.viewer is None and doc.kind == Kind.TASK:
            coordinators = coordinators or identity.with_role(Role.COORDINATOR, None)
        for viewer in [doc.viewer] if doc.viewer else (coordinators or ()):
            entries[viewer][doc] = False


def held_docs(feed: FeedStore, cases: Iterable[UUID], viewer: UUID, *, coordinates: bool) -> Iterator[Doc]:
    """Every document that a worker's devices should hold, reference data aside."""
    yield from (doc for doc in feed.docs_of(cases) if doc.viewer in {None, viewer})
    yield from feed.docs_without_case(viewer, [Kind.TASK] if coordinates else [])
