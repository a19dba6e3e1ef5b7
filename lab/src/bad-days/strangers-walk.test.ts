import type { Client } from '@connectrpc/connect';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { nodeSeal } from '@ogong/host/crypto/node-seal';
import { LinkError } from '@ogong/host/link/link-error';
import { createLinkPool } from '@ogong/host/link/link-pool';
import type { Store } from '@ogong/host/store/store';
import { encodeBeaconMessage } from '@ogong/protocol/beacon/beacon-message';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { type Announcement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import {
  ProviderService,
  RouterService,
  ShardService,
  ValidatorService,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { sealPart } from '@ogong/protocol/sealing/sealed-part';
import { verifyValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import { createShardService } from '@ogong/provider/shard/shard-service';
import { makeIdentity } from '@ogong/testing/link/link-fixture';
import { FULL_CHANNEL } from '@ogong/testing/network/fixed-chain';
import { startLoopbackServer } from '@ogong/testing/network/loopback-server';
import { createNetwork, receive } from '@ogong/testing/provider/provider-fixture';
import { createTestChain } from '@ogong/testing/provider/shard-fixture';
import { type BenchOptions, createTestValidator, ledger, payer } from '@ogong/testing/validator/test-bench';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestHybrid, createTestPayee, WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import { propose } from '@ogong/testing/validator/test-proposal';
import {
  createTestDelivery,
  MODEL,
  MODEL_ROOT,
  signTestComplaint,
  submitWithProgress,
  type TestOrder,
  toPushMessage,
} from '@ogong/testing/validator/test-reply';
import { keepProof } from '@ogong/validator/store/machine-proof-store';
import { keepMachine } from '@ogong/validator/store/machine-store';
import { writeDelivered } from '@ogong/validator/wire-messages';
import { afterEach, expect, it } from 'vitest';
import { openStrangerLink } from '../attackers/protocol/network/stranger-link.ts';
import { openRouter, routedProviderId } from './router-door.ts';
import { dumpStore } from './stores.ts';
import { METHOD_ROWS } from './strangers.ts';
import { serveValidator } from './validator-door.ts';
import { openVerifierDoor } from './verifier-door.ts';

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const STRANGER = 1;
/** The fee that each order of the test bench may draw at most. */
const MAX_FEE = 1_000_000n;

/** How many calls of some were answered, and what the others were refused with. */
async function count(calls: Iterable<() => Promise<unknown>>) {
  let taken = 0;
  const refusals = new Set<string>();
  for (const call of calls) {
    await call().then(
      () => taken++,
      (error: unknown) => {
        if (!(error instanceof LinkError)) throw error;
        refusals.add(error.message);
      },
    );
  }
  return { taken, refusals: [...refusals].join('; ') };
}

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

/** A validator, and a stranger's link to it. */
const NOTHING = new Uint8Array(0);

async function openValidator(options: BenchOptions = {}) {
  const validator = createTestValidator(options);
  const served = await serveValidator(validator);
  closing.push(validator.close, served.close, () => expect(served.errors).toEqual([]));
  const service = (await served.connect(STRANGER)).service(ValidatorService);
  const admit = ({ order, signature, consent }: TestOrder) => service.admit({ order: { order, signature }, consent });
  return { validator, service, admit };
}

/** Asserts that a refused or repeated call changes no row. */
async function leavesNothing(store: Store, call: () => Promise<unknown>): Promise<string> {
  const before = dumpStore(store);
  const { refusals } = await count([call]);
  expect(dumpStore(store)).toBe(before);
  return refusals;
}

/** The first shard of a cohort, the links of its leader and of a stranger, and a request of an agreement. */
async function openShard() {
  const [leader, other] = await Promise.all([makeIdentity(61), makeIdentity(62)]);
  const { order, request, shards } = createTestChain(undefined, { link: leader.id });
  const given = order();
  const [shard] = shards;
  const server = await startLoopbackServer((router) => router.service(ShardService, createShardService([shard])));
  const peer = { endpoint: server.endpoint, certHash: server.identity.id };
  const dial = (identity: typeof leader): Client<typeof ShardService> => {
    const links = createLinkPool({ identity, dialPolicy: 'any' });
    closing.push(() => links.close());
    return links.to(ShardService, peer);
  };
  closing.push(() => server.stop());
  return {
    ...{ shard, terms: request(given), orderHash: given.order.orderHash, admission: given.admission },
    ...{ next: () => request(order(2)), leader: dial(leader), stranger: dial(other) },
  };
}

async function announceMany() {
  const { validator, service } = await openValidator({ maxAnnouncements: 3 });
  const announce = async (seed: number, name: string) => {
    const key = createTestHybrid(name);
    const payee = createTestPayee(name);
    const id = hashHybridKey(crypto, key.publicKey);
    const nowMs = validator.clock.nowMs();
    const model = {
      modelId: MODEL,
      modelRoot: MODEL_ROOT,
      pricePer1kAtomic: 1n,
      contextSize: 9,
      modality: 'text',
      numericClass: 'x',
    };
    const announcement: Announcement = {
      ...{ providerId: id, payee: payee.address, endpoint: 'p:1', certHash: (await makeIdentity(seed)).id },
      ...{ verifier: undefined, models: [{ ...model, capacity: 1, freeCapacity: 1 }], segments: [], sequence: 1n },
      ...{ issuedAtMs: nowMs, expiresAtMs: nowMs + 60_000 },
    };
    const payeeWord = signProviderPayee(crypto, payee, { validUntilMs: WORD_UNTIL_MS, ledger, providerId: id });
    return { ...signAnnouncement(key, announcement, { payeeWord }), verifierEndorsement: undefined } as never;
  };
  return { validator, service, announce };
}

/**
 * Sends each method that changes something more well-formed messages than it accepts. The caller has no more than its row says. Each walk
 * asserts the bound.
 */
const WALKS: Readonly<Record<string, () => Promise<void>>> = {
  async 'ProviderService/Generate'() {
    const network = await createNetwork({ channel: { ...FULL_CHANNEL, admitted: 0n, spendable: 0n } });
    closing.push(network.close);
    const orders = times(
      3,
      (nonce) => () => receive(network.client, network.order({ nonce, body: { max_tokens: 3 } })),
    );
    const { taken, refusals } = await count(orders);
    expect(taken).toBe(0);
    expect(refusals).toMatch(/holds 0 on the chain/);
    expect(network.validator.admitted).toEqual([]);
    expect(network.provider.activeReplies()).toBe(0);
  },
  async 'ProviderService/Progress'() {
    const network = await createNetwork();
    closing.push(network.close);
    const stranger = (await network.connect(4)).service(ProviderService);
    const progress = { progress: new Uint8Array(120), signature: new Uint8Array(65) };
    expect(
      await leavesNothing(network.store(), () => stranger.progress({ replyId: new Uint8Array(16), progress })),
    ).not.toBe('');
  },
  async 'ProviderService/PutMedia'() {
    const network = await createNetwork();
    closing.push(network.close);
    const stranger = (await network.connect(4)).service(ProviderService);
    const piece = { replyId: new Uint8Array(16), index: 0, piece: new Uint8Array(1000), last: true };
    expect(await leavesNothing(network.store(), () => stranger.putMedia(piece))).not.toBe('');
  },
  async 'ShardService/Agree'() {
    const { shard, terms, next, leader, stranger } = await openShard();
    const free = shard.free();
    const { taken } = await count(times(3, () => () => stranger.agree(terms)));
    expect(taken).toBe(0);
    expect(shard.free()).toBe(free);
    expect((await count(times(3, () => () => leader.agree(terms)))).taken).toBe(3);
    expect((await count([() => leader.agree(next())])).refusals).toContain('wait for their admissions');
    expect(shard.free()).toBe(free - 1);
  },
  async 'ShardService/Admit'() {
    const { terms, orderHash, admission, leader, stranger } = await openShard();
    await leader.agree(terms);
    const forged = { ...admission, signature: new Uint8Array(65) };
    expect((await count([() => leader.admit({ orderHash, admission: forged })])).refusals).toContain('did not sign');
    expect((await count([() => stranger.admit({ orderHash, admission })])).refusals).toContain('no such order');
  },
  async 'ShardService/RunPass'() {
    const { terms, orderHash, leader, stranger } = await openShard();
    await leader.agree(terms);
    const parts = [{ orderHash, pass: new Uint8Array(200) }];
    const { parts: answers } = await stranger.runPass({ parts });
    expect(answers.map(({ result }) => result.value)).toEqual(['this shard serves no such order for you']);
  },
  async 'ShardService/Close'() {
    const { shard, terms, orderHash, leader, stranger } = await openShard();
    await leader.agree(terms);
    const free = shard.free();
    expect((await count([() => stranger.close({ orderHash })])).refusals).toContain('no such order');
    expect(shard.free()).toBe(free);
  },
  async 'ShardService/Confirm'() {
    const { terms, orderHash, leader, stranger } = await openShard();
    await leader.agree(terms);
    const receipt = new Uint8Array(64);
    for (const link of [leader, stranger])
      expect((await count([() => link.confirm({ orderHash, receipt })])).refusals).toContain(
        'no such segment or order',
      );
  },
  async 'ShardService/ShowRecord'() {
    const { terms, orderHash, leader, stranger } = await openShard();
    await leader.agree(terms);
    const nothing = new Uint8Array();
    const record = { record: nothing, providerKey: nothing, signature: nothing };
    for (const link of [leader, stranger]) {
      const show = () => link.showRecord({ orderHash, record, header: nothing, headerProof: [] });
      expect((await count([show])).refusals).toContain('no such segment or order');
    }
  },
  async 'ValidatorService/Admit'() {
    const { validator, admit } = await openValidator({ spendable: 3n * MAX_FEE });
    const { taken, refusals } = await count(times(8, (number) => () => admit(validator.order(number))));
    expect(taken).toBe(3);
    expect(refusals).toContain('reserved');
  },
  async 'ValidatorService/PushRecord'() {
    const { validator, service, admit } = await openValidator();
    const order = validator.order(0);
    const { submission } = validator.serve(order);
    const push = () => service.pushRecord(toPushMessage(submission));
    expect(await leavesNothing(validator.store, push)).toContain('no such reply');
    await admit(order);
    await push();
    expect(await leavesNothing(validator.store, push)).toBe('');
  },
  async 'ValidatorService/PushMilestone'() {
    const { validator, service, admit } = await openValidator();
    const order = validator.order(0);
    const part = validator.serve(order, {
      bend: {
        header: (header) => ({ ...header, stopReason: 'cancelled' }),
        record: (record) => ({ ...record, isMilestone: true }),
      },
    });
    const opening = part.reply.openingBytes;
    const textBytes = part.reply.response.length;
    const said = submitWithProgress(order, part, { payer, ledger, bend: { textBytes } });
    const push = (submission = said) => service.pushMilestone({ push: toPushMessage(submission), opening });
    expect(await leavesNothing(validator.store, push)).toContain('no such reply');
    await admit(order);
    expect(await leavesNothing(validator.store, () => push(part.submission))).toContain('has signed');
    // Sealed to this validator, it is the same; with a text beside it, it is neither.
    const { request, endpoint, response, ...claimed } = said;
    const { sealKey, signature } = await service.getSealKey({});
    const { address, signingKey } = validator.member;
    const signed = { ledger, validator: address, signingKey, nowMs: validator.clock.nowMs() };
    const to = verifyValidatorSealKey(nodeCrypto, { sealKey, signature }, signed);
    const { replyId, requestHash } = order.fields;
    const recordHash = hashRecord(nodeCrypto, said.record.record);
    const milestone = { ledger, validator: address, replyId, requestHash, recordHash };
    const sealed = sealPart(
      { seal: nodeSeal },
      { milestone, to, inner: { endpoint, body: request, response, opening } },
    );
    const bare = toPushMessage({ ...claimed, request: NOTHING, endpoint: '', response: NOTHING });
    const both = () => service.pushMilestone({ push: toPushMessage(said), sealed });
    expect(await leavesNothing(validator.store, both)).toContain('sealed or plain');
    await service.pushMilestone({ push: bare, sealed });
    expect(await leavesNothing(validator.store, push)).toBe('');
  },
  async 'ValidatorService/Acknowledge'() {
    const { validator, service, admit } = await openValidator();
    const order = validator.order(0);
    const told = createTestDelivery(order, validator.serve(order), { payer, ledger });
    const acknowledge = () => service.acknowledge(writeDelivered(told));
    expect(await leavesNothing(validator.store, acknowledge)).not.toBe('');
    await admit(order);
    await acknowledge();
    expect(await leavesNothing(validator.store, acknowledge)).toBe('');
  },
  async 'ValidatorService/AcknowledgeAll'() {
    const { validator, service, admit } = await openValidator();
    const order = validator.order(0);
    const told = writeDelivered(createTestDelivery(order, validator.serve(order), { payer, ledger }));
    const acknowledge = () => service.acknowledgeAll({ told: [told, told] });
    expect(await leavesNothing(validator.store, acknowledge)).not.toBe('');
    await admit(order);
    await acknowledge();
    expect(await leavesNothing(validator.store, acknowledge)).toBe('');
  },
  async 'ValidatorService/Complain'() {
    const { validator, service } = await openValidator();
    const outcomes: string[] = [];
    for (const number of times(8, (i) => i)) {
      const { submission } = await validator.deliver(number);
      const { order, record } = toPushMessage(submission);
      const told = { order, reason: 'slow', record, opening: undefined };
      const { opening: _, ...complaint } = signTestComplaint(told, { payer, ledger });
      outcomes.push((await service.complain({ ...complaint, openingHash: new Uint8Array(0) })).outcome);
    }
    expect(outcomes).toEqual([...times(4, () => 'noted'), ...times(4, () => 'rejected')]);
    const forced = validator.store.prepare('SELECT count(*) AS n FROM replies WHERE forced = 1').get();
    expect(Number(forced?.n)).toBe(4);
  },
  async 'ValidatorService/ProveComplaint'() {
    const { validator, service } = await openValidator();
    const { reply, submission } = await validator.deliver(0);
    const proof = { order: submission.order.order, opening: { opening: reply.openingBytes } };
    expect(await leavesNothing(validator.store, () => service.proveComplaint(proof))).toContain('not authorized');
  },
  async 'ValidatorService/Announce'() {
    const { service, announce } = await announceMany();
    const own = await Promise.all(times(4, (i) => announce(STRANGER, `announcer ${i}`)));
    const { taken, refusals } = await count(own.map((one) => () => service.announce(one)));
    expect(taken).toBe(1);
    expect(refusals).toContain('another provider is announced under this certificate');
    const others = await announce(STRANGER + 1, 'elsewhere');
    expect((await count([() => service.announce(others)])).taken).toBe(0);
  },
  async 'ValidatorService/DeliverBeacon'() {
    const { validator, service } = await openValidator();
    const nowhere = new Uint8Array(32);
    const message = encodeBeaconMessage({ kind: 'view', epoch: 1n, view: 1, previous: nowhere, set: nowhere });
    expect(await leavesNothing(validator.store, () => service.deliverBeacon({ message }))).toContain('not authorized');
  },
  async 'ValidatorService/CosignBatch'() {
    const { request, own, peers } = await propose();
    closing.push(...[own, ...peers].map(({ close }) => close));
    const { validator, service } = await openValidator();
    expect(await leavesNothing(validator.store, () => service.cosignBatch(request))).toContain('not authorized');
  },
  async 'ValidatorService/CertifyMachine'() {
    const { validator, service } = await openValidator();
    const bytes = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
    const names = { providerId: bytes(1), attestedKey: bytes(2), sealKeyHash: bytes(3) };
    const ask = () => service.certifyMachine({ ...names, evidence: bytes(4), epoch: 1n, until: 1n });
    expect(await leavesNothing(validator.store, ask)).toContain('no registry of machines');
    // Of machines that pass, the newest evidence of each provider is kept, and so many in all.
    const { store } = validator;
    store.transact(() => {
      for (let i = 0; i < 600; i++) {
        const id = new Uint8Array(new Uint32Array([i, 0, 0, 0, 0, 0, 0, 0]).buffer);
        for (const epoch of [1n, 2n])
          keepMachine(store, { hash: crypto.sha256(id), providerId: id, evidence: id, epoch });
      }
    });
    expect(store.prepare('SELECT count(*) AS n FROM machines').get()).toEqual({ n: 512 });
  },
  async 'ValidatorService/SignMachineEjection'() {
    const { validator, service } = await openValidator();
    const ask = () => service.signMachineEjection({ proof: new Uint8Array(4) });
    expect(await leavesNothing(validator.store, ask)).toContain('no registry of machines');
    // Of proofs that hold, so many are kept.
    const { store } = validator;
    store.transact(() => {
      const keep = (providerId: Uint8Array, nonce: number, state: 'asked' | 'open') => {
        const proof = Uint8Array.of(nonce, ...providerId);
        keepProof(store, { hash: crypto.sha256(proof), providerId, ejection: 1, proof, state, notedMs: nonce });
      };
      for (let i = 0; i < 200; i++) keep(new Uint8Array(32).fill(i), i, 'asked');
      for (let i = 0; i < 9; i++) keep(new Uint8Array(32), i, 'asked');
      for (let i = 0; i < 100; i++) keep(new Uint8Array(32).fill(i, 1), i, 'open');
    });
    const count = (where: string) => store.prepare(`SELECT count(*) AS n FROM machine_proofs ${where}`).get();
    expect(count("WHERE state = 'asked'")).toEqual({ n: 64 });
    expect(count("WHERE state = 'open'")).toEqual({ n: 64 });
    const each = store.prepare(
      'SELECT max(n) AS n FROM (SELECT count(*) AS n FROM machine_proofs GROUP BY provider_id)',
    );
    expect(each.get()).toEqual({ n: 1 });
  },
  async 'VerifierService/Commit'() {
    const { store, job, connect, close } = await openVerifierDoor();
    closing.push(close);
    const service = (await connect(await makeIdentity(99))).service(VerifierService);
    expect(await leavesNothing(store, () => service.commit(job()))).toContain('not authorized');
  },
  async 'RouterService/Announce'() {
    const { service, announcement, close } = await openRouter();
    closing.push(close);
    await service.announce(announcement());
    const { taken } = await count(times(3, () => () => service.announce(announcement())));
    expect(taken).toBe(3);
    const { models } = await service.listModels({});
    // However often it announces itself, it is one provider with the slots that it said last.
    expect(models).toMatchObject([{ providers: 1, freeCapacity: 4 }]);
  },
  async 'RouterService/Route'() {
    const { service, announcement, route, door, close } = await openRouter();
    closing.push(close);
    await service.announce(announcement());
    const squatter = await openStrangerLink(door, 'squatter', '127.0.1.1');
    closing.push(() => squatter.close());
    const { taken } = await count(times(12, (i) => () => squatter.service(RouterService).route(route(20 + i))));
    expect(taken).toBeLessThan(12);
    expect((await service.route(route(7))).ticket).toBeDefined();
    const want = (i: number) => ({ ...route(i), model: `ogong/verified/stranger/model-${i}` });
    await count(times(40, (i) => () => squatter.service(RouterService).route(want(i))));
    expect((await service.listDemand({ limit: 256 })).models).toHaveLength(16);
  },
  async 'RouterService/Report'() {
    const { service, announcement, route, store, close } = await openRouter();
    closing.push(close);
    await service.announce(announcement());
    const report = { providerId: routedProviderId, outcome: 'ok', outputTokens: 1, durationMs: 1 };
    const unasked = { ...report, replyId: new Uint8Array(16).fill(9) };
    expect(await leavesNothing(store, () => service.report(unasked))).not.toBe('');
    await service.route(route(7));
    const own = { ...report, replyId: new Uint8Array(16).fill(7) };
    expect((await count(times(3, () => () => service.report(own)))).taken).toBe(1);
  },
};

it('every method that changes something is walked', () => {
  const changing = Object.entries(METHOD_ROWS).filter(([, { changes }]) => changes !== 'nothing');
  expect(Object.keys(WALKS).sort()).toEqual(changing.map(([name]) => name).sort());
});

it.skipIf(process.platform !== 'linux').each(Object.entries(WALKS))('%s is bounded', (_name, walk) => walk());
