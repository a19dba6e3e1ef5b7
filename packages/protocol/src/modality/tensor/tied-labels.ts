import { computeFloor, isFloatTensor } from './distance.ts';
import { decodeTensorData, type TensorValue } from './tensor-data.ts';
import type { Tensor } from './tensor-form.ts';

/** Types of labels. A truth value comes from a limit, and has no scores in an axis of its own. */
const LABEL_TYPES: readonly Tensor['dtype'][] = ['int32', 'int64', 'string'];

/** One place of a label: the columns of its scores that are equal up to drift, and the first largest one. */
interface ScoredPlace {
  readonly best: number;
  readonly tied: readonly number[];
  /** Whether drift can exchange the largest column for another one. */
  readonly isTie: boolean;
}

/**
 * Counts the differing places of a label that hangs on ties: two honest classes may choose differently there (docs/spec/tensor.md#labels).
 * @param claimed the committed label. @param own the verifier's label, of the same form.
 * @param given.outputs the verifier's. @param given.drift largest distance of a float between two honest classes.
 * @returns undefined if a differing place is no tie, or no output has the scores.
 */
export function countTiedLabels(
  claimed: Tensor,
  own: Tensor,
  { outputs, drift }: { readonly outputs: readonly Tensor[]; readonly drift: number },
): number | undefined {
  const scores = LABEL_TYPES.includes(own.dtype) ? findScores(own, outputs) : undefined;
  if (scores === undefined) return undefined;
  const places = readPlaces(scores, drift);
  const [given, labels] = [claimed, own].map(decodeTensorData) as [TensorValue[], TensorValue[]];
  const columns = mapLabels(places, labels);
  if (columns === undefined) return undefined;
  let ties = 0;
  for (const [i, { isTie, tied }] of places.entries()) {
    const label = given[i] as TensorValue;
    if (label === labels[i]) continue;
    const column = columns.get(label);
    if (!isTie || (column !== undefined && !tied.includes(column))) return undefined;
    ties++;
  }
  return ties;
}

/** Finds the first float output with one more axis than the label, the scores of its classes. A label may keep that axis with the size 1. */
function findScores({ shape }: Tensor, outputs: readonly Tensor[]): Tensor | undefined {
  const isOf = (leading: readonly number[], { shape: own }: Tensor): boolean =>
    own.length === leading.length + 1 && (own.at(-1) as number) >= 2 && leading.every((size, i) => size === own[i]);
  const floats = outputs.filter(isFloatTensor);
  const whole = floats.find((output) => isOf(shape, output));
  return whole ?? (shape.at(-1) === 1 ? floats.find((output) => isOf(shape.slice(0, -1), output)) : undefined);
}

function readPlaces(scores: Tensor, drift: number): readonly ScoredPlace[] {
  const values = decodeTensorData(scores) as number[];
  const width = scores.shape.at(-1) as number;
  const floor = computeFloor(values);
  const room = (value: number): number => drift * Math.max(Math.abs(value), floor);
  return Array.from({ length: values.length / width }, (_, i) => {
    const row = values.slice(i * width, (i + 1) * width);
    const best = row.reduce((most, value, column) => (value > (row[most] as number) ? column : most), 0);
    const top = row[best] as number;
    const tied = [...row.keys()].filter((column) => {
      const value = row[column] as number;
      return top - value <= room(top) + room(value);
    });
    // Equal values in all columns are no scores, such as the padding of a list. Two classes can tie.
    const isTie = tied.length >= 2 && (tied.length < width || width === 2) && row.every(Number.isFinite);
    return { best, tied, isTie };
  });
}

/** Maps labels to their columns at the places without a tie. @returns undefined if they contradict each other: these are no scores of the label. */
function mapLabels(
  places: readonly ScoredPlace[],
  labels: readonly TensorValue[],
): ReadonlyMap<TensorValue, number> | undefined {
  const columns = new Map<TensorValue, number>();
  const names = new Map<number, TensorValue>();
  for (const [i, { isTie, best }] of places.entries()) {
    if (isTie) continue;
    const label = labels[i] as TensorValue;
    if ((columns.get(label) ?? best) !== best || (names.has(best) && names.get(best) !== label)) return undefined;
    columns.set(label, best);
    names.set(best, label);
  }
  return columns;
}
