"""The world outside the project, on loopback: what production code meets in a demo and in tests."""
