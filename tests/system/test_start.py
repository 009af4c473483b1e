"""What goes wrong at start is one clear line and a bad exit code, and help is help."""
import os
import subprocess

from lib import checks
from lib.voxlane import CONTROLPLANE, DATAPLANE, Voxlane
from lib.world import Failure


def fails(host, program, config, wanted, before=()):
    """Starting must end soon with a code that is not 0; its last line says why."""
    name = os.path.basename(program)
    process = host.start(f"{name}-bad-{len(host.world.processes)}", *before, program, "--config",
                         config)
    code = process.wait(15)
    lines = [line for line in process.output().splitlines() if line.strip()]
    if code == 0:
        raise Failure(f"{name} ended with 0 instead of refusing: {wanted}")
    checks.true(code > 0, f"{name} was ended by signal {-code}")
    checks.true(lines and wanted in lines[-1], f"{name} says {lines[-1] if lines else 'nothing'!r}; wanted {wanted!r}")


def write(world, name, text):
    with open(world.path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return world.path(name)


def test_start_bad_configuration(world):
    voxlane = Voxlane(world, start=False)
    for program in (DATAPLANE, CONTROLPLANE):
        unknown = write(world, "unknown.conf", "sip: {\n\tlisten_prot = 5060;\n};\n")
        fails(voxlane.core, program, unknown, "unknown.conf:2: unknown key sip.listen_prot; did you mean listen_port?")
        wrong_type = write(world, "type.conf", "sip: {\n\n\tlisten_port = \"x\"; };\n")
        fails(voxlane.core, program, wrong_type, "type.conf:3: sip.listen_port is a string")
        fails(voxlane.core, program, world.path("missing.conf"), "missing.conf: cannot be opened: No such file or directory")
        for arguments in (["--config", voxlane.config, "--check-config"], ["--version"], ["--help"]):
            voxlane.core.run(program, *arguments)
        answer = subprocess.run([program, "--config", unknown, "--check-config"], capture_output=True, text=True)
        checks.true(answer.returncode != 0 and "unknown.conf:2:" in answer.stderr + answer.stdout, "--check-config accepts a bad file")


def test_start_port_in_use(world):
    voxlane = Voxlane(world, start=False)
    voxlane.start_dataplane()
    with voxlane.core.udp("0.0.0.0", 5060):
        fails(voxlane.core, CONTROLPLANE, voxlane.config, "5060")


def test_start_no_such_interface(world):
    voxlane = Voxlane(world, start=False)
    text = open(voxlane.config, encoding="utf-8").read().replace('device = "lan"', 'device = "nolan"')
    fails(voxlane.core, DATAPLANE, write(world, "nolan.conf", text), "nolan")


def test_start_without_privileges(world):
    """Root's user id, so that files can be read, but no capability."""
    voxlane = Voxlane(world, start=False)
    fails(voxlane.core, DATAPLANE, voxlane.config, "privilege", before=["setpriv", "--bounding-set=-all", "--inh-caps=-all"])


def test_start_without_dataplane(world):
    """The control plane comes up, says that it is not ready, refuses calls, and is ready once the dataplane is there."""
    voxlane = Voxlane(world, start=False)
    voxlane.controlplane = voxlane.core.start("controlplane", CONTROLPLANE, "--config", voxlane.config)
    voxlane.wait_for_log(voxlane.controlplane, lambda: voxlane.get("/health")[0] == 200, "answer of /health")
    status, answer = voxlane.get("/ready")
    checks.equal(answer["ready"], False, "ready")
    checks.true(answer["components"]["media_engine"] != "ready", f"media_engine is {answer['components']['media_engine']}")
    voxlane.start_dataplane()
    voxlane.wait_for_log(voxlane.controlplane, voxlane.is_ready, "readiness")
    voxlane.stop()
