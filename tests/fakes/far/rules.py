"""How a function far away behaves; whoever deploys it may set each."""

from dataclasses import dataclass, fields

from tests.fakes.far.mail import Post


@dataclass(frozen=True)
class Rules:
    """Durations in s, chances from 0 to 1."""

    keep_alive_s: float = 300.0
    timeout_s: float = 60.0
    init_timeout_s: float = 10.0
    concurrency_limit: int = 1000
    proactive_share: float = 0.2
    """Chance that a sandbox which is started for a request brings another one with it."""
    rest_s: float = 1.0
    """How long such a one is left alone once it has initialised."""
    seed: int = 1
    latest_s: float = 1.5
    twice_share: float = 0.1
    never_share: float = 0.05

    @property
    def post(self) -> Post:
        """How its log is delivered."""
        return Post(**{item.name: getattr(self, item.name) for item in fields(Post)})
