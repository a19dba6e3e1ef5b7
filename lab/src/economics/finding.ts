/** One statement of a model, and whether it holds. */
export interface EconomicStatement {
  readonly claim: string;
  readonly holds: boolean;
  /** The figures behind it. */
  readonly detail: string;
}

/** One point of a curve. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly curve: string;
}

export interface Curves {
  readonly name: string;
  readonly title: string;
  readonly caption: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly logX?: boolean;
  readonly points: readonly Point[];
}

export interface EconomicModel {
  readonly id: string;
  readonly title: string;
  /** The model and its result, in plain words. */
  readonly summary: string;
  readonly findings: readonly EconomicStatement[];
  readonly table?: { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };
  readonly curves?: Curves;
}

/** Findings of one model, in the order in which they were made. */
export function createFindings() {
  const list: EconomicStatement[] = [];
  return {
    list,
    say(claim: string, holds: boolean, detail: string): void {
      list.push({ claim, holds, detail });
    },
  };
}

export const percent = (part: number, digits = 2): string => `${(100 * part).toFixed(digits)} %`;
export const round = (value: number, digits = 3): string => `${Number(value.toPrecision(digits))}`;
