"""Under attack and under the eyes of its owner: scanners, a flood of strangers beside calls, the SIP traffic log."""
import json
import os
import re
import socket
import subprocess
import time

from lib import checks
from lib.sipp import Sipp
from lib.voxlane import BUILD, CORE4, Voxlane
from lib.world import wait_for

VOXCTL = os.path.join(BUILD, "tools", "voxctl")


def request(method, source, number, agent, port=5099, start="sip"):
    """As a scanner writes it: everything made up."""
    uri = f"sip:{number}@{CORE4}"
    return (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {source}:{port};branch=z9hG4bK-{number}-{method}-{start};rport\r\n"
            f"From: <{uri}>;tag={number}\r\nTo: <{uri}>\r\nCall-ID: {start}-{number}-{method}\r\nCSeq: 1 {method}\r\n"
            f"Contact: <sip:{number}@{source}:{port}>\r\nMax-Forwards: 70\r\nUser-Agent: {agent}\r\n"
            "Content-Length: 0\r\n\r\n").encode()


def scan(host, agent, numbers, methods=("OPTIONS", "REGISTER", "INVITE")):
    """Asks for every number in every way; the status lines of what came back."""
    sock = host.udp(host.address4, 5099)
    sock.settimeout(1.5)
    answers = []
    for number in numbers:
        for method in methods:
            sock.sendto(request(method, host.address4, number, agent, start=agent[:4]), (CORE4, 5060))
    try:
        while True:
            answers.append(sock.recv(4000).split(b"\r\n", 1)[0].decode())
    except socket.timeout:
        sock.close()
    return answers


def without_media(world, **options):
    voxlane = Voxlane(world, start=False, **options)
    voxlane.start_controlplane(alone=True)
    return voxlane


def voxctl(voxlane, *arguments):
    answer = subprocess.run(["ip", "netns", "exec", voxlane.core.namespace, VOXCTL, *arguments], capture_output=True, text=True,
                            timeout=30)
    return answer.returncode, answer.stdout + answer.stderr


def memory_kb(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def test_scanner_finds_nothing(world):
    """SIPVicious by its name gets silence; under another name, every number looks like every other."""
    voxlane = without_media(world)
    scanner = voxlane.lan.add("scanner", "66")
    numbers = ["1000", "2000"] + [str(n) for n in range(3000, 3050)]
    checks.equal(scan(scanner, "friendly-scanner", numbers), [], "answers to a scanner")
    answers = scan(scanner, "Phone", numbers, ("REGISTER", "INVITE"))
    checks.equal((len(answers), set(answers)), (2 * len(numbers), {"SIP/2.0 401 Unauthorized"}), "answers under another name")
    wait_for("the metric", lambda: voxlane.metric("voxlane_sip_silenced_total") >= 3 * len(numbers), 5)
    lines = [line for line in voxlane.controlplane.output().splitlines() if "scanner: no answer to" in line]
    checks.true(len(lines) <= 3, f"the log has {len(lines)} lines about one scanner")


def test_flood_beside_calls(world):
    """Ten seconds of INVITE and REGISTER of strangers while calls are made and talk: all calls are well, memory is flat."""
    voxlane = Voxlane(world)
    caller, callee = voxlane.lan.add("caller", "21"), voxlane.lan.add("callee", "22")
    attacker = voxlane.lan.add("attacker", "66")
    Sipp(callee, "register", CORE4).wait()
    answering = Sipp(callee, "uas", calls=20)
    sock = attacker.udp(attacker.address4, 5099)
    sock.setblocking(False)
    calls = Sipp(caller, "uac", CORE4, calls=20, rate=2, hold_ms=1000)
    sent = received = 0
    before, until = None, time.monotonic() + 10
    while time.monotonic() < until:
        for method in ("INVITE", "REGISTER"):
            for _ in range(10):
                sent += 1
                sock.sendto(request(method, attacker.address4, str(sent), "Phone"), (CORE4, 5060))
        try:
            while True:
                checks.true(sock.recv(4000).startswith(b"SIP/2.0 401 "), "a stranger got something else than 401")
                received += 1
        except BlockingIOError:
            pass
        if before is None and sent > 2000:
            before = memory_kb(voxlane.controlplane)
        time.sleep(0.005)
    grown = memory_kb(voxlane.controlplane) - before
    calls.wait(60)
    answering.wait(60)
    checks.true(sent > 5000 and received > sent * 0.5, f"{sent} requests, {received} answers: this was no flood")
    checks.true(grown < 4096, f"{sent} requests of strangers: the control plane grew by {grown} kB")
    transactions = voxlane.get("/api/v1/node")[1]["transactions"]
    checks.true(transactions < 1000, f"{transactions} transactions are held")
    voxlane.stop()


def test_traffic_log(world):
    """Switched on for an extension while it runs: that extension's messages are in the file, without its credentials."""
    voxlane = without_media(world, traffic=world.path("traffic"))
    phone = voxlane.lan.add("phone", "21")
    Sipp(phone, "register", CORE4).wait()
    checks.true(not os.path.exists(world.path("traffic")), "off, it made a directory")
    code, text = voxctl(voxlane, "trace", "on", "--extension", "1000")
    checks.true(code == 0 and "of extension" in text, f"voxctl trace on: {text}")
    Sipp(phone, "register", CORE4).wait()
    Sipp(phone, "register", CORE4, user="1000", port=5070).wait()
    wait_for("four messages", lambda: json.loads(voxctl(voxlane, "trace", "--json")[1])["written"] == 4, 5)
    checks.equal(voxctl(voxlane, "trace", "off")[0], 0, "exit code of trace off")
    Sipp(phone, "register", CORE4, user="1000", port=5070).wait()
    names = os.listdir(world.path("traffic"))
    checks.true(len(names) == 1 and re.fullmatch(r"sip_traffic_\d{8}\.log", names[0]), f"files: {names}")
    with open(os.path.join(world.path("traffic"), names[0]), encoding="utf-8") as file:
        log = file.read()
    heads = re.findall(r"^--- \S+ (received|sent) UDP (\S+) -> (\S+) (\d+) bytes", log, re.M)
    checks.equal([head[0] for head in heads], ["received", "sent", "received", "sent"], "what is in the log")
    checks.equal(heads[0][1:3], ("10.77.0.21:5070", f"{CORE4}:5060"), "endpoints")
    responses = re.findall(r'response="([^"]*)"', log)
    checks.true(len(responses) == 1 and set(responses[0]) == {"*"}, f"credentials in the log: {responses}")
    voxlane.stop()
