"""The page of the box: what an owner sees of the marketplace, and what a developer may switch."""
