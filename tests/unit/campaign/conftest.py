"""The shop for each test, with agents that remember nothing of other tests."""

import sys
from collections.abc import Iterator

import pytest

from campaigns.shop import MakeShop, open_shop


@pytest.fixture
def shop() -> Iterator[MakeShop]:
    """Makes campaigns over the shop; what an agent keeps in its module is forgotten before and after."""
    sys.modules.pop("campaigns.agents", None)
    yield open_shop
    sys.modules.pop("campaigns.agents", None)
