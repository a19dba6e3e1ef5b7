import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFastBls } from '@ogong/host/crypto/fast-bls';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex } from '@ogong/protocol/base/bytes';
import { prepareActivation } from '@ogong/testing/chain/beacon-keys-fixture';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { validatorCommands } from './commands.ts';

const PERIOD_S = 1_000;
const directory = createTestDirectory('retire-key');
let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger({ beacon: { origin: 1n, period: BigInt(PERIOD_S) }, blockTimeMs: 50 });
});
afterAll(async () => {
  await ledger.stop();
  directory.remove();
});

it('operators end a key by a command, and by another one if their quorum came too late', async () => {
  const members = [await ledger.createValidator(), await ledger.createValidator()];
  const { chainId, settlement } = ledger.deployment;
  const validators = members.map(({ client, privateKey }) => ({
    client,
    signer: createNodeLedgerSigner(fromHex(privateKey.slice(2), 32)),
  }));
  const rpc = ledger.governor.transactor.client;
  const pass = async (seconds: number) => {
    await rpc.request({ method: 'evm_increaseTime', params: [seconds] } as never);
    await rpc.request({ method: 'evm_mine' } as never);
  };
  const network = { chainId: BigInt(chainId), settlement: fromHex(settlement.slice(2), 20) };
  const world = { network, crypto, bls: await createFastBls(), validators, stranger: ledger.governor, pass };
  await ledger.governor.activateEra(await prepareActivation(world, { generation: 1, era: 1 }));
  const read = async () => (await ledger.governor.beaconKeys()) ?? expect.fail('no keys of a beacon');

  const file = (name: string, text: string): string => {
    writeFileSync(join(directory.path, name), text, { mode: 0o600 });
    return join(directory.path, name);
  };
  const deployment = file('deployment.json', JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  const run = async (index: number, lastEpoch: bigint, signatures: readonly string[] = []) => {
    const keypair = file(`${index}.key`, members[index]?.privateKey.slice(2) ?? '');
    const gathered = signatures.flatMap((signature) => ['--signature', signature]);
    const flags = ['--deployment', deployment, '--keypair', keypair, '--data-dir', join(directory.path, `${index}`)];
    const retire = validatorCommands.get('retire-key') ?? expect.fail('no such command');
    return JSON.parse(await retire([...flags, '--last-epoch', `${lastEpoch}`, ...gathered], {}));
  };

  const first = (await read()).epoch + 4n;
  await expect(run(0, first + 604n)).rejects.toThrow('more than a week ahead');
  const early = await run(0, first);
  expect(early).toMatchObject({ outcome: 'signed', generation: 1, lastEpoch: Number(first) });
  await expect(run(0, first, [early.signature])).rejects.toMatchObject({ revert: { name: 'NoQuorum' } });
  await expect(run(0, first + 9n)).rejects.toMatchObject({ code: 'conflict' });
  // The other operator comes once that epoch has begun.
  await pass(5 * PERIOD_S);
  await expect(run(1, first)).rejects.toThrow('the beacon has no key that can end with epoch');
  await pass(PERIOD_S);
  const second = (await read()).epoch + 4n;
  const signed = [await run(0, second), await run(1, second)];
  expect(
    await run(
      1,
      second,
      signed.map(({ signature }) => signature),
    ),
  ).toMatchObject({ outcome: 'retired', generation: 1 });
  expect((await read()).generations[0]?.lastEpoch).toBe(second);
});
