"""A hundred calls at once between SIPp and SIPp, media both ways: nothing lost, nothing repeated, everything counted."""
import time

from lib import checks
from lib.rtp import Counter
from lib.sipp import Sipp
from lib.voxlane import CORE4, Voxlane

CALLS, RATE, HOLD_MS = 100, 25, 20000
KERNEL_LOSS = 0.05


def memory_mb(process):
    """Resident memory, shared pages counted by their share."""
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024


def arrived(got, sent, allowed, what):
    """Everything that was sent; `allowed` packets may be missing."""
    checks.between(got, sent - allowed, sent, what)


def test_load_hundred_calls(world):
    voxlane = Voxlane(world)
    # The engine itself may lose nothing. The veth pair keeps 256 packets, 25 ms of this load: when another process or the machine's
    # host takes the core away for longer, the kernel drops packets that the engine never saw. Those are counted, and few.
    allowed = int(CALLS * HOLD_MS / 20 * KERNEL_LOSS)
    caller, callee = voxlane.lan.add("caller", "21"), voxlane.lan.add("callee", "22")
    Sipp(callee, "register", CORE4).wait()
    at_rest = [memory_mb(p) for p in (voxlane.dataplane, voxlane.controlplane)]
    counters = {}
    for host in (caller, callee):
        counters[host.name, "sent"] = Counter(host, "lan", True, 10000, 20000, 2)
        counters[host.name, "got"] = Counter(host, "lan", False, 10000, 20000, 0)
    uas = Sipp(callee, "uas", None, CALLS, hold_ms=HOLD_MS)
    uac = Sipp(caller, "uac", CORE4, CALLS, RATE, HOLD_MS)
    time.sleep(CALLS / RATE + HOLD_MS / 2000)
    checks.equal(voxlane.stats()["active_calls"], CALLS, "active_calls")
    loaded = [memory_mb(p) for p in (voxlane.dataplane, voxlane.controlplane)]
    uac.wait(60)
    uas.wait(10)
    count = {key: counter.count() for key, counter in counters.items()}
    print(f"load: {CALLS} calls, {count['caller', 'sent']} + {count['callee', 'sent']} RTP packets; memory of the dataplane "
          f"{at_rest[0]:.0f} MB at rest, {loaded[0]:.0f} MB loaded; of the control plane {at_rest[1]:.0f} MB, {loaded[1]:.0f} MB")
    drops = {row["reason"]: row["packets"] for row in voxlane.rows("drops") if row["packets"]}
    print(f"load: dropped by the engine: {drops or 'nothing'}; {count}")
    checks.between(count["caller", "sent"], CALLS * HOLD_MS / 20 * 0.98, CALLS * HOLD_MS / 20 * 1.05, "packets sent by the caller")
    arrived(count["callee", "got"], count["caller", "sent"], allowed, "packets that the callee got of the caller's")
    arrived(count["caller", "got"], count["callee", "sent"], allowed, "packets that the caller got of the callee's")
    for sipp in (uac, uas):
        checks.equal(sipp.value("Retransmissions(C)"), 0, f"retransmissions of {sipp.name}")
    records = voxlane.wait_cdrs(CALLS)
    checks.equal(len(records), CALLS, "number of call detail records")
    media = {side: [leg["media"] for record in records for leg in record["legs"] if leg["side"] == side] for side in ("caller", "callee")}
    total = {(side, key): sum(m[key] for m in rows) for side, rows in media.items() for key in ("packets_in", "packets_out", "lost")}
    for side, other in (("caller", "callee"), ("callee", "caller")):
        arrived(total[side, "packets_in"], count[side, "sent"], allowed, f"packets_in of the {side}s in the records")
        checks.between(total[side, "lost"], 0, allowed, f"packets lost of the {side}s in the records")
        checks.equal(total[other, "packets_out"], total[side, "packets_in"], f"packets that the engine relayed of the {side}s'")
        arrived(count[other, "got"], total[other, "packets_out"], allowed, f"packets that the {other}s got of those the engine sent")
    voxlane.wait_quiet()
    voxlane.stop()
