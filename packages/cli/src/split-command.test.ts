import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ComparisonOrder } from '@ogong/engine/llama-cpp/segment/run-comparison';
import { EXIT } from '@ogong/host/log/errors';
import { findManifestFault, MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { slabManifestFormat } from '@ogong/protocol/commitment/slab-manifest';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { splitModel } from './split-command.ts';

const TINY = fileURLToPath(new URL('../../models/models/stories260K.gguf', import.meta.url));
let folder: string;
let out: string;
let orders: ComparisonOrder[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-split-command-'));
  out = join(folder, 'slabs');
  orders = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(argv: readonly string[], differing = 0): Promise<{ code: number; text: string; errors: string }> {
  const written: string[] = [];
  const errors: string[] = [];
  const output = {
    write: (piece: string) => void written.push(piece),
    writeError: (piece: string) => void errors.push(piece),
  };
  const compare = async (order: ComparisonOrder) => {
    orders.push(order);
    return { replies: 5, differingReplies: Math.min(5, differing), rows: 72, differing };
  };
  const code = await splitModel([...argv, '--models-dir', join(folder, 'models')], output, { compare });
  return { code, text: written.join(''), errors: errors.join('') };
}

const cut = (...more: string[]) => [TINY, '--edges', '2,4', '--out', out, ...more];
const SLABS = ['slab-0-2.gguf', 'slab-2-4.gguf', 'slab-4-5.gguf'];

describe('ogong model split', () => {
  it('writes slabs and a manifest without a fault', async () => {
    const { code, text, errors } = await run(cut());
    expect(code).toBe(EXIT.ok);
    expect(readdirSync(out).sort()).toEqual([MANIFEST_FILE, ...SLABS]);
    const manifest = slabManifestFormat.decode(readFileSync(join(out, MANIFEST_FILE)));
    expect(await findManifestFault(manifest, TINY)).toBeUndefined();
    expect(text).toMatch(/^layers 0 to 1 {2}[\d.]+ kB {2}sha256 [0-9a-f]{16} {2}\S+slab-0-2\.gguf\n/);
    expect(errors).toContain('72 rows of logits are equal to those of the whole model');
    expect(orders[0]?.slabPaths.map((path) => path.slice(out.length + 1))).toEqual(SLABS.map((name) => `${name}.part`));
  });

  it('prints JSON for a script', async () => {
    const { text } = await run(cut('--json'));
    expect(JSON.parse(text)).toMatchObject({
      ...{
        manifest: join(out, MANIFEST_FILE),
        manifestHash: expect.stringMatching(/^[0-9a-f]{64}$/),
        cutter: 1,
        layers: 5,
      },
      slabs: SLABS.map((name) => ({ path: join(out, name), sizeBytes: statSync(join(out, name)).size })),
    });
  });

  it('does nothing a second time, and cuts again if a slab is damaged or the edges are others', async () => {
    await run(cut());
    expect((await run(cut())).errors).toContain('has these slabs already');
    expect(orders).toHaveLength(1);
    writeFileSync(join(out, 'slab-2-4.gguf'), 'damaged');
    expect((await run(cut())).errors).not.toContain('already');
    expect((await run(cut())).errors).toContain('has these slabs already');
    expect((await run([TINY, '--edges', '9', '--out', out])).code).toBe(EXIT.usage);
    expect((await run(cut())).errors).toContain('has these slabs already');
    await run([TINY, '--edges', '3', '--out', out]);
    expect(readdirSync(out).sort()).toEqual([MANIFEST_FILE, 'slab-0-3.gguf', 'slab-3-5.gguf']);
    expect(orders.map(({ slabPaths }) => slabPaths.length)).toEqual([3, 3, 2]);
    writeFileSync(join(out, MANIFEST_FILE), 'damaged');
    await run([TINY, '--edges', '3', '--out', out]);
    expect(orders).toHaveLength(4);
  });

  it('refuses a cut that changes a logit, and leaves neither slabs nor a manifest', async () => {
    const { code, text, errors } = await run(cut(), 3);
    expect([code, text]).toEqual([EXIT.data, '']);
    expect(errors).toContain('this cut changes the model: 3 of 72 rows of logits differ');
    expect(readdirSync(out)).toEqual([]);
  });

  it('says why a cut is refused', async () => {
    const { code, errors } = await run([TINY, '--edges', '5', '--out', out]);
    expect([code, errors]).toEqual([
      EXIT.usage,
      'ogong model split: this model of 5 layers cannot be cut at 5: edges lie between 0 and 5\n',
    ]);
    const slab = join(folder, 'tiny.gguf');
    writeFileSync(slab, readFileSync(TINY));
    const [first] = writeSlabs(slab, [2]) as [string];
    const refused = await run([first, '--edges', '1', '--out', out]);
    expect(refused).toMatchObject({ code: EXIT.data, errors: expect.stringContaining('the file is a slab itself') });
    expect(orders).toEqual([]);
  });

  it.each(['', '0', '4,2', '2,2', 'two', '2,', '-1'])('refuses edges "%s"', async (edges) => {
    await expect(run([TINY, `--edges=${edges}`])).rejects.toThrow(/--edges/);
  });
});
