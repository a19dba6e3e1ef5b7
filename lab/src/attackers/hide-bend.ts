import { quantizeSketch, type SketchRow } from '@ogong/protocol/commitment/sketch';
import type { DrawRow } from '@ogong/protocol/modality/text/commitment/window';
import { NAT, TAIL_RANK } from '@ogong/protocol/modality/text/sampling/sampler';
import { massageRow, perturbRow } from './massage.ts';
import type { DrawInputs } from './replay-row.ts';

/** How honest values of one position differ between classes, as anybody measures who has two of them. */
export interface Drift {
  /** Standard deviation of the differences at a position, nats: the median of positions. */
  readonly spread: number;
  /** Relative distance of the sketches over that. */
  readonly sketchPerSpread: number;
}

/** stories15M, an exact CPU provider seen by a fast CPU verifier. */
const HONEST_DRIFT: Readonly<Record<string, Drift>> = {
  f16: { spread: 0.0028, sketchPerSpread: 0.43 },
  q8_0: { spread: 0.061, sketchPerSpread: 0.34 },
};

export const findDrift = (weightType: string): Drift => HONEST_DRIFT[weightType] ?? (HONEST_DRIFT.f16 as Drift);

/** How far a value stands out from the mean of the others before it does so more than nine in ten honest positions show. */
const MOST_PEAK = 4.3;
/** Times the honest spread: past this a position lies farther off than one in a hundred honest ones. */
const MOST_SPREAD = 2;
const ATTEMPTS = 8;

export interface HiddenBend {
  readonly row: DrawRow;
  /** Nats. */
  readonly spread: number;
  /** Whether it took noise of its own; where not, drift is noise enough. */
  readonly isDrowned: boolean;
}

/**
 * A row bent as `massageRow` bends it, in noise of its own: no value stands out, and the position looks like one that drift
 * moved farther than others.
 * @param gaussian standard normal. @returns undefined where that takes more than honest positions drift.
 */
export function hideBend(
  row: DrawRow,
  { inputs, drift, gaussian }: { readonly inputs: DrawInputs; readonly drift: Drift; readonly gaussian: () => number },
): HiddenBend | undefined {
  // Its token is none of the list: it enters by more than drift moves.
  if (row.rank === TAIL_RANK) return undefined;
  let best: HiddenBend | undefined;
  for (const thrift of ['largest', 'mean'] as const) {
    const bent = massageRow(row, inputs, thrift)?.row;
    const found = bent && drown(row, { bent, inputs, drift, gaussian });
    if (found && found.spread < (best?.spread ?? MOST_SPREAD * drift.spread)) best = found;
  }
  return best;
}

interface Bend {
  readonly bent: DrawRow;
  readonly inputs: DrawInputs;
  readonly drift: Drift;
  readonly gaussian: () => number;
}

/** Noise under a bend, of the size that hides its largest change; none where drift does. */
function drown(row: DrawRow, { bent, inputs, drift, gaussian }: Bend): HiddenBend | undefined {
  const plain = measureBend(row, bent);
  if (plain.top <= MOST_PEAK * Math.max(plain.rest, drift.spread))
    return { row: bent, spread: plain.spread, isDrowned: false };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const size = (plain.top / MOST_PEAK) * NAT;
    const noisy = massageRow(
      perturbRow(row, inputs, () => size * gaussian()),
      inputs,
      'mean',
    )?.row;
    if (noisy === undefined) continue;
    const { top, rest, spread } = measureBend(row, noisy);
    if (top <= MOST_PEAK * rest) return { row: noisy, spread, isDrowned: true };
  }
  return undefined;
}

/** Nats: the largest change, the mean of the others, and the standard deviation of all. */
function measureBend(row: DrawRow, bent: DrawRow): Readonly<Record<'top' | 'rest' | 'spread', number>> {
  const before = new Map(Array.from(row.ids, (id, j) => [id, row.q[j] as number]));
  const changes = Array.from(bent.ids, (id, j) => ((bent.q[j] as number) - (before.get(id) as number)) / NAT);
  const top = changes.reduce((most, change) => Math.max(most, Math.abs(change)), 0);
  const sum = changes.reduce((total, change) => total + Math.abs(change), 0);
  const mean = changes.reduce((total, change) => total + change, 0) / changes.length;
  const square = changes.reduce((total, change) => total + (change - mean) ** 2, 0) / changes.length;
  return { top, rest: (sum - top) / Math.max(changes.length - 1, 1), spread: Math.sqrt(square) };
}

/** The sketch moved as far as drift of that spread moves it. */
export function moveSketch(sketch: SketchRow, distance: number, gaussian: () => number): SketchRow {
  const values = Float64Array.from(sketch.values, (value) => value * 2 ** sketch.exponent);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const moved: SketchRow = { exponent: sketch.exponent, values: new Int16Array(values.length) };
  const size = (distance * norm) / Math.sqrt(values.length);
  quantizeSketch(
    values.map((value) => value + size * gaussian()),
    moved,
  );
  return moved;
}
