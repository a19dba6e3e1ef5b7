import { expect, it } from 'vitest';
import { encodeOpening, MAX_OPENING_BYTES, MAX_WINDOWS, parseOpening } from './opening.ts';

it('refuses an opening above its limit before it reads a byte of it', () => {
  const noise = new Uint8Array(MAX_OPENING_BYTES + 1);
  expect(() => parseOpening(noise)).toThrow(expect.objectContaining({ code: 'too-large' }));
  // At the limit its content decides.
  expect(() => parseOpening(noise.subarray(1))).not.toThrow(expect.objectContaining({ code: 'too-large' }));
});

it('writes no opening that no reader takes', () => {
  const part = new Uint8Array(0xffff);
  const windows = Array.from({ length: 400 }, () => ({ draws: part, sketch: part }));
  expect(windows.length).toBeLessThan(MAX_WINDOWS);
  expect(() => encodeOpening({ blind: new Uint8Array(32), header: new Uint8Array(1), windows })).toThrow(
    expect.objectContaining({ code: 'too-large' }),
  );
});
