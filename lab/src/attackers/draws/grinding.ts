import { nativeHash } from '@ogong/engine/decode/native-hash';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createWriter } from '@ogong/protocol/base/bytes';
import { type DrawRow, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { computeDrawKey, createDrawSource, type DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import type { SamplerSettings, TokenBias } from '@ogong/protocol/modality/text/sampling/sampler';
import type { ReplyDraft } from '@ogong/provider/modality/text/commit-reply';
import { type AttackDefinition, type CreateAttack, disguisePair, pairEngines } from '../attack.ts';
import { findCheapModel } from '../cheap-models.ts';
import { holdReply, rowsOf, tellReply } from '../held-reply.ts';
import { prefill } from '../prefill.ts';
import { replayRank } from '../replay-row.ts';

const TRIES = 64;
/** The cheap model that is hardest to tell from the sold one: the fewest draws disagree, so grinding is easiest. */
const near = { weights: findCheapModel('noise-1e-3').recipe };

type NonceInputs = Extract<DrawKeyInputs, { mode: 'nonce' }>;

/**
 * A pre-filled reply under the best of many draw keys. Once the tokens are known, the attacker searches for another
 * nonce, reply id or epoch under which the true model draws them. The consumer's signed order fixes all three before
 * anything is served. A key that the attacker finds therefore differs from the computed one.
 */
function defineGrinding(field: string, aim: string, vary: (inputs: NonceInputs, attempt: number) => NonceInputs) {
  const name = `grind-${field}`;
  const definition: AttackDefinition = {
    name,
    family: 'sampling',
    aim,
    caughtBy: ['draw-key', 'draw-replay', 'own-choice'],
    cheap: near,
    create(context) {
      const { engine } = prefill.create(context);
      const { vocabularySize } = context.engine.info();
      return { name, aim, engine, bendReply: (draft) => grind(draft, { vary, vocabularySize }) };
    },
  };
  return definition;
}

function grind(
  draft: ReplyDraft,
  { vary, vocabularySize }: { vary: (inputs: NonceInputs, attempt: number) => NonceInputs; vocabularySize: number },
): ReplyDraft {
  const { header, windows } = draft;
  if (header.drawKey.mode !== 'nonce') return draft;
  const rows = rowsOf(windows, vocabularySize);
  let best: DrawKeyInputs = header.drawKey;
  let fewest = Number.POSITIVE_INFINITY;
  for (let attempt = 1; attempt <= TRIES && fewest > 0; attempt++) {
    const inputs = vary(header.drawKey, attempt);
    const misses = countMisses(rows, { ...header, vocabularySize }, computeDrawKey(crypto, inputs));
    if (misses < fewest) [best, fewest] = [inputs, misses];
  }
  return { ...draft, header: { ...header, drawKey: best } };
}

/** Counts positions whose signed values draw another token than the reply holds. */
export function countMisses(
  rows: readonly DrawRow[],
  { sampler, bias, vocabularySize }: { sampler: SamplerSettings; bias: readonly TokenBias[]; vocabularySize: number },
  drawKey: Uint8Array,
): number {
  const draws = createDrawSource(nativeHash, drawKey);
  const biases = new Map(bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const isCounting = sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0;
  const counts = new Map<number, number>();
  let misses = 0;
  rows.forEach((row, i) => {
    const inputs = { u: draws.draw(i), settings: sampler, bias: biases, counts, vocabularySize };
    if (replayRank(row, inputs) !== row.rank) misses++;
    if (isCounting) counts.set(tokenOf(row), (counts.get(tokenOf(row)) ?? 0) + 1);
  });
  return misses;
}

const numbered = (attempt: number): Uint8Array => crypto.sha256(createWriter().u32(attempt).finish());

/**
 * An attacker that cannot choose the key serves only replies that fit it. It pre-fills, replays the draws, and gives the
 * reply up where one disagrees: it refuses or (`serves`) decodes with the true model after all.
 */
function defineSelection(name: string, aim: string, serves: boolean): AttackDefinition {
  const create: CreateAttack = (context) => {
    const { engine, cheap } = pairEngines(context, name);
    const forged = prefill.create(context).engine;
    const counts = { fitting: 0, unfit: 0 };
    return {
      name,
      aim,
      engine: disguisePair(
        { engine, cheap },
        {
          async *generate(request, options) {
            const held = await holdReply(forged.generate(request, options));
            const { vocabularySize } = engine.info();
            const rows = rowsOf(held.windows, vocabularySize);
            const isFit = countMisses(rows, { ...request, vocabularySize }, request.drawKey) === 0;
            counts[isFit ? 'fitting' : 'unfit']++;
            if (isFit) yield* tellReply(engine, request, held);
            else if (serves) yield* engine.generate(request, options);
            else throw new EngineError('overloaded', 'try another provider', { retryable: true });
          },
        },
      ),
      counts: () => ({ ...counts }),
    };
  };
  return {
    name,
    family: 'sampling',
    aim,
    caughtBy: serves ? [] : ['abandoned'],
    uncaught: serves
      ? 'no cheat: each reply is the one that the true model draws, so this is speculative decoding of whole replies. In an exact class ' +
        'some show by their lists, which are as long as the cheap model has them'
      : 'the replies that it serves: the true model draws the same ones. Its gain is paid by the consumers that it ' +
        'refuses after admission, and those refusals count against it',
    cheap: near,
    create,
  };
}

export const GRINDING_ATTACKS: readonly AttackDefinition[] = [
  defineGrinding('nonce', 'the best of many nonces for a cheap reply', (inputs, attempt) => ({
    ...inputs,
    nonce: numbered(attempt),
  })),
  defineGrinding('reply-id', 'the best of many reply ids for a cheap reply', (inputs, attempt) => ({
    ...inputs,
    replyId: numbered(attempt).subarray(0, 16),
  })),
  defineGrinding('epoch', 'the best of many epochs for a cheap reply', (inputs, attempt) => ({
    ...inputs,
    epoch: inputs.epoch + BigInt(attempt),
    beacon: numbered(attempt),
  })),
  defineSelection(
    'grind-by-refusing',
    'serve only the cheap replies that happen to replay, and refuse the rest',
    false,
  ),
  defineSelection('grind-with-fallback', 'serve the cheap replies that happen to replay, and the true one else', true),
];
