"""Finding in a store what a person means by the first characters of an id."""

from counterfault.core.errors import UsageError
from counterfault.ports import Store


def attempt_named(store: Store, prefix: str) -> tuple[str, str] | None:
    """The (campaign, attempt) whose attempt id begins so; of several campaigns the latest. None where there is none.

    Raises UsageError where several attempts begin so.
    """
    for campaign_id, _ in reversed(list(store.campaigns())):
        found = sorted(attempt for attempt in store.attempt_ids(campaign_id) if attempt.startswith(prefix))
        if len(found) > 1:
            raise UsageError(
                f"{prefix!r} begins the ids of {len(found)} attempts of campaign {campaign_id}: give more of it"
            )
        if found:
            return campaign_id, found[0]
    return None


def unfinished(store: Store) -> str | None:
    """The latest campaign of which planned attempts are missing; None where all are complete."""
    for campaign_id, _ in reversed(list(store.campaigns())):
        if {item.id for item in store.plan(campaign_id)} - store.attempt_ids(campaign_id):
            return campaign_id
    return None
