"""What the flows need from the world; adapters fill these.

Every port has a `memory` adapter, and one contract test runs over all adapters of a port.
"""

from streamserver.ports.blobs import Blobs, Draft, Incoming, Lease, ReadInto
from streamserver.ports.catalog import Catalog
from streamserver.ports.clock import Clock
from streamserver.ports.encoding import Encoder, Queue
from streamserver.ports.news import Bus, Notifier, Subscription

__all__ = [
    "Blobs",
    "Bus",
    "Catalog",
    "Clock",
    "Draft",
    "Encoder",
    "Incoming",
    "Lease",
    "Notifier",
    "Queue",
    "ReadInto",
    "Subscription",
]
