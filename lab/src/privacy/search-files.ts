import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * Finds the files below a directory that hold a text, as UTF-8, UTF-16, hex digits, base64 or base64url. Paths start at the directory, sorted.
 * Databases are searched with their write-ahead logs, since these are files too.
 * @param text at least 12 bytes, so that it is found nowhere by chance.
 */
export const findText = (directory: string, text: string): string[] => findForms(directory, listForms(text));

/**
 * Finds the files below a directory that hold token ids in sequence: as numbers of two or four bytes, packed by protobuf, or in digits.
 * @param ids at least 8, so that they are found nowhere by chance.
 */
export const findTokens = (directory: string, ids: readonly number[]): string[] =>
  findForms(directory, listTokenForms(ids));

/**
 * Finds the files below a directory that hold the pieces of a text in their order, each soon after the previous one. This is the form of a
 * stream, which has its own words between them. Only UTF-8 is looked for.
 * @param pieces at least 32 bytes together, so that they are found nowhere by chance.
 */
export function findScattered(directory: string, pieces: readonly string[]): string[] {
  const forms = pieces.map((piece) => Buffer.from(piece, 'utf8'));
  const length = forms.reduce((sum, form) => sum + form.length, 0);
  if (length < FEWEST_BYTES) throw new RangeError(`pieces of ${length} bytes are too short to be searched for`);
  return findWhere(directory, (bytes) => holdsScattered(bytes, forms));
}

const FEWEST_BYTES = 32;
/** A gateway writes fewer bytes than this around a piece. */
const MOST_BETWEEN = 512;

function holdsScattered(bytes: Buffer, pieces: readonly Buffer[]): boolean {
  let ends: number[] | undefined;
  for (const piece of pieces) {
    const next: number[] = [];
    let from = 0;
    for (let at = bytes.indexOf(piece); at >= 0; at = bytes.indexOf(piece, at + 1)) {
      // Ends and places ascend. An end that is too far before this place is too far before the next, too.
      while (ends !== undefined && from < ends.length && (ends[from] as number) < at - MOST_BETWEEN) from++;
      if (ends === undefined || (from < ends.length && (ends[from] as number) <= at)) next.push(at + piece.length);
    }
    if (next.length === 0) return false;
    ends = next;
  }
  return true;
}

const findForms = (directory: string, forms: readonly Buffer[]): string[] =>
  findWhere(directory, (bytes) => forms.some((form) => bytes.includes(form)));

function findWhere(directory: string, holds: (bytes: Buffer) => boolean): string[] {
  return listFiles(directory)
    .filter((path) => holds(read(path)))
    .map((path) => relative(directory, path))
    .sort();
}

/** Whether bytes hold a text in one of the same forms. */
export function holdsText(bytes: Uint8Array, text: string): boolean {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return listForms(text).some((form) => all.includes(form));
}

/** The forms in which a program may have written it down. */
function listForms(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < 12) throw new RangeError(`"${text}" is too short to be searched for`);
  const hex = bytes.toString('hex');
  // In base64 the digits depend on where the text begins within three bytes; those that it shares with its neighbours are left out.
  const base64 = [0, 1, 2].map((shift) => {
    const cut = bytes.subarray((3 - shift) % 3);
    return cut.subarray(0, cut.length - (cut.length % 3));
  });
  return [
    bytes,
    Buffer.from(text, 'utf16le'),
    Buffer.from(hex),
    Buffer.from(hex.toUpperCase()),
    ...base64.flatMap((part) => [Buffer.from(part.toString('base64')), Buffer.from(part.toString('base64url'))]),
  ];
}

const FEWEST_TOKENS = 8;

function listTokenForms(ids: readonly number[]): Buffer[] {
  if (ids.length < FEWEST_TOKENS) throw new RangeError(`${ids.length} token ids are too few to be searched for`);
  const write = (
    size: 2 | 4,
    method: 'writeUInt16LE' | 'writeUInt16BE' | 'writeUInt32LE' | 'writeUInt32BE',
  ): Buffer => {
    const bytes = Buffer.alloc(size * ids.length);
    for (const [i, id] of ids.entries()) bytes[method](id, size * i);
    return bytes;
  };
  return [
    write(4, 'writeUInt32LE'),
    write(4, 'writeUInt32BE'),
    ...(Math.max(...ids) < 2 ** 16 ? [write(2, 'writeUInt16LE'), write(2, 'writeUInt16BE')] : []),
    Buffer.from(ids.flatMap(toVarint)),
    ...[',', ', ', ' ', '\n'].map((between) => Buffer.from(ids.join(between))),
  ];
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function toVarint(id: number): number[] {
  return id < 128 ? [id] : [(id & 127) | 128, ...toVarint(id >>> 7)];
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A daemon may take a file away while its directory is read. */
function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
