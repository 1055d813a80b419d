"""What every piece of an experiment has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator


class Part(BaseModel):
    """A piece of an experiment: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switches(cls, value: Any) -> Any:
        if isinstance(value, bool):  # YAML's yes and no; they would count as 1 and 0
            raise ValueError(f"{value} is not accepted: no field is a switch; write a number or a name")
        return value
