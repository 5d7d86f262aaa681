"""Whatever a client makes of our OpenAPI document, it gets an answer that the document describes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from app.api.routes import ENDPOINTS
from bench.testbed.product import Product, demo_product

# What leads past the doors that a random word does not open.
KNOWN: dict[str, list[str]] = {
    "cluster": ["prod-eu", "prod-us", "*", "prod-eu,prod-us"],
    "namespace": ["shop", "default", "payments", "nowhere"],
    "resource": ["pods", "deploy", "cm", "secrets", "nodes", "Service", "events", "crd", "jobs.batch"],
    "name": ["cart", "web", "shop", "default", "x"],
    "dryRun": ["All"],
    "fieldSelector": ["metadata.name=cart", "spec.containers[*].image~nginx", "status.phase!=Running"],
    "labelSelector": ["app=cart", "app in (cart,web),!x"],
    "sort": ["-metadata.creationTimestamp", "metadata.name"],
}
SECONDS = 20.0
# These make an answer that does not end, which has tests of its own.
ENDLESS = ("follow", "watch")
FINITE = [each for each in ENDPOINTS if not each.endless and each.path != "/openapi.json"]
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CASES = [
    pytest.param(each, mode, id=f"{mode.value} {each.method} {each.path}")
    for each in FINITE
    # Where there is nothing to say, nothing can be said wrongly.
    for mode in ([POSITIVE, NEGATIVE] if each.parameters or each.body else [POSITIVE])
]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with demo_product(tmp_path_factory.mktemp("fuzzed"), clusters=2) as started:
        yield started


@pytest.fixture(scope="module")
def operations(product: Product) -> dict[tuple[str, str], Any]:
    schema = schemathesis.openapi.from_url(f"{product.url}/openapi.json")
    results: Any = schema.get_all_operations()
    found = [result.ok() for result in results]
    return {(operation.method.upper(), operation.path): operation for operation in found}


@pytest.mark.parametrize(("endpoint", "mode"), CASES)
def test_every_answer_is_one_that_is_described(
    operations: dict[tuple[str, str], Any], product: Product, endpoint: Any, mode: Any
) -> None:
    operation = operations[endpoint.method, endpoint.path]

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[*HealthCheck],
    )
    @given(operation.as_strategy(generation_mode=mode), st.data())
    def ask(case: Any, data: Any) -> None:
        for place in (case.path_parameters, case.query):
            for name in place if isinstance(place, dict) else ():
                if name in KNOWN and data.draw(st.integers(0, 3)):
                    place[name] = data.draw(st.sampled_from(KNOWN[name]))
        for name in ("cluster", "namespace"):
            if any(parameter.name == name for parameter in endpoint.parameters) and data.draw(st.booleans()):
                case.query = {**(case.query or {}), name: data.draw(st.sampled_from(KNOWN[name]))}
        for name in ENDLESS:
            (case.query or {}).pop(name, None)
        case.call_and_validate(
            base_url=product.url,
            timeout=SECONDS,
            checks=[not_a_server_error, content_type_conformance, status_code_conformance],
        )

    ask()


def test_nothing_of_it_was_a_bug(product: Product) -> None:
    assert Path(product.log).read_text().count("Traceback") == 0
