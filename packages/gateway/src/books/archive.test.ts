import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '@ogong/host/crypto/secret';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import S3rver from 's3rver';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ArchiveOptions, createArchiving, readArchived } from './archive.ts';
import { createReceiptStore } from './receipt-store.ts';

const DAY_MS = 86_400_000;

let directory: TestDirectory;
let server: S3rver;
let fixture: GatewayFixture;
let options: ArchiveOptions;
let nowMs: number;
let errors: unknown[];
beforeEach(async () => {
  directory = createTestDirectory('archive');
  server = new S3rver({
    ...{ port: 0, address: '127.0.0.1', silent: true, directory: directory.path },
    configureBuckets: [{ name: 'receipts', configs: [] }],
  });
  const { port } = await server.run();
  options = {
    ...{ url: `http://127.0.0.1:${port}/receipts/gateway`, region: 'us-east-1' },
    ...{ accessKeyId: 'S3RVER', secretAccessKey: new Secret('S3RVER') },
    ...{ retentionMs: 10 * DAY_MS, afterMs: 0, intervalMs: 1_000 },
  };
  fixture = await createGatewayFixture();
  nowMs = Date.now() + 600_000;
  errors = [];
});
afterEach(async () => {
  await fixture.close();
  await server.close();
  directory.remove();
});

/** @returns the id of a reply that the gateway has the receipt of. */
async function buy(headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${fixture.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 }),
  });
  const { ogong } = (await response.json()) as { ogong: { receipts: { reply_id: string }[] } };
  const replyId = ogong.receipts[0]?.reply_id as string;
  // Validators have signed for it by then.
  const receipts = createReceiptStore(fixture.books);
  await expect.poll(async () => (await receipts.get(replyId))?.receipt.intake).toBeDefined();
  await expect.poll(async () => (await receipts.listHeld(replyId)).length).toBe(2);
  return replyId;
}
const archive = (change: Partial<ArchiveOptions> = {}) => {
  const { books } = fixture;
  const receipts = createReceiptStore(books);
  const onError = (error: unknown): void => void errors.push(error);
  return createArchiving({ ...options, ...change }, { books, receipts, clock: { nowMs: () => nowMs }, onError });
};
/** Objects of the bucket as the server keeps them: name and content. */
const listObjects = (): Map<string, Buffer> => {
  const folder = join(directory.path, 'receipts', 'gateway');
  // The server removes an empty folder.
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder).filter((name) => name.endsWith('._S3rver_object'));
  return new Map(files.map((name) => [name.replace('._S3rver_object', ''), readFileSync(join(folder, name))]));
};

it('copies receipts and openings under their hashes, once, and reads them back when the gateway has dropped them', async () => {
  const replyId = await buy();
  const shown = (await (await fetch(`${fixture.url}/v1/receipts/${replyId}`)).json()) as { readonly receipt?: object };
  await archive().trigger();
  const objects = listObjects();
  expect(objects.size).toBe(2);
  for (const [name, bytes] of objects) expect(createHash('sha256').update(bytes).digest('hex')).toBe(name);
  await buy({ 'x-settlement-type': 'private' });
  await archive().trigger();
  expect([...listObjects().keys()]).toEqual([...objects.keys()]);

  const receipts = createReceiptStore(fixture.books);
  // The private one goes without a copy.
  expect(await receipts.expire(nowMs + DAY_MS, true)).toBe(2);
  expect(await receipts.get(replyId)).toBeUndefined();
  const kept = { ...(shown as Record<string, unknown>) };
  for (const changing of ['status', 'earlier_tries', 'settlement_type', 'payment']) delete kept[changing];
  expect(await readArchived(fixture.books, options, replyId)).toMatchObject(kept);
});

it('keeps a receipt that the archive does not have, and goes on when it answers again', async () => {
  const replyId = await buy();
  const receipts = createReceiptStore(fixture.books);
  // This server looks at the id of a key, and not at what is signed with it.
  const wrong = archive({ accessKeyId: 'unknown' });
  await expect(wrong.trigger()).rejects.toMatchObject({ code: 'refused' });
  const away = archive({ url: 'http://127.0.0.1:1/receipts/gateway' });
  await expect(away.trigger()).rejects.toThrow();
  expect(await receipts.expire(nowMs + DAY_MS, true)).toBe(0);
  await archive().trigger();
  expect(await receipts.expire(nowMs + DAY_MS, true)).toBe(1);
  expect(await readArchived(fixture.books, options, replyId)).toMatchObject({ reply_id: replyId });
});

it('copies the same again where the process died before it noted it', async () => {
  await buy();
  await archive().trigger();
  const before = [...listObjects().keys()];
  await fixture.books.write(function* () {
    yield { sql: 'DELETE FROM archived', parameters: [] };
  });
  await archive().trigger();
  expect([...listObjects().keys()]).toEqual(before);
});

it('removes what is past its time, and nothing that the gateway still has', async () => {
  const replyId = await buy();
  await archive().trigger();
  nowMs += 11 * DAY_MS;
  await archive().trigger();
  expect(listObjects().size).toBe(2);
  await createReceiptStore(fixture.books).expire(nowMs, true);
  await archive().trigger();
  expect(listObjects().size).toBe(0);
  await expect(readArchived(fixture.books, options, replyId)).rejects.toMatchObject({ code: 'missing' });
});

it('hands out nothing that was changed in the archive', async () => {
  const replyId = await buy();
  await archive().trigger();
  const [name, bytes] = [...listObjects()].find(([, content]) => content.includes(replyId)) as [string, Buffer];
  const path = join(directory.path, 'receipts', 'gateway', `${name}._S3rver_object`);
  writeFileSync(path, Buffer.from(bytes.toString().replace(replyId, replyId.split('').reverse().join(''))));
  await expect(readArchived(fixture.books, options, replyId)).rejects.toMatchObject({ code: 'damaged' });
});
