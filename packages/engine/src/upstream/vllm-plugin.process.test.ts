import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NAT, type SamplerSettings, TAIL_RANK, WEIGHT_ONE } from '@ogong/protocol/modality/text/sampling/sampler';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPositionReader } from '../decode/capture/position.ts';

/** As they stand in packages/protocol/vectors. */
interface SamplerVectors {
  readonly expTables: { readonly high: string; readonly low: string };
  readonly exp: readonly { readonly q: number; readonly value: number }[];
  readonly cases: readonly {
    readonly ids: readonly number[];
    readonly costs: readonly number[];
    readonly tail: number;
    readonly settings: SamplerSettings;
    readonly weights: readonly number[];
    readonly weightOfTail: number;
    readonly draws: readonly { readonly u: number; readonly rank: number }[];
  }[];
}
interface DrawKeyVector {
  readonly inputs: Readonly<Record<string, string>>;
  readonly key: string;
  readonly draws: readonly { readonly position: number; readonly u: number }[];
}
interface SketchVector {
  readonly modelRoot: string;
  readonly previousBeacon: string;
  readonly bankSeed: string;
  readonly directions: number;
  readonly embeddingSize: number;
  readonly hidden: string;
  readonly exponent: number;
  readonly values: readonly number[];
}
interface WindowVectors {
  readonly windows: readonly {
    readonly vocabularySize: number;
    readonly draws: string;
    readonly runs: readonly { readonly length: number; readonly shapeClass: number }[];
    readonly rows: readonly { readonly tailId?: number; readonly tailQ?: number }[];
  }[];
}

const readVectors = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../protocol/vectors/${name}.json`, import.meta.url), 'utf8'));
const samplers = readVectors('sampler') as SamplerVectors;
const drawKeys = readVectors('draw-key') as readonly DrawKeyVector[];
const sketches = readVectors('sketch') as readonly SketchVector[];
const windows = readVectors('window') as WindowVectors;

const FOLDER = fileURLToPath(new URL('../../python', import.meta.url));
const run = (args: readonly string[], input = '') =>
  spawnSync('python3', ['-B', ...args], { cwd: FOLDER, input, encoding: 'utf8', maxBuffer: 2 ** 26 });

const absence = run(['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']).status === 0 ? '' : 'no Python 3.11';

function ask<T>(calls: readonly (readonly [string, unknown])[]): T[] {
  const { status, stdout, stderr } = run(['answer_calls.py'], JSON.stringify(calls));
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T[];
}

const toPython = (settings: SamplerSettings) => ({
  temperature_q16: settings.temperatureQ16,
  top_k: settings.topK,
  top_p_q24: settings.topPQ24,
  min_p_q24: settings.minPQ24,
  presence_q16: settings.presencePenaltyQ16,
  frequency_q16: settings.frequencyPenaltyQ16,
  filter_order: settings.filterOrder,
});

describe.skipIf(absence !== '')(`the plugin for vLLM${absence && ` (skipped: ${absence})`}`, () => {
  it('computes exponentials and their tables as the vectors say', () => {
    expect(ask([['table', 'EXP_HIGH'] as const, ['table', 'EXP_LOW'] as const])).toEqual([
      samplers.expTables.high,
      samplers.expTables.low,
    ]);
    expect(ask(samplers.exp.map(({ q }) => ['exp', q] as const))).toEqual(samplers.exp.map(({ value }) => value));
  });

  it('weighs and draws as the vectors say, and not as a bent one does', () => {
    const cases = samplers.cases.map(({ ids, costs, tail, settings, draws }) => {
      return { ids, costs, tail, sampler: toPython(settings), us: draws.map(({ u }) => u) };
    });
    const expected = samplers.cases.map(({ weights, weightOfTail, draws }) => {
      return { weights, tail: weightOfTail, ranks: draws.map(({ rank }) => rank) };
    });
    expect(ask(cases.map((each) => ['weigh', each] as const))).toEqual(expected);
    const at = cases.findIndex(({ costs, sampler }) => costs.length > 1 && sampler.temperature_q16 > 0);
    const { costs = [], ...rest } = cases[at] ?? {};
    const bent = { ...rest, costs: costs.map((cost, i) => (i === 0 ? cost - 30_000 : cost)) };
    expect(ask([['weigh', bent]])).not.toEqual([expected[at]]);
  });

  it('derives keys and numbers as the vectors say', () => {
    const calls = drawKeys.map(({ inputs, draws }) => {
      const positions = draws.map(({ position }) => position);
      if (inputs.mode === 'nonce') {
        const { nonce, requestHash, replyId, providerId, epoch, beacon } = inputs;
        const hex = { nonce, request_hash: requestHash, reply_id: replyId, provider_id: providerId, beacon };
        return ['key', { fields: { ...hex, epoch: Number(epoch) }, bytes: Object.keys(hex), positions }] as const;
      }
      const { seed, requestHash, modelRoot, choice } = inputs;
      const hex = { request_hash: requestHash, model_root: modelRoot };
      const fields = { ...hex, seed: Number(seed), choice: Number(choice) };
      return ['key', { fields, bytes: Object.keys(hex), positions }] as const;
    });
    expect(ask(calls)).toEqual(drawKeys.map(({ key, draws }) => ({ key, us: draws.map(({ u }) => u) })));
  });

  it('sketches hidden states as the vectors say', () => {
    const calls = sketches.map((each) => {
      const { modelRoot, previousBeacon, directions, embeddingSize, hidden } = each;
      const roots = { model_root: modelRoot, previous_beacon: previousBeacon };
      return ['sketch', { ...roots, directions, embedding_size: embeddingSize, hidden }] as const;
    });
    expect(ask(calls)).toEqual(sketches.map(({ bankSeed: seed, exponent, values }) => ({ seed, exponent, values })));
  });

  it('encodes windows to the bytes of the vectors', () => {
    // The plugin has no repetition penalty. It makes draws of version 1.
    const plain = windows.windows.filter(({ draws }) => draws.startsWith('01'));
    expect(plain.length).toBeGreaterThan(3);
    const calls = plain.map(({ vocabularySize, runs, rows }) => {
      const shapes = runs.flatMap(({ length, shapeClass }) => Array.from({ length }, () => shapeClass));
      const given = rows.map((row, i) => ({
        ...row,
        shape_class: shapes[i],
        ...(row.tailId !== undefined && { tail_token: [row.tailId, row.tailQ] }),
      }));
      return ['window', { vocabulary_size: vocabularySize, rows: given }] as const;
    });
    expect(ask(calls)).toEqual(plain.map(({ draws }) => draws));
  });

  it("lists and draws from logits as the engine's own reader does", () => {
    const VOCABULARY = 300;
    const anyToken = fc.nat(VOCABULARY - 1);
    const anyCase = fc.record({
      logits: fc.array(fc.integer({ min: -2_000, max: 1_000 }), { minLength: VOCABULARY, maxLength: VOCABULARY }),
      /** Flat ones leave much outside the list. */
      steepness: fc.constantFrom(1, 12),
      settings: fc.record({
        temperatureQ16: fc.constantFrom(0, NAT / 2, NAT, 3 * NAT),
        topK: fc.constantFrom(0, 0, 5, 40),
        topPQ24: fc.constantFrom(WEIGHT_ONE, WEIGHT_ONE, Math.round(0.9 * WEIGHT_ONE)),
        minPQ24: fc.constantFrom(0, Math.round(0.05 * WEIGHT_ONE)),
        presencePenaltyQ16: fc.constantFrom(0, NAT / 2),
        frequencyPenaltyQ16: fc.constantFrom(0, -NAT / 8),
        filterOrder: fc.constant(['top-k', 'top-p', 'min-p'] as const),
        repetitionPenaltyQ16: fc.constant(NAT),
        repetitionWindow: fc.constant(0),
      }),
      bias: fc.array(fc.tuple(anyToken, fc.integer({ min: -4 * NAT, max: 4 * NAT })), { maxLength: 4 }),
      counts: fc.array(fc.tuple(anyToken, fc.integer({ min: 1, max: 3 })), { maxLength: 4 }),
      u: fc.nat(WEIGHT_ONE - 1),
    });
    const cases = fc.sample(anyCase, { seed: 22, numRuns: 120 }).map((each) => ({
      ...each,
      logits: each.logits.map((value) => Math.fround((value / 1000) * each.steepness)),
      bias: [...new Map(each.bias)],
      counts: [...new Map(each.counts)],
    }));
    const reader = createPositionReader(VOCABULARY);
    const expected = cases.map(({ logits, settings, bias, counts, u }) => {
      const inputs = { logits: Float32Array.from(logits), offset: 0, settings, bias: new Map(bias) };
      const row = reader.draw({ ...inputs, counts: new Map(counts), mask: undefined }, u);
      const tailToken = row.rank === TAIL_RANK ? [row.tailId, row.tailQ] : null;
      return { ids: [...row.ids], q: [...row.q], tail: row.tail, rank: row.rank, tail_token: tailToken };
    });
    const calls = cases.map(({ logits, settings, bias, counts, u }) => {
      return ['draw', { logits, sampler: toPython(settings), bias, counts, u }] as const;
    });
    expect(ask(calls)).toEqual(expected);
    expect(expected.filter(({ rank }) => rank === TAIL_RANK).length).toBeGreaterThan(5);
  });

  it('keeps requests apart in a batch that changes, forces their tokens, and refuses what no header could hold', () => {
    const { status, stderr } = run(['-m', 'unittest']);
    expect(stderr).toMatch(/Ran \d+ tests/);
    expect(status, stderr).toBe(0);
  });
});
