import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const IS_LONG = process.env.OGONG_LONG === '1';
const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ogong-economies-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Claims of both economies. Each economy has one more, about the origin of its tokens. */
const SHARED =
  'beacon receipts tampering cheat-prefill ejection refunds honest-paid quorum conservation tests relayed sealed fastest withdrawal slash bad-split picture fewer-steps vision';

describe('the demo, by night: it takes two minutes for each economy', () => {
  it.runIf(IS_LONG).each([
    ['ogong', 'emission'],
    ['burn-and-mint', 'mint'],
  ])(
    'claims the same on a network of the economy %s',
    (economy, own) => {
      const file = join(folder, `${economy}.json`);
      const argv = ['scripts/run.mjs', 'lab/src/demo/main.ts', '--once', '--economy', economy, '--json', file];
      const rest = ['--shards', 'off', '--hub', 'off', '--dir', join(folder, economy)];
      const { status, stdout, stderr } = spawnSync(process.execPath, [...argv, ...rest], {
        cwd: root,
        encoding: 'utf8',
      });
      expect(`${stdout.slice(-2_000)}${stderr.slice(-2_000)}`).toContain('claims hold');
      expect(status).toBe(0);
      const { claims } = JSON.parse(readFileSync(file, 'utf8')) as { claims: { id: string; ok: boolean }[] };
      expect(claims.filter(({ ok }) => !ok)).toEqual([]);
      expect(claims.map(({ id }) => id).sort()).toEqual([...SHARED.split(' '), own].sort());
    },
    900_000,
  );
});
