import { spawnSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { isAuditCost } from '../economics/measured-rho.ts';
import { formatValue, isMet, median, type Row } from './row.ts';

/** Rows that were measured together, with machine and date. */
export interface BenchPart {
  readonly title: string;
  /** ISO 8601 day. */
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly Row[];
  /** The values are medians over so many runs. Default: one. */
  readonly runs?: number;
  /** The same rows at an earlier commit, on the same machine. */
  readonly before?: { readonly code: string; readonly values: Readonly<Record<string, number>> } | undefined;
}

/** Parts by name, as docs/bench.json keeps them between runs. */
export type BenchReport = Readonly<Record<string, BenchPart>>;

/** Commit of the code, with `-dirty` if files were changed. */
export function describeCode(): string {
  const git = (...args: string[]): string =>
    spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).stdout?.trim() ?? '';
  const commit = git('rev-parse', '--short', 'HEAD');
  return commit === '' ? 'unknown' : `${commit}${git('status', '--porcelain') === '' ? '' : '-dirty'}`;
}

/** Includes the load, because other work on the same cores shows in every time. */
export function describeMachine(versions: Readonly<Record<string, string>>): string {
  const [{ model } = { model: 'unknown processor' }] = cpus();
  const cores = `${cpus().length} cores of ${model.trim()}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const load = `load ${(loadavg()[0] ?? 0).toFixed(1)} when it began`;
  return [cores, load, ...Object.entries(versions).map((entry) => entry.join(' '))].join(', ');
}

const INTRODUCTION = `# Measured

This page lists the aims for speed, size and cost, and what was measured last. No test asserts these figures, because they move with the
machine and its load. \`npm run bench -- --json bench-rows.json\` measures everything, including the rows without an aim.
\`npm run bench -- --only replies,intake --write\` renews parts of this page.

[Profiles](profiles.md) say where the processor time goes.

A ratio (x) is the median over rounds in which both sides take turns. Engine times are processor time of the engine's own thread. A range
covers several models or cases of one aim. \`npm run bench -- --median FILE --median FILE\` takes medians over runs of
\`npm run bench -- --json FILE\`. The column *before* holds the values of an earlier commit. They were measured by the same command in a
checkout of that commit, and taken over by \`npm run bench -- --before COMMIT=FILE,FILE\`.
`;

/** Returns the page: one table of all aims, the reasons for missed ones, and the machines. */
export function formatReport(report: BenchReport): string {
  const reasons = new Set<string>();
  const lines = Object.values(report).flatMap(({ title, rows, before }) => {
    const groups = groupByAim(rows).map((group) => formatGroup(group, before?.values ?? {}, reasons));
    return groups.length === 0 ? [] : [`| **${title}** |`, ...groups];
  });
  return [
    INTRODUCTION,
    ['| aim | wanted | before | measured | |', '|---|---|---|---|---|', ...lines].join('\n'),
    '\n## Why aims were missed\n',
    reasons.size === 0 ? 'No aim was missed.' : [...reasons].map((reason, i) => `${i + 1}. ${reason}`).join('\n'),
    '\n## Machines\n',
    formatMachines(report),
    '',
  ].join('\n');
}

/** Returns the parts with the rows that the page and the economics need, without texts that neither shows. */
export const keepAims = (report: BenchReport): BenchReport =>
  Object.fromEntries(
    Object.entries(report).map(([name, { before, ...part }]) => {
      const rows = part.rows.filter(({ id, aim }) => aim !== undefined || isAuditCost(id));
      const kept = { ...part, rows: rows.map(dropTexts) };
      return [name, before === undefined ? kept : { ...kept, before: keepValues(before, rows) }];
    }),
  );

/** Returns every part of some runs, with the median of each row over the runs that measured it. The last one gives all texts. */
export function takeMedians(runs: readonly BenchReport[]): BenchReport {
  const names = new Set(runs.flatMap((run) => Object.keys(run)));
  return Object.fromEntries(
    [...names].map((name) => {
      const measured = runs.flatMap((run) => run[name] ?? []);
      const all = measured.map(toValues);
      const last = measured.at(-1) as BenchPart;
      const rows = last.rows.map((row) => {
        const values = all.flatMap((some) => some[row.id] ?? []);
        return { ...row, value: values.length === 0 ? undefined : median(values) };
      });
      return [name, { ...last, rows, ...(measured.length > 1 && { runs: measured.length }) }];
    }),
  );
}

/** Gives parts the values that their rows had at an earlier commit. Other parts keep the values that they have. */
export const addBefore = (report: BenchReport, code: string, earlier: BenchReport): BenchReport =>
  Object.fromEntries(
    Object.entries(report).map(([name, part]) => {
      const then = earlier[name];
      return [name, then === undefined ? part : { ...part, before: { code, values: toValues(then) } }];
    }),
  );

/** Returns the values of rows by their ids. @throws Error if two rows have one id. */
function toValues({ title, rows }: BenchPart): Readonly<Record<string, number>> {
  const values = new Map<string, number | undefined>();
  for (const { id, value } of rows) {
    if (values.has(id)) throw new Error(`${title}: two rows have the id ${id}`);
    values.set(id, value);
  }
  return Object.fromEntries([...values].flatMap(([id, value]) => (value === undefined ? [] : [[id, value]])));
}

const keepValues = ({ code, values }: NonNullable<BenchPart['before']>, rows: readonly Row[]): BenchPart['before'] => ({
  code,
  values: Object.fromEntries(rows.flatMap(({ id }) => (values[id] === undefined ? [] : [[id, values[id]]]))),
});

function dropTexts({ why, next, note, ...row }: Row): Row {
  return {
    ...row,
    ...(isAuditCost(row.id) && note !== undefined && { note }),
    ...(isMet(row) === false && why !== undefined && { why }),
    ...(isMet(row) === false && next !== undefined && { next }),
  };
}

/** Returns rows with the same aim that differ only in the model, in numbers or in the kind of flood. */
function groupByAim(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.aim === undefined) continue;
    const key = [nameGroup(row).replace(/\d[\d,]*/g, '#'), row.unit, row.aim.at, row.aim.value].join(' ');
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

const nameGroup = ({ what }: Row): string =>
  what
    .replace(/^(?:stories\d|random)[^:]*: /, '')
    .replace(/, at ten times the limit of .*/, ', at ten times a limit / without');

/** Returns a line of the table. It adds the reason for a miss to `reasons` and refers to it by number. */
function formatGroup(group: readonly Row[], before: Readonly<Record<string, number>>, reasons: Set<string>): string {
  const [first] = group as [Row];
  const range = formatRange(group.map(({ value }) => value));
  const missed = group.filter((row) => isMet(row) === false);
  for (const row of missed) reasons.add(shortenReason(row));
  const numbers = [...new Set(missed.map((row) => [...reasons].indexOf(shortenReason(row)) + 1))].join(', ');
  const count = group.length === 1 ? '' : ` ${missed.length} of ${group.length}`;
  return [
    '|',
    (group.length === 1 ? first.what : nameGroup(first)).replaceAll('|', '\\|'),
    `| ${first.aim?.at === 'most' ? '≤' : '≥'} ${first.aim?.value} ${first.unit}`,
    `| ${formatRange(group.map(({ id }) => before[id]))}`,
    `| ${range === '' ? 'not measured' : range}`,
    missed.length > 0 ? `| **MISSED**${count} [${numbers}] |` : range === '' ? '| |' : '| met |',
  ].join(' ');
}

/** Returns the least and the largest value, or one if their texts are equal. Empty for no value. */
function formatRange(all: readonly (number | undefined)[]): string {
  const values = all.filter((value) => value !== undefined).sort((a, b) => a - b);
  return values.length === 0
    ? ''
    : [...new Set([values.at(0) as number, values.at(-1) as number].map(formatValue))].join('–');
}

/** Returns the first statement of a reason, and what may help. The whole reason stands beside the measurement. */
function shortenReason({ why = 'no reason known', next }: Row): string {
  const reason = `${why.charAt(0).toUpperCase()}${why.slice(1)}`.split(/;|\. /)[0] ?? '';
  return next === undefined ? `${reason}.` : `${reason}. Next: ${next}.`;
}

function formatMachines(report: BenchReport): string {
  const byMachine = new Map<string, BenchPart[]>();
  for (const part of Object.values(report)) {
    const machine = part.machine.replace(/, load [\d.]+ when it began/, '');
    byMachine.set(machine, [...(byMachine.get(machine) ?? []), part]);
  }
  return [...byMachine]
    .sort(([, a], [, b]) => a.length - b.length)
    .map(([machine, parts], i) => {
      const dates = parts.map(({ date }) => date).sort();
      const span = [...new Set([dates.at(0), dates.at(-1)])].join(' to ');
      const titles = i > 0 && i === byMachine.size - 1 ? 'all other parts' : parts.map(({ title }) => title).join(', ');
      return `- ${machine}, ${span}: ${titles}.`;
    })
    .concat(listMedians(report), listEarlier(report))
    .join('\n');
}

/** A line for each number of runs above one. */
function listMedians(report: BenchReport): string[] {
  const byRuns = Map.groupBy(
    Object.values(report).filter(({ runs }) => runs !== undefined),
    ({ runs }) => runs,
  );
  return [...byRuns].map(
    ([runs, parts]) => `- Medians of ${runs} runs: ${parts.map(({ title }) => title).join(', ')}.`,
  );
}

/** A line for each commit whose values stand in the column *before*. */
function listEarlier(report: BenchReport): string[] {
  const byCode = Map.groupBy(
    Object.values(report).filter(({ before }) => before !== undefined),
    ({ before }) => before?.code,
  );
  return [...byCode].map(([code, parts]) => `- Before, commit ${code}: ${parts.map(({ title }) => title).join(', ')}.`);
}
