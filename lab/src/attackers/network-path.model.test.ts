import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLlamaEngine, type LlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { writeRandomAdapter } from '@ogong/testing/models/random-adapter';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAttackPath, type PathAttack, type PathProvider } from './attack-path.ts';
import { findAttack } from './catalogue.ts';
import { listFailed } from './path-consumer.ts';
import type { TrialRequest } from './trial-requests.ts';

const PATIENCE_MS = 120_000;
const directory = mkdtempSync(join(tmpdir(), 'ogong-network-path-'));
const SHARED = { contextSize: 256, threads: 1, sequences: 2 };
const REQUESTS = ['One day a girl saw a big', 'The little dog was very hungry, so'].map((content) => ({
  ...{ messages: [{ role: 'user', content }], max_tokens: 64 },
  ...{ temperature: 0.9, top_p: 0.95, top_k: 40 },
}));

const opened: LlamaEngine[] = [];
const open = async (
  quant: 'f16' | 'q8_0' | 'q4_0',
  { adapterPaths = [] }: { readonly adapterPaths?: readonly string[] } = {},
): Promise<LlamaEngine> => {
  const { path: modelPath } = await resolveModel('stories15M', { storeDir: directory, quant });
  const engine = await createLlamaEngine({ ...SHARED, modelPath, adapterPaths });
  opened.push(engine);
  return engine;
};

let sold: LlamaEngine;
beforeAll(async () => {
  sold = await open('f16');
}, PATIENCE_MS);
afterAll(async () => {
  await Promise.all(opened.map((engine) => engine.close()));
  rmSync(directory, { recursive: true, force: true });
});

/** A network of its own over real links. Verifiers with the sold model audit every reply. */
async function serve<T>(
  name: string,
  attack: PathAttack,
  act: (provider: PathProvider) => Promise<T>,
  verifying = sold,
): Promise<{ seen: T; paidAtomic: bigint }> {
  const path = await openAttackPath(verifying, directory, { verifiers: 3 });
  try {
    const provider = await path.start(name, attack);
    try {
      const seen = await act(provider);
      return { seen, paidAtomic: await provider.settle() };
    } finally {
      await provider.close();
    }
  } finally {
    await path.close();
  }
}

describe('a provider on the network, on real weights', () => {
  it(
    'is paid where it serves what it sells',
    async () => {
      const { seen: replies, paidAtomic } = await serve('honest', { engine: sold }, async ({ ask }) => [
        await ask(REQUESTS[0] as TrialRequest),
        await ask(REQUESTS[1] as TrialRequest),
      ]);
      for (const { refused, audit, verdict } of replies) {
        expect([refused, listFailed(audit), verdict.verdict]).toEqual([[], [], 'accept']);
        expect(audit.find(({ id }) => id === 'equality')?.status).toBe('pass');
      }
      expect(paidAtomic).toBeGreaterThan(0n);
      expect(paidAtomic).toBe(replies.reduce((sum, { verdict }) => sum + verdict.feeAtomic, 0n));
    },
    PATIENCE_MS,
  );

  it(
    'is paid for a call of a tool that is forced, which the grammar holds the model to',
    async () => {
      const parameters = { type: 'object', properties: { city: { enum: ['Paris', 'Rome'] } }, required: ['city'] };
      const tools = [{ type: 'function', function: { name: 'weather', parameters } }];
      const request = { ...REQUESTS[0], tools, tool_choice: 'required' };
      const { seen, paidAtomic } = await serve('forced call', { engine: sold }, ({ ask }) => ask(request));
      expect([seen.refused, listFailed(seen.audit), seen.verdict.verdict]).toEqual([[], [], 'accept']);
      expect(seen.audit.find(({ id }) => id === 'equality')?.status).toBe('pass');
      expect(paidAtomic).toBe(seen.verdict.feeAtomic);
    },
    PATIENCE_MS,
  );

  it.each([
    // Two reports cost the fee, the third, from outside their draw, ejects.
    ['weights-q8-0', 'q8_0', [], ['equality', 'equality', 'equality']],
    ['massaged-knowing-q4-0', 'q4_0', [], ['equality', 'equality', 'equality']],
    ['hidden-system-prompt', undefined, [], ['equality', 'equality', 'equality']],
    ['prefill-q4-0', 'q4_0', ['draw-replay'], ['draw-replay']],
  ] as const)(
    '%s is found by its first reply, not paid, and ejected',
    async (name, quant, byConsumer, byAudit) => {
      const cheap = quant === undefined ? {} : { cheapEngine: await open(quant) };
      const attack = findAttack(name).create({ engine: sold, ...cheap, seed: 1 });
      const { seen, paidAtomic } = await serve(name, attack, async ({ ask }) => {
        const reply = await ask(REQUESTS[0] as TrialRequest);
        const again = await ask(REQUESTS[1] as TrialRequest).catch((error: unknown) => String(error));
        return { reply, again };
      });
      const { refused, audit, verdict } = seen.reply;
      const shown = JSON.stringify({ name, did: attack.counts?.() ?? {} });
      expect([refused, listFailed(audit)], shown).toEqual([byConsumer, byAudit]);
      expect([verdict.verdict, verdict.feeAtomic, paidAtomic], shown).toEqual(['reject', 0n, 0n]);
      expect(seen.again, shown).toMatch(/the provider was ejected/);
    },
    PATIENCE_MS,
  );

  it(
    'is paid for a model with an adapter, and found where it leaves the adapter out',
    async () => {
      const adapter = join(directory, 'pirate.gguf');
      const { path: model } = await resolveModel('stories15M', { storeDir: directory, quant: 'f16' });
      writeRandomAdapter(adapter, { model, seed: 1, strength: 0.01 });
      const adapted = await open('f16', { adapterPaths: [adapter] });
      const ask = ({ ask }: PathProvider) => ask(REQUESTS[0] as TrialRequest);
      const honest = await serve('with-adapter', { engine: adapted }, ask, adapted);
      expect([listFailed(honest.seen.audit), honest.seen.verdict.verdict]).toEqual([[], 'accept']);
      expect(honest.seen.header?.parts).toEqual(adapted.info().modelParts);
      expect(honest.paidAtomic).toBeGreaterThan(0n);
      const attack = findAttack('weights-q8-0').create({ engine: adapted, cheapEngine: sold, seed: 1 });
      const cheat = await serve('without-adapter', attack, ask, adapted);
      expect([cheat.seen.verdict.verdict, cheat.paidAtomic]).toEqual(['reject', 0n]);
      expect(listFailed(cheat.seen.audit)).toEqual(['equality', 'equality', 'equality']);
    },
    PATIENCE_MS,
  );
});
