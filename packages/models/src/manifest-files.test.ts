import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createManifestFiles } from './manifest-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-manifests-'));
afterAll(() => rmSync(directory, { recursive: true }));

const write = (path: string, name: string): void =>
  writeFileSync(
    path,
    JSON.stringify({
      ...{ name, source: name, modelRoot: 'a'.repeat(64) },
      files: [{ name: 'a.gguf', sha256: 'b'.repeat(64), sizeBytes: 1 }],
    }),
  );

it('parses a manifest once, and again after a change', () => {
  const path = join(directory, 'a.json');
  const files = createManifestFiles();
  write(path, 'first');
  const first = files.read(path);
  expect(first.name).toBe('first');
  expect(files.read(path)).toBe(first);
  write(path, 'another');
  expect(files.read(path).name).toBe('another');
  writeFileSync(path, '{}');
  expect(() => files.read(path)).toThrow('not a model manifest');
});
