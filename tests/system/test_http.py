"""The API, its HTTP server and voxctl with real clients: curl, nghttp, h2load, promtool, sockets. Telephony is made up by
tests/system/http/node.c."""
import json
import os
import re
import shutil
import socket
import subprocess
import time

from lib import checks
from lib.voxlane import BUILD
from lib.world import Failure, Skip, wait_for

NODE = os.path.join(BUILD, "tests", "system", "http", "http_node")
VOXCTL = os.path.join(BUILD, "tools", "voxctl")
TOKEN = "0123456789abcdef0123"


class Node:
    """The node in a namespace of its own."""

    def __init__(self, world, *arguments, host=None, before=()):
        if not os.path.exists(NODE):
            raise Skip(f"{NODE} is not built")
        self.host = host or world.host("node")
        self.process = self.host.start(f"node-{len(world.processes)}", *before, NODE, *arguments, world.path("cdr"))
        found = wait_for("start of the node", lambda: re.search(r"api \S+:(\d+)\nmetrics \S+:(\d+)\n", self.process.output()), 10)
        self.port, self.metrics_port = int(found[1]), int(found[2])
        self.url, self.metrics_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.metrics_port}"

    def curl(self, path, *options, url=None):
        """Status, HTTP version, body."""
        text = self.host.run("curl", "-sS", "--max-time", "20", "-w", "\n%{http_code} %{http_version}", *options,
                             (url or self.url) + path)
        body, _, last = text.rpartition("\n")
        status, version = last.split()
        return int(status), version, body

    def get(self, path, *options):
        status, _, body = self.curl(path, *options)
        return status, json.loads(body)

    def voxctl(self, *arguments, **variables):
        answer = subprocess.run(["ip", "netns", "exec", self.host.namespace, VOXCTL, *arguments], capture_output=True, text=True,
                                timeout=30, env=dict(os.environ, VOXCTL_URL=self.url, **variables))
        return answer.returncode, answer.stdout, answer.stderr

    def memory_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def test_http_every_protocol_of_curl(world):
    node = Node(world, "--calls", "3")
    for option, version in (("--http1.0", "1.1"), ("--http1.1", "1.1"), ("--http2", "2"), ("--http2-prior-knowledge", "2")):
        checks.equal(node.curl("/health", option)[:2], (200, version), f"answer to {option}")
        checks.equal(node.curl("/nothing", option)[:2], (404, version), f"answer to {option}")
        checks.equal(node.curl("/api/v1/calls/call-0", option, "-X", "POST")[:2], (405, version), f"answer to {option}")
        status, _, body = node.curl("/health", option, "-I")
        checks.true(status == 200 and re.search(r"content-length: \d+", body, re.I) and "healthy" not in body, f"HEAD: {body}")
    answer = node.host.run("nghttp", "-v", f"{node.url}/api/stats")
    checks.true(":status: 200" in answer, f"nghttp: {answer}")


def test_http_answers_of_the_contract(world):
    node = Node(world, "--calls", "3")
    status, health = node.get("/health")
    checks.true(status == 200 and health["status"] == "healthy", f"/health is {health}")
    checks.true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", health["timestamp"]), f"timestamp is {health['timestamp']}")
    checks.equal(node.get("/ready"), (200, {"ready": True, "components": {"sip_server": "ready", "media_engine": "ready"}}), "/ready")
    stats = node.get("/api/stats")[1]
    checks.true({"active_calls", "total_calls", "active_sessions", "uptime_seconds"} <= set(stats), f"/api/stats is {stats}")
    records = node.get("/api/cdr/recent?limit=2")[1]["records"]
    checks.equal([r["call_id"] for r in records], ["old-3", "old-2"], "the last two records")
    fields = {"call_id", "caller", "callee", "start_time", "end_time", "duration"}
    checks.true(fields <= set(records[0]), f"a record is {records[0]}")
    calls = node.get("/api/v1/calls?limit=2&offset=1")[1]
    checks.equal(([c["call_id"] for c in calls["calls"]], calls["total"]), (["call-1", "call-2"], 3), "a page of calls")
    checks.equal(calls["calls"][0]["legs"][0]["user_agent"], "phone \ufffd\"\n", "a hostile user agent")
    checks.equal(node.get("/api/v1/calls?user=1001")[1]["total"], 1, "calls of a user")
    checks.equal(node.get("/api/v1/calls/call-2", "-X", "DELETE"), (202, {"call_id": "call-2"}), "hang-up")
    checks.equal(node.get("/api/v1/calls/call-2")[1]["state"], "ending", "state")
    for path, method, status, code in (("/api/v1/calls/call-2", "DELETE", 409, "wrong_state"), ("/api/v1/calls/x", "DELETE", 404, "not_found"),
                                       ("/api/v1/calls/x", "GET", 404, "not_found"), ("/api/v1/calls?limit=x", "GET", 400, "invalid")):
        got = node.get(path, "-X", method)
        checks.equal((got[0], got[1]["error"]["code"]), (status, code), f"{method} {path}")
    checks.equal(node.get("/api/v1/calls?limt=3")[1]["error"]["field"], "limt", "the offending field")
    for path, name in (("/api/v1/registrations", "registrations"), ("/api/v1/streams", "streams"), ("/api/v1/drops", "drops")):
        checks.true(len(node.get(path)[1][name]) > 0, f"{path} has no {name}")
    checks.equal(len(node.get("/api/v1/node")[1]["media_engine"]["workers"]), 2, "workers")
    for path in node.get("/api/v1/openapi.json")[1]["paths"]:
        for parameter, name in (("{call_id}", "call-0"), ("{number}", "1000"), ("{trunk}", "carrier"), ("{route}", "config-1")):
            path = path.replace(parameter, name)
        # The node makes up no carriers and no dial plan: what asks for them says so.
        wanted = 501 if re.match("/api/v1/(trunks|route)(/|$)", path) else 200
        checks.equal(node.curl(path + ("?to=1000" if path == "/api/v1/route" else ""))[0], wanted, f"status of {path} of openapi.json")


def test_http_access(world):
    node = Node(world, "--token", TOKEN)
    for path in ("/health", "/ready", "/metrics"):
        checks.equal(node.curl(path)[0], 200, f"status of {path} without a token")
    for header in ("X: y", "Authorization: Bearer wrong", f"Authorization: Bearer {TOKEN}x", f"Authorization: Bearer {TOKEN[:-1]}",
                   f"Authorization: Basic {TOKEN}", "Authorization: Bearer"):
        for path in ("/api/stats", "/api/v1/nothing"):
            checks.equal(node.curl(path, "-H", header)[0], 401, f"status of {path} with {header}")
    checks.equal(node.curl("/api/stats", "-H", f"Authorization: Bearer {TOKEN}")[0], 200, "status with the token")
    checks.equal(node.curl("/api/stats", "--http2-prior-knowledge", "-H", f"authorization: bearer {TOKEN}")[0], 200, "status with the token")
    checks.equal(node.curl("/api/stats", url=node.metrics_url)[0], 404, "status of the API on the port of the metrics")
    anonymous = Node(world, host=node.host)
    checks.equal(anonymous.curl("/api/stats")[0], 200, "status without tokens")
    checks.equal(anonymous.curl("/api/stats", "-H", "Host: evil.example:8080")[0], 403, "status for a foreign Host")
    for host in ("localhost", "localhost:1", "[::1]:8080", "127.0.0.1"):
        checks.equal(anonymous.curl("/api/stats", "-H", f"Host: {host}")[0], 200, f"status for Host {host}")


def test_http_start_errors(world):
    host = world.host("node")
    host.ip("address", "add", "192.0.2.1/32", "dev", "lo")
    node = Node(world, host=host)
    for arguments, wanted in ((["--port", str(node.port)], "Address already in use; another program listens there"),
                              (["--listen", "192.0.2.1"], "add a token, or say allow_anonymous = true"),
                              (["--listen", "192.0.2.9", "--token", TOKEN], "no interface of this machine has that address"),
                              (["--token", "short"], "a token has at least 16 characters")):
        process = host.start(f"refused-{len(world.processes)}", NODE, *arguments, world.path("cdr"))
        checks.equal(process.wait(10), 1, f"exit code with {arguments}")
        checks.true(wanted in process.output() and process.output().count("\n") == 1, f"with {arguments} it says {process.output()}")
    Node(world, "--listen", "192.0.2.1", "--anonymous", host=host)


def test_http_bodies_and_limits(world):
    node = Node(world)
    for name, size in (("small", 1000), ("large", 3000000)):
        with open(world.path(name), "wb") as file:
            file.write(b"x" * size)
    for option in ("--http1.1", "--http2-prior-knowledge"):
        for extra in ([], ["-H", "Transfer-Encoding: chunked"] if option == "--http1.1" else []):
            large = node.curl("/health", option, *extra, "--data-binary", f"@{world.path('large')}")
            checks.equal(large[0], 413, f"status of a large body, {option} {extra}")
            small = node.curl("/health", option, *extra, "-X", "GET", "--data-binary", f"@{world.path('small')}")
            checks.equal(small[0], 400, f"status of a body where none belongs, {option} {extra}")
        checks.equal(node.curl("/health?" + "a" * 20000, option)[0], 414 if option == "--http1.1" else 431, f"status of a long target, {option}")
        checks.equal(node.curl("/health", option, "-H", "X: " + "a" * 20000)[0], 431, f"status of a long header, {option}")
    with node.host.connect("127.0.0.1", node.port) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50 + b"nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    checks.equal((answer.count(b"HTTP/1.1 200 OK"), answer.count(b"HTTP/1.1 50")), (50, 1), "answers to a pipeline and nonsense")


def test_http_load(world):
    node = Node(world, "--calls", "100")
    for option in ("--h1", "-ph2c"):
        answer = node.host.run("h2load", option, "-n", "2000", "-c", "20", "-m", "10", f"{node.url}/api/v1/calls?limit=10")
        checks.true("2000 succeeded, 0 failed" in answer, f"h2load {option}: {answer}")


def is_refused(sock, patience_s):
    """Half a request is sent; has the server closed the connection?"""
    sock.settimeout(patience_s or 0.001)
    try:
        sock.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_http_without_file_descriptors(world):
    """The port stays open, does not spin, and serves again when there are descriptors."""
    node = Node(world, before=("prlimit", "--nofile=40"))
    crowd = [node.host.connect("127.0.0.1", node.port) for _ in range(60)]
    with open(f"/proc/{node.process.pid}/stat", encoding="ascii") as file:
        before = sum(map(int, file.read().split()[13:15]))
    time.sleep(1)
    with open(f"/proc/{node.process.pid}/stat", encoding="ascii") as file:
        checks.between(sum(map(int, file.read().split()[13:15])) - before, 0, 20, "ticks of 10 ms used in a second of waiting")
    for sock in crowd:
        sock.close()
    checks.equal(node.curl("/health")[0], 200, "status when the crowd left")


def test_http_crowd_of_idle_connections(world):
    """More connections than allowed: the rest is closed at once, those that are there are served, memory stays small."""
    node = Node(world)
    with node.host.connect("127.0.0.1", node.port) as first:
        crowd = [node.host.connect("127.0.0.1", node.port) for _ in range(600)]
        checks.equal([i for i, sock in enumerate(crowd) if is_refused(sock, 2 if i >= 511 else 0)], list(range(511, 600)),
                     "numbers of the refused connections")
        first.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        checks.true(first.recv(100).startswith(b"HTTP/1.1 200"), "the first connection is not served")
        checks.between(node.memory_kb(), 0, 60000, "memory in KiB with 512 slow clients")
        for sock in crowd:
            sock.close()
    wait_for("service after the crowd left", lambda: node.host.run("curl", "-s", f"{node.url}/health", check=False), 5)


def test_http_clients_that_vanish(world):
    """In the middle of everything; the server goes on and ends cleanly."""
    node = Node(world, "--calls", "200")
    request = b"GET /api/v1/calls?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for i in range(100):
        sock = node.host.connect("127.0.0.1", node.port)
        sock.sendall(request[:i % len(request) + 1] if i % 2 else request)
        if i % 3 == 0:  # a reset instead of an orderly end
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    wait_for("service afterwards", lambda: node.curl("/health")[0] == 200, 20)
    wait_for("end of all connections", lambda: node.get("/api/v1/node")[1]["http"]["connections"] == 1, 10)
    checks.equal(node.process.stop(), 0, "exit code")


def test_http_when_the_signalling_thread_is_stuck(world):
    node = Node(world, "--stuck")
    started = time.monotonic()
    checks.equal(node.get("/health")[1]["status"], "unhealthy", "/health")
    checks.between(time.monotonic() - started, 1.9, 10, "seconds until the answer")
    checks.equal(node.get("/ready"), (503, {"ready": False, "components": {"sip_server": "unavailable", "media_engine": "unavailable"}}), "/ready")
    checks.equal(node.get("/api/v1/calls")[1]["error"]["code"], "deadline", "/api/v1/calls")
    checks.true("sip_pbx_active_calls" in node.curl("/metrics", url=node.metrics_url)[2], "no metrics page")
    checks.equal(node.get("/api/cdr/recent")[0], 200, "status of /api/cdr/recent, which asks nobody")
    checks.equal(node.process.stop(), 0, "exit code")


def test_http_without_media_engine(world):
    node = Node(world, "--away")
    checks.equal(node.get("/ready"), (503, {"ready": False, "components": {"sip_server": "ready", "media_engine": "unavailable"}}), "/ready")
    checks.true("voxlane_media_engine_up 0" in node.curl("/metrics")[2], "the metrics do not say it")
    code, output, _ = node.voxctl("status")
    checks.true(code == 4 and "no dataplane is running" in output, f"voxctl status ends with {code}: {output}")


def test_http_metrics_for_promtool(world):
    if not shutil.which("promtool"):
        raise Skip("promtool is not installed (Debian's package prometheus)")
    node = Node(world, "--calls", "3")
    status, _, page = node.curl("/metrics", url=node.metrics_url)
    answer = subprocess.run(["promtool", "check", "metrics"], input=page + "\n", capture_output=True, text=True, timeout=30)
    complaints = [line for line in answer.stderr.splitlines() if "sip_pbx_total_calls" not in line]
    checks.equal((status, complaints), (200, []), "what promtool says")


def test_voxctl(world):
    node = Node(world, "--calls", "150", "--token", TOKEN)
    token = {"VOXCTL_TOKEN": TOKEN}
    code, output, _ = node.voxctl("calls", "--limit", "2", **token)
    lines = output.splitlines()
    checks.equal((code, len(lines), lines[1].split()[:3]), (0, 3, ["call-0", "1000@example.org", "2000@example.org"]), "voxctl calls")
    checks.equal(len(json.loads(node.voxctl("--json", "calls", **token)[1])["calls"]), 100, "rows of voxctl --json calls")
    for command, word in (("status", "ready"), ("registrations", "baresip"), ("streams", "192.0.2.7:4000"), ("drops", "no_stream"),
                          ("cdr", "ANSWERED")):
        code, output, errors = node.voxctl(command, "--token", TOKEN)
        checks.true(code == 0 and word in output and not errors, f"voxctl {command}: {code} {output} {errors}")
        json.loads(node.voxctl(command, "--json", **token)[1])
    checks.equal([node.voxctl("hangup", "call-7", **token)[0] for _ in range(2)], [0, 1], "exit codes of voxctl hangup")
    for arguments, wanted_code, wanted in ((["calls"], 1, "--token"), (["--url", "http://127.0.0.1:1", "calls"], 3, "cannot be reached"),
                                           (["nothing"], 2, "no command nothing"), ([], 2, "no command"), (["--limit", "x", "calls"], 2, "1 to 1000"),
                                           (["hangup"], 2, "hangup"), (["--url", f"{node.url}/health", "calls"], 1, "")):
        code, _, errors = node.voxctl(*arguments)
        if code != wanted_code or wanted not in errors:
            raise Failure(f"voxctl {arguments} ends with {code}: {errors}")


def test_http_trace_and_history(world):
    node = Node(world, "--calls", "1")

    def put(body):
        status, _, text = node.curl("/api/v1/trace", "-X", "PUT", "-d", body)
        return status, json.loads(text)

    checks.equal(node.get("/api/v1/trace")[1]["enabled"], False, "trace at first")
    status, state = put('{"enabled": true, "peer": "192.0.2.0/24", "call": "c1", "extension": "1000"}')
    checks.equal((status, state["enabled"], state["peer"], state["call"], state["extension"], state["written"]),
                 (200, True, "192.0.2.0/24", "c1", "1000", 7), "trace switched on")
    for body, field in (('{"enabled": 1}', "enabled"), ("{}", "enabled"), ('{"enabled": true, "peer": "x"}', "peer"),
                        ('{"enabled": true, "call": 5}', "call"), ('{"enabled": true, "cal": "5"}', "cal"),
                        ('{"enabled": true, "extension": "%s"}' % ("9" * 100), "extension")):
        status, answer = put(body)
        checks.equal((status, answer["error"].get("field")), (400, field), f"answer to {body}")
    for body in ("", "[]", "{", '{"enabled": true, "enabled": false}'):
        checks.equal(put(body)[0], 400, f"status of {body!r}")
    checks.equal(node.get("/api/v1/trace")[1]["peer"], "192.0.2.0/24", "trace after wrong requests")
    code, out, _ = node.voxctl("trace", "on", "--peer", "192.0.2.7")
    checks.true(code == 0 and re.search(r"SIP traffic log +on\nof peer +192.0.2.7/32\n", out), f"voxctl trace on: {out}")
    checks.true(node.voxctl("trace")[1].startswith("SIP traffic log  on"), "voxctl trace")
    checks.true(node.voxctl("trace", "off")[1].startswith("SIP traffic log  off"), "voxctl trace off")
    for arguments in (("trace", "maybe"), ("trace", "--peer", "192.0.2.7"), ("calls", "--peer", "192.0.2.7"), ("trace", "on", "x"), ("history",)):
        checks.equal(node.voxctl(*arguments)[0], 2, f"exit code of voxctl {arguments}")
    checks.equal(node.get("/api/v1/calls/call-0/history")[1], {"call_id": "call-0", "history": ["call call-0", "1 NEW --routed--> RINGING"]}, "history")
    checks.equal(node.get("/api/v1/calls/call-9/history")[0], 404, "history of no call")
    checks.equal(node.voxctl("history", "call-0")[1], "call call-0\n1 NEW --routed--> RINGING\n", "voxctl history")
    checks.equal(node.voxctl("history", "call-9")[0], 1, "voxctl history of no call")
