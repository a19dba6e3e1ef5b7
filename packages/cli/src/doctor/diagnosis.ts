/** One finding of an examination. Only a `problem` keeps a daemon from working. */
export interface Diagnosis {
  readonly about: string;
  readonly status: 'ok' | 'warning' | 'problem' | 'skipped';
  readonly found: string;
  /** Advice for the operator. */
  readonly advice?: string | undefined;
}

const MARKS: Readonly<Record<Diagnosis['status'], string>> = {
  ok: 'ok     ',
  warning: 'warning',
  problem: 'PROBLEM',
  skipped: 'skipped',
};

/** One line for each finding, and below it the advice. */
export function formatDiagnoses(findings: readonly Diagnosis[]): string {
  const width = Math.max(...findings.map(({ about }) => about.length));
  const lines = findings.flatMap(({ about, status, found, advice }) => [
    `${MARKS[status]}  ${about.padEnd(width)}  ${found}`,
    ...(advice === undefined ? [] : [`${' '.repeat(MARKS.ok.length + width + 4)}${advice}`]),
  ]);
  return `${lines.join('\n')}\n`;
}
