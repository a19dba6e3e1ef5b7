import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROGRAM = findProgram(new URL('./bin/ogong-routerd.ts', import.meta.url));
const BOND = 5n * unit;
const UNBONDING_S = 3_600;

let ledger: TestLedger;
let directory: TestDirectory;
beforeAll(async () => {
  ledger = await startTestLedger({ limits: { minimumRouterBond: BOND, unbondingDelay: UNBONDING_S } });
  directory = createTestDirectory('router-commands');
  writeFileSync(join(directory.path, 'deployment.json'), JSON.stringify(ledger.deployment));
});
afterAll(async () => {
  await ledger?.stop();
  directory?.remove();
});

/** A data directory with keys, whose account can pay for transactions, and has so many tokens. */
async function prepare(name: string, tokens: bigint) {
  const dataDir = join(directory.path, name);
  mkdirSync(dataDir, { mode: 0o700 });
  const { ledgerKey, hybridSeed } = createOrLoadKeys(dataDir);
  const { address } = createNodeLedgerSigner(ledgerKey.reveal());
  await ledger.chain.setBalance(`0x${toHex(address)}`, unit);
  if (tokens > 0n) await ledger.governor.transfer(address, tokens);
  const keyHash = toHex(hashHybridKey(crypto, createNodeHybridSigner(hybridSeed.reveal()).publicKey));
  return { dataDir, address: `0x${toHex(address)}` as const, keyHash };
}

async function run(command: 'register' | 'retire', dataDir: string) {
  const flags = ['--data-dir', dataDir, '--deployment', join(directory.path, 'deployment.json')];
  const args = ['--disable-warning=ExperimentalWarning', PROGRAM, command, ...flags];
  const child = spawn(process.execPath, [...args, '--rpc-url', ledger.chain.rpcUrl], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: (await ended)[0] as number, said, complained };
}

describe('the commands of ogong-routerd', () => {
  it('register stakes what the least bond lacks and names the key; again, nothing changes; retire ends it', async () => {
    const { dataDir, address, keyHash } = await prepare('rich', 2n * BOND);
    const first = await run('register', dataDir);
    expect([first.code, JSON.parse(first.said)]).toMatchObject([0, { outcome: 'registered', keyHash }]);
    expect(await ledger.governor.stakeOf(address)).toBe(BOND);
    expect(await ledger.governor.routerOf(address)).toMatchObject({ ticketKey: `0x${keyHash}`, until: 0n });
    const again = await run('register', dataDir);
    expect([again.code, JSON.parse(again.said)]).toMatchObject([0, { outcome: 'unchanged', keyHash }]);
    expect(await ledger.governor.stakeOf(address)).toBe(BOND);

    const left = await run('retire', dataDir);
    const { outcome, until } = JSON.parse(left.said) as { outcome: string; until: number };
    expect([left.code, outcome]).toEqual([0, 'leaves']);
    const found = await ledger.governor.routerOf(address);
    expect(Number(found?.until)).toBe(until);
    expect(until).toBeGreaterThan(Number(found?.since) + UNBONDING_S - 1);
    // A router that leaves may come back.
    const back = await run('register', dataDir);
    expect(JSON.parse(back.said)).toMatchObject({ outcome: 'registered' });
    expect(await ledger.governor.routerOf(address)).toMatchObject({ until: 0n });
    expect(readFileSync(join(dataDir, 'ledger.key'), 'utf8')).not.toBe('');
  });

  it('end with a reason where the account holds too little, or was never registered', async () => {
    const { dataDir, address } = await prepare('poor', BOND - 1n);
    const refused = await run('register', dataDir);
    expect([refused.code, refused.said]).toEqual([65, '']);
    expect(refused.complained).not.toMatch(/\n\s+at /);
    expect(refused.complained).toContain('ERC20InsufficientBalance');
    expect(await ledger.governor.routerOf(address)).toBeUndefined();
    const nobody = await run('retire', dataDir);
    expect([nobody.code, nobody.said]).toEqual([65, '']);
    expect(nobody.complained).toContain('NoRouter');
  });
});
