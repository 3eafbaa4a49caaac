#!/usr/bin/python3
"""A database whose files were damaged while the server was stopped: it is never served as if nothing were wrong, and whoever looks is told where.

usage: damage_test.py KEYLEDGERD KEYLEDGER [unittest options]
"""

import pathlib
import shutil
import sys
import unittest

import books

ROWS = 400
# Purchases that make more records than the server lets pass without noting in HEAD how long the log is (16,384; server/store/FORMAT.md).
ROWS_UNTIL_NOTED = 8_000
CANNOT_START = 1
DATA_LOSS = 8
# Between them these read every table of a ledger that a client can have read.
READS = (
    ("log", "read"),
    ("account", "list", "--all"),
    ("retention", "show"),
    ("tier", "distribution"),
    ("admin", "projections", "--digest"),
    *(("log", "account", f"a{number}") for number in range(20)),
    *(("account", "get", f"a{number}") for number in range(20)),
    *(("points", "statement", f"a{number}", "--all") for number in range(20)),
)


def import_command(ledger, part, count=ROWS):
    """The command that imports one part of a made-up file of purchases."""
    path = ledger.directory / f"rows{part}.csv"
    rows = (f"2024-{1 + n % 12:02}-{1 + n % 28:02},a{n % 20},{n % 7}.{n % 100:02},i{part}-{n}" for n in range(count))
    path.write_text("\n".join(rows) + "\n")
    return ("import", "purchases", path, "--columns", "occurred=1,account_id=2,amount=3,invoice=4", "--separator", "comma", "--currency", "USD")


def fill(ledger, part, count=ROWS):
    """Starts the server and imports one part."""
    if ledger.start() is not None:
        raise AssertionError(ledger.server_log())
    if part == 0:
        ledger.publish_example_program("USD")
    summary = ledger.ask(*import_command(ledger, part, count))
    if summary["imported"] != count:
        raise AssertionError(summary)


class DamagedDatabase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ledger = books.Books("--sweep-interval-seconds", "0")
        cls.addClassCleanup(cls.ledger.close)
        for part in range(2):
            fill(cls.ledger, part)
            cls.ledger.stop()
        cls.sound = cls.ledger.directory / "sound"
        shutil.copytree(cls.ledger.data_dir, cls.sound)

    def setUp(self):
        shutil.rmtree(self.ledger.data_dir)
        shutil.copytree(self.sound, self.ledger.data_dir)

    def files(self, pattern):
        found = sorted(self.ledger.data_dir.rglob(pattern), key=lambda path: path.name)
        self.assertTrue(found, f"no file {pattern} to damage")
        return found

    def refused_or_reported(self):
        """What the server says at its start or, if it starts, to the first read that meets the damage; None if nobody notices."""
        code = self.ledger.start()
        if code is not None:
            self.assertEqual(code, CANNOT_START, self.ledger.server_log())
            return self.ledger.server_log()
        try:
            # A repeated import looks up every request, a new one every invoice.
            for read in (*READS, import_command(self.ledger, 0), import_command(self.ledger, 2)):
                done = self.ledger.run(*read)
                if done.returncode != 0:
                    self.assertEqual(done.returncode, DATA_LOSS, done.stderr)
                    return done.stderr
            return None
        finally:
            self.ledger.stop()

    def expect_place(self, said, path):
        """The message names the file, or at least its directory or the table in it: RocksDB does not name a file whose last block it cannot read."""
        self.assertTrue(path.name in said or str(path.parent) in said or "table '" in said, said)

    def test_an_undamaged_one_is_served(self):
        self.assertIsNone(self.refused_or_reported())

    def test_flipped_bytes_in_the_newest_table_file_are_met_and_named(self):
        newest = self.files("*.sst")[-1]
        flip_everywhere(newest)
        said = self.refused_or_reported()
        self.assertIsNotNone(said, f"nobody noticed that {newest.name} is damaged")
        self.expect_place(said, newest)

    def test_flipped_bytes_in_any_table_file_are_never_served(self):
        for path in self.files("*.sst"):
            relative = path.relative_to(self.ledger.data_dir)
            with self.subTest(file=str(relative)):
                self.setUp()
                flip_everywhere(self.ledger.data_dir / relative)
                said = self.refused_or_reported()
                self.assertIsNotNone(said, "nobody noticed")
                self.expect_place(said, path)

    def test_table_files_without_their_magic_number_never_end_the_process(self):
        # With another one RocksDB takes the blocks of a table for ones without checksums; the distribution's build then ends the process when what is in them makes no sense.
        for path in self.files("*.sst"):
            relative = path.relative_to(self.ledger.data_dir)
            with self.subTest(file=str(relative)):
                self.setUp()
                garble_metaindex(self.ledger.data_dir / relative)
                said = self.refused_or_reported()
                self.assertIsNotNone(said, "nobody noticed")
                self.assertIn(str(self.ledger.data_dir / relative), said)

    def test_a_table_file_that_is_gone_stops_the_start_and_is_named(self):
        for path in self.files("*.sst"):
            relative = path.relative_to(self.ledger.data_dir)
            with self.subTest(file=str(relative)):
                self.setUp()
                (self.ledger.data_dir / relative).unlink()
                self.assertEqual(self.ledger.start(), CANNOT_START, self.ledger.server_log())
                self.assertIn(path.name, self.ledger.server_log())

    def test_a_write_ahead_log_that_is_gone_stops_the_start(self):
        # A clean stop leaves nothing in it that is not in a table file; after a crash the newest records are nowhere else.
        fill(self.ledger, 2, ROWS_UNTIL_NOTED)
        self.ledger.kill()
        newest = [path for path in self.files("*.log") if path.stem.isdigit() and path.stat().st_size > 0][-1]
        newest.unlink()
        self.assertEqual(self.ledger.start(), CANNOT_START, "records are gone and nobody noticed:\n" + self.ledger.server_log())
        self.assertIn("shard-000", self.ledger.server_log())

    def test_a_missing_manifest_current_or_ledger_file_stops_the_start(self):
        for pattern in ("MANIFEST-*", "CURRENT", "LEDGER"):
            with self.subTest(file=pattern):
                self.setUp()
                for path in self.files(pattern):
                    path.unlink()
                self.assertEqual(self.ledger.start(), CANNOT_START, self.ledger.server_log())
                self.assertIn(str(self.ledger.data_dir), self.ledger.server_log())


def flip_everywhere(path: pathlib.Path):
    """Flips a bit in every 64th byte of a file, so that whatever of it is read has been hit."""
    data = bytearray(path.read_bytes())
    for at in range(7, len(data), 64):
        data[at] ^= 0x10
    path.write_bytes(data)


def garble_metaindex(path: pathlib.Path):
    """Changes a table file's magic number, its last 8 bytes, and leaves in its metaindex block one byte less than an entry needs."""
    data = bytearray(path.read_bytes())
    data[-8] ^= 0x10
    # The footer of 53 bytes gives, behind a byte of its own, place and size of the metaindex, in 7 bits a byte, low ones first.
    numbers = []
    at = len(data) - 53 + 1
    for _ in range(2):
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if data[at - 1] < 0x80:
                break
        numbers.append(value)
    place, size = numbers
    # Entries (bytes of the name shared with the one before, further ones, bytes of the value, name, value) up to the only restart point, 0, and the number of these, 1.
    end = place + size - 8
    data[place : place + 3] = bytes([0, 1, end - place - 3 - 1 - 1])
    path.write_bytes(data)


if __name__ == "__main__":
    books.BINARIES["keyledgerd"], books.BINARIES["keyledger"] = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main(verbosity=2)
