import type { TextCapabilities, TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import { decodeTokenWindow } from '@ogong/protocol/modality/text/commitment/token-window';
import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { describe, expect, it } from 'vitest';
import {
  collectReply,
  countOutputs,
  type createRequest as createPlain,
  createScoreRequest,
  keyOf,
  SKETCH,
} from './compliance-requests.ts';

/**
 * Capabilities that an engine can lack, as its `capabilities` say. `texts` and `token-prompts` are kinds of prompts. An engine without
 * `layers` in its info lacks `edges`.
 */
export type Capability = Exclude<keyof TextCapabilities, 'prompts'> | 'texts' | 'token-prompts' | 'edges';

/** Requests that need one capability each. */
const NEEDING: Partial<Record<Capability, Partial<TextGenerationRequest>>> = {
  resume: { firstDraw: 3 },
  grammar: { grammar: 'root ::= "a"' },
  bias: { bias: [{ id: 3, biasQ16: NAT }] },
  filters: { sampler: { ...PLAIN_SAMPLER, topK: 5 } },
  repetition: { sampler: { ...PLAIN_SAMPLER, repetitionPenaltyQ16: 2 * NAT } },
  alternatives: { topLogprobs: 1 },
  tools: {
    prompt: {
      kind: 'chat',
      messages: [{ role: 'user', content: 'x' }],
      tools: [{ name: 'f', description: '', parameters: {} }] as never,
    },
  },
  texts: { prompt: { kind: 'text', text: 'x' } },
  'token-prompts': { prompt: { kind: 'tokens', tokens: Uint32Array.of(3) } },
};

/** Tests of missing capabilities: the engine refuses them, and its other replies stay consistent. */
export function describeLacks(
  engineOf: () => TextEngine,
  prompt: string,
  { lacks, createRequest }: { readonly lacks: readonly Capability[]; readonly createRequest: typeof createPlain },
): void {
  if (lacks.length === 0) return;
  describe('a missing capability', () => {
    const requests = lacks.flatMap((lack) => (NEEDING[lack] ? [[lack, NEEDING[lack]] as const] : []));
    it.each(requests)('is refused in a request: %s', async (_lack, overrides) => {
      const attempt = collectReply(engineOf().generate(createRequest(prompt, overrides)));
      await expect(attempt).rejects.toMatchObject({ code: 'invalid-request' });
    });

    if (lacks.includes('score')) {
      it('is refused as a score', async () => {
        const score = {
          ...{ promptTokens: Uint32Array.of(3), outputTokens: Uint32Array.of(3), sampler: PLAIN_SAMPLER, bias: [] },
          ...{ sketch: SKETCH, listSizes: Uint8Array.of(1), numericClass: engineOf().info().numericClass },
        };
        await expect(engineOf().score(score)).rejects.toMatchObject({ code: 'unsupported-model' });
        await expect(engineOf().trace({ ...score, position: 0 })).rejects.toMatchObject({ code: 'unsupported-model' });
      });
    }
    if (lacks.includes('trace') && !lacks.includes('score')) {
      it('is refused as a trace', async () => {
        const request = createRequest(prompt, { maxTokens: 2 });
        const score = createScoreRequest(engineOf(), request, await collectReply(engineOf().generate(request)));
        await expect(engineOf().trace({ ...score, position: 0 })).rejects.toMatchObject({ code: 'unsupported-model' });
      });
    }
    if (lacks.includes('edges') && !lacks.includes('score')) {
      it('is refused as rows between layers', async () => {
        const request = createRequest(prompt, { maxTokens: 2 });
        const score = createScoreRequest(engineOf(), request, await collectReply(engineOf().generate(request)));
        const edges = { layers: [1], blind: new Uint8Array(32) };
        await expect(engineOf().score({ ...score, edges })).rejects.toMatchObject({ code: 'unsupported-model' });
      });
    }
    if (lacks.includes('tokenize')) {
      it('is refused as tokens of prompts', async () => {
        const tokens = engineOf().tokenizePrompt({ kind: 'text', text: prompt });
        await expect(tokens).rejects.toMatchObject({ code: 'unsupported-model' });
        await expect(engineOf().detokenize(Uint32Array.of(3))).rejects.toMatchObject({ code: 'unsupported-model' });
      });
    }
    if (!lacks.includes('draws')) return;

    it('streams start, tokens, windows and end in order, and counts the tokens of its windows', async () => {
      const reply = await collectReply(engineOf().generate(createRequest(prompt, { maxTokens: 70 })));
      const windows = reply.windows.map(({ draws }) => decodeTokenWindow(draws));
      expect(windows.reduce((sum, { count }) => sum + count, 0)).toBe(countOutputs(reply));
      expect(windows.flatMap(({ ids }) => ids)).toEqual([...reply.outputTokens]);
      expect(reply.windows.every(({ sketch }) => sketch.length === 0)).toBe(true);
      const streamed = reply.events.map((event) => (event.kind === 'token' ? event.text : '')).join('');
      expect(reply.text.startsWith(streamed)).toBe(true);
      expect(countOutputs(reply)).toBeLessThanOrEqual(Buffer.byteLength(reply.text) + 1);
      expect(countOutputs(reply)).toBeLessThanOrEqual(70);
    });

    it('writes the same text without a commitment', async () => {
      const [committed, bare] = await Promise.all(
        [true, false].map((commit) =>
          collectReply(engineOf().generate(createRequest(prompt, { commit, drawKey: keyOf(7) }))),
        ),
      );
      expect(bare?.windows).toEqual([]);
      expect(bare?.text.length).toBeGreaterThan(0);
      expect(countOutputs(committed as never)).toBeGreaterThan(0);
    });
  });
}
