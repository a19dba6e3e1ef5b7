import { nativeHash } from '@ogong/engine/decode/native-hash';
import type { TextEngine, TextGenerationEvent, TextGenerationRequest } from '@ogong/engine/interface/text';
import { EXP_ONE, expFixed } from '@ogong/protocol/base/exponential';
import { tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import { MIN_LISTED, NAT, TAIL_RANK, WEIGHT_ONE } from '@ogong/protocol/modality/text/sampling/sampler';
import { computeLargestTail } from '@ogong/protocol/modality/text/stage1/tail-bound';
import { type AttackDefinition, disguiseEngine, disguisePair, type EnginePair, pairEngines } from '../attack.ts';
import { findCheapModel } from '../cheap-models.ts';
import { holdReply, listSizesOf, rowsOf, scoreOutput, spell, tellReply } from '../held-reply.ts';
import { type DrawInputs, replayRank } from '../replay-row.ts';
import { massageRow } from './massage.ts';
import { closeWindows, openWindows, type Position } from './windows.ts';

type Options = { signal?: AbortSignal } | undefined;

/**
 * Pre-fills with the longest lists. Where the draw does not give the cheap model's token, it signs only the unlikely end of
 * the list. All values are true; the omitted candidates count as the tail, the draw falls into the tail, and the tail may
 * name any unlisted token.
 */
const tailOversized: AttackDefinition = {
  name: 'tail-oversized',
  family: 'sampling',
  aim: 'leave the likely candidates out, so that draws fall into a tail that may say anything',
  caughtBy: ['equality', 'draw-replay'],
  uncaught: 'replies in which no draw missed: they are what the true model says',
  needs: 'tail',
  cheap: { weights: findCheapModel('q4-0').recipe },
  create(context) {
    const pair = pairEngines(context, 'tail-oversized');
    const counts = { positions: 0, missed: 0, hidden: 0 };
    return {
      name: 'tail-oversized',
      aim: tailOversized.aim,
      engine: disguisePair(pair, {
        generate: (request, options) => hideInTail({ ...pair, counts }, request, options),
      }),
      counts: () => ({ ...counts }),
    };
  },
};

interface Hiding extends EnginePair {
  readonly counts: { positions: number; missed: number; hidden: number };
}

const LONGEST = 64;

async function* hideInTail(
  { engine, cheap, counts }: Hiding,
  request: TextGenerationRequest,
  options: Options,
): AsyncGenerator<TextGenerationEvent> {
  const info = engine.info();
  const { vocabularySize } = info;
  const held = await holdReply(cheap.generate(request, options));
  const { promptTokens, outputTokens } = held;
  if (outputTokens.length === 0) return yield* tellReply(engine, request, held);
  const wanted = listSizesOf(rowsOf(held.windows, vocabularySize));
  const score = (listSizes: Uint8Array) =>
    scoreOutput(engine, request, { promptTokens, outputTokens, listSizes }, options);
  const long = openWindows(await score(wanted.map(() => LONGEST)), info);
  const honest = openWindows(await score(wanted), info);
  const draws = createDrawSource(nativeHash, request.drawKey);
  const bias = new Map(request.bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const seen = new Map<number, number>();
  const isCounting = request.sampler.presencePenaltyQ16 !== 0 || request.sampler.frequencyPenaltyQ16 !== 0;
  const positions = honest.map((position, i): Position => {
    const inputs = { u: draws.draw(i), settings: request.sampler, bias, counts: seen, vocabularySize };
    counts.positions++;
    let { row } = position;
    if (replayRank(row, inputs) !== row.rank) {
      counts.missed++;
      const hidden = listUnlikely(long[i] as Position, inputs);
      if (hidden !== undefined) counts.hidden++;
      row = hidden ?? massageRow(row, inputs)?.row ?? row;
    }
    if (isCounting) seen.set(tokenOf(row), (seen.get(tokenOf(row)) ?? 0) + 1);
    return { ...position, row };
  });
  yield* tellReply(engine, request, { ...held, windows: closeWindows(positions, info) });
}

/** The last candidates of a long list, without the token, and the largest tail that stage 1 allows for them. */
function listUnlikely({ row }: Position, inputs: DrawInputs): Position['row'] | undefined {
  const { settings, vocabularySize, bias } = inputs;
  const isPenalised = settings.presencePenaltyQ16 !== 0 || settings.frequencyPenaltyQ16 !== 0;
  // Greedy decoding has no tail. Under bias or penalties stage 1 bounds the tail by the processed costs of all touched
  // tokens (tail-bound.ts). This attacker massages such rows instead.
  if (settings.temperatureQ16 === 0 || bias.size > 0 || isPenalised) return undefined;
  const token = tokenOf(row);
  const last = Array.from(row.ids, (id, j) => ({ id, q: row.q[j] as number }))
    .filter(({ id }) => id !== token)
    .slice(-MIN_LISTED);
  const ids = Uint32Array.from(last, ({ id }) => id);
  const q = Uint32Array.from(last, (entry) => entry.q);
  const mass = q.reduce((sum, cost) => sum + expFixed(cost), 0);
  const rest = Math.floor((1 - mass / EXP_ONE) * WEIGHT_ONE);
  const most = computeLargestTail(q, { vocabularySize, temperatureQ16: settings.temperatureQ16, mass });
  const tail = Math.min(settings.temperatureQ16 === NAT ? rest : most, WEIGHT_ONE - 1);
  const at = row.ids.indexOf(token);
  const tailQ = at >= 0 ? (row.q[at] as number) : (row.tailQ as number);
  const bent = { ids, q, tail, rank: TAIL_RANK, tailId: token, tailQ };
  return replayRank(bent, inputs) === TAIL_RANK ? bent : undefined;
}

/**
 * Serves honestly until the key draws the tail. Then it names an unlisted token of its choice, for example the one that
 * ends the reply.
 */
function defineTailChoice(
  name: string,
  aim: string,
  choose: (engine: TextEngine, own: number) => number,
): AttackDefinition {
  return {
    name,
    family: 'sampling',
    aim,
    caughtBy: ['own-choice', 'tail-place'],
    uncaught:
      'between machines of different classes, an unlisted token within two fifths of the unlisted mass of the drawn one. ' +
      'Every signed value is true. The attack needs a key that draws the tail, and no top-k that excludes it',
    needs: 'tail',
    create: ({ engine }) => {
      const counts = { replies: 0, chosen: 0 };
      return {
        name,
        aim,
        engine: disguiseEngine(engine, {
          generate: (request, options) => chooseFromTail({ engine, choose, counts }, request, options),
        }),
        counts: () => ({ ...counts }),
      };
    },
  };
}

interface Choosing {
  readonly engine: TextEngine;
  readonly choose: (engine: TextEngine, own: number) => number;
  readonly counts: { replies: number; chosen: number };
}

async function* chooseFromTail(
  { engine, choose, counts }: Choosing,
  request: TextGenerationRequest,
  options: Options,
): AsyncGenerator<TextGenerationEvent> {
  const info = engine.info();
  const held = await holdReply(engine.generate(request, options));
  counts.replies++;
  const rows = rowsOf(held.windows, info.vocabularySize);
  const at = rows.findIndex((row) => {
    const chosen = choose(engine, tokenOf(row));
    return row.rank === TAIL_RANK && chosen !== tokenOf(row) && !row.ids.includes(chosen);
  });
  const { presencePenaltyQ16, frequencyPenaltyQ16 } = request.sampler;
  if (at < 0 || presencePenaltyQ16 !== 0 || frequencyPenaltyQ16 !== 0 || request.stop.length > 0) {
    return yield* tellReply(engine, request, held);
  }
  counts.chosen++;
  const { promptTokens } = held;
  const kept = Uint32Array.from([
    ...held.outputTokens.subarray(0, at),
    choose(engine, held.outputTokens[at] as number),
  ]);
  const isEnd = info.stopTokens.includes(kept.at(-1) as number);
  const rest =
    isEnd || kept.length === request.maxTokens
      ? undefined
      : await holdReply(
          engine.generate(
            {
              ...request,
              prompt: { kind: 'tokens', tokens: Uint32Array.from([...promptTokens, ...kept]) },
              firstDraw: kept.length,
              maxTokens: request.maxTokens - kept.length,
            },
            options,
          ),
        );
  const outputTokens = Uint32Array.from([...kept, ...(rest?.outputTokens ?? [])]);
  const listSizes = Uint8Array.from([
    ...listSizesOf(rows.slice(0, kept.length)),
    ...listSizesOf(rowsOf(rest?.windows ?? [], info.vocabularySize)),
  ]);
  // The true value of the token that was chosen.
  const windows = await scoreOutput(engine, request, { promptTokens, outputTokens, listSizes }, options);
  const stopReason = isEnd ? 'stop-token' : (rest?.stopReason ?? 'length');
  const text = await spell(engine, { outputTokens, stopReason }, request.stop);
  yield* tellReply(engine, request, { promptTokens, outputTokens, windows, text, stopReason });
}

/** Byte tokens stand from 3 on in every vocabulary of this kind. */
const EXCLAMATION = 3 + '!'.charCodeAt(0);

export const TAIL_ATTACKS: readonly AttackDefinition[] = [
  tailOversized,
  defineTailChoice(
    'tail-end',
    'end replies early where the key draws the tail',
    (engine) => engine.info().stopTokens.at(-1) as number,
  ),
  defineTailChoice('tail-choice', 'say a word of its own where the key draws the tail', () => EXCLAMATION),
];
