import { spawnSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import type { Curves } from '../economics/finding.ts';
import { formatTable, isMet, type Row } from './row.ts';

/** Rows that were measured together, with machine and date. */
export interface BenchPart {
  readonly title: string;
  /** ISO 8601 day. */
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly Row[];
  /** Drawn from the rows that have points, as docs/bench/NAME.svg. */
  readonly figure?: BenchFigure;
}

export type BenchFigure = Omit<Curves, 'points'>;

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

What checking and serving cost. \`npm run bench\` measures all of it again; \`npm run bench -- --only replies,intake --write\` renews parts of
this page. No test asserts any of these figures: they move with the machine and with what else runs on it, which the load in each heading
shows. A ratio is the median over rounds in which both sides take turns. Engine times are processor time of the engine's own thread.
**MISSED** marks an aim that this measurement does not reach; the last section says why.
`;

export function formatReport(report: BenchReport): string {
  const parts = Object.values(report);
  const missed = parts.flatMap(({ rows }) => rows).filter((row) => isMet(row) === false);
  return [
    INTRODUCTION,
    ...parts.map(formatPart),
    `## Aims that were missed\n`,
    missed.length === 0 ? 'None.\n' : `${formatMisses(missed)}\n`,
  ].join('\n');
}

function formatPart({ title, date, machine, rows, figure }: BenchPart): string {
  const drawn = figure === undefined ? '' : `\n![${figure.title}](bench/${figure.name}.svg)\n\n${figure.caption}\n`;
  return `## ${title}\n\n${date}: ${machine}.\n\n${formatTable(rows)}\n${drawn}`;
}

/** Groups missed rows with the same reason. */
function formatMisses(missed: readonly Row[]): string {
  const byReason = new Map<string, string[]>();
  for (const { what, why, next } of missed) {
    const reason = `${why ?? 'no reason known'}.${next === undefined ? '' : ` Next: ${next}.`}`;
    byReason.set(reason, [...(byReason.get(reason) ?? []), what]);
  }
  return [...byReason].map(([reason, whats]) => `- ${whats.join('; ')}: ${reason}`).join('\n');
}
