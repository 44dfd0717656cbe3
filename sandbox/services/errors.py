"""The one error of the sandbox that is meant for a person at a terminal."""


class SandboxError(Exception):
    """Something about this machine or its data folder stops the sandbox.

    `str()` of it is one line of plain language: what is wrong, then what to do.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem = problem
        self.remedy = remedy
