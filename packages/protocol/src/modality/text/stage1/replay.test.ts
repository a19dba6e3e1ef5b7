import { createSyntheticReply, type SyntheticOptions } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../../base/checks.ts';
import { isOk } from '../../../base/checks.ts';
import { EXP_ONE, expFixed } from '../../../base/exponential.ts';
import type { WindowBytes } from '../../../commitment/opening.ts';
import { computeCommitment, encodeOpening, type Opening, parseOpening } from '../../../commitment/opening.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { type Header, hashTokens } from '../commitment/header.ts';
import { type DrawRow, decodeDraws, decodeSketch, encodeDraws, encodeSketch } from '../commitment/window.ts';
import { TAIL_RANK, WEIGHT_ONE } from '../sampling/sampler.ts';
import { replayReply } from './replay.ts';

const base: SyntheticOptions = {
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(7)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(9)),
  ledger: { chainId: 31337n, verifyingContract: new Uint8Array(20).fill(3) },
};
const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

/** Encodes a window of synthetic draws for a smaller vocabulary. */
function shrink({ draws, sketch }: WindowBytes, vocabularySize: number): WindowBytes {
  return { draws: encodeDraws(decodeDraws(draws, { vocabularySize: 512 }), { vocabularySize }), sketch };
}

describe('replayReply', () => {
  it.each([
    {},
    { temperature: 0 },
    { temperature: 0.7, top_p: 0.9 },
    { temperature: 1.3, top_k: 40, min_p: 0.02 },
    { presence_penalty: 1.5, frequency_penalty: 0.4 },
    { logit_bias: { 5: 40, 9: -100 } },
    { repetition_penalty: 1.3 },
    { repetition_penalty: 0.7, temperature: 0.8, logit_bias: { 2: 5, 9: -3 } },
    { repeat_penalty: 1.5, repeat_last_n: 5, frequency_penalty: 0.4 },
    { repeat_penalty: 0.5, repeat_last_n: 40, temperature: 1.4 },
    { repetition_penalty: 2, temperature: 0 },
    { seed: 42 },
  ])('passes an honest reply with %j', (parameters) => {
    for (const tokens of [1, 32, 33, 100]) {
      const reply = createSyntheticReply({ ...base, parameters, tokens });
      const { checks, outputTokens } = replayReply(crypto, reply.record, parseOpening(reply.openingBytes));
      expect(checks).toSatisfy(isOk);
      expect(outputTokens.length).toBe(tokens);
    }
  });

  const EXACT_CLASS = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
  const replayTier = { tier: 'replay', method: 'exact-replay', numericClass: EXACT_CLASS };

  it('passes an honest reply of tier replay', () => {
    const reply = createSyntheticReply({ ...base, bend: { header: (header) => ({ ...header, ...replayTier }) } });
    const { checks } = replayReply(crypto, reply.record, reply.opening);
    expect(failures(checks)).toEqual([]);
    expect(checks.find(({ id }) => id === 'posture')?.detail).toContain(EXACT_CLASS);
  });

  describe('shape classes', () => {
    const SHAPED = 'llama.cpp-0.5.0/vulkan/llvmpipe/shaped/f16/kv-f16/no-fa';
    /** Judges a reply of 40 tokens whose passes have one class, except at the named positions. */
    const judge = (numericClass: string, usual: number, odd: Readonly<Record<number, number>> = {}) => {
      const made = createSyntheticReply({
        ...base,
        tokens: 40,
        bend: { header: (header) => ({ ...header, numericClass, promptTokenCount: 230 }) },
      });
      const windows = made.opening.windows.map(({ draws, sketch }, window) => {
        const { rows } = decodeDraws(draws, made.header);
        const classes = rows.map((_, i) => odd[32 * window + i] ?? usual);
        const starts = classes.flatMap((each, i) => (each === classes[i - 1] ? [] : [i]));
        const runs = starts.map((from, k) => ({
          length: (starts[k + 1] ?? classes.length) - from,
          shapeClass: classes[from] as number,
        }));
        return { draws: encodeDraws({ rows, runs }, made.header), sketch };
      });
      const opening = { ...made.opening, windows };
      const record = { ...made.record, commitRoot: computeCommitment(crypto, opening).root };
      return failures(replayReply(crypto, record, opening).checks);
    };

    it('are those of the numeric class', () => {
      expect(judge(EXACT_CLASS, 0)).toEqual([]);
      expect(judge(SHAPED, 2)).toEqual([]);
      expect(judge(EXACT_CLASS, 0, { 5: 1 })).toEqual(['shape-classes']);
      expect(judge(SHAPED, 0)).toEqual(['shape-classes']);
      expect(judge(SHAPED, 2, { 39: 4 })).toEqual(['shape-classes']);
    });

    it('are not narrow at the end of a band, where their padding would cover narrow rows', () => {
      // The row of position i is 229 + i. From 240 to 255 nothing is narrow.
      expect(judge(SHAPED, 2, { 10: 1, 27: 1 })).toEqual([]);
      expect(judge(SHAPED, 2, { 11: 1 })).toEqual(['shape-classes']);
      expect(judge(SHAPED, 2, { 26: 1 })).toEqual(['shape-classes']);
    });

    it('are single anywhere, but at the end of a band no wide row follows, whose padding would cover single rows', () => {
      expect(judge(SHAPED, 3)).toEqual([]);
      expect(judge(SHAPED, 3, { 9: 1, 10: 2, 27: 2 })).toEqual([]);
      expect(judge(SHAPED, 3, { 11: 2 })).toEqual([]);
      expect(judge(SHAPED, 2, { 20: 3 })).toEqual(['shape-classes']);
      expect(judge(SHAPED, 2, { 26: 3 })).toEqual([]);
      expect(judge(SHAPED, 3, { 26: 2 })).toEqual(['shape-classes']);
    });
  });

  it.each([
    ['tier replay in a class that is not exact', { ...replayTier, numericClass: EXACT_CLASS.replace('exact', 'fast') }],
    ['tier replay by the method of another tier', { ...replayTier, method: 'draw-replay' }],
    ['tier verified by the method of another tier', { method: 'exact-replay' }],
    ['a tier without checks', { tier: 'proof' }],
  ])('rejects a header that claims %s', (_what, bent) => {
    const reply = createSyntheticReply({ ...base, bend: { header: (header) => ({ ...header, ...bent }) } });
    expect(failures(replayReply(crypto, reply.record, reply.opening).checks)).toEqual(['posture']);
  });

  it('names the position of a token that the key did not draw', () => {
    const reply = createSyntheticReply({
      ...base,
      bend: { row: (row, i) => (i === 17 ? { ...row, rank: row.rank === 0 ? 1 : 0 } : row) },
    });
    const { checks } = replayReply(crypto, reply.record, reply.opening);
    expect(failures(checks)).toEqual(['draw-replay']);
    expect(checks.find(({ id }) => id === 'draw-replay')).toMatchObject({
      detail: expect.stringContaining('position 17'),
      position: 17,
    });
  });

  it('detects changed values with an unchanged token', () => {
    const reply = createSyntheticReply({
      ...base,
      bend: {
        row: (row, i) => {
          if (i !== 3) return row;
          const q = row.q.slice();
          q[0] = Math.max(0, (q[0] as number) - 60_000);
          return { ...row, q };
        },
      },
    });
    expect(failures(replayReply(crypto, reply.record, reply.opening).checks)).toContain('listing');
  });

  it.each([
    { temperature: 1, top_k: 40, top_p: 0.95 },
    { temperature: 1, top_p: 0.9 },
    { temperature: 1, min_p: 0.02 },
    { temperature: 1 },
  ])('detects a list that is too short for the filters of the request, with %j', (parameters) => {
    const honest = createSyntheticReply({ ...base, parameters });
    const { rows, checks } = replayReply(crypto, honest.record, honest.opening);
    expect(failures(checks)).toEqual([]);
    for (const { rank, ids } of rows) if (rank === TAIL_RANK) expect(ids).toHaveLength(64);
    const at = rows.findIndex(({ ids }) => ids.length > 24);
    expect(at).toBeGreaterThanOrEqual(0);
    const shorten = (row: DrawRow, i: number): DrawRow => {
      if (i !== at) return row;
      const q = row.q.slice(0, 20);
      const mass = q.reduce((sum, cost) => sum + expFixed(cost), 0);
      const tail = Math.floor((1 - mass / EXP_ONE) * WEIGHT_ONE);
      return { ids: row.ids.slice(0, 20), q, tail, rank: Math.min(row.rank, 19) };
    };
    const reply = createSyntheticReply({ ...base, parameters, bend: { row: shorten } });
    const found = replayReply(crypto, reply.record, reply.opening).checks.find(({ status }) => status === 'fail');
    expect(found).toMatchObject({
      id: 'draw-replay',
      detail: `position ${at}: a list with a tail must have 64 candidates, not 20`,
    });
  });

  it('detects a tail that does not match the listed mass', () => {
    const reply = createSyntheticReply({
      ...base,
      bend: { row: (row, i) => (i === 3 ? { ...row, tail: row.tail + 5000 } : row) },
    });
    expect(failures(replayReply(crypto, reply.record, reply.opening).checks)).toContain('listing');
  });

  it.each([
    { temperature: 0.8, top_p: 0.9 },
    { temperature: 0.5 },
    { temperature: 1.4 },
    { temperature: 1 },
    { presence_penalty: 0.1 },
    { frequency_penalty: -2, temperature: 0.7 },
    { presence_penalty: 1, temperature: 1.3 },
    { logit_bias: { 5: 0 } },
    { logit_bias: { 5: 30, 9: -100 } },
  ])('detects a tail that takes every draw, with %j', (parameters) => {
    // Every token is the cheat's choice: the draw falls outside the list for any u.
    const row = (honest: DrawRow): DrawRow => {
      const listed = new Set(honest.ids);
      const tailId = Array.from({ length: 512 }, (_, id) => id).find((id) => !listed.has(id)) as number;
      return { ...honest, tail: 2 ** 24 - 1, rank: -1, tailId, tailQ: 900_000 };
    };
    const reply = createSyntheticReply({ ...base, parameters, bend: { row } });
    expect(failures(replayReply(crypto, reply.record, reply.opening).checks)).toContain('listing');
  });

  describe('a repetition penalty', () => {
    const penalized = { repetition_penalty: 1.5, temperature: 0.5 };
    const windowed = { repeat_penalty: 1.5, repeat_last_n: 4, temperature: 0.5 };
    /** A surer model draws the same tokens again. */
    const check = (parameters: object, bend: NonNullable<Parameters<typeof createSyntheticReply>[0]['bend']>) => {
      const reply = createSyntheticReply({ ...base, parameters: { ...parameters }, sureness: 40, tokens: 100, bend });
      return replayReply(crypto, reply.record, reply.opening).checks.filter(({ status }) => status === 'fail');
    };
    const withSampler = (sampler: Partial<Header['sampler']>) => ({
      header: (header: Header): Header => ({ ...header, sampler: { ...header.sampler, ...sampler } }),
    });
    const withMarks = (mark: (id: number, was: number, position: number) => number) => ({
      row: (row: DrawRow, position: number): DrawRow => {
        if (row.repeated === undefined) return row;
        const { logSum, marks } = row.repeated;
        const bent = marks.map((was, i) => mark(row.ids[i] ?? (row.tailId as number), was, position));
        return { ...row, repeated: { logSum, marks: bent } };
      },
    });

    it('is ignored in no draw: another penalty than the header names fails', () => {
      const found = check(penalized, withSampler({ repetitionPenaltyQ16: 65_537 }));
      expect(found.map(({ id }) => id)).toContain('draw-replay');
      expect(check(penalized, {})).toEqual([]);
    });

    it('needs its marks, and no reply without a penalty has them', () => {
      const bare = { row: ({ repeated: _, ...row }: DrawRow): DrawRow => row };
      expect(check(penalized, bare)).toMatchObject([
        { id: 'commitment-form', detail: 'window 0 holds no marks of repeated tokens' },
      ]);
      expect(check(penalized, withSampler({ repetitionPenaltyQ16: 65_536 }))).toMatchObject([
        { id: 'commitment-form', detail: 'window 0 holds marks of repeated tokens, and no penalty' },
      ]);
    });

    it('covers every token of the reply within the window', () => {
      for (const repetitionWindow of [0, 64, 5]) {
        const found = check(windowed, withSampler({ repetitionWindow }));
        expect(found).toMatchObject([{ id: 'listing', detail: expect.stringMatching(/is not marked/) }]);
      }
      const [found] = check(windowed, withSampler({ repetitionWindow: 3 }));
      expect(found?.detail).toMatch(/is marked as repeated, and was not before|marked as the prompt's/);
      const unmarked = check(
        penalized,
        withMarks((_id, was, position) => (position < 50 ? was : 0)),
      );
      expect(unmarked.map(({ id }) => id)).toContain('listing');
    });

    it('covers the same tokens of the prompt at every position, and no more than it has', () => {
      const fail = (mark: Parameters<typeof withMarks>[0]): string | undefined =>
        check({ ...penalized, repetition_penalty: 1.01 }, withMarks(mark)).find(({ id }) => id === 'listing')?.detail;
      expect(fail((_id, was) => was)).toBeUndefined();
      expect(fail(() => 1)).toMatch(/marked as the prompt's, the penalty covers 3 of it/);
      expect(fail((id, was, position) => (id > 3 && position === 70 ? 1 : was))).toMatch(/and was not before/);
    });
  });

  it.each([{ temperature: 0 }, { temperature: 0, presence_penalty: 1 }, { temperature: 0, logit_bias: { 5: 0 } }])(
    'catches a tail at temperature 0, with %j',
    (parameters) => {
      const bend = { row: (row: DrawRow, i: number): DrawRow => (i === 3 ? { ...row, tail: 1 } : row) };
      const reply = createSyntheticReply({ ...base, parameters, bend });
      expect(failures(replayReply(crypto, reply.record, reply.opening).checks)).toEqual(['listing']);
    },
  );

  it.each([{}, { temperature: 0.6 }, { presence_penalty: 1 }, { logit_bias: { 5: 0 } }])(
    'catches a tail where every token is listed, with %j',
    (parameters) => {
      const bend = {
        header: (h: Header): Header => ({ ...h, vocabularySize: 64 }),
        row: (row: DrawRow): DrawRow => ({
          ...row,
          ids: Uint32Array.from({ length: 64 }, (_, id) => id),
          q: new Uint32Array(64).fill(272_557), // ln 64
          tail: 1,
          rank: 0,
        }),
      };
      const reply = createSyntheticReply({ ...base, parameters, bend });
      const opening = { ...reply.opening, windows: reply.opening.windows.map((window) => shrink(window, 64)) };
      const record = { ...reply.record, commitRoot: computeCommitment(crypto, opening).root };
      const found = replayReply(crypto, record, opening).checks.find(({ id }) => id === 'listing');
      expect(found).toMatchObject({ status: 'fail', detail: 'position 0: a tail, with every token listed' });
    },
  );

  it('detects a list that is too short', () => {
    const reply = createSyntheticReply({
      ...base,
      parameters: { temperature: 0 },
      bend: { row: (row, i) => (i === 2 ? { ...row, ids: row.ids.slice(0, 5), q: row.q.slice(0, 5) } : row) },
    });
    expect(failures(replayReply(crypto, reply.record, reply.opening).checks)).toContain('listing');
  });

  it('detects false token counts and hashes', () => {
    const more = createSyntheticReply({ ...base, bend: { record: (r) => ({ ...r, tokenCount: r.tokenCount + 1 }) } });
    expect(failures(replayReply(crypto, more.record, more.opening).checks)).toEqual(['token-count']);
    const other = createSyntheticReply({
      ...base,
      bend: { header: (h) => ({ ...h, outputTokensHash: hashTokens(crypto, new Uint8Array(32), [1]) }) },
    });
    expect(failures(replayReply(crypto, other.record, other.opening).checks)).toEqual(['token-count']);
    const longer = createSyntheticReply({ ...base, bend: { header: (h) => ({ ...h, maxTokens: 12 }) } });
    expect(failures(replayReply(crypto, longer.record, longer.opening).checks)).toEqual(['token-count']);
  });

  it('allows a stop token at the limit, and accepts `length` only there', () => {
    const coincident = createSyntheticReply({ ...base, bend: { header: (h) => ({ ...h, stopReason: 'stop-token' }) } });
    expect(failures(replayReply(crypto, coincident.record, coincident.opening).checks)).toEqual([]);
    const early = createSyntheticReply({ ...base, bend: { header: (h) => ({ ...h, maxTokens: h.maxTokens + 1 }) } });
    expect(failures(replayReply(crypto, early.record, early.opening).checks)).toEqual(['token-count']);
  });

  it('detects every flipped byte of every leaf', () => {
    const reply = createSyntheticReply({ ...base, tokens: 34 });
    const bytes = reply.openingBytes;
    for (let at = 0; at < bytes.length; at += 13) {
      const bent = bytes.slice();
      bent[at] = (bent[at] as number) ^ 0x10;
      let opening: Opening;
      try {
        opening = parseOpening(bent);
      } catch {
        continue;
      }
      expect(failures(replayReply(crypto, reply.record, opening).checks)).toEqual(['commitment-root']);
    }
  });

  it('detects dropped, swapped and repeated windows, even under a matching root', () => {
    const reply = createSyntheticReply({ ...base, tokens: 96 });
    const [a, b, c] = reply.opening.windows;
    for (const windows of [[a!, b!], [b!, a!, c!], [a!, b!, c!, c!], []]) {
      const opening = { ...reply.opening, windows };
      const record = { ...reply.record, commitRoot: computeCommitment(crypto, opening).root };
      expect(failures(replayReply(crypto, record, opening).checks).length).toBeGreaterThan(0);
    }
  });
});

describe('window encodings', () => {
  it('round-trip to the same bytes', () => {
    for (const parameters of [{}, { temperature: 1.9, top_p: 1 }, { logit_bias: { 3: 90, 77: -50 } }]) {
      const { opening, header } = createSyntheticReply({ ...base, parameters, tokens: 70 });
      for (const { draws, sketch } of opening.windows) {
        const decoded = decodeDraws(draws, header);
        expect(encodeDraws(decoded, header)).toEqual(draws);
        expect(encodeSketch(decodeSketch(sketch, { directions: header.sketchDirections }))).toEqual(sketch);
      }
      expect(encodeOpening(parseOpening(encodeOpening(opening)))).toEqual(encodeOpening(opening));
    }
  });

  it('refuse a token that is listed twice', () => {
    const { opening, header } = createSyntheticReply({ ...base, tokens: 5 });
    const { rows, runs } = decodeDraws(opening.windows[0]!.draws, header);
    const ids = rows[2]!.ids.slice();
    ids[9] = ids[3] as number;
    const bent = rows.map((row, i) => (i === 2 ? { ...row, ids } : row));
    expect(() => decodeDraws(encodeDraws({ rows: bent, runs }, header), header)).toThrow('listed twice');
  });

  it('have one form: no changed byte decodes to the same rows', () => {
    const { opening, header } = createSyntheticReply({ ...base, tokens: 5 });
    const { draws } = opening.windows[0]!;
    const original = JSON.stringify(decodeDraws(draws, header));
    for (let bit = 0; bit < draws.length * 8; bit++) {
      const bent = draws.slice();
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      let decoded: string | undefined;
      try {
        decoded = JSON.stringify(decodeDraws(bent, header));
      } catch (error) {
        expect((error as Error).name).toBe('ProtocolError');
      }
      expect(decoded).not.toBe(original);
    }
    expect(() => decodeDraws(new Uint8Array([...draws, 0]), header)).toThrow('left over');
    expect(() => decodeDraws(draws.subarray(0, draws.length - 1), header)).toThrow();
  });
});
