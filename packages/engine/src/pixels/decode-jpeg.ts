import { type RgbaPicture, runCodec } from './codecs.ts';
import { blendRows, darken, hasHalfRows, invert, toRgb } from './jpeg-colours.ts';
import type { JpegHeader } from './jpeg-header.ts';
import { toPlanesFile } from './jpeg-planes.ts';

/**
 * Decodes a JPEG to the pixels of libjpeg-turbo 3 and Pillow. MozJPEG decodes all of it but two things. It rounds components with half
 * the rows (4:4:0) in another way, and it does not know the colours of four components (CMYK).
 * @throws RangeError, or what the codec throws, for broken bytes.
 */
export async function decodeJpeg(file: Uint8Array<ArrayBuffer>, header: JpegHeader): Promise<RgbaPicture> {
  const { components, colours } = header;
  const half = components.flatMap((component, place) => (hasHalfRows(component, header) ? [place] : []));
  const hasBlacks = components.length === 4;
  if (!hasBlacks && half.length === 0) return runCodec('jpeg', file);
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const decode = (places: readonly number[]): Promise<RgbaPicture> =>
    runCodec('jpeg', toPlanesFile(bytes, header, places));
  const planes = await decode([0, 1, 2]);
  const blacks = hasBlacks ? await decode([0, 1, 3]) : planes;
  const [first] = half;
  if (first !== undefined) {
    // The first component fills the three that a file needs.
    const places = [...Array<number>(3 - half.length).fill(first), ...half];
    const halves = await decode(places);
    for (const place of half) {
      const target = place === 3 ? { planes: blacks, channel: 2 } : { planes, channel: place };
      blendRows({ planes: halves, channel: places.indexOf(place) }, target);
    }
  }
  if (colours === 'ycc' || colours === 'ycck') toRgb(planes);
  if (colours === 'ycck') invert(planes);
  if (hasBlacks) darken(planes, blacks);
  return planes;
}
