import { quantizeSketch, type SketchRow } from '@ogong/protocol/commitment/sketch';
import type { DrawRow } from '@ogong/protocol/modality/text/commitment/window';
import { NAT, TAIL_RANK } from '@ogong/protocol/modality/text/sampling/sampler';
import type { DrawInputs } from '../replay-row.ts';
import { massageRow, perturbRow } from './massage.ts';

/** How far honest values of one position differ between two classes. Anybody with two machines can measure it. */
export interface Drift {
  /** Standard deviation of the differences within a position, nats; the median over positions. */
  readonly spread: number;
  /** Relative distance of the sketches, divided by `spread`. */
  readonly sketchPerSpread: number;
}

/** Measured on stories15M: a provider of the exact CPU class, a verifier of the fast one. By weight type. */
const HONEST_DRIFT: Readonly<Record<string, Drift>> = {
  f16: { spread: 0.0028, sketchPerSpread: 0.43 },
  q8_0: { spread: 0.061, sketchPerSpread: 0.34 },
};

export const findDrift = (weightType: string): Drift => HONEST_DRIFT[weightType] ?? (HONEST_DRIFT.f16 as Drift);

/** Largest change over the mean of the others: nine in ten honest positions stay below this. */
const MOST_PEAK = 4.3;
/** In units of the honest spread: one in a hundred honest positions lies farther off. */
const MOST_SPREAD = 2;
const ATTEMPTS = 8;

export interface HiddenBend {
  readonly row: DrawRow;
  /** Nats. */
  readonly spread: number;
  /** Whether the attacker added noise. If not, drift alone hides the bend. */
  readonly isDrowned: boolean;
}

/**
 * Bends a row as `massageRow` does and adds noise, so that no value stands out: the position looks like one that drifted
 * more than others.
 * @param gaussian standard normal. @returns undefined if the row would have to move farther than honest positions drift.
 */
export function hideBend(
  row: DrawRow,
  { inputs, drift, gaussian }: { readonly inputs: DrawInputs; readonly drift: Drift; readonly gaussian: () => number },
): HiddenBend | undefined {
  // The token is not listed. Listing it is a larger change than drift makes.
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

/** Adds noise that hides the largest change of a bend; no noise if drift already hides it. */
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

/** @param distance relative to the norm of the sketch. @returns the sketch, moved in a random direction. */
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
