"""Tests of the engine: rules, timeline, replay and kernel."""
