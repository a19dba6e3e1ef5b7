import { makePdf, writePage } from '@ogong/testing/memory/made-pdf';
import { expect, it } from 'vitest';
import { createPdfReader } from './pdf-reader.ts';

const options = { user: 'ana', signal: new AbortController().signal };
const reader = createPdfReader();

it('reads the text of each page, and joins the lines of a paragraph', async () => {
  const pages = [['I live in', 'Porto. I own a', 'boat.', '', '- I play chess.', '- I cook.'], ['The last page.']];
  // Files of the disk come as Buffers.
  expect(await reader.read(Buffer.from(makePdf(pages.map(writePage))), options)).toEqual([
    'I live in Porto. I own a boat.\n- I play chess.\n- I cook.',
    'The last page.',
  ]);
});

const encryption = `/Encrypt<</Filter/Standard/V 1/R 2/O<${'41'.repeat(32)}>/U<${'42'.repeat(32)}>/P -1>>/ID[<01><01>]`;
/** An array of arrays that is beyond the heap, in a file of 20 kB. */
const manyObjects = (): Uint8Array => makePdf([`[${'[]'.repeat(10_000_000)}]TJ`]);

it.each<[what: string, make: () => Uint8Array, code: string, message: RegExp]>([
  ['a text', () => new TextEncoder().encode('I live in Porto.'), 'malformed', /not a PDF/],
  ['a file that is too large', () => new Uint8Array(16 * 2 ** 20 + 1), 'too-large', /at most 16777216 bytes/],
  ['the head of a PDF alone', () => makePdf([writePage(['Hello.'])]).subarray(0, 60), 'malformed', /cannot be read/],
  ['an encrypted one', () => makePdf([''], { trailer: encryption }), 'malformed', /encrypted/],
  ['pictures alone', () => makePdf(['', '']), 'malformed', /no text/],
  ['a thousand pages', () => makePdf(Array(1_000).fill('')), 'too-large', /at most 500 pages/],
  ['a stream that inflates a thousandfold', () => makePdf([new Uint8Array(300 * 2 ** 20)]), 'too-large', /memory/],
  ['a heap full of objects', manyObjects, 'too-large', /memory/],
])('refuses %s', async (_, make, code, message) => {
  await expect(reader.read(make(), options)).rejects.toMatchObject({
    ...{ name: 'MemoryError', code, message: expect.stringMatching(message) },
  });
});

it('ends a file that takes too long, and reads the next one', async () => {
  const slow = makePdf(['q Q '.repeat(5_000_000)]);
  const impatient = createPdfReader({ mostMs: 500 });
  await expect(impatient.read(slow, options)).rejects.toMatchObject({
    ...{ code: 'too-large', message: 'reading the PDF took more than 0.5 seconds' },
  });
  const leaving = new AbortController();
  const left = reader.read(slow, { user: 'ana', signal: leaving.signal });
  leaving.abort(new Error('the user left'));
  await expect(left).rejects.toThrow('the user left');
  expect(await reader.read(makePdf([writePage(['Hello.'])]), options)).toEqual(['Hello.']);
});
