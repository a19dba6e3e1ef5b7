// npm run formal: searches the models of lab/formal, and their broken twins.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CHECKS, type ModelCheck } from './checks.ts';
import { REPORT_PATH, renderTable, writeTable } from './report.ts';
import { type CheckResult, findToolProblem, runCheck } from './run-check.ts';

const HELP = `usage: npm run formal -- [NAME ...] [--list] [--deep] [--json FILE] [--write]

Searches models of the protocol (lab/formal) for runs that break what they promise, and their broken twins for such a run.
Without a name, all checks of CI run; with --deep, all of them, with more samples and fresh seeds (some five minutes).

  --list        names of all checks, and what each says
  --deep        nightly's bounds
  --json FILE   writes the results there
  --write       writes the table of results into docs/formal.md
  --help        this text

Exits with 1 where a model does not hold, a twin is not found, or a tool is missing.
`;

function choose(names: readonly string[], deep: boolean): readonly ModelCheck[] {
  const unknown = names.filter((name) => !CHECKS.some((check) => check.name === name));
  if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}; npm run formal -- --list has the names`);
  return names.length > 0
    ? CHECKS.filter(({ name }) => names.includes(name))
    : CHECKS.filter(({ nightly }) => deep || nightly === undefined);
}

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      deep: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.list) {
    for (const { name, expect, says, nightly } of CHECKS)
      console.log(`${name.padEnd(36)} ${expect.padEnd(7)}${nightly ? ' (nightly)' : ''} ${says}`);
    return 0;
  }
  const chosen = choose(positionals, values.deep);
  const problems = new Map([...new Set(chosen.map(({ tool }) => tool))].map((tool) => [tool, findToolProblem(tool)]));
  const results = chosen.map((check): CheckResult => {
    const problem = problems.get(check.tool);
    const result: CheckResult =
      problem === undefined
        ? runCheck(check, { deep: values.deep })
        : { ...check, outcome: 'skipped', asExpected: false, detail: problem, seconds: 0 };
    console.log(
      `${result.asExpected ? 'ok  ' : 'FAIL'} ${check.name}: ${result.outcome}, ${result.detail} (${result.seconds.toFixed(1)} s)`,
    );
    return result;
  });
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (values.write) {
    writeTable(renderTable(results, values.deep));
    console.log(`written: ${REPORT_PATH}`);
  }
  return results.every(({ asExpected }) => asExpected) ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
