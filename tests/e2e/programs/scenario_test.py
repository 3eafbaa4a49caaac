#!/usr/bin/python3
"""Plays a program that comes with the product through on a real server: publishes it, appends what happens, asks, reviews, and compares every answer with
what the scenario has written down; in the end has everything recorded derived again. Knows no rule and no number of any program; those are in the program's folder.

usage: scenario_test.py KEYLEDGERD PROGRAM_DIRECTORY SCENARIO

SCENARIO is a file in PROGRAM_DIRECTORY, a list of steps. Messages are written as in proto3 JSON, with the field names of the protos. Every step has `say`, which
a failure quotes, and one of:

  publish: FILE         Publishes the file beside the scenario; it must validate without mistakes and without warnings. With `change`, a map of words in it to
                        what stands in their place: a later version. `answer`: the PublishProgramResponse.
  append: ACCOUNT       Appends `facts`, each a payload of Event and its `occurred_time`, as `actor`. `decisions`: the payloads the ledger added, all of them, in
                        order; beside a payload may stand the record's occurred_time and program. `standing`: the account afterwards.
  ask: SERVICE.METHOD   Sends `request`, waiting for everything appended so far where the method can. `answer`: the response.
  review: PROGRAM       Starts a review with `request` (StartReviewRequest but for program and request_id) and waits for its end. `answer`: the
                        GetReviewResponse.
  transfer: REQUEST     Hands a portfolio over (TransferPortfolioRequest but for request_id) and waits for its end. `answer`: the GetPortfolioTransferResponse.

A step that is to be refused has `refused`: code, reason and metadata. A step with `rows` is taken once per row, with every "$key" replaced by the row's value.
Of a message the fields given must be as given, null meaning absent; a list must be the same from beginning to end.
"""

import copy
import datetime
import pathlib
import re
import sys
import tempfile
import time
import unittest

import grpc
import yaml
from google.protobuf import json_format

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python_client"))
import harness  # noqa: E402

REVIEW_DEADLINE_S = 60
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
KINDS = {
    "publish": {"change", "answer"},
    "append": {"actor", "facts", "decisions", "standing"},
    "ask": {"request", "answer"},
    "review": {"request", "answer"},
    "transfer": {"answer"},
}

BINARY = DIRECTORY = SCENARIO = None


class Loader(yaml.SafeLoader):
    """YAML in which a time is text, as it is in JSON."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def fill(value, row):
    """The value with every "$key" replaced by the row's."""
    if isinstance(value, dict):
        return {key: fill(one, row) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(one, row) for one in value]
    if isinstance(value, str) and value.startswith("$"):
        return row[value[1:]]
    return value


def to_json(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True, including_default_value_fields=True)


def same(wanted, got):
    """Whether two single values are: 64-bit integers are text in JSON, and a time may be written in any zone."""
    if isinstance(wanted, str) and isinstance(got, str) and TIME.fullmatch(wanted) and TIME.fullmatch(got):
        moments = [datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (wanted, got)]
        return moments[0] == moments[1]
    if isinstance(wanted, int) and not isinstance(wanted, bool) and isinstance(got, str):
        return str(wanted) == got
    return wanted == got and isinstance(wanted, bool) == isinstance(got, bool)


def differences(wanted, got, path=""):
    """Where `got` is not as `wanted`, one line each."""
    if wanted is None:
        return [] if got is None else [f"{path}: is there, and should not be: {got}"]
    if isinstance(wanted, dict):
        if not isinstance(got, dict):
            return [f"{path}: {wanted} is wanted, not {got}"]
        return [line for key, value in wanted.items() for line in differences(value, got.get(key), f"{path}.{key}")]
    if isinstance(wanted, list):
        if not isinstance(got, list) or len(wanted) != len(got):
            return [f"{path}: {len(wanted)} are wanted, not {got}"]
        return [line for place, value in enumerate(wanted) for line in differences(value, got[place], f"{path}[{place}]")]
    return [] if same(wanted, got) else [f"{path}: {wanted} is wanted, not {got}"]


class Player:
    """Takes the steps of one scenario, one after the other."""

    def __init__(self, server, directory):
        self.channel = server.channel
        self.directory = directory
        self.requests = 0

    def next_request_id(self):
        self.requests += 1
        return f"step-{self.requests}"

    def call(self, name, fields):
        """Calls "Service.Method" with a request given as JSON; returns the response."""
        service, method = name.split(".")
        descriptor = ledger_pool.FindServiceByName(f"keyledger.ledger.v1.{service}").methods_by_name[method]
        request_type, response_type = (message_factory.GetPrototype(one) for one in (descriptor.input_type, descriptor.output_type))
        request = json_format.ParseDict(fields, request_type())
        invoke = self.channel.unary_unary(f"/{descriptor.containing_service.full_name}/{method}", request_serializer=request_type.SerializeToString,
                                          response_deserializer=response_type.FromString)
        return to_json(invoke(request, timeout=harness.CALL_DEADLINE_S))

    def head(self):
        """The place after everything appended so far."""
        call = ledger_grpc.LedgerServiceStub(self.channel).Subscribe(ledger_api.SubscribeRequest(start={"end": {}}), timeout=harness.CALL_DEADLINE_S)
        try:
            return next(iter(call)).cursor
        finally:
            call.cancel()

    def replay(self):
        """Has everything that was recorded derived again; returns the findings and the report."""
        findings = []
        for frame in audit_grpc.AuditServiceStub(self.channel).Replay(audit_api.ReplayRequest(), timeout=harness.CALL_DEADLINE_S):
            if frame.HasField("finding"):
                findings.append(to_json(frame.finding))
            if frame.HasField("report"):
                return findings, frame.report
        raise AssertionError("the replay ended without a report")

    def publish(self, step):
        text = (self.directory / step["publish"]).read_text()
        for words, others in step.get("change", {}).items():
            if words not in text:
                raise AssertionError(f"{step['publish']} does not say '{words}'")
            text = text.replace(words, others)
        checked = self.call("ProgramService.ValidateProgram", {"source_yaml": text})
        found = differences({"findings": [], "warnings": []}, checked)
        if found:
            raise AssertionError("\n".join(found))
        return self.call("ProgramService.PublishProgram", {"source_yaml": text, "request_id": self.next_request_id()})

    def append(self, step):
        request = {"account_id": step["append"], "request_id": self.next_request_id(), "actor": step.get("actor", ""), "expected_revision": {"any": {}}, "events": []}
        for fact in step["facts"]:
            fact = dict(fact)
            request["events"].append({"occurred_time": fact.pop("occurred_time"), "event": fact})
        response = self.call("LedgerService.Append", request)
        decisions = [{**one["event"], "occurred_time": one["occurred_time"], "program": one.get("program")} for one in response["decisions"]]
        return {"decisions": decisions, "standing": response.get("standing")}

    def ask(self, step):
        fields = dict(step.get("request", {}))
        service, method = step["ask"].split(".")
        if "min_cursor" in ledger_pool.FindServiceByName(f"keyledger.ledger.v1.{service}").methods_by_name[method].input_type.fields_by_name:
            fields["min_cursor"] = self.head()
        return self.call(step["ask"], fields)

    def review(self, step):
        started = self.call("TierService.StartReview", {**step["request"], "program_id": step["review"], "request_id": self.next_request_id()})
        deadline = time.monotonic() + REVIEW_DEADLINE_S
        while time.monotonic() < deadline:
            answer = self.call("TierService.GetReview", {"review_id": started["review"]["review_id"]})
            if answer["review"]["state"] not in ("REVIEW_STATE_MEASURING", "REVIEW_STATE_DECIDING"):
                return answer
            # A preview leaves no record to wait for.
            time.sleep(0.02)
        raise AssertionError(f"the review did not end within {REVIEW_DEADLINE_S} s: {answer['review']}")

    def transfer(self, step):
        started = self.call("EngagementService.TransferPortfolio", {**step["transfer"], "request_id": self.next_request_id()})
        deadline = time.monotonic() + REVIEW_DEADLINE_S
        while time.monotonic() < deadline:
            answer = self.call("EngagementService.GetPortfolioTransfer", {"transfer_id": started["transfer"]["started"]["transfer_id"]})
            if answer["transfer"]["state"] != "PORTFOLIO_TRANSFER_STATE_RUNNING":
                return answer
            time.sleep(0.02)
        raise AssertionError(f"the transfer did not end within {REVIEW_DEADLINE_S} s: {answer['transfer']}")

    def take(self, step):
        """Takes one step; returns what is not as written down."""
        kind, = KINDS.keys() & step.keys()
        unknown = step.keys() - KINDS[kind] - {"say", "refused", "rows", kind}
        if unknown:
            return [f"a step that does '{kind}' has no {', '.join(sorted(unknown))}"]
        try:
            answer = getattr(self, kind)(step)
        except grpc.RpcError as error:
            rich = harness.rich_error(error)
            said = {"code": rich.code.name, "reason": rich.reason, "metadata": rich.metadata}
            if "refused" in step:
                return differences(step["refused"], said, "refused")
            return [f"is refused: {said} {rich.message}"]
        if "refused" in step:
            return [f"should be refused with {step['refused']}, and is answered {answer}"]
        if kind == "append":
            return [line for part in ("decisions", "standing") if part in step for line in differences(step[part], answer[part], part)]
        return differences(step.get("answer", {}), answer, "answer")


class Scenario(unittest.TestCase):
    def test_tells_what_is_not_as_written(self):
        got = {"points": "5", "at": "2023-01-01T00:00:00Z", "lines": [{"units": "1"}], "none": ""}
        self.assertEqual([], differences({"points": 5, "at": "2023-01-01T08:00:00+08:00", "lines": [{"units": 1}], "more": None}, got))
        self.assertEqual([".points: 6 is wanted, not 5"], differences({"points": 6}, got))
        self.assertEqual([".at: 2023-01-01T00:00:01Z is wanted, not 2023-01-01T00:00:00Z"], differences({"at": "2023-01-01T00:00:01Z"}, got))
        self.assertEqual([".lines[0].units: 2 is wanted, not 1"], differences({"lines": [{"units": 2}]}, got))
        self.assertEqual([".lines: 0 are wanted, not [{'units': '1'}]"], differences({"lines": []}, got))
        self.assertEqual([".points: is there, and should not be: 5"], differences({"points": None}, got))
        self.assertEqual([".missing: 1 is wanted, not None"], differences({"missing": 1}, got))

    def test_is_answered_as_written(self):
        scenario = yaml.load((DIRECTORY / SCENARIO).read_text(), Loader)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        # Time passes as the scenario says: nothing is decided because of today's date.
        server = harness.Server(BINARY, directory.name, "--sweep-interval-seconds", "0")
        self.addCleanup(lambda: self.assertEqual(0, server.stop(), "exit code after SIGTERM"))
        player = Player(server, DIRECTORY)
        for number, step in enumerate(scenario["steps"], 1):
            for row in step.get("rows", [{}]):
                wrong = player.take(fill(copy.deepcopy(step), row))
                if wrong:
                    self.fail("\n".join([f"step {number}: {step['say']} {row or ''}", *wrong]))
        findings, report = player.replay()
        self.assertEqual([], findings)
        self.assertGreater(report.decisions, 0)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    BINARY, DIRECTORY, SCENARIO = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    generated = tempfile.TemporaryDirectory()
    harness.generate(generated.name)
    from google.protobuf import descriptor_pool, message_factory
    from keyledger.ledger.v1 import account_service_pb2, engagement_service_pb2, pipeline_service_pb2, points_service_pb2  # noqa: F401  known by name below
    from keyledger.ledger.v1 import portfolio_service_pb2, program_service_pb2, retention_service_pb2, tier_service_pb2  # noqa: F401  likewise
    from keyledger.ledger.v1 import audit_service_pb2 as audit_api
    from keyledger.ledger.v1 import audit_service_pb2_grpc as audit_grpc
    from keyledger.ledger.v1 import ledger_service_pb2 as ledger_api
    from keyledger.ledger.v1 import ledger_service_pb2_grpc as ledger_grpc

    ledger_pool = descriptor_pool.Default()
    message_factory = message_factory.MessageFactory()
    unittest.main(argv=sys.argv[:1], verbosity=2)
