#!/usr/bin/python3
"""keyledger-verify links none of the server's storage or network code: no library of it, and no symbol of it inside.

usage: verifier_links_test.py KEYLEDGER_VERIFY KEYLEDGERD [unittest options]
"""

import subprocess
import sys
import unittest

LIBRARIES = ("librocksdb", "libgrpc", "libgpr", "libaddress_sorting", "libcares", "libssl")
SYMBOLS = ("rocksdb::", "grpc::", "grpc_", "keyledger::store::", "keyledger::shard::", "keyledger::service::", "keyledger::ledger::v1::")
CALLS = {"socket", "connect", "bind", "listen", "accept", "getaddrinfo", "gethostbyname"}
VERIFIER = SERVER = None


def libraries(program):
    return subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout


def symbols(program, *options):
    return subprocess.run(["nm", "--demangle", *options, program], capture_output=True, text=True, check=True).stdout


class Links(unittest.TestCase):
    def test_no_library_of_storage_or_network_is_linked(self):
        linked = libraries(VERIFIER)
        self.assertIn("libcrypto", linked)
        for library in LIBRARIES:
            self.assertNotIn(library, linked)

    def test_no_symbol_of_storage_or_network_is_inside(self):
        inside = symbols(VERIFIER)
        self.assertIn("keyledger::audit::", inside)
        for symbol in SYMBOLS:
            self.assertNotIn(symbol, inside)

    def test_no_call_to_the_network_is_imported(self):
        imported = {line.split()[-1].split("@")[0] for line in symbols(VERIFIER, "--dynamic", "--undefined-only").splitlines() if line.strip()}
        self.assertEqual(imported & CALLS, set())

    def test_the_server_has_what_is_looked_for(self):
        self.assertIn("librocksdb", libraries(SERVER))
        inside = symbols(SERVER)
        for symbol in ("rocksdb::", "grpc::", "keyledger::store::", "keyledger::ledger::v1::"):
            self.assertIn(symbol, inside)


if __name__ == "__main__":
    VERIFIER, SERVER = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
