"""The JSON Schema that `keyledger program schema` prints, asked about every program that comes with the product.

usage: program_schema_test.py KEYLEDGER SOURCE_DIR
"""
import copy
import json
import pathlib
import subprocess
import sys
import unittest

import jsonschema
import yaml

KEYLEDGER, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])


class Loader(yaml.SafeLoader):
    """YAML as an editor's schema sees it: dates are text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class ProgramSchema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schema = json.loads(subprocess.run([KEYLEDGER, "program", "schema"], check=True, capture_output=True).stdout)
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)
        cls.example = yaml.load((SOURCE / "projections/programs/example/program.yaml").read_text(), Loader)

    def mistakes(self, change):
        program = copy.deepcopy(self.example)
        change(program)
        return [".".join(map(str, error.absolute_path)) for error in self.validator.iter_errors(program)]

    def test_accepts_every_program(self):
        paths = sorted(path for path in (SOURCE / "projections/programs").glob("*/*.yaml") if path.name not in ("scenario.yaml", "relationship.yaml"))
        self.assertGreaterEqual(len(paths), 8)
        for path in paths:
            with self.subTest(path):
                errors = [error.message for error in self.validator.iter_errors(yaml.load(path.read_text(), Loader))]
                self.assertEqual(errors, [])

    def test_refuses_a_wrong_key(self):
        self.assertEqual(self.mistakes(lambda p: p.update(programme_id="x")), [""])
        self.assertEqual(self.mistakes(lambda p: p["accrual_rules"][0].update(rate=1)), ["accrual_rules.0"])

    def test_refuses_what_only_the_ledger_assigns(self):
        self.assertEqual(self.mistakes(lambda p: p.update(version=1)), [""])

    def test_refuses_a_wrong_type_word_range_and_time(self):
        rule = "accrual_rules.0"
        self.assertEqual(self.mistakes(lambda p: p["accrual_rules"][0].update(pending_days="soon")), [rule + ".pending_days"])
        self.assertEqual(self.mistakes(lambda p: p["accrual_rules"][0].update(pending_days=-1)), [rule + ".pending_days"])
        self.assertEqual(self.mistakes(lambda p: p["accrual_rules"][0].update(rounding="sideways")), [rule + ".rounding"])
        self.assertEqual(self.mistakes(lambda p: p.update(effective_from="soon")), ["effective_from"])

    def test_refuses_two_rates_in_one_rule(self):
        both = {"per_unit": {"points": 1, "per_units": 1}}
        self.assertEqual(self.mistakes(lambda p: p["accrual_rules"][0].update(both)), ["accrual_rules.0"])


unittest.main(argv=sys.argv[:1], verbosity=2)
