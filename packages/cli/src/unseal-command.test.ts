import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal as seal } from '@ogong/host/crypto/node-seal';
import { SealedMessageSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createReplyOpener, createReplySealer } from '@ogong/protocol/sealing/sealed-reply';
import { openRequest, sealRequest } from '@ogong/protocol/sealing/sealed-request';
import { toDisclosureJson } from '@ogong/protocol/verdict/receipt/sealed-disclosure';
import { afterAll, expect, it } from 'vitest';
import { unsealCommand } from './unseal-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-unseal-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);

/** A reply of one delta and no opening. */
function disclose(text: string) {
  const [provider, client] = [seal.openKemKey(fill(1)), seal.openKemKey(fill(2))];
  const hash = fill(3);
  const ledger = { chainId: 1n, verifyingContract: fill(4, 20) };
  const exchange = { ledger, providerId: fill(5), replyId: fill(6, 16), requestHash: fill(7) };
  const inner = { endpoint: 'chat', cacheScope: fill(8), replyKey: client.publicKey, body: fill(9) };
  const sent = sealRequest({ crypto, seal }, { exchange, to: { hash, key: provider.publicKey } as never, inner });
  const opened = openRequest({ crypto, seal }, { exchange, envelope: sent.envelope, findKey: () => provider });
  const sealer = createReplySealer({ seal }, { secret: opened.reply, replyKey: client.publicKey });
  const delta = { case: 'delta' as const, value: { text } };
  const message = toBinary(SealedMessageSchema, create(SealedMessageSchema, { message: delta }));
  const units = sealer.seal(message, { isLast: true });
  const { exporterSecret } = createReplyOpener({ seal }, { secret: sent.reply, replyKey: client, head: sealer.head });
  return { replyId: exchange.replyId, exporterSecret, head: sealer.head, units };
}

async function run(content: string, ...flags: string[]): Promise<{ code: number; out: string; error: string }> {
  const file = join(directory, 'disclosure.json');
  writeFileSync(file, content);
  let [out, error] = ['', ''];
  const write = { write: (text: string) => (out += text), writeError: (text: string) => (error += text) };
  return { code: await unsealCommand.run([file, ...flags], write), out, error };
}

it('opens the disclosed reply, names missing comparisons, and opens nothing by another secret', async () => {
  const disclosure = disclose('the umbrella is turquoise');
  const whole = await run(JSON.stringify(toDisclosureJson(disclosure)));
  expect(whole).toMatchObject({ code: 3, out: expect.stringContaining('the umbrella is turquoise') });
  const allowed = await run(JSON.stringify(toDisclosureJson(disclosure)), '--allow', 'sealed-record');
  expect(allowed.code).toBe(0);
  const other = await run(JSON.stringify(toDisclosureJson({ ...disclosure, exporterSecret: fill(1) })));
  expect(other).toMatchObject({ code: 1, out: expect.not.stringContaining('turquoise') });
  expect(await run('{}')).toMatchObject({ code: 2, error: expect.stringContaining('format') });
});
