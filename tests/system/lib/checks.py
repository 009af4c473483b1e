"""What tests say about what they found."""
from . import audio
from .world import Failure


def equal(actual, wanted, what):
    if actual != wanted:
        raise Failure(f"{what} is {actual!r}, not {wanted!r}")


def true(condition, what):
    if not condition:
        raise Failure(what)


def between(actual, low, high, what):
    if not low <= actual <= high:
        raise Failure(f"{what} is {actual}, not between {low} and {high}")


def heard(sent, received, who, seconds, holes=0, slip_ms=45):
    """`received` holds at least `seconds` of the speech `sent`, without holes, and playout moved by no more than that."""
    verdict = audio.judge(sent, received)
    if verdict.heard < seconds or verdict.correlation < 0.95 or len(verdict.missing) > holes:
        raise Failure(f"{who} heard it badly: {verdict}")
    moved = sum(abs(by) for _, by in verdict.slips) * 1000
    if moved > slip_ms:
        raise Failure(f"{who} heard playout move by {moved:.0f} ms: {verdict}")
    return verdict
