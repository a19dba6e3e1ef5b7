import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { assertWholeGguf } from './check.ts';
import { GgufError } from './types.ts';

const WHOLE = fileURLToPath(new URL('../../models/stories260K.gguf', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ogong-check-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('takes a whole file', () => {
  expect(() => assertWholeGguf(WHOLE)).not.toThrow();
});

it('names a file that is cut short, wherever that is', () => {
  const bytes = readFileSync(WHOLE);
  const path = join(folder, 'cut.gguf');
  const check = (length: number) => {
    writeFileSync(path, bytes.subarray(0, length));
    return () => assertWholeGguf(path);
  };
  expect(check(bytes.length - 64)).toThrow(/is cut short: its tensors end at byte \d+, and it has \d+/);
  expect(check(Math.floor(bytes.length / 2))).toThrow(/is cut short/);
  for (const length of [0, 3, 100, 2000]) expect(check(length)).toThrow(GgufError);
});

it('names a file that is far longer than its tensors, without reading it', () => {
  const path = join(folder, 'padded.gguf');
  writeFileSync(path, readFileSync(WHOLE));
  truncateSync(path, readFileSync(WHOLE).length + 4096);
  expect(() => assertWholeGguf(path)).not.toThrow();
  // A hole: it takes no room on the disk.
  truncateSync(path, 137 * 2 ** 30);
  expect(() => assertWholeGguf(path)).toThrow(/has \d+ bytes behind its last tensor/);
});

it('refuses what is no GGUF file', () => {
  const path = join(folder, 'page.gguf');
  writeFileSync(path, '<!doctype html><title>Sign in</title>');
  expect(() => assertWholeGguf(path)).toThrow(/not a GGUF file/);
});
