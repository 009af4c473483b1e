#!/usr/bin/env python3
"""Writes the three dashboards from the rows below; tests/system compares the files and asks a running Prometheus for every
expression. Usage: conf/grafana/make.py [DIRECTORY]."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
WHICH = '{instance=~"$instance"}'


def worker(name):
    return f'sum by (instance, worker) (rate(voxlane_worker_{name}_total{WHICH}[$__rate_interval]))'


def quantile(q, metric):
    return f'histogram_quantile({q}, sum by (le) (rate({metric}_bucket{WHICH}[$__rate_interval])))'


def rate(metric, by, labels=""):
    which = WHICH[:-1] + ("," + labels if labels else "") + "}"
    return f'sum by ({by}) (rate({metric}{which}[$__rate_interval]))'


# A dashboard: title, and panels: title, unit of Grafana, [(expression, legend)], kind (stat or timeseries).
DASHBOARDS = {
    "service": ("Voxlane: service", [
        ("Calls now", "short", [(f"sum(sip_pbx_active_calls{WHICH})", "calls")], "stat"),
        ("Registered phones", "short", [(f"sum(voxlane_registrations{WHICH})", "contacts")], "stat"),
        ("Media engine", "bool_yes_no", [(f"min(voxlane_media_engine_up{WHICH})", "attached")], "stat"),
        ("Signalling lag", "s", [(f"max(voxlane_signalling_lag_seconds{WHICH})", "lag")], "stat"),
        ("Calls", "short", [(f"sip_pbx_active_calls{WHICH}", "{{instance}}")], "timeseries"),
        ("New calls a second", "cps", [(rate("sip_pbx_total_calls", "instance"), "{{instance}}")], "timeseries"),
        ("Set-up time", "s", [(quantile(q, "voxlane_call_setup_seconds"), f"p{int(q * 100)}") for q in (0.5, 0.9, 0.99)], "timeseries"),
        ("Duration of calls", "s", [(quantile(q, "sip_pbx_call_duration_seconds"), f"p{int(q * 100)}") for q in (0.5, 0.9)], "timeseries"),
        ("SIP messages in", "ops", [(rate("voxlane_sip_messages_total", "kind", 'direction="in"'), "{{kind}}")], "timeseries"),
        ("SIP transactions", "short", [(f"voxlane_sip_transactions{WHICH}", "{{instance}}")], "timeseries"),
        ("Retransmissions", "ops", [(rate("voxlane_sip_retransmissions_total", "instance"), "{{instance}}")], "timeseries"),
        ("Errors", "ops", [(rate("sip_pbx_errors_total", "type"), "{{type}}")], "timeseries"),
        ("Silenced strangers", "ops", [(rate("voxlane_sip_silenced_total", "reason"), "{{reason}}")], "timeseries"),
        ("Call detail records", "ops", [(rate("voxlane_cdr_written_total", "instance"), "written"),
                                        (f"sum(voxlane_cdr_queued{WHICH})", "waiting")], "timeseries"),
        ("HTTP answers", "reqps", [(rate("voxlane_http_requests_total", "code"), "{{code}}")], "timeseries"),
    ]),
    "media": ("Voxlane: media plane", [
        ("Streams", "short", [(f"sum(voxlane_worker_streams{WHICH})", "streams")], "stat"),
        ("Packets in", "pps", [(rate("sip_pbx_media_packets_total", "direction", 'direction="in"'), "in")], "stat"),
        ("Packets out", "pps", [(rate("sip_pbx_media_packets_total", "direction", 'direction="out"'), "out")], "stat"),
        ("Drops", "pps", [(f"sum(rate(voxlane_drops_total{WHICH}[$__rate_interval]))", "drops")], "stat"),
        ("MOS", "short", [(quantile(q, "voxlane_leg_mos"), text) for q, text in ((0.1, "worst tenth"), (0.5, "median"))], "timeseries"),
        ("Loss", "percentunit", [(quantile(q, "voxlane_leg_loss_ratio"), f"p{int(q * 100)}") for q in (0.5, 0.9, 0.99)], "timeseries"),
        ("Jitter", "s", [(quantile(q, "voxlane_leg_jitter_seconds"), f"p{int(q * 100)}") for q in (0.5, 0.9, 0.99)], "timeseries"),
        ("Round trip", "s", [(quantile(q, "voxlane_leg_round_trip_seconds"), f"p{int(q * 100)}") for q in (0.5, 0.9)], "timeseries"),
        ("Drops by reason", "pps", [(rate("voxlane_drops_total", "reason"), "{{reason}}")], "timeseries"),
        ("Packets by worker", "pps", [(worker("rx_packets"), "{{instance}} {{worker}}")], "timeseries"),
        ("Busy turns", "percentunit", [(f"{worker('turns_busy')} / {worker('turns')}", "{{instance}} {{worker}}")], "timeseries"),
        ("Cycles a packet", "short", [(f"{worker('cycles_busy')} / {worker('rx_packets')}", "{{instance}} {{worker}}")], "timeseries"),
        ("Handed over between workers", "pps", [(worker("handover_out"), "{{instance}} {{worker}}")], "timeseries"),
        ("Events that found their ring full", "ops", [(worker("events_lost"), "{{instance}} {{worker}}")], "timeseries"),
    ]),
    "trunks": ("Voxlane: trunks and transports", [
        ("Trunks", "short", [(f"sum(voxlane_trunks{WHICH})", "configured")], "stat"),
        ("Usable", "short", [(f"sum(voxlane_trunks_usable{WHICH})", "usable")], "stat"),
        ("Usable trunks", "short", [(f"voxlane_trunks_usable{WHICH}", "{{instance}}")], "timeseries"),
        ("Fail-overs", "ops", [(rate("voxlane_trunk_failovers_total", "instance"), "{{instance}}")], "timeseries"),
        ("Requests sent", "ops", [(rate("voxlane_sip_requests_sent_total", "method"), "{{method}}")], "timeseries"),
        ("Responses sent", "ops", [(rate("voxlane_sip_responses_sent_total", "class"), "{{class}}")], "timeseries"),
        ("SIP connections", "short", [(f"sum by (transport) (voxlane_sip_connections{WHICH})", "{{transport}}")], "timeseries"),
        ("TLS handshakes", "ops", [(rate("voxlane_sip_tls_handshakes_total", "outcome"), "{{outcome}}")], "timeseries"),
    ]),
}


def panel(number, row, left, top):
    title, unit, expressions, kind = row
    width, height = (6, 4) if kind == "stat" else (12, 8)
    targets = [{"refId": chr(65 + i), "expr": expression, "legendFormat": legend, "datasource": {"type": "prometheus", "uid": "${datasource}"}}
               for i, (expression, legend) in enumerate(expressions)]
    return {"id": number, "title": title, "type": kind, "gridPos": {"x": left, "y": top, "w": width, "h": height}, "targets": targets,
            "datasource": {"type": "prometheus", "uid": "${datasource}"}, "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []}}


def panels(rows):
    """Left to right, top to bottom; a row of stats, then two graphs a row."""
    left = top = 0
    height = 0
    for number, row in enumerate(rows, 1):
        width, row_height = (6, 4) if row[3] == "stat" else (12, 8)
        if left + width > 24 or (height and row_height != height):
            left, top = 0, top + height
        height = row_height
        yield panel(number, row, left, top)
        left += width


def variable(name, **more):
    return {"name": name, "label": name, **more}


def dashboard(name, title, rows):
    instances = {"type": "query", "datasource": {"type": "prometheus", "uid": "${datasource}"}, "refresh": 2, "multi": True, "includeAll": True,
                 "allValue": ".*", "query": {"query": "label_values(sip_pbx_active_calls, instance)", "refId": "instances"},
                 "current": {"text": "All", "value": "$__all"}}
    return {"uid": f"voxlane-{name}", "title": title, "tags": ["voxlane"], "schemaVersion": 38, "version": 1, "refresh": "10s", "editable": True,
            "timezone": "browser", "time": {"from": "now-1h", "to": "now"}, "panels": list(panels(rows)),
            "templating": {"list": [variable("datasource", type="datasource", query="prometheus"), variable("instance", **instances)]}}


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "dashboards")
    for name, (title, rows) in DASHBOARDS.items():
        with open(os.path.join(directory, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(dashboard(name, title, rows), file, indent=1, sort_keys=True)
            file.write("\n")


if __name__ == "__main__":
    main()
