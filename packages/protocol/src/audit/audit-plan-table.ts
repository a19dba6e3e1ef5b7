import { PPM } from '../exchange/reputation.ts';
import { type DriftRow, POWER_RATES } from '../modality/text/drift/drift-table.ts';
import { computeDeterredSaving, computeDeterringCoverage, measureSoundness } from './audit-plan.ts';

/** The inputs of Proposition 1 that a drift table does not measure. */
export interface DeterrenceTerms {
  /** alpha: share of replies that are audited. */
  readonly coveragePpm: number;
  /** Saving of a cheat on a reply, as a part of its fee. */
  readonly savingPpm: number;
  readonly feeAtomic: bigint;
  /** Phi: loss by a reject besides the fee. */
  readonly franchiseAtomic: bigint;
  /** Share of honest replies that the table may reject; one of POWER_RATES. */
  readonly rate: number;
}

/** The result of Proposition 1 for one kind of cheat in a row. */
export type Deterrence =
  | { readonly kind: 'unmeasured'; readonly name: string }
  | {
      readonly kind: 'measured';
      readonly name: string;
      readonly replies: number;
      /** Number of samples that are caught at the requested rate. */
      readonly caught: number;
      /** s, at the lower 95 % limit. */
      readonly soundnessPpm: number;
      /** eps. */
      readonly falsePositivePpm: number;
      /** The least coverage that makes the saving not worth it. Undefined if no coverage does. */
      readonly leastCoveragePpm: number | undefined;
      /** The largest saving that is not worth it at the given coverage. */
      readonly deterredSavingAtomic: bigint;
      readonly isDeterred: boolean;
    };

/**
 * Computes a cheat's saving in atomic units. It is rounded up, so that it is never underestimated.
 * @throws RangeError on a share outside 0..1,000,000.
 */
export function computeSaving({ feeAtomic, savingPpm }: Pick<DeterrenceTerms, 'feeAtomic' | 'savingPpm'>): bigint {
  if (!Number.isInteger(savingPpm) || savingPpm < 0 || savingPpm > PPM) {
    throw new RangeError(`a saving of ${savingPpm} parts per million of the fee`);
  }
  return (feeAtomic * BigInt(savingPpm) + BigInt(PPM) - 1n) / BigInt(PPM);
}

/**
 * Computes the deterrence of each alternative of the row, in the row's order. An alternative without measurement is marked as
 * such.
 * @throws RangeError if the row was not measured at this rate, or a term is out of range.
 */
export function computeDeterrence(row: Pick<DriftRow, 'power'>, terms: DeterrenceTerms): readonly Deterrence[] {
  const { coveragePpm, feeAtomic, franchiseAtomic, rate } = terms;
  const savingAtomic = computeSaving(terms);
  return row.power.map((power) => {
    const [measured] = measureSoundness({ power: [power] }, rate);
    if (measured === undefined) return { kind: 'unmeasured', name: power.name };
    const { soundnessPpm, falsePositivePpm } = measured;
    const stakes = { soundnessPpm, falsePositivePpm, feeAtomic, franchiseAtomic };
    const deterredSavingAtomic = computeDeterredSaving(stakes, coveragePpm);
    return {
      kind: 'measured',
      name: power.name,
      replies: power.replies,
      caught: power.caught[POWER_RATES.indexOf(rate)] as number,
      soundnessPpm,
      falsePositivePpm,
      leastCoveragePpm: computeDeterringCoverage(stakes, savingAtomic),
      deterredSavingAtomic,
      isDeterred: savingAtomic <= deterredSavingAtomic,
    };
  });
}
