"""The only importer of neonize: every one of its hazards is met here, once."""
