import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { EXIT } from '@ogong/host/log/errors';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { fromHex } from '@ogong/protocol/base/bytes';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { admissionsCommand } from '@ogong/provider/commands/admissions-command';
import { createAdmissions } from '@ogong/provider/provider/orders/admissions';
import { PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createOrderAdmission } from '@ogong/testing/synthetic/synthetic-over-admission';
import { afterAll, beforeAll, expect, it } from 'vitest';

const validatord = findProgram(import.meta.resolve('@ogong/validator/bin/ogong-validatord'));
const folder = mkdtempSync(join(tmpdir(), 'ogong-conviction-'));
const deployment = join(folder, 'deployment.json');
let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger({ blockTimeMs: 50, delays: { appeal: 3_600 } });
  writeFileSync(deployment, JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
});
afterAll(async () => {
  await ledger.stop();
  rmSync(folder, { recursive: true, force: true });
});

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

/** A file that only its user reads. */
function writeKey(name: string, privateKey: string): string {
  const path = join(folder, name);
  writeFileSync(path, privateKey.slice(2), { mode: 0o600 });
  return path;
}

async function look(directory: string, ...more: readonly string[]) {
  const written: string[] = [];
  const output = {
    write: (text: string) => void written.push(text),
    writeError: (text: string) => void written.push(text),
  };
  const out = join(folder, `out-of-${directory}`);
  const argv = ['--data-dir', join(folder, directory), '--deployment', deployment, '--out', out, ...more];
  expect(await admissionsCommand.run(argv, output)).toBe(EXIT.ok);
  return { said: written.join(''), files: readdirSync(out).map((name) => join(out, name)) };
}

it('files of two providers convict a validator: they pool them, operators check the file and sign, one submits', async () => {
  const [accused, second] = await Promise.all([ledger.createValidator(), ledger.createValidator()]);
  const payer = await ledger.createMember(200n);
  await payer.client.deposit(200n);
  await payer.client.admit(accused.address, 100n);
  const escrow = { chainId: BigInt(ledger.chain.chainId), verifyingContract: bytes(ledger.deployment.escrow) };
  const nowMs = BigInt(Date.now());
  // Each provider serves no more than the channel holds.
  for (const [number, name] of ['one', 'two'].entries()) {
    const directory = join(folder, name);
    mkdirSync(directory);
    chmodSync(directory, 0o700);
    const store = openStore(join(directory, 'provider.db'), { schema: PROVIDER_SCHEMA });
    const { order, signature, admission } = createOrderAdmission(crypto, {
      ...{ ledger: escrow, payer: createNodeLedgerSigner(bytes(payer.privateKey)), number, maxFeeAtomic: 90n },
      signer: createNodeLedgerSigner(bytes(accused.privateKey)),
      ...{ admittedAtMs: nowMs + BigInt(number), expiresAtMs: nowMs + 120_000n },
    });
    const commits = createGroupCommit(store);
    await createAdmissions(commits).keep(nameOrder(crypto, escrow, parseOrder(order)), { order, signature }, admission);
    await commits.close();
    store.close();
  }
  const alone = await look('one');
  expect(alone.said).toContain('may cost 90, the channel had room for 100');
  expect(alone.files).toEqual([]);
  const exported = await look('two', '--export');
  expect(exported.said).toContain('1 orders');
  const { said, files } = await look('one', '--add', exported.files[0] as string);
  expect(said).toContain('may cost 180, the channel had room for 100');
  const [evidence] = files as [string];

  const convict = async (key: string, file: string, ...more: readonly string[]) => {
    const argv = ['convict', '--evidence', file, '--deployment', deployment, '--data-dir', `${key}-data`];
    const run = promisify(execFile)(process.execPath, [validatord, ...argv, '--keypair', key, ...more]);
    return run.then(
      ({ stdout }) => JSON.parse(stdout),
      ({ stderr }) => ({ refusal: String(stderr) }),
    );
  };
  const keys = [accused, second].map(({ privateKey }, i) => writeKey(`validator-${i}`, privateKey)) as [string, string];
  const stranger = writeKey('stranger', accused.privateKey);
  const [unread, covered, ...signed] = await Promise.all([
    convict(stranger, deployment),
    convict(writeKey('other', second.privateKey), exported.files[0] as string),
    ...keys.map((key) => convict(key, evidence)),
  ]);
  expect(unread?.refusal).toContain('holds no admissions');
  expect(covered?.refusal).toContain('does not convict');
  expect(signed[1]).toMatchObject({ outcome: 'signed', heldAtomic: '180', capacityAtomic: '100', conviction: 1 });
  const signatures = signed.flatMap(({ signature }) => ['--signature', signature]);
  const submitted = await convict(writeKey('payer', payer.privateKey), evidence, ...signatures);
  expect(submitted).toMatchObject({ outcome: 'convicted', transaction: expect.stringMatching(/^0x/) });
  expect((await payer.client.bondOf(accused.address)).amount).toBe(90n * unit);
});
