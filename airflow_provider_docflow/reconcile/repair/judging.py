"""What a break calls for, judged by the documents as they stand now. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NoReturn

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.core.redact import MASK
from airflow_provider_docflow.document import Difference, DocumentRef
from airflow_provider_docflow.hooks.acting import name_of
from airflow_provider_docflow.hooks.plans import Plan
from airflow_provider_docflow.ledger.breaks import Break
from airflow_provider_docflow.ledger.judge import liveness
from airflow_provider_docflow.reconcile.repair.plans import Foreseeing, changes_of, creation_of, unowned
from airflow_provider_docflow.reconcile.repair.sides import OTHER, Naming, Row, Side, Standing
from airflow_provider_docflow.reconcile.repair.terms import Terms

#: What of a document neither log nor XCom shows: that it changes is said, not to what.
SECRET = frozenset({"payee_account"})
Act = Literal["create", "amend", "cancel", "nothing"]


@dataclass(frozen=True)
class Change:
    """One field of one document before and after."""

    document: str
    field: str
    old: Any
    new: Any

    def __str__(self) -> str:
        old, new = ("nothing" if value is None else value for value in (self.old, self.new))
        return f"{self.document}: {self.field}: {old} -> {new}"

    def to_json(self) -> dict[str, Any]:
        """Return the change as JSON primitives."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is to be done about one break.

    :param source: the document that counts.
    :param target: the document that is there, if any: it is amended or cancelled.
    :param beside: documents of which one has to stay when the target is cancelled.
    :param since: why nothing is done: what has changed since the reconciliation.
    :param under_way: writes of it that a run began and nobody accounted for.
    :param error: why nothing may be done.
    """

    found: Break
    naming: Naming
    act: Act
    source: Reading | None = None
    target: Reading | None = None
    beside: Sequence[DocumentRef] = ()
    plan: Plan | None = None
    changes: Sequence[Change] = ()
    since: str = ""
    under_way: Sequence[Any] = ()
    error: exc.DocflowError | None = field(default=None, compare=False)

    @property
    def document(self) -> str:
        """The document that people know."""
        known = self.source or self.target
        return name_of(known.ref) if known else self.found.left_key or self.found.right_key


class _Since(Exception):
    """What the break says is no longer so."""


class Judging:
    """Judges breaks; both sides have been looked at."""

    def __init__(self, ledger: Any, terms: Terms, sides: Mapping[Side, Standing], *, actor: str) -> None:
        self.ledger, self.terms, self.sides, self.actor = ledger, terms, sides, actor
        self.target = sides[OTHER[terms.owner]]
        self.foreseeing = Foreseeing(ledger, terms, self.target, actor=actor)

    def judge(self, found: Break) -> Proposal:
        """Return what a break calls for; why it cannot be had is part of the answer."""
        naming = Naming.of(found.body)
        try:
            if not naming.identity:
                _refuse(found, "identity", "an older run found it.", "Reconcile again first.")
            return self._by_kind(found, naming)
        except _Since as why:
            return Proposal(found=found, naming=naming, act="nothing", since=str(why))
        except exc.PermanentError as error:
            error.document = error.document or found.left_key or found.right_key
            return Proposal(found=found, naming=naming, act="nothing", error=error)

    def _by_kind(self, found: Break, naming: Naming) -> Proposal:
        if found.kind in ("missing_left", "missing_right"):
            return self._missing(found, naming, OTHER[found.kind.removeprefix("missing_")])
        if found.kind == "value_difference":
            return self._difference(found, naming)
        if found.kind in ("duplicate_left", "duplicate_right"):
            return self._duplicate(found, naming, OTHER[OTHER[found.kind.removeprefix("duplicate_")]])
        _refuse(
            found,
            "kind",
            f"nobody but a person can tell what is right of what is {found.kind}.",
            "Match or explain it: airflow docflow reconcile match.",
        )

    def _missing(self, found: Break, naming: Naming, present: Side) -> Proposal:
        side, other = self.sides[present], self.sides[OTHER[present]]
        if present != self.terms.owner:
            why = f"whether it exists is for {other.title} to say, and it is in {side.title} only."
            _refuse(found, "existence", why, "Enter it there, or withdraw it here.")
        row = self._row(found, present)
        source = self._one(found, naming, side, row)
        plan, written, under_way = self.foreseeing.plan(source)
        there = other.at(naming, row)
        own = [one for one in there if written and one.ref.identity == written.ref.identity]
        if there and not own:
            by_now = f"{', '.join(name_of(one.ref) for one in there)} is in {other.title} by now"
            return Proposal(
                found=found, naming=naming, act="create", source=source, since=by_now, under_way=under_way
            )
        if written and not own:
            why = f"docflow wrote {written.ref} from it, which the reconciliation does not find or recognise."
            _refuse(found, "existence", why, "Look at it; if it is gone for good: airflow docflow recreate.")
        self.foreseeing.cover(plan.source)
        made = [] if own else creation_of(plan)
        number = f"new {plan.document.document_type} from {name_of(source.ref)}"
        return Proposal(
            found=found,
            naming=naming,
            act="create",
            source=source,
            target=own[0] if own else None,
            plan=plan,
            changes=_told(number, made),
        )

    def _difference(self, found: Break, naming: Naming) -> Proposal:
        owner, wrong = self.terms.owner, OTHER[self.terms.owner]
        self._owned(found)
        left, right = self._row(found, "left"), self._row(found, "right")
        rows: dict[Side, Row] = {"left": left, "right": right}
        source = self._one(found, naming, self.sides[owner], rows[owner])
        target = self._one(found, naming, self.sides[wrong], rows[wrong])
        plan, written, _ = self.foreseeing.plan(source)
        if written is None or written.ref.identity != target.ref.identity:
            why = f"docflow did not write {target.ref} from it, and changes only what it wrote."
            _refuse(found, "document", why, f"Correct it in {self.sides[wrong].title}.")
        if target.document is None:
            why = "its system shows too little of it to tell what else an amendment would change."
            _refuse(found, "document", why, f"Correct it in {self.sides[wrong].title}.")
        changes = changes_of(target.document, plan.document)
        if foreign := unowned(changes, self.terms.owned_paths()):
            others = ", ".join(str(one) for one in _told(name_of(target.ref), foreign[:3]))
            why = f"it would also change {others}."
            _refuse(found, foreign[0].field, why, "Say in truth whose value counts, or correct it there.")
        if not changes:
            why = "what docflow would write is what is there already."
            _refuse(found, "mapping", why, "Compare the mapping with the fields that are reconciled.")
        self.foreseeing.cover(plan.source, target.document.payable_amount)
        told = _told(name_of(target.ref), changes)
        return Proposal(
            found=found, naming=naming, act="amend", source=source, target=target, plan=plan, changes=told
        )

    def _owned(self, found: Break) -> None:
        fields = [str(one["field"]) for one in found.body.get("differences", ())]
        for name in fields:
            owner = self.terms.owner_of(name)
            if not owner:
                _refuse(found, name, f"nobody said whose {name} counts.", "Name its side in truth.")
            if owner != self.terms.owner:
                here = self.sides[self.terms.owner].title
                why = f"the {name} of {self.sides[OTHER[self.terms.owner]].title} counts, and docflow does"
                _refuse(found, name, f"{why} not write to {here} here.", f"Correct it in {here}.")

    def _duplicate(self, found: Break, naming: Naming, at: Side) -> Proposal:
        side, row = self.sides[at], self._row(found, at)
        own = row.get("internal_id")
        if not own:
            why = "the reconciliation does not show by which internal id it differs from the first."
            _refuse(found, "internal_id", why, "Add show=('internal_id',) to it, and reconcile again.")
        there = side.at(naming, row)
        beside = [one.ref for one in there if one.ref.internal_id != own]
        if not beside:
            raise _Since(f"there is no other of its kind in {side.title} any more")
        second = self._one(found, naming, side, row)
        rows = self.ledger.intents.for_document(second.ref)
        if any(one.key.purpose == "create" and one.receipt is not None for one in rows):
            why = "docflow wrote this one; it is the other that somebody typed again."
            _refuse(found, "document", why, f"Withdraw {', '.join(name_of(ref) for ref in beside)}.")
        self.foreseeing.cover(second)
        gone = [Difference("lifecycle", str(second.state.lifecycle), "cancelled")]
        return Proposal(
            found=found,
            naming=naming,
            act="cancel",
            target=second,
            beside=beside,
            changes=_told(name_of(second.ref), gone),
        )

    def _row(self, found: Break, at: Side) -> Row:
        rows: Sequence[Row] = found.body[at]
        if len(rows) != 1:
            _refuse(found, at, f"it is about {len(rows)} documents of this side.", "Explain or match it.")
        return rows[0]

    def _one(self, found: Break, naming: Naming, side: Standing, row: Row) -> Reading:
        """Return the document that a row is about, as the row says it."""
        there = side.meant(naming, row)
        if not there:
            raise _Since(f"it is not in {side.title} any more")
        if len(there) > 1:
            names = ", ".join(name_of(one.ref) for one in there)
            why = f"{side.title} has several of the same identity: {names}."
            _refuse(found, "identity", why, "Add show=('internal_id',) to the reconciliation.")
        if liveness(there[0]) != "alive":
            _refuse(found, "lifecycle", f"nobody knows whether it stands in {side.title}.", "Map its state.")
        if why := side.changed(naming, row, there[0]):
            raise _Since(f"in {side.title} {why}")
        return there[0]

    def again(self, proposal: Proposal) -> str:
        """Read the documents once more, right before something is written.

        :returns: what has changed; empty if all is as it was.
        :raises DocflowError: one of them cannot be read now.
        """
        owner, rows = self.terms.owner, proposal.found.body
        at = owner if proposal.act != "cancel" else OTHER[OTHER[proposal.found.kind.rpartition("_")[2]]]
        read = [(self.sides[at], rows[at], proposal.source)]
        if proposal.act == "amend":
            read.append((self.target, rows[OTHER[owner]], proposal.target))
        if proposal.act == "cancel":
            read = [(self.sides[at], rows[at], proposal.target)]
        for side, (row,), before in read:
            assert before is not None
            try:
                now = side.system.read_one(before.ref)
            except exc.NotFound:
                return f"{name_of(before.ref)} is gone"
            if liveness(now) != "alive":
                return f"{name_of(before.ref)} is {now.state.lifecycle}"
            if why := side.changed(proposal.naming, row, now):
                return f"in {side.title} {why}"
        return self._alone(proposal, self.sides[at]) if proposal.act == "cancel" else ""

    def _alone(self, proposal: Proposal, side: Standing) -> str:
        beside = side.system.read(list(proposal.beside))
        if any(isinstance(one, Reading) and liveness(one) == "alive" for one in beside):
            return ""
        return f"there is no other of its kind in {side.title} any more"


def _told(document: str, changes: Sequence[Difference]) -> list[Change]:
    return [
        Change(document, one.field, _shown(one.field, one.old), _shown(one.field, one.new)) for one in changes
    ]


def _shown(field: str, value: Any) -> Any:
    return MASK if field.partition(".")[0] in SECRET and value is not None else value


def _refuse(found: Break, name: str, why: str, remedy: str) -> NoReturn:
    raise exc.Rejected(
        f"break {found.id} is not repaired: {why}",
        document=found.left_key or found.right_key,
        field=name,
        code=f"repair.{found.kind}",
        remedy=remedy,
    )
