"""A reader of bundles, written from server/audit/BUNDLE.md: zstd and protobuf split the file into frames; records are bytes, but for those that announce a
signing key."""

import io

import zstandard

import merkle
import notes
from notes import Refused

FRAME_BYTES_MAX = 8 << 20


def read_frames(data):
    """Yields the frames of a file."""
    from keyledger.audit.v1 import bundle_pb2

    try:
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
    except zstandard.ZstdError as error:
        raise Refused(f"zstd: {error}") from error
    at = 0
    while at < len(content):
        length = shift = 0
        while True:
            if at == len(content) or shift > 28:
                raise Refused("a length that is none")
            byte = content[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if length > FRAME_BYTES_MAX or at + length > len(content):
            raise Refused("the file ends in the middle of a frame")
        try:
            yield bundle_pb2.BundleFrame.FromString(content[at : at + length])
        except Exception as error:  # protobuf's own class differs between its implementations
            raise Refused("a frame that cannot be read") from error
        at += length


def write_frames(frames):
    """The file of such frames, whether or not it holds."""
    content = bytearray()
    for frame in frames:
        data = frame.SerializeToString()
        length = len(data)
        while length >= 0x80:
            content.append(length & 0x7F | 0x80)
            length >>= 7
        content.append(length)
        content += data
    return zstandard.ZstdCompressor(write_checksum=True).compress(bytes(content))


class Verified:
    """What a bundle that holds says."""

    def __init__(self):
        self.records = 0
        # By shard: size and root that a trusted key signed.
        self.checkpoints = {}
        self.older_checkpoints = 0
        self.standing = {}


class Log:
    """The log of one shard: the checkpoints at hand and the keys that its records announce."""

    def __init__(self, shard, keys):
        self.origin = shard.origin
        self.note = shard.checkpoint
        # What it states, whoever signed it.
        self.stated = notes.read_checkpoint(notes.text_of(self.note), self.origin) if self.note else None
        self.trusted = [key for key in keys if key.name == self.origin]
        self.given = set(self.trusted)
        self.announced = []
        # Note and size of each, shown to be of this very log.
        self.older = []

    def take_record(self, position, data):
        """Remembers the key that the record announces, if it does."""
        from keyledger.events.v1 import record_pb2

        try:
            record = record_pb2.EventRecord.FromString(data)
        except Exception as error:  # protobuf's own class differs between its implementations
            raise Refused("a record that cannot be read") from error
        if record.account_id != "$keys" or record.event.WhichOneof("payload") != "signing_key_published":
            return
        key = notes.Key(record.event.signing_key_published.verifier_key)
        if key.name != self.origin:
            raise Refused("a key of another log is announced")
        self.announced.append((position, key))

    def settle(self):
        """All was read: finds out whom to trust, and refuses a checkpoint of anybody else."""
        if self.stated is None:
            return
        checkpoints = [*self.older, (self.note, self.stated[0])]
        grown = True
        while grown:
            covered = max((size for note, size in checkpoints if notes.is_signed(note, self.trusted)), default=0)
            more = {key for position, key in self.announced if position < covered} - set(self.trusted)
            self.trusted += more
            grown = bool(more)
        if not notes.is_signed(self.note, self.trusted):
            raise Refused(f"the checkpoint of {self.origin} is signed by no trusted key")
        for note, size in self.older:
            # A key signs nothing before the log names it, unless it was given.
            late = {key for position, key in self.announced if position >= size} - self.given
            if not notes.is_signed(note, [key for key in self.trusted if key not in late]):
                raise Refused(f"an earlier checkpoint of {self.origin} is signed by no trusted key")


def verify(data, keys):
    """Checks everything but the decisions. `keys`: verifier keys as text. Raises Refused."""
    keys = [notes.Key(text) for text in keys]
    frames = list(read_frames(data))
    if not frames or frames[0].WhichOneof("frame") != "header" or frames[-1].WhichOneof("frame") != "trailer":
        raise Refused("a bundle begins with a header and ends with a trailer")
    header, trailer = frames[0].header, frames[-1].trailer
    if header.format != 1:
        raise Refused(f"format {header.format}")
    result = Verified()
    logs = {}
    for shard in header.shards:
        if shard.origin != f"keyledger/{header.ledger_id}/{shard.shard}":
            raise Refused("an origin of another log")
        logs[shard.shard] = Log(shard, keys)
    body = frames[1:-1]
    if header.scope == 1:
        verify_ledger(header, logs, body, result)
    elif header.scope == 2:
        verify_account(header, logs, body, result)
    else:
        raise Refused("an unknown scope")
    if trailer.records != result.records or trailer.frames != len(frames) - 1:
        raise Refused("the trailer counts otherwise")
    return result


def log_of(logs, number):
    if number not in logs:
        raise Refused(f"shard {number} is not in the header")
    return logs[number]


def verify_ledger(header, logs, body, result):
    if sorted(logs) != list(range(header.shard_count)):
        raise Refused("shards are missing")
    trees = {number: merkle.Tree() for number in logs}
    # By shard and size.
    stated = {number: {} for number in logs}
    for number, log in logs.items():
        if log.stated:
            stated[number][log.stated[0]] = log.stated[1]
    for frame in body:
        kind = frame.WhichOneof("frame")
        if kind == "checkpoint":
            number = frame.checkpoint.shard
            log = log_of(logs, number)
            size, root = notes.read_checkpoint(notes.text_of(frame.checkpoint.checkpoint), log.origin)
            if stated[number].setdefault(size, root) != root:
                raise Refused("two roots of one size")
            log.older.append((frame.checkpoint.checkpoint, size))
            result.older_checkpoints += 1
        elif kind == "run":
            number = frame.run.shard
            log, tree = log_of(logs, number), trees[number]
            if frame.run.first_position != tree.size:
                raise Refused("records are missing")
            for record in frame.run.records:
                log.take_record(tree.size, record)
                tree.append(record)
                result.records += 1
                if tree.size in stated[number] and stated[number].pop(tree.size) != tree.root():
                    raise Refused(f"the records do not give the root of size {tree.size}")
        else:
            raise Refused(f"a {kind} in a ledger's bundle")
    for number, left in stated.items():
        if left:
            raise Refused(f"checkpoints of shard {number} cover more records than there are")
        if trees[number].size != (logs[number].stated or (0, None))[0]:
            raise Refused(f"records of shard {number} that no checkpoint covers")
    settle(logs, result)


def settle(logs, result):
    for number, log in logs.items():
        log.settle()
        if log.stated:
            result.checkpoints[number] = log.stated


def verify_account(header, logs, body, result):
    last = (-1, -1)
    standing = None
    for frame in body:
        kind = frame.WhichOneof("frame")
        if kind == "proven":
            proven = frame.proven
            log = log_of(logs, proven.shard)
            size, root = log.stated
            place = (proven.shard, proven.proof.leaf_index)
            if place <= last:
                raise Refused("records out of order")
            last = place
            if proven.proof.tree_size != size or not merkle.verify_inclusion(
                merkle.leaf_hash(proven.record), proven.proof.leaf_index, size, list(proven.proof.hashes), root
            ):
                raise Refused(f"the proof of {place} does not hold")
            log.take_record(proven.proof.leaf_index, proven.record)
            result.records += 1
        elif kind == "standing":
            standing = frame.standing
        elif kind == "checkpoint":
            proof = frame.checkpoint.consistency
            log = log_of(logs, frame.checkpoint.shard)
            size, root = log.stated
            older_size, older_root = notes.read_checkpoint(notes.text_of(frame.checkpoint.checkpoint), log.origin)
            if not merkle.verify_consistency(older_size, size, older_root, root, list(proof.hashes)):
                raise Refused("an older checkpoint is not consistent")
            log.older.append((frame.checkpoint.checkpoint, older_size))
            result.older_checkpoints += 1
        else:
            raise Refused(f"a {kind} in an account's bundle")
    if standing is None:
        raise Refused("no standing")
    settle(logs, result)
    result.standing = verify_standing(standing, header, logs, result)


def verify_standing(note, header, logs, result):
    text = notes.text_of(note)
    lines = text.split("\n")
    if lines[0] != "keyledger-standing/1" or lines[-1] or not all(": " in line for line in lines[1:-1]):
        raise Refused("no standing")
    values = dict(line.split(": ", 1) for line in lines[1:-1])
    number = next((number for number, log in logs.items() if log.origin == values.get("origin")), None)
    if number is None or values.get("account") != header.account_id:
        raise Refused("the standing is of another account or log")
    notes.open_note(note, logs[number].trusted)
    if (int(values["tree-size"]), notes.decode(values["root"])) != result.checkpoints[number]:
        raise Refused("the standing speaks of another tree")
    return values
