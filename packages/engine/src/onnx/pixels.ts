/**
 * Converts planes of a decoder to pixels (docs/spec/trajectory.md). A value v becomes v / 2 + 1/2, bounded to 0 and 1, times 255. It is
 * rounded to the nearest integer, halves to the even one. Computed in doubles.
 * @param planes f32[3, height, width], -1 to 1; not mutated.
 * @returns RGB8, row-major, height * width * 3 bytes.
 */
export function toPixels(planes: Float32Array): Uint8Array {
  const count = planes.length / 3;
  const pixels = new Uint8Array(planes.length);
  for (let at = 0; at < pixels.length; at++) {
    const value = (planes[(at % 3) * count + Math.floor(at / 3)] as number) / 2 + 0.5;
    pixels[at] = roundToEven(Math.min(1, Math.max(0, value)) * 255);
  }
  return pixels;
}

/**
 * Converts pixels to the planes that an encoder reads: a byte b becomes b / 127.5 - 1, in doubles, rounded to f32.
 * @param pixels RGB8, row-major; not mutated.
 * @returns f32[3, height, width].
 */
export function toPlanes(pixels: Uint8Array): Float32Array {
  const count = pixels.length / 3;
  return Float32Array.from({ length: pixels.length }, (_, at) => {
    const byte = pixels[(at % count) * 3 + Math.floor(at / count)] as number;
    return byte / 127.5 - 1;
  });
}

function roundToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest === 0.5) return low % 2 === 0 ? low : low + 1;
  return rest < 0.5 ? low : low + 1;
}
