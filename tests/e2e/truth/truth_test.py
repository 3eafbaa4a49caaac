#!/usr/bin/python3
"""Two real shops, imported with the real command into the real server: every figure equals what was computed independently.

usage: truth_test.py KEYLEDGERD KEYLEDGER [unittest options]

The files lie beside the source tree and are no part of it; without them everything here is skipped, and says so.
"""

import collections
import json
import sys
import unittest

import books

RATIO_DELTA = 1e-12
RATIOS = {"logo_retention": "logo_retention", "crr_end_minus_new_over_start": "crr_end_minus_new_over_start", "nrr": "nrr", "grr": "grr"}


def truth(name):
    return json.loads((books.DATA / "truth" / name).read_text())


class ShopTest(unittest.TestCase):
    """Imports a shop's file once; the tests ask about it."""

    shards = 1
    with_program = True
    file = arguments = truth_file = quarters = currency = minor_micros = None

    @classmethod
    def setUpClass(cls):
        if cls.file is None:
            raise unittest.SkipTest("no shop")
        if not (books.DATA / cls.file).exists():
            raise unittest.SkipTest(f"THE REAL DATA IS NOT THERE: {books.DATA / cls.file} is missing, NOTHING WAS COMPARED")
        cls.truth = truth(cls.truth_file)
        cls.books = books.Books("--shards", str(cls.shards))
        cls.addClassCleanup(cls.books.close)
        if cls.books.start() is not None:
            raise AssertionError(cls.books.server_log())
        if cls.with_program:
            cls.books.publish_example_program(cls.currency)
        cls.rejects = cls.books.directory / "rejects.tsv"
        cls.summary = cls.import_file()

    @classmethod
    def import_file(cls):
        # 9: some rows were refused.
        return cls.books.ask("import", "purchases", books.DATA / cls.file, *cls.arguments, "--currency", cls.currency, "--rejects", cls.rejects, codes=(0, 9))

    def expect_periods(self, period, wanted):
        answer = self.books.ask("retention", "show", "--period", period)
        self.assertEqual(answer["currency_code"], self.currency)
        rows = answer["periods"]
        self.assertEqual(len(rows), len(wanted))
        for row, want in zip(rows, wanted):
            with self.subTest(period=row["period"]):
                if isinstance(want["period"], str):
                    self.assertEqual(row["period"], want["period"])
                for field, other, factor in [
                    ("active", "active", 1),
                    ("new", "new", 1),
                    ("start", "start", 1),
                    ("retained", "retained", 1),
                    ("reactivated", "reactivated", 1),
                    ("revenue_micros", "revenue_minor", self.minor_micros),
                    ("nrr_micros", "nrr_num_minor", self.minor_micros),
                    ("grr_micros", "grr_num_minor", self.minor_micros),
                    ("base_micros", "base_minor", self.minor_micros),
                ]:
                    self.assertEqual(books.integer(row, field), want.get(other, 0) * factor, field)
                self.assertEqual(books.integer(row, "churned"), want.get("start", 0) - want.get("retained", 0))
                for field, other in RATIOS.items():
                    self.assertEqual(field in row, other in want, field)
                    if field in row:
                        self.assertAlmostEqual(row[field], want[other], delta=RATIO_DELTA, msg=field)

    def check_months(self):
        self.expect_periods("month", self.truth["months"])

    def check_quarters(self):
        self.expect_periods("quarter", self.truth[self.quarters])

    def check_cohorts(self):
        rows = self.books.ask("retention", "cohorts", "--period", "month")["cohorts"]
        got = {
            row["start"]: {"size": int(row["size"]), "active": [int(n) for n in row["active"]], "revenue_micros": [int(n) for n in row["revenue_micros"]]} for row in rows
        }
        want = {
            start: {"size": row["size"], "active": row["active"], "revenue_micros": [n * self.minor_micros for n in row["revenue_minor"]]}
            for start, row in self.truth["cohorts"].items()
        }
        self.assertEqual(got, want)
        self.assertEqual([row["start"] for row in rows], sorted(want))

    def classes(self, metric, window, tiers, as_of):
        """Previews a review of a ladder of its own; tiers are (id, cut), lowest first. Returns the review and the accounts by tier."""
        ladder = "".join(f"    - {{tier_id: {tier}, entrance_rule: {{any_of: [{{all_of: [{{{cut}}}]}}]}}}}\n" for tier, cut in tiers)
        path = self.books.directory / "ranking.yaml"
        path.write_text(
            f"program_id: ranking\ntime_zone: UTC\ncurrency_code: {self.currency}\neffective_from: 1990-01-01\npriority: 9\n"
            f"tier_ladder:\n  ladder_id: ranking\n  metric: {metric}\n  window: {{{window}}}\n  review_period: year\n"
            f"  tiers:\n    - {{tier_id: others}}\n{ladder}"
        )
        self.books.ask("program", "publish", path)
        records = self.books.record_count()
        page = self.books.ask("tier", "review", "start", "ranking", "--as-of", as_of, "--preview", "--page-size", "1000")
        review = page["review"]
        self.assertEqual(review["state"], "REVIEW_STATE_COMPLETED", review)
        found = collections.defaultdict(dict)
        while True:
            for change in page.get("changes", []):
                found[change["tier_id"]][int(change["account_id"])] = [books.integer(value, "value") for value in change["values"]]
            if not page.get("next_page_token"):
                break
            page = self.books.ask("tier", "review", "show", review["review_id"], "--page-size", "1000", "--page-token", page["next_page_token"])
        self.assertEqual(self.books.record_count(), records, "a preview writes nothing")
        return review, found

    def check_concentration(self):
        want = self.truth["concentration"]
        review, found = self.classes("gross_spend", "lifetime: true", [("next", "top_percent_milli: 25000"), ("core", "top_percent_milli: 5000")], self.after)
        self.assertEqual(int(review["population"]), want["n"])
        self.assertEqual([int(cut["members"]) for cut in review["cuts"]], [want["top5_n"] + want["next20_n"], want["top5_n"]])
        self.assertEqual([int(cut["last_value"]) for cut in review["cuts"]], [want["top25_cutoff_minor"] * self.minor_micros, want["top5_cutoff_minor"] * self.minor_micros])
        self.assertEqual((len(found["core"]), len(found["next"])), (want["top5_n"], want["next20_n"]))
        self.assertEqual(sum(values[0] for values in found["core"].values()), want["top5_minor"] * self.minor_micros)
        self.assertEqual(sum(values[0] for values in found["next"].values()), want["next20_minor"] * self.minor_micros)

    def check_covering(self):
        for percent, accounts in self.truth["concentration"]["fewest_accounts_covering_pct"].items():
            with self.subTest(percent=percent):
                review, found = self.classes("gross_spend", "lifetime: true", [("a", f"covering_percent_milli: {percent}000")], self.after)
                self.assertEqual(int(review["cuts"][0]["members"]), accounts)
                self.assertEqual(len(found["a"]), accounts)

    def check_second_import(self):
        records, roots = self.books.record_count(), self.books.root_hashes()
        again = self.import_file()
        self.assertEqual(again["imported"], 0)
        self.assertEqual(again["already_there"], self.summary["imported"])
        self.assertEqual(again["accounts_opened"], 0)
        self.assertEqual((again["rejected"], again["skipped"]), (self.summary["rejected"], self.summary["skipped"]))
        self.assertEqual((again["purchases"], again["returns"]), (self.summary["purchases"], self.summary["returns"]))
        self.assertEqual(self.books.record_count(), records)
        self.assertEqual(self.books.root_hashes(), roots)


class CdnowSample(ShopTest):
    """What holds of the sample under any program, or none."""

    file = "cdnow/CDNOW_sample.txt"
    arguments = ("--columns", "account_id=2,occurred=3,units=4,amount=5", "--separator", "space", "--date-format", "%Y%m%d")
    truth_file = "cdnow_sample.json"
    quarters = "quarters"
    currency = "USD"
    minor_micros = 10_000
    after = "1998-07-01"

    def test_every_row_and_every_cent_is_imported(self):
        self.assertEqual(self.summary["rows_read"], 6919)
        self.assertEqual(self.summary["imported"], 6919)
        self.assertEqual(self.summary["rejected"], 0)
        self.assertEqual(self.summary["skipped"], 0)
        self.assertEqual(self.summary["accounts_opened"], 2357)
        self.assertEqual(self.summary["purchases"], {"rows": 6919, "units": "16479", "amount_micros": "244091940000"})
        self.assertEqual(self.summary["returns"]["rows"], 0)

    def test_months_equal_the_truth(self):
        self.check_months()

    def test_quarters_equal_the_truth(self):
        self.check_quarters()

    def test_cohorts_equal_the_truth(self):
        self.check_cohorts()

    def test_a_second_import_changes_nothing(self):
        self.check_second_import()


class WithAProgram:
    """What programs make of the sample: points, and reviews."""

    def test_classes_by_share_of_accounts_equal_the_truth(self):
        self.check_concentration()

    def test_the_fewest_accounts_that_hold_a_share_of_spend_equal_the_truth(self):
        self.check_covering()

    def test_purchases_of_zero_dollars_count_and_earn_no_points(self):
        answer = self.books.ask("retention", "show", "--period", "year")
        self.assertEqual((int(answer["purchases"]), int(answer["accounts"])), (6919, 2357))
        free = collections.Counter()
        earned = collections.Counter()
        for record in self.books.ask_lines("log", "read", "--kind", "purchase_recorded", "--kind", "points_accrued"):
            event = record["event"]
            if "purchase_recorded" in event:
                if sum(books.integer(line["amount"], "micros") for line in event["purchase_recorded"]["lines"]) == 0:
                    free[record["account_id"], books.integer(record, "revision")] += 1
            else:
                earned[record["account_id"], books.integer(event["points_accrued"], "purchase_revision")] += 1
        self.assertEqual(len(free), 8)
        self.assertEqual(len(earned), 6919 - 8)
        self.assertFalse(free.keys() & earned.keys())


class CdnowSampleOnOneShard(WithAProgram, CdnowSample):
    pass


class CdnowSampleOnFourShards(WithAProgram, CdnowSample):
    shards = 4


class CdnowSampleWithoutAProgram(CdnowSample):
    with_program = False

    def test_the_log_holds_the_accounts_and_purchases_and_nothing_else(self):
        # After the record of the signing key.
        self.assertEqual(self.books.record_count(), 1 + 2357 + 6919)


class Wholesaler(ShopTest):
    file = "online_retail/invoices_2010_2011.csv"
    arguments = (
        "--header",
        *("--columns", "invoice=1,occurred=2,account_id=3,region=4,units=7,amount=8", "--separator", "comma"),
        *("--date-format", "%Y-%m-%d %H:%M:%S", "--amount-unit", "milli", "--returns-prefix", "C", "--skip-zero-amount"),
    )
    truth_file = "invoices_2010_2011.json"
    quarters = "calendar_quarters"
    currency = "GBP"
    minor_micros = 1_000
    after = "2012-01-01"

    def records_of(self, account):
        return self.books.ask_lines("log", "account", account)

    def movements(self, records):
        """(account, occurred, is a return, micros) of each purchase and return."""
        found = []
        for record in records:
            for name, is_return in (("purchase_recorded", False), ("purchase_returned", True)):
                if name in record["event"]:
                    micros = sum(books.integer(line["amount"], "micros") for line in record["event"][name]["lines"])
                    found.append((record["account_id"], record["occurred_time"], is_return, micros))
        return found

    def test_every_invoice_of_a_known_customer_is_imported_cancellations_as_returns(self):
        self.assertEqual(self.summary["rows_read"], 25_900)
        self.assertEqual(self.summary["imported"], 18_532 + 3_654)
        self.assertEqual(self.summary["skipped"], 4)
        self.assertEqual(self.summary["accounts_opened"], 4_371)
        self.assertEqual(self.summary["purchases"]["rows"], 18_532)
        self.assertEqual(self.summary["purchases"]["amount_micros"], "8911407904000")
        self.assertEqual(self.summary["returns"]["rows"], 3_654)
        self.assertEqual(self.summary["returns"]["amount_micros"], "611342090000")

    def test_invoices_without_a_customer_are_refused_with_the_reason(self):
        self.assertEqual(self.summary["rejected"], 3_710)
        lines = self.rejects.read_text().splitlines()
        self.assertEqual(lines[0], "line\treason\trow")
        self.assertEqual(len(lines), 1 + 3_710)
        self.assertEqual({line.split("\t")[1] for line in lines[1:]}, {"account_id is empty"})
        source = (books.DATA / self.file).read_text().splitlines()
        for line in lines[1:]:
            number, _, row = line.split("\t", 2)
            self.assertEqual(source[int(number) - 1], row)

    def test_adjustments_without_a_customer_are_among_the_refused(self):
        refused = [line.split("\t")[2].split(",")[0] for line in self.rejects.read_text().splitlines()[1:]]
        self.assertEqual([number for number in refused if number.startswith("A")], ["A563185", "A563186", "A563187"])

    def test_months_equal_the_truth(self):
        self.check_months()

    def test_calendar_quarters_equal_the_truth(self):
        self.check_quarters()

    def test_cohorts_equal_the_truth(self):
        self.check_cohorts()

    def test_a_second_import_changes_nothing(self):
        self.check_second_import()

    def test_net_revenue_is_sales_less_cancellations(self):
        periods = self.books.ask("retention", "show", "--period", "year", "--basis", "net")["periods"]
        self.assertEqual([row["period"] for row in periods], ["2010", "2011"])
        self.assertEqual(sum(int(row["revenue_micros"]) for row in periods), 8_300_065_814_000)

    def test_account_12346_bought_for_77183_60_cancelled_after_16_minutes_and_is_worth_nothing_net(self):
        self.assertEqual(
            self.movements(self.records_of("12346")),
            [("12346", "2011-01-18T10:01:00Z", False, 77_183_600_000), ("12346", "2011-01-18T10:17:00Z", True, 77_183_600_000)],
        )

    def test_account_12346_keeps_none_of_the_points_of_the_cancelled_invoice(self):
        balance = self.books.ask("points", "balance", "12346")
        self.assertEqual((books.integer(balance, "available_points"), books.integer(balance, "pending_points")), (0, 0))

    def test_account_16446_cancelled_168469_60_after_12_minutes_and_is_worth_2_90_net(self):
        movements = self.movements(self.records_of("16446"))
        self.assertEqual(
            movements,
            [
                ("16446", "2011-05-18T09:52:00Z", False, 2_900_000),
                ("16446", "2011-12-09T09:15:00Z", False, 168_469_600_000),
                ("16446", "2011-12-09T09:27:00Z", True, 168_469_600_000),
            ],
        )
        self.assertEqual(sum(-micros if is_return else micros for _, _, is_return, micros in movements), 2_900_000)

    def test_account_16446_is_in_the_gross_top_five_of_2011_and_12415_in_the_net_one_instead(self):
        gross, net = collections.Counter(), collections.Counter()
        for account, occurred, is_return, micros in self.all_movements():
            if occurred.startswith("2011"):
                gross[account] += 0 if is_return else micros
                net[account] += -micros if is_return else micros
        top = [[int(account) for account, _ in totals.most_common(5)] for totals in (gross, net)]
        self.assertEqual(top[0], [row["id"] for row in self.truth["top5_by_calendar_year"]["2011"]])
        self.assertEqual(top[1], [row["id"] for row in self.truth["top5_by_calendar_year_net"]["2011"]])
        self.assertIn(16446, top[0])
        self.assertNotIn(16446, top[1])
        self.assertIn(12415, top[1])

    def test_the_platinum_five_of_2010_and_2011_by_gross_and_by_net_spend_equal_the_truth(self):
        for metric, name in [("gross_spend", "top5_by_calendar_year"), ("net_spend", "top5_by_calendar_year_net")]:
            for year, as_of in [("2010", "2011-01-01"), ("2011", "2012-01-01")]:
                with self.subTest(metric=metric, year=year):
                    review, found = self.classes(metric, "calendar_period: year", [("platinum", "top_count: 5")], as_of)
                    want = {row["id"]: [row["minor"] * self.minor_micros] for row in self.truth[name][year]}
                    self.assertEqual(found["platinum"], want)
                    self.assertEqual(int(review["cuts"][0]["last_account_id"]), self.truth[name][year][-1]["id"])

    def test_classes_by_share_of_accounts_equal_the_truth(self):
        self.check_concentration()

    def test_the_fewest_accounts_that_hold_a_share_of_spend_equal_the_truth(self):
        self.check_covering()

    def test_178_customers_are_first_seen_through_a_cancellation(self):
        first = {}
        for account, _, is_return, _ in self.all_movements():
            first.setdefault(account, is_return)
        self.assertEqual(len(first), 4_371)
        self.assertEqual(sum(first.values()), 178)

    def test_41_customers_have_a_negative_net_spend(self):
        net = collections.Counter()
        for account, _, is_return, micros in self.all_movements():
            net[account] += -micros if is_return else micros
        self.assertEqual(sum(1 for micros in net.values() if micros < 0), 41)

    def test_186_times_a_customer_has_several_invoices_in_the_same_minute(self):
        minutes = collections.Counter((account, occurred) for account, occurred, _, _ in self.all_movements())
        self.assertEqual(sum(1 for count in minutes.values() if count > 1), 186)

    def test_8_customers_trade_in_two_countries_each_invoice_in_its_own(self):
        countries = collections.defaultdict(set)
        for record in self.all_records():
            event = record["event"].get("purchase_recorded") or record["event"]["purchase_returned"]
            countries[record["account_id"]].add(event["region"])
        self.assertEqual(
            {account: sorted(seen) for account, seen in countries.items() if len(seen) > 1},
            {
                "12370": ["Austria", "Cyprus"],
                "12394": ["Belgium", "Denmark"],
                "12417": ["Belgium", "Spain"],
                "12422": ["Australia", "Switzerland"],
                "12429": ["Austria", "Denmark"],
                "12431": ["Australia", "Belgium"],
                "12455": ["Cyprus", "Spain"],
                "12457": ["Cyprus", "Switzerland"],
            },
        )

    def all_records(self):
        cls = type(self)
        if "_records" not in cls.__dict__:
            cls._records = self.books.ask_lines("log", "read", "--kind", "purchase_recorded", "--kind", "purchase_returned")
        return cls._records

    def all_movements(self):
        cls = type(self)
        if "_movements" not in cls.__dict__:
            cls._movements = self.movements(self.all_records())
        return cls._movements


class WholesalerOnFourShards(Wholesaler):
    shards = 4


del ShopTest, CdnowSample


if __name__ == "__main__":
    books.BINARIES["keyledgerd"], books.BINARIES["keyledger"] = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main(verbosity=2)
