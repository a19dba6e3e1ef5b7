import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromBase64, toBase64, toHex } from '@ogong/protocol/base/bytes';
import { hashLeaf } from '@ogong/protocol/crypto/merkle';
import { encodeVerdictEntry, parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { SettledProofJson } from '@ogong/protocol/verdict/receipt/settled-proof';
import { startTestNetwork, type TestNetwork } from '@ogong/testing/validator/test-network';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settlementCommand } from './settlement-command.ts';
import { VERIFY_EXIT, verifyCommand } from './verify-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-settlement-command-'));
const deployment = join(folder, 'deployment.json');
const path = (name: string): string => join(folder, `${name}.json`);
let network: TestNetwork;
let validator: string;

beforeAll(async () => {
  network = await startTestNetwork({ count: 1 });
  await network.start();
  await network.announce();
  const { deployment: places, chain } = network.ledger;
  writeFileSync(deployment, JSON.stringify({ ...places, rpcUrl: chain.rpcUrl }));
  validator = toHex((network.nodes[0] as TestNetwork['nodes'][0]).signer.address);
});
afterAll(async () => {
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function run(command: typeof verifyCommand, ...argv: string[]) {
  let [out, error] = ['', ''];
  const output = { write: (text: string) => (out += text), writeError: (text: string) => (error += text) };
  const code = await command.run([...argv, '--deployment', deployment, '--json'], output);
  return { code, said: out === '' ? error : JSON.parse(out) };
}

const prove = (reply: string, out: string, of = validator) =>
  run(settlementCommand, 'prove', '--reply', reply, '--validator', of, '--out', out);

/** @returns the id of a reply that is settled, in a batch of its own. */
async function settle(): Promise<string> {
  const [node] = network.nodes as [TestNetwork['nodes'][0]];
  const { reply } = await network.deliver(node);
  await network.waitForState(node, reply.record.replyId, 'settled');
  return toHex(reply.record.replyId);
}

const read = (name: string): SettledProofJson => JSON.parse(readFileSync(path(name), 'utf8'));

async function judge(bent: Partial<SettledProofJson>) {
  writeFileSync(path('bent'), JSON.stringify({ ...read('first'), ...bent }));
  const { code, said } = await run(verifyCommand, path('bent'));
  const failed = (said.checks ?? []).flatMap((one: { id: string; status: string }) =>
    one.status === 'fail' ? [one.id] : [],
  );
  return { code, failed };
}

describe('the proof that a reply was settled', () => {
  let first: string;
  beforeAll(async () => {
    first = await settle();
    await prove(first, path('first'));
    await prove(await settle(), path('second'));
  });

  it('is written for a party, and valid for any reader of the chain', async () => {
    expect(read('first')).toMatchObject({ format: 'ogong-settled-v1', replyId: `0x${first}`, index: 0 });
    const { code, said } = await run(verifyCommand, path('first'));
    expect([code, said.ok]).toEqual([VERIFY_EXIT.ok, true]);
    expect(said.checks.map(({ id }: { id: string }) => id)).toEqual(['log-entry', 'batch-inclusion', 'quorum']);
    expect(said.entry).toMatchObject({
      verdict: 'accept',
      feeAtomic: '86000',
      payer: `0x${toHex(network.payer.address)}`,
    });
  });

  it('is refuted if the entry is of another reply', async () => {
    const { entry, transaction, replyId } = read('second');
    // Another's entry in this batch, under this name and under its own, and this entry in another's batch.
    expect(await judge({ entry })).toEqual({ code: VERIFY_EXIT.failed, failed: ['log-entry', 'batch-inclusion'] });
    expect(await judge({ entry, replyId })).toEqual({ code: VERIFY_EXIT.failed, failed: ['batch-inclusion'] });
    expect(await judge({ transaction })).toEqual({ code: VERIFY_EXIT.failed, failed: ['batch-inclusion'] });
  });

  it('is refuted if a figure of the entry was changed', async () => {
    const entry = parseVerdictEntry(fromBase64(read('first').entry));
    const write = (bent: Partial<VerdictEntry>) => toBase64(encodeVerdictEntry({ ...entry, ...bent }));
    expect(await judge({ entry: write({}) })).toEqual({ code: VERIFY_EXIT.ok, failed: [] });
    for (const bent of [{ feeAtomic: entry.feeAtomic + 1n }, { payee: new Uint8Array(20).fill(9) }]) {
      expect(await judge({ entry: write(bent) })).toEqual({ code: VERIFY_EXIT.failed, failed: ['batch-inclusion'] });
    }
    const proof = [`0x${toHex(hashLeaf(crypto, new Uint8Array(1)))}`];
    expect((await judge({ proof })).failed).toEqual(['batch-inclusion']);
    expect((await judge({ index: 1 })).failed).toEqual(['batch-inclusion']);
  });

  it('is refuted on another ledger, and for another validator', async () => {
    const other = `0x${'17'.repeat(20)}`;
    expect((await judge({ settlement: other })).failed).toEqual(['ledger']);
    expect((await judge({ chainId: '5' })).failed).toEqual(['ledger']);
    expect((await judge({ validator: other })).failed).toEqual(['batch-inclusion']);
  });

  it("is not available for an unsettled reply, nor for a stranger's, and then nothing is written", async () => {
    await expect(prove('00'.repeat(16), path('none'))).rejects.toThrow('no such reply is settled here');
    await expect(prove(first, path('none'), '17'.repeat(20))).rejects.toThrow(
      `0x${'17'.repeat(20)} is no validator of this network`,
    );
    const named = ['prove', '--out', path('none'), '--deployment', deployment];
    const output = { write: () => {}, writeError: () => {} };
    await expect(settlementCommand.run([...named, '--reply', first], output)).rejects.toThrow('--validator');
    const by = (receipt: string) => settlementCommand.run([...named, '--receipt', receipt], output);
    await expect(by(path('nothing'))).rejects.toMatchObject({ code: 'usage', message: /^--receipt .*: no such file/ });
    await expect(by(deployment)).rejects.toMatchObject({ code: 'usage', message: /^--receipt .*: format is not/ });
    expect(existsSync(path('none'))).toBe(false);
  });

  it('cannot be checked without the contracts, or with a transaction that settled nothing', async () => {
    let error = '';
    const output = { write: () => {}, writeError: (text: string) => (error += text) };
    expect(await verifyCommand.run([path('first')], output)).toBe(VERIFY_EXIT.unusable);
    expect(error).toContain('needs --deployment');
    expect(await judge({ transaction: `0x${'00'.repeat(32)}` })).toEqual({ code: VERIFY_EXIT.unusable, failed: [] });
  });
});
