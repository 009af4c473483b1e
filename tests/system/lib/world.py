"""A world for one test: network namespaces, wires between them, processes in them, a folder for files. Everything is named
after our process id and taken away at the end, whatever happened."""
import contextlib
import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

CLONE_NEWNET = 0x40000000
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


class Failure(Exception):
    """The test failed; the text says why, in one line."""


class Skip(Exception):
    """The test cannot be run here; the text says why."""


def wait_for(what, condition, timeout_s, step_s=0.05):
    """The condition's first true value. Failure("no <what> within ...")."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"no {what} within {timeout_s} s")
        time.sleep(step_s)


class Process:
    """A program with its output in a file. Ended by its own pid only."""

    def __init__(self, name, command, log, **options):
        self.name, self.log = name, log
        with open(log, "wb") as output:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options)

    @property
    def pid(self):
        return self.popen.pid

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def is_running(self):
        return self.popen.poll() is None

    def wait(self, timeout_s):
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {timeout_s} s") from None

    def stop(self, signal_number=signal.SIGTERM, timeout_s=5):
        """Ends it and returns its exit code; kills it when it does not listen."""
        if self.is_running():
            self.popen.send_signal(signal_number)
            try:
                self.popen.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode


class Host:
    """A network namespace. Addresses are its own; programs and sockets can be started in it."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.namespace = f"{world.prefix}-{name}"
        world.ip("netns", "add", self.namespace)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        self.world.ip("-n", self.namespace, *arguments)

    def run(self, *command, timeout_s=30, check=True):
        """Runs a program to its end and returns its output."""
        answer = subprocess.run(["ip", "netns", "exec", self.namespace, *map(str, command)], capture_output=True, text=True,
                                timeout=timeout_s)
        if check and answer.returncode != 0:
            raise Failure(f"{' '.join(map(str, command))}: {answer.stderr.strip() or answer.stdout.strip()}")
        return answer.stdout

    def start(self, name, *command, **options):
        """Starts a program that runs beside the test."""
        return self.world.start(name, "ip", "netns", "exec", self.namespace, *map(str, command), **options)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in this namespace; sockets made here stay here."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/self/task/{threading.get_native_id()}/ns/net", "rb") as home, \
                open(f"/run/netns/{self.namespace}", "rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET):
                raise Failure(f"cannot enter {self.namespace}: {os.strerror(ctypes.get_errno())}")
            try:
                yield
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)

    def connect(self, address, port, timeout_s=5):
        def attempt():
            with self.inside(), contextlib.suppress(OSError):
                return socket.create_connection((address, port), timeout=1)
        return wait_for(f"connection to {address} port {port}", attempt, timeout_s)

    def udp(self, address="", port=0, family=socket.AF_INET):
        """A datagram socket bound there."""
        with self.inside():
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.bind((address, port))
            return sock


class World:
    counter = 0

    def __init__(self, keep=False):
        World.counter += 1
        self.prefix = f"vx{os.getpid()}-{World.counter}"
        self.keep = keep
        self.folder = tempfile.mkdtemp(prefix=f"{self.prefix}-")
        self.hosts, self.processes = {}, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.stop()
        for host in self.hosts.values():
            subprocess.run(["ip", "netns", "delete", host.namespace], capture_output=True)
        for segment in glob.glob(f"/dev/shm/{self.prefix}-*"):
            os.unlink(segment)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def give_to(self, user):
        """Daemons of that user may write into the test's folder."""
        os.chown(self.folder, user, user)

    def ip(self, *arguments):
        answer = subprocess.run(["ip", *map(str, arguments)], capture_output=True, text=True)
        if answer.returncode != 0:
            raise Failure(f"ip {' '.join(map(str, arguments))}: {answer.stderr.strip()}")

    def host(self, name):
        self.hosts[name] = Host(self, name)
        return self.hosts[name]

    def wire(self, one, one_name, other, other_name, one_addresses=(), other_addresses=()):
        """A veth pair between two hosts: interface names of at most 15 characters, addresses with their prefix length."""
        self.ip("link", "add", one_name, "netns", one.namespace, "type", "veth", "peer", "name", other_name, "netns",
                other.namespace)
        for host, name, addresses in ((one, one_name, one_addresses), (other, other_name, other_addresses)):
            for address in addresses:
                host.ip("address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
            host.ip("link", "set", name, "up")

    def start(self, name, *command, **options):
        process = Process(name, [str(c) for c in command], self.path(f"{name}.log"), cwd=self.folder, **options)
        self.processes.append(process)
        return process

    def logs(self, lines=25):
        """The ends of all logs, for a test that failed."""
        text = []
        for process in self.processes:
            output = process.output().split("- Statistics Screen -")[0]  # SIPp's second half says nothing
            tail = [line for line in output.splitlines() if line.strip()][-lines:]
            state = "running" if process.is_running() else f"ended with {process.popen.returncode}"
            text += [f"  --- {process.name} ({state})"] + ["  " + line for line in tail]
        return "\n".join(text)
