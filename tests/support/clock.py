"""A clock in the test's hand."""


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s
