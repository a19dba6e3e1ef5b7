import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@ogong/protocol/base/bytes';
import { afterAll, describe, expect, it } from 'vitest';
import { makeGguf } from './gguf-fixture.ts';
import { bringModel } from './resolve.ts';
import { splitModelReference } from './source.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-adapters-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a model with adapters', () => {
  it('is written with a plus sign before each place, and no other plus sign parts a reference', () => {
    expect(splitModelReference('stories260K+./pirate.gguf')).toEqual({
      base: 'stories260K',
      adapters: ['./pirate.gguf'],
    });
    expect(splitModelReference('hf:a/b:q4_0+hf:c/d+file:/x/e.gguf')).toEqual({
      base: 'hf:a/b:q4_0',
      adapters: ['hf:c/d', 'file:/x/e.gguf'],
    });
    for (const alone of ['npm:a@1.0.0+build#b.gguf', 'https://x.org/a+b.gguf', 'a+b.gguf', 'stories15M'])
      expect(splitModelReference(alone)).toEqual({ base: alone, adapters: [] });
  });

  it('brings all its files under one name and one root, in which the order counts', async () => {
    const paths = ['a', 'b', 'c'].map((name, i) => {
      const path = join(directory, `${name}.gguf`);
      writeFileSync(path, makeGguf(Uint8Array.of(i, i, i, i)));
      return path;
    });
    const bring = (reference: string) => bringModel(reference, { storeDir: directory });
    const [a, b, c] = paths as [string, string, string];
    const both = await bring(`${a}+${b}+${c}`);
    expect(both).toMatchObject({ name: 'a+b+c', path: a, adapterPaths: [b, c] });
    const swapped = await bring(`${a}+${c}+${b}`);
    const roots = [both, swapped, await bring(a), await bring(`${a}+${b}`)].map(({ modelRoot }) => toHex(modelRoot));
    expect(new Set(roots).size).toBe(4);
    await expect(bring(`${a}${`+${b}`.repeat(9)}`)).rejects.toThrow(/at most 8/);
    await expect(bring(`${a}+./absent.gguf`)).rejects.toMatchObject({ code: 'not-found' });
  });
});
