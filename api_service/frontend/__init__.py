"""The pages that salon owners see: sources in TypeScript, and how they are built."""
