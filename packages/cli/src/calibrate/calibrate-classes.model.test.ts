import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeClassTables } from '@ogong/engine/class-search/packed-tables';
import { type ClassTable, groupClasses } from '@ogong/engine/class-search/table';
import { EXIT } from '@ogong/host/log/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calibrateCommand } from './calibrate-command.ts';

/** The search as its user starts it, with real passes of a model that takes seconds. */
describe('ogong calibrate classes', () => {
  let directory: string;
  let first: ClassTable;
  const search = async (...more: string[]): Promise<{ table: ClassTable; errors: string }> => {
    const [written, failed]: [string[], string[]] = [[], []];
    const output = {
      write: (part: string) => void written.push(part),
      writeError: (part: string) => void failed.push(part),
    };
    const argv = ['classes', '--model', 'stories260K', '--quick', '--json', '--write', directory, ...more];
    expect(await calibrateCommand.run(argv, output)).toBe(EXIT.ok);
    return { table: JSON.parse(written.join('')) as ClassTable, errors: failed.join('') };
  };
  const digestOf = ({ findings }: ClassTable, setup: string, start: number, shape: string): string => {
    const found = findings.filter((each) => each.setup === setup && each.start === start && each.shape === shape);
    expect(found).toHaveLength(1);
    return found[0]!.digest;
  };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-classes-'));
    const { table, errors } = await search('--isa', 'haswell');
    first = table;
    expect(errors).toMatch(/^0 %: /);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('gives the same bits again, as in the passes of one class while serving', async () => {
    const { table } = await search('--isa', 'haswell');
    expect(table).toEqual(first);
    // One row or eight of other replies: the neighbours change nothing.
    for (const start of [64, 320]) {
      expect(digestOf(first, 'flash', start, 'step 8 x 1')).toBe(digestOf(first, 'flash', start, 'step 2 x 1'));
    }
  });

  it('detects another order of computation', () => {
    expect(digestOf(first, 'no flash', 64, 'forced 8')).not.toBe(digestOf(first, 'flash', 64, 'forced 8'));
    expect(digestOf(first, 'flash', 320, 'forced 8')).not.toBe(digestOf(first, 'flash', 64, 'forced 8'));
    for (const { classes } of groupClasses(first.findings)) expect(classes.length).toBeGreaterThan(1);
  });

  it('searches in the given library, and keeps the tables of others', async () => {
    const { table } = await search('--isa', 'sse42');
    expect(table.isa).not.toBe(first.isa);
    expect(digestOf(table, 'flash', 64, 'forced 8')).not.toBe(digestOf(first, 'flash', 64, 'forced 8'));
    const kept = decodeClassTables(readFileSync(join(directory, 'classes.json'), 'utf8'));
    expect(kept.map(({ isa }) => isa).sort()).toEqual([first.isa, table.isa].sort());
    expect(readFileSync(join(directory, 'classes.md'), 'utf8')).toContain(`stories260K (f32) on cpu, ${table.isa}`);
  });

  it('reports an invalid library', async () => {
    await expect(search('--isa', 'no-such')).rejects.toThrow(/no setup ran: .*no-such/);
  });
});
