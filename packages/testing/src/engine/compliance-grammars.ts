import type { TextEngine, TextGenerationRequest } from '@ogong/engine/interface/text';
import { tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { compileGrammar, matchText } from '@ogong/protocol/modality/text/grammar/machine';
import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import { NAT, PLAIN_SAMPLER, type SamplerSettings } from '@ogong/protocol/modality/text/sampling/sampler';
import { keepsGrammar } from '@ogong/protocol/modality/text/stage1/reply-text';
import { describe, expect, it } from 'vitest';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  hexOf,
  keyOf,
  NO_END,
  readRows,
} from './compliance-requests.ts';

const SCHEMA = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 12 },
    size: { type: 'integer', minimum: 0, maximum: 99 },
  },
  required: ['name', 'size'],
};
const JSON_GRAMMAR = schemaToGrammar(SCHEMA);
const CHOICE = 'root ::= "red" | "green" | "blue"';

const SETTINGS: Readonly<Record<string, Partial<TextGenerationRequest>>> = {
  plain: {},
  greedy: { sampler: { ...PLAIN_SAMPLER, temperatureQ16: 0 } },
  'hot, cut and penalised': {
    sampler: {
      ...PLAIN_SAMPLER,
      temperatureQ16: 3 * NAT,
      topK: 30,
      presencePenaltyQ16: NAT,
      frequencyPenaltyQ16: NAT / 2,
    },
    // One of these is often allowed and the other never.
    bias: [
      { id: 0, biasQ16: 9 * NAT },
      { id: 60, biasQ16: 5 * NAT },
    ],
  },
  'very hot': { sampler: { ...PLAIN_SAMPLER, temperatureQ16: 20 * NAT } },
};

type Replays = (
  request: TextGenerationRequest & { readonly sampler: SamplerSettings },
  rows: ReturnType<typeof readRows>,
  given: { readonly vocabularySize: number; readonly promptTokens: Uint32Array },
) => void;

/** Tests of an engine's grammars. Any model follows a grammar, whatever its weights. */
export function describeGrammars(engineOf: () => TextEngine, prompt: string, expectReplay: Replays): void {
  const generate = (request: TextGenerationRequest) => collectReply(engineOf().generate(request));

  describe('a grammar', () => {
    it.each(
      Object.entries(SETTINGS).flatMap(([name, settings]) =>
        [JSON_GRAMMAR, CHOICE].map((grammar) => [name, grammar, settings] as const),
      ),
    )('is followed and scored to the same bytes: %s, %.14s', async (_name, grammar, settings) => {
      const engine = engineOf();
      const { vocabularySize } = engine.info();
      const compiled = compileGrammar(grammar);
      const requests = [1, 2, 3].map((i) =>
        createRequest(prompt, { ...settings, grammar, drawKey: keyOf(300 + i), maxTokens: 60 }),
      );
      for (const [i, reply] of (await Promise.all(requests.map(generate))).entries()) {
        const request = requests[i] as TextGenerationRequest;
        const bytes = await engine.detokenize(reply.outputTokens);
        expect(matchText(compiled, bytes)).toBe(reply.stopReason === 'stop-token' ? 'whole' : 'beginning');
        const rows = readRows(reply.windows, vocabularySize);
        expectReplay({ ...request, sampler: request.sampler }, rows, { vocabularySize, ...reply });
        let before = new Uint8Array(0);
        for (const row of rows.slice(0, 8)) {
          for (const id of row.ids) {
            const spoken = await engine.detokenize(Uint32Array.of(id));
            const after = matchText(compiled, Uint8Array.from([...before, ...spoken]));
            expect([id, after]).not.toEqual([id, 'forbidden']);
            if (spoken.length === 0) expect(after).toBe('whole');
          }
          before = Uint8Array.from([...before, ...(await engine.detokenize(Uint32Array.of(tokenOf(row))))]);
        }
        const scored = await engine.score({ ...createScoreRequest(engine, request, reply), grammar });
        expect(hexOf(scored.windows)).toEqual(hexOf(reply.windows));
        expect(scored.firstOtherChoice).toBe(-1);
        expect(scored.tailGap).toBeUndefined();
      }
    });

    it('is followed only if requested, and a pass without it detects the difference', async () => {
      const engine = engineOf();
      const request = createRequest(prompt, { grammar: CHOICE, maxTokens: 12 });
      const reply = await generate(request);
      const bare = { ...request, grammar: undefined };
      expect((await generate(bare)).text).not.toBe(reply.text);
      const scored = await engine.score(createScoreRequest(engine, bare, reply));
      expect(hexOf(scored.windows)).not.toEqual(hexOf(reply.windows));
    });

    it.each([
      ['another grammar', { grammar: 'root ::= "red" | "yellow"' }],
      ['one that forbids the first token', { grammar: 'root ::= "1"' }],
    ])('scores a reply under %s to other bytes', async (_name, claimed) => {
      const engine = engineOf();
      const request = createRequest(prompt, { grammar: CHOICE, maxTokens: 12 });
      const reply = await generate(request);
      const score = createScoreRequest(engine, request, reply);
      const scored = await engine.score({ ...score, ...claimed });
      expect(hexOf(scored.windows)).not.toEqual(hexOf(reply.windows));
      expect(scored.firstOtherChoice).toBeGreaterThanOrEqual(0);
      const { vocabularySize } = engine.info();
      const lengths = readRows(scored.windows, vocabularySize).map(({ ids }) => ids.length);
      expect(lengths).toEqual([...score.listSizes]);
    });

    it('continues another reply', async () => {
      const whole = await generate(createRequest(prompt, { grammar: JSON_GRAMMAR, maxTokens: 24 }));
      const { promptTokens, outputTokens } = whole;
      const tokens = Uint32Array.from([...promptTokens, ...outputTokens.subarray(0, 9)]);
      const request = createRequest('', {
        prompt: { kind: 'tokens', tokens },
        grammar: JSON_GRAMMAR,
        maxTokens: 15,
        firstDraw: 9,
      });
      expect((await generate(request)).outputTokens).toEqual(outputTokens.subarray(9));
    });

    it('is refused if it is malformed, or ends a reply that it lets go no further, and other replies go on', async () => {
      const good = generate(createRequest(prompt, { grammar: CHOICE }));
      const bad = generate(createRequest(prompt, { grammar: 'root ::= rest' }));
      // Behind the first 20 characters, each one multiplies the ways to read the text by 300. The longest token of a tested model has 16,
      // so the first draw is cheap. No model begins with a deletion sign.
      const costly = Array.from({ length: 300 }, (_, i) => `[^\\x7f] rest "${i}"`).join(' | ');
      const endless = `root ::= [^\\x7f]{20} rest | "\\x7f"\nrest ::= ${costly} | "\\x7f"`;
      const begun = generate(createRequest(prompt, { grammar: endless, maxTokens: 48, bias: NO_END }));
      await expect(bad).rejects.toMatchObject({ code: 'invalid-request' });
      const stuck = await begun;
      const why = expect.stringMatching(/ways to go on|no token/);
      expect(stuck.events.at(-1)).toMatchObject({ stopReason: 'cancelled', stuck: why });
      expect(stuck.text).not.toBe('');
      expect(keepsGrammar(Buffer.from(stuck.text), endless, 'cancelled')).toBe(true);
      expect(['red', 'green', 'blue']).toContain((await good).text);
    });
  });
}
