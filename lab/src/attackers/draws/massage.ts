import { EXP_ONE, expFixed } from '@ogong/protocol/base/exponential';
import { type DrawRow, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import {
  drawRank,
  isListedOrder,
  MAX_COST,
  MAX_LISTED,
  NAT,
  quantizeLogprob,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { computeLargestTail, createProcessedTailBound } from '@ogong/protocol/modality/text/stage1/tail-bound';
import { clampTail, costOf, type DrawInputs, replayRank, weighRow } from '../replay-row.ts';

export interface MassagedReply {
  readonly row: DrawRow;
  /** Largest change of a listed log-probability, 2^-16 nat. */
  readonly shiftQ16: number;
  /** Mean change over the list. */
  readonly meanQ16: number;
}

/** A larger change is obvious to any auditor. */
const MOST_SHIFT = 12 * NAT;
/** Half of the excess that stage 1 tolerates in a sum of probabilities. */
const SLACK = EXP_ONE / 2 ** 16;

/** Size that the attacker minimises: the largest change of one log-probability, or the mean over the list. */
export type Thrift = 'largest' | 'mean';

/**
 * Changes the values of a row as little as possible, so that the key draws the token that the row names. `largest`
 * minimises the largest change: every listed value moves a little, up on one side of the draw and down on the other.
 * `mean` minimises the mean change: two values move, and one gains what the other loses. The result passes all checks
 * of stage 1 on a row: order, sum of probabilities, tail bound and draw.
 * @returns undefined if no change of up to 12 nat suffices.
 */
export function massageRow(row: DrawRow, inputs: DrawInputs, thrift: Thrift = 'largest'): MassagedReply | undefined {
  const listed = listToken(row, inputs);
  const token = tokenOf(row);
  const drawn = replayRank(listed, inputs);
  const kept = arrange(entriesOf(listed), listed.tail, inputs, token);
  if (drawn !== TAIL_RANK && listed.ids[drawn] === token && isAccepted(kept, inputs)) return measure(row, kept);
  const [first] = [...spreadMoves(listed, inputs, token), transferMove(listed, inputs, token)]
    .map((move) => move && search(move, inputs))
    .filter((found) => found !== undefined)
    .map((found) => measure(row, found))
    .sort((a, b) => (thrift === 'mean' ? a.meanQ16 - b.meanQ16 : a.shiftQ16 - b.shiftQ16));
  return first;
}

/**
 * Keeps the values, the tail and the row's own token, and puts unlisted tokens in the place of all other candidates. It
 * chooses them before or behind the own token in the order of the draw, so that the draw falls on that token.
 * @returns undefined if a filter cuts the own token, or no choice of the others works.
 */
export function renameCandidates(row: DrawRow, inputs: DrawInputs): DrawRow | undefined {
  if (row.rank === TAIL_RANK) return undefined;
  const { weights } = weighRow(row, inputs);
  const own = row.rank;
  const width = own < weights.kept ? (weights.byRank[own] as number) : 0;
  let below = 0;
  const isBefore = Array.from(row.ids, (_, rank) => {
    const weight = rank < weights.kept ? (weights.byRank[rank] as number) : 0;
    if (rank === own || below + weight > inputs.u) return false;
    below += weight;
    return true;
  });
  if (inputs.u >= below + width) return undefined;
  const token = tokenOf(row);
  const listed = new Set(row.ids);
  const isFree = (id: number): boolean => !listed.has(id) && !inputs.bias.has(id) && !inputs.counts.has(id);
  let before = FIRST_ORDINARY;
  let behind = token;
  const ids = row.ids.map((id, rank) => {
    if (rank === own) return id;
    if (isBefore[rank]) {
      while (!isFree(before)) before++;
      return before++;
    }
    do behind++;
    while (!isFree(behind));
    return behind;
  });
  if (before > token || behind >= inputs.vocabularySize) return undefined;
  const renamed = { ...row, ids };
  const { costs } = weighRow(renamed, inputs);
  const isAccepted = isListedOrder(ids, costs, ids.length) && drawRank(ids, weights, inputs.u) === own;
  // Bias and penalties do not apply under the new names, so stage 1 computes another bound for the tail.
  const fits = isUntouched(inputs) || row.tail <= computeProcessedTail(renamed, inputs);
  return isAccepted && fits ? renamed : undefined;
}

/** The tokens below are the control tokens of every vocabulary here. */
const FIRST_ORDINARY = 3;

/** Adds the unlisted token to the list, in place of the last candidate if the list is full, and takes its weight from the tail. */
function listToken(row: DrawRow, inputs: DrawInputs): DrawRow {
  if (row.rank !== TAIL_RANK) return row;
  const { settings } = inputs;
  const tailId = row.tailId as number;
  const tailQ = row.tailQ as number;
  const kept = Math.min(row.ids.length, MAX_LISTED - 1);
  const { costs } = weighRow(row, inputs);
  let tail = row.tail;
  if (settings.temperatureQ16 > 0) {
    const relative = (id: number, q: number): number =>
      Math.exp(-(costOf(id, q, inputs) - (costs[0] as number)) / settings.temperatureQ16);
    let sum = 0;
    for (let j = 0; j < row.ids.length; j++) sum += relative(row.ids[j] as number, row.q[j] as number);
    const share = (id: number, q: number): number => (relative(id, q) / sum) * (WEIGHT_ONE - row.tail);
    tail -= share(tailId, tailQ);
    for (let j = kept; j < row.ids.length; j++) tail += share(row.ids[j] as number, row.q[j] as number);
  }
  return arrange([...entriesOf(row).slice(0, kept), { id: tailId, q: tailQ }], clampTail(tail), inputs, tailId);
}

/** Bends a row by an amount; undefined if that yields no row. */
type Move = (amount: number) => DrawRow | undefined;

/** Whether the draw lies below the token's interval in the id-ordered distribution. Otherwise it lies above. */
function isBelow(row: DrawRow, inputs: DrawInputs, token: number): boolean {
  const { weights } = weighRow(row, inputs);
  let low = 0;
  for (let rank = 0; rank < weights.kept; rank++) {
    if ((row.ids[rank] as number) < token) low += weights.byRank[rank] as number;
  }
  return inputs.u < low;
}

/** Two moves: all values on the token's side of the draw up and the others down; and the token alone up. Q16 nats. */
function spreadMoves(row: DrawRow, inputs: DrawInputs, token: number): Move[] {
  const below = isBelow(row, inputs, token);
  const isLifted = (id: number): boolean => (below ? id >= token : id <= token);
  const isGreedy = inputs.settings.temperatureQ16 === 0;
  return [
    (shift) => shiftAll(row, inputs, { token, shift, isLifted, tailShift: below || isGreedy ? 0 : -shift }),
    (shift) => shiftAll(row, inputs, { token, shift, isLifted: (id) => id === token, tailShift: 0 }),
  ];
}

interface Shift {
  readonly token: number;
  readonly shift: number;
  readonly isLifted: (id: number) => boolean;
  readonly tailShift: number;
}

function shiftAll(row: DrawRow, inputs: DrawInputs, { token, shift, isLifted, tailShift }: Shift): DrawRow | undefined {
  if (shift > MOST_SHIFT) return undefined;
  const tail = row.tail * Math.exp(tailShift / NAT);
  const moved = entriesOf(row).map(({ id, q }) => ({ id, q: isLifted(id) ? q - shift : q + shift }));
  const before = sumMass(row.q);
  // If list and tail sum to one, the list gains what the tail loses.
  const target = isPlain(inputs) ? before + ((row.tail - tail) / WEIGHT_ONE) * EXP_ONE : before;
  const after = moved.reduce((sum, { q }) => sum + Math.exp(-q / NAT) * EXP_ONE, 0);
  const back = Math.round(Math.log(after / Math.max(target, 1)) * NAT);
  const entries = moved.map(({ id, q }) => ({ id, q: Math.min(Math.max(q + back, 0), MAX_COST) }));
  return arrange(entries, clampTail(tail), inputs, token);
}

/** Moves probability from the heaviest candidate on the wrong side to the heaviest on the token's side, in 2^-24. */
function transferMove(row: DrawRow, inputs: DrawInputs, token: number): Move | undefined {
  const below = isBelow(row, inputs, token);
  const { weights } = weighRow(row, inputs);
  const heaviest = (isWanted: (id: number) => boolean): number | undefined => {
    let best: number | undefined;
    let most = 0;
    for (let rank = 0; rank < weights.kept; rank++) {
      const weight = weights.byRank[rank] as number;
      if (weight > most && isWanted(row.ids[rank] as number)) [best, most] = [row.ids[rank] as number, weight];
    }
    return best;
  };
  const rank = row.ids.indexOf(token);
  const isKept = rank < weights.kept;
  const to = isKept ? heaviest((id) => (below ? id >= token : id <= token)) : token;
  const from = heaviest((id) => (below ? id < token : id > token));
  if (to === undefined || from === undefined) return undefined;
  return (amount) => {
    const mass = amount / WEIGHT_ONE;
    const entries = entriesOf(row).map(({ id, q }) => {
      if (id !== from && id !== to) return { id, q };
      const probability = Math.exp(-q / NAT) + (id === to ? mass : -mass);
      return { id, q: probability > 0 ? quantizeLogprob(Math.log(probability)) : -1 };
    });
    return entries.some(({ q }) => q < 0) ? undefined : arrange(entries, row.tail, inputs, token);
  };
}

/** The smallest accepted amount, by doubling and then bisection. */
function search(move: Move, inputs: DrawInputs): DrawRow | undefined {
  const attempt = (amount: number): DrawRow | undefined | 'over' => {
    const bent = move(amount);
    if (bent === undefined) return 'over';
    return isAccepted(bent, inputs) ? bent : undefined;
  };
  let low = 0;
  let high = 1;
  let best = attempt(high);
  while (best === undefined) {
    low = high;
    high *= 2;
    best = attempt(high);
  }
  if (best === 'over') return undefined;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const bent = attempt(middle);
    if (bent === undefined || bent === 'over') low = middle;
    else [high, best] = [middle, bent];
  }
  return best;
}

/** Changes every value except the own token's by `change` (2^-16 nat), and settles the tail accordingly. */
export function perturbRow(row: DrawRow, inputs: DrawInputs, change: () => number): DrawRow {
  const token = tokenOf(row);
  const entries = entriesOf(row).map(({ id, q }) =>
    id === token ? { id, q } : { id, q: Math.min(Math.max(Math.round(q + change()), 0), MAX_COST) },
  );
  return arrange(entries, row.tail, inputs, token);
}

const entriesOf = ({ ids, q }: Pick<DrawRow, 'ids' | 'q'>): { readonly id: number; readonly q: number }[] =>
  Array.from(ids, (id, j) => ({ id, q: q[j] as number }));

function arrange(
  entries: readonly { readonly id: number; readonly q: number }[],
  tail: number,
  inputs: DrawInputs,
  token: number,
): DrawRow {
  const sorted = entries
    .map(({ id, q }) => ({ id, q, cost: costOf(id, q, inputs) }))
    .sort((a, b) => a.cost - b.cost || a.id - b.id);
  const ids = Uint32Array.from(sorted, ({ id }) => id);
  const q = Uint32Array.from(sorted, (entry) => entry.q);
  return { ids, q, tail: settleTail({ ids, q }, tail, inputs), rank: ids.indexOf(token) };
}

/** The tail that stage 1 accepts for these values and that is nearest to the wanted one. */
function settleTail({ ids, q }: Pick<DrawRow, 'ids' | 'q'>, tail: number, inputs: DrawInputs): number {
  const { settings, vocabularySize } = inputs;
  if (settings.temperatureQ16 === 0) return 0;
  const mass = sumMass(q);
  if (isPlain(inputs)) return clampTail((1 - mass / EXP_ONE) * WEIGHT_ONE);
  if (!isUntouched(inputs)) return Math.min(tail, clampTail(computeProcessedTail({ ids, q }, inputs)));
  return Math.min(
    tail,
    clampTail(computeLargestTail(q, { vocabularySize, temperatureQ16: settings.temperatureQ16, mass })),
  );
}

/** The largest tail that stage 1 accepts where bias or penalties change the costs. */
function computeProcessedTail(row: Pick<DrawRow, 'ids' | 'q'>, inputs: DrawInputs): number {
  const { settings: sampler, vocabularySize, counts } = inputs;
  const bias = Array.from(inputs.bias, ([id, biasQ16]) => ({ id, biasQ16 }));
  const bound = createProcessedTailBound({ sampler, vocabularySize, bias, promptTokenCount: 0 });
  for (const [token, count] of counts) for (let i = 0; i < count; i++) bound.push(token);
  return bound.compute(row, sumMass(row.q));
}

const sumMass = (q: ArrayLike<number>): number => {
  let mass = 0;
  for (let j = 0; j < q.length; j++) mass += expFixed(q[j] as number);
  return mass;
};

const isUntouched = ({ bias, settings }: DrawInputs): boolean =>
  bias.size === 0 && settings.presencePenaltyQ16 === 0 && settings.frequencyPenaltyQ16 === 0;

const isPlain = (inputs: DrawInputs): boolean => isUntouched(inputs) && inputs.settings.temperatureQ16 === NAT;

function isAccepted(row: DrawRow, inputs: DrawInputs): boolean {
  const { weights } = weighRow(row, inputs);
  if (sumMass(row.q) > EXP_ONE + SLACK || drawRank(row.ids, weights, inputs.u) !== row.rank) return false;
  // Stage 1 refuses a tail after a list that is not full.
  return weights.tail === 0 || row.ids.length >= Math.min(MAX_LISTED, inputs.vocabularySize);
}

function measure(original: DrawRow, row: DrawRow): MassagedReply {
  let largest = 0;
  let sum = 0;
  for (let j = 0; j < row.ids.length; j++) {
    const at = original.ids.indexOf(row.ids[j] as number);
    const before = at >= 0 ? (original.q[at] as number) : (original.tailQ ?? 0);
    const change = Math.abs((row.q[j] as number) - before);
    largest = Math.max(largest, change);
    sum += change;
  }
  return { row, shiftQ16: largest, meanQ16: sum / row.ids.length };
}
