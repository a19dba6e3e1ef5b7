import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createTableFile, type TableFile, writeTableFile } from '@ogong/host/drift-table/table-file';
import { toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { DriftRow, Power } from '@ogong/protocol/modality/text/drift/drift-table';
import { buildDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-build';
import { createSyntheticEvidence } from '@ogong/testing/synthetic/synthetic-evidence';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calibrateCommand } from './calibrate-command.ts';
import { planConfig } from './calibrate-plan.ts';

const random = createSeededRandom(7);
const { table: synthetic } = buildDriftTable({
  version: 3,
  previous: new Uint8Array(32).fill(1),
  measurements: [
    {
      ...{ providerClass: 'synthetic/1', verifierClass: 'synthetic/2', codeVersion: 'test', alternatives: [] },
      modelRoot: new Uint8Array(32).fill(2),
      honest: Array.from({ length: 200 }, (_, seed) => ({
        seed,
        evidence: createSyntheticEvidence(random, { positions: 96 }),
      })),
    },
  ],
});
const [base] = synthetic.rows as [DriftRow];
const replies = 400;
const power: Power[] = [
  { name: 'coarse', replies, caught: [400, 400, 400, 390] },
  { name: 'fine', replies, caught: [390, 380, 300, 100] },
  { name: 'hidden', replies, caught: [20, 4, 0, 0] },
  { name: 'unseen', replies: 0, caught: [0, 0, 0, 0] },
];
const directory = mkdtempSync(join(tmpdir(), 'ogong-plan-'));
const path = join(directory, 'table.json');
let file: TableFile;

beforeAll(() => {
  file = write(path, [
    { ...base, band: 3, power },
    { ...base, band: 4, power: [] },
  ]);
});
afterAll(() => rmSync(directory, { recursive: true }));

function write(to: string, rows: DriftRow[]): TableFile {
  const made = createTableFile(crypto, { ...synthetic, rows });
  writeTableFile(to, made);
  return made;
}

async function plan(...argv: string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (part: string) => void written.push(part), writeError: () => undefined };
  expect(await calibrateCommand.run(['plan', ...argv], output)).toBe(0);
  return written.join('');
}

interface Shown {
  readonly terms: unknown;
  readonly rows: readonly {
    readonly cheats: readonly { kind: string; name: string; leastCoveragePpm?: number | null; isDeterred?: boolean }[];
  }[];
}
const planJson = async (...argv: string[]): Promise<Shown> => JSON.parse(await plan(path, '--json', ...argv)) as Shown;
const cheatOf = (shown: Shown, name: string) => shown.rows[0]?.cheats.find((cheat) => cheat.name === name);

describe('ogong calibrate plan', () => {
  it('shows detection, deterrence and their meaning for each row', async () => {
    const text = await plan(path, '--alpha', '0.6', '--saving', '0.5', '--fee', '2000');
    const s = cheatOf(await planJson(), 'fine') as { soundnessPpm?: number; leastCoveragePpm?: number };
    const share = (ppm: number | undefined) => String((ppm as number) / 1e6);
    for (const line of [
      `version ${synthetic.version}, hash ${toHex(file.hash)}`,
      'alpha 0.6; a cheat saves 0.5 of the fee, 1000 of 2000; franchise 0; at 0.001',
      `fine: 300 of 400 replies caught, 0.75; s = ${share(s.soundnessPpm)}, the lower 95 % limit`,
      `${share(s.leastCoveragePpm)} or more deters a saving of 0.5 of the fee`,
      // 0.6 (0.705 - 0.001) of 2000, rounded down.
      'up to 0.4225 of the fee, 845, is deterred at alpha 0.6',
      `it pays: audit ${share(s.leastCoveragePpm)} of replies, or have more at stake (--franchise)`,
      'deterred: at alpha 0.6 it stands to lose at least what it saves',
      'hidden: 0 of 400 replies caught, 0; s = 0, the lower 95 % limit',
      'none deters a saving of 0.5 of the fee',
      'no rejected reply deters it at any stake: it is not shown to be rejected more often than honest ones',
      'unseen: not measured: its deterrent is unknown',
      'none was measured: the deterrent is unknown',
      '2 of 3 measured cheats pay at alpha 0.6; no alpha deters them all; not measured: 1',
    ]) {
      expect(text).toContain(line);
    }
  });

  it('answers another question differently', async () => {
    const atBreakEven = cheatOf(await planJson(), 'fine')?.leastCoveragePpm as number;
    const deters = async (...argv: string[]) => cheatOf(await planJson(...argv), 'fine')?.isDeterred;
    expect(await deters('--alpha', String(atBreakEven / 1e6))).toBe(true);
    expect(await deters('--alpha', String((atBreakEven - 1) / 1e6))).toBe(false);
    expect(await deters('--alpha', '0.25')).toBe(false);
    expect(await deters('--alpha', '0.25', '--saving', '0.1')).toBe(true);
    expect(await deters('--alpha', '0.25', '--franchise', '5000000')).toBe(true);
    expect(await deters('--alpha', '0.6', '--false-reject', '0.05')).toBe(true);
    expect(await deters('--alpha', '0')).toBe(false);
  });

  it('says that only a higher stake deters, if that is so', async () => {
    const dear = ['--saving', '0.9', '--alpha', '0.3'];
    expect(await plan(path, ...dear)).toContain('it pays at any alpha: only more at stake (--franchise) deters it');
    expect(await plan(path, ...dear, '--franchise', '9000000')).not.toContain('only more at stake');
  });

  it('ends with the least alpha that deters all, if there is one', async () => {
    const strong = join(directory, 'strong.json');
    write(strong, [{ ...base, power: power.slice(0, 2) }]);
    const least = (cheatOf(await planJson(), 'fine')?.leastCoveragePpm as number) / 1e6;
    expect(await plan(strong)).toContain(
      `alpha 1 deters every measured cheat (2); the least that deters all is ${least}`,
    );
    const none = join(directory, 'none.json');
    write(none, [{ ...base, power: power.slice(3) }]);
    expect(await plan(none)).toContain('no cheat was measured: this table says nothing about what deters');
  });

  it('reports a row with too few honest replies for a rate', async () => {
    expect(await plan(path, '--false-reject', '0.0001')).toMatch(
      /note +the least p by rank is 0\.\d+: at 0\.0001 only fixed limits catch/,
    );
    expect(await plan(path, '--false-reject', '0.05')).not.toMatch(/note/);
  });

  it('prints the same for machines', async () => {
    const shown = await planJson('--alpha', '0.25', '--franchise', '7');
    expect(shown).toMatchObject({
      hash: toHex(file.hash),
      terms: { coveragePpm: 250_000, savingAtomic: '500000', feeAtomic: '1000000', franchiseAtomic: '7', rate: 0.001 },
    });
    expect(shown.rows[0]?.cheats).toHaveLength(4);
    expect(cheatOf(shown, 'hidden')).toMatchObject({ leastCoveragePpm: null, deterredSavingAtomic: '0' });
    expect(cheatOf(shown, 'unseen')).toEqual({ kind: 'unmeasured', name: 'unseen' });
    expect(shown.rows[1]?.cheats).toEqual([]);
  });

  it.each([
    [['--alpha', '1.5'], /--alpha .*"1\.5" does not fit, expected a number from 0 to 1/],
    [['--alpha', '-0.1'], /--alpha .*expected a number from 0 to 1/],
    [['--alpha', '25%'], /--alpha .*expected a number from 0 to 1/],
    [['--saving', '2'], /--saving .*expected a number from 0 to 1/],
    [['--fee', '0'], /--fee .*expected at least 1/],
    [['--fee', '1.5 atomic'], /--fee .*expected an amount/],
    [['--franchise', '-1'], /--franchise .*expected an amount/],
    [['--false-reject', '0.002'], /--false-reject .*expected one of 0\.05, 0\.01, 0\.001, 0\.0001/],
  ])('refuses %s, and says what fits', async (argv, message) => {
    await expect(plan(path, ...argv)).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
  });

  it('asks for a table', async () => {
    await expect(plan('--alpha', '0.5')).rejects.toMatchObject({ code: 'usage' });
  });

  it('has the assumptions of `show` as defaults', () => {
    const parsed = planConfig.parse([path], {});
    expect(parsed).toMatchObject({
      values: { alpha: 1, saving: 0.5, fee: 1_000_000n, franchise: 0n, falseReject: '0.001', json: false },
    });
  });
});
