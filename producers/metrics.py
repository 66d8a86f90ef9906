"""What the scheduler audits, for all parts: the books, the lag, the dead letters, APOD.

Each gauge is set by a job that runs by its own clock. A scrape reads what the last one found.
"""

from infra.metrics import Metrics

SCHEDULER = Metrics("scheduler")

BOOKS = SCHEDULER.gauge(
    "doublet_books_records",
    "The books: accepted, done, duplicate, skipped, dead, in_flight, and what does not add up: "
    "missing, unknown_to_kafka; and deleted.",
    "records",
    ("topic", "term"),
)
BOOKS_DIFFERENCE = SCHEDULER.gauge(
    "doublet_books_difference_records", "What does not add up in the books; 0 is right.", "records"
)
BOOKS_AUDITED = SCHEDULER.gauge(
    "doublet_books_audited_timestamp_seconds",
    "When the books were drawn up last; while Kafka or the database is away they are not.",
    "seconds since 1970",
)
LAG_RECORDS = SCHEDULER.gauge(
    "doublet_lag_records", "Records that are not settled.", "records", ("topic", "partition")
)
LAG_SECONDS = SCHEDULER.gauge(
    "doublet_lag_seconds",
    "Age of the oldest record that is not settled.",
    "seconds",
    ("topic", "partition"),
)
DEAD_LETTERS = SCHEDULER.gauge(
    "doublet_dead_letters", "Dead letters, by state and reason.", "records", ("state", "reason")
)
DEAD_LETTERS_HOUR = SCHEDULER.gauge(
    "doublet_dead_letters_hour",
    "Dead letters of the last hour; of very many, the first thousand.",
    "records",
)
APOD_DAYS = SCHEDULER.gauge(
    "doublet_apod_days", "Days of APOD that are known, by state.", "days", ("state",)
)
APOD_LATE = SCHEDULER.gauge(
    "doublet_apod_late_seconds",
    "For how long the picture has been due that is waited for the longest, of those that were "
    "asked for in vain; 0: none is waited for. The backfill's are left out.",
    "seconds",
)
APOD_REQUESTS = SCHEDULER.gauge(
    "doublet_apod_requests",
    "Requests that the APOD service was asked, ever.",
    "requests",
    ("service",),
)
APOD_REQUESTS_LEFT = SCHEDULER.gauge(
    "doublet_apod_requests_left",
    "Requests that it takes still, by its own word; absent where it gives none.",
    "requests",
    ("service",),
)
ALERTS_OPEN = SCHEDULER.gauge(
    "doublet_alerts_open", "Alerts that stand on the page Trouble.", "alerts", ("kind",)
)
