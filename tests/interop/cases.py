"""What the Python drivers share: they run cases and print a line for each."""

import sys
import traceback

CASES = []


def case(*parameters):
    """Registers a case, once for each parameter, or once without any."""

    def register(function):
        for parameter in parameters or [None]:
            name = function.__name__.replace("_", " ") + (f" ({parameter})" if parameter is not None else "")
            CASES.append((name, function, [] if parameter is None else [parameter]))
        return function

    return register


def equal(seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{seen!r} in place of {wanted!r}")


def main(run):
    """Runs all of them by `run(function, parameters, number)`."""
    failed = False
    for number, (name, function, parameters) in enumerate(CASES):
        try:
            run(function, parameters, number)
            print(f"ok {name}", flush=True)
        except Exception as error:  # every failure of a case is a result
            failed = True
            traceback.print_exc(file=sys.stderr)
            print(f"not ok {name}: {type(error).__name__} {' '.join(str(error).split())}", flush=True)
    sys.exit(0)
