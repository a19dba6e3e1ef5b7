import { expect, it } from 'vitest';
import { isMediaReference, MEDIA_PREFIX, mediaBytes, NO_MEDIA, parseMediaReference } from './media.ts';

const REFERENCE = `${MEDIA_PREFIX}${'0a'.repeat(32)}`;

it('finds the bytes of a reference', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  expect(mediaBytes(REFERENCE, new Map([[REFERENCE, bytes]]))).toBe(bytes);
  expect(() => mediaBytes(REFERENCE, NO_MEDIA)).toThrow(`without the bytes of ${REFERENCE}`);
});

it('accepts references alone', () => {
  expect(parseMediaReference(REFERENCE, 'image')).toBe(REFERENCE);
  for (const other of ['', MEDIA_PREFIX, `${REFERENCE}0`, REFERENCE.toUpperCase(), ` ${REFERENCE}`, 7, null])
    expect(isMediaReference(other)).toBe(false);
  const refused = { name: 'RequestError', param: 'image' };
  for (const other of [
    'data:image/png;base64,AAAA',
    'https://example.org/a.png',
    'HTTP://example.org/a.png',
    undefined,
  ])
    expect(() => parseMediaReference(other, 'image')).toThrow(expect.objectContaining(refused));
  expect(() => parseMediaReference('https://example.org/a.png', 'image')).toThrow('no address is fetched');
});
