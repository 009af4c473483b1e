"""The units of conf/systemd: systemd's own opinion of them, and both daemons with nothing but the capabilities that they name."""
import glob
import os
import re
import shutil
import subprocess

from lib import checks
from lib.voxlane import BUILD, CONTROLPLANE, DATAPLANE, Voxlane
from lib.world import ROOT, Skip

UNITS = os.path.join(ROOT, "conf", "systemd")
NOBODY = "61234"  # no user of that number exists; the daemons need none by name


def unit(name):
    with open(os.path.join(UNITS, f"voxlane-{name}.service"), encoding="utf-8") as file:
        return file.read()


def capabilities(name):
    words = re.search(r"^AmbientCapabilities=(.*)$", unit(name), re.M)[1].lower().split()
    return ",".join("+" + word.removeprefix("cap_") for word in words)


def as_unit(name, program):
    """The command that runs a daemon with what its unit leaves to it."""
    caps = capabilities(name)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", f"--inh-caps=-all,{caps}",
            f"--ambient-caps=-all,{caps}", f"--bounding-set=-all,{caps}", program]


def test_packaging_units_are_valid(world):
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is not installed")
    directory = world.path("units")
    os.mkdir(directory)
    for name, program in (("dataplane", DATAPLANE), ("controlplane", CONTROLPLANE)):
        with open(os.path.join(directory, f"voxlane-{name}.service"), "w", encoding="utf-8") as file:
            file.write(unit(name).replace(f"/usr/sbin/voxlane-{name}", program))
    answer = subprocess.run(["systemd-analyze", "verify", "--man=no", *[os.path.join(directory, f) for f in sorted(os.listdir(directory))]],
                            capture_output=True, text=True, timeout=60)
    complaints = [line for line in answer.stderr.splitlines() if "voxlane" in line]
    checks.equal(complaints, [], "what systemd-analyze verify says")


def installed(world):
    """What `meson install` makes, as the Dockerfile does it."""
    out = world.path("out")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", out], check=True, timeout=60, capture_output=True)
    found = {}  # by their last two names
    for folder, _, files in os.walk(out):
        for name in files:
            found[os.path.join(os.path.basename(folder), name)] = os.path.join(folder, name)
    return found


def test_packaging_what_is_installed_works(world):
    files = installed(world)
    for folder, name in (("sbin", "voxlane-dataplane"), ("sbin", "voxlane-controlplane"), ("bin", "voxctl")):
        version = subprocess.run([files[f"{folder}/{name}"], "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
        checks.true(version.startswith(name + " "), f"{name} --version says {version!r}")
    subprocess.run([files["sbin/voxlane-controlplane"], "--config", files["voxlane/voxlane.conf"], "--check-config"], check=True, timeout=10,
                   capture_output=True, cwd=world.folder)
    words = subprocess.run(["bash", "-c", f"PATH={os.path.dirname(files['bin/voxctl'])}:$PATH; source $0; _voxctl voxctl st voxctl; echo ${{COMPREPLY[@]}}",
                            os.path.join(ROOT, "conf", "completion", "voxctl")], capture_output=True, text=True, check=True, timeout=10).stdout.split()
    checks.true("status" in words and "streams" in words, f"completion of 'voxctl st': {words}")


def test_packaging_image_has_every_library(world):
    """The packages of the group `run` (docker/Dockerfile) are those that own the libraries which the programs name."""
    with open(os.path.join(ROOT, "tools", "packages.txt"), encoding="utf-8") as file:
        listed = {word for line in file if line.startswith("run:") for word in line.split()[1:]}
    needed = {}
    for program in (DATAPLANE, CONTROLPLANE, os.path.join(BUILD, "tools", "voxctl")):
        for library, path in re.findall(r"^\s*(\S+) => (/\S+)", subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout, re.M):
            needed[library] = os.path.realpath(path)
    direct = set(re.findall(r"NEEDED\s+(\S+)", "".join(
        subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=True).stdout
        for program in (DATAPLANE, CONTROLPLANE, os.path.join(BUILD, "tools", "voxctl")))))
    owners = {subprocess.run(["dpkg", "-S", needed[library]], capture_output=True, text=True).stdout.split(":")[0]: library
              for library in direct if library in needed}
    come_anyway = {"", "libc6", "libgcc-s1", "libbsd0", "libasan8", "libubsan1", "librte-mbuf23", "librte-mempool23", "librte-net23", "librte-ring23"}
    checks.equal({owner: library for owner, library in owners.items() if owner not in listed | come_anyway}, {}, "libraries that the image lacks")


def test_packaging_manifests_are_yaml(world):
    try:
        import yaml
    except ImportError:
        raise Skip("python3-yaml is not installed") from None
    for path in glob.glob(os.path.join(ROOT, "docker", "**", "*.yaml"), recursive=True):
        with open(path, encoding="utf-8") as file:
            checks.true(all(isinstance(document, dict) for document in yaml.safe_load_all(file)), f"{path} has no documents")
    with open(os.path.join(ROOT, "docker", "Dockerfile"), encoding="utf-8") as file:
        copied = [word for line in file if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]]
    for name in copied:
        checks.true(os.path.exists(os.path.join(ROOT, name)), f"the Dockerfile copies {name}, which is not there")


def test_packaging_daemons_without_root(world):
    """A call through daemons of an ordinary user with the capabilities of the units, AF_XDP port and all."""
    world.give_to(int(NOBODY))
    voxlane = Voxlane(world, start=False)
    voxlane.programs = (as_unit("dataplane", DATAPLANE), as_unit("controlplane", CONTROLPLANE))
    voxlane.start_dataplane()
    voxlane.start_controlplane()
    for process in (voxlane.dataplane, voxlane.controlplane):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
            checks.equal(re.search(r"^Uid:\s+(\d+)", file.read(), re.M)[1], NOBODY, f"user of {process.name}")
    alice, bob = voxlane.two_phones()
    alice.dial("2000")
    bob.wait_event("CALL_INCOMING")
    bob.answer()
    alice.wait_event("CALL_ESTABLISHED")
    bob.talk(4)
    alice.hang_up()
    bob.wait_event("CALL_CLOSED")
    checks.heard(voxlane.speech("1000"), bob.recording(), "bob", 2)
    checks.equal(len(voxlane.wait_cdrs(1)), 1, "records")
    voxlane.stop()
