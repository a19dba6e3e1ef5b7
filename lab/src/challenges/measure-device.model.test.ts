import { fileURLToPath } from 'node:url';
import type { TextEngine, TextScoringRequest } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { computeIdentityBound } from '@ogong/protocol/audit/timed-challenge';
import { writeTimedWork } from '@ogong/protocol/audit/timed-work';
import { MIN_LISTED, NAT, WEIGHT_ONE } from '@ogong/protocol/modality/text/sampling/sampler';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { expect, it } from 'vitest';
import { type KnownWork, measureDevice } from './measure-device.ts';

const modelPath = fileURLToPath(new URL('../../../packages/models/models/stories260K.gguf', import.meta.url));

/** A text that the beacon writes, and what an engine reports of it that is not the device under test. */
async function makeWork(referee: TextEngine, number: number): Promise<KnownWork> {
  const { vocabularySize, numericClass } = referee.info();
  const drawn = { output: new Uint8Array(64).fill(number), subject: new Uint8Array(64), arrival: 0 };
  const work = writeTimedWork(nodeCrypto, { ...drawn, part: 0, vocabularySize });
  const { outputTokens, sketchBankSeed: bankSeed } = work;
  const request: TextScoringRequest = {
    ...{ promptTokens: await referee.tokenizePrompt({ kind: 'text', text: work.prompt }), outputTokens },
    ...{ bias: [], sketch: { bankSeed, directions: 16 }, numericClass },
    sampler: {
      ...{ temperatureQ16: NAT, topK: 0, topPQ24: WEIGHT_ONE, minPQ24: 0 },
      ...{ presencePenaltyQ16: 0, frequencyPenaltyQ16: 0, filterOrder: [] },
    },
    listSizes: new Uint8Array(outputTokens.length).fill(MIN_LISTED),
    grammar: undefined,
  };
  return { request, windows: (await referee.score(request)).windows };
}

const engines: [name: string, open: (weights: number) => Promise<TextEngine>][] = [
  ['fake', async (weights) => createFakeEngine({ weights })],
  ['stories260K', async () => createLlamaEngine({ modelPath, sequences: 2, contextSize: 256, threads: 1 })],
];

it.each(engines)('%s does the work of challenges through the path of audits, and is right', async (name, open) => {
  const [engine, referee] = await Promise.all([open(1), open(1)]);
  try {
    const works = await Promise.all(Array.from({ length: 8 }, (_, i) => makeWork(referee, i)));
    const { tokens, tookMs, isRight } = await measureDevice(engine, works, () => performance.now());
    expect(isRight).toBe(true);
    const work = tokens / works.length;
    const throughput = (1_000 * tokens) / tookMs.reduce((sum, ms) => sum + ms, 0);
    // Three an hour, and as often as takes a fifth of the device.
    const bounds = [3 / 3_600, (0.2 * throughput) / work].map((perSecond) =>
      computeIdentityBound({ throughput, work, perSecond }),
    );
    console.log(
      `${name}: a challenge of ${work} tokens took ${tookMs[4]?.toFixed(1)} ms (median), ${Math.round(throughput)} tokens/s; ` +
        `keys of one device at 3 an hour: ${bounds[0]}, at a duty of a fifth: ${bounds[1]}`,
    );
    expect(bounds[1]).toBeGreaterThanOrEqual(4);
    // Whoever answers for another reply, or does half of the work, is wrong.
    const [first, second] = works as [KnownWork, KnownWork];
    const swapped = { request: first.request, windows: second.windows };
    expect((await measureDevice(engine, [swapped], () => 0)).isRight).toBe(false);
    const half = { request: first.request, windows: first.windows.slice(1) };
    expect((await measureDevice(engine, [half], () => 0)).isRight).toBe(false);
  } finally {
    await Promise.all([engine.close(), referee.close()]);
  }
});

it('a device with other weights is wrong, however fast it is', async () => {
  const [honest, cheat] = [createFakeEngine({ weights: 1 }), createFakeEngine({ weights: 2 })];
  const work = await makeWork(honest, 1);
  expect((await measureDevice(cheat, [work], () => 0)).isRight).toBe(false);
  await Promise.all([honest.close(), cheat.close()]);
});
