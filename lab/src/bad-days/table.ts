/** A test by its file, relative to the repository, and its name in the source. */
export interface NamedTest {
  readonly file: string;
  readonly name: string;
}

/** A fault, the behaviour that it must lead to, and the tests that cause it. */
export interface FaultRow {
  readonly section: string;
  readonly fault: string;
  readonly effect: string;
  readonly tests: readonly NamedTest[];
}

/**
 * Reads faults.tsv. A line `## TITLE` begins a section, and a line of two cells a fault. A line that begins
 * with a tab names a test of the fault above it.
 * @throws Error if a line has another form, or a fault has no test.
 */
export function parseFaults(text: string): FaultRow[] {
  const faults: { section: string; fault: string; effect: string; tests: NamedTest[] }[] = [];
  let section = '';
  for (const line of text.trimEnd().split('\n')) {
    const cells = line.split('\t');
    const [first = '', second = '', third] = cells;
    const last = faults.at(-1);
    if (line.startsWith('## ')) section = line.slice(3);
    else if (cells.length === 2 && first !== '' && second !== '') {
      faults.push({ section, fault: first, effect: second, tests: [] });
    } else if (cells.length === 3 && first === '' && last && third) last.tests.push({ file: second, name: third });
    else throw new Error(`not a section, a fault or a test: ${line}`);
  }
  for (const { fault, tests } of faults) if (tests.length === 0) throw new Error(`no test causes: ${fault}`);
  return faults;
}

/** Reads complaints.tsv: a key of the page, a file and a test in each line. */
export function parseComplaintTests(text: string): ReadonlyMap<string, readonly NamedTest[]> {
  const tests = new Map<string, NamedTest[]>();
  for (const line of text.trimEnd().split('\n')) {
    const [key, file, name] = line.split('\t');
    if (!key || !file || !name) throw new Error(`not a complaint with a test: ${line}`);
    tests.set(key, [...(tests.get(key) ?? []), { file, name }]);
  }
  return tests;
}

const HEAD = `# Bad days

This page lists faults and the behaviour that they must lead to. A test causes each of them; \`lab/src/bad-days/faults.tsv\` names it. This
page is written from that file by \`node scripts/run.mjs lab/src/bad-days/table-main.ts\`. Tests draw their faults from a seed that they
print, and \`OGONG_SEED=<n>\` repeats a run. The [simulator](simulator.md) combines faults at random.
`;

/** Returns docs/bad-days.md. */
export function formatFaults(faults: readonly FaultRow[]): string {
  const sections = [...new Set(faults.map(({ section }) => section))].map((section) => {
    const rows = faults.filter((fault) => fault.section === section);
    const lines = rows.map(({ fault, effect }) => `|${fault}|${effect}|\n`).join('');
    return `\n## ${section}\n\n|fault|behaviour|\n|---|---|\n${lines}`;
  });
  return HEAD + sections.join('');
}
