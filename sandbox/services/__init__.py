"""Embedded Postgres and Valkey: real servers from wheels, as children of who starts them."""
