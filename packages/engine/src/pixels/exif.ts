import { type Orientation, UPRIGHT } from './orientation.ts';

const ORIENTATION_TAG = 0x0112;
const ENTRY_BYTES = 12;
const IN_ENTRY_BYTES = 4;

/** A type of values in TIFF: bytes of one value, and its reader. Texts and raw bytes are no numbers. */
interface ValueType {
  readonly bytes: number;
  readonly read?: (view: DataView, at: number, isLittle: boolean) => number;
}

/** Types by their numbers, those that Pillow reads. */
const TYPES: ReadonlyMap<number, ValueType> = new Map<number, ValueType>([
  [1, { bytes: 1 }],
  [2, { bytes: 1 }],
  [3, { bytes: 2, read: (view, at, isLittle) => view.getUint16(at, isLittle) }],
  [4, { bytes: 4, read: (view, at, isLittle) => view.getUint32(at, isLittle) }],
  [5, { bytes: 8, read: (view, at, isLittle) => view.getUint32(at, isLittle) / view.getUint32(at + 4, isLittle) }],
  [6, { bytes: 1, read: (view, at) => view.getInt8(at) }],
  [7, { bytes: 1 }],
  [8, { bytes: 2, read: (view, at, isLittle) => view.getInt16(at, isLittle) }],
  [9, { bytes: 4, read: (view, at, isLittle) => view.getInt32(at, isLittle) }],
  [10, { bytes: 8, read: (view, at, isLittle) => view.getInt32(at, isLittle) / view.getInt32(at + 4, isLittle) }],
  [11, { bytes: 4, read: (view, at, isLittle) => view.getFloat32(at, isLittle) }],
  [12, { bytes: 8, read: (view, at, isLittle) => view.getFloat64(at, isLittle) }],
  [13, { bytes: 4, read: (view, at, isLittle) => view.getUint32(at, isLittle) }],
  [16, { bytes: 8, read: (view, at, isLittle) => Number(view.getBigUint64(at, isLittle)) }],
]);

const toOrientation = (value: number): Orientation =>
  Number.isInteger(value) && value >= 1 && value <= 8 ? (value as Orientation) : UPRIGHT;

/**
 * Reads the orientation of Exif data: the first directory of a TIFF file. Its value may have any type of numbers. The first value of
 * several counts, and the last entry of several. The directory ends at an entry whose value lies outside the data.
 * @returns undefined if the data is no TIFF or has no such entry; upright for a value that is no orientation, as Pillow does.
 * Source: TIFF 6.0, section 2; Exif 3.0, 4.6.5; `getexif` and `exif_transpose` of Pillow.
 */
export function readExifOrientation(exif: Uint8Array): Orientation | undefined {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (view.byteLength < 8) return undefined;
  const isLittle = view.getUint16(0) === 0x4949;
  if (!isLittle && view.getUint16(0) !== 0x4d4d) return undefined;
  const first = view.getUint32(4, isLittle);
  if (view.getUint16(2, isLittle) !== 42 || first + 2 > view.byteLength) return undefined;
  const count = view.getUint16(first, isLittle);
  let found: Orientation | undefined;
  for (let at = first + 2, i = 0; i < count && at + ENTRY_BYTES <= view.byteLength; at += ENTRY_BYTES, i++) {
    const type = TYPES.get(view.getUint16(at + 2, isLittle));
    if (type === undefined) continue;
    const size = type.bytes * view.getUint32(at + 4, isLittle);
    const place = size > IN_ENTRY_BYTES ? view.getUint32(at + 8, isLittle) : at + 8;
    if (place + size > view.byteLength) break;
    if (view.getUint16(at, isLittle) !== ORIENTATION_TAG || size === 0) continue;
    found = type.read === undefined ? UPRIGHT : toOrientation(type.read(view, place, isLittle));
  }
  return found;
}

/**
 * Reads the orientation of XMP, `tiff:Orientation` as an attribute or an element.
 * @returns undefined if the text has none; upright for a digit that is no orientation, as Pillow does.
 * Source: XMP, part 2, 2.1.1; `getexif` of Pillow.
 */
export function readXmpOrientation(xmp: Buffer): Orientation | undefined {
  const digit = /tiff:Orientation(?:="|>)([0-9])/.exec(xmp.toString('latin1'))?.[1];
  return digit === undefined ? undefined : toOrientation(Number(digit));
}
