import { nativeHash } from '@ogong/engine/decode/native-hash';
import type { TextGenerationEvent, TextGenerationRequest } from '@ogong/engine/interface/text';
import { type DrawRow, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { createDrawSource } from '@ogong/protocol/modality/text/sampling/draw-key';
import { type AttackDefinition, disguisePair, type EnginePair, pairEngines } from '../attack.ts';
import { holdReply, listSizesOf, rowsOf, scoreOutput, tellReply } from '../held-reply.ts';
import { type DrawInputs, replayRank } from '../replay-row.ts';
import { massageRow, renameCandidates } from './massage.ts';
import { closeWindows, openWindows } from './windows.ts';

const name = 'renamed-candidates';
const aim =
  'decode with a cheaper quantisation, pre-fill the true values, and rename other candidates until the draw hits the token. Every sketch and every value of a token that both sides list stays true';

/** A comparison of tokens that both sides list finds nothing, because only the choice of listed tokens is wrong. */
export const renamedCandidates: AttackDefinition = {
  name,
  family: 'sampling',
  aim,
  // `draw-replay`: for a very unlikely token no choice of names moves the draw far enough.
  caughtBy: ['equality', 'own-choice', 'draw-replay'],
  cheap: { weights: { quant: 'q4_0' } },
  create(context) {
    const pair = pairEngines(context, name);
    const tally: Tally = { positions: 0, renamed: 0, massaged: 0, lost: 0 };
    return {
      name,
      aim,
      engine: disguisePair(pair, { generate: (request, options) => generate(pair, tally, request, options) }),
      counts: () => ({ ...tally }),
    };
  },
};

/** Positions by what the attacker did there. `lost`: the draw misses the token, and nothing moved it there. */
interface Tally extends Record<string, number> {
  positions: number;
  renamed: number;
  massaged: number;
  lost: number;
}

async function* generate(
  { engine, cheap }: EnginePair,
  tally: Tally,
  request: TextGenerationRequest,
  options?: { signal?: AbortSignal },
): AsyncGenerator<TextGenerationEvent> {
  const info = engine.info();
  const held = await holdReply(cheap.generate(request, options));
  const { promptTokens, outputTokens } = held;
  if (outputTokens.length === 0) return yield* tellReply(engine, request, held);
  const listSizes = listSizesOf(rowsOf(held.windows, info.vocabularySize));
  const scored = await scoreOutput(engine, request, { promptTokens, outputTokens, listSizes }, options);
  const draws = createDrawSource(nativeHash, request.drawKey);
  const bias = new Map(request.bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const counts = new Map<number, number>();
  const { sampler: settings } = request;
  const positions = openWindows(scored, info, request.sketch.directions).map((position, i) => {
    const u = draws.draw((request.firstDraw ?? 0) + i);
    const row = excuse(tally, position.row, { u, settings, bias, counts, vocabularySize: info.vocabularySize });
    const token = tokenOf(row);
    counts.set(token, (counts.get(token) ?? 0) + 1);
    return { ...position, row };
  });
  yield* tellReply(engine, request, { ...held, windows: closeWindows(positions, info) });
}

function excuse(tally: Tally, row: DrawRow, inputs: DrawInputs): DrawRow {
  tally.positions++;
  if (replayRank(row, inputs) === row.rank) return row;
  const renamed = renameCandidates(row, inputs);
  const massaged = renamed ? undefined : massageRow(row, inputs, 'mean')?.row;
  tally[renamed ? 'renamed' : massaged ? 'massaged' : 'lost']++;
  return renamed ?? massaged ?? row;
}
