"""What tests share: real servers, processes, and ways of waiting."""
