#!/usr/bin/env python3
"""Reads a lib of litetapes. Written from docs/FORMAT.md, versions 1 and 2. Uses Python's standard library, and no litetapes.

  reader.py LIB                its tapes, one per line: name, number of records and root, separated by tabs
  reader.py LIB TAPE           the tape's logical stream: its records in canonical form, one per line
  reader.py --root LIB [TAPE]  tapes as above, with roots recomputed from all records
  reader.py --checkpoints LIB  consumers, one per line: name, version, lowest position that is not done, and the ranges
                               that are done above it, separated by tabs; `lost` if a recovery does not know

The lib may be closed or left by a crash, but no writer should have it open. The reader checks everything that it reads
against the hashes in meta and in marks, and with --root also against the Merkle states. It checks that each event that it
reads is on the tape that the placement of the lib gives to its stream. If something does not match, it
names the file and the offset on standard error and exits with 1 (2 for a wrong call). For segments that are compressed
with zstd it runs the program `zstd`. It holds a whole segment in memory.
"""
import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import unicodedata
import zlib


class Damage(Exception):
    """A file is damaged or invalid, from this byte on if that is known."""

    def __init__(self, path, offset, why):
        super().__init__(f"{path}: offset {offset}: {why}")


class Unreadable(Exception):
    """Bytes are not a system record, a mark or a frame. Callers that know the file turn it into Damage."""


# The types of the field tables: each kind is a test of a value.

def integer(least):
    return lambda value: type(value) is int and least <= value < 2**53


def like(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def one_of(*values):
    return lambda value: any(type(value) is type(known) and value == known for known in values)


def either(*kinds):
    return lambda value: any(kind(value) for kind in kinds)


def array(item):
    return lambda value: isinstance(value, list) and all(map(item, value))


def row(*items):
    return lambda value: isinstance(value, list) and len(value) == len(items) and all(
        item(one) for item, one in zip(items, value))


def fields(optional=(), **kinds):
    return lambda value: (isinstance(value, dict) and set(value) <= set(kinds) and all(
        kind(value[name]) if name in value else name in optional for name, kind in kinds.items()))


def record(type_name, optional=(), **kinds):
    return fields(optional, **{"$type": one_of(type_name)}, **kinds)


def chained(type_name, optional=(), **kinds):
    return record(type_name, optional, hash=hex64, previous=link, **kinds)


count, number = integer(0), integer(1)
text, anything = like(r"(?s).*"), lambda value: True
hex64 = like("[0-9a-f]{64}")
uuid = like("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
time = like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
link = either(one_of(None), like("sha256:[0-9a-f]{64}"))
anchor = fields(batch=count, hash=hex64, position=count)
role = one_of("records", "events")
consumer = like("[a-z0-9][a-z0-9_-]{0,63}")
ranges = array(row(count, count))

LIB_RECORDS = {
    "LiteLib.Meta": chained(
        "LiteLib.Meta", created=time, format=number, lib=uuid,
        limits=fields(batchBytesMax=number, depthMax=number, metaBytesMax=number, recordBytesMax=number),
        placement=either(fields(kind=one_of("category-or-shared", "category", "stream", "single")),
                         fields(kind=one_of("hashed"), tapes=number))),
    "LiteLib.Tape": chained("LiteLib.Tape", ["replaces"], name=text, replaces=uuid, role=role,
                            state=one_of("active", "archived"), tape=uuid),
    "LiteLib.Epoch": chained("LiteLib.Epoch", anchor=anchor, dynamic=number, epoch=number,
                             old=array(row(number, count)), upto=count),
    "LiteLib.Dynamic": chained("LiteLib.Dynamic", dynamic=number),
    "LiteLib.Closed": chained("LiteLib.Closed", anchor=anchor, dynamic=number),
    "LiteLib.Clean": chained("LiteLib.Clean", anchor=anchor),
    "LiteLib.Lineage": chained("LiteLib.Lineage", anchor=anchor, **{"from": uuid}, lineage=uuid, time=time),
    "LiteLib.Backup": chained("LiteLib.Backup", anchor=anchor, tapes=array(row(uuid, count)), time=time),
    "LiteLib.Unfinished": chained("LiteLib.Unfinished", **{"from": uuid}),
    "LiteLib.Checkpoint": chained("LiteLib.Checkpoint", ["at", "lost"], above=ranges, at=count, consumer=consumer,
                                  low=count, lost=one_of(True), version=count),
    "LiteLib.CheckpointsLost": chained("LiteLib.CheckpointsLost"),
}
TAPE_RECORDS = {
    "LiteTape.Meta": chained(
        "LiteTape.Meta", ["ended", "nextNumber"], created=time, ended=one_of(True), format=number, lastBatch=count,
        lib=uuid, nextNumber=number, role=role, tape=uuid,
        origin=either(fields(kind=one_of("created")),
                      fields(kind=one_of("cloned"), lib=uuid, records=count, root=hex64, tape=uuid),
                      fields(kind=one_of("recovered"), tape=either(one_of(None), uuid)))),
    "LiteTape.Segment": chained(
        "LiteTape.Segment", ["same", "shardEvery"], bytes=number, compression=one_of("none", "gzip", "zstd"),
        firstOrdinal=count, lastBatch=count, merkle=fields(peaks=array(hex64), size=count), name=text, number=number,
        rawBytes=number, records=number, same=number, sha256=hex64, shardEvery=number, state=one_of("closed")),
    "LiteTape.UserMeta": chained("LiteTape.UserMeta", ["removed", "value"], key=like("(?s).+"),
                                  removed=one_of(True), value=anything),
    "LiteTape.Repack": chained("LiteTape.Repack", added=row(number, number), records=number,
                                removed=row(number, number), root=hex64, why=text),
    "LiteTape.Lost": chained("LiteTape.Lost", ["accepted", "unnamed"], accepted=one_of(True), ordinal=count,
                              records=either(one_of(None), number),
                              positions=either(one_of(None), row(count, count)), segment=text, time=time,
                              streams=either(one_of(None), array(row(text, count, number))),
                              unnamed=array(row(like("[0-9a-f]{14}"), count, number))),
    "LiteTape.End": chained("LiteTape.End"),
}
# What only version 2 knows.
RECORDS_OF_2 = {"LiteLib.Lineage", "LiteLib.Backup", "LiteLib.Unfinished", "LiteLib.Checkpoint",
                "LiteLib.CheckpointsLost", "LiteTape.Lost"}
HEADER = record("LiteLib.Header", dynamic=number, epoch=number, lib=uuid)
COMMIT = record("LiteLib.Commit", ["checkpoints"], batch=number, hash=hex64, position=count, previous=hex64,
                parts=array(row(uuid, count, number)),
                checkpoints=lambda value: value != [] and array(row(consumer, number, count, ranges))(value))
SAME = record("LiteTape.Same", line=count)


# Bytes.

def sha256(*pieces):
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def canonical(value):
    """RFC 8785 for system records: their keys are ASCII, and their numbers integers (but in user values)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def parse(line):
    def once(pairs):
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key occurs twice")
        return dict(pairs)

    def refuse(name):
        raise ValueError(name)

    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
        if not isinstance(value, dict):
            raise ValueError("it is not an object")
        if value.get("$type") != "LiteTape.UserMeta" and canonical(value) != line:
            raise ValueError("it is not in canonical form")
        return value
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not a system record: {error}") from None


def require_seal(line, value):
    """Raises Unreadable if a record does not match its `hash`. An anchor before it may contain the hash of a mark."""
    seal = value.get("hash")
    if isinstance(seal, str) and sha256(line.replace(f'"hash":"{seal}",'.encode(errors="replace"), b"", 1)) != seal:
        raise Unreadable("the record does not match its hash")


def read_file(path):
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise Damage(path, 0, "not a regular file")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise Damage(path, 0, "it is missing") from None
    except OSError as error:
        raise Damage(path, 0, error.strerror) from None


def note(message):
    print(f"reader.py: note: {message}", file=sys.stderr)


# Meta.

def read_chain(path, known, may_be_torn):
    """Returns the records of a meta file with the offsets of their lines, after checking the hash and link of each."""
    data = read_file(path)
    found, previous, start = [], None, 0
    while start < len(data):
        end = data.find(b"\n", start)
        line = data[start:end if end != -1 else len(data)]
        try:
            if end == -1:
                raise Unreadable("the last line has no newline")
            value = parse(line)
            require_seal(line, value)
        except Unreadable as error:
            is_last = end in (-1, len(data) - 1)
            if may_be_torn and is_last and data.find(b'{"$type":', start + 1) == -1:
                note(f"{path}: offset {start}: a torn last record is left out")
                break
            raise Damage(path, start, error) from None
        kind = value.get("$type")
        if kind not in known:
            raise Damage(path, start, f"a record of type {kind!r}, which this reader does not know")
        if value.get("format", 1) not in (1, 2):
            raise Damage(path, start, f"format {value['format']}: this reader knows versions 1 and 2")
        if not known[kind](value):
            raise Damage(path, start, f"{kind} has other fields or values than the format allows")
        if kind in RECORDS_OF_2 and found and found[0][1]["format"] < 2:
            raise Damage(path, start, f"{kind} in a meta of format 1")
        if value["previous"] != previous:
            raise Damage(path, start, "it does not name the line before it")
        previous = "sha256:" + sha256(line)
        found.append((start, value))
        start = end + 1
    first = next(iter(known))
    if not found or found[0][1]["$type"] != first:
        raise Damage(path, 0, f"its first line is not {first}")
    for offset, value in found[1:]:
        if value["$type"] == first:
            raise Damage(path, offset, f"a second {first}")
    return found


def in_order(low, above):
    """Returns whether ranges ascend above `low`, and touch neither it nor each other."""
    for begin, end in above:
        if begin <= low or end <= begin:
            return False
        low = end
    return True


class Lib:
    """Lib meta, folded, and the batches of its live dynamic segments."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "litelib.meta.jsonl")
        self.tapes, self.ids, self.live = {}, set(), []
        self.anchor = {"batch": 0, "hash": "0" * 64, "position": 0}
        self.epoch = self.upto = self.highest = 0
        self.lineage = self.backup = None
        self.checkpoints = {}
        chain = read_chain(self.path, LIB_RECORDS, True)
        self.id, self.placement = chain[0][1]["lib"], chain[0][1]["placement"]
        self._require(chain[0][1]["format"] >= (2 if self.placement["kind"] == "category-or-shared" else 1), 0,
                      "its placement needs format 2")
        for offset, value in chain[1:]:
            self._require(self.backup is None, offset, "something follows LiteLib.Backup, which is the last line")
            getattr(self, "_" + value["$type"].removeprefix("LiteLib.").lower())(value, offset)
        if self.tapes and self.epoch == 0:
            raise Damage(self.path, os.path.getsize(self.path), "it lists tapes but no epoch: its end is missing")
        self.parts = {}
        self._read_dynamics()

    def _require(self, holds, offset, why):
        if not holds:
            raise Damage(self.path, offset, why)

    def _tape(self, value, offset):
        name = value["name"]
        self._require(len(name) <= 100 and re.fullmatch(r"[a-z0-9_%][a-z0-9._%-]*(?<!\.)", name), offset,
                      f"{name!r} is not the name of a tape")
        before = self.tapes.get(name)
        if before is None:
            self._require(value["tape"] not in self.ids, offset, "a tape id is listed under two names")
        elif before["tape"] != value["tape"]:
            self._require(value.get("replaces") == before["tape"], offset, f"tape {name} is listed twice")
        else:
            self._require(value["role"] == before["role"], offset, f"the role of tape {name} changes")
        self.ids |= {value["tape"], value.get("replaces", value["tape"])}
        self.tapes[name] = value

    def _unfinished(self, value, offset):
        raise Damage(self.path, offset, "it is an unfinished copy of another lib")

    def _epoch(self, value, offset):
        self._require(value["epoch"] > self.epoch, offset, "the epoch does not increase")
        self._require(value["upto"] >= value["anchor"]["batch"], offset, "upto is before the anchor")
        self.epoch, self.anchor, self.upto = value["epoch"], value["anchor"], value["upto"]
        self.live = [tuple(old) for old in value["old"]]
        numbers, limits = [old[0] for old in self.live], [old[1] for old in self.live]
        self._require(numbers == sorted(set(numbers)) and limits == sorted(limits), offset, "old is out of order")
        self._dynamic(value, offset)

    def _dynamic(self, value, offset):
        self._require(self.epoch > 0, offset, "a dynamic segment before the first epoch")
        self._require(value["dynamic"] > self.highest, offset, "a dynamic segment is listed twice")
        self.highest = value["dynamic"]
        self.live.append((value["dynamic"], None))

    def _closed(self, value, offset):
        self._require(self.live and self.live[0][0] == value["dynamic"], offset,
                      "it closes a dynamic segment that is not the oldest live one")
        self._advance(value, offset)
        self.live.pop(0)

    def _clean(self, value, offset):
        self._advance(value, offset)
        self.live = []

    def _lineage(self, value, offset):
        before = self.lineage
        self._require(self.epoch == 0, offset, "a lineage begins after an epoch")
        self._require(value["from"] == (self.id if before is None else before["lineage"]), offset,
                      "a lineage does not branch from the one before it")
        self._require(before is None or all(value["anchor"][key] >= before["anchor"][key]
                                            for key in ("batch", "position")), offset, "a lineage goes backwards")
        self.lineage = value

    def _backup(self, value, offset):
        self._require(not self.live and value["anchor"]["batch"] == self.anchor["batch"], offset,
                      "a backup of another moment")
        self.backup = dict(value["tapes"])

    def _checkpoint(self, value, offset):
        self._require(in_order(value["low"], value["above"]), offset, "the ranges of a checkpoint are not in order")
        self.checkpoints[value["consumer"]] = (value["version"], value["low"], value["above"], "lost" in value)

    def _checkpointslost(self, value, offset):
        pass

    def _advance(self, value, offset):
        self._require(value["anchor"]["batch"] >= self.anchor["batch"], offset, "the anchor goes backwards")
        self.anchor = value["anchor"]

    def _read_dynamics(self):
        batch, link_hash, torn = self.anchor["batch"], self.anchor["hash"], None
        for n, limit in self.live:
            file = Dynamic(self, n)
            if torn is not None and file.is_begun:
                raise Damage(*torn, f"a bad batch, but {os.path.basename(file.path)}, which follows, is not empty")
            at = file.begin
            while at < len(file.data) and (limit is None or batch < limit):
                try:
                    mark, end = file.read_batch(at)
                except Unreadable as error:
                    if limit is not None or not file.is_torn(at, link_hash):
                        raise Damage(file.path, at, f"{error}, in acknowledged data") from None
                    torn = (file.path, at)
                    note(f"{file.path}: offset {at}: {len(file.data) - at} bytes, never acknowledged, are left out")
                    break
                if (mark["batch"], mark["previous"]) != (batch + 1, link_hash):
                    raise Damage(file.path, at, f"batch {mark['batch']} does not follow batch {batch}")
                self._take(file, at, mark)
                batch, link_hash, at = mark["batch"], mark["hash"], end
            if limit is not None and batch != limit:
                raise Damage(file.path, at, f"it ends at batch {batch}, not at {limit}")
        if batch < self.upto:
            raise Damage(self.path, 0, f"batch {self.upto} was acknowledged, but the lib ends at batch {batch}")
        self._require_end()

    def _take(self, file, at, mark):
        for tape, first, lines in mark["parts"]:
            if tape not in self.ids:
                raise Damage(self.path, os.path.getsize(self.path),
                             f"its end is missing: {file.path} has records of tape {tape}, which is not listed")
            end = at
            for _ in range(lines):
                end = file.data.index(b"\n", end) + 1
            self.parts.setdefault(tape, []).append((mark["batch"], first, file, at, end))
            at = end
        # Whole states: the last one counts.
        for name, version, low, above in mark.get("checkpoints", []):
            self.checkpoints[name] = (version, low, above, False)

    def _require_end(self):
        for name in os.listdir(self.folder):
            if self.epoch == 0 and os.path.exists(os.path.join(self.folder, name, "tape.meta.jsonl")):
                raise Damage(self.path, os.path.getsize(self.path),
                             f"its end is missing: tape {name} exists, but no writer is listed")
            found = re.fullmatch(r"litelib\.dynamic-(\d{6,16})\.jsonl", name)
            if found is None or int(found[1]) <= self.highest:
                continue
            try:
                file = Dynamic(self, int(found[1]))
            except Damage:
                continue
            if (file.epoch == self.epoch or self.epoch == 0) and file.is_begun:
                raise Damage(self.path, os.path.getsize(self.path),
                             f"its end is missing: {name} has batches but is not listed")


# Dynamic segments.

MARK = b'{"$type":"LiteLib.Commit",'


class Dynamic:
    """A dynamic segment with a good header."""

    def __init__(self, lib, n):
        self.path = os.path.join(lib.folder, f"litelib.dynamic-{n:06d}.jsonl")
        data = read_file(self.path)
        self.data = data.rstrip(b"\0")
        self.begin = self.data.find(b"\n", 0, 4096) + 1
        self.is_begun = len(data) > self.begin
        try:
            header = parse(self.data[:self.begin - 1] if self.begin else b"")
        except Unreadable as error:
            raise Damage(self.path, 0, f"its header: {error}") from None
        if not HEADER(header) or (header["lib"], header["dynamic"]) != (lib.id, n):
            raise Damage(self.path, 0, "its header is invalid, or that of another lib or number")
        self.epoch = header["epoch"]

    def mark_at(self, start):
        """Returns the offsets of the next line that begins like a mark and of its newline; -1 for a missing one."""
        at = self.data.find(b"\n" + MARK, start - 1)
        return (-1, -1) if at == -1 else (at + 1, self.data.find(b"\n", at + 1))

    def read_mark(self, at, end):
        if at == -1 or end == -1:
            raise Unreadable("a batch without a whole mark")
        mark = parse(self.data[at:end])
        if not COMMIT(mark):
            raise Unreadable("a mark with other fields or values than the format allows")
        checkpoints = mark.get("checkpoints", [])
        if not mark["parts"] and not checkpoints:
            raise Unreadable("a mark of nothing")
        if len({one[0] for one in checkpoints}) < len(checkpoints) or not all(
                in_order(low, above) for _, _, low, above in checkpoints):
            raise Unreadable("a mark with checkpoints that are not valid")
        return mark, {name: value for name, value in mark.items() if name != "hash"}

    def read_batch(self, start):
        at, end = self.mark_at(start)
        mark, unsealed = self.read_mark(at, end)
        lines = self.data[start:at]
        if sha256(lines, canonical(unsealed)) != mark["hash"]:
            raise Unreadable("a batch that does not match the hash of its mark")
        if lines.count(b"\n") != sum(part[2] for part in mark["parts"]):
            raise Unreadable("a batch with another number of records than its mark says")
        return mark, end + 1

    def is_torn(self, offset, link_hash):
        """Returns whether the bad batch at `offset`, which had to follow `link_hash`, was never acknowledged."""
        at, end = self.mark_at(offset)
        while at != -1:
            try:
                mark, unsealed = self.read_mark(at, end)
                start = at
                for _ in range(sum(part[2] for part in mark["parts"])):
                    start = self.data.rfind(b"\n", 0, max(0, start - 1)) + 1
                fits = start > offset and sha256(self.data[start:at], canonical(unsealed)) == mark["hash"]
                if mark["previous"] != link_hash or fits:
                    return False
            except Unreadable:
                pass
            at, end = self.mark_at(end + 1) if end != -1 else (-1, -1)
        return True


# Tapes.

class Tape:
    """Tape meta, folded."""

    def __init__(self, lib, name):
        listed = lib.tapes[name]
        self.lib, self.name, self.id = lib, name, listed["tape"]
        self.path = os.path.join(lib.folder, name, "tape.meta.jsonl")
        chain = read_chain(self.path, TAPE_RECORDS, False)
        self.meta = chain[0][1]
        for field, expected in (("tape", self.id), ("lib", lib.id), ("role", listed["role"])):
            if self.meta[field] != expected:
                raise Damage(self.path, 0, f"{field} is {self.meta[field]}, lib meta says {expected}")
        ends = [at for at, (_, value) in enumerate(chain) if value["$type"] == "LiteTape.End"]
        if ends != ([len(chain) - 1] if "ended" in self.meta else []):
            raise Damage(self.path, os.path.getsize(self.path), "its LiteTape.End is missing or in the wrong place")
        self.last_batch, self.segments, self.records, self.roots = self.meta["lastBatch"], [], 0, []
        if self.meta["origin"]["kind"] == "cloned":
            self.roots.append((self.meta["origin"]["records"], self.meta["origin"]["root"]))
        for offset, value in chain[1:]:
            if value["$type"] == "LiteTape.Segment":
                self._segment(value, offset)
            elif value["$type"] == "LiteTape.Repack":
                self.roots.append((value["records"], value["root"]))
            elif value["$type"] == "LiteTape.Lost":
                self._lost(value, offset)
            elif value["$type"] == "LiteTape.UserMeta" and ("removed" in value) == ("value" in value):
                raise Damage(self.path, offset, "a user value that is both set and removed, or neither")

        if lib.backup is not None and lib.backup.get(self.id) != self.records:
            raise Damage(self.path, 0, f"{self.records} records, the backup says {lib.backup.get(self.id)}: "
                                       "a backup into this place was interrupted")

    def _lost(self, value, offset):
        if value["ordinal"] > self.records:
            raise Damage(self.path, offset, "records are lost after the end of the tape")
        if self.meta["role"] == "records" and (value["positions"], value["streams"]) != (None, None):
            raise Damage(self.path, offset, "positions or streams are lost on a tape of records")
        if self.meta["role"] == "events" and value["positions"] is None:
            raise Damage(self.path, offset, "events are lost without their positions")
        if value["streams"] is None and "unnamed" in value:
            raise Damage(self.path, offset, "it is not known which streams are lost, but some are listed")
        lost = "some records may be" if value["records"] is None else f"{value['records']} records are"
        accepted = ", which was accepted" if "accepted" in value else ""
        note(f"{self.path}: {lost} lost before record {value['ordinal']} ({value['segment']}){accepted}")

    def _segment(self, value, offset):
        n, every = value["number"], value.get("shardEvery")
        name = f"seg-{n:06d}.jsonl" + {"none": "", "gzip": ".gz", "zstd": ".zst"}[value["compression"]]
        expected = {
            "name": name if every is None else f"shard-{n // every:04d}/{name}",
            "firstOrdinal": self.records,
            "number": max(n, self.segments[-1]["number"] + 1 if self.segments else 1),
            "lastBatch": max(value["lastBatch"], self.last_batch),
        }
        for field, should in expected.items():
            if value[field] != should:
                raise Damage(self.path, offset, f"{field} of a segment is {value[field]!r}, but must be {should!r}")
        tree = Tree(value["merkle"])
        if tree.size != self.records + value["records"] or len(tree.peaks) != bin(tree.size).count("1"):
            raise Damage(self.path, offset, "a Merkle state of another size")
        self.records, self.last_batch = tree.size, value["lastBatch"]
        self.segments.append(value)

    def stream(self, tree=None):
        """Yields the records of the logical stream. With a tree, compares each Merkle state in meta with it."""
        for segment in self.segments:
            for line in self._lines(segment):
                self._require_place(line, os.path.join(self.lib.folder, self.name, segment["name"]))
                yield line
            if tree is not None and tree.state() != segment["merkle"]:
                raise Damage(self.path, 0, f"the Merkle state of {segment['name']} does not match its records")
        yield from self.committed()

    def committed(self):
        """Yields the records of batches that are in no segment yet."""
        ordinal = self.records
        for batch, first, file, start, end in self.lib.parts.get(self.id, ()):
            if batch <= self.last_batch:
                continue
            if first != ordinal:
                raise Damage(file.path, start, f"records of {self.name} begin at {first}, but {ordinal} is next")
            lines = file.data[start:end].split(b"\n")[:-1]
            for line in lines:
                self._require_place(line, file.path)
            yield from lines
            ordinal += len(lines)

    def _require_place(self, line, path):
        """An event is on the tape that the placement gives to its stream."""
        if self.meta["role"] == "events":
            stream = json.loads(line)["stream"]
            place = tape_of(self.lib.placement, stream)
            if place != self.name:
                raise Damage(path, 0, f"it has an event of stream {stream!r}, which belongs on tape {place}")

    def _lines(self, segment):
        path = os.path.join(self.lib.folder, self.name, segment["name"])
        data = read_file(path)
        if len(data) != segment["bytes"]:
            raise Damage(path, min(len(data), segment["bytes"]), f"{len(data)} bytes, meta says {segment['bytes']}")
        if sha256(data) != segment["sha256"]:
            raise Damage(path, 0, "its SHA-256 does not match meta")
        raw = DECOMPRESS[segment["compression"]](path, data, segment["rawBytes"])
        lines = raw.split(b"\n")
        if len(raw) != segment["rawBytes"] or lines.pop() != b"" or len(lines) != segment["records"]:
            raise Damage(path, 0, "its bytes or records are not as many as meta says")
        repeated = set()
        for index, line in enumerate(lines):
            if line.startswith((b'{"$type":"LiteTape.', b'{"$type":"LiteLib.')):
                target = same_line(line)
                if target is None or target >= index or target in repeated:
                    offset = sum(len(before) + 1 for before in lines[:index])
                    raise Damage(path, offset, "a line neither is nor repeats a record (offset: decompressed)")
                repeated.add(index)
                lines[index] = lines[target]
        if len(repeated) != segment.get("same", 0):
            raise Damage(path, 0, f"{len(repeated)} lines repeat others, meta says {segment.get('same', 0)}")
        return lines


# Placement.

def tape_of(placement, stream):
    """Returns the name of the tape that holds a stream."""
    kind, category = placement["kind"], stream.split("-", 1)[0]
    if kind == "category-or-shared":
        is_uuid = re.fullmatch("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", stream)
        return "events" if "-" not in stream or is_uuid else encode_tape_name(category)
    if kind == "hashed":
        return f"events-{int(sha256(stream.encode())[:8], 16) % placement['tapes']:03d}"
    return "events" if kind == "single" else encode_tape_name(category if kind == "category" else stream)


def encode_tape_name(name):
    text = unicodedata.normalize("NFC", name)
    encoded = "".join(chr(byte) if re.match(rb"[a-z0-9._-]", bytes([byte])) else f"%{byte:02x}"
                      for byte in text.encode())
    unsafe = (r"^[.-]|\.$|^(?=(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)).|^l(?=itelib\.)|\.(?=tmp$)|"
              r"\.(?=aside-)")
    encoded = re.sub(unsafe, lambda found: f"%{ord(found[0]):02x}", encoded)
    if 0 < len(encoded) <= 100:
        return encoded
    return re.match(r"(?:[^%]|%..){0,34}", encoded[:34])[0] + "%-" + sha256(text.encode())


def same_line(line):
    try:
        value = parse(line)
    except Unreadable:
        return None
    return value["line"] if SAME(value) else None


# Frames.

GZIP_START = bytes.fromhex("1f8b 0804 00000000 00ff 0800 4c54 0400".replace(" ", ""))


def gunzip(path, data, raw_bytes):
    """Decompresses member by member; each contains its own size."""
    at, pieces = 0, []
    while at < len(data):
        size = int.from_bytes(data[at + 16:at + 20], "little")
        member = data[at:at + size]
        if not member.startswith(GZIP_START) or len(member) != size or size <= 28:
            raise Damage(path, at, "not a gzip member of a segment")
        inflate = zlib.decompressobj(-15)
        try:
            piece = inflate.decompress(member[20:-8], raw_bytes + 1)
        except zlib.error as error:
            raise Damage(path, at, f"a gzip member: {error}") from None
        trailer = zlib.crc32(piece).to_bytes(4, "little") + len(piece).to_bytes(4, "little")
        if not inflate.eof or inflate.unused_data or member[-8:] != trailer or not piece.endswith(b"\n"):
            raise Damage(path, at, "a gzip member has other contents than it says")
        pieces.append(piece)
        at += size
    return b"".join(pieces)


def unzstd(path, data, raw_bytes):
    """Decompresses with the program `zstd`: the frames of a segment form an ordinary file."""
    try:
        with open(path, "rb") as file, subprocess.Popen(
                ["zstd", "-dcq"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            raw = program.stdout.read(raw_bytes + 1)
            program.stdout.close()
            why = program.stderr.read().decode(errors="replace").strip()
    except FileNotFoundError:
        raise Damage(path, 0, "it is compressed with zstd, but the program `zstd` was not found: install it") from None
    if program.returncode != 0:
        raise Damage(path, 0, f"zstd: {why or program.returncode}")
    return raw


DECOMPRESS = {"none": lambda path, data, raw_bytes: data, "gzip": gunzip, "zstd": unzstd}


# Roots.

class Tree:
    """RFC 9162, section 2.1.1: the roots of the complete subtrees that make up the size, the largest first."""

    def __init__(self, state=None):
        self.size = 0 if state is None else state["size"]
        self.peaks = [] if state is None else [bytes.fromhex(peak) for peak in state["peaks"]]

    def add(self, line):
        node, size = hashlib.sha256(b"\x00" + line).digest(), self.size
        while size & 1:
            node = hashlib.sha256(b"\x01" + self.peaks.pop() + node).digest()
            size >>= 1
        self.peaks.append(node)
        self.size += 1

    def state(self):
        return {"peaks": [peak.hex() for peak in self.peaks], "size": self.size}

    def root(self):
        if not self.peaks:
            return hashlib.sha256().hexdigest()
        *rest, root = self.peaks
        for peak in reversed(rest):
            root = hashlib.sha256(b"\x01" + peak + root).digest()
        return root.hex()


def from_meta(tape):
    """Returns the tree with number of records and root: from meta, plus the records committed after the segments."""
    tree = Tree(tape.segments[-1]["merkle"] if tape.segments else None)
    for line in tape.committed():
        tree.add(line)
    return tree


def from_records(tape):
    """Returns the same tree from the records, and checks every root in meta on the way."""
    tree, said = Tree(), sorted(tape.roots, reverse=True)

    def compare():
        while said and said[-1][0] <= tree.size:
            records, root = said.pop()
            if (records, root) != (tree.size, tree.root()):
                raise Damage(tape.path, 0, f"the root of the first {records} records does not match meta")

    for line in tape.stream(tree):
        compare()
        tree.add(line)
    compare()
    return tree


# The program.

def main(arguments):
    known = [one for one in arguments if one == "--root"]
    only_checkpoints = "--checkpoints" in arguments
    names = [one for one in arguments if one not in ("--root", "--checkpoints")]
    most = 1 if only_checkpoints else 2
    if not 1 <= len(names) <= most or any(one.startswith("--") for one in names):
        print(__doc__, file=sys.stderr)
        return 2
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    failed = False
    try:
        lib = Lib(names[0])
        if only_checkpoints:
            for name, (version, low, above, is_lost) in sorted(lib.checkpoints.items()):
                done = canonical(above).decode()
                print(name, version, low, done, *(["lost"] if is_lost else []), sep="\t")
            return 0
        if len(names) == 2 and names[1] not in lib.tapes:
            raise Damage(lib.path, 0, f"there is no tape {names[1]!r}")
        if len(names) == 2 and not known:
            for line in Tape(lib, names[1]).stream():
                sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()
            return 0
    except Damage as damage:
        sys.stdout.flush()
        print(f"reader.py: {damage}", file=sys.stderr)
        return 1
    for name in names[1:] or sorted(lib.tapes):
        try:
            tree = (from_records if known else from_meta)(Tape(lib, name))
            print(name, tree.size, tree.root(), sep="\t", flush=True)
        except Damage as damage:
            failed = True
            print(f"reader.py: {damage}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
