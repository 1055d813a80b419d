"""One schedule that far workers share, from the plan that is handed out to the records that are fetched."""

import secrets
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
import numpy as np
from gevent.event import AsyncResult

from harness.clock import now_ns
from harness.errors import TrialError
from harness.load.failures import WorkersLost, lack_of
from harness.load.far.clocks import PINGS, Ahead, Ping, clock_between, move
from harness.load.far.link import Link
from harness.load.far.messages import ARMED, DONE, FETCH, GO, KEPT, PIECE, PING, PLAN, PLANNED, PONG
from harness.load.far.pieces import Offer, fetch, sizes_of
from harness.load.far.reports import refusal_of, report_of
from harness.load.far.roster import Member
from harness.load.patience import SPARE_S
from harness.load.stripes import RECORD_TYPE
from harness.load.wire import BODIES, RECORD, SCHEDULE, LoadPlan, unheard
from harness.load.wire import PLAN as PLAN_FILE

ANSWER_LIMIT_S = 60.0
"""For an answer that takes a worker no time of its own, or what connecting takes."""
LEAD_NS = 1_000_000_000
"""Between the order to start and the first moment of the schedule: it has to travel."""
MOST_ERRORS_BYTES = 2**26
MOST_REPLIES_BYTES = 2**48
BEGINNING = struct.Struct("<qq")
"""Of a record: index and scheduled_ns."""
Report = dict[str, Any]


class Sending:
    """What is done with one plan by the workers that were there when it came: their rank is their place."""

    def __init__(self, plan: LoadPlan, members: Sequence[Member], link: Link) -> None:
        self.plan, self.members, self._link = plan, list(members), link
        self.order = secrets.token_hex(8)
        """Tells this one from others: who was lost may still speak of an earlier one."""
        folder = Path(plan.folder)
        self._offer = Offer({name: folder / name for name in (PLAN_FILE, SCHEDULE, BODIES)})
        self._count = self._offer.sizes[SCHEDULE] // 8

    def carry_out(self) -> tuple[int, list[Report]]:
        """The moment of offset 0 and by rank what each worker has to say, or all refusals. WorkersLost when one is lost
        before the schedule has begun: nothing of it was sent then."""
        if refusals := self._hand_out():
            return 0, refusals
        done = [self._link.expect(member.client, DONE) for member in self.members]
        self._arm()
        before = [self._measure(member) for member in self.members]
        begin_ns = self._begin(before)
        told = self._await_ends(done, begin_ns)
        after = self._measure_again(told)
        reports = gevent.joinall([gevent.spawn(self._report, rank, told[rank], before, after) for rank in told])
        return begin_ns, [each.get() for each in reports]

    def receive(self, member: Member, kind: str, data: dict[str, Any]) -> None:
        """What a worker says of this schedule."""
        if data.get("order") != self.order:
            return
        if kind == FETCH:
            if (piece := self._offer.piece(data)) is not None:
                self._send(member, PIECE, name=data["name"], at=data["at"], data=piece)
            return
        self._link.mailbox.put(member.client, kind, data | {"heard_ns": now_ns()})

    def drop(self) -> None:
        """Nobody needs anything of it any more."""
        for member in self.members:
            self._send(member, KEPT)

    def _hand_out(self) -> list[Report]:
        """Returns what workers have against the plan."""
        planned = [self._link.expect(member.client, PLANNED) for member in self.members]
        of = len(self.members)
        for rank, member in enumerate(self.members):
            self._send(member, PLAN, rank=rank, of=of, sizes=self._offer.sizes)
        limit_s = ANSWER_LIMIT_S + sum(self._offer.sizes.values()) * of / 1e6
        answers = [self._get(*pair, limit_s, "take the plan") for pair in zip(self.members, planned, strict=True)]
        if refusals := [
            refusal_of(answer, member.host)
            for member, answer in zip(self.members, answers, strict=True)
            if "error" in answer
        ]:
            return refusals
        if any(answer.get("sha256") != self.plan.sha256 for answer in answers):
            raise TrialError("the workers do not agree on the schedule: its sha256 is not the same at all of them")
        return []

    def _arm(self) -> None:
        """Each opens its connections and waits for the beginning."""
        armed = [self._link.expect(member.client, ARMED) for member in self.members]
        self._link.start_users(len(self.members))
        for pair in zip(self.members, armed, strict=True):
            self._get(*pair, ANSWER_LIMIT_S, "get ready")

    def _measure(self, member: Member) -> Ahead:
        """How far its clock is ahead."""
        pings = []
        for number in range(PINGS):
            answer = self._link.expect(member.client, PONG)
            sent_ns = now_ns()
            self._send(member, PING, number=number)
            pong = self._get(member, answer, ANSWER_LIMIT_S, "tell the time")
            if type(theirs_ns := pong.get("now_ns")) is not int or pong.get("number") != number:
                raise self._lose(member, "told no time")
            pings.append(Ping(sent_ns, theirs_ns, pong["heard_ns"]))
        return Ahead.of(pings)

    def _begin(self, ahead: list[Ahead]) -> int:
        """Each is told in its own clock; what nobody gets to record from then on was due all the same."""
        begin_ns, offsets = now_ns() + LEAD_NS, self.plan.offsets()
        for rank in range(min(len(self.members), self._count)):
            with self.plan.output("records", rank).open("r+b") as file:
                file.write(BEGINNING.pack(rank, begin_ns + int(offsets[rank] * 1e9)))
        for member, of_member in zip(self.members, ahead, strict=True):
            self._send(member, GO, begin_ns=begin_ns + of_member.ns)
        return begin_ns

    def _await_ends(self, done: list[AsyncResult], begin_ns: int) -> dict[int, dict[str, Any] | WorkersLost]:
        """By rank what each says in the end, or how it was lost."""
        until_ns = begin_ns + int((self.plan.seconds + self.plan.drain_s + SPARE_S) * 1e9)
        told: dict[int, dict[str, Any] | WorkersLost] = {}
        for rank, (member, answer) in enumerate(zip(self.members, done, strict=True)):
            try:
                limit_s = max(0.0, (until_ns - now_ns()) / 1e9)
                told[rank] = self._get(member, answer, limit_s, "end when all of its requests were due to have ended")
            except WorkersLost as error:
                told[rank] = error
        return told

    def _measure_again(self, told: dict[int, Any]) -> dict[int, Ahead]:
        """Of whoever is left."""
        found = {}
        for rank, member in enumerate(self.members):
            if isinstance(told[rank], dict):
                try:
                    found[rank] = self._measure(member)
                except WorkersLost as error:
                    told[rank] = error
        return found

    def _report(
        self, rank: int, told: dict[str, Any] | WorkersLost, before: list[Ahead], after: dict[int, Ahead]
    ) -> Report:
        """What a worker says of itself, once what it recorded is here; of one that is lost what had come by then."""
        report: Report = {**unheard(rank)}
        member = self.members[rank]
        try:
            if isinstance(told, WorkersLost):
                raise told
            report = report_of(told.get("report"), rank)
            if "error" not in report:
                report["far"]["clock"] = clock_between(before[rank], after[rank])
                report["problems"] += self._fetch_outputs(rank, told.get("sizes"), before[rank])
        except WorkersLost as error:
            report["lost"] = str(error)
        except TrialError as error:  # it is there, but what it tells is not what was asked for
            report["lost"] = str(self._lose(member, f"told what cannot be used: {error}"))
        return report

    def _fetch_outputs(self, rank: int, told_sizes: Any, ahead: Ahead) -> list[str]:
        """Bring what a worker recorded to where one of this machine would have written it. Returns what of it could not
        be kept here; its records have their memory already."""
        length = RECORD.size * len(range(rank, self._count, len(self.members)))
        most = {
            "records": length,
            "errors": MOST_ERRORS_BYTES,
            **dict.fromkeys(("replies", "heads"), MOST_REPLIES_BYTES),
        }
        sizes = sizes_of(told_sizes, most)
        if sizes["records"] != length:
            raise TrialError(f"records: {sizes['records']:,} bytes, {length:,} are its share")
        self._fetch_records(rank, length, ahead)
        problems = []
        for name in ("errors", "replies", "heads"):
            try:
                with self.plan.output(name, rank).open("wb") as file:
                    for piece in self._pieces(rank, name, sizes[name]):
                        file.write(piece)
            except OSError as error:
                problems.append(f"{name} could not be kept: {lack_of(error, self.plan.folder)}")
        return problems

    def _fetch_records(self, rank: int, length: int, ahead: Ahead) -> None:
        """Onto this machine's clock."""
        of, position = len(self.members), 0
        if not length:
            return
        with self.plan.output("records", rank).open("r+b") as file:
            for piece in self._pieces(rank, "records", length):
                records = np.frombuffer(piece, RECORD_TYPE).copy()
                if not np.array_equal(records["index"], rank + of * (position + np.arange(len(records)))):
                    raise TrialError("records: they are not those of its share")
                move(records, ahead.ns)
                file.write(records.tobytes())
                position += len(records)

    def _pieces(self, rank: int, name: str, size: int) -> Any:
        member = self.members[rank]

        def ask(name: str, at: int) -> Any:
            answer = self._link.expect(member.client, PIECE)
            self._send(member, FETCH, name=name, at=at)
            said = self._get(member, answer, ANSWER_LIMIT_S, "hand over what it recorded")
            return said.get("data") if (said.get("name"), said.get("at")) == (name, at) else None

        return fetch(name, size, ask)

    def _get(self, member: Member, answer: AsyncResult, limit_s: float, what: str) -> dict[str, Any]:
        """What it says; who does not in time is lost."""
        try:
            said: dict[str, Any] = answer.get(timeout=limit_s)
        except gevent.Timeout:
            raise self._lose(member, f"did not {what} within {limit_s:.0f} s") from None
        return said

    def _lose(self, member: Member, why: str) -> WorkersLost:
        self._link.lose(member.client, why)
        return WorkersLost(why)

    def _send(self, member: Member, kind: str, **data: Any) -> None:
        self._link.send(member.client, kind, data | {"order": self.order})
