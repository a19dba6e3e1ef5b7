import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHex } from '@ogong/protocol/base/bytes';
import { computeComposedRoot } from '@ogong/protocol/commitment/composed-root';
import { collectReply, createRequest, createScoreRequest, hexOf } from '@ogong/testing/engine/compliance-requests';
import { writeRandomAdapter } from '@ogong/testing/models/random-adapter';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeHash } from '../decode/native-hash.ts';
import type { TextEngine } from '../interface/text.ts';
import { createLlamaEngine } from './engine.ts';

const modelPath = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ogong-adapters-'));
const [pirate, poet, nothing] = ['pirate', 'poet', 'nothing'].map((name) => join(folder, `${name}.gguf`)) as [
  string,
  string,
  string,
];
const open = (...adapterPaths: readonly string[]) =>
  createLlamaEngine({ modelPath, adapterPaths, sequences: 2, contextSize: 128, threads: 1 });
const engines: TextEngine[] = [];
const openKept = async (...adapterPaths: readonly string[]): Promise<TextEngine> => {
  const engine = await open(...adapterPaths);
  engines.push(engine);
  return engine;
};
let plain: TextEngine;
let adapted: TextEngine;

beforeAll(async () => {
  writeRandomAdapter(pirate, { model: modelPath, seed: 1, strength: 0.3 });
  writeRandomAdapter(poet, { model: modelPath, seed: 2, strength: 0.3 });
  writeRandomAdapter(nothing, { model: modelPath, seed: 3, strength: 0 });
  plain = await openKept();
  adapted = await openKept(pirate);
});
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  rmSync(folder, { recursive: true, force: true });
});

const request = createRequest('Once upon a time', { maxTokens: 24 });

describe('a model with adapters', () => {
  it('has a root of its own, composed of the model and of each adapter in order', async () => {
    const base = plain.info().modelRoot;
    const [pirateRoot] = adapted.info().modelParts?.slice(1) ?? [];
    expect(plain.info().modelParts).toBeUndefined();
    expect(adapted.info().modelParts?.map(toHex)[0]).toBe(toHex(base));
    expect(toHex(adapted.info().modelRoot)).toBe(
      toHex(computeComposedRoot(nativeHash, base, [pirateRoot as Uint8Array])),
    );
    const both = (await openKept(pirate, poet)).info();
    const swapped = (await openKept(poet, pirate)).info();
    expect(toHex(both.modelRoot)).not.toBe(toHex(swapped.modelRoot));
    expect(both.modelParts?.map(toHex).sort()).toEqual(swapped.modelParts?.map(toHex).sort());
  });

  it('writes otherwise than the model alone, and an adapter of no strength changes nothing', async () => {
    const [alone, changed, same] = await Promise.all(
      [plain, adapted, await openKept(nothing)].map((engine) => collectReply(engine.generate(request))),
    );
    expect(changed?.outputTokens).not.toEqual(alone?.outputTokens);
    expect(same?.outputTokens).toEqual(alone?.outputTokens);
  });

  it('is checked bit for bit by another engine of the same parts, and by no other', async () => {
    const reply = await collectReply(adapted.generate(request));
    const score = createScoreRequest(adapted, request, reply);
    const again = await (await openKept(pirate)).score(score);
    expect(again.exact).toBe(true);
    expect(hexOf(again.windows)).toEqual(hexOf(reply.windows));
    for (const other of [plain, await openKept(poet)])
      expect(hexOf((await other.score(score)).windows)).not.toEqual(hexOf(reply.windows));
  });

  it('is refused where its root is not the one that was asked for', async () => {
    const { modelRoot } = adapted.info();
    await expect(createLlamaEngine({ modelPath, adapterPaths: [poet], modelRoot })).rejects.toMatchObject({
      code: 'model-corrupt',
    });
  });

  it('refuses files that are no adapter of this model, each with its reason', async () => {
    await expect(open(modelPath)).rejects.toThrow(/is no LoRA adapter/);
    await expect(open(join(folder, 'absent.gguf'))).rejects.toMatchObject({ code: 'model-not-found' });
    const cut = join(folder, 'cut.gguf');
    writeFileSync(cut, readFileSync(pirate).subarray(0, 2000));
    await expect(open(cut)).rejects.toMatchObject({ code: 'model-corrupt' });
    const foreign = join(folder, 'foreign.gguf');
    copyFileSync(pirate, foreign);
    writeFileSync(foreign, readFileSync(pirate).toString('latin1').replace('llama', 'qwen2'), 'latin1');
    await expect(open(foreign)).rejects.toThrow(/architecture qwen2/);
    const misfit = join(folder, 'misfit.gguf');
    writeFileSync(misfit, readFileSync(pirate).toString('latin1').replaceAll('blk.0.', 'blk.9.'), 'latin1');
    await expect(open(misfit)).rejects.toThrow(/could not apply the adapter/);
  });
});
