import { isFrame, type JpegHeader, type JpegSegment, listSegments, MARKERS } from './jpeg-header.ts';
import { buildCodeTable, type CodeTable, copyParts, type ScanPart } from './jpeg-scan.ts';

/** Tells decoders to leave three components as they are: the marker of Adobe, with transform 0. */
const NO_TRANSFORM = Buffer.concat([
  Buffer.from([0xff, MARKERS.application14, 0, 14]),
  Buffer.from('Adobe\0\x64\0\0\0\0\0', 'latin1'),
]);
const NO_CODES: CodeTable = new Uint16Array(1 << 16);

/**
 * Makes a JPEG whose decoded red, green and blue are three components of another one, as they are: no colour is computed.
 * @param places of these components in the frame, ascending; a component may be repeated. The picture shrinks to the largest of them.
 * @throws RangeError for a scan that has one of these components among others, or broken bits.
 */
export function toPlanesFile(file: Buffer, header: JpegHeader, places: readonly number[]): Uint8Array<ArrayBuffer> {
  const isWhole = places.length === header.components.length && places.every((place, i) => place === i);
  const parts: Uint8Array[] = [file.subarray(0, 2), NO_TRANSFORM];
  const tables = new Map<number, Uint8Array>();
  let interval = 0;
  const segments = [...listSegments(file)];
  for (const [i, segment] of segments.entries()) {
    const { marker, content, at } = segment;
    // With the bits of a scan, up to the next marker with content or the end.
    const whole = file.subarray(at, segments[i + 1]?.at ?? file.length);
    if (marker === MARKERS.application0 || marker === MARKERS.application14) continue;
    if (marker === MARKERS.huffman) for (const [number, table] of listTables(content)) tables.set(number, table);
    if (marker === MARKERS.restarts && content.length >= 2) interval = content.readUInt16BE(0);
    if (isWhole || (!isFrame(marker) && marker !== MARKERS.scan)) parts.push(whole);
    else if (isFrame(marker)) parts.push(toSegment(marker, pickFrame(content, header, places)));
    else parts.push(...pickScan(segment, whole, { header, places, tables, interval, file }));
  }
  parts.push(Buffer.from([0xff, MARKERS.end]));
  return new Uint8Array(Buffer.concat(parts));
}

const toSegment = (marker: number, content: Uint8Array): Buffer => {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
};

/** The frame of the picked components, whose new numbers are 1, 2 and 3. */
function pickFrame(content: Buffer, { components }: JpegHeader, places: readonly number[]): Buffer {
  const picked = components.filter((_, place) => places.includes(place));
  const shrink = (side: number, name: 'across' | 'down'): number => {
    const most = (of: JpegHeader['components']): number => Math.max(...of.map(({ [name]: samples }) => samples));
    return Math.ceil((side * most(picked)) / most(components));
  };
  const head = Buffer.from(content.subarray(0, 6));
  head.writeUInt16BE(shrink(head.readUInt16BE(1), 'down'), 1);
  head.writeUInt16BE(shrink(head.readUInt16BE(3), 'across'), 3);
  head[5] = places.length;
  const entries = places.map((place, i) => [i + 1, ...content.subarray(7 + 3 * place, 9 + 3 * place)]);
  return Buffer.concat([head, Buffer.from(entries.flat())]);
}

interface Picked {
  readonly header: JpegHeader;
  readonly places: readonly number[];
  /** Tables of codes that hold at the scan. */
  readonly tables: ReadonlyMap<number, Uint8Array>;
  readonly interval: number;
  readonly file: Buffer;
}

/** Picks components of a scan: none, one scan for each copy of its only component, or one scan of several. */
function pickScan({ content, marker, at }: JpegSegment, whole: Buffer, picked: Picked): Uint8Array[] {
  const { header, places, interval, file } = picked;
  const scanned = readScan(content, header);
  const tail = content.subarray(-3);
  const bitsAt = at + 4 + content.length;
  const copies = scanned.flatMap(({ place, tables }) =>
    places.flatMap((each, i) => (each === place ? [Buffer.from([i + 1, tables])] : [])),
  );
  const toHead = (entries: readonly Buffer[]): Buffer =>
    toSegment(marker, Buffer.concat([Buffer.from([entries.length]), ...entries, tail]));
  if (scanned.length === 1) return copies.flatMap((entry) => [toHead([entry]), whole.subarray(bitsAt - at)]);
  if (copies.length === 0) return [];
  if (copies.length === 1) throw new RangeError('a scan has one of the components among others');
  const parts = scanned.map((entry) => toPart(entry, picked));
  const scan = { at: bitsAt, units: countUnits(header), interval, kind: readKind(tail), parts };
  return [toHead(copies), copyParts(file, scan)];
}

/** Tables of codes by class and number, as one byte has them: counts and symbols. */
function listTables(content: Buffer): [number, Uint8Array][] {
  const tables: [number, Uint8Array][] = [];
  for (let at = 0; at + 17 <= content.length; ) {
    const symbols = content.subarray(at + 1, at + 17).reduce((sum, count) => sum + count, 0);
    tables.push([content[at] as number, content.subarray(at + 1, at + 17 + symbols)]);
    at += 17 + symbols;
  }
  return tables;
}

interface Scanned {
  /** The component's place in the frame. */
  readonly place: number;
  /** Numbers of both tables of codes, four bits each. */
  readonly tables: number;
}

function readScan(content: Buffer, { components }: JpegHeader): Scanned[] {
  const count = content[0] ?? 0;
  if (count < 1 || count > 4 || content.length !== 4 + 2 * count)
    throw new RangeError('a scan of a JPEG has another length');
  return Array.from({ length: count }, (_, i) => {
    const place = components.findIndex(({ id }) => id === content[1 + 2 * i]);
    if (place < 0) throw new RangeError('a scan of a JPEG has a component that the frame has not');
    return { place, tables: content[2 + 2 * i] as number };
  });
}

/** Reads which bits of the blocks a scan of several components has. */
function readKind([, last = 0, steps = 0]: Uint8Array): 'block' | 'first' | 'bit' {
  if (last > 0) return 'block';
  return steps >> 4 === 0 ? 'first' : 'bit';
}

function countUnits({ width, height, components }: JpegHeader): number {
  const across = Math.max(...components.map((each) => each.across));
  const down = Math.max(...components.map((each) => each.down));
  return Math.ceil(width / (8 * across)) * Math.ceil(height / (8 * down));
}

function toPart({ place, tables: numbers }: Scanned, { header, places, tables }: Picked): ScanPart {
  const { across = 1, down = 1 } = header.components[place] ?? {};
  const build = (number: number): CodeTable => {
    const content = tables.get(number);
    return content === undefined ? NO_CODES : buildCodeTable(content);
  };
  return {
    ...{ blocks: across * down, copies: places.filter((each) => each === place).length },
    ...{ dc: build(numbers >> 4), ac: build(0x10 | (numbers & 15)) },
  };
}
