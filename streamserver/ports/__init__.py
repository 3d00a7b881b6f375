"""What the flows need from the world; adapters fill these.

Every port has a `memory` adapter, and one contract test runs over all adapters of a port.
"""

from streamserver.ports.blobs import Blobs, Draft, Incoming, Lease
from streamserver.ports.bucket import Bucket
from streamserver.ports.catalog import Catalog
from streamserver.ports.clock import Clock
from streamserver.ports.encoding import Encoder, Queue
from streamserver.ports.fetching import Answer, Fetcher
from streamserver.ports.news import Bus, Notifier, Subscription
from streamserver.ports.parts import PartDraft, Parts
from streamserver.ports.reading import ReadInto

__all__ = [
    "Answer",
    "Blobs",
    "Bucket",
    "Bus",
    "Catalog",
    "Clock",
    "Draft",
    "Encoder",
    "Fetcher",
    "Incoming",
    "Lease",
    "Notifier",
    "PartDraft",
    "Parts",
    "Queue",
    "ReadInto",
    "Subscription",
]
