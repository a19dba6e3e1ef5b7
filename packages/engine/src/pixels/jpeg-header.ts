import { EngineError } from '../interface/engine-error.ts';
import { readExifOrientation, readXmpOrientation } from './exif.ts';
import { type Orientation, UPRIGHT } from './orientation.ts';

/** A component of a frame: its number, and its samples in each unit of the frame. */
export interface JpegComponent {
  readonly id: number;
  readonly across: number;
  readonly down: number;
}

/** The meaning of the components, as libjpeg chooses it. CMYK and YCCK are inverted in files, by the custom of Adobe. */
export type JpegColours = 'gray' | 'rgb' | 'ycc' | 'cmyk' | 'ycck';

export interface JpegHeader {
  readonly type: 'jpeg';
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  readonly components: readonly JpegComponent[];
  readonly colours: JpegColours;
  /** Passes over the pixels. */
  readonly scans: number;
}

/** The most passes over a progressive JPEG. Encoders write about ten; each pass costs time for all pixels. */
export const MOST_SCANS = 100;
/** The most markers with content. Files have hundreds, at most: a long profile has a marker for each 64 KiB. */
const MOST_SEGMENTS = 4_096;

export const MARKERS = {
  ...{ temporary: 0x01, huffman: 0xc4, restart0: 0xd0, restart7: 0xd7, end: 0xd9, scan: 0xda, restarts: 0xdd },
  ...{ application0: 0xe0, application1: 0xe1, application14: 0xee, comment: 0xfe },
} as const;
/** Markers of frames: those of the kinds that are decoded, and all kinds. */
const DECODED_FRAMES = new Set([0xc0, 0xc1, 0xc2]);
export const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
const EXIF = 'Exif\0\0';
const XMP = 'http://ns.adobe.com/xap/1.0/\0';

const refuse = (problem: string): never => {
  throw new EngineError('invalid-request', `the picture ${problem}`);
};
const refuseCut = (): never => refuse('ends too early');

/** A marker of a file, and its content without the length. */
export interface JpegSegment {
  readonly marker: number;
  readonly content: Buffer;
  /** The place of the marker's byte 255. */
  readonly at: number;
}

/**
 * Lists the markers with content, up to the end of the picture; the bytes of a scan are passed over.
 * @throws EngineError `invalid-request` if the file ends before the picture does, or for too many markers. Source: ITU-T T.81, annex B.
 */
export function* listSegments(file: Buffer): Generator<JpegSegment> {
  for (let at = 2, segments = 0; ; ) {
    at = file.indexOf(0xff, at);
    // A marker may begin with several bytes 255.
    while (at >= 0 && file[at + 1] === 0xff) at++;
    const marker = at < 0 ? undefined : file[at + 1];
    if (marker === undefined) return refuseCut();
    at += 2;
    if (marker === MARKERS.end) return;
    // A byte 255 of a scan, or a marker without content.
    if (marker === 0 || marker === MARKERS.temporary || (marker >= MARKERS.restart0 && marker <= MARKERS.restart7))
      continue;
    if (at + 2 > file.length) refuseCut();
    const length = file.readUInt16BE(at);
    const content = file.subarray(at + 2, at + length);
    if (length < 2 || content.length !== length - 2) refuseCut();
    if (++segments > MOST_SEGMENTS) refuse(`is a JPEG of more than ${MOST_SEGMENTS} parts`);
    yield { marker, content, at: at - 2 };
    at += length;
  }
}

/** @throws EngineError `invalid-request` for a kind that is not decoded, or a file that ends too early. */
export function readJpegHeader(file: Buffer): JpegHeader {
  let frame: Pick<JpegHeader, 'width' | 'height' | 'components'> | undefined;
  let [exif, xmp]: (Buffer | undefined)[] = [];
  let isJfif = false;
  let transform: number | undefined;
  let scans = 0;
  for (const { marker, content } of listSegments(file)) {
    const isNamed = (name: string): boolean => content.toString('latin1', 0, name.length) === name;
    if (isFrame(marker)) {
      if (frame !== undefined) refuse('is a JPEG of several frames');
      frame = readFrame(marker, content);
    } else if (marker === MARKERS.scan && ++scans > MOST_SCANS) refuse(`has more than ${MOST_SCANS} scans`);
    else if (marker === MARKERS.application1 && isNamed(EXIF)) exif ??= content.subarray(EXIF.length);
    else if (marker === MARKERS.application1 && isNamed(XMP)) xmp = content.subarray(XMP.length);
    // libjpeg decides about the colours where the first scan begins.
    else if (scans === 0 && marker === MARKERS.application0 && isNamed('JFIF\0') && content.length >= 14) isJfif = true;
    else if (scans === 0 && marker === MARKERS.application14 && isNamed('Adobe') && content.length >= 12)
      transform = content[11];
  }
  if (frame === undefined || scans === 0) return refuse('is a JPEG without pixels');
  const orientation =
    (exif && readExifOrientation(exif)) ?? (xmp === undefined ? undefined : readXmpOrientation(xmp)) ?? UPRIGHT;
  return { type: 'jpeg', ...frame, scans, orientation, colours: nameColours(frame.components, { isJfif, transform }) };
}

/** Source: `default_decompress_parms` of libjpeg. */
function nameColours(
  components: readonly JpegComponent[],
  { isJfif, transform }: { readonly isJfif: boolean; readonly transform: number | undefined },
): JpegColours {
  if (components.length === 1) return 'gray';
  if (components.length === 4) return transform === undefined || transform === 0 ? 'cmyk' : 'ycck';
  if (isJfif) return 'ycc';
  if (transform !== undefined) return transform === 0 ? 'rgb' : 'ycc';
  return String.fromCharCode(...components.map(({ id }) => id)) === 'RGB' ? 'rgb' : 'ycc';
}

function readFrame(marker: number, content: Buffer): Pick<JpegHeader, 'width' | 'height' | 'components'> {
  if (!DECODED_FRAMES.has(marker))
    refuse('is a lossless or arithmetic JPEG; possible are baseline and progressive ones');
  if (content.length < 6) refuseCut();
  const count = content[5] as number;
  if (content[0] !== 8) refuse(`is a JPEG of ${content[0]} bits; possible are 8`);
  if (![1, 3, 4].includes(count)) refuse(`is a JPEG of ${count} components; possible are 1, 3 and 4`);
  if (content.length !== 6 + 3 * count) refuse('is a JPEG whose frame has another length');
  const components = Array.from({ length: count }, (_, i) => {
    const samples = content[7 + 3 * i] as number;
    return { id: content[6 + 3 * i] as number, across: samples >> 4, down: samples & 15 };
  });
  if (components.some(({ across, down }) => across < 1 || across > 4 || down < 1 || down > 4))
    refuse('is a JPEG whose components have no samples, or more than 4');
  const [first] = components;
  // The file of three components that is decoded would have other units.
  const isFirstLargest = components.every(
    ({ across, down }) => first !== undefined && across <= first.across && down <= first.down,
  );
  if (count === 4 && !isFirstLargest) refuse('is a JPEG of 4 components, the first of which is not the largest');
  return { height: content.readUInt16BE(1), width: content.readUInt16BE(3), components };
}
