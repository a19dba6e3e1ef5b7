import { computeDrawGap } from '@ogong/protocol/compare';
import { EXP_ONE, expFixed } from '@ogong/protocol/exponential';
import { computeLargestTail } from '@ogong/protocol/replay';
import {
  computeCost,
  computeWeights,
  createWeights,
  drawRank,
  MAX_COST,
  MAX_LISTED,
  NAT,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/sampler';
import { type DrawRow, tokenOf } from '@ogong/protocol/window';

/** What a draw depends on besides the row. */
export interface DrawInputs {
  /** 0..2^24-1. */
  readonly u: number;
  readonly settings: SamplerSettings;
  /** 2^-16 nat by token. */
  readonly bias: ReadonlyMap<number, number>;
  /** How often the reply holds each token so far; empty where no penalty is set. */
  readonly counts: ReadonlyMap<number, number>;
  readonly vocabularySize: number;
}

export interface Massaged {
  readonly row: DrawRow;
  /** Largest change of a listed log-probability, 2^-16 nat. */
  readonly shiftQ16: number;
}

const weights = createWeights();
const costs = new Float64Array(MAX_LISTED);

const costOf = (id: number, q: number, { bias, counts, settings }: DrawInputs): number =>
  computeCost(q, bias.get(id) ?? 0, counts.get(id) ?? 0, settings);

function weigh({ ids, q, tail }: Pick<DrawRow, 'ids' | 'q' | 'tail'>, inputs: DrawInputs): void {
  for (let j = 0; j < ids.length; j++) costs[j] = costOf(ids[j] as number, q[j] as number, inputs);
  computeWeights(costs, ids.length, tail, inputs.settings, weights);
}

/** The rank that the key draws from a row, as stage 1 replays it. */
export function replayRank(row: Pick<DrawRow, 'ids' | 'q' | 'tail'>, inputs: DrawInputs): number {
  weigh(row, inputs);
  return drawRank(row.ids, weights, inputs.u);
}

/** How far the draw lies from the row's token under the row's own values, 0..1: what a knowing auditor would see. */
export function measureGap(row: DrawRow, inputs: DrawInputs): number {
  weigh(row, inputs);
  return computeDrawGap(row.ids, weights, tokenOf(row), inputs.u);
}

/** Past this even a careless auditor laughs. */
const MOST_SHIFT = 12 * NAT;
/** Half of what stage 1 forgives in a sum of probabilities. */
const SLACK = EXP_ONE / 2 ** 16;

/**
 * The smallest change of a row's values, as the largest change of one log-probability, after which the key draws the token
 * that the row names. Every listed value moves a little, to one side of the draw up and to the other down: a change that
 * is spread is smaller at its largest. The result passes everything that stage 1 checks of a row: order, probabilities
 * within one, a tail that the list allows, and the draw.
 * @returns undefined where nothing within 12 nat does it.
 */
export function massageRow(row: DrawRow, inputs: DrawInputs): Massaged | undefined {
  const listed = listToken(row, inputs);
  const token = tokenOf(row);
  const drawn = replayRank(listed, inputs);
  if (drawn !== TAIL_RANK && listed.ids[drawn] === token) return finish(listed, inputs, token, row);
  const found = [spread(listed, inputs, token), single(listed, token)]
    .map((move) => search(listed, inputs, { token, move }))
    .filter((candidate) => candidate !== undefined)
    .map((candidate) => ({ row: candidate, shiftQ16: largestShift(row, candidate) }));
  return found.sort((a, b) => a.shiftQ16 - b.shiftQ16)[0];
}

/** The list with the token in it, in the place of the last one where it is full; the tail gives what it takes. */
function listToken(row: DrawRow, inputs: DrawInputs): DrawRow {
  if (row.rank !== TAIL_RANK) return row;
  const { settings } = inputs;
  const tailId = row.tailId as number;
  const tailQ = row.tailQ as number;
  const kept = Math.min(row.ids.length, MAX_LISTED - 1);
  weigh(row, inputs);
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
  const entries = Array.from({ length: kept }, (_, j) => ({ id: row.ids[j] as number, q: row.q[j] as number }));
  return arrange([...entries, { id: tailId, q: tailQ }], clampTail(tail), inputs, tailId);
}

const clampTail = (tail: number): number => Math.min(Math.max(Math.round(tail), 0), WEIGHT_ONE - 1);

/** Which way a value moves: -1 is likelier, by id; and by which power of e the tail does. */
interface Move {
  readonly sign: (id: number) => number;
  readonly tail: number;
}

/** Everything on the token's side of the draw up, everything on the other side down. */
function spread(row: DrawRow, inputs: DrawInputs, token: number): Move {
  weigh(row, inputs);
  let low = 0;
  for (let rank = 0; rank < weights.kept; rank++) {
    if ((row.ids[rank] as number) < token) low += weights.byRank[rank] as number;
  }
  if (inputs.settings.temperatureQ16 === 0) return single(row, token);
  return inputs.u < low
    ? { sign: (id) => (id >= token ? -1 : 1), tail: 0 }
    : { sign: (id) => (id <= token ? -1 : 1), tail: -1 };
}

const single = (_: DrawRow, token: number): Move => ({ sign: (id) => (id === token ? -1 : 1), tail: 0 });

function search(
  row: DrawRow,
  inputs: DrawInputs,
  { token, move }: { readonly token: number; readonly move: Move },
): DrawRow | undefined {
  const attempt = (shift: number): DrawRow | undefined => {
    const bent = apply(row, inputs, { token, move, shift });
    return isAccepted(bent, inputs) ? bent : undefined;
  };
  let low = 0;
  let high = 1;
  let best = attempt(high);
  while (best === undefined) {
    low = high;
    high *= 2;
    if (high > MOST_SHIFT) return undefined;
    best = attempt(high);
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const bent = attempt(middle);
    if (bent === undefined) low = middle;
    else {
      high = middle;
      best = bent;
    }
  }
  return best;
}

function apply(
  row: DrawRow,
  inputs: DrawInputs,
  { token, move, shift }: { readonly token: number; readonly move: Move; readonly shift: number },
): DrawRow {
  const tail = row.tail * Math.exp((move.tail * shift) / NAT);
  const moved = Array.from(row.ids, (id, j) => ({ id, q: (row.q[j] as number) + move.sign(id) * shift }));
  const before = sumMass(row.q);
  // What leaves the tail goes to the listed, where both are parts of one.
  const target = isPlain(inputs) ? before + ((row.tail - tail) / WEIGHT_ONE) * EXP_ONE : before;
  const after = moved.reduce((sum, { q }) => sum + Math.exp(-q / NAT) * EXP_ONE, 0);
  const back = Math.round(Math.log(after / Math.max(target, 1)) * NAT);
  const entries = moved.map(({ id, q }) => ({ id, q: Math.min(Math.max(q + back, 0), MAX_COST) }));
  return arrange(entries, clampTail(tail), inputs, token);
}

function arrange(
  entries: readonly { readonly id: number; readonly q: number }[],
  tail: number,
  inputs: DrawInputs,
  token: number,
): DrawRow {
  const sorted = [...entries].sort((a, b) => costOf(a.id, a.q, inputs) - costOf(b.id, b.q, inputs) || a.id - b.id);
  const ids = Uint32Array.from(sorted, ({ id }) => id);
  const q = Uint32Array.from(sorted, ({ q: cost }) => cost);
  return { ids, q, tail: settleTail(q, tail, inputs), rank: ids.indexOf(token) };
}

/** The tail that stage 1 expects of these values, as near to the wanted one as it lets. */
function settleTail(q: Uint32Array, tail: number, inputs: DrawInputs): number {
  const { settings, vocabularySize } = inputs;
  if (settings.temperatureQ16 === 0) return 0;
  const mass = sumMass(q);
  if (isPlain(inputs)) return clampTail((1 - mass / EXP_ONE) * WEIGHT_ONE);
  if (!isUntouched(inputs)) return tail;
  return Math.min(tail, clampTail(computeLargestTail(q, vocabularySize, settings.temperatureQ16, mass)));
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
  return sumMass(row.q) <= EXP_ONE + SLACK && replayRank(row, inputs) === row.rank;
}

function finish(row: DrawRow, inputs: DrawInputs, token: number, original: DrawRow): Massaged | undefined {
  const settled = arrange(
    Array.from(row.ids, (id, j) => ({ id, q: row.q[j] as number })),
    row.tail,
    inputs,
    token,
  );
  return isAccepted(settled, inputs) ? { row: settled, shiftQ16: largestShift(original, settled) } : undefined;
}

function largestShift(original: DrawRow, bent: DrawRow): number {
  let largest = 0;
  for (let j = 0; j < bent.ids.length; j++) {
    const at = original.ids.indexOf(bent.ids[j] as number);
    const before = at >= 0 ? (original.q[at] as number) : (original.tailQ ?? 0);
    largest = Math.max(largest, Math.abs((bent.q[j] as number) - before));
  }
  return largest;
}
