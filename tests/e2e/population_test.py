#!/usr/bin/python3
"""The demo ledger in the real server, asked by the real command: every query of the population shows something, and the report holds what the queries say.

usage: population_test.py KEYLEDGERD KEYLEDGER [unittest options]
"""

import pathlib
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "truth"))
import books  # noqa: E402

ACCOUNTS = 600
SECTIONS = [
    "Retention by period",
    "Cohorts",
    "How long it takes",
    "Recency, frequency, money",
    "Concentration",
    "Moves between states",
    "What is to be expected",
    "Accounts at risk",
    "What fewer losses are worth",
    "Profitability",
]

# A line, and the field of its answer that must not be empty.
QUERIES = [
    ("retention show", "periods"),
    ("retention show --period week --period-length 2 --basis net --region CN", "periods"),
    ("retention cohorts --period quarter", "cohorts"),
    ("retention survival", "points"),
    ("retention survival --event loss --inactive-days 365", "points"),
    ("retention tenure --inactive-days 365", "bands"),
    ("retention migration --discount 1", "value_micros"),
    ("retention migration --of class", "counts"),
    ("retention rfm --ties shared", "cells"),
    ("retention rfm --cell 555", "scores"),
    ("retention forecast", "accounts"),
    ("retention contracts --as-of 2026-01-01", "renewals"),
    ("retention at-risk", "accounts"),
    ("retention loss-effect --discount 1", "gain_micros"),
    ("portfolio concentration --curve-points 20", "curve"),
    ("portfolio classes --class core", "members"),
    ("portfolio classes --scheme abc", "classes"),
    ("portfolio profitability", "accounts"),
    ("portfolio profitability --loss-making", "accounts"),
    ("portfolio wallet --as-of 2026-01-01", "budgeted"),
    ("portfolio satisfaction --period quarter", "periods"),
    ("portfolio acquisition --period quarter", "periods"),
    ("portfolio membership", "members"),
    ("portfolio referrals", "nodes"),
    ("portfolio rank-migration --period year", "risers"),
    ("portfolio groups club", "groups"),
]

# Of the forty accounts that are told of, at the end of their story: a line, and the field of its answer that must not be empty.
STORY_QUERIES = [
    ("account timeline hongda-mining", "entries"),
    ("account profile hongda-mining --as-of 2026-01-01", "facts"),
    ("duty list --region CN/53 --as-of 2025-12-20 --until 2026-01-20", "duties"),
    ("duty list --person zhao --overdue --as-of 2025-12-20", "duties"),
    ("duty cadence --account hongda-mining --as-of 2025-12-20", "periods"),
    ("opportunity list --region CN/46 --as-of 2026-01-01", "opportunities"),
    ("opportunity pipeline --region IE --as-of 2026-01-01", "stages"),
    ("quote list --region IE --state all --as-of 2026-01-01", "quotes"),
    ("quote approvals --as-of 2026-01-01", "approvals"),
    ("contract list --region IE --as-of 2026-01-01", "contracts"),
    ("contract list --region CN --as-of 2026-01-01", "contracts"),
    ("issue list --region CN/53 --as-of 2026-01-01", "issues"),
    ("issue list --region CN/21 --as-of 2026-01-01", "issues"),
    ("promise list --region CN/51 --as-of 2026-01-01", "promises"),
    ("plan list --region CN/21 --as-of 2026-01-01", "plans"),
    ("owner coverage --region CN/46 --as-of 2026-01-01", "accounts"),
    ("tier show hongda-mining --as-of 2025-12-20", "standing"),
    ("tier show coral-taxi --as-of 2025-12-20", "standing"),
    ("tier show member-lin", "standing"),
    ("tier show shannon-chem", "standing"),
    ("tier show anshan-steel", "standing"),
]

# Of each program an account, and a tier that it was given.
STORY_TIERS = {"hongda-mining": "ka", "coral-taxi": "band_a", "member-lin": "promising", "shannon-chem": "platinum", "anshan-steel": "b"}


class Population(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.books = books.Books("--shards", "2")
        cls.addClassCleanup(cls.books.close)
        if cls.books.start() is not None:
            raise AssertionError(cls.books.server_log())
        cls.books.publish_example_program("USD")
        cls.loaded = cls.books.ask("demo", "load", "--accounts", str(ACCOUNTS))

    def test_the_ledger_takes_all_that_the_demo_tells(self):
        self.assertEqual(set(self.loaded["refused"]) - {"INSUFFICIENT_POINTS"}, set())

    def test_every_query_shows_something_of_the_demo(self):
        for line, field in QUERIES:
            with self.subTest(line=line):
                answer = self.books.ask(*line.split())
                self.assertNotIn(answer.get(field), (None, "0", 0, [], ""), answer)
                done = self.books.run(*line.split(), output="table")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertGreater(len(done.stdout.splitlines()), 1)

    def test_every_query_of_the_relationship_shows_something_of_the_story(self):
        for line, field in STORY_QUERIES:
            with self.subTest(line=line):
                answer = self.books.ask(*line.split())
                self.assertNotIn(answer.get(field), (None, "0", 0, [], "", {}), answer)
                done = self.books.run(*line.split(), output="table")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertGreater(len(done.stdout.splitlines()), 1)

    def test_tiers_are_given_under_each_of_the_five_programs(self):
        for account, tier in STORY_TIERS.items():
            with self.subTest(account=account):
                history = self.books.ask("tier", "history", account)["assignments"]
                self.assertIn(tier, [assignment["tier_id"] for assignment in history])

    def test_the_story_is_there_once_however_often_it_is_loaded(self):
        records = self.books.record_count()
        again = self.books.ask("demo", "load", "--accounts", str(ACCOUNTS))
        self.assertEqual((again["applied"], again["already_there"]), (0, again["requests"]))
        self.assertEqual(self.books.record_count(), records)

    def test_a_forecast_is_put_on_record_listed_and_scored(self):
        made = self.books.ask("retention", "record-forecast", "--as-of", "2025-07-01", "--horizon-days", "180", "--request-id", "f", "--note", "half a year")
        again = self.books.ask("retention", "record-forecast", "--as-of", "2025-07-01", "--horizon-days", "180", "--request-id", "f", "--note", "half a year")
        self.assertEqual(again["forecast"]["forecast_id"], made["forecast"]["forecast_id"])
        forecast_id = made["forecast"]["forecast_id"]
        listed = self.books.ask("retention", "forecasts", "--min-cursor", made["cursor"])
        self.assertEqual([forecast["forecast_id"] for forecast in listed["forecasts"]], [forecast_id])
        score = self.books.ask("retention", "score", forecast_id)
        self.assertGreater(int(score["actual_purchases"]), 0)
        self.assertTrue(score["groups"])

    def test_one_answer_for_each_group_adds_up(self):
        groups = self.books.ask("portfolio", "groups", "segment")
        answers = self.books.ask("retention", "show", "--period", "year", "--by", "segment")
        self.assertEqual([answer["group"] for answer in answers], [group["value"] for group in groups["groups"]])
        whole = self.books.ask("retention", "show", "--period", "year")
        self.assertEqual(sum(int(answer["response"]["purchases"]) for answer in answers), int(whole["purchases"]))

    def test_the_report_is_one_page_of_its_own_with_every_section_answered(self):
        path = self.books.directory / "report.html"
        self.books.ask("report", "retention", "--html", str(path))
        text = path.read_text()
        page = xml.etree.ElementTree.fromstring(text)
        self.assertEqual([heading.text for heading in page.iter("h2")], SECTIONS)
        self.assertEqual([paragraph.text for paragraph in page.iter("p") if paragraph.get("class") == "refused"], [])
        self.assertGreaterEqual(len(list(page.iter("{http://www.w3.org/2000/svg}svg"))), 7)
        self.assertEqual([element.tag for element in page.iter() if element.tag in ("script", "link", "img", "iframe")], [])
        whole = self.books.ask("retention", "show")
        tiles = {tile[0].text: tile[1].text for tile in page.iter("div") if tile.get("class") == "tile"}
        self.assertEqual(tiles["Accounts that bought"], f"{int(whole['accounts']):,}")
        self.assertEqual(self.books.run("report", "retention", "--html", str(path)).returncode, 2)
        self.assertEqual(path.read_text(), text)


if __name__ == "__main__":
    books.BINARIES = {"keyledgerd": sys.argv[1], "keyledger": sys.argv[2]}
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
