#!/usr/bin/python3
"""Checks what the compiler cannot: who includes whom, and that every file looks as a reader expects. Prints each finding with file and line, and what
would be allowed; the exit code is 1 if there is any. The rules are data in layers.json; canary_test.py proves that each rule fails when it should.

usage: tidy.py REPOSITORY [LAYERS_JSON]
"""

import json
import pathlib
import re
import subprocess
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(<([^>]+)>|"([^"]+)")')
PROTO_IMPORT = re.compile(r'^\s*import\s+(?:public\s+)?"([^"]+)"')
PROTO_PACKAGE = re.compile(r"^keyledger/([a-z]+)/v\d+/")
# Spelled in halves, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
NAMED_TEST = re.compile(r"`([A-Z]\w*)\.([A-Z]\w*)`")
# Requirements by article, in the table of REQUIREMENTS: the row's id, and how many each article has.
REQUIREMENTS = pathlib.PurePosixPath("projections/README.md")
REQUIREMENT_ROW = re.compile(r"^\| (\d{3}-\d+) \|")
REQUIREMENT_COUNTS = {"000": 35, "001": 16, "002": 20, "003": 34, "004": 10}
GTEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
CTEST = re.compile(r"\b([A-Z]\w*)\.([A-Z]\w*)\b")
# Tests that tests/e2e/programs/CMakeLists.txt makes of a name: Programs.NAME.
SCENARIO = re.compile(r"\badd_scenario\(([A-Z]\w*)")
OWN_MACHINE = re.compile(r"(^|[\s\"'=(])/wo" r"rk/")

CODE = {".h", ".cc", ".proto", ".py", ".sh"}
TEXT = CODE | {".md", ".txt", ".cmake", ".json", ".yaml", ""}


def files_of(root):
    """Returns the repository's files, relative to it: those git knows or would add, or all but the build's when git cannot say."""
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        try:
            listing = subprocess.run(command, capture_output=True, check=True).stdout.decode()
            return sorted({pathlib.PurePath(name) for name in listing.split("\0") if name and (root / name).is_file()})
        except (OSError, subprocess.CalledProcessError):
            pass
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in files if path.parts[0] not in {".git", ".cache", "build"} and "__pycache__" not in path.parts)


def find_cycle(edges):
    """Returns the nodes of a cycle in the graph, or nothing. `edges` maps a node to its successors."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return []
        path.append(node)
        for successor in edges.get(node, []):
            found = visit(successor)
            if found:
                return found
        path.pop()
        done.add(node)
        return []

    for node in edges:
        found = visit(node)
        if found:
            return found
    return []


class Tidy:
    """One run over one tree; findings gather in `findings` as (file, line, message)."""

    def __init__(self, root, layers):
        self.root = root
        self.layers = layers
        self.findings = []

    def report(self, path, line, message):
        self.findings.append((str(path), line, message))

    def run(self):
        self.check_table()
        files = files_of(self.root)
        for path in files:
            self.check_place(path)
            if path.suffix not in TEXT:
                continue
            try:
                lines = (self.root / path).read_text(encoding="utf-8").splitlines()
            except UnicodeDecodeError:
                continue
            self.check_head(path, lines)
            self.check_words(path, lines)
            if path.suffix in {".h", ".cc"}:
                self.check_includes(path, lines)
            if path.suffix == ".proto":
                self.check_imports(path, lines)
        self.check_named_tests(files)
        if REQUIREMENTS in [pathlib.PurePosixPath(path) for path in files]:
            self.check_requirements()
        return self.findings

    def check_requirements(self):
        """Every requirement has one row, and every row a test."""
        seen = set()
        lines = (self.root / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            row = REQUIREMENT_ROW.match(line)
            if not row:
                continue
            if row[1] in seen:
                self.report(REQUIREMENTS, number, f"requirement {row[1]} has a second row")
            seen.add(row[1])
            if not NAMED_TEST.search(line):
                self.report(REQUIREMENTS, number, f"requirement {row[1]} names no test")
        for article, count in REQUIREMENT_COUNTS.items():
            for place in range(1, count + 1):
                if f"{article}-{place}" not in seen:
                    self.report(REQUIREMENTS, len(lines), f"requirement {article}-{place} has no row")

    def check_named_tests(self, files):
        """What the documents cite as proof must be there."""
        known = set()
        for path in files:
            if path.parts[0] == "tests" and path.suffix == ".cc":
                known.update(GTEST.findall((self.root / path).read_text(encoding="utf-8")))
            elif path.parts[0] == "tests" and path.name == "CMakeLists.txt":
                text = (self.root / path).read_text(encoding="utf-8")
                known.update(CTEST.findall(text))
                known.update(("Programs", name) for name in SCENARIO.findall(text))
        for path in files:
            if path.suffix != ".md":
                continue
            for number, line in enumerate((self.root / path).read_text(encoding="utf-8").splitlines(), 1):
                for suite, name in NAMED_TEST.findall(line):
                    if (suite, name) not in known:
                        self.report(path, number, f"there is no test {suite}.{name}")

    def check_table(self):
        for name, edges in (("rooms", {room: entry["rooms"] for room, entry in self.layers["rooms"].items()}), ("protos", self.layers["protos"])):
            cycle = find_cycle(edges)
            if cycle:
                self.report("tests/tidy/layers.json", 1, f"the {name} may include each other in a circle: {' -> '.join(cycle)}")
            for room, successors in edges.items():
                for successor in successors:
                    if successor not in edges:
                        self.report("tests/tidy/layers.json", 1, f"{room} names {successor}, which the table does not have")
        for room, entry in self.layers["rooms"].items():
            for kind in ("protos", "libraries"):
                for name in entry[kind]:
                    if name not in self.layers[kind]:
                        self.report("tests/tidy/layers.json", 1, f"{room} names {name}, which is not among the {kind}")

    def check_place(self, path):
        top = path.parts[0]
        if len(path.parts) == 1:
            if top not in self.layers["root_files"]:
                self.report(path, 1, f"does not belong in the root; allowed there: {', '.join(self.layers['root_files'])}")
        elif not top.startswith(".") and top not in self.layers["top_level"]:
            self.report(path, 1, f"top-level folder {top}; allowed: {', '.join(self.layers['top_level'])}")

    def check_head(self, path, lines):
        if path.suffix not in CODE and not (path.suffix == "" and lines and lines[0].startswith("#!")):
            return
        if path.name == "__init__.py" and not lines:
            return
        if path.suffix == ".cc" and (self.root / path.with_suffix(".h")).is_file():
            # Its header says it.
            return
        marks = ("//",) if path.suffix in {".h", ".cc", ".proto"} else ("#", '"""', 'r"""')
        first = 1 if lines and lines[0].startswith("#!") else 0
        head = lines[first] if len(lines) > first else ""
        if not head.startswith(marks) or not head.strip("/#\"' r"):
            self.report(path, first + 1, "the file does not begin with a comment that says what it is and where it sits")
        if path.suffix == ".h" and "#pragma once" not in lines:
            self.report(path, 1, "a header without #pragma once")

    def check_words(self, path, lines):
        for number, line in enumerate(lines, 1):
            if UNFINISHED.search(line):
                self.report(path, number, "unfinished: do it or leave it out")
            if OWN_MACHINE.search(line):
                self.report(path, number, "a path of somebody's own machine")

    def room_of(self, path):
        """Returns the room a file or an include path belongs to, or nothing."""
        if str(path) in self.layers["files"]:
            return self.layers["files"][str(path)]
        parts = pathlib.PurePath(path).parts
        return "/".join(parts[:2]) if len(parts) > 2 and parts[0] in {"server", "client", "projections"} else None

    def check_includes(self, path, lines):
        room = self.room_of(path)
        layered = path.parts[0] in {"server", "client", "projections"}
        if layered and room not in self.layers["rooms"]:
            self.report(path, 1, f"room {room or path.parts[0]} is not in tests/tidy/layers.json; there are: {', '.join(self.layers['rooms'])}")
            return
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target, quoted = match.group(2) or match.group(3), match.group(3) is not None
            if quoted and not (self.root / target).is_file() and not target.startswith(("keyledger/", "google/rpc/", "grpc/health/")):
                self.report(path, number, f'"{target}" is not a path from the root of the repository; libraries are included with <>')
            if layered:
                self.check_edge(path, number, room, target)

    def check_edge(self, path, number, room, target):
        entry = self.layers["rooms"][room]
        package = PROTO_PACKAGE.match(target)
        if package:
            if package.group(1) not in entry["protos"]:
                self.report(path, number, f"{room} may not know the protos {package.group(1)}; allowed: {', '.join(entry['protos']) or 'none'}")
            return
        top = pathlib.PurePath(target).parts[0]
        if top in self.layers["top_level"]:
            other = self.room_of(target)
            if other != room and other not in entry["rooms"]:
                self.report(path, number, f"{room} may not know {other or target}; allowed: {', '.join(entry['rooms']) or 'no other room'}")
            return
        for library, prefixes in self.layers["libraries"].items():
            if target.startswith(tuple(prefixes)):
                if library not in entry["libraries"]:
                    self.report(path, number, f"{room} may not know {library} (<{target}>); allowed: {', '.join(entry['libraries'])}")
                return
        if "/" in target:
            self.report(path, number, f"<{target}> is of no library in tests/tidy/layers.json; allowed in {room}: {', '.join(entry['libraries'])}")
        elif target in entry.get("not", []):
            self.report(path, number, f"{room} may not use <{target}>; it has no input, output, threads, clock or randomness")

    def check_imports(self, path, lines):
        own = PROTO_PACKAGE.match("/".join(path.parts[1:]))
        if path.parts[0] != "proto" or not own:
            return
        allowed = self.layers["protos"].get(own.group(1))
        if allowed is None:
            self.report(path, 1, f"package {own.group(1)} is not in tests/tidy/layers.json; there are: {', '.join(self.layers['protos'])}")
            return
        for number, line in enumerate(lines, 1):
            match = PROTO_IMPORT.match(line)
            package = match and PROTO_PACKAGE.match(match.group(1))
            if package and package.group(1) != own.group(1) and package.group(1) not in allowed:
                self.report(path, number, f"protos {own.group(1)} may not know {package.group(1)}; allowed: {', '.join(allowed) or 'none'}")


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    table = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else pathlib.Path(__file__).with_name("layers.json")
    findings = Tidy(pathlib.Path(sys.argv[1]), json.loads(table.read_text())).run()
    for path, line, message in findings:
        print(f"{path}:{line}: {message}")
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
