import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RowResult, Search } from './run-row.ts';
import { NOT_FROM_STRANGERS, PARSER_ROWS, REACHED_THROUGH } from './table.ts';

/** Basic blocks for each byte of an input, and for each input. Each row of today needs fewer than a third of them. */
const BLOCKS_PER_BYTE = 100;
const BLOCKS_PER_INPUT = 15_000_000;
/** How much faster than its inputs the work of a parser may grow, and the blocks for each input that do not count. */
const GROWTH = 2;
const FREE_BLOCKS = 20_000;
/** A backstop for native work, such as of regular expressions, which blocks do not show. Milliseconds for all inputs of one size. */
const MAX_CPU_MS = 30_000;
/** The short search has inputs of at most an eighth of the size. */
const SEARCH: Search = process.env.OGONG_LONG === '1' ? 'long' : 'short';
const MAX_HEAP_MIB = SEARCH === 'long' ? 1_024 : 256;
const MAX_RSS_MIB = SEARCH === 'long' ? 2_048 : 1_024;
/** For one row, on a busy machine. */
const ROW_DEADLINE_MS = 180_000;
const DEADLINE_MS = 900_000;

interface Run {
  readonly results: readonly RowResult[];
  /** The row that did not end. */
  readonly stuck: string | undefined;
  readonly maxRssMiB: number;
  readonly failure: string;
}

async function runRows(): Promise<Run> {
  const script = new URL('run-rows-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [`--max-old-space-size=${MAX_HEAP_MIB}`, script, SEARCH]);
  const timer = setTimeout(() => child.kill('SIGKILL'), ROW_DEADLINE_MS);
  const results: RowResult[] = [];
  let [stuck, maxRssMiB, failure]: [string | undefined, number, string] = [undefined, Number.POSITIVE_INFINITY, ''];
  child.stderr.on('data', (piece) => (failure += String(piece)));
  for await (const line of createInterface(child.stdout)) {
    timer.refresh();
    const event = JSON.parse(line) as RowResult | { readonly started: string } | { readonly maxRssMiB: number };
    if ('started' in event) stuck = event.started;
    else if ('readings' in event) {
      results.push(event);
      stuck = undefined;
    } else maxRssMiB = event.maxRssMiB;
  }
  clearTimeout(timer);
  return { results, stuck, maxRssMiB, failure };
}

describe('the worst inputs of a stranger', () => {
  let run: Run;
  beforeAll(async () => {
    run = await runRows();
  }, DEADLINE_MS);

  it.each(PARSER_ROWS.map((row, at) => [`${row.name} of ${row.file}`, at] as const))('%s', (_what, at) => {
    const result = run.results[at];
    if (result === undefined)
      throw new Error(`${run.stuck ?? 'an earlier parser'} did not end: ${run.failure.slice(-2_000)}`);
    // Without a valid encoding the inputs reach the head of a format alone.
    if (PARSER_ROWS[at]?.inputs === 'bytes') expect(result.seeds).toBeGreaterThan(0);
    result.readings.forEach(({ size, inputs, blocks, cpuMs }, i) => {
      const before = result.readings[i - 1];
      const grown = before && GROWTH * (size / before.size) * (before.blocks / before.inputs);
      expect(blocks, `blocks at ${size} bytes`).toBeLessThan(inputs * (BLOCKS_PER_BYTE * size + BLOCKS_PER_INPUT));
      if (grown !== undefined) expect(blocks, `growth to ${size} bytes`).toBeLessThan(inputs * (grown + FREE_BLOCKS));
      expect(cpuMs, `processor time at ${size} bytes`).toBeLessThan(MAX_CPU_MS);
    });
  });

  it('need little memory', () => {
    expect(run.maxRssMiB).toBeLessThan(MAX_RSS_MIB);
  });
});

it('each parser stands in one list, and a row exists for those that are reached through another', () => {
  const rows = new Set(PARSER_ROWS.map(({ file, name }) => `${file} ${name}`));
  const others = [...REACHED_THROUGH, ...NOT_FROM_STRANGERS].map(({ file, name }) => `${file} ${name}`);
  expect(others.filter((name) => rows.has(name))).toEqual([]);
  expect(new Set(others).size).toBe(others.length);
  const names = new Set(PARSER_ROWS.map(({ name }) => name));
  expect(REACHED_THROUGH.filter(({ row }) => !names.has(row))).toEqual([]);
});
