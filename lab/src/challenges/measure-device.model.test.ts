import { fileURLToPath } from 'node:url';
import type { TextEngine } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { computeIdentityBound } from '@ogong/protocol/audit/timed-challenge';
import { TIMED_WORK } from '@ogong/protocol/audit/timed-work';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { expect, it } from 'vitest';
import { answerChallenge, countTokens, type KnownChallenge, makeKnownChallenge } from './known-work.ts';
import { measureDevice } from './measure-device.ts';

const modelPath = fileURLToPath(new URL('../../../packages/models/models/stories260K.gguf', import.meta.url));

const engines: [name: string, open: (weights: number) => Promise<TextEngine>][] = [
  ['fake', async (weights) => createFakeEngine({ weights })],
  ['stories260K', async () => createLlamaEngine({ modelPath, sequences: 2, contextSize: 256, threads: 1 })],
];

it.each(engines)('%s does the work of challenges through the path of audits, and is right', async (name, open) => {
  const [engine, referee] = await Promise.all([open(1), open(1)]);
  try {
    const challenges: KnownChallenge[] = [];
    for (let i = 0; i < 3; i++) challenges.push(await makeKnownChallenge(referee, i));
    const asked = { verifiers: [engine], challenges, nowMs: () => performance.now() };
    const { tookMs, totalMs, isRight } = await measureDevice({ ...asked, keys: 1, rounds: 4 });
    expect(isRight).toBe(true);
    expect(tookMs).toHaveLength(4);
    const work = countTokens(challenges[0] as KnownChallenge);
    expect(work).toBeGreaterThan(TIMED_WORK.parts * TIMED_WORK.tokens);
    expect(work).toBeLessThanOrEqual(TIMED_WORK.countedTokens + TIMED_WORK.parts * 16);
    const throughput = (1_000 * work * tookMs.length) / totalMs;
    // Three an hour, and as often as takes a fifth of the device.
    const bounds = [3 / 3_600, (0.2 * throughput) / work].map((perSecond) =>
      computeIdentityBound({ throughput, work, perSecond }),
    );
    console.log(
      `${name}: a challenge of ${work} tokens took ${tookMs[2]?.toFixed(1)} ms (median), ${Math.round(throughput)} tokens/s; ` +
        `keys of one device at 3 an hour: ${bounds[0]}, at a duty of a fifth: ${bounds[1]}`,
    );
    expect(bounds[1]).toBeGreaterThanOrEqual(4);
    // An answer for another reply or for half of the work is wrong.
    const [first, second] = challenges as [KnownChallenge, KnownChallenge];
    const swapped = first.map(({ request }, i) => ({ request, windows: second[i]?.windows ?? [] }));
    expect(await answerChallenge(engine, swapped)).toBe(false);
    const half = first.map((text, i) => ({ ...text, windows: i === 3 ? text.windows.slice(1) : text.windows }));
    expect(await answerChallenge(engine, half)).toBe(false);
  } finally {
    await Promise.all([engine.close(), referee.close()]);
  }
});

it('one wrong answer of several keys is seen, and whose verifier answers for whom', async () => {
  const [honest, cheat] = [createFakeEngine({ weights: 1 }), createFakeEngine({ weights: 2 })];
  const challenges = [await makeKnownChallenge(honest, 1), await makeKnownChallenge(honest, 2)];
  const asked = { challenges, rounds: 1, nowMs: () => 0 };
  const ask = async (verifiers: TextEngine[], keys: number): Promise<boolean> =>
    (await measureDevice({ ...asked, verifiers, keys })).isRight;
  expect(await ask([cheat], 1)).toBe(false);
  expect(await ask([honest, cheat], 1)).toBe(true);
  expect(await ask([honest, cheat], 2)).toBe(false);
  await Promise.all([honest.close(), cheat.close()]);
});
