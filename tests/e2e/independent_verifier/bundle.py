"""A reader of bundles, written from server/audit/BUNDLE.md: zstd and protobuf split the file into frames; records are bytes and nothing else."""

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
    shards = {shard.shard: shard for shard in header.shards}
    for number, shard in shards.items():
        if shard.origin != f"keyledger/{header.ledger_id}/{number}":
            raise Refused("an origin of another log")
        if shard.checkpoint:
            result.checkpoints[number] = notes.open_checkpoint(shard.checkpoint, shard.origin, keys)
    body = frames[1:-1]
    if header.scope == 1:
        verify_ledger(header, shards, body, keys, result)
    elif header.scope == 2:
        verify_account(header, shards, body, keys, result)
    else:
        raise Refused("an unknown scope")
    if trailer.records != result.records or trailer.frames != len(frames) - 1:
        raise Refused("the trailer counts otherwise")
    return result


def verify_ledger(header, shards, body, keys, result):
    if sorted(shards) != list(range(header.shard_count)):
        raise Refused("shards are missing")
    trees = {number: merkle.Tree() for number in shards}
    stated = {number: {} for number in shards}
    for number, (size, root) in result.checkpoints.items():
        stated[number][size] = root
    for frame in body:
        kind = frame.WhichOneof("frame")
        if kind == "checkpoint":
            number = frame.checkpoint.shard
            size, root = notes.open_checkpoint(frame.checkpoint.checkpoint, shards[number].origin, keys)
            if stated[number].setdefault(size, root) != root:
                raise Refused("two roots of one size")
            result.older_checkpoints += 1
        elif kind == "run":
            tree = trees[frame.run.shard]
            if frame.run.first_position != tree.size:
                raise Refused("records are missing")
            for record in frame.run.records:
                tree.append(record)
                result.records += 1
                if stated[frame.run.shard].pop(tree.size, tree.root() if tree.size in stated[frame.run.shard] else None) not in (None, tree.root()):
                    raise Refused(f"the records do not give the root of size {tree.size}")
        else:
            raise Refused(f"a {kind} in a ledger's bundle")
    for number, left in stated.items():
        if left:
            raise Refused(f"checkpoints of shard {number} cover more records than there are")
        if trees[number].size != result.checkpoints.get(number, (0, None))[0]:
            raise Refused(f"records of shard {number} that no checkpoint covers")


def verify_account(header, shards, body, keys, result):
    last = (-1, -1)
    for frame in body:
        kind = frame.WhichOneof("frame")
        if kind == "proven":
            proven = frame.proven
            size, root = result.checkpoints[proven.shard]
            place = (proven.shard, proven.proof.leaf_index)
            if place <= last:
                raise Refused("records out of order")
            last = place
            if proven.proof.tree_size != size or not merkle.verify_inclusion(
                merkle.leaf_hash(proven.record), proven.proof.leaf_index, size, list(proven.proof.hashes), root
            ):
                raise Refused(f"the proof of {place} does not hold")
            result.records += 1
        elif kind == "standing":
            result.standing = verify_standing(frame.standing, header, shards, keys, result)
        elif kind == "checkpoint":
            proof = frame.checkpoint.consistency
            size, root = result.checkpoints[frame.checkpoint.shard]
            older_size, older_root = notes.open_checkpoint(frame.checkpoint.checkpoint, shards[frame.checkpoint.shard].origin, keys)
            if not merkle.verify_consistency(older_size, size, older_root, root, list(proof.hashes)):
                raise Refused("an older checkpoint is not consistent")
            result.older_checkpoints += 1
        else:
            raise Refused(f"a {kind} in an account's bundle")
    if not result.standing:
        raise Refused("no standing")


def verify_standing(note, header, shards, keys, result):
    lines = notes.open_note(note, keys).split("\n")
    if lines[0] != "keyledger-standing/1" or lines[-1]:
        raise Refused("no standing")
    values = dict(line.split(": ", 1) for line in lines[1:-1])
    number = next((number for number, shard in shards.items() if shard.origin == values["origin"]), None)
    if number is None or values["account"] != header.account_id:
        raise Refused("the standing is of another account or log")
    notes.open_note(note, [key for key in keys if key.name == values["origin"]])
    if (int(values["tree-size"]), notes.decode(values["root"])) != result.checkpoints[number]:
        raise Refused("the standing speaks of another tree")
    return values
