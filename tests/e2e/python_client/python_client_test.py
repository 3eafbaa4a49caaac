#!/usr/bin/python3
"""A client in another language, generated from proto/ alone, against the real server: append, stream, retry, subscribe, query, and be refused with reasons.

usage: python_client_test.py KEYLEDGERD [unittest options]
"""

import datetime
import pathlib
import sys
import tempfile
import unittest

import grpc

import harness

PROGRAM = """\
program_id: python_test
display_name: One point per dollar
time_zone: UTC
currency_code: USD
effective_from: 2020-01-01
priority: 1000
accrual_rules:
  - rule_id: per_dollar
    per_money:
      points: 1
      per_micros: 1000000
tier_ladder:
  ladder_id: standing
  metric: net_spend
  window:
    calendar_period: year
  review_period: year
  tiers:
    - tier_id: base
      entrance: 0
    - tier_id: top
      entrance: 1000000000
"""

BINARY = None


def timestamp(text):
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
    result = Timestamp()
    result.FromDatetime(moment)
    return result


def opened(when="2024-01-01"):
    return api.SubmittedEvent(occurred_time=timestamp(when), event=events.Event(account_opened=events.AccountOpened(display_name="Acme")))


def purchase(micros, when="2024-01-15", quantity=1):
    line = events.PurchaseLine(quantity=quantity, amount=money.Money(currency_code="USD", micros=micros))
    return api.SubmittedEvent(occurred_time=timestamp(when), event=events.Event(purchase_recorded=events.PurchaseRecorded(lines=[line])))


def redemption(points, when="2024-01-20"):
    return api.SubmittedEvent(occurred_time=timestamp(when), event=events.Event(points_redeemed=events.PointsRedeemed(points=points)))


def request(account, request_id, *submitted, expected=None):
    return api.AppendRequest(account_id=account, request_id=request_id, events=submitted,
                             expected_revision=expected or api.ExpectedRevision(any=api.ExpectedRevision.Any()))


def parse(record_bytes):
    return record.EventRecord.FromString(record_bytes)


class PythonClient(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.server = harness.Server(BINARY, self.directory.name)
        self.addCleanup(lambda: self.assertEqual(0, self.server.stop(), "exit code after SIGTERM"))
        self.ledger = api_grpc.LedgerServiceStub(self.server.channel)
        self.programs = program_grpc.ProgramServiceStub(self.server.channel)

    def publish(self, source=PROGRAM, request_id="publish-1"):
        return self.programs.PublishProgram(program_api.PublishProgramRequest(source_yaml=source, request_id=request_id, actor="tests"),
                                            timeout=harness.CALL_DEADLINE_S).program

    def append(self, *arguments, **options):
        return self.ledger.Append(request(*arguments, **options), timeout=harness.CALL_DEADLINE_S)

    def refusal(self, call, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments, **options)
        error = harness.rich_error(caught.exception)
        self.assertEqual("keyledger", error.domain)
        self.assertNotEqual("", error.message)
        return error

    def test_the_example_program_is_published_as_version_1(self):
        source = (harness.ROOT / "projections/programs/example/program.yaml").read_text()
        published = self.publish(source)
        self.assertEqual(1, published.program.version)
        self.assertEqual(source, published.source_yaml)

    def test_publishing_the_same_text_makes_no_new_version_and_another_text_does(self):
        self.assertEqual(1, self.publish().program.version)
        self.assertEqual(1, self.publish().program.version)
        self.assertEqual(1, self.publish(request_id="publish-2").program.version)
        self.assertEqual(2, self.publish(PROGRAM.replace("per dollar", "per US dollar"), request_id="publish-3").program.version)

    def test_an_append_answers_revisions_decisions_and_standing(self):
        self.publish()
        response = self.append("acme", "r1", opened(), purchase(25_500_000))
        self.assertEqual(25, response.standing.available_points)
        self.assertEqual("base", response.standing.tier_id)
        self.assertFalse(response.replayed)
        self.assertEqual(0, response.events[0].revision)
        accrued = [decision for decision in response.decisions if decision.event.WhichOneof("payload") == "points_accrued"]
        self.assertEqual(1, len(accrued))
        self.assertEqual(25, accrued[0].event.points_accrued.points)
        self.assertEqual("per_dollar", accrued[0].event.points_accrued.rule_id)
        self.assertEqual(("python_test", 1), (accrued[0].program.program_id, accrued[0].program.version))
        self.assertEqual(response.events[1].event_id, accrued[0].causation_id)

    def test_a_repeated_request_id_gets_the_first_answer(self):
        first = self.append("acme", "r1", opened(), purchase(10_000_000))
        again = self.append("acme", "r1", opened(), purchase(10_000_000))
        self.assertTrue(again.replayed)
        self.assertEqual(list(first.events), list(again.events))
        self.assertEqual(first.standing, again.standing)

    def test_a_request_id_with_another_body_is_refused(self):
        self.append("acme", "r1", opened())
        error = self.refusal(self.append, "acme", "r1", opened(), purchase(1_000_000))
        self.assertEqual((grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"), (error.code, error.reason))

    def test_redeeming_more_than_available_names_both_figures(self):
        self.publish()
        self.append("acme", "r1", opened(), purchase(25_000_000))
        error = self.refusal(self.append, "acme", "r2", redemption(26))
        self.assertEqual((grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_POINTS"), (error.code, error.reason))
        self.assertEqual(("25", "26"), (error.metadata["available"], error.metadata["requested"]))
        self.assertEqual(0, self.append("acme", "r3", redemption(25)).standing.available_points)

    def test_a_malformed_request_names_its_fields(self):
        error = self.refusal(self.append, "not an id", "r1", opened())
        self.assertEqual((grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"), (error.code, error.reason))
        self.assertEqual(["account_id"], error.fields)

    def test_a_stale_revision_is_refused_with_the_actual_one(self):
        self.append("acme", "r1", opened(), purchase(1_000_000))
        error = self.refusal(self.append, "acme", "r2", purchase(1_000_000), expected=api.ExpectedRevision(exact=0))
        self.assertEqual((grpc.StatusCode.ABORTED, "STALE_REVISION"), (error.code, error.reason))
        self.assertEqual("1", error.metadata["actual_revision"])

    def test_a_decision_submitted_by_a_client_is_refused(self):
        self.append("acme", "r1", opened())
        forged = api.SubmittedEvent(occurred_time=timestamp("2024-01-02"), event=events.Event(points_accrued=events.PointsAccrued(points=5)))
        error = self.refusal(self.append, "acme", "r2", forged)
        self.assertEqual((grpc.StatusCode.INVALID_ARGUMENT, "DECISION_NOT_ACCEPTED"), (error.code, error.reason))

    def test_a_program_with_several_mistakes_is_refused_with_all_of_them(self):
        broken = PROGRAM.replace("time_zone: UTC", "time_zone: Nowhere/Land").replace("per_micros: 1000000", "per_micros: 0")
        error = self.refusal(self.publish, broken)
        self.assertEqual((grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PROGRAM"), (error.code, error.reason))
        self.assertGreaterEqual(len(error.fields), 2)

    def test_a_stream_answers_in_order_and_a_refusal_does_not_end_it(self):
        frames = [
            api.AppendStreamRequest(requests=[request("a", "1", opened()), request("b", "1", opened())]),
            api.AppendStreamRequest(requests=[request("a", "2", redemption(1))]),
            api.AppendStreamRequest(requests=[request("a", "3", purchase(1_000_000)), request("b", "2", purchase(2_000_000))]),
        ]
        answers = [result for frame in self.ledger.AppendStream(iter(frames), timeout=harness.CALL_DEADLINE_S) for result in frame.results]
        self.assertEqual(["response", "response", "status", "response", "response"], [answer.WhichOneof("outcome") for answer in answers])
        self.assertEqual("INSUFFICIENT_POINTS", harness.rich_error_of_bytes(answers[2].status).reason)
        self.assertEqual([0, 0, 1, 1], [answers[place].response.events[0].revision for place in (0, 1, 3, 4)])

    def test_a_full_queue_is_refused_at_once_with_a_retry_delay(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        narrow = harness.Server(BINARY, directory.name, "--queue-requests-max", "1")
        self.addCleanup(narrow.stop)
        ledger = api_grpc.LedgerServiceStub(narrow.channel)
        frame = api.AppendStreamRequest(requests=[request(f"account-{number}", "1", opened()) for number in range(1000)])
        answers = [result for answer in ledger.AppendStream(iter([frame]), timeout=harness.CALL_DEADLINE_S) for result in answer.results]
        self.assertEqual(1000, len(answers))
        refused = [harness.rich_error_of_bytes(answer.status) for answer in answers if answer.WhichOneof("outcome") == "status"]
        self.assertNotEqual([], refused, "a thousand requests at once fitted through a queue of one")
        self.assertEqual({(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")}, {(error.code, error.reason) for error in refused})
        self.assertTrue(all(error.retry_delay_s > 0 for error in refused))

    def test_a_subscription_catches_up_and_then_delivers_live(self):
        before = self.append("acme", "r1", opened(), purchase(1_000_000))
        call = self.ledger.Subscribe(api.SubscribeRequest(start=api.LogStart(beginning=api.LogStart.Beginning())), timeout=harness.CALL_DEADLINE_S)
        self.addCleanup(call.cancel)
        seen, live = [], None
        for frame in call:
            seen += [parse(stored) for stored in frame.records.records]
            if frame.WhichOneof("frame") == "caught_up":
                self.assertEqual([event.position for event in before.events], [stored.position for stored in seen if stored.request_id == "r1"])
                live = self.append("acme", "r2", purchase(2_000_000))
            if live and any(stored.position == live.events[0].position for stored in seen):
                break
        self.assertEqual(list(range(len(seen))), [stored.position for stored in seen])

    def test_a_subscription_resumes_after_its_cursor_without_a_repetition(self):
        self.append("acme", "r1", opened(), purchase(1_000_000), purchase(2_000_000))
        first = self.ledger.ReadLog(api.ReadLogRequest(limit=2), timeout=harness.CALL_DEADLINE_S)
        frames = list(first)
        self.assertEqual([0, 1], [parse(stored).position for frame in frames for stored in frame.records])
        call = self.ledger.Subscribe(api.SubscribeRequest(start=api.LogStart(cursor=frames[-1].cursor)), timeout=harness.CALL_DEADLINE_S)
        self.addCleanup(call.cancel)
        seen = []
        for frame in call:
            seen += [parse(stored).position for stored in frame.records.records]
            if frame.WhichOneof("frame") == "caught_up":
                break
        # The first record is that of the signing key.
        self.assertEqual([2, 3], seen)

    def test_retention_counts_what_was_appended(self):
        self.append("a", "1", opened("2024-01-01"), purchase(10_000_000, "2024-01-10"), purchase(5_000_000, "2024-02-10"))
        last = self.append("b", "1", opened("2024-01-01"), purchase(20_000_000, "2024-01-11"))
        stub = retention_grpc.RetentionServiceStub(self.server.channel)
        scope = retention.RetentionScope(period=retention.PERIOD_MONTH)
        table = stub.GetRetention(retention.GetRetentionRequest(scope=scope, min_cursor=last.cursor), timeout=harness.CALL_DEADLINE_S)
        january, february = table.periods
        self.assertEqual(("2024-01", 2, 2, 30_000_000), (january.period, january.active, january.new, january.revenue_micros))
        self.assertFalse(january.HasField("logo_retention"))
        self.assertEqual(("2024-02", 1, 1, 1, 5_000_000), (february.period, february.active, february.retained, february.churned, february.revenue_micros))
        self.assertEqual(0.5, february.logo_retention)
        self.assertEqual((5_000_000, 30_000_000), (february.nrr_micros, february.base_micros))

    def test_a_restarted_server_still_has_everything(self):
        first = self.append("acme", "r1", opened(), purchase(1_000_000))
        self.assertEqual(0, self.server.stop())
        pathlib.Path(self.server.port_file).unlink()
        self.server = harness.Server(BINARY, self.directory.name)
        self.ledger = api_grpc.LedgerServiceStub(self.server.channel)
        again = self.append("acme", "r1", opened(), purchase(1_000_000))
        self.assertTrue(again.replayed)
        self.assertEqual(list(first.events), list(again.events))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BINARY = sys.argv.pop(1)
    generated = tempfile.TemporaryDirectory()
    harness.generate(generated.name)
    from google.protobuf.timestamp_pb2 import Timestamp
    from keyledger.events.v1 import event_pb2 as events
    from keyledger.events.v1 import money_pb2 as money
    from keyledger.events.v1 import record_pb2 as record
    from keyledger.ledger.v1 import ledger_service_pb2 as api
    from keyledger.ledger.v1 import ledger_service_pb2_grpc as api_grpc
    from keyledger.ledger.v1 import program_service_pb2 as program_api
    from keyledger.ledger.v1 import program_service_pb2_grpc as program_grpc
    from keyledger.ledger.v1 import retention_service_pb2 as retention
    from keyledger.ledger.v1 import retention_service_pb2_grpc as retention_grpc

    unittest.main(verbosity=2)
