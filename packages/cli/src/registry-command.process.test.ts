import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '@ogong/host/log/errors';
import { keepChainFresh } from '@ogong/testing/chain/fresh-chain';
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

keepChainFresh(() => ledger);

describe('ogong model register, show, list, revoke', () => {
  it('publishes entries of the maker, and none of a stranger', async () => {
    expect(await run('show', ID)).toEqual({ code: EXIT.data, text: 'nobody has claimed the name acme\n' });
    expect((await register('maker')).text).toContain('--claim pays 1,000 OGONG');
    expect((await register('maker', '--claim', '--json', '--source', 'https://example.org/w')).code).toBe(EXIT.ok);
    expect(await register('squatter', '--claim')).toMatchObject({
      code: 'reverted',
      text: expect.stringMatching(/NotOwner/),
    });
    const { code, text } = await run('show', ID, '--json');
    expect(code).toBe(EXIT.ok);
    expect(JSON.parse(text)).toMatchObject({
      ...{ maker: 'acme', model: 'tiny', inForce: `0x${root}` },
      weightsOf: { [`0x${root}`]: null },
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

  it('claims weights only on request, shows their owner, and publishes nothing after a failed claim', async () => {
    const [own, theirs] = [root.replaceAll('ab', 'cd'), 'ogong/verified/squat/tiny'];
    const publish = (who: string, id: string, ...more: string[]) =>
      run(
        ...['register', id, '--keypair', join(folder, who), '--licence', 'MIT', '--claim'],
        ...['--model-root', own, '--tokenizer-hash', own, ...more],
      );
    expect((await publish('squatter', theirs)).text).toContain(`nobody has claimed the weights 0x${own}`);
    const [first, second] = ['one', 'two'].map((model) => `ogong/verified/acme/${model}`) as [string, string];
    expect((await publish('maker', first, '--own-weights')).text).toMatch(
      /the maker's share .* goes to 0x[0-9a-f]{40}\n/,
    );
    expect((await publish('maker', second, '--own-weights')).code).toBe(EXIT.ok);
    const refused = await publish('squatter', 'ogong/verified/squat/other', '--own-weights');
    expect(refused).toMatchObject({ code: 'reverted', text: expect.stringContaining('RootTaken') });
    expect((await run('show', 'ogong/verified/squat/other')).code).toBe(EXIT.data);
    expect((await run('show', theirs)).text).toContain('who does not own this name');
  });

  it('asks for the weights in one way', async () => {
    expect((await register('maker', '--model', 'stories15M')).text).toContain('give either --model');
  });
});
