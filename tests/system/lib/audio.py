"""Speech to send, and the judge of what arrived: does the recording contain what the other side said, in order, without
holes? Packet counts do not say that; correlation of the waveforms does."""
import os
import random
import subprocess
import wave

import numpy

RATE = 8000  # G.711
WINDOW_S = 0.1
SLIP_S = 0.07  # how far playout may move from one window to the next (jitter buffer, clocks)
ANCHOR_S = 1.0  # of speech, to find the place again after a hole
ANCHOR_EVERY = 3  # windows; looking everywhere is dear
ALIKE = 0.8  # a window correlates at least that well, or it did not arrive
SAME = 0.95  # as good as it gets after G.711; not worth looking for a better place

WORDS = """amber basket candle dolphin engine forest garden hammer island jacket kettle ladder marble needle orange pepper
quiver ribbon saddle timber umbrella velvet walnut yellow zebra anchor bottle copper dragon eagle feather glacier harbor
insect jungle kitchen lantern meadow notebook ocean pencil rocket silver thunder valley window""".split()


def read_wav(path):
    """Samples of the first channel between -1 and 1, at RATE."""
    with wave.open(str(path), "rb") as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float) / 32768
    return resample(samples[::channels], rate)


def write_wav(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((numpy.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def resample(samples, rate):
    """To RATE: what is above half of it is taken away in the spectrum, then straight lines between the samples."""
    if rate == RATE or len(samples) == 0:
        return samples
    spectrum = numpy.fft.rfft(samples)
    spectrum[numpy.fft.rfftfreq(len(samples), 1 / rate) > min(rate, RATE) / 2 * 0.95] = 0
    clean = numpy.fft.irfft(spectrum, len(samples))
    return numpy.interp(numpy.arange(0, len(samples) / rate, 1 / RATE), numpy.arange(len(samples)) / rate, clean)


def make_speech(path, speaker, seconds):
    """Writes `seconds` of speech, never twice the same: random words, in changing pitch and speed, another voice for each."""
    choice = random.Random(speaker)
    voice = choice.choice(["en-us+m3", "en-gb+f2", "en-us+f4", "en-gb+m1"])
    pieces, size = [], 0
    spoken = f"{path}.part"
    while size < seconds * RATE:
        words = " ".join(choice.sample(WORDS, 12))
        subprocess.run(["espeak-ng", "-v", voice, "-p", str(choice.randint(20, 80)), "-s", str(choice.randint(140, 200)), "-w", spoken,
                        words], check=True, stderr=subprocess.DEVNULL)
        piece = read_wav(spoken)
        pieces.append(piece / max(1e-9, numpy.abs(piece).max()) * 0.5)
        size += len(piece)
    os.unlink(spoken)
    write_wav(path, numpy.concatenate(pieces)[:int(seconds * RATE)])


def find(window, samples):
    """The place where window fits best into samples, and its normalized correlation there."""
    if len(samples) < len(window):
        return 0, 0.0
    size = 1 << (len(samples) + len(window)).bit_length()
    products = numpy.fft.irfft(numpy.fft.rfft(samples, size) * numpy.conj(numpy.fft.rfft(window, size)), size)
    products = products[:len(samples) - len(window) + 1]
    sums = numpy.concatenate(([0], numpy.cumsum(samples ** 2)))
    energy = sums[len(window):] - sums[:len(products)]
    # Near silence everything correlates: a tenth of the window's own energy is the least that counts.
    energy = numpy.maximum(energy, 0.1 * (window ** 2).sum())
    scores = products / numpy.sqrt(energy * (window ** 2).sum() + 1e-12)
    place = int(scores.argmax())
    return place, float(scores[place])


class Verdict:
    """What the judge found. All times in seconds of the sent speech."""

    def __init__(self, windows, slips):
        heard = [at for at, score in windows if score >= ALIKE]
        self.first, self.last = (heard[0], heard[-1] + WINDOW_S) if heard else (0.0, 0.0)  # the part that was heard
        inside = [(at, score) for at, score in windows if heard and heard[0] <= at <= heard[-1]]
        self.windows = len(inside)  # spoken windows of that part
        self.missing = [at for at, score in inside if score < ALIKE]
        self.correlation = float(numpy.mean([score for _, score in inside])) if inside else 0.0
        self.slips = [(at, s) for at, s in slips if heard and self.first < at <= self.last]  # (when, by how much)

    @property
    def heard(self):
        return self.last - self.first

    def __str__(self):
        def few(items):
            return ", ".join(items[:8]) + (", ..." if len(items) > 8 else "")

        text = f"correlation {self.correlation:.3f}, heard {self.heard:.1f} s ({self.first:.1f} to {self.last:.1f})"
        text += f", {len(self.missing)} of {self.windows} windows missing"
        if self.missing:
            text += " at " + few([f"{at:.1f}" for at in self.missing])
        if self.slips:
            text += ", playout moved " + few([f"{by * 1000:+.0f} ms at {at:.1f}" for at, by in self.slips])
        return text


def follow(window, received, place):
    """The best place near the one that is expected, and its score."""
    slip = int(SLIP_S * RATE)
    expected = received[max(0, place):place + len(window)]
    if len(expected) == len(window):
        score = find(window, expected)[1]
        if score >= SAME:
            return place, score
    begin = max(0, place - slip)
    near, score = find(window, received[begin:place + len(window) + slip])
    return begin + near, score


def judge(sent, received):
    """Walks over the sent speech in windows; each must be in the recording right behind the one before it. After a hole the
    place is looked for again with a longer piece, only forward."""
    sent = read_wav(sent) if not isinstance(sent, numpy.ndarray) else sent
    received = read_wav(received) if not isinstance(received, numpy.ndarray) else received
    size, anchor = int(WINDOW_S * RATE), int(ANCHOR_S * RATE)
    loud = 0.2 * numpy.sqrt((sent ** 2).mean())
    windows, slips = [], []
    offset, reached, lost = None, 0, 0  # lost: windows since the place is not known
    for start in range(0, len(sent) - size + 1, size):
        window = sent[start:start + size]
        if numpy.sqrt((window ** 2).mean()) < loud:
            continue  # a pause between words
        score = 0.0
        if offset is not None:
            place, score = follow(window, received, start + offset)
        if score < ALIKE and lost % ANCHOR_EVERY == 0 and start + anchor <= len(sent):
            place, found = find(sent[start:start + anchor], received[reached:])
            if found >= ALIKE:
                place, score = follow(window, received, place + reached)
        if score >= ALIKE:
            if offset is not None and abs(place - start - offset) > RATE // 1000:
                slips.append((start / RATE, (place - start - offset) / RATE))
            offset, reached = place - start, place
        lost = 0 if score >= ALIKE else lost + 1
        windows.append((start / RATE, score))
    return Verdict(windows, slips)
