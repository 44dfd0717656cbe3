"""The marketplace process: entry, onboarding page, Socket.IO, health. Stateless: any number run."""
