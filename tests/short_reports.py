"""A short report of made-up data that is not in the checkout yet, and those that are."""

import json

REPORT = {
    "symbol": "ACME",
    "published_at": "2025-06-24 16:05 New York",
    "precision": "minute",
    "headline": "Made up anew",
    "author": "Jane Bear",
    "author_type": "short_seller",
    "source_url": "https://example.org/new",
}
STAMP = "2025-06-24T16:05:00-04:00"
PATH = "data/events/short_reports.csv"


def reports(command):
    found = json.loads(command("events", "list", "--kind", "short_report", "--json").out)
    return {row["headline"]: row for row in found}
