#!/usr/bin/python3
"""A verifier in another language, written from RFC 9162, the C2SP texts and BUNDLE.md alone, agrees with the project: on published probes, on proofs and
checkpoints of a live server, on bundles of a ledger and of an account, and on those that were tampered with.

usage: verifier_test.py KEYLEDGERD KEYLEDGER KEYLEDGER_VERIFY [unittest options]
"""

import base64
import binascii
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python_client"))
sys.path.insert(0, str(HERE))

import bundle  # noqa: E402
import harness  # noqa: E402
import merkle  # noqa: E402
import notes  # noqa: E402

PROBES = harness.ROOT.parent / "shared" / "data" / "merkle_rfc6962"
HOLDS, DOES_NOT_HOLD = 0, 1
SEED = 20261122
SERVER = COMMAND = VERIFIER = None


def run_verifier(*arguments):
    done = subprocess.run([VERIFIER, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode not in (HOLDS, DOES_NOT_HOLD):
        raise AssertionError(f"keyledger-verify {arguments} ended with {done.returncode}: {done.stderr}")
    return done


def hash_of(text):
    try:
        return base64.b64decode(text or "", validate=True)
    except binascii.Error:
        return b""


def accepts(probe):
    proof = [hash_of(each) for each in probe["proof"] or []]
    if "leafIdx" in probe:
        return merkle.verify_inclusion(hash_of(probe["leafHash"]), probe["leafIdx"], probe["treeSize"], proof, hash_of(probe["root"]))
    return merkle.verify_consistency(probe["size1"], probe["size2"], hash_of(probe["root1"]), hash_of(probe["root2"]), proof)


class Probes(unittest.TestCase):
    @unittest.skipUnless(PROBES.exists(), f"THE PUBLISHED PROBES ARE NOT THERE: {PROBES} is missing, NOTHING WAS COMPARED")
    def test_both_verifiers_answer_every_published_probe_as_it_expects(self):
        for name in ("inclusion", "consistency"):
            probes = [json.loads(line) for line in (PROBES / f"{name}.jsonl").read_text().splitlines()]
            self.assertGreater(len(probes), 40)
            answers = run_verifier("--output", "json", "probe", PROBES / f"{name}.jsonl").stdout.splitlines()
            for probe, answer in zip(probes, map(json.loads, answers), strict=True):
                self.assertEqual(probe["file"], answer["file"])
                self.assertEqual(accepts(probe), not probe["wantErr"], probe["file"])
                self.assertEqual(answer["verdict"], "rejected" if probe["wantErr"] else "accepted", probe["file"])
                self.assertTrue(answer["as_expected"])


class Ledger(unittest.TestCase):
    """The demo ledger on four shards, checked from outside."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.path = pathlib.Path(cls.directory.name)
        harness.generate(cls.path)
        from keyledger.ledger.v1 import audit_service_pb2, audit_service_pb2_grpc

        cls.api = audit_service_pb2
        cls.server = harness.Server(SERVER, cls.directory.name, "--shards", "4")
        cls.addClassCleanup(cls.server.stop)
        cls.audit = audit_service_pb2_grpc.AuditServiceStub(cls.server.channel)
        cls.command("demo", "load", "--accounts", "40", "--no-story")
        keys = cls.audit.ListSigningKeys(cls.api.ListSigningKeysRequest(), timeout=harness.CALL_DEADLINE_S).keys
        cls.keys = [key.verifier_key for key in keys]
        cls.key_file = cls.path / "keys"
        cls.key_file.write_text("\n".join(cls.keys) + "\n")
        cls.whole = cls.export("ledger.bundle")
        cls.account = cls.some_account()
        cls.single = cls.export("account.bundle", "--account", cls.account)

    @classmethod
    def command(cls, *arguments):
        done = subprocess.run([COMMAND, "--server", cls.server.address, "--timeout", "300", *map(str, arguments)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"keyledger {arguments} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    @classmethod
    def export(cls, name, *arguments):
        cls.command("audit", "export", cls.path / name, *arguments)
        return (cls.path / name).read_bytes()

    @classmethod
    def some_account(cls):
        accounts = json.loads(cls.command("--output", "json", "account", "list", "--page-size", "1"))
        return accounts["accounts"][0]["account_id"]

    def project_says(self, data, *options):
        """The exit code of keyledger-verify."""
        file = self.path / "candidate.bundle"
        file.write_bytes(data)
        return run_verifier("bundle", file, "--key", self.key_file, *options).returncode

    def outsider_says(self, data):
        try:
            bundle.verify(data, self.keys)
        except notes.Refused:
            return DOES_NOT_HOLD
        return HOLDS

    def checkpoint(self, shard):
        return self.audit.GetCheckpoint(self.api.GetCheckpointRequest(shard=shard, fresh=True), timeout=harness.CALL_DEADLINE_S)

    def test_checkpoints_of_the_server_are_signed_notes_of_its_logs(self):
        for shard in range(4):
            answer = self.checkpoint(shard)
            origin = next(notes.Key(key).name for key in self.keys if notes.Key(key).name.endswith(f"/{shard}"))
            size, root = notes.open_checkpoint(answer.checkpoint, origin, [notes.Key(key) for key in self.keys])
            self.assertEqual((size, root), (answer.tree_size, answer.root_hash))
            self.assertGreater(size, 10)
            with self.assertRaises(notes.Refused):
                notes.open_checkpoint(answer.checkpoint.replace(f"\n{size}\n", f"\n{size + 1}\n"), origin, [notes.Key(key) for key in self.keys])

    def test_proofs_of_the_server_hold_and_changed_ones_do_not(self):
        chance = random.Random(SEED)
        for shard in range(4):
            head = self.checkpoint(shard)
            for position in {0, head.tree_size - 1, *(chance.randrange(head.tree_size) for _ in range(10))}:
                place = self.api.GetInclusionProofRequest.Place(shard=shard, position=position)
                answer = self.audit.GetInclusionProof(self.api.GetInclusionProofRequest(place=place, tree_size=head.tree_size), timeout=harness.CALL_DEADLINE_S)
                path, leaf = list(answer.proof.hashes), merkle.leaf_hash(answer.record)
                self.assertTrue(merkle.verify_inclusion(leaf, position, head.tree_size, path, head.root_hash))
                self.assertFalse(merkle.verify_inclusion(merkle.leaf_hash(answer.record + b"x"), position, head.tree_size, path, head.root_hash))
                self.assertFalse(merkle.verify_inclusion(leaf, position, head.tree_size, path[:-1], head.root_hash))
            for first in {1, head.tree_size, *(chance.randrange(1, head.tree_size) for _ in range(5))}:
                request = self.api.GetConsistencyProofRequest(shard=shard, first_size=first, second_size=head.tree_size)
                answer = self.audit.GetConsistencyProof(request, timeout=harness.CALL_DEADLINE_S)
                path = list(answer.proof.hashes)
                self.assertTrue(merkle.verify_consistency(first, head.tree_size, answer.first_root_hash, head.root_hash, path))
                self.assertFalse(merkle.verify_consistency(first, head.tree_size, bytes(32), head.root_hash, path))

    def test_both_verifiers_accept_the_bundle_of_the_ledger(self):
        seen = bundle.verify(self.whole, self.keys)
        self.assertEqual(sorted(seen.checkpoints), [0, 1, 2, 3])
        self.assertGreater(seen.records, 300)
        self.assertEqual(self.project_says(self.whole), HOLDS)

    def test_both_verifiers_accept_the_bundle_of_an_account(self):
        seen = bundle.verify(self.single, self.keys)
        self.assertEqual(seen.standing["account"], self.account)
        self.assertGreater(seen.records, int(seen.standing["records"]))
        self.assertEqual(self.project_says(self.single), HOLDS)

    def test_both_verifiers_reject_bundles_that_were_changed(self):
        changes = {
            "a dropped record": self.drop_record,
            "two records swapped": self.swap_records,
            "a flipped bit": self.flip_bit,
            "a forged record": self.forge_record,
            "a dropped trailer": lambda frames: frames[:-1],
        }
        for scope, data in (("ledger", self.whole), ("account", self.single)):
            for what, change in changes.items():
                changed = bundle.write_frames(change(list(bundle.read_frames(data))))
                self.assertEqual(self.outsider_says(changed), DOES_NOT_HOLD, f"{scope}: {what}")
                self.assertEqual(self.project_says(changed, "--no-replay"), DOES_NOT_HOLD, f"{scope}: {what}")
        # What is written anew without a change still holds.
        self.assertEqual(self.outsider_says(bundle.write_frames(bundle.read_frames(self.single))), HOLDS)

    def test_both_verifiers_reject_bytes_changed_in_the_file(self):
        chance = random.Random(SEED)
        for _ in range(10):
            changed = bytearray(self.single)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            self.assertEqual(self.outsider_says(bytes(changed)), DOES_NOT_HOLD)
            self.assertEqual(self.project_says(bytes(changed), "--no-replay"), DOES_NOT_HOLD)

    def test_a_changed_standing_is_rejected_by_both(self):
        frames = list(bundle.read_frames(self.single))
        frame = next(frame for frame in frames if frame.WhichOneof("frame") == "standing")
        frame.standing = frame.standing.replace("\navailable: ", "\navailable: 1")
        changed = bundle.write_frames(frames)
        self.assertEqual(self.outsider_says(changed), DOES_NOT_HOLD)
        self.assertEqual(self.project_says(changed), DOES_NOT_HOLD)

    @staticmethod
    def record_frames(frames):
        return [index for index, frame in enumerate(frames) if frame.WhichOneof("frame") in ("run", "proven")]

    @classmethod
    def drop_record(cls, frames):
        index = cls.record_frames(frames)[-1]
        if frames[index].WhichOneof("frame") == "run":
            del frames[index].run.records[-1]
        else:
            # Its proof goes with another record: dropping a whole record is for the replay to find.
            frames[index].proven.record = frames[index - 1].proven.record
        if frames[index].WhichOneof("frame") == "run":
            frames[-1].trailer.records -= 1
        return frames

    @classmethod
    def swap_records(cls, frames):
        index = cls.record_frames(frames)[0]
        if frames[index].WhichOneof("frame") == "run":
            records = frames[index].run.records
            records[0], records[1] = records[1], records[0]
        else:
            first, second = frames[index].proven, frames[index + 1].proven
            first.record, second.record = second.record, first.record
        return frames

    @classmethod
    def flip_bit(cls, frames):
        def flipped(data):
            return bytes([data[0] ^ 1]) + data[1:]

        index = cls.record_frames(frames)[-1]
        if frames[index].WhichOneof("frame") == "run":
            frames[index].run.records[0] = flipped(frames[index].run.records[0])
        else:
            frames[index].proven.record = flipped(frames[index].proven.record)
        return frames

    @classmethod
    def forge_record(cls, frames):
        index = cls.record_frames(frames)[-1]
        if frames[index].WhichOneof("frame") == "run":
            frames[index].run.records.append(frames[index].run.records[-1])
            frames[-1].trailer.records += 1
        else:
            frames[index].proven.record += b"\x52\x01x"
        return frames


class Rotation(unittest.TestCase):
    """A ledger on two shards whose signing key was replaced twice, checked by who has any one of its keys."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.path = pathlib.Path(cls.directory.name)
        harness.generate(cls.path)
        cls.server = harness.Server(SERVER, cls.directory.name, "--shards", "2")
        cls.addClassCleanup(cls.server.stop)
        cls.command("demo", "load", "--accounts", "10", "--no-story")
        # Sets of keys, one for each shard, in the order in which they were in use.
        cls.keys = [cls.current_keys()]
        for turn in range(2):
            # Signed by the key that is about to be replaced, and not for its sake.
            cls.export(f"early-{turn}.bundle")
            cls.command("audit", "key", "rotate", "--reason", f"turn {turn}")
            cls.keys.append(cls.current_keys())
        cls.bundles = {"ledger": cls.export("ledger.bundle"), "account": cls.export("account.bundle", "--account", cls.some_account())}

    command = Ledger.__dict__["command"]
    export = Ledger.__dict__["export"]
    some_account = Ledger.__dict__["some_account"]

    @classmethod
    def current_keys(cls):
        listed = json.loads(cls.command("--output", "json", "audit", "key", "show"))["keys"]
        return [key["verifier_key"] for key in listed if key.get("current")]

    def both_say(self, data, keys, expected, what):
        """Both verifiers come to this."""
        file, key_file = self.path / "candidate.bundle", self.path / "candidate.keys"
        file.write_bytes(data)
        key_file.write_text("\n".join(keys) + "\n")
        done = run_verifier("bundle", file, "--key", key_file, "--no-replay")
        self.assertEqual(done.returncode, expected, f"{what}: {done.stdout}")
        try:
            seen, refused = bundle.verify(data, keys), None
        except notes.Refused as error:
            seen, refused = None, error
        self.assertEqual(HOLDS if seen else DOES_NOT_HOLD, expected, f"{what}: {refused}")
        return seen

    def test_any_key_of_the_log_leads_to_all_of_its_checkpoints(self):
        self.assertEqual([len(keys) for keys in self.keys], [2, 2, 2])
        for scope, data in self.bundles.items():
            for turn, keys in enumerate(self.keys):
                # The key between the two signed checkpoints that cover its own record and that of the one after it.
                seen = self.both_say(data, keys, HOLDS, f"{scope}, keys of turn {turn}")
                self.assertGreaterEqual(seen.older_checkpoints, 2, scope)

    def test_a_strangers_key_leads_nowhere(self):
        other = tempfile.TemporaryDirectory()
        self.addCleanup(other.cleanup)
        server = harness.Server(SERVER, other.name, "--shards", "2")
        try:
            done = subprocess.run([COMMAND, "--server", server.address, "--output", "json", "audit", "key", "show"], capture_output=True, text=True, check=True)
        finally:
            server.stop()
        # Keys of another ledger under the names of this one's: a name and a key make the hash.
        names = [notes.Key(text).name for text in self.keys[0]]
        strangers = []
        for name, key in zip(names, json.loads(done.stdout)["keys"], strict=True):
            data = notes.ED25519 + notes.Key(key["verifier_key"]).data
            strangers.append(f"{name}+{hashlib.sha256(name.encode() + chr(10).encode() + data).hexdigest()[:8]}+{base64.b64encode(data).decode()}")
        for scope, data in self.bundles.items():
            self.both_say(data, strangers, DOES_NOT_HOLD, scope)

    def test_without_the_records_that_name_the_keys_both_refuse(self):
        from keyledger.events.v1 import record_pb2

        frames = [
            frame
            for frame in bundle.read_frames(self.bundles["account"])
            if frame.WhichOneof("frame") != "proven" or record_pb2.EventRecord.FromString(frame.proven.record).account_id != "$keys"
        ]
        dropped = len(list(bundle.read_frames(self.bundles["account"]))) - len(frames)
        self.assertGreaterEqual(dropped, 3)
        frames[-1].trailer.records -= dropped
        frames[-1].trailer.frames -= dropped
        data = bundle.write_frames(frames)
        for turn, keys in enumerate(self.keys):
            self.both_say(data, keys, DOES_NOT_HOLD, f"keys of turn {turn}")
        # Who was given all of them needs no record.
        self.both_say(data, [key for keys in self.keys for key in keys], HOLDS, "all keys")


if __name__ == "__main__":
    SERVER, COMMAND, VERIFIER = sys.argv[1:4]
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
