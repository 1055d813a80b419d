"""A service of alike slots that obeys a rule tick by tick, under so many requests at once as somebody says."""

from targets.rules.contract import Seen

START_S = 20.0
"""From asking for a replica until it serves."""


class World:
    """Replicas by the moment at which each can serve; `decide` is asked at each tick unless the scaler rests."""

    def __init__(self, rule, slots=1, passing_over=False):
        self.rule, self.slots, self.passing_over = rule, slots, passing_over
        self.scaler = rule.scaler()
        self.ready_at = [0.0] * rule.first
        self.tick, self.wanted, self.passed = 0, rule.first, 0

    def see(self, in_system, next_in_system=0.0):
        """One tick with so many requests in the system; what is wanted after it."""
        tick_s = min(self.rule.tick_s, 3600.0)
        self.tick += 1
        now_s = self.tick * tick_s
        if in_system and not self.ready_at and self.rule.wakes:
            self.ready_at.append(now_s - tick_s + START_S)
        ready = sum(at <= now_s for at in self.ready_at)
        serving = min(in_system, ready * self.slots)
        seen = Seen(
            now_s=now_s,
            concurrency=in_system,
            requests=round(in_system * tick_s),
            utilisation=serving / (ready * self.slots) if ready else 0.0,
            queued=round(in_system - serving),
            serving=round(serving),
            ready=ready,
            starting=len(self.ready_at) - ready,
        )
        if self.passing_over and self.scaler.rests and not in_system and not next_in_system:
            self.passed += 1
            return self.wanted
        self.wanted = self.scaler.decide(seen)
        missing = self.wanted - len(self.ready_at)
        self.ready_at = sorted(self.ready_at)[: self.wanted] + [now_s + START_S] * max(0, missing)
        return self.wanted

    def all(self, loads):
        """What is wanted after each of the ticks."""
        return [self.see(now, after) for now, after in zip(loads, [*loads[1:], 0.0], strict=True)]
