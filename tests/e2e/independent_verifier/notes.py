"""Signed notes and checkpoints, written from the C2SP texts (signed-note, tlog-checkpoint) and from nothing of the project."""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"


class Refused(Exception):
    """What was read does not hold."""


def decode(text):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(f"no base64: {text!r}") from error
    if base64.b64encode(data).decode() != text:
        raise Refused(f"base64 with stray bits: {text!r}")
    return data


class Key:
    """A verifier key: <name>+<hash>+<base64 of algorithm and key>."""

    def __init__(self, text):
        if text.count("+") < 2:
            raise Refused("no verifier key")
        self.name, hash_text, key_text = text.split("+", 2)
        data = decode(key_text)
        if data[:1] != ED25519 or len(data) != 33:
            raise Refused("no Ed25519 key")
        self.hash = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if self.hash.hex() != hash_text:
            raise Refused("the key's hash is not of its name and key")
        self.data = data[1:]
        self.public = Ed25519PublicKey.from_public_bytes(self.data)

    def __eq__(self, other):
        return (self.name, self.data) == (other.name, other.data)

    def __hash__(self):
        return hash((self.name, self.data))


def open_note(note, keys):
    """Returns the text of a note that one of the keys signed; refuses a signature that names one of them and is wrong."""
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise Refused("no signed note")
    text += "\n"
    if any(ord(character) < 0x20 and character != "\n" for character in note):
        raise Refused("control characters in the note")
    signed = False
    for line in signatures[:-1].split("\n"):
        if not line.startswith("\u2014 "):
            raise Refused("a signature line that is none")
        name, _, encoded = line[2:].partition(" ")
        data = decode(encoded)
        if not name or len(data) < 5:
            raise Refused("a signature line that is none")
        for key in keys:
            if key.name != name or key.hash != data[:4]:
                continue
            try:
                key.public.verify(data[4:], text.encode())
            except InvalidSignature as error:
                raise Refused(f"the signature of {name} is wrong") from error
            signed = True
    if not signed:
        raise Refused("signed by none of the keys")
    return text


def text_of(note):
    """The text of a note, whoever signed it."""
    text, separator, _ = note.rpartition("\n\n")
    if not separator:
        raise Refused("no signed note")
    return text + "\n"


def open_checkpoint(note, origin, keys):
    """Returns size and root of the log."""
    return read_checkpoint(open_note(note, [key for key in keys if key.name == origin]), origin)


def is_signed(note, keys):
    """Whether one of the keys signed it."""
    try:
        open_note(note, keys)
    except Refused:
        return False
    return True


def read_checkpoint(text, origin):
    """Size and root that the text of a checkpoint states."""
    lines = text.split("\n")
    if lines[0] != origin:
        raise Refused(f"a checkpoint of {lines[0]}, not of {origin}")
    if len(lines) < 4:
        raise Refused("a checkpoint has three lines")
    if not lines[1].isascii() or not lines[1].isdigit() or (len(lines[1]) > 1 and lines[1][0] == "0"):
        raise Refused("a size that is none")
    root = decode(lines[2])
    if len(root) != 32:
        raise Refused("a root that is none")
    return int(lines[1]), root
