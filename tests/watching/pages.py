"""Pages of lists, decoded in one go."""

from app.kube.discovery.api_resource import Resource
from app.kube.wire.list_page import Page, page_steps
from app.kube.wire.wire_object import BodyFormat


def decode_page(body: bytes, resource: Resource, body_format: BodyFormat) -> Page:
    """Decode the answer to a list of this resource. Raises WireError."""
    steps = page_steps(body, resource, body_format)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            page: Page = end.value
            return page
