import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { parseMachineProof } from '@ogong/protocol/machine/machine-ejection';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { afterAll, expect, it } from 'vitest';
import { readReceiptProof } from './receipt-proof.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-receipt-proof-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const save = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const { receipt } = createSyntheticReceipt({
  ...{ crypto, tokens: 3, ledger: { chainId: 31_337n, verifyingContract: fill(3, 20) } },
  ...{ provider: createNodeHybridSigner(fill(1, 64)), router: createNodeHybridSigner(fill(2, 64)) },
  payer: createNodeLedgerSigner(fill(9)),
});

it('a proof is what a receipt shows of its machine, and a list beside it', () => {
  const shown = { ...receipt, evidence: new Map([['attestation', fill(7, 90)]]) };
  const path = save('receipt.json', JSON.stringify(toReceiptJson(shown)));
  const revokedList = save('crl.der', fill(8, 40));
  expect(parseMachineProof(readReceiptProof('test', { receipt: path, revokedList }))).toEqual({
    ...{ order: receipt.order.bytes, record: receipt.record.bytes, providerKey: receipt.record.publicKey },
    ...{ attestation: fill(7, 90), revokedList: fill(8, 40) },
  });
  expect(parseMachineProof(readReceiptProof('test', { receipt: path })).revokedList).toEqual(new Uint8Array());
});

it('nothing is proven by a receipt of no machine, a file that is none, or a list that is too long', () => {
  const bare = save('bare.json', JSON.stringify(toReceiptJson(receipt)));
  expect(() => readReceiptProof('test', { receipt: bare })).toThrow('not about a machine');
  expect(() => readReceiptProof('test', { receipt: save('text', 'x') })).toThrow('proves nothing about a machine');
  expect(() => readReceiptProof('test', { receipt: join(folder, 'nowhere') })).toThrow('ENOENT');
  const shown = { ...receipt, evidence: new Map([['attestation', fill(7, 90)]]) };
  const path = save('receipt.json', JSON.stringify(toReceiptJson(shown)));
  const revokedList = save('long.der', fill(8, 300_000));
  expect(() => readReceiptProof('test', { receipt: path, revokedList })).toThrow('proves nothing');
});
