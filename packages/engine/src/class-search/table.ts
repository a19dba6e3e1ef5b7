import type { ClassFinding, SearchResult } from './search.ts';

/** Findings of a search for one build, device and model. */
export interface ClassTable extends SearchResult {
  readonly build: string;
  readonly backend: string;
  /** CPU library, or device and driver, as in the numeric class. */
  readonly isa: string;
  readonly model: { readonly name: string; readonly weights: string; readonly root: string };
  /** Compared positions behind each start. */
  readonly positions: number;
}

export interface BandClasses {
  readonly start: number;
  /** Members compute the same bits; the largest first, named A, B, ... */
  readonly classes: readonly (readonly ClassFinding[])[];
}

/** @returns the bands, ascending; every finding stands in one class of its band. */
export function groupClasses(findings: readonly ClassFinding[]): BandClasses[] {
  const starts = [...new Set(findings.map(({ start }) => start))].sort((a, b) => a - b);
  return starts.map((start) => {
    const byDigest = new Map<string, ClassFinding[]>();
    for (const finding of findings) {
      if (finding.start !== start) continue;
      byDigest.set(finding.digest, [...(byDigest.get(finding.digest) ?? []), finding]);
    }
    return { start, classes: [...byDigest.values()].sort((a, b) => b.length - a.length) };
  });
}

/** A, B, ... Z, AA, AB, ... */
export function letterOf(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : letterOf(Math.floor(index / 26) - 1) + last;
}

/** A table per band: shapes down, setups across, a letter for each class. */
export function describeClasses(table: ClassTable): string {
  const { model, build, backend, isa, positions, refused } = table;
  const lines = [
    `### ${model.name} (${model.weights}) on ${backend}, ${isa}`,
    '',
    `${build}; model root \`${model.root.slice(0, 16)}\`; hidden state and logits of ${positions} positions per band. Equal letters in one table are equal bits.`,
  ];
  for (const { start, classes } of groupClasses(table.findings)) {
    const letters = new Map(
      classes.flatMap((members, index) => members.map((m) => [`${m.setup}|${m.shape}`, letterOf(index)] as const)),
    );
    const members = classes.flat();
    const setups = [...new Set(table.findings.map(({ setup }) => setup))].filter((setup) =>
      members.some((m) => m.setup === setup),
    );
    const shapes = [...new Set(table.findings.map(({ shape }) => shape))];
    lines.push('', `From position ${start}: ${classes.length} classes.`, '');
    lines.push(`| pass | ${setups.join(' | ')} |`, `|---|${'---|'.repeat(setups.length)}`);
    for (const shape of shapes)
      lines.push(`| ${shape} | ${setups.map((setup) => letters.get(`${setup}|${shape}`) ?? '').join(' | ')} |`);
  }
  if (refused.length > 0) lines.push('', ...refused.map(({ setup, reason }) => `Not run, ${setup}: ${reason}.`));
  return `${lines.join('\n')}\n`;
}
