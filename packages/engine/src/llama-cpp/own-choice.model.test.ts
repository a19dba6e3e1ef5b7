import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  NAT,
  PLAIN_SAMPLER,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
  readRows,
} from '@ogong/testing/engine/compliance-requests';
import { afterAll, describe, expect, it } from 'vitest';
import { createLlamaEngine } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

/**
 * Honest replies make the engine's own choices, every one. A false alarm costs an honest provider its fee, so this runs over
 * thousands of positions, many of them from the tail.
 */
const storeDir = mkdtempSync(join(tmpdir(), 'ogong-own-choice-'));
afterAll(() => rmSync(storeDir, { recursive: true, force: true }));

const Q24 = (share: number): number => Math.round(share * WEIGHT_ONE);
const SAMPLERS: Readonly<Record<string, Partial<SamplerSettings>>> = {
  plain: {},
  warm: { temperatureQ16: Math.round(1.4 * NAT) },
  hot: { temperatureQ16: 3 * NAT },
  usual: { temperatureQ16: Math.round(0.8 * NAT), topK: 40, topPQ24: Q24(0.95) },
  'nucleus alone': { temperatureQ16: Math.round(1.2 * NAT), topPQ24: Q24(0.98) },
  'wide nucleus': { temperatureQ16: 2 * NAT, topPQ24: Q24(0.999), filterOrder: ['top-p'] },
  'min-p': { temperatureQ16: 1.5 * NAT, minPQ24: Q24(0.01), filterOrder: ['min-p'] },
  'repetition penalised': { repetitionPenaltyQ16: Math.round(1.1 * NAT), repetitionWindow: 64 },
  penalised: { temperatureQ16: Math.round(1.3 * NAT), presencePenaltyQ16: 0.5 * NAT, frequencyPenaltyQ16: 0.25 * NAT },
};
const PROMPTS = ['Once upon a time', 'The old house had', 'def main(', 'Lily and Tom went to the park.'];

/** A landing tries half of each reply. The nightly run tries all of it. */
const SHARE = process.env.OGONG_LONG === undefined ? 2 : 1;

describe.each(['q8_0', 'f16'])('honest replies of stories15M as %s', (quant) => {
  it('make the choices of a verifier of their class: no list and no unlisted token is another', async () => {
    const { path: modelPath } = await resolveModel('stories15M', { storeDir, quant });
    const open = (sequences: number) => createLlamaEngine({ modelPath, sequences, contextSize: 256, threads: 1 });
    const [provider, verifier] = await Promise.all([open(4), open(1)]);
    try {
      const { vocabularySize } = provider.info();
      let positions = 0;
      let fromTail = 0;
      let bent = 0;
      for (const [i, settings] of Object.values(SAMPLERS).entries()) {
        const requests = PROMPTS.map((prompt, j) =>
          createRequest(prompt, {
            sampler: { ...PLAIN_SAMPLER, ...settings },
            drawKey: keyOf(500 + PROMPTS.length * i + j),
            bias: j % 2 === 0 ? NO_END : [],
            maxTokens: 96 / SHARE,
          }),
        );
        const replies = await Promise.all(requests.map((request) => collectReply(provider.generate(request))));
        for (const [j, reply] of replies.entries()) {
          const score = createScoreRequest(provider, requests[j] as (typeof requests)[number], reply);
          const scored = await verifier.score(score);
          expect(scored.exact).toBe(true);
          expect(scored.firstOtherChoice, `${Object.keys(SAMPLERS)[i]}, ${PROMPTS[j]}`).toBe(-1);
          const rows = readRows(reply.windows, vocabularySize);
          positions += rows.length;
          const at = rows.findIndex(({ rank }) => rank === TAIL_RANK);
          fromTail += rows.filter(({ rank }) => rank === TAIL_RANK).length;
          if (at < 0 || bent >= 8) continue;
          // The neighbour in the vocabulary is the least that another choice can be.
          const { tailId, ids } = rows[at] as (typeof rows)[number];
          let other = (tailId as number) + 1;
          while (ids.includes(other)) other++;
          const outputTokens = reply.outputTokens.map((token, k) => (k === at ? other % vocabularySize : token));
          expect((await verifier.score({ ...score, outputTokens })).firstOtherChoice).toBe(at);
          bent++;
        }
      }
      console.log(
        `${quant}: ${positions} positions, ${fromTail} from the tail, none another choice; ${bent} bent, all seen`,
      );
      expect(positions).toBeGreaterThan(2000 / SHARE);
      expect(fromTail).toBeGreaterThan(100);
      expect(bent).toBe(8);
    } finally {
      await Promise.all([provider.close(), verifier.close()]);
    }
  });
});
