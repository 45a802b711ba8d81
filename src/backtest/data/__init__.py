"""The data: what is known of events, prices, the calendar and borrow rates, and how it is kept."""
