import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '@ogong/host/log/errors';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelCommand } from './model-command.ts';

const ID = 'ogong/verified/acme/tiny';
const root = 'ab'.repeat(32);
const folder = mkdtempSync(join(tmpdir(), 'ogong-registry-command-'));
const deployment = join(folder, 'deployment.json');
let ledger: TestLedger;

beforeAll(async () => {
  ledger = await startTestLedger({ limits: { withdrawalDelay: 0 }, delays: { notice: 3_600 } });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  for (const name of ['maker', 'squatter']) {
    const { privateKey } = await ledger.createMember(2_000n * unit);
    writeFileSync(join(folder, name), privateKey.slice(2), { mode: 0o600 });
  }
});
afterAll(async () => {
  await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(...argv: string[]): Promise<{ code: number | string; text: string }> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  try {
    return { code: await modelCommand.run([...argv, '--deployment', deployment], output), text: written.join('') };
  } catch (error) {
    return { code: (error as { code: string }).code, text: (error as Error).message };
  }
}

const register = (who: string, ...more: string[]) =>
  run(
    ...['register', ID, '--keypair', join(folder, who), '--licence', 'MIT'],
    ...['--model-root', root, '--tokenizer-hash', root, ...more],
  );

describe('ogong model register, show, list, revoke', () => {
  it('publishes what the maker says, and nothing that a stranger says', async () => {
    expect(await run('show', ID)).toEqual({ code: EXIT.data, text: 'nobody has claimed the name acme\n' });
    expect((await register('maker')).text).toContain('--claim pays 1000000000000000000000 atomic units');
    expect((await register('maker', '--claim', '--json', '--source', 'https://example.org/w')).code).toBe(EXIT.ok);
    expect(await register('squatter', '--claim')).toMatchObject({
      code: 'reverted',
      text: expect.stringMatching(/NotOwner/),
    });
    const { code, text } = await run('show', ID, '--json');
    expect(code).toBe(EXIT.ok);
    expect(JSON.parse(text)).toMatchObject({
      ...{ maker: 'acme', model: 'tiny', inForce: `0x${root}` },
      versions: [{ modelRoot: `0x${root}`, licence: 'MIT', sources: ['https://example.org/w'] }],
    });
    expect(JSON.parse((await run('list', '--json')).text)).toEqual([
      { maker: 'acme', model: 'tiny', modelRoot: `0x${root}`, licence: 'MIT' },
    ]);
    expect((await run('list')).text).toBe(`acme/tiny  0x${root}  MIT\n`);
    expect(await run('revoke', ID, '--keypair', join(folder, 'squatter'))).toMatchObject({ code: 'reverted' });
    expect((await run('revoke', ID, '--keypair', join(folder, 'maker'))).text).toMatch(/nothing in force/);
    expect((await run('show', ID)).code).toBe(EXIT.data);
  });

  it('asks for the weights in one way', async () => {
    expect((await register('maker', '--model', 'stories15M')).text).toContain('give either --model');
  });
});
