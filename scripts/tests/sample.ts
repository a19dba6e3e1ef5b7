import { createHash } from 'node:crypto';

/** A unit with its expected share of a run. */
interface WeighedUnit {
  readonly name: string;
  /** Expected seconds on two processors. */
  readonly seconds: number;
}

interface SampleOptions<U> {
  readonly isTouched: (unit: U) => boolean;
  /** Hash of the commit, which decides the draws. */
  readonly commit: string;
  /** Expected seconds for units that the change touches. */
  readonly touchedSeconds: number;
  /** Expected seconds for all of the sample. */
  readonly seconds: number;
}

export interface Sample<U> {
  /** Units that the change touches, and that fit. */
  readonly touched: readonly U[];
  /** Units that the change touches, and that did not fit. */
  readonly touchedLeftOut: readonly U[];
  /** Units out of all others, drawn. */
  readonly drawn: readonly U[];
  /** Units that were drawn and did not fit. */
  readonly drawnLeftOut: readonly U[];
}

/** Out of so many other units, one is drawn. */
const ROTATION = 10;

/**
 * Chooses units for a landing: those that the change touches as far as the time allows, and a tenth of all others. So each unit runs once in
 * about ten landings, whatever the import graph says. The tenth is chosen first: a large change does not crowd it out.
 */
export function chooseSample<U extends WeighedUnit>(units: readonly U[], options: SampleOptions<U>): Sample<U> {
  const draw = ({ name }: U): string => createHash('sha256').update(`${options.commit} ${name}`).digest('hex');
  const order = units
    .map((unit) => ({ unit, drawn: draw(unit) }))
    .sort((a, b) => (a.drawn < b.drawn ? -1 : 1))
    .map(({ unit }) => unit);
  const others = order.filter((unit) => !options.isTouched(unit));
  const tenth = others.slice(0, Math.ceil(others.length / ROTATION));
  const { fitting: drawn, tooMuch: drawnLeftOut } = takeFitting(tenth, options.seconds);
  const left = options.seconds - sumSeconds(drawn);
  const { fitting: touched, tooMuch: touchedLeftOut } = takeFitting(
    order.filter((unit) => options.isTouched(unit)),
    Math.min(options.touchedSeconds, left),
  );
  return { touched, touchedLeftOut, drawn, drawnLeftOut };
}

export const sumSeconds = (units: readonly WeighedUnit[]): number =>
  units.reduce((sum, { seconds }) => sum + seconds, 0);

/** Takes units in order, each that still fits. */
function takeFitting<U extends WeighedUnit>(
  units: readonly U[],
  seconds: number,
): { readonly fitting: readonly U[]; readonly tooMuch: readonly U[] } {
  const fitting: U[] = [];
  const tooMuch: U[] = [];
  let left = seconds;
  for (const unit of units) {
    if (unit.seconds > left) tooMuch.push(unit);
    else {
      fitting.push(unit);
      left -= unit.seconds;
    }
  }
  return { fitting, tooMuch };
}
