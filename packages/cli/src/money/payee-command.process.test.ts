import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contractNames } from '@ogong/chain/deployment';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { EXIT } from '@ogong/host/log/errors';
import { fromHex } from '@ogong/protocol/base/bytes';
import { readStatementFile } from '@ogong/provider/provider/paid/payee-statement-file';
import { type SignerServer, signTypedAsAsked, startSignerServer } from '@ogong/testing/chain/signer-server';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { payeeCommand } from './payee-command.ts';

const provider = 'ab'.repeat(32);
const privateKey = generatePrivateKey();
const account = computeAddress(privateKey);
const contracts = Object.fromEntries(contractNames.map((name, i) => [name, `0x${`${i + 10}`.repeat(20)}`]));
const ledger = { chainId: 31_337n, verifyingContract: fromHex(contracts.escrow?.slice(2) as string, 20) };
let directory: TestDirectory;
let signer: SignerServer | undefined;

beforeAll(() => {
  directory = createTestDirectory('payee-command');
  const deployment = { chainId: 31_337, block: 0, rpcUrl: 'http://127.0.0.1:1', ...contracts };
  writeFileSync(join(directory.path, 'deployment.json'), JSON.stringify(deployment));
  writeFileSync(join(directory.path, 'payee.key'), privateKey.slice(2), { mode: 0o600 });
});
afterEach(() => signer?.close());
afterAll(() => directory?.remove());

async function sign(out: string, ...by: readonly string[]): Promise<string> {
  const written: string[] = [];
  const output = { write: (piece: string) => void written.push(piece), writeError: () => {} };
  const where = ['--deployment', join(directory.path, 'deployment.json'), '--out', join(directory.path, out)];
  expect(await payeeCommand.run(['sign', '--provider', provider, ...where, ...by], output)).toBe(EXIT.ok);
  return written.join('');
}

const read = (out: string) =>
  readStatementFile('ogong test', {
    ...{ path: join(directory.path, out), crypto, ledger, providerId: fromHex(provider), nowMs: Date.now() },
  });

async function startWallet(...by: Parameters<typeof signTypedAsAsked>): Promise<readonly string[]> {
  signer = await startSignerServer(signTypedAsAsked(...by), ['eth_signTypedData_v4']);
  return ['--signer', signer.url, '--account', account.slice(2)];
}

describe('ogong payee sign', () => {
  it('signs by a key in a file, as text and as JSON', async () => {
    const by = ['--keypair', join(directory.path, 'payee.key')];
    expect(await sign('by-key.json', ...by)).toContain(`${account} is the payee of ${provider} until 20`);
    expect(read('by-key.json').payee).toEqual(fromHex(account.slice(2)));
    expect(readFileSync(join(directory.path, 'by-key.json'), 'utf8')).toContain('ogong-payee-word-v1');
    const again = JSON.parse(await sign('by-key.json', ...by, '--json'));
    expect(again).toMatchObject({ payee: account, provider, isReplaced: true });
  });

  it.each([{}, { isParity: true }])('has a wallet sign typed data, %j', async (ways) => {
    const by = await startWallet(privateKey, ways);
    const { validUntil } = JSON.parse(await sign('by-wallet.json', ...by, '--json'));
    const { payee, validUntilMs } = read('by-wallet.json');
    expect(payee).toEqual(fromHex(account.slice(2)));
    expect(new Date(validUntilMs).toISOString()).toBe(validUntil);
    const asked: readonly unknown[] = signer?.requests[0]?.params ?? [];
    expect(JSON.parse(`${asked[1]}`)).toMatchObject({
      domain: { name: 'OGONG', verifyingContract: contracts.escrow },
      ...{ primaryType: 'ProviderPayee', message: { providerId: `0x${provider}`, validUntil: `${validUntilMs}` } },
    });
  });

  it('writes nothing if the wallet signs something else, or for another account', async () => {
    const change = (message: object) => ({ ...message, validUntil: '9000000000000000' });
    await expect(sign('bent.json', ...(await startWallet(privateKey, { change })))).rejects.toThrow('something else');
    await signer?.close();
    await expect(sign('bent.json', ...(await startWallet(generatePrivateKey())))).rejects.toThrow('something else');
    expect(existsSync(join(directory.path, 'bent.json'))).toBe(false);
    await expect(sign('bent.json')).rejects.toThrow('say who signs');
  });
});
