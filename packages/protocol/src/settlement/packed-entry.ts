import { concatBytes, equalBytes, ProtocolError, toHex } from '../base/bytes.ts';
import {
  bytes,
  type Codec,
  type CodecType,
  createFormat,
  type Format,
  hash,
  list,
  struct,
  u8,
  u32,
} from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * An entry of a batch on its way to a co-signer (docs/spec/packed-entries.md). Hashes stand for the parts that co-signers
 * already have: from announcements, rows of lists of candidates, and keys. The packed bytes also have the hash of the whole
 * entry. So unpacking gives the original entry, or nothing.
 */

export const PART_ID_BYTES = 8;
/** The shortest part. A shorter one is hardly longer than its reference. */
export const LEAST_PART = 64;
/** The longest part: more than a key with a signature. */
export const MOST_PART = 8_192;
/** The most parts: rows of sixteen lists. Each takes microseconds to look up, and those of one entry are looked up together. */
const MOST_PIECES = 4_096;
const SHORT = 255;

/** Computes the id of a part: the first bytes of its SHA-256. */
export const computePartId = (crypto: Pick<Crypto, 'sha256'>, part: Uint8Array): Uint8Array =>
  crypto.sha256(part).slice(0, PART_ID_BYTES);

/** Literal bytes: the length in one byte, or 255 and the length in four, then the bytes. */
const literal: Codec<Uint8Array> = {
  write(writer, value) {
    if (value.length < SHORT) u8.write(writer, value.length);
    else u32.write(writer.u8(SHORT), value.length);
    writer.bytes(value);
  },
  read(reader) {
    const short = reader.u8();
    const length = short === SHORT ? reader.u32() : short;
    if (short === SHORT && length < SHORT) throw new ProtocolError('malformed', `a length of ${length} in five bytes`);
    return reader.bytes(length);
  },
};

const headFields = struct({
  /** SHA-256 of the entry. */
  entryHash: hash,
  sizeBytes: u32,
});
/** Each part with the literal bytes before it. */
const pieceFields = struct({ before: literal, part: bytes(PART_ID_BYTES) });
/** Codec of the parts of an entry with a given size. */
const listPieces = (sizeBytes: number) =>
  list(pieceFields, { count: u32, max: Math.min(MOST_PIECES, Math.floor(sizeBytes / LEAST_PART)) });

type PackedFields = CodecType<typeof headFields> & {
  readonly pieces: readonly CodecType<typeof pieceFields>[];
  readonly rest: Uint8Array;
};

const TAG = 'ogong-packed-entry-v1';
/** Offset behind the tag and its line end. */
const SIZE_AT = TAG.length + 1 + 32;

/** Returns the size of the entry that packed bytes state; nothing longer is unpacked. 0 if they are too short to state it. */
export function readStatedSize(packed: Uint8Array): number {
  if (packed.length < SIZE_AT + 4) return 0;
  return new DataView(packed.buffer, packed.byteOffset).getUint32(SIZE_AT);
}

/** Creates the format. @param most bytes of the entry. It and the number of parts are checked before a part is read. */
const createPackedFormat = (most: number): Format<PackedFields> =>
  createFormat<PackedFields>(
    {
      write(writer, { pieces, rest, ...head }) {
        headFields.write(writer, head);
        listPieces(head.sizeBytes).write(writer, pieces);
        literal.write(writer, rest);
      },
      read(reader) {
        const head = headFields.read(reader);
        const { sizeBytes } = head;
        if (sizeBytes > most) throw new ProtocolError('too-large', `an entry of ${sizeBytes} bytes, at most ${most}`);
        return { ...head, pieces: listPieces(sizeBytes).read(reader), rest: literal.read(reader) };
      },
    },
    { tag: TAG },
  );

/** Parts that one machine knows, for packing and for unpacking. */
export interface PartTable {
  /** Replaces the parts of one owner. Parts that are too short or too long are left out. */
  put(owner: string, parts: readonly Uint8Array[]): void;
  drop(owner: string): void;
  /** @param id hex. */
  find(id: string): Uint8Array | undefined;
  /** Finds the next offset, from one on, at which a part begins, with the longest part there. */
  next(entry: Uint8Array, from: number): { readonly at: number; readonly part: KnownPart } | undefined;
}

interface KnownPart {
  readonly id: Uint8Array;
  readonly bytes: Uint8Array;
}

interface OwnedPart extends KnownPart {
  readonly name: string;
  readonly anchor: number;
  owners: number;
}

/** Creates a table, indexed by the first four bytes, which are bytes of hashes and keys. */
export function createPartTable(crypto: Pick<Crypto, 'sha256'>): PartTable {
  const byId = new Map<string, OwnedPart>();
  const byOwner = new Map<string, readonly OwnedPart[]>();
  const byAnchor = new Map<number, OwnedPart[]>();
  // Most offsets of an entry begin no part. Their first two bytes show it faster than a look into a map.
  const begins = new Uint16Array(1 << 16);

  function add(part: Uint8Array): OwnedPart {
    const id = computePartId(crypto, part);
    const name = toHex(id);
    const known = byId.get(name);
    if (known !== undefined) {
      known.owners++;
      return known;
    }
    const anchor = new DataView(part.buffer, part.byteOffset).getUint32(0);
    const added = { ...{ id, name, anchor }, bytes: part, owners: 1 };
    byId.set(name, added);
    byAnchor.set(
      anchor,
      [...(byAnchor.get(anchor) ?? []), added].sort((a, b) => b.bytes.length - a.bytes.length),
    );
    begins[anchor >>> 16]!++;
    return added;
  }

  function remove(part: OwnedPart): void {
    part.owners--;
    if (part.owners > 0) return;
    byId.delete(part.name);
    const left = (byAnchor.get(part.anchor) ?? []).filter((one) => one !== part);
    if (left.length > 0) byAnchor.set(part.anchor, left);
    else byAnchor.delete(part.anchor);
    begins[part.anchor >>> 16]!--;
  }

  const findAt = (entry: Uint8Array, at: number, anchor: number): OwnedPart | undefined =>
    byAnchor.get(anchor)?.find(({ bytes }) => startsAt(entry, at, bytes));

  return {
    put(owner, parts) {
      const before = byOwner.get(owner) ?? [];
      const worth = parts.filter(({ length }) => length >= LEAST_PART && length <= MOST_PART);
      byOwner.set(owner, worth.map(add));
      for (const part of before) remove(part);
    },
    drop(owner) {
      for (const part of byOwner.get(owner) ?? []) remove(part);
      byOwner.delete(owner);
    },
    find: (id) => byId.get(id)?.bytes,
    next(entry, from) {
      const end = entry.length - LEAST_PART;
      if (from > end) return undefined;
      // The four bytes at the offset, and no call for most offsets: an entry has thousands.
      let anchor = readAnchor(entry, from);
      for (let at = from; at <= end; at++) {
        if (begins[anchor >>> 16] !== 0) {
          const part = findAt(entry, at, anchor >>> 0);
          if (part !== undefined) return { at, part };
        }
        anchor = (anchor << 8) | (entry[at + 4] as number);
      }
      return undefined;
    },
  };
}

/** Reads the first four bytes of a part, as a signed integer. */
const readAnchor = (entry: Uint8Array, at: number): number => new DataView(entry.buffer, entry.byteOffset).getInt32(at);

const startsAt = (entry: Uint8Array, at: number, part: Uint8Array): boolean =>
  at + part.length <= entry.length && equalBytes(part, entry.subarray(at, at + part.length));

export interface PackedEntry {
  readonly packed: Uint8Array;
  /** The parts that the entry references by hash, by the hex of the id. A part is absent if nothing of it is known. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

export function packEntry(
  crypto: Pick<Crypto, 'sha256'>,
  entry: Uint8Array,
  table: Pick<PartTable, 'next'>,
): PackedEntry {
  const parts = new Map<string, Uint8Array>();
  const pieces: { readonly before: Uint8Array; readonly part: Uint8Array }[] = [];
  let from = 0;
  while (pieces.length < MOST_PIECES) {
    const found = table.next(entry, from);
    if (found === undefined) break;
    const { at, part } = found;
    pieces.push({ before: entry.subarray(from, at), part: part.id });
    parts.set(toHex(part.id), part.bytes);
    from = at + part.bytes.length;
  }
  const head = { entryHash: crypto.sha256(entry), sizeBytes: entry.length };
  return { packed: createPackedFormat(entry.length).encode({ ...head, pieces, rest: entry.subarray(from) }), parts };
}

export type Unpacked =
  | { readonly entry: Uint8Array }
  /** Hex of the ids of missing parts, each once, and the size that the entry states. */
  | { readonly lacking: readonly string[]; readonly sizeBytes: number }
  /** The known parts make another entry, because two parts share an id. */
  | { readonly isOther: true };

/**
 * Unpacks an entry.
 * @param find a part by the hex of its id.
 * @param most bytes of the entry.
 * @throws ProtocolError for bytes that are not packed like this, or an entry that is longer.
 */
export function unpackEntry(
  crypto: Pick<Crypto, 'sha256'>,
  packed: Uint8Array,
  { find, most }: { readonly find: (id: string) => Uint8Array | undefined; readonly most: number },
): Unpacked {
  const { entryHash, sizeBytes, pieces, rest } = createPackedFormat(most).decode(packed);
  const lacking = new Set<string>();
  const found: Uint8Array[] = [];
  let length = rest.length;
  for (const { before, part } of pieces) {
    const bytes = find(toHex(part));
    if (bytes === undefined) lacking.add(toHex(part));
    else found.push(before, bytes);
    length += before.length + (bytes?.length ?? LEAST_PART);
    // Checked before unpacking, since a reference stands for thousands of bytes.
    if (length > sizeBytes) return { isOther: true };
  }
  if (lacking.size > 0) return { lacking: [...lacking], sizeBytes };
  if (length !== sizeBytes) return { isOther: true };
  const entry = concatBytes(...found, rest);
  return equalBytes(crypto.sha256(entry), entryHash) ? { entry } : { isOther: true };
}
