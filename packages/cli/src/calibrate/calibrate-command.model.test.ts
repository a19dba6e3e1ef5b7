import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesToHex } from '@ogong/chain/hex';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { readTableFile } from '@ogong/host/drift-table/table-file';
import { EXIT } from '@ogong/host/log/errors';
import { createLogger } from '@ogong/host/log/logger';
import { openStore } from '@ogong/host/store/store';
import { findDriftRow } from '@ogong/protocol/modality/text/drift/drift-table';
import { openSampleStore } from '@ogong/provider/calibration/sample-store';
import { loadDriftPolicy } from '@ogong/validator/load-drift-policy';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calibrateCommand } from './calibrate-command.ts';

/** The command from measuring to a table, with real weights and as little of everything as makes a table. */
describe('ogong calibrate', () => {
  let directory: string;
  /** Shared start of most tests: samples.db, and table.json signed by signer.key. */
  let made: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ogong-calibrate-'));
    made = await measure(170, 'table.json', '--key', at('signer.key'), '--json');
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const at = (name: string): string => join(directory, name);

  async function run(...argv: string[]) {
    const written: string[] = [];
    const failed: string[] = [];
    const output = {
      write: (part: string) => void written.push(part),
      writeError: (part: string) => void failed.push(part),
    };
    const code = await calibrateCommand.run(argv, output);
    return { code, text: written.join(''), errors: failed.join('') };
  }
  const measureInto = (samples: string, replies: number, out: string, ...more: string[]) =>
    run(
      ...['--model', 'stories260K', '--pair', 'fast:exact', '--replies', String(replies), '--max-tokens', '6'],
      ...['--samples', at(samples), '--out', at(out), ...more],
    );
  const measure = (replies: number, out: string, ...more: string[]) => measureInto('samples.db', replies, out, ...more);
  let long: ReturnType<typeof run> | undefined;
  const measureLong = () => (long ??= measure(170, 'long.json', '--prompt-tokens', '400'));

  it('refuses a table from too little, keeps what it measured, and goes on from there', async () => {
    await expect(measureInto('few.db', 20, 'few.json')).rejects.toMatchObject({
      code: 'too-little-data',
      message: expect.stringMatching(/8 honest replies to fit to and 12 held out, about \d+ more are needed/),
    });
    const store = openSampleStore(at('few.db'));
    expect(store.listPairs().map(({ count }) => count)).toEqual([20]);
    store.close();
    const { code, errors } = await measureInto('few.db', 170, 'few.json');
    expect(code).toBe(EXIT.ok);
    expect(errors).toMatch(/^\d+ of 300: fast serves, [\d.]+\/s/m);
    expect((await run('diff', at('table.json'), at('few.json'))).code).toBe(EXIT.ok);
  });

  it('says before it measures that so few replies make no table', async () => {
    const errors: string[] = [];
    const output = { write: () => undefined, writeError: (part: string) => void errors.push(part) };
    const argv = ['--model', 'stories260K', '--pair', 'fast:exact', '--replies', '20', '--max-tokens', '6'];
    const files = ['--samples', at('fewer.db'), '--out', at('fewer.json')];
    await expect(calibrateCommand.run([...argv, ...files], output)).rejects.toMatchObject({ code: 'too-little-data' });
    expect(errors[0]).toMatch(/^--replies 20 makes no table by itself: a pair of classes takes 166;/);
    errors.length = 0;
    await calibrateCommand.run(['--help'], output);
    expect(errors).toEqual([]);
  });

  it('makes a signed table', async () => {
    const { code, text } = made;
    expect(code).toBe(EXIT.ok);
    const result = JSON.parse(text) as { rows: number; hash: string; pairs: unknown[] };
    expect(result).toMatchObject({
      rows: 1,
      version: 1,
      leftOut: [],
      pairs: [{ replies: 170, modelRoot: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    });
    const shown = await run('show', at('table.json'));
    expect(shown.text).toContain(result.hash);
    expect(shown.text).toMatch(/signed by [0-9a-f]{64}/);
  });

  it('measures longer contexts by themselves, on request', async () => {
    const { errors } = await measureLong();
    expect(errors).toMatch(/170 of 340|fast serves/);
    const contextOf = (name: string): number =>
      Math.max(...readTableFile(nodeCrypto, at(name)).table.rows.map(({ context }) => context));
    expect(contextOf('long.json')).toBeGreaterThan(contextOf('table.json') + 50);
    expect(errors).toContain(`rows judge prompt and reply of up to ${contextOf('long.json')} tokens`);
  });

  it('refuses contexts that the model was not trained on, before it measures', async () => {
    await expect(measure(170, 'far.json', '--prompt-tokens', '150000')).rejects.toThrow(
      /--prompt-tokens 150000 and --max-tokens 6 are more than the \d+ tokens that .* was trained for/,
    );
    expect(existsSync(at('far.json'))).toBe(false);
  });

  it('measures nothing twice, and comes to the same table', async () => {
    const before = readFileSync(at('table.json'), 'utf8');
    const { errors } = await measure(170, 'again.json');
    expect(errors).not.toContain('serves');
    expect((await run('diff', at('table.json'), at('again.json'))).code).toBe(EXIT.ok);
    expect(JSON.parse(before).table).toBe(JSON.parse(readFileSync(at('again.json'), 'utf8')).table);
  });

  it('signs, builds anew, merges and compares', async () => {
    await measureLong();
    await measure(170, 'bare.json');
    await run('sign', at('bare.json'), '--key', at('other.key'), '--out', at('signed.json'));
    expect(JSON.parse(readFileSync(at('signed.json'), 'utf8')).signatures).toHaveLength(1);
    const built = await run('build', '--samples', at('samples.db'), '--out', at('built.json'));
    expect(built.code).toBe(EXIT.ok);
    // The samples hold short and long prompts of the same seeds: the long ones reach farther.
    expect((await run('diff', at('long.json'), at('built.json'), '--json')).text).toBe('[]\n');
    await run('merge', at('table.json'), at('built.json'), '--out', at('merged.json'));
    expect((await run('show', at('merged.json'))).text).toContain('version 2');
  });

  it('follows the table before it', async () => {
    copyFileSync(at('samples.db'), at('more.db'));
    await measureInto('more.db', 171, 'next.json', '--previous', at('table.json'));
    const [before, after] = await Promise.all(
      ['table.json', 'next.json'].map((name) => run('show', at(name), '--json')),
    );
    const { version, previous, rows } = JSON.parse(after!.text) as Record<string, unknown>;
    expect({ version, previous }).toEqual({ version: 2, previous: JSON.parse(before!.text).hash });
    expect(rows).toHaveLength(1);
    const { code, text } = await run('diff', at('table.json'), at('next.json'));
    expect(code).toBe(1);
    expect(text).toMatch(/model [0-9a-f]{16}: .*\/fast\/f32\/kv-f16 seen by .*\/exact-2\/.*\n +replies: 170 -> 171/);
  });

  it('is loaded by a validator if the chain names it, and refused if it names another', () => {
    const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
    const log = createLogger({ name: 'test', level: 'silent' });
    const settings = { driftTable: at('table.json'), falseReject: 0.01, falseDoubt: 0.05, extrapolate: false };
    const { hash, table } = readTableFile(nodeCrypto, at('table.json'));
    const load = (named: Uint8Array) =>
      loadDriftPolicy(nodeCrypto, settings, { named: { hash: bytesToHex(named), version: 1n }, store, log });
    expect(load(hash)).toMatchObject({ isNamed: true, table });
    expect(() => load(new Uint8Array(32).fill(1))).toThrow(expect.objectContaining({ code: 'wrong-table' }));
    const [row] = table.rows;
    const query = {
      providerClass: row!.providerClass,
      verifierClass: row!.verifierClass,
      positions: 6,
      context: row!.context,
    };
    expect(findDriftRow(table, { ...query, modelRoot: row!.modelRoot })).toEqual({ kind: 'class', row });
    expect(findDriftRow(table, { ...query, modelRoot: new Uint8Array(32) })).toEqual({ kind: 'none' });
    const { modelRoot, context } = row!;
    expect(findDriftRow(table, { ...query, modelRoot, context: context + 1 })).toEqual({ kind: 'none' });
    store.close();
  });

  it('names the fault of its input', async () => {
    const bad = (...argv: string[]) => run('--model', 'stories260K', '--samples', at('bad.db'), ...argv);
    await expect(bad('--pair', 'fast:slow')).rejects.toThrow(/fast:slow.*does not fit/);
    await expect(bad('--pair', 'fast:peer')).rejects.toThrow(/needs --peer/);
    await expect(bad('--weights', 'q8_0')).rejects.toThrow(/one type of weights.*q8_0/);
    await expect(run('build', '--samples', at('samples.db'), '--named', 'kv-q8-0')).rejects.toThrow(
      /--named kv-q8-0: no such cheat in these samples; there are none/,
    );
    await expect(run('build', '--samples', at('none.db'))).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(at('bad.json'), '{"format":"ogong-drift-table-file-v1"}');
    await expect(run('show', at('bad.json'))).rejects.toMatchObject({ code: 'bad-table' });
    expect((await run('melt')).code).toBe(EXIT.usage);
  });
});
