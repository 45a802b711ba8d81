"""Event studies: what a stock did round its events beyond what was to be expected.

`models` says what was to be expected, `study` adds up what went beyond it, `significance` asks
whether that is more than chance, and what could have been found at all.
MacKinlay 1997 is the frame; each test names its paper. Returns are simple, fractions, one a
session.
"""
