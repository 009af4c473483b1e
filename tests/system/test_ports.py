"""Ports of the dataplane on real interfaces: every driver carries media and leaves the kernel its own; nothing stays behind;
what cannot be is refused in one line."""
import contextlib
import os
import select
import socket
import struct
import subprocess

from lib import checks
from lib.rtp import packet
from lib.voxlane import CORE4, CORE6, DATAPLANE, Voxlane
from lib.world import Failure, Skip, wait_for
from test_programming import Probe
from test_start import fails, write

PACKETS = 200
SOCKET_PORT = 40000
WARM_UP = 0xFFFF


def echo(probe, name, host, address):
    """A stream that is its own source: everything sent to it comes back, from where it was sent to, with a good checksum."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    endpoint = f"[{address}]" if ":" in address else address
    back = set()
    with host.udp(address, SOCKET_PORT, family) as sock:
        probe.say(f"new {name} {address}", f"remote {name} {endpoint}:{SOCKET_PORT}", f"source {name} {name}")
        local, port = probe.wait(f"{name} local")[0].rsplit(":", 1)
        target = (local.strip("[]"), int(port))
        sock.settimeout(0.5)

        def send(number):
            sock.sendto(packet(number, 0, 0xEC40), target)
            with contextlib.suppress(socket.timeout):
                data, source = sock.recvfrom(2048)
                checks.equal(source[:2], target, "source of what came back")
                back.add(int.from_bytes(data[2:4], "big"))

        for _ in range(10):  # the stream may come to life a moment after its port is known
            if not back:
                send(WARM_UP)
        checks.true(back, f"nothing that {address} sends to {target} comes back")
        for number in range(PACKETS):
            send(number)
        while len(back) < PACKETS + 1 and sock in select.select([sock], [], [], 1)[0]:
            back.add(int.from_bytes(sock.recv(2048)[2:4], "big"))
        checks.equal(sorted(set(range(PACKETS)) - back), [], f"sequence numbers that {address} did not get back")
    probe.say(f"del {name}")
    probe.wait(f"{name} gone")


def answers_refused(host, address, port):
    """Does the kernel behind address answer a datagram to that port with "port unreachable"?"""
    with host.udp("0.0.0.0") as sock:
        sock.settimeout(0.5)
        sock.connect((address, port))
        sock.send(b"anybody there?")
        try:
            sock.recv(100)
        except ConnectionRefusedError:
            return True
        except socket.timeout:
            return False
    return False


def check_kernel_has_its_own(phone):
    phone.run("ping", "-c", 1, "-W", 2, CORE4)
    phone.run("ping", "-c", 1, "-W", 2, CORE6)
    checks.true(answers_refused(phone, CORE4, 5061), "the kernel does not answer for a port outside the pool")
    checks.true(not answers_refused(phone, CORE4, 12346), "the kernel answers for a media port")


def filters(host, interface):
    """What of ours is on an interface: XDP programs and ingress filters."""
    link = host.run("ip", "-details", "link", "show", interface)
    ingress = host.run("tc", "filter", "show", "dev", interface, "ingress")
    return sum("voxlane_media" in line for line in (link + ingress).splitlines())


def carry(world, driver="af_xdp", workers=1, config_replace=("", ""), before=lambda core: None, interface="lan"):
    voxlane = Voxlane(world, start=False, driver=driver, workers=workers)
    before(voxlane.core)
    with open(voxlane.config, encoding="utf-8") as file:
        text = file.read()
    write(world, "voxlane.conf", text.replace(*config_replace))
    voxlane.start_dataplane()
    phone, probe = voxlane.lan.add("phone", "11"), Probe(voxlane)
    for number in range(workers):  # streams go round the workers
        echo(probe, f"four{number}", phone, "10.77.0.11")
        echo(probe, f"six{number}", phone, "fd77::11")
    check_kernel_has_its_own(phone)
    checks.equal(filters(voxlane.core, interface), 1, "filters on the interface")
    checks.equal(voxlane.dataplane.stop(), 0, "exit code")
    checks.equal(filters(voxlane.core, interface), 0, "filters left on the interface")
    return voxlane.dataplane.output()


def test_ports_af_xdp(world):
    checks.true("af_xdp on lan, native XDP, copy, 1 queue" in carry(world), "the log does not say what it got")


def test_ports_af_xdp_generic(world):
    """A bridge has no XDP of its own."""
    def bridge(core):
        for words in ("link add name wide type bridge forward_delay 0", "link set lan master wide", "link set wide up",
                      "address flush dev lan", f"address add {CORE4}/24 dev wide", f"address add {CORE6}/64 dev wide nodad"):
            core.ip(*words.split())
    log = carry(world, config_replace=('device = "lan"', 'device = "wide"'), before=bridge, interface="wide")
    checks.true("af_xdp on wide, generic XDP, copy" in log, "the log does not say what it got")


def test_ports_af_xdp_refused_becomes_af_packet(world):
    """veth refuses XDP when its other end sends large packets."""
    def jumbo(core):
        core.world.hosts["switch"].ip("link", "set", "core", "mtu", "9000")
        core.ip("link", "set", "lan", "mtu", "9000")
    log = carry(world, before=jumbo)
    checks.true("trying driver af_packet, which is slower" in log, "the log does not say why")
    checks.true("af_packet on lan, packet socket" in log, "the log does not say what it got")


def test_ports_af_packet(world):
    carry(world, "af_packet")


def test_ports_one_queue_two_workers(world):
    carry(world, "af_xdp", workers=2)


def test_ports_many_queues_two_workers(world):
    carry(world, "af_packet", workers=2)


@contextlib.contextmanager
def huge_pages(pages):
    path = "/proc/sys/vm/nr_hugepages"
    with open(path, encoding="ascii") as file:
        before = file.read()
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(str(int(before) + pages))
        with open(path, encoding="ascii") as file:
            if int(file.read()) < int(before) + pages:
                raise Skip(f"this machine has no room for {pages} huge pages")
        yield
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(before)


def test_ports_huge_pages(world):
    with huge_pages(128):
        carry(world, "af_xdp", config_replace=("workers = 1;", "workers = 1; huge_pages = true;"))


def test_ports_replace_what_a_killed_dataplane_left(world):
    voxlane = Voxlane(world, start=False)
    with open(voxlane.config, encoding="utf-8") as file:
        text = file.read()
    for driver in ("af_xdp", "af_packet"):
        write(world, "voxlane.conf", text.replace('"af_xdp"', f'"{driver}"'))
        voxlane.start_dataplane()
        voxlane.dataplane.popen.kill()
        voxlane.dataplane.popen.wait()
        checks.equal(filters(voxlane.core, "lan"), 1, "filters that a kill leaves")
        os.unlink(voxlane.segment)
        voxlane.start_dataplane()
        checks.equal(filters(voxlane.core, "lan"), 1, "filters after the new start")
        checks.equal(voxlane.dataplane.stop(), 0, "exit code")
        checks.equal(filters(voxlane.core, "lan"), 0, "filters left on the interface")


def test_ports_memif_with_tap_on_both_ends(world):
    """Two engines on one memif. The far one has no streams: its TAP is the phone's interface."""
    config = """media: {{ segment = "{segment}"; }};
dataplane: {{ ports = ( {{ name = "m"; driver = "memif"; device = "{socket}"; tap = "{tap}"; addresses = [ {addresses} ];
	options = "{options}"; }} ); }};
"""
    core, phone = world.host("core"), world.host("phone")
    far_segment = f"/dev/shm/{world.prefix}-far"

    class Near:  # what Probe wants of a Voxlane
        segment = f"/dev/shm/{world.prefix}-near"

    Near.world, Near.core = world, core
    near = write(world, "near.conf", config.format(segment=Near.segment, socket=world.path("memif"), tap="near",
                                                   addresses=f'"{CORE4}", "{CORE6}"', options=""))
    far = write(world, "far.conf", config.format(segment=far_segment, socket=world.path("memif"), tap="far",
                                                 addresses='"192.0.2.1"', options="role=client"))
    engines = []
    for host, path, segment in ((core, near, Near.segment), (phone, far, far_segment)):
        engines.append(host.start(os.path.basename(path), DATAPLANE, "--config", path))
        wait_for("segment", lambda name=segment: os.path.exists(name), 10)
    for host, tap, number in ((core, "near", 1), (phone, "far", 11)):
        host.ip("address", "add", f"10.77.0.{number}/24", "dev", tap)
        host.ip("address", "add", f"fd77::{number}/64", "dev", tap, "nodad")
    wait_for("link", lambda: "link up" in engines[0].output(), 5)
    probe = Probe(Near)
    phone.run("ping", "-c", 1, "-W", 2, CORE4)
    phone.run("ping", "-c", 1, "-W", 2, CORE6)
    echo(probe, "four", phone, "10.77.0.11")
    echo(probe, "six", phone, "fd77::11")
    fails(core, DATAPLANE, write(world, "again.conf", open(near, encoding="utf-8").read().replace("near", "again")),
          "another dataplane already uses")
    for engine in reversed(engines):
        checks.equal(engine.stop(), 0, "exit code")


def write_capture(path, packets):
    """A capture of UDP datagrams, IPv4 over Ethernet: (destination port, payload)."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, (port, payload) in enumerate(packets):
            udp = struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number, 0x4000, 64, 17, 0,
                                 socket.inet_aton("10.77.0.50"), socket.inet_aton(CORE4))
            total = sum(struct.unpack("!10H", header))
            header = header[:10] + struct.pack("!H", 0xFFFF - (total % 0xFFFF)) + header[12:]
            frame = b"\x02\0\0\0\0\1" + b"\x02\0\0\0\0\2" + b"\x08\0" + header + udp
            file.write(struct.pack("<IIII", number // 1000, number % 1000, len(frame), len(frame)) + frame)


def test_ports_pcap(world):
    """A capture goes through the pipeline: each packet is counted, under the reason why it went no further."""
    capture = world.path("in.pcap")
    rtp = [(10000 + 2 * (number % 50), packet(number, 160 * number, 0xABCD)) for number in range(500)]
    write_capture(capture, rtp + [(9, b"not for the engine")] * 20)
    voxlane = Voxlane(world, start=False)
    with open(voxlane.config, encoding="utf-8") as file:
        text = file.read()
    port = f'driver = "pcap"; device = "{capture}"; options = "tx_pcap={world.path("out.pcap")}"'
    write(world, "voxlane.conf", text.replace('driver = "af_xdp"; device = "lan"', port))
    voxlane.start_dataplane()
    voxlane.start_controlplane()
    wait_for("count of the capture's packets", lambda: voxlane.metric("voxlane_worker_rx_packets_total") >= 520, 10)
    checks.equal(voxlane.metric("voxlane_worker_rx_packets_total"), 520, "packets received")
    checks.equal(sum(row["packets"] for row in voxlane.rows("drops")), 520, "packets dropped, no stream being there")
    checks.equal(voxlane.drop_count("no_stream"), 520, "packets to ports that no stream owns")
    voxlane.stop()


def test_ports_local_phones_on_a_veth_pair(world):
    """Phones on the engine's own machine, as tools/up has it: the media address belongs to no interface of the kernel."""
    voxlane = Voxlane(world, start=False)
    core = voxlane.core
    world.wire(core, "media", core, "phones", (), ("10.78.0.2/24",))
    media = core.run("cat", "/sys/class/net/media/address").strip()
    core.ip("neighbour", "add", "10.78.0.1", "lladdr", media, "dev", "phones")
    text = open(voxlane.config, encoding="utf-8").read().replace(
        "ports = (", 'ports = ( { name = "local"; driver = "af_xdp"; device = "media"; addresses = [ "10.78.0.1" ]; serves = "local"; },')
    write(world, "voxlane.conf", text)
    voxlane.start_dataplane()
    probe = Probe(voxlane)
    echo(probe, "near", core, "10.78.0.2")
    echo(probe, "far", voxlane.lan.add("phone", "11"), "10.77.0.11")
    checks.equal(voxlane.dataplane.stop(), 0, "exit code")


def test_ports_refuse_in_one_line(world):
    voxlane = Voxlane(world, start=False)
    core = voxlane.core
    good = open(voxlane.config, encoding="utf-8").read()
    rows = []

    def refuses(name, old, new, wanted):
        rows.append(name)
        path = write(world, f"bad{len(rows)}.conf", good.replace(old, new))
        fails(core, DATAPLANE, path, wanted)
        if filters(core, "lan") and not (voxlane.dataplane and voxlane.dataplane.is_running()):
            raise Failure(f"{name}: a filter is left")

    refuses("huge pages", "workers = 1;", "workers = 1; huge_pages = true; memory_mb = 1000000;", "of huge pages are needed and")
    refuses("memory", "workers = 1;", "workers = 1; memory_mb = 64;", "dataplane.memory_mb is 64, but these ports and workers need")
    refuses("core", "workers = 1;", "workers = 1; main_core = 999;", "dataplane.main_core: this machine has no CPU 999")
    refuses("pci", 'driver = "af_xdp"; device = "lan"', 'driver = "pci"; device = "0000:ff:1f.7"',
            "bad4.conf:7: port lan: there is no PCI device \"0000:ff:1f.7\"")
    refuses("pcap", 'driver = "af_xdp"; device = "lan"', 'driver = "pcap"; device = "/nowhere.pcap"', "the file /nowhere.pcap cannot be read")
    refuses("option", 'device = "lan"', 'device = "lan"; options = "no_such=1"', "the device could not be opened")
    core.ip("link", "add", "wide", "numrxqueues", "4", "type", "veth", "peer", "name", "wide2", "numtxqueues", "4")
    core.ip("link", "set", "wide", "up")
    refuses("queues", 'device = "lan"', 'device = "wide"', "ethtool -L wide rx 1 tx 1")
    core.ip("link", "set", "wide", "down")
    refuses("down", 'device = "lan"', 'device = "wide"', "interface wide is down; ip link set wide up")
    voxlane.start_dataplane()
    refuses("second", f"{world.prefix}-media", f"{world.prefix}-second", "another dataplane already uses lan")
    checks.equal(filters(core, "lan"), 1, "filters of the living dataplane")


def test_ports_respect_a_foreign_xdp_program(world):
    voxlane = Voxlane(world, start=False)
    source = write(world, "foreign.c", 'int foreign(void *x) { return 2; }\n__attribute__((section("license"))) char l[] = "MIT";\n')
    try:
        subprocess.run(["clang", "-O2", "-target", "bpf", "-c", source, "-o", world.path("foreign.o")], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Skip(f"clang cannot compile for BPF: {error}") from None
    voxlane.core.run("ip", "link", "set", "lan", "xdp", "object", world.path("foreign.o"), "section", ".text")
    fails(voxlane.core, DATAPLANE, voxlane.config, "another XDP program is on lan; take it off (ip link set lan xdp off)")
    checks.true("xdp" in voxlane.core.run("ip", "link", "show", "lan"), "the foreign program is gone")
