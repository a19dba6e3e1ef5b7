import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { ledger, payer } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { cheat } from '@ogong/testing/validator/test-proposal';
import { submitWithProgress } from '@ogong/testing/validator/test-reply';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CosignRequest } from '../settlement/settlement-state.ts';
import { pruneBatch } from './batch-store.ts';

/** The prompt of order 7,777,777, and the text of its reply. */
const PROMPT = 'story 7777777';
const ANSWER = 'an answer that nobody else may read';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-retention-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Names of the files in which a text stands. */
const findText = (text: string): string[] =>
  readdirSync(directory)
    .filter((name) => readFileSync(join(directory, name)).includes(text))
    .sort();

/** The request to co-signers, as the bytes on the wire. */
const encodeRequests = (requests: readonly CosignRequest[]): Buffer[] =>
  requests.map((request) => Buffer.from(toBinary(CosignBatchRequestSchema, create(CosignBatchRequestSchema, request))));

it('prompt and answer are in no message to a co-signer, whatever becomes of the reply', async () => {
  const four = await createFour();
  const { own, peers, certifyAll } = four;
  const texts = { text: ANSWER };
  const accepted = await own.deliver(7_777_777, texts);
  const rejected = await own.deliver(7_777_778, { ...cheat, ...texts });
  const left = own.order(7_777_779);
  await own.intake.admit(left);
  const header = (fields: Header): Header => ({ ...fields, stopReason: 'cancelled' });
  const cut = own.serve(left, { ...texts, bend: { header } });
  await own.intake.pushRecord(submitWithProgress(left, cut, { payer, ledger }));
  await certifyAll();
  await own.runAudits();
  expect(await own.settlement.step()).toBe(true);
  expect(own.decided.map(({ verdict }) => verdict).sort()).toEqual(['accept', 'accept', 'reject']);
  expect(peers.some(({ store }) => store.prepare('SELECT 1 FROM cosigned').get())).toBe(true);

  const sent = encodeRequests(own.requests);
  expect(sent.length).toBeGreaterThan(0);
  // The messages are about these replies, and name their requests and responses by hash.
  for (const { reply } of [accepted, rejected, cut]) {
    expect(sent.every((bytes) => bytes.includes(Buffer.from(reply.recordBytes)))).toBe(true);
    expect(sent.every((bytes) => bytes.includes(Buffer.from(crypto.sha256(reply.request))))).toBe(true);
  }
  for (const text of ['story 777777', ANSWER]) expect(sent.some((bytes) => bytes.includes(text))).toBe(false);
  for (const validator of [own, ...peers]) await validator.close();
});

it('prompt and answer stand in no file of a co-signer, and after the retention time in none of the validator', async () => {
  const four = await createFour((index) => ({ path: join(directory, `validator-${index}.db`) }));
  const { own, peers, clock, certifyAll } = four;
  await own.deliver(7_777_777, { text: ANSWER });
  await certifyAll();
  await own.runAudits();
  expect(await own.settlement.step()).toBe(true);
  expect(peers.some(({ store }) => store.prepare('SELECT 1 FROM cosigned').get())).toBe(true);

  for (const text of [PROMPT, ANSWER]) {
    const files = findText(text);
    expect(files.length).toBeGreaterThan(0);
    expect(files.every((name) => name.startsWith('validator-0'))).toBe(true);
  }
  clock.advance(1);
  expect(await own.group.write((db) => pruneBatch(db, clock.nowMs()))).toBe(true);
  expect(own.store.eraseDeleted()).toBe(true);
  expect([findText(PROMPT), findText(ANSWER)]).toEqual([[], []]);
  for (const validator of [own, ...peers]) await validator.close();
  expect([findText(PROMPT), findText(ANSWER)]).toEqual([[], []]);
});
