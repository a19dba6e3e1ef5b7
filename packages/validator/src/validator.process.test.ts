import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import type { Issuance } from '@ogong/chain/deploy/deploy';
import { bytesToHex } from '@ogong/chain/hex';
import { readOrderKeys } from '@ogong/chain/registry/order-keys';
import { readSettlement } from '@ogong/chain/settlement/read-settlement';
import { FREEZE_PERIOD_S, nameSubject } from '@ogong/chain/validators/cases';
import { readAccountsAt, readVotes } from '@ogong/chain/validators/votes';
import { signForWallet } from '@ogong/gateway/buy/paying-signer';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore } from '@ogong/host/store/store';
import { computeTally } from '@ogong/host/views/emission-view';
import { followReply } from '@ogong/host/views/follow-reply';
import { createReader, fromHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { splitFee } from '@ogong/protocol/exchange/fee';
import { nameOrder, parseOrder, verifyOrder } from '@ogong/protocol/exchange/order';
import { withOrderKeys } from '@ogong/protocol/exchange/order-key-grants';
import { NO_DEMANDS } from '@ogong/protocol/modality/demands';
import { splitCohort } from '@ogong/protocol/settlement/cohort';
import { computeEmissionClaim, computeEmissionProof, verifyEmissionProof } from '@ogong/protocol/settlement/emission';
import { computeCorrectionId } from '@ogong/protocol/settlement/verdict-log';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import { checkHead, checkIntake, checkSettled } from '@ogong/protocol/verdict/receipt/settled';
import { deployWallet } from '@ogong/testing/chain/test-wallet';
import { type CohortInput, createTestCohort } from '@ogong/testing/validator/test-cohort';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { startTestNetwork, type TestNetwork } from '@ogong/testing/validator/test-network';
import { MODEL_ROOT, PAYEE, type TestOrder } from '@ogong/testing/validator/test-reply';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { approveReinstatement } from './settlement/reinstate.ts';
import { VALIDATOR_SCHEMA } from './store/schema.ts';

type Node = TestNetwork['nodes'][number];

const HOUR_S = 3_600;
const EMISSION_S = 2 * HOUR_S;

async function startAndAnnounce(issuance?: Issuance): Promise<TestNetwork> {
  const network = await startTestNetwork({
    ...{ options: { stakeMs: 100 }, delays: { appeal: 3_600 }, issuance },
    headPeriodS: HOUR_S,
  });
  await network.start();
  await network.announce();
  return network;
}

const spentAt = async ({ payer, payerClient }: TestNetwork, node: Node): Promise<bigint> =>
  (await payerClient.channelOf(payer.address, node.signer.address)).spent;

describe('four validators on a chain', () => {
  let network: TestNetwork;
  let nodes: [Node, Node, Node, Node];

  beforeAll(async () => {
    // Whenever the tests run, the epoch lasts for an hour more at least, and ends when a test says so.
    const start = BigInt(Math.floor(Date.now() / 3_600_000) * HOUR_S);
    network = await startAndAnnounce({ start, period: EMISSION_S, lambda: 900_000 });
    nodes = network.nodes as typeof nodes;
  });
  afterAll(() => network?.stop());

  const spent = (node: Node) => spentAt(network, node);

  it('audit a reply, co-sign its verdict and settle its fee', async () => {
    const providerId = hashHybridKey(crypto, network.provider.signer.publicKey);
    const earned = async () => (await network.payerClient.earningsOf(providerId, PAYEE)).earned;
    const [before, had] = [await spent(nodes[0]), await earned()];
    const { reply } = await network.deliver(nodes[0]);
    const status = await network.waitForState(nodes[0], reply.record.replyId, 'settled');
    expect(status).toMatchObject({ verdict: 'accept', feeAtomic: 86_000n });
    expect(status.transaction).toMatch(/^0x[0-9a-f]{64}$/);
    expect(await spent(nodes[0])).toBe(before + 86_000n);
    // 92.48 %, and what is lost to rounding.
    expect(await earned()).toBe(had + 79_533n);
  });

  it('pay each shard of a cohort its own part, and nobody by an agreement that not all have signed', async () => {
    const { domain: of, payerClient } = network;
    const provider = network.provider.signer;
    const agree =
      (signers?: CohortInput['signers']) =>
      (order: TestOrder): Uint8Array =>
        createTestCohort({ provider, ledger: of, order, ...(signers && { signers }) }).agreement;
    const fields = { orderHash: new Uint8Array(32), replyId: new Uint8Array(16), modelRoot: MODEL_ROOT, payee: PAYEE };
    const unnamed = { fields, request: new Uint8Array() };
    const { shards } = createTestCohort({ provider, ledger: of, order: unnamed });
    const earned = () =>
      Promise.all(shards.map(async (one) => (await payerClient.earningsOf(one.providerId, one.payee)).earned));
    const [before, drawn] = [await earned(), await spent(nodes[1])];
    const forged = agree([provider, provider]);
    await expect(network.deliver(nodes[1], {}, undefined, forged)).rejects.toThrow(
      'cohort: signature 0 is by another key',
    );
    const { reply } = await network.deliver(nodes[1], {}, undefined, agree());
    await network.waitForState(nodes[1], reply.record.replyId, 'settled');
    expect(await spent(nodes[1])).toBe(drawn + 86_000n);
    const { shares: given } = await payerClient.parameters();
    const shares = {
      ...{ routerBps: given.router, validatorBps: given.validator, verificationBps: given.verification },
      ...{ treasuryBps: given.treasury, licenseBps: given.license, recycleBps: given.recycle },
    };
    const after = await earned();
    expect(after.map((amount, i) => amount - (before[i] as bigint))).toEqual(
      splitCohort(86_000n, shards).map((part) => splitFee(part, shares).provider),
    );
  });

  it('admit orders of a wallet contract by a key that its code has agreed to, and draw from its channel', async () => {
    const { ledger, payerClient, domain } = network;
    const key = createTestPayee('key of a wallet');
    const wallet = await deployWallet(ledger, nodes[2].signer.address);
    const drawn = async () => (await payerClient.channelOf(wallet.address, nodes[2].signer.address)).spent;
    const payer = signForWallet(fromHex(wallet.address.slice(2)), key);
    await expect(network.deliver(nodes[2], { payer })).rejects.toThrow('order-signature');
    const allowed = {
      payer: wallet.address,
      key: bytesToHex(key.address),
      cumulative: 10n ** 18n,
      consent: '0x',
    } as const;
    // Anybody may bring the wallet's consent: its code is asked, and says no to what its owner has not agreed to.
    await expect(payerClient.allowKey(nodes[2].signer.address, allowed)).rejects.toThrow('NoConsent');
    await wallet.agree(allowed);
    await payerClient.allowKey(nodes[2].signer.address, allowed);
    const { reply, submission } = await network.deliver(nodes[2], { payer });
    await network.waitForState(nodes[2], reply.record.replyId, 'settled');
    expect(await drawn()).toBe(86_000n);
    const receipt = { ledger: domain, order: { bytes: submission.order.order, signature: submission.order.signature } };
    const grants = await readOrderKeys(crypto, payerClient, receipt);
    expect(grants).toMatchObject([{ limitAtomic: 10n ** 18n }]);
    const order = nameOrder(crypto, domain, parseOrder(submission.order.order));
    expect(verifyOrder(withOrderKeys(crypto, grants), order, submission.order.signature)).toBe(true);
    expect(verifyOrder(crypto, order, submission.order.signature)).toBe(false);
  });

  it('draw verifiers by the stake that the chain has', async () => {
    const weigh = async () => {
      const { reply } = await network.deliver(nodes[3]);
      await network.waitForState(nodes[3], reply.record.replyId, 'settled');
      const store = new DatabaseSync(nodes[3].storePath, { readOnly: true });
      const row = store.prepare('SELECT evidence FROM replies WHERE reply_id = ?').get(reply.record.replyId);
      store.close();
      const evidence = parseEvidence(row?.evidence as Uint8Array);
      return evidence.kind === 'audit' && evidence.lists[0]?.map(({ weight }) => weight);
    };
    expect(await weigh()).toEqual([1n]);
    await network.stakeForVerifier(7n);
    // Each look takes a reply from its order to its settlement: the time of the test ends them, and no shorter one.
    let weights = await weigh();
    while (weights && weights[0] === 1n) weights = await weigh();
    expect(weights).toEqual([8n]);
  });

  it('show their log, and how much of it is final', async () => {
    const before = await network.payerClient.anchorOf(nodes[2].signer.address);
    const { reply } = await network.deliver(nodes[2]);
    await network.waitForState(nodes[2], reply.record.replyId, 'settled');
    const { entries, length, finalizedLength, finalizedHead, head, signatures } = await network
      .service(nodes[2])
      .listVerdicts({ from: before.logLength, limit: 10 });
    const logLength = before.logLength + 1n;
    expect([entries.length, length, finalizedLength]).toEqual([1, logLength, logLength]);
    expect(finalizedHead).toEqual(head);
    expect(signatures.length).toBeGreaterThanOrEqual(3);
    const anchor = await network.payerClient.anchorOf(nodes[2].signer.address);
    expect(anchor).toMatchObject({ sequence: before.sequence + 1n, logLength });
  });

  it('show the way from a reply into the chain, which proves that they have settled it', async () => {
    const { view, links, payerClient: chain } = network;
    const trusted = { chain, links, validators: view.validators() };
    const { reply, submission } = await network.deliver(nodes[1]);
    const { order, signature } = submission.order;
    const receipt = { ledger: view.ledger, order: { bytes: order, signature } };
    const named = nameOrder(crypto, view.ledger, parseOrder(order));
    const domain = { chainId: view.ledger.chainId, verifyingContract: view.network.settlement };
    const judge = async (record = reply.recordBytes) =>
      checkSettled(
        crypto,
        { order: named, record, request: { demands: NO_DEMANDS }, domain, feeAtomic: 86_000n },
        (await followReply(receipt, trusted)).settled,
      );
    const admission = { epoch: 0n, timeMs: 0n, signature: new Uint8Array(65) };
    const judgeIntake = async (record = reply.recordBytes) =>
      checkIntake(
        crypto,
        { order: named, record, admission, ledger: view.ledger },
        (await followReply(receipt, trusted)).intake,
      );
    expect(await judgeIntake()).toMatchObject({ status: 'pass' });
    expect(await judgeIntake(new Uint8Array(32))).toMatchObject({ status: 'fail' });
    expect(await judge()).toMatchObject({ status: 'skip', detail: expect.stringContaining('is settled here') });
    const { transaction } = await network.waitForState(nodes[1], named.replyId, 'settled');
    expect(await judge()).toMatchObject({ status: 'pass', detail: expect.stringMatching(/^accept, fee 86000: entry/) });
    expect(await judge(new Uint8Array(32))).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('another record'),
    });
    // A quorum has signed the head of its batch with hybrid keys, too.
    const { settled } = await followReply(receipt, trusted);
    expect(checkHead(crypto, { order: named, domain }, settled)).toMatchObject({ id: 'log-head', status: 'pass' });
    const head = 'problem' in settled ? undefined : settled.head;
    const bent = head && { ...head, certificate: head.certificate.map((byte, i) => (i === 400 ? byte ^ 1 : byte)) };
    expect(checkHead(crypto, { order: named, domain }, { ...settled, head: bent } as typeof settled)).toMatchObject({
      status: 'fail',
    });
    const unknown = await followReply(receipt, { ...trusted, validators: [] });
    const stranger = { problem: 'the validator that the order names is not of the set' };
    expect(unknown).toEqual({ intake: stranger, settled: stranger });
    const never = await followReply({ ...receipt, ledger: { ...view.ledger, chainId: 1n } }, trusted);
    expect(never.intake).toMatchObject({ problem: expect.stringContaining('has accepted no record of such a reply') });

    const { call, blockNumber } = await readSettlement(
      chain.transactor,
      chain.deployment,
      transaction as `0x${string}`,
    );
    expect(call.batch.validator).toBe(bytesToHex(nodes[1].signer.address));
    const accounts = nodes.map((node) => bytesToHex(node.signer.address));
    const then = await readVotes(chain.transactor, chain.deployment, { accounts, blockNumber });
    const signingKeys = nodes.map((node) => bytesToHex(node.signer.signingKey));
    expect(then.signingKeys).toEqual(signingKeys);
    expect(await readAccountsAt(chain.transactor, chain.deployment, { signingKeys, blockNumber })).toEqual(accounts);
    expect(then.total).toBe(then.each.reduce((sum, vote) => sum + vote, 0n));
    const other = await chain.transfer(nodes[0].signer.address, 0n);
    await expect(readSettlement(chain.transactor, chain.deployment, other.transactionHash)).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('settles nothing'),
    });
  });

  it('refuse methods between validators to strangers', async () => {
    const stranger = network.service(nodes[0]);
    await expect(stranger.deliverBeacon({ message: new Uint8Array(8) })).rejects.toMatchObject({
      code: 'unauthorized',
    });
    await expect(stranger.cosignBatch({ batch: new Uint8Array(8) })).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(stranger.getReply({ replyId: new Uint8Array(16) })).rejects.toMatchObject({ refusal: 'not-found' });
  });

  it('settle nothing without a quorum, lose nothing, and settle everything once when it is back', async () => {
    const before = { first: await spent(nodes[0]), second: await spent(nodes[1]) };
    await Promise.all([nodes[2].stop(), nodes[3].stop()]);
    const readEpoch = async (): Promise<bigint> => {
      await network.beacons.refresh();
      return network.beacons.latest().epoch;
    };
    // Calls in progress may still end.
    let stuck = -1n;
    for (let epoch = await readEpoch(); epoch !== stuck; epoch = await readEpoch()) {
      stuck = epoch;
      await delay(1_500);
    }
    const first = await network.deliver(nodes[0]);
    const second = await network.deliver(nodes[1]);
    await delay(1_500);
    expect(await readEpoch()).toBe(stuck);
    const waiting = await network.service(nodes[0]).getReply({ replyId: first.reply.record.replyId });
    expect(waiting).toMatchObject({ state: 'recorded', verdict: '' });
    expect([await spent(nodes[0]), await spent(nodes[1])]).toEqual([before.first, before.second]);

    await nodes[0].stop();
    await Promise.all([nodes[0].start(), nodes[2].start(), nodes[3].start()]);
    await network.waitForState(nodes[0], first.reply.record.replyId, 'settled');
    await network.waitForState(nodes[1], second.reply.record.replyId, 'settled');
    expect(await spent(nodes[0])).toBe(before.first + 86_000n);
    expect(await spent(nodes[1])).toBe(before.second + 86_000n);
  });

  it('draw the panel of an appeal by themselves', async () => {
    const { governor } = network.ledger;
    const freeze = new Uint8Array(32).fill(5);
    const asked = await governor.appeal({ freeze, period: 0 }, await governor.appealDeposit());
    const { timestamp } = await governor.transactor.client.getBlock({ blockNumber: asked.blockNumber });
    const subject = nameSubject({ freeze, period: Math.floor(Number(timestamp) / FREEZE_PERIOD_S) });
    const panel = async () => [...(await governor.hearingOf(subject)).panel].sort();
    await expect.poll(panel, { interval: 200 }).toEqual(nodes.map(({ signer }) => bytesToHex(signer.address)).sort());
  });

  it('sign and submit the tally of an epoch by themselves, and what it gives is claimed', async () => {
    const { payerClient: chain } = network;
    expect(await chain.allotments()).toEqual([]);
    const { reply } = await network.deliver(nodes[0]);
    await network.waitForState(nodes[0], reply.record.replyId, 'settled');
    const rpc = chain.transactor.client;
    // It counts as over some minutes later.
    await rpc.request({ method: 'evm_increaseTime', params: [EMISSION_S + HOUR_S] } as never);
    await expect.poll(async () => (await chain.allotments()).length, { interval: 500 }).toBe(1);
    const [allotment] = await chain.allotments();
    if (allotment === undefined) throw new Error('nothing was allotted');
    const tally = computeTally(crypto, await chain.recycledWork(allotment.since, allotment.until));
    if (tally === undefined) throw new Error('no account earned anything');
    expect([bytesToHex(tally.root), tally.units]).toEqual([allotment.root, allotment.units]);
    const index = tally.entries.findIndex(({ account }) => bytesToHex(account) === bytesToHex(PAYEE));
    const { units } = tally.entries[index] as (typeof tally.entries)[0];
    // Any validator shows it to anybody.
    const shown = await network.service(nodes[3]).getEmissionUnits({ number: 0, account: PAYEE });
    expect(createReader(shown.units).u128()).toBe(units);
    expect(verifyEmissionProof(crypto, tally.root, { account: PAYEE, units }, shown.proof)).toBe(true);
    const before = await chain.balanceOf(PAYEE);
    await chain.claimEmission(0, PAYEE, units, computeEmissionProof(crypto, tally.entries, index));
    const gained = (await chain.balanceOf(PAYEE)) - before;
    expect([gained > 0n, gained]).toEqual([true, computeEmissionClaim(allotment, units)]);
  });
});

describe('validators and a cheat', () => {
  let network: TestNetwork;
  beforeEach(async () => {
    network = await startAndAnnounce();
  });
  afterEach(() => network?.stop());

  it('eject a cheat by its own opening, unpaid, and take it back once three operators of four say so', async () => {
    const [first, judge, third] = network.nodes as [Node, Node, Node];
    const { reply } = await network.deliver(judge, {
      bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
    });
    const status = await network.waitForState(judge, reply.record.replyId, 'settled');
    expect(status).toMatchObject({ verdict: 'reject', feeAtomic: 0n });
    expect(JSON.parse(status.detail).checks).toContainEqual(
      expect.objectContaining({ id: 'draw-replay', status: 'fail' }),
    );
    expect(await spentAt(network, judge)).toBe(0n);
    const id = hashHybridKey(crypto, network.provider.signer.publicKey);
    expect(await network.payerClient.isEjected(id)).toBe(true);
    await expect(network.deliver(judge)).rejects.toMatchObject({ refusal: 'precondition' });

    const { chainId, verifyingContract } = { ...network.domain, verifyingContract: network.view.network.settlement };
    const approve = async ({ signer, client, storePath }: Node) => {
      const store = openStore(storePath, { schema: VALIDATOR_SCHEMA });
      const state = { crypto, signer, domain: { chainId, verifyingContract }, store };
      expect(await approveReinstatement(state, client, id)).toBe(1);
      store.close();
    };
    await approve(first);
    await approve(judge);
    await delay(1_000);
    expect(await network.payerClient.isEjected(id)).toBe(true);
    await approve(third);
    await expect.poll(() => network.payerClient.isEjected(id)).toBe(false);
    // The validator that ejected it takes its own mark back, and its view of the chain is read again.
    const isTaken = () => network.deliver(judge).catch(() => undefined);
    await expect.poll(isTaken, { interval: 500 }).toBeDefined();
  });

  it('eject it for another record than its consumer was given, of which another validator was told', async () => {
    const [, judge, , recipient] = network.nodes as [Node, Node, Node, Node];
    const { reply } = await network.deliver(judge, {}, { text: 'Buy my book instead.', tells: recipient });
    const { replyId } = reply.record;
    expect(await network.waitForState(judge, replyId, 'settled')).toMatchObject({ verdict: 'accept', feeAtomic: 0n });
    const correction = await network.service(judge).getReply({ replyId: computeCorrectionId(replyId) });
    expect(correction).toMatchObject({ state: 'settled', verdict: 'reject' });
    const id = hashHybridKey(crypto, network.provider.signer.publicKey);
    expect(await network.payerClient.isEjected(id)).toBe(true);
  });
});
