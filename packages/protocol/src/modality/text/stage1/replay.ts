import { equalBytes } from '../../../base/bytes.ts';
import { type Check, fail, pass } from '../../../base/checks.ts';
import { EXP_ONE, expFixed } from '../../../base/exponential.ts';
import type { Opening } from '../../../commitment/opening.ts';
import type { RecordV2 } from '../../../commitment/record.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { checkRoot } from '../../../stage1/common-checks.ts';
import { checkPosture } from '../../../tier/posture.ts';
import { lookUpTier, TIERS } from '../../../tier/registry.ts';
import type { TierEntry } from '../../../tier/tier.ts';
import { type Header, hashTokens, NO_GRAMMAR, parseHeader } from '../commitment/header.ts';
import { findWrongShape } from '../commitment/shape-classes.ts';
import {
  countSketched,
  type DrawRow,
  decodeDraws,
  expandRuns,
  logSumOf,
  tokenOf,
  WINDOW_TOKENS,
} from '../commitment/window.ts';
import { computeDrawKey, createDrawSource, type DrawSource } from '../sampling/draw-key.ts';
import {
  computeCost,
  computeWeights,
  createWeights,
  drawRank,
  isDrawn,
  isListedOrder,
  MAX_LISTED,
  MIN_LISTED,
  NAT,
  TAIL_RANK,
  WEIGHT_ONE,
} from '../sampling/sampler.ts';
import { findWrongMark } from './repeated-marks.ts';
import { computeLargestTail, createProcessedTailBound, MASS_SLACK, mayLeave } from './tail-bound.ts';
import { listTailDraws, type TailDraws } from './tail-draws.ts';
import { replayTokens } from './token-replay.ts';

/**
 * The result of stage 1: everything that a reply's own opening proves or refutes without a model (docs/spec/stage-1.md). Each
 * failed check is evidence by itself, and anyone can repeat it from the signed bytes.
 */
export interface Replay {
  readonly checks: readonly Check[];
  /** The parsed header, if there is one. */
  readonly header: Header | undefined;
  /** Decoded positions; empty unless every window decoded, or if windows contain tokens alone. */
  readonly rows: readonly DrawRow[];
  readonly outputTokens: Uint32Array;
  /** As committed, one per position. */
  readonly shapeClasses: Uint8Array;
  /** Draws of the positions that commit to the tail. */
  readonly tailDraws: TailDraws;
}

/** Replays a reply. @param tiers those that a header may state. Default: those of the network. */
export function replayReply(
  crypto: Crypto,
  record: RecordV2,
  opening: Opening,
  tiers: readonly TierEntry[] = TIERS,
): Replay {
  const checks: Check[] = [];
  const nothing = {
    checks,
    header: undefined,
    rows: [],
    outputTokens: new Uint32Array(0),
    shapeClasses: new Uint8Array(0),
    tailDraws: new Map(),
  };

  // The roots of edges stand in the header: see checkBoundaryRoots.
  const root = checkRoot(crypto, record, { ...opening, edges: [] });
  checks.push(root);
  if (root.status === 'fail') return nothing;

  let header: Header;
  const rows: DrawRow[] = [];
  const classes: number[] = [];
  try {
    header = parseHeader(opening.header);
    const { tier } = lookUpTier(header.tier, tiers);
    if (tier?.windows === 'tokens') {
      const replayed = replayTokens(crypto, { record, header, opening }, { tier, tiers });
      if ('problem' in replayed) return { ...nothing, checks: [root, replayed.problem] };
      return { ...nothing, header, outputTokens: replayed.outputTokens, checks: [root, ...replayed.checks] };
    }
    const isRepetition = header.sampler.repetitionPenaltyQ16 !== NAT;
    for (let w = 0; w < opening.windows.length; w++) {
      const { draws, sketch } = opening.windows[w] as Opening['windows'][number];
      const { rows: decoded, runs } = decodeDraws(draws, header);
      const sketched = countSketched(sketch, { directions: header.sketchDirections });
      const isLast = w === opening.windows.length - 1;
      if (sketched !== decoded.length || (!isLast && decoded.length !== WINDOW_TOKENS)) {
        checks.push(fail('commitment-form', `window ${w} holds ${decoded.length} draws and ${sketched} sketches`));
        return nothing;
      }
      if (decoded.some(({ repeated }) => (repeated !== undefined) !== isRepetition)) {
        const marks = isRepetition ? 'no marks of repeated tokens' : 'marks of repeated tokens, and no penalty';
        checks.push(fail('commitment-form', `window ${w} holds ${marks}`));
        return nothing;
      }
      for (const row of decoded) rows.push(row);
      classes.push(...expandRuns(runs));
    }
  } catch (error) {
    checks.push(fail('commitment-form', (error as Error).message));
    return nothing;
  }
  checks.push(pass('commitment-form', `${rows.length} positions in ${opening.windows.length} windows`));

  const outputTokens = Uint32Array.from(rows, tokenOf);
  checks.push(checkPosture(header, tiers));
  checks.push(checkTokens(crypto, record, { header, blind: opening.blind }, outputTokens));
  checks.push(checkListing(header, rows));
  const source = createDrawSource(crypto, computeDrawKey(crypto, header.drawKey));
  checks.push(checkDraws(source, header, rows));
  const shapeClasses = Uint8Array.from(classes);
  checks.push(checkShapes(header, shapeClasses));
  return { checks, header, rows, outputTokens, shapeClasses, tailDraws: listTailDraws(source, rows) };
}

function checkShapes(header: Header, shapeClasses: Uint8Array): Check {
  const id = 'shape-classes';
  const { numericClass } = header;
  const wrong = findWrongShape(header, shapeClasses);
  if (wrong < 0) return pass(id, `${shapeClasses.length} positions in passes that ${numericClass} has`);
  return fail(
    id,
    `position ${wrong} is in shape class ${shapeClasses[wrong]}, which ${numericClass} does not have there`,
  );
}

function checkTokens(
  crypto: Crypto,
  record: RecordV2,
  { header, blind }: { readonly header: Header; readonly blind: Uint8Array },
  outputTokens: Uint32Array,
): Check {
  const count = outputTokens.length;
  if (count !== record.tokenCount || count !== header.outputTokenCount) {
    return fail('token-count', `record says ${record.tokenCount}, header ${header.outputTokenCount}, draws ${count}`);
  }
  if (!equalBytes(hashTokens(crypto, blind, outputTokens), header.outputTokensHash)) {
    return fail('token-count', 'the drawn tokens are not the ones that the header hashes');
  }
  const isFull = count === header.maxTokens;
  if (count > header.maxTokens || (header.stopReason === 'length' && !isFull)) {
    return fail(
      'token-count',
      `${count} tokens with a limit of ${header.maxTokens} and stop reason ${header.stopReason}`,
    );
  }
  return pass('token-count', `${count} tokens, stop reason ${header.stopReason}`);
}

function checkListing(header: Header, rows: readonly DrawRow[]): Check {
  const fewest = Math.min(MIN_LISTED, header.vocabularySize);
  const { sampler, bias } = header;
  const isMasked = !equalBytes(header.grammarHash, NO_GRAMMAR);
  const isUntouched =
    bias.length === 0 &&
    sampler.presencePenaltyQ16 === 0 &&
    sampler.frequencyPenaltyQ16 === 0 &&
    sampler.repetitionPenaltyQ16 === NAT;
  const isPlain = isUntouched && sampler.temperatureQ16 === NAT;
  const processed = isUntouched ? undefined : createProcessedTailBound(header);
  const wrongMark = findWrongMark(header, rows);
  if (wrongMark !== undefined) return fail('listing', wrongMark);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as DrawRow;
    const { ids, q, tail } = row;
    // A grammar may allow fewer. Then all of them are listed.
    if (ids.length < fewest && (!isMasked || tail > 0))
      return fail('listing', `position ${i} lists ${ids.length} candidates, at least ${fewest}`);
    let mass = 0;
    for (let j = 0; j < q.length; j++) mass += expFixed(q[j] as number);
    if (mass > EXP_ONE + MASS_SLACK) return fail('listing', `position ${i}: listed probabilities exceed one`);
    if (tail > 0 && sampler.temperatureQ16 === 0) return fail('listing', `position ${i}: a tail at temperature 0`);
    if (tail > 0 && ids.length === header.vocabularySize) {
      return fail('listing', `position ${i}: a tail, with every token listed`);
    }
    // With temperature one and no processors the tail is one minus the listed mass, so it can be recomputed.
    const missing = EXP_ONE - mass - tail * (EXP_ONE / WEIGHT_ONE);
    if (isPlain && Math.abs(missing) > MASS_SLACK) {
      return fail(
        'listing',
        `position ${i}: listed mass and tail differ from one by ${(missing / EXP_ONE).toFixed(6)}`,
      );
    }
    if (tail > 0) {
      const leftOver = { vocabularySize: header.vocabularySize, temperatureQ16: sampler.temperatureQ16, mass };
      const most =
        processed?.compute(row, mass) ?? (mayLeave(tail, q, leftOver) ? tail : computeLargestTail(q, leftOver));
      if (tail > most) {
        return fail(
          'listing',
          `position ${i}: a tail of ${tail}, where the listed probabilities leave ${most} at most`,
        );
      }
    }
    processed?.push(tokenOf(row));
  }
  return pass('listing', `${rows.length} candidate lists are complete and within probability one`);
}

function checkDraws(source: DrawSource, header: Header, rows: readonly DrawRow[]): Check {
  const { sampler } = header;
  const bias = new Map(header.bias.map(({ id, biasQ16 }) => [id, biasQ16]));
  const isCounting = sampler.presencePenaltyQ16 !== 0 || sampler.frequencyPenaltyQ16 !== 0;
  const counts = new Map<number, number>();
  const costs = new Float64Array(MAX_LISTED);
  const weights = createWeights();
  const longest = Math.min(MAX_LISTED, header.vocabularySize);
  let tailDraws = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as DrawRow;
    const { ids, q, tail, rank } = row;
    const isRaw = bias.size === 0 && counts.size === 0 && row.repeated === undefined;
    for (let j = 0; j < ids.length; j++) {
      const id = ids[j] as number;
      const cost = q[j] as number;
      costs[j] = isRaw ? cost : computeCost(cost, bias.get(id) ?? 0, counts.get(id) ?? 0, sampler, logSumOf(row, j));
    }
    if (!isListedOrder(ids, costs, ids.length)) {
      return fail('draw-replay', `position ${i}: candidates are not in order of processed cost`, i);
    }
    computeWeights(costs, ids.length, tail, sampler, weights);
    if (weights.tail > 0 && ids.length < longest) {
      // Otherwise a short list would keep a tail that a filter cuts from a longer one.
      return fail(
        'draw-replay',
        `position ${i}: a list with a tail must have ${longest} candidates, not ${ids.length}`,
        i,
      );
    }
    const u = source.draw(i);
    if (!isDrawn(ids, weights, u, rank)) {
      const drawn = drawRank(ids, weights, u);
      const name = (r: number): string => (r === TAIL_RANK ? 'an unlisted token' : `token ${ids[r]} (rank ${r})`);
      return fail('draw-replay', `position ${i}: the key draws ${name(drawn)}, the reply holds ${name(rank)}`, i);
    }
    if (rank === TAIL_RANK) tailDraws++;
    if (isCounting) {
      const token = tokenOf(row);
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
  }
  return pass('draw-replay', `${rows.length} of ${rows.length} draws replay exactly, ${tailDraws} from the tail`);
}
