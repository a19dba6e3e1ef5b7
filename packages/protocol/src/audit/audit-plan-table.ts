import { PPM } from '../exchange/reputation.ts';
import { type DriftRow, POWER_RATES } from '../modality/text/drift/drift-table.ts';
import { computeDeterredSaving, computeDeterringCoverage, measureSoundness } from './audit-plan.ts';

/** What Proposition 1 weighs, besides what a drift table measured. */
export interface DeterrenceTerms {
  /** alpha: share of replies that is audited. */
  readonly coveragePpm: number;
  /** What a cheat saves on a reply, of its fee. */
  readonly savingPpm: number;
  readonly feeAtomic: bigint;
  /** Phi: what a reject takes besides the fee. */
  readonly franchiseAtomic: bigint;
  /** Share of honest replies that the table may reject; one of POWER_RATES. */
  readonly rate: number;
}

/** What one cheat of a row has to fear. */
export type Deterrence =
  | { readonly kind: 'unmeasured'; readonly name: string }
  | {
      readonly kind: 'measured';
      readonly name: string;
      readonly replies: number;
      /** How many of the samples are caught at the rate asked for. */
      readonly caught: number;
      /** s, at the lower 95 % limit. */
      readonly soundnessPpm: number;
      /** eps. */
      readonly falsePositivePpm: number;
      /** The least coverage at which the saving is not worth it; undefined where none is enough. */
      readonly leastCoveragePpm: number | undefined;
      /** The largest saving that is not worth it at the coverage asked about. */
      readonly deterredSavingAtomic: bigint;
      readonly isDeterred: boolean;
    };

/**
 * In atomic units, rounded up, so that a cheat's saving is never underestimated.
 * @throws RangeError on a share outside 0..1,000,000.
 */
export function computeSaving({ feeAtomic, savingPpm }: Pick<DeterrenceTerms, 'feeAtomic' | 'savingPpm'>): bigint {
  if (!Number.isInteger(savingPpm) || savingPpm < 0 || savingPpm > PPM) {
    throw new RangeError(`a saving of ${savingPpm} parts per million of the fee`);
  }
  return (feeAtomic * BigInt(savingPpm) + BigInt(PPM) - 1n) / BigInt(PPM);
}

/**
 * One entry for each alternative of the row, in its order; one that was not measured is named as such.
 * @throws RangeError where the row was not measured at this rate, or a term is out of range.
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
