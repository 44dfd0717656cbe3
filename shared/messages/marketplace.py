"""What API processes tell each other, so that every page of a salon hears it wherever it is."""

from pydantic import Field, ValidationError

from shared.clock import now_ms
from shared.messages.envelope import EpochMs, WireModel


class ActivationNews(WireModel):
    """``status``: of ``companies.integration_status``."""

    salon_id: int = Field(ge=1)
    status: str = Field(min_length=1, max_length=40)
    timestamp: EpochMs = Field(default_factory=now_ms)

    @classmethod
    def from_json(cls, payload: str) -> "ActivationNews | None":
        """None for what is no such news."""
        try:
            return cls.model_validate_json(payload)
        except ValidationError:
            return None
