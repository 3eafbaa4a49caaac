#!/usr/bin/python3
"""Proves that tidy.py finds what it is there to find: every rule is broken once in a small tree of its own and must be reported, with file and line."""

import copy
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import tidy  # noqa: E402

LAYERS = json.loads(pathlib.Path(__file__).with_name("layers.json").read_text())

CLEAN = {
    "README.md": "# A ledger\n",
    "server/base/ids.h": "// Ids.\n#pragma once\n#include <string>\n#include <absl/status/status.h>\n",
    "server/domain/decide.cc": '// Decide.\n#include "server/base/ids.h"\n#include "keyledger/events/v1/event.pb.h"\n',
    "server/store/store.cc": '// Store.\n#include <rocksdb/db.h>\n#include <sys/statvfs.h>\n',
    "proto/keyledger/ledger/v1/a.proto": '// API.\nimport "keyledger/events/v1/event.proto";\n',
    "tests/run": "#!/bin/bash\n# Runs the tests.\n",
}


# A table of all requirements, as tidy.py wants it.
REQUIREMENTS = ["# projections"] + [
    f"| {article}-{place} | what | `Replay.FindsIt` |" for article, count in tidy.REQUIREMENT_COUNTS.items() for place in range(1, count + 1)]
PROOF = {"tests/unit/audit/a_test.cc": "// A.\nTEST(Replay, FindsIt) {}\n"}


class Canary(unittest.TestCase):
    def findings(self, files, layers=None):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return tidy.Tidy(root, layers or LAYERS).run()

    def assert_one(self, path, line, words, changes, layers=None):
        found = self.findings({**CLEAN, **changes}, layers)
        self.assertEqual([(path, line)], [finding[:2] for finding in found], found)
        self.assertIn(words, found[0][2])

    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual([], self.findings(CLEAN))

    def test_a_table_of_all_requirements_has_no_findings(self):
        self.assertEqual([], self.findings({**CLEAN, **PROOF, "projections/README.md": "\n".join(REQUIREMENTS) + "\n"}))

    def test_a_requirement_without_a_row_is_found(self):
        rows = [row for row in REQUIREMENTS if "| 003-28 |" not in row]
        self.assert_one("projections/README.md", 115, "003-28 has no row", {**PROOF, "projections/README.md": "\n".join(rows) + "\n"})

    def test_a_requirement_with_two_rows_is_found(self):
        rows = REQUIREMENTS + [REQUIREMENTS[1]]
        self.assert_one("projections/README.md", 117, "000-1 has a second row", {**PROOF, "projections/README.md": "\n".join(rows) + "\n"})

    def test_a_requirement_without_a_test_is_found(self):
        rows = REQUIREMENTS[:-1] + ["| 004-10 | what | planned |"]
        self.assert_one("projections/README.md", 116, "004-10 names no test", {**PROOF, "projections/README.md": "\n".join(rows) + "\n"})

    def test_an_include_of_a_higher_room_is_found(self):
        self.assert_one("server/domain/decide.cc", 2, "allowed: server/base", {
            "server/domain/decide.cc": '// Decide.\n#include "server/store/store.h"\n', "server/store/store.h": "// Store.\n#pragma once\n"})

    def test_a_library_outside_its_room_is_found(self):
        self.assert_one("server/shard/shard.cc", 2, "may not know rocksdb", {"server/shard/shard.cc": "// Shard.\n#include <rocksdb/db.h>\n"})

    def test_an_unknown_library_is_found(self):
        self.assert_one("server/base/a.cc", 2, "of no library", {"server/base/a.cc": "// A.\n#include <boost/any.hpp>\n"})

    def test_threads_in_the_domain_are_found(self):
        self.assert_one("server/domain/decide.cc", 3, "may not use <thread>", {"server/domain/decide.cc": "// Decide.\n#include <string>\n#include <thread>\n"})

    def test_protos_a_room_may_not_know_are_found(self):
        self.assert_one("server/store/store.cc", 2, "allowed: storage", {"server/store/store.cc": '// Store.\n#include "keyledger/events/v1/event.pb.h"\n'})

    def test_a_client_that_includes_the_server_is_found(self):
        self.assert_one("client/cpp/client.cc", 2, "no other room", {"client/cpp/client.cc": '// Client.\n#include "server/base/ids.h"\n'})

    def test_a_proto_that_imports_upwards_is_found(self):
        self.assert_one("proto/keyledger/events/v1/e.proto", 2, "may not know ledger", {
            "proto/keyledger/events/v1/e.proto": '// Events.\nimport "keyledger/ledger/v1/a.proto";\n'})

    def test_an_include_not_written_from_the_root_is_found(self):
        self.assert_one("server/base/ids.cc", 2, "not a path from the root", {"server/base/ids.cc": '// Ids.\n#include "ids.h"\n'})

    def test_a_room_nobody_declared_is_found(self):
        self.assert_one("server/common/util.cc", 1, "not in tests/tidy/layers.json", {"server/common/util.cc": "// Util.\n"})

    def test_a_header_without_pragma_once_is_found(self):
        self.assert_one("server/base/b.h", 1, "#pragma once", {"server/base/b.h": "// B.\n#include <string>\n"})

    def test_a_file_without_a_head_is_found(self):
        self.assert_one("server/base/b.cc", 1, "does not begin with a comment", {"server/base/b.cc": "#include <string>\n"})

    def test_a_file_whose_header_tells_needs_no_head_of_its_own(self):
        self.assertEqual([], self.findings({**CLEAN, "server/base/ids.cc": '#include "server/base/ids.h"\n'}))

    def test_a_script_without_a_head_is_found(self):
        self.assert_one("tests/other", 2, "does not begin with a comment", {"tests/other": "#!/bin/bash\nset -e\n"})

    def test_unfinished_work_is_found(self):
        self.assert_one("server/base/b.cc", 2, "unfinished", {"server/base/b.cc": "// B.\n// TO" "DO: the rest\n"})

    def test_a_path_of_ones_own_machine_is_found(self):
        self.assert_one("tests/other", 3, "own machine", {"tests/other": "#!/bin/bash\n# Other.\ncat /wo" "rk/x\n"})

    def test_a_new_top_level_folder_is_found(self):
        self.assert_one("tools/a.md", 1, "top-level folder tools", {"tools/a.md": "# A\n"})

    def test_a_stray_root_file_is_found(self):
        self.assert_one("notes.md", 1, "does not belong in the root", {"notes.md": "# Notes\n"})

    def test_a_document_that_cites_a_test_which_is_not_there_is_found(self):
        self.assert_one("README.md", 2, "no test Append.IsFast", {
            "README.md": "`Append.IsDurable`\n`Append.IsFast`\n", "tests/a_test.cc": "// A.\nTEST(Append, IsDurable) {}\n"})

    def test_a_table_with_a_circle_is_found(self):
        layers = copy.deepcopy(LAYERS)
        layers["rooms"]["server/base"]["rooms"].append("server/app")
        self.assert_one("tests/tidy/layers.json", 1, "in a circle", {}, layers)

    def test_a_table_that_names_an_unknown_room_is_found(self):
        layers = copy.deepcopy(LAYERS)
        layers["rooms"]["server/base"]["rooms"].append("server/nowhere")
        self.assert_one("tests/tidy/layers.json", 1, "which the table does not have", {}, layers)


if __name__ == "__main__":
    unittest.main()
