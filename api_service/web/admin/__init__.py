"""The admin API: what operators with a token may see and do, under ``/marketplace/admin/``."""
