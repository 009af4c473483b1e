"""Carriers as they are: Kamailio as a carrier by name (NAPTR, SRV, digest, Record-Route) that dies, and Kamailio as edge proxy in front
of us (Path, Record-Route). Names come from our own small name server, because they change while the test runs."""
from lib import checks
from lib.kamailio import Kamailio
from lib.names import Names
from lib.sipp import Sipp
from lib.voxlane import CORE4, Voxlane
from lib.world import wait_for

CARRIER = """
dns: { servers = [ "10.77.0.53" ]; timeout = 500; };
trunks = ( { name = "carrier"; host = "carrier.net"; username = "49301"; password = "secret"; register = true; expires = 60;
	options_interval = 1; answer_timeout = 1000; context = "from-carrier"; } );
dialplan: { routes = (
	{ pattern = "_0."; action = "trunk"; target = "carrier"; strip = 1; },
	{ pattern = "49301"; context = "from-carrier"; action = "extension"; target = "2000"; },
	{ pattern = "_2XXX"; action = "extension"; } ); };
"""


def trunk(voxlane):
    return voxlane.get("/api/v1/trunks/carrier")[1]


def registered_at(voxlane):
    return [target["address"] for target in trunk(voxlane)["targets"] if target["registered"]]


def test_carrier_by_name_with_digest_and_failover(world):
    """Registration and calls in both directions through the first server of the carrier's SRV records; it dies, and calls and
    registration go to the second."""
    voxlane = Voxlane(world, start=False, config=CARRIER)
    lan = voxlane.lan
    pstn, alice, bob = lan.add("pstn", "40"), lan.add("alice", "11"), lan.add("bob", "12")
    first, second = lan.add("first", "31"), lan.add("second", "32")
    names = Names(lan.add("names", "53"))
    names.add("carrier.net", "NAPTR", 10, 10, "s", "SIP+D2U", "_sip._udp.carrier.net")
    names.add("_sip._udp.carrier.net", "SRV", 10, 0, 5060, "a.carrier.net")
    names.add("_sip._udp.carrier.net", "SRV", 20, 0, 5060, "b.carrier.net")
    names.add("a.carrier.net", "A", first.address4)
    names.add("b.carrier.net", "A", second.address4)
    kamailio = Kamailio(first, "carrier", pstn=pstn.address4)
    Kamailio(second, "carrier", pstn=pstn.address4)
    voxlane.start_dataplane()
    voxlane.start_controlplane()
    wait_for("registration with the carrier", lambda: trunk(voxlane)["usable"], 20)
    wait_for("both servers of the carrier", lambda: len(trunk(voxlane)["targets"]) == 2, 5)

    def call_out():
        callee = Sipp(pstn, "uas_proxied", port=5060)
        Sipp(alice, "uac", CORE4, called="0301234", hold_ms=300).wait()
        callee.wait()
        checks.true("INVITE sip:301234@carrier.net SIP/2.0" in callee.received()[0], "the carrier's name was lost on the way")

    def call_in(via):
        Sipp(bob, "register", CORE4).wait()
        callee = Sipp(bob, "uas_proxied")
        Sipp(pstn, "uac_pstn", via.address4, called="49301", user="0301234", hold_ms=300).wait()
        callee.wait()

    wait_for("registration at the first", lambda: registered_at(voxlane) == ["10.77.0.31:5060"], 20)
    call_out()
    call_in(first)
    kamailio.stop()
    call_out()  # at once: OPTIONS have not found it out yet
    wait_for("registration at the second", lambda: registered_at(voxlane) == ["10.77.0.32:5060"], 40)
    call_out()
    call_in(second)
    names.silent = True
    wait_for("that the name servers are missed", lambda: trunk(voxlane)["resolution"] == "stale", 40)
    call_out()
    answer = voxlane.get("/api/v1/route?to=0301234&from=1000")[1]
    checks.equal((answer["action"], answer["target"], answer["number"]), ("trunk", "carrier", "301234"), "the dry run")
    checks.true(any("10.77.0.32:5060 good" in line for line in answer["explanation"]), f"no target in {answer['explanation']}")
    records = [record["disposition"] for record in voxlane.wait_cdrs(6)]
    checks.equal(set(records), {"ANSWERED"}, "dispositions")


def test_carrier_edge_proxy_in_front(world):
    """Phones behind Kamailio as edge proxy: registration with Path, calls to and from them with Record-Route."""
    voxlane = Voxlane(world)
    edge, alice, bob = voxlane.lan.add("edge", "30"), voxlane.lan.add("alice", "11"), voxlane.lan.add("bob", "12")
    Kamailio(edge, "edge", server=CORE4)
    wait_for("the edge proxy", lambda: "200" in edge.run("sipsak", "-s", f"sip:x@{edge.address4}", "-v", check=False), 10)
    Sipp(bob, "register", edge.address4).wait()
    contact = voxlane.rows("registrations")[0]
    checks.true(contact["contact"].startswith(f"sip:2000@{bob.address4}"), f"the contact is {contact['contact']}")
    checks.equal(contact["source"], f"{edge.address4}:5060", "where the registration came from")
    for caller in (edge.address4, CORE4):
        callee = Sipp(bob, "uas_proxied")
        Sipp(alice, "uac_proxied", caller, hold_ms=300).wait()
        callee.wait()
        invite = callee.received()[0]
        checks.true(f"Record-Route: <sip:{edge.address4}" in invite, "the call did not come through the edge proxy")
    checks.equal([record["disposition"] for record in voxlane.wait_cdrs(2)], ["ANSWERED"] * 2, "dispositions")
