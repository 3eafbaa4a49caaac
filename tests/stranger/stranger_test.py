#!/usr/bin/python3
"""Installs a build into an empty directory, builds a project that knows nothing else against it, and lets that talk to the installed server.

usage: stranger_test.py CMAKE BUILD_DIR CXX_COMPILER
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROJECT = pathlib.Path(__file__).resolve().parent / "project"
# Everything together; with the stop of the server still within ctest's TIMEOUT of 600, so that what hangs is reported and ended here.
DEADLINE_S = 540
START_DEADLINE_S = 60
STOP_DEADLINE_S = 20
PR_SET_PDEATHSIG = 1
CMAKE, BUILD_DIR, COMPILER = sys.argv[1:4]
del sys.argv[1:4]


def die_with_the_test():
    """In the child: whatever ends the test, ctest's SIGKILL included, ends it too."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class InstalledPackage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deadline = time.monotonic() + DEADLINE_S
        directory = tempfile.TemporaryDirectory(prefix="keyledger.")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = pathlib.Path(directory.name)
        cls.prefix = cls.directory / "prefix"
        cls.step(CMAKE, "--install", BUILD_DIR, "--prefix", cls.prefix)

    @classmethod
    def step(cls, *command):
        """Runs a command that must succeed; returns what it printed."""
        # A group of its own, so that the compilers of a build that takes too long end with it.
        child = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_the_test,
        )
        try:
            out, err = child.communicate(timeout=max(cls.deadline - time.monotonic(), 1))
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise
        if child.returncode != 0:
            raise AssertionError(f"{command} ended with {child.returncode}:\n{out[-4000:]}{err[-4000:]}")
        return out

    def test_has_the_programs(self):
        for program in ("keyledgerd", "keyledger"):
            self.assertIn(program, self.step(self.prefix / "bin" / program, "--version"))

    def test_has_the_client_and_the_api_and_nothing_of_the_server(self):
        files = {str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if path.is_file()}
        for file in ("include/keyledger/client/cpp/client.h", "include/keyledger/keyledger/ledger/v1/ledger_service.grpc.pb.h", "share/keyledger/proto/keyledger/ledger/v1/ledger_service.proto"):
            self.assertIn(file, files)
        strange = [file for file in files if "storage" in file or "server" in file or "projections" in file or "tests" in file]
        self.assertEqual(strange, [])

    def test_lets_a_stranger_build_and_append(self):
        build = self.directory / "build"
        self.step(CMAKE, "-G", "Ninja", "-S", PROJECT, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_CXX_COMPILER={COMPILER}")
        self.step(CMAKE, "--build", build)
        port_file = self.directory / "port"
        log = self.directory / "log"
        command = [self.prefix / "bin" / "keyledgerd", "--data-dir", self.directory / "data", "--listen", "127.0.0.1:0", "--port-file", port_file]
        with open(log, "wb") as out:
            server = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=die_with_the_test)
        try:
            deadline = min(time.monotonic() + START_DEADLINE_S, self.deadline)
            while not port_file.exists():
                self.assertLess(time.monotonic(), deadline, log.read_text())
                # The end of the process is waited for; the file can only be looked at.
                try:
                    self.fail(f"keyledgerd ended with {server.wait(timeout=0.02)}: {log.read_text()}")
                except subprocess.TimeoutExpired:
                    continue
            self.assertEqual(self.step(build / "stranger", f"127.0.0.1:{int(port_file.read_text())}"), "0\n")
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(timeout=STOP_DEADLINE_S)
            except BaseException:
                server.kill()
                server.wait()
                raise


if __name__ == "__main__":
    unittest.main(verbosity=2)
