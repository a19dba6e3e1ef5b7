import type { DrawRow } from '@ogong/protocol/modality/text/commitment/window';
import {
  computeCost,
  computeWeights,
  createWeights,
  drawRank,
  layOutList,
  MAX_COST,
  MAX_LISTED,
  NAT,
  quantizeLogprob,
  quantizeLogSum,
  type SamplerSettings,
  TAIL_RANK,
  WEIGHT_ONE,
} from '@ogong/protocol/modality/text/sampling/sampler';
import { EngineError } from '../../interface/engine-error.ts';
import { isAllowed, type TokenMask } from '../grammar/grammar-cursor.ts';
import { expNegative, naturalLog } from './deterministic-math.ts';
import { createAscendingSums, type VocabularySums } from './vocabulary-sums.ts';

/** Inputs, besides the model, that decide the candidates of one position. */
export interface PositionInputs {
  /** f32[vocabulary] from `offset`: unnormalised natural log scale. Overwritten where bias, penalties or the mask touch a token. */
  readonly logits: Float32Array;
  readonly offset: number;
  readonly settings: SamplerSettings;
  /** Bias in 2^-16 nat by token. */
  readonly bias: ReadonlyMap<number, number>;
  /** How often the reply holds each token so far; empty if no penalty is set. */
  readonly counts: ReadonlyMap<number, number>;
  /** Tokens that the repetition penalty covers here (protocol: repeated-tokens). Absent exactly if the penalty is off. */
  readonly repeated?: ReadonlyMap<number, number> | undefined;
  /** Tokens that the reply's grammar allows here, at least one. The others are no candidates, and have no share. Default: all. */
  readonly mask?: TokenMask | undefined;
}

/**
 * Turns a row of logits into what a position signs (docs/spec/sampler.md). Both sides of an audit run this code: the
 * provider draws, the verifier reads off the claimed token; equal logits give equal rows.
 */
export interface PositionReader {
  /** The candidates and the token that `u` (0..2^24-1) draws from them. */
  draw(inputs: PositionInputs, u: number): DrawRow;
  /** The candidates as a claim lists them, with its token as the one that was drawn. */
  claim(inputs: PositionInputs, claim: PositionClaim): ClaimedPosition;
}

export interface ClaimedPosition {
  readonly row: DrawRow;
  /** Whether `draw` does so, too. */
  readonly isOwn: boolean;
  /**
   * Distance of the draw from the claimed unlisted token, among the unlisted, as a share of their mass in 2^-24 units. It is 0 if
   * the draw falls on the token, or if these logits cannot say.
   */
  readonly tailGap: number;
}

export interface PositionClaim {
  readonly token: number;
  readonly listSize: number;
  /** `u`, if the claim says that it fell into the tail. */
  readonly tailDraw?: number | undefined;
}

/** A smaller tail, in 2^-24 units, is too coarse to tell where in it a draw falls. */
const LEAST_TAIL = 256;

interface Entry {
  id: number;
  q: number;
  cost: number;
  /** Processed log-probability, nats: exact for plain tokens, on the cost grid for touched ones. */
  processed: number;
}

/** @param sums of the numeric class. Default: in ascending order. */
export function createPositionReader(
  vocabularySize: number,
  sums: VocabularySums = createAscendingSums(vocabularySize),
): PositionReader {
  const { ids: topIds, values: topValues } = sums.best;
  const costs = new Float64Array(MAX_LISTED);
  const weights = createWeights();
  const scratch = { entries: [] as Entry[], touched: new Map<number, Entry>() };

  const analyse = ({ logits, offset, settings, bias, counts, repeated, mask }: PositionInputs) => {
    const candidates = mask?.count ?? vocabularySize;
    if (mask !== undefined) applyMask(logits, { offset, vocabularySize, mask });
    const touchedRaw = takeTouched(logits, offset, [bias, counts, repeated]).filter(
      ([id]) => mask === undefined || isAllowed(mask, id),
    );
    const isGreedy = settings.temperatureQ16 === 0;
    const scale = isGreedy ? 1 : NAT / settings.temperatureQ16;
    const plainCount = sums.read({ logits, offset }, scale);
    const plainMax = plainCount > 0 ? (topValues[0] as number) : Number.NEGATIVE_INFINITY;
    let max = plainMax;
    for (const [, raw] of touchedRaw) if (raw > max) max = raw;
    let plainSum = sums.sum(max, 1);
    const isPlain = touchedRaw.length === 0;
    for (const [, raw] of touchedRaw) plainSum += expNegative(max - raw);
    if (!(plainSum >= 0.5 && plainSum < Number.POSITIVE_INFINITY)) {
      throw new EngineError('engine-crashed', 'the model produced logits that are not finite numbers', {
        retryable: true,
      });
    }
    /** log-probability = logit - normaliser */
    const normaliser = max + naturalLog(plainSum);
    const logSum = quantizeLogSum(normaliser);
    const { entries, touched } = scratch;
    entries.length = 0;
    touched.clear();
    for (let i = 0; i < plainCount; i++) {
      const lp = (topValues[i] as number) - normaliser;
      const q = quantizeLogprob(lp);
      insertEntry(entries, { id: topIds[i] as number, q, cost: q, processed: lp });
    }
    for (const [id, raw] of touchedRaw) {
      const q = quantizeLogprob(raw - normaliser);
      const cost = computeCost(
        q,
        bias.get(id) ?? 0,
        counts.get(id) ?? 0,
        settings,
        repeated?.has(id) ? logSum : undefined,
      );
      const entry = { id, q, cost, processed: -cost / NAT };
      insertEntry(entries, entry);
      touched.set(id, entry);
    }
    for (let i = 0; i < entries.length; i++) costs[i] = (entries[i] as Entry).cost;

    let top = plainMax - normaliser;
    for (const entry of touched.values()) if (entry.processed > top) top = entry.processed;
    let total = plainSum;
    if (!isGreedy && !(isPlain && scale === 1)) {
      total = sums.sum(normaliser + top, scale);
      for (const entry of touched.values()) total += expNegative((top - entry.processed) * scale);
    }
    const processedMass = (processed: number): number => expNegative((top - processed) * scale) / total;
    const tailOf = (listed: number): number => {
      if (isGreedy || listed >= candidates) return 0;
      let mass = 0;
      for (let i = 0; i < listed; i++) mass += processedMass((entries[i] as Entry).processed);
      return Math.min(Math.max(Math.floor((1 - mass) * WEIGHT_ONE + 0.5), 0), WEIGHT_ONE - 1);
    };
    return { entries, touched, normaliser, logSum, tailOf, processedMass };
  };

  type Analysis = ReturnType<typeof analyse>;

  /** How many candidates this engine lists, and the tail; leaves their weights in `weights`. */
  const layOut = ({ entries, tailOf }: Analysis, settings: SamplerSettings): { count: number; tail: number } =>
    layOutList(costs, entries.length, tailOf, settings, weights);

  /** The draw's place in the tail, which is the last bucket of `weights`, picks the unlisted token. */
  const nameUnlisted = (
    { touched, normaliser, processedMass }: Analysis,
    { logits, offset, mask }: PositionInputs,
    { ids, tail, u }: { readonly ids: Uint32Array; readonly tail: number; readonly u: number },
  ): Pick<Entry, 'id' | 'q'> => {
    let left = ((u - (WEIGHT_ONE - weights.tail)) / weights.tail) * (tail / WEIGHT_ONE);
    const listed = new Set(ids);
    let chosen: Pick<Entry, 'id' | 'q'> | undefined;
    for (let id = 0; id < vocabularySize && left >= 0; id++) {
      if (listed.has(id) || (mask !== undefined && !isAllowed(mask, id))) continue;
      const entry = touched.get(id);
      const lp = entry === undefined ? (logits[offset + id] as number) - normaliser : entry.processed;
      const mass = processedMass(lp);
      if (mass === 0 && chosen !== undefined) continue;
      chosen = { id, q: entry?.q ?? quantizeLogprob(lp) };
      left -= mass;
    }
    if (chosen === undefined) throw new EngineError('engine-crashed', 'a tail draw found no unlisted token');
    return chosen;
  };

  const measureTailGap = (
    { entries, touched, normaliser, processedMass }: Analysis,
    { logits, offset }: PositionInputs,
    { ids, tail, u, token }: { readonly ids: Uint32Array; readonly tail: number; readonly u: number; token: number },
  ): number => {
    if (weights.tail < LEAST_TAIL || ids.includes(token)) return 0;
    const massOf = (id: number): number =>
      processedMass(touched.get(id)?.processed ?? (logits[offset + id] as number) - normaliser);
    const listed = new Set(ids);
    let below = 0;
    for (let id = 0; id < token; id++) if (!listed.has(id)) below += massOf(id);
    const all = tail / WEIGHT_ONE;
    const place = Math.max(0, (u - (WEIGHT_ONE - weights.tail)) / weights.tail);
    // Between classes the last listed and the first unlisted token may swap, which moves everything above them by their mass.
    const edge = [entries[ids.length - 1], entries[ids.length]];
    const slack = edge.reduce((sum, entry) => sum + (entry ? processedMass(entry.processed) : 0), 0) / all;
    const gap = Math.max(0, below / all - place, place - (below + massOf(token)) / all) - slack;
    return Math.round(Math.min(1, Math.max(0, gap)) * WEIGHT_ONE);
  };

  return {
    draw(inputs, u) {
      const analysis = analyse(inputs);
      const { count, tail } = layOut(analysis, inputs.settings);
      const row = { ...list(analysis.entries, count), tail };
      const rank = drawRank(row.ids, weights, u);
      if (rank !== TAIL_RANK) return markRepeated({ ...row, rank }, inputs, analysis);
      const { id, q } = nameUnlisted(analysis, inputs, { ...row, u });
      return markRepeated({ ...row, rank, tailId: id, tailQ: q }, inputs, analysis);
    },

    claim(inputs, { token, listSize, tailDraw: u }) {
      const analysis = analyse(inputs);
      const { entries, touched, normaliser, tailOf } = analysis;
      const isOwnList = layOut(analysis, inputs.settings).count === listSize;
      if (inputs.mask !== undefined) addForbidden(entries, costs, inputs.mask, Math.min(listSize, vocabularySize));
      const count = Math.min(entries.length, Math.max(1, listSize));
      const listed = { ...list(entries, count), tail: tailOf(count) };
      const rank = listed.ids.indexOf(token);
      const tailQ =
        touched.get(token)?.q ?? quantizeLogprob((inputs.logits[inputs.offset + token] as number) - normaliser);
      const drawn = rank >= 0 ? { rank } : { rank: TAIL_RANK, tailId: token, tailQ };
      const row = markRepeated({ ...listed, ...drawn }, inputs, analysis);
      // A listed token is drawn from values that the claim signs, and stage 1 replays that draw.
      if (u === undefined) return { row, isOwn: isOwnList && rank >= 0, tailGap: 0 };
      if (!isOwnList) computeWeights(costs, count, row.tail, inputs.settings, weights);
      const isTail = isOwnList && rank < 0 && drawRank(row.ids, weights, u) === TAIL_RANK;
      const isOwn = isTail && nameUnlisted(analysis, inputs, { ...row, u }).id === token;
      return { row, isOwn, tailGap: isOwn ? 0 : measureTailGap(analysis, inputs, { ...row, u, token }) };
    },
  };
}

function list(entries: readonly Entry[], count: number): { readonly ids: Uint32Array; readonly q: Uint32Array } {
  const ids = new Uint32Array(count);
  const q = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const entry = entries[i] as Entry;
    ids[i] = entry.id;
    q[i] = entry.q;
  }
  return { ids, q };
}

/** Adds the log-sum, and a mark of each named token, if the repetition penalty is on. */
function markRepeated(
  row: DrawRow,
  { repeated }: Pick<PositionInputs, 'repeated'>,
  { logSum }: { readonly logSum: number },
): DrawRow {
  if (repeated === undefined) return row;
  const named = row.tailId === undefined ? row.ids : [...row.ids, row.tailId];
  return { ...row, repeated: { logSum, marks: Uint8Array.from(named, (id) => (repeated.has(id) ? 1 : 0)) } };
}

/** Keeps the cheapest entries in ascending order of cost, ties by id. */
function insertEntry(entries: Entry[], entry: Entry): void {
  const isBefore = (other: Entry | undefined): boolean =>
    other !== undefined && (entry.cost < other.cost || (entry.cost === other.cost && entry.id < other.id));
  if (entries.length === MAX_LISTED) {
    if (!isBefore(entries[MAX_LISTED - 1])) return;
    entries.pop();
  }
  let at = entries.length;
  while (isBefore(entries[at - 1])) at--;
  // Nearly all come in order, and `splice` costs ten times as much.
  if (at === entries.length) entries.push(entry);
  else entries.splice(at, 0, entry);
}

/** Sets the logits of all forbidden tokens to -Infinity. */
function applyMask(
  logits: Float32Array,
  {
    offset,
    vocabularySize,
    mask,
  }: { readonly offset: number; readonly vocabularySize: number; readonly mask: TokenMask },
): void {
  for (let id = 0; id < vocabularySize; id++) if (!isAllowed(mask, id)) logits[offset + id] = Number.NEGATIVE_INFINITY;
}

/** A claim that lists more tokens than are allowed is scored all the same: the rest are forbidden ones, as unlikely as can be. */
function addForbidden(entries: Entry[], costs: Float64Array, mask: TokenMask, wanted: number): void {
  for (let id = 0; entries.length < wanted; id++) {
    if (isAllowed(mask, id)) continue;
    costs[entries.length] = MAX_COST;
    entries.push({ id, q: MAX_COST, cost: MAX_COST, processed: Number.NEGATIVE_INFINITY });
  }
}

/** Sets every touched token's logit to -Infinity and returns the raw ones, ascending by id. */
function takeTouched(
  logits: Float32Array,
  offset: number,
  touching: readonly (ReadonlyMap<number, number> | undefined)[],
): [number, number][] {
  const ids = new Set<number>();
  for (const tokens of touching) for (const id of tokens?.keys() ?? []) ids.add(id);
  if (ids.size === 0) return [];
  return Array.from(Uint32Array.from(ids).sort(), (id) => {
    const raw = logits[offset + id] as number;
    logits[offset + id] = Number.NEGATIVE_INFINITY;
    return [id, raw];
  });
}
