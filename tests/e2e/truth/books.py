"""What the tests against real shops stand on: a keyledgerd process of their own and the keyledger command, by the paths the build gives."""

import json
import pathlib
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
EXAMPLE_PROGRAM = ROOT / "projections" / "programs" / "example" / "program.yaml"
START_DEADLINE_S = 60
STOP_DEADLINE_S = 60
COMMAND_DEADLINE_S = 300

# Where the two programs are; set by the test's main.
BINARIES = {}


class Books:
    """A ledger in a directory, served or at rest. Use as a context: the server is killed and the directory removed at the end."""

    def __init__(self, *options):
        self._directory = tempfile.TemporaryDirectory(prefix="keyledger.")
        self.directory = pathlib.Path(self._directory.name)
        self.data_dir = self.directory / "data"
        self.log = self.directory / "log"
        self._options = options
        self._port_file = self.directory / "port"
        self._process = None
        self.address = None

    def close(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Starts the server. Returns None once it serves, or its exit code if it refuses to start; what it said is in server_log()."""
        if self._process is not None:
            # Left over by a check that failed.
            self.kill()
        self._port_file.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        command = [BINARIES["keyledgerd"], "--data-dir", str(self.data_dir), "--listen", "127.0.0.1:0", "--port-file", str(self._port_file), *self._options]
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            if self._port_file.exists():
                self.address = f"127.0.0.1:{int(self._port_file.read_text())}"
                return None
            # The end of the process is waited for; the file can only be looked at.
            try:
                code = self._process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                continue
            self._process = None
            return code
        raise AssertionError(f"keyledgerd did not serve within {START_DEADLINE_S} s:\n{self.server_log()}")

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=STOP_DEADLINE_S)
        self._process = None
        if code != 0:
            raise AssertionError(f"keyledgerd ended with {code}:\n{self.server_log()}")

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process = None

    def server_log(self):
        return self.log.read_text(errors="replace")

    def run(self, *arguments, output="json"):
        """Runs the keyledger command; returns the finished process."""
        command = [BINARIES["keyledger"], "--server", self.address, "--output", output, *map(str, arguments)]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_DEADLINE_S)

    def ask(self, *arguments, codes=(0,)):
        """Runs the keyledger command and returns the JSON it printed."""
        done = self.run(*arguments)
        if done.returncode not in codes:
            raise AssertionError(f"keyledger {' '.join(map(str, arguments))} ended with {done.returncode}, not {codes}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def ask_lines(self, *arguments):
        """The same for a command that prints one JSON value per line."""
        done = self.run(*arguments)
        if done.returncode != 0:
            raise AssertionError(f"keyledger {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def publish_example_program(self, currency):
        """Publishes the example program, in another currency if need be."""
        text = EXAMPLE_PROGRAM.read_text()
        if "currency_code: USD" not in text:
            raise AssertionError("the example program names another currency than USD")
        path = self.directory / "program.yaml"
        path.write_text(text.replace("currency_code: USD", f"currency_code: {currency}"))
        return self.ask("program", "publish", path)

    def record_count(self):
        return sum(int(shard["record_count"]) for shard in self.ask("admin", "status")["shards"])

    def root_hashes(self):
        return [shard.get("root_hash", "") for shard in self.ask("admin", "status")["shards"]]


def integer(message, field):
    """An integer of a proto3 JSON message, where 64-bit ones are strings and zeros are left out."""
    return int(message.get(field, 0))
