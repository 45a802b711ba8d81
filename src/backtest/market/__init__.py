"""The market: prices, exchange calendar, borrow rates, and the point-in-time view."""
