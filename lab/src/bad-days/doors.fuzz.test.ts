import { create, toBinary } from '@bufbuild/protobuf';
import type { Anchor } from '@ogong/chain/client';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { LinkClient } from '@ogong/host/link/link-client';
import { encodeBeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import { type Announcement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import {
  BatchEntrySchema,
  ProviderService,
  ValidatorService,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type PackedEntry, packEntry } from '@ogong/protocol/settlement/packed-entry';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { createNetwork, findReplyId, receive, until } from '@ogong/testing/provider/provider-fixture';
import {
  createTestClock,
  createTestValidator,
  ledger,
  payer,
  provider,
  providerId,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestChain } from '@ogong/testing/validator/test-chain';
import { createTestPayee, signTestEndorsement, WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import { signTestComplaint, toPushMessage } from '@ogong/testing/validator/test-reply';
import { nameTestRound } from '@ogong/testing/verifier/test-listing';
import { createKnownParts } from '@ogong/validator/store/known-parts';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { knock } from './knock.ts';
import { openRouter, routedProviderId } from './router-door.ts';
import { PEER, serveValidator } from './validator-door.ts';
import { openVerifierDoor } from './verifier-door.ts';

const MIB = 1024 * 1024;
/** Of 40 damaged messages some 31 are refused. With any seed more than so many are: it is five deviations less. */
const FEWEST = 17;
const listParts = ({ parts }: PackedEntry): Uint8Array[] => [...parts.values()];
const closing: (() => void | Promise<void>)[] = [];
let rssBefore = 0;
beforeAll(() => {
  rssBefore = process.memoryUsage().rss;
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  expect(process.memoryUsage().rss - rssBefore).toBeLessThan(512 * MIB);
});

describe('the methods of a provider', () => {
  it('answer damaged and repeated orders in typed words, and serve the next one', async () => {
    const network = await createNetwork();
    closing.push(network.close);
    let nonce = 0;
    const { refused } = await knock({
      valid: () => network.order({ nonce: ++nonce, body: { max_tokens: 3 } }),
      call: (message) => receive(network.client, message),
    });
    expect(refused).toBeGreaterThan(FEWEST);
    const service = network.client.service(ProviderService);
    await knock({
      valid: () => ({ replyId: findReplyId() }),
      call: (message) => service.getOpening(message),
    });
    const traced = network.order({ nonce: 199, body: { max_tokens: 3 } });
    const { finished } = await receive(network.client, traced);
    const { request, endpoint } = traced;
    const record = finished.record?.record as Uint8Array;
    const validator = (await network.connect(3)).service(ProviderService);
    const trace = { record, request, endpoint, position: 2, timeoutMs: 20_000 };
    await knock({ valid: () => trace, call: (damaged) => validator.trace(damaged) });
    expect((await validator.trace(trace)).report.length).toBeGreaterThan(0);
    const last = network.order({ nonce: 200, body: { max_tokens: 3 } });
    await receive(network.client, last);
    await expect(receive(network.client, last)).rejects.toMatchObject({ refusal: 'conflict' });
    await expect(receive(network.client, { ...last, request: new Uint8Array(5 * MIB) })).rejects.toMatchObject({
      code: 'too-large',
    });
    await until(() => network.provider.activeReplies() === 0);
  });
});

describe('the methods of a verifier', () => {
  it('answer damaged jobs in typed words, and score the next one', async () => {
    const { job, validator, record, connect, close } = await openVerifierDoor();
    closing.push(close);
    const service = (await connect(validator)).service(VerifierService);
    const { refused } = await knock({ valid: job, call: (damaged) => service.commit(damaged) });
    expect(refused).toBeGreaterThan(FEWEST);
    const asked = job();
    const { digest } = await service.commit(asked);
    expect((await service.commit(asked)).digest).toEqual(digest);
    const { jobId } = asked;
    const named = () => nameTestRound(validator.id, { jobId, round: [digest] });
    await service.reveal(named());
    await knock({ valid: named, call: (damaged) => service.reveal(damaged) });
    await service.reveal(named());
    const trace = { job: job(), record, position: 3 };
    await knock({ valid: () => trace, call: (damaged) => service.trace(damaged) });
    expect((await service.trace(trace)).report.length).toBeGreaterThan(0);
    await expect(service.commit({ ...job(), request: new Uint8Array(9 * MIB) })).rejects.toMatchObject({
      code: 'too-large',
    });
  });
});

describe('the methods of a validator', () => {
  async function open(): Promise<{ validator: TestValidator; stranger: LinkClient; errors: unknown[] }> {
    const validator = createTestValidator();
    const door = await serveValidator(validator);
    closing.push(validator.close, door.close);
    return { validator, stranger: await door.connect(1), errors: door.errors };
  }

  it('answer damaged orders, records, complaints and questions in typed words, and take the next ones', async () => {
    const { validator, stranger, errors } = await open();
    const service = stranger.service(ValidatorService);
    let number = 0;
    const signed = () => {
      const { order, signature, consent } = validator.order(++number);
      return { order: { order, signature }, consent };
    };
    expect((await knock({ valid: signed, call: (message) => service.admit(message) })).refused).toBeGreaterThan(FEWEST);

    const admitted = async () => {
      const order = validator.order(++number);
      await service.admit({ order, consent: order.consent });
      return toPushMessage(validator.serve(order).submission);
    };
    const records = await knock({
      valid: admitted,
      call: (message) => service.pushRecord(message as never),
    });
    expect(records.refused).toBeGreaterThan(FEWEST);

    const served = await admitted();
    const [reply] = [...validator.served.values()].slice(-1);
    const told = {
      order: served.order,
      reason: 'draw-replay',
      record: served.record,
      opening: reply?.reply.openingBytes,
    };
    const { opening: _, ...complained } = signTestComplaint(told, { payer, ledger });
    const complaint = () => complained;
    await knock({ valid: complaint, call: (message) => service.complain(message as never), rounds: 30 });
    const opening = { opening: reply?.reply.openingBytes as Uint8Array };
    await knock({
      valid: () => ({ order: served.order.order, opening }),
      call: (message) => service.proveComplaint(message as never),
      rounds: 10,
    });
    await knock({
      valid: () => ({ replyId: reply?.reply.record.replyId as Uint8Array }),
      call: (message) => service.getReply(message),
    });
    await knock({
      valid: () => ({ replyIds: [reply?.reply.record.replyId as Uint8Array, new Uint8Array(16)] }),
      call: (message) => service.getReplies(message),
    });
    await knock({
      valid: () => ({ from: 1n, limit: 10 }),
      call: (message) => service.listVerdicts(message),
      rounds: 20,
    });
    await knock({ valid: () => ({ epoch: 1n }), call: (message) => service.getBeacon(message), rounds: 10 });

    const payee = createTestPayee('knocking');
    const payeeWord = signProviderPayee(crypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
    const verifierEndorsement = signTestEndorsement(provider, providerId);
    const announcement: Announcement = {
      providerId,
      payee: payee.address,
      endpoint: 'provider:1',
      certHash: (await makeIdentity(1)).id,
      verifier: { endpoint: 'verifier:1', certHash: new Uint8Array(32).fill(3), keyHash: providerId },
      models: [
        {
          modelId: FAKE_MODEL,
          modelRoot: new Uint8Array(32),
          pricePer1kAtomic: 1n,
          contextSize: 9,
          modality: 'text',
          numericClass: 'x',
          capacity: 1,
          freeCapacity: 1,
        },
      ],
      segments: [],
      sequence: 1n,
      issuedAtMs: validator.clock.nowMs(),
      expiresAtMs: validator.clock.nowMs() + 60_000,
    };
    await knock({
      valid: () => signAnnouncement(provider, announcement, { payeeWord, verifierEndorsement }),
      call: (message) => service.announce(message),
      rounds: 30,
    });

    await service.pushRecord(await admitted());
    expect(errors).toEqual([]);
  });

  it('answer damaged batches and beacon messages of a peer in typed words, and sign the next batch', async () => {
    const clock = createTestClock();
    const chain = createTestChain();
    chain.settle = () => Promise.reject(new Error('nothing settles here'));
    const validator = createTestValidator({ clock, chain });
    const own: TestValidator = createTestValidator({
      index: 1,
      clock,
      chain,
      members: () => [own, third],
      verifiers: (peer, job) => answerHonestly(own.served)(peer, job),
    });
    const third = createTestValidator({ index: 2, clock, chain });
    const door = await serveValidator(validator, { peerAddress: own.signer.address });
    closing.push(validator.close, own.close, third.close, door.close);
    await own.announce(provider);
    await own.announceVerifier('second');
    await own.deliver(1);
    for (const one of [own, third, validator]) await one.certify();
    await own.runAudits();
    await own.settlement.step().catch(() => undefined);
    const [batch] = own.requests;
    const service = (await door.connect(PEER)).service(ValidatorService);
    // One batch of a peer at a time, and eight that wait.
    const { anchorOf } = validator.cosigning;
    const held = Promise.withResolvers<Anchor>();
    Object.assign(validator.cosigning, { anchorOf: () => held.promise });
    const refusals: unknown[] = [];
    const calls = Array.from({ length: 12 }, () =>
      service.cosignBatch(batch as never).catch((error) => refusals.push(error.refusal ?? error.code)),
    );
    await until(() => refusals.length >= 3);
    expect(refusals).toEqual(new Array(3).fill('rate-limited'));
    held.reject(new Error('the chain is gone'));
    await Promise.all(calls);
    expect(refusals.slice(3)).toEqual(new Array(9).fill('unavailable'));
    Object.assign(validator.cosigning, { anchorOf });
    const { refused } = await knock({
      valid: () => batch as object,
      call: (message) => service.cosignBatch(message as never),
      // One of six is refused: numbers and lists may be others.
      rounds: 120,
    });
    expect(refused).toBeGreaterThan(0);
    const table = createKnownParts(crypto, own.store)();
    const whole = (batch?.entries ?? []).map((entry) => toBinary(BatchEntrySchema, create(BatchEntrySchema, entry)));
    const each = whole.map((entry) => packEntry(crypto, entry, table));
    const packed = { ...batch, entries: [], packed: each.map((one) => one.packed), parts: each.flatMap(listParts) };
    await knock({ valid: () => packed, call: (message) => service.cosignBatch(message as never) });
    expect((await service.cosignBatch({ ...packed, parts: [] } as never)).lacking.length).toBeGreaterThan(0);
    // Several entries that state more than a batch is proposed with: nothing of them is read.
    const stating = packed.packed.map((one) => {
      const bent = one.slice();
      new DataView(bent.buffer).setUint32('ogong-packed-entry-v1\n'.length + 32, 49 * MIB);
      return bent;
    });
    for (const long of [[...stating, ...packed.packed], Array.from({ length: 6 }, () => stating[0])]) {
      const asked = service.cosignBatch({ ...packed, packed: long } as never);
      await expect(asked).rejects.toMatchObject({
        refusal: 'invalid',
        message: expect.stringContaining('together, at most'),
      });
    }
    expect((await service.cosignBatch(packed as never)).signer).toEqual(validator.signer.address);
    expect((await service.cosignBatch(batch as never)).signer).toEqual(validator.signer.address);

    const contribution = {
      kind: 'contribution',
      epoch: 5n,
      view: 0,
      proof: new Uint8Array(80).fill(3),
      lock: undefined,
    } as const;
    const vote = {
      kind: 'vote',
      phase: 'prepare',
      epoch: 5n,
      view: 0,
      value: new Uint8Array(32),
      signature: new Uint8Array(65),
    } as const;
    for (const message of [contribution, vote]) {
      await knock({
        valid: () => ({ message: encodeBeaconMessage(message) }),
        call: (damaged) => service.deliverBeacon(damaged),
      });
    }
    expect(door.errors).toEqual([]);
  });
});

describe('the methods of a router', () => {
  it('answer damaged announcements, routes and reports in typed words, and route the next request', async () => {
    const { service, announcement, route, close } = await openRouter();
    closing.push(close);
    expect((await knock({ valid: announcement, call: (message) => service.announce(message) })).refused).toBe(40);
    const replayed = announcement();
    await service.announce(replayed);
    await expect(service.announce(replayed)).rejects.toMatchObject({ code: 'remote' });
    await knock({ valid: () => route(), call: (message) => service.route(message) });
    const report = {
      replyId: new Uint8Array(16).fill(7),
      providerId: routedProviderId,
      outcome: 'ok',
      outputTokens: 3,
      durationMs: 10,
    };
    await knock({ valid: () => report, call: (message) => service.report(message) });
    expect((await service.listModels({})).models).toHaveLength(1);
  });
});
