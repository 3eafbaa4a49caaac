#!/usr/bin/python3
"""Every test that the table of requirements (projections/README.md) names is one that ctest runs, in this build or in that of the address
sanitizer beside it, which has the areas that tests/run does not build twice.

usage: requirements_test.py CTEST BUILD_DIRECTORY SOURCE_DIRECTORY
"""

import pathlib
import re
import subprocess
import sys
import unittest

CTEST = BUILD = SOURCE = None
ROW = re.compile(r"^\| (\d{3}-\d+) \|.*")
NAMED_TEST = re.compile(r"`([A-Z]\w*\.[A-Z]\w*)`")
# "  Test  #12: Prefix/Suite.Name/(1, 2) (Disabled)": whatever stands for the parameter.
LISTED = re.compile(r"^\s*Test\s+#\d+: (?:\w+/)?(\w+\.\w+)(?:/.*?)?\s*(\(Disabled\))?\s*$", re.MULTILINE)


class Requirements(unittest.TestCase):
    def test_every_requirement_has_a_test_that_runs(self):
        builds = [build for build in (BUILD, BUILD.with_name("asan")) if (build / "CTestTestfile.cmake").is_file()]
        listings = [subprocess.run([CTEST, "-N"], cwd=build, capture_output=True, text=True, check=True).stdout for build in builds]
        runs = {name for listing in listings for name, disabled in LISTED.findall(listing) if not disabled}
        self.assertIn("E2e.EveryRequirementHasATestThatRuns", runs)
        rows = [line for line in (SOURCE / "projections/README.md").read_text(encoding="utf-8").splitlines() if ROW.match(line)]
        self.assertEqual(115, len(rows))
        for row in rows:
            with self.subTest(ROW.match(row)[1]):
                named = set(NAMED_TEST.findall(row))
                self.assertTrue(named)
                self.assertEqual(set(), named - runs)


if __name__ == "__main__":
    CTEST, BUILD, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    unittest.main(argv=sys.argv[:1])
