"""The dashboards and alert rules of conf/ against a real Prometheus that scrapes a node under load."""
import glob
import http.client
import json
import os
import re
import shutil
import subprocess
import urllib.parse

from lib import checks
from lib.sipp import Sipp
from lib.voxlane import CORE4, Voxlane
from lib.world import ROOT, Failure, Skip, wait_for

PORT = 9099
GRAFANA, RULES = os.path.join(ROOT, "conf", "grafana"), os.path.join(ROOT, "conf", "prometheus")


class Prometheus:
    """On the node itself, with the configuration of conf/ but for its intervals and for how long an alert has to last."""

    def __init__(self, voxlane):
        if not shutil.which("prometheus"):
            raise Skip("prometheus is not installed (Debian's package prometheus)")
        self.core, world = voxlane.core, voxlane.world
        for name, changes in (("prometheus.yml", [(r": 15s", ": 1s")]), ("alerts.yml", [(r"for: \d+[ms]", "for: 0s")])):
            with open(os.path.join(RULES, name), encoding="utf-8") as file:
                text = file.read()
            for pattern, replacement in changes:
                text = re.sub(pattern, replacement, text)
            with open(world.path(name), "w", encoding="utf-8") as file:
                file.write(text)
        self.process = self.core.start("prometheus", "prometheus", f"--config.file={world.path('prometheus.yml')}",
                                       f"--storage.tsdb.path={world.path('tsdb')}", f"--web.listen-address=127.0.0.1:{PORT}")
        wait_for("scrape by Prometheus", lambda: self.is_up(), 30)

    def get(self, path, **query):
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        connection.sock = self.core.connect("127.0.0.1", PORT, timeout_s=5)
        try:
            connection.request("GET", path + "?" + urllib.parse.urlencode(query))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer["status"] != "success":
            raise Failure(f"Prometheus: {answer.get('error')} in {query}")
        return answer["data"]

    def query(self, expression):
        return self.get("/api/v1/query", query=expression)["result"]

    def is_up(self):
        try:
            return any(row["value"][1] == "1" for row in self.query('up{job="voxlane"}'))
        except (OSError, ValueError, Failure, http.client.HTTPException):
            return False

    def alerts(self):
        return {alert["labels"]["alertname"] for alert in self.get("/api/v1/alerts")["alerts"]}


def expressions():
    for path in sorted(glob.glob(os.path.join(GRAFANA, "dashboards", "*.json"))):
        with open(path, encoding="utf-8") as file:
            for panel in json.load(file)["panels"]:
                for target in panel["targets"]:
                    expression = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "20s")
                    yield f"{os.path.basename(path)}: {panel['title']}", expression


def test_monitoring_dashboards_are_what_their_rows_say(world):
    made = world.path("dashboards")
    os.mkdir(made)
    subprocess.run([os.path.join(GRAFANA, "make.py"), made], check=True, timeout=30)
    names = sorted(os.listdir(made))
    checks.equal(names, sorted(os.listdir(os.path.join(GRAFANA, "dashboards"))), "the dashboards (conf/grafana/make.py writes them)")
    for name in names:
        with open(os.path.join(made, name), encoding="utf-8") as new, \
                open(os.path.join(GRAFANA, "dashboards", name), encoding="utf-8") as old:
            checks.true(new.read() == old.read(), f"{name} is older than its rows: run conf/grafana/make.py")


def test_monitoring_every_expression_has_data_under_load(world):
    voxlane = Voxlane(world)
    prometheus = Prometheus(voxlane)
    caller, callee = voxlane.lan.add("caller", "21"), voxlane.lan.add("callee", "22")
    Sipp(callee, "register", CORE4).wait()
    uas = Sipp(callee, "uas", None, 20, hold_ms=2000)
    Sipp(caller, "uac", CORE4, 20, 4, 2000).wait(60)
    uas.wait(20)
    quality = 'histogram_quantile(0.5, sum by (le) (rate(voxlane_leg_mos_bucket[20s])))'
    wait_for("median MOS in Prometheus", lambda: [r for r in prometheus.query(quality) if 3 < float(r["value"][1]) < 5], 15)
    missing = [f"{where}: {expression}" for where, expression in expressions() if not prometheus.query(expression)]
    checks.equal(missing, [], "expressions of the dashboards without data")


def test_monitoring_alert_rules(world):
    voxlane = Voxlane(world)
    prometheus = Prometheus(voxlane)

    def rules():
        found = [rule for group in prometheus.get("/api/v1/rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] == "ok" for rule in found) else None

    for rule in wait_for("evaluation of every rule", rules, 20):
        for metric in set(re.findall(r"(?:sip_pbx|voxlane)_\w+|\bup\b", rule["query"])):
            checks.true(prometheus.query(metric), f"{rule['name']} asks for {metric}, of which there is none")
    checks.equal(prometheus.alerts(), set(), "alerts of a healthy node")
    voxlane.dataplane.stop()
    wait_for("alert VoxlaneMediaEngineAway", lambda: "VoxlaneMediaEngineAway" in prometheus.alerts(), 20)
    voxlane.controlplane.stop()
    wait_for("alert VoxlaneDown", lambda: "VoxlaneDown" in prometheus.alerts(), 20)
