import { ChainError } from '@ogong/chain/errors';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { verifyHeadCertificate } from '@ogong/protocol/settlement/head-certificate';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { domain, payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { decideThree } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { listEntries, readHead } from '../store/batch-store.ts';
import { readChannel } from '../store/channel-store.ts';

describe('settlement', () => {
  it('pays the debts once a quorum has come to the same verdicts', async () => {
    const four = await createFour();
    const { good, bad, unserved } = await decideThree(four);
    expect(four.own.decided.map(({ verdict }) => verdict).sort()).toEqual(['abandoned', 'accept', 'reject']);
    expect(await four.own.settlement.step()).toBe(true);
    const [call] = four.chain.settled;
    expect(call?.lines).toMatchObject([{ gross: 86_000n, fine: 10_000n }]);
    expect(call?.debits).toMatchObject([{ amount: 86_000n, cumulative: 3_000_000n }]);
    expect(call?.ejections.length).toBe(1);
    for (const id of [good.reply.record.replyId, bad.reply.record.replyId, unserved.fields.replyId]) {
      expect(four.own.find(id)).toMatchObject({ state: 'settled', sequence: 1n });
    }
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n, outstanding: 0n });
    expect(await four.own.settlement.step()).toBe(false);
  });

  it('names models in its lines if makers have a share, also in a batch that was proposed before', async () => {
    let areMakersPaid = true;
    const four = await createFour({ namesModels: () => areMakersPaid });
    const { good } = await decideThree(four);
    const { modelRoot } = good.reply.record;
    areMakersPaid = false;
    four.offline.add(1).add(2).add(3);
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
    four.offline.clear();
    areMakersPaid = true;
    while (await four.own.settlement.step());
    expect(four.chain.settled[0]?.lines).toMatchObject([{ gross: 86_000n, modelRoot }]);
    expect(four.own.find(good.reply.record.replyId)).toMatchObject({ state: 'settled', sequence: 1n });
  });

  it('waits if co-signers read another share of makers, and blames nobody', async () => {
    let asked = 0;
    // The proposer asks first, and co-signers read otherwise.
    const divided = await createFour({ namesModels: () => asked++ < 3 });
    await decideThree(divided);
    await expect(divided.own.settlement.step()).rejects.toThrow('makers have no share');
    expect(divided.chain.settled).toEqual([]);
  });

  it('keeps what a quorum says of the head with hybrid keys, for readers off the chain', async () => {
    const four = await createFour();
    const all = [four.own, ...four.peers];
    const keyOf = ({ signer }: TestValidator): Uint8Array => signer.headKey as Uint8Array;
    for (const one of all.slice(0, 3)) four.chain.headKeys.set(toHex(one.signer.address), keyOf(one));
    await decideThree(four);
    await four.own.settlement.step();
    const batch = { sequence: 1n, logHead: four.chain.settled[0]?.batch.logHead as Uint8Array };
    const certificate = readHead(four.own.store, 0n) as Uint8Array;
    expect(readHead(four.own.store, 1n)).toEqual(certificate);
    expect(readHead(four.own.store, 2n)).toBeUndefined();
    const voters = all.slice(0, 3).map((one) => ({
      ...{ address: one.signer.address, stake: 100n },
      headKeyHash: hashHybridKey(nodeCrypto, keyOf(one)),
    }));
    const trust = { domain, validator: four.own.signer.address, batch, voters, totalStake: 400n };
    expect(verifyHeadCertificate(nodeCrypto, certificate, trust).ok).toBe(true);
    expect(verifyHeadCertificate(nodeCrypto, certificate, { ...trust, voters: voters.slice(1) }).ok).toBe(false);
  });

  it('keeps it by the votes and keys at the block of the batch, also if somebody else submitted it', async () => {
    const four = await createFour();
    for (const { signer } of [four.own, ...four.peers.slice(0, 2)]) {
      four.chain.headKeys.set(toHex(signer.address), signer.headKey as Uint8Array);
    }
    await decideThree(four);
    const { settle, headKeyHashes, votesOf } = four.chain;
    four.chain.settle = async (call) => {
      await settle(call);
      four.chain.headKeyHashes = async (accounts, block) =>
        block === 1n ? headKeyHashes(accounts) : accounts.map(() => undefined);
      four.chain.votesOf = async (accounts, block) => {
        const votes = await votesOf(accounts);
        return block === 1n ? votes : { ...votes, each: accounts.map(() => 0n) };
      };
      return settle(call);
    };
    expect(await four.own.settlement.step()).toBe(true);
    expect(readHead(four.own.store, 1n)).toBeUndefined();
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled.length).toBe(1);
    expect(readHead(four.own.store, 1n)).toBeDefined();
  });

  it('keeps it by the votes and keys of now if the node of the chain does not have that block', async () => {
    const four = await createFour();
    for (const { signer } of [four.own, ...four.peers.slice(0, 2)]) {
      four.chain.headKeys.set(toHex(signer.address), signer.headKey as Uint8Array);
    }
    await decideThree(four);
    const { headKeyHashes } = four.chain;
    four.chain.headKeyHashes = async (accounts, block) => {
      if (block !== undefined) throw new ChainError('rpc-unreachable', 'header not found');
      return headKeyHashes(accounts);
    };
    expect(await four.own.settlement.step()).toBe(true);
    expect(readHead(four.own.store, 1n)).toBeDefined();
  });

  it('settles if too few have registered such keys, and has no certificate then', async () => {
    const four = await createFour();
    for (const { signer } of four.peers.slice(0, 2)) {
      four.chain.headKeys.set(toHex(signer.address), signer.headKey as Uint8Array);
    }
    await decideThree(four);
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled.length).toBe(1);
    expect(readHead(four.own.store, 0n)).toBeUndefined();
  });

  it('continues the log in the next batch', async () => {
    const four = await createFour();
    for (let number = 0; number < 3; number++) {
      await four.own.deliver(number);
      await four.certifyAll();
      await four.own.runAudits();
      expect(await four.own.settlement.step()).toBe(true);
    }
    expect(four.chain.settled.map(({ batch }) => [batch.sequence, batch.logLength])).toEqual([
      [1n, 1n],
      [2n, 2n],
      [3n, 3n],
    ]);
  });

  it('waits, and loses nothing, while there is no quorum or no chain', async () => {
    const four = await createFour();
    await decideThree(four);
    four.offline.add(1).add(2);
    const missing = toHex((four.peers[1] as TestValidator).signer.address);
    await expect(four.own.settlement.step()).rejects.toMatchObject({
      ...{ code: 'no-quorum', retryable: true },
      message: expect.stringMatching(new RegExp(`no answer: .*0x${missing}: offline`)),
    });
    four.chain.isDown = true;
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'rpc-unreachable' });
    four.offline.clear();
    four.chain.isDown = false;
    // Later verdicts go into the next batch: the log of a proposed one never changes.
    await four.own.intake.admit(four.own.order(9, { cumulativeAtomic: 9_000_000n })).catch(() => undefined);
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled.length).toBe(1);
  });

  it('gathers by the votes that the contract counts, not by the bonds of the moment', async () => {
    const four = await createFour();
    await decideThree(four);
    const vote = (peer: number, votes: bigint) =>
      four.chain.votes.set(toHex((four.peers[peer] as TestValidator).signer.address), votes);
    // Three of four bonds, and that is no quorum: the fourth has a vote of more than a third.
    vote(2, 200n);
    four.offline.add(3);
    await expect(four.own.settlement.step()).rejects.toThrow('200 of 500 votes');
    // A bond that is young has no vote yet: the three are all there are.
    vote(2, 0n);
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled[0]?.quorum.length).toBe(3);
  });

  it('sends a batch again with all signatures if too little is bonded behind it, and waits if that is not enough', async () => {
    const four = await createFour();
    await decideThree(four);
    const { settle } = four.chain;
    const sent: number[] = [];
    let needed = 4;
    four.chain.settle = async (call) => {
      sent.push(call.quorum.length);
      if (call.quorum.length >= needed) return settle(call);
      throw new ChainError('reverted', 'too little', { revert: { name: 'Unbacked', args: [] } });
    };
    expect(await four.own.settlement.step()).toBe(true);
    expect(sent).toEqual([3, 4]);
    await four.own.deliver(7);
    await four.certifyAll();
    await four.own.runAudits();
    needed = 5;
    await expect(four.own.settlement.step()).rejects.toMatchObject({ revert: { name: 'Unbacked' } });
    needed = 3;
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled.length).toBe(2);
  });

  it('proposes the first half again if the batch comes to more than all bonds behind it carry', async () => {
    const four = await createFour();
    await decideThree(four);
    const { settle } = four.chain;
    const tried: [bigint, number][] = [];
    four.chain.settle = async (call) => {
      tried.push([call.batch.logLength, call.quorum.length]);
      if (call.batch.logLength - BigInt(four.chain.settled.length) <= 1n) return settle(call);
      // Nothing was unvested before.
      throw new ChainError('reverted', 'too little', { revert: { name: 'Unbacked', args: [86_000n, 100_000n] } });
    };
    expect(await four.own.settlement.step()).toBe(true);
    expect(await four.own.settlement.step()).toBe(true);
    expect(tried).toEqual([
      [3n, 3],
      [3n, 4],
      [1n, 3],
    ]);
  });

  it.each([
    ['as many entries as all bonds carry', 2n, [2n, 4n]],
    ['all, and leaves it to the chain, where the first alone is too much', 0n, [4n]],
    ['all where they carry them', 4n, [4n]],
    ['all where nothing bounds them', undefined, [4n]],
  ])('proposes %s', async (_what, carried, lengths) => {
    const four = await createFour();
    for (let number = 0; number < 4; number++) await four.own.deliver(number);
    await four.certifyAll();
    await four.own.runAudits();
    const entries = four.own.store.read(() => listEntries(four.own.store, 0n, 4));
    const [fee, ...others] = entries.map(({ entry }) => parseVerdictEntry(entry).feeAtomic) as [bigint, ...bigint[]];
    expect([fee > 0n, ...others]).toEqual([true, fee, fee, fee]);
    // Half of all bonds is ten fees.
    for (const { signer } of [four.own, ...four.peers]) four.chain.votes.set(toHex(signer.address), 5n * fee);
    four.chain.unvested = async () => (carried === undefined ? undefined : (10n - carried) * fee);
    while (await four.own.settlement.step());
    expect(four.chain.settled.map(({ batch }) => batch.logLength)).toEqual(lengths);
  });

  it('waits with the batch as it is while earlier ones take all that the bonds carry', async () => {
    const four = await createFour();
    await decideThree(four);
    const { settle } = four.chain;
    four.chain.settle = async () => {
      throw new ChainError('reverted', 'too little', { revert: { name: 'Unbacked', args: [136_000n, 100_000n] } });
    };
    await expect(four.own.settlement.step()).rejects.toMatchObject({ revert: { name: 'Unbacked' } });
    four.chain.settle = settle;
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled.map(({ batch }) => batch.logLength)).toEqual([3n]);
  });

  it('counts the vote of a validator that has left, against a quorum or for it', async () => {
    const four = await createFour();
    await decideThree(four);
    four.chain.votesOfGone = 200n;
    await expect(four.own.settlement.step()).rejects.toThrow('300 of 600 votes');
    four.chain.votesOfGone = 199n;
    expect(await four.own.settlement.step()).toBe(true);
  });

  it('proposes the first half again if one transaction cannot hold the batch', async () => {
    const four = await createFour();
    await decideThree(four);
    const { settle } = four.chain;
    const tried: bigint[] = [];
    four.chain.settle = async (call) => {
      tried.push(call.batch.logLength);
      if (call.batch.sequence === 1n && call.batch.logLength > 1n) throw new ChainError('too-costly', 'too much gas');
      return settle(call);
    };
    while (await four.own.settlement.step());
    expect(tried).toEqual([3n, 1n, 3n]);
    expect(four.chain.settled.map(({ batch }) => [batch.sequence, batch.logLength])).toEqual([
      [1n, 1n],
      [2n, 3n],
    ]);
    expect(four.own.decided.map(({ replyId }) => four.own.find(replyId))).toMatchObject([
      { state: 'settled', sequence: 1n },
      { state: 'settled', sequence: 2n },
      { state: 'settled', sequence: 2n },
    ]);
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n });
  });

  it('has a shorter run signed by those who signed the longer one, whatever they can check by now', async () => {
    const four = await createFour();
    await decideThree(four);
    const { settle } = four.chain;
    four.chain.settle = async () => Promise.reject(new ChainError('too-costly', 'too much gas'));
    expect(await four.own.settlement.step()).toBe(true);
    for (const { store } of four.peers) store.database.exec('DELETE FROM beacons; DELETE FROM beacon_values');
    four.chain.settle = settle;
    while (await four.own.settlement.step());
    expect(four.chain.settled.map(({ batch }) => batch.logLength)).toEqual([1n, 3n]);
  });

  it('stops if one entry alone is too much for a transaction', async () => {
    const four = await createFour();
    await decideThree(four);
    four.chain.settle = async () => Promise.reject(new ChainError('too-costly', 'too much gas'));
    expect(await four.own.settlement.step()).toBe(true);
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'too-costly' });
  });

  it('records the longer batch if the chain took it after all', async () => {
    const four = await createFour();
    await decideThree(four);
    const { settle } = four.chain;
    four.chain.settle = async (call) => {
      await settle(call);
      throw new ChainError('too-costly', 'too much gas');
    };
    expect(await four.own.settlement.step()).toBe(true);
    four.chain.settle = settle;
    while (await four.own.settlement.step());
    expect(four.chain.settled.map(({ batch }) => batch.logLength)).toEqual([3n]);
    for (const { replyId } of four.own.decided) {
      expect(four.own.find(replyId)).toMatchObject({ state: 'settled', sequence: 1n });
    }
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n });
  });

  it('stops if the chain has gone back behind its batch', async () => {
    const four = await createFour();
    await decideThree(four);
    four.chain.settle = async () => {
      throw new ChainError('reverted', 'another number is due', { revert: { name: 'WrongSequence', args: [] } });
    };
    await expect(four.own.settlement.step()).rejects.toThrow('another number is due');
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 0n, owed: 86_000n });
  });

  it('records a batch that somebody else submitted', async () => {
    const four = await createFour();
    await decideThree(four);
    const { settle } = four.chain;
    four.chain.settle = async (call) => {
      await settle(call);
      return settle(call);
    };
    expect(await four.own.settlement.step()).toBe(true);
    four.chain.settle = settle;
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled.length).toBe(1);
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n });
  });

  it('records a batch that the chain took while nobody heard of it', async () => {
    const four = await createFour();
    await decideThree(four);
    four.chain.afterSettle = () => {
      throw new Error('the connection was lost');
    };
    await expect(four.own.settlement.step()).rejects.toThrow('connection');
    four.chain.afterSettle = () => {};
    expect(await four.own.settlement.step()).toBe(true);
    expect(await four.own.settlement.step()).toBe(false);
    expect(four.chain.settled.length).toBe(1);
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n });
  });

  it.each([
    ['another head', { logHead: `0x${'07'.repeat(32)}` as const }],
    ['more entries than there are', { logLength: 5n }],
    ['fewer entries than had settled before', { logLength: 0n }],
  ])('books nothing where the chain has %s under its number: the database is an older copy', async (_what, other) => {
    const four = await createFour();
    await decideThree(four);
    four.chain.afterSettle = () => {
      throw new Error('the connection was lost');
    };
    await expect(four.own.settlement.step()).rejects.toThrow('connection');
    const { anchorOf } = four.chain;
    four.chain.anchorOf = async (validator) => ({ ...(await anchorOf(validator)), ...other });
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'anchor-mismatch' });
    four.chain.anchorOf = anchorOf;
    expect(await four.own.settlement.step()).toBe(true);
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n });
  });

  describe('where a reorganisation loses what was recorded', () => {
    async function settleThree() {
      const four = await createFour();
      for (let number = 0; number < 3; number++) {
        await four.own.deliver(number);
        await four.certifyAll();
        await four.own.runAudits();
        expect(await four.own.settlement.step()).toBe(true);
      }
      const booked = readChannel(four.own.store, payer.address);
      return { four, booked };
    }
    const sequences = ({ chain }: Awaited<ReturnType<typeof createFour>>) =>
      chain.settled.map(({ batch }) => batch.sequence);

    it('submits the same batches again, in order, and records nothing twice', async () => {
      const { four, booked } = await settleThree();
      const before = [...four.chain.settled];
      four.chain.settled.splice(1);
      four.offline.add(1).add(2).add(3);
      expect(await four.own.settlement.step()).toBe(true);
      expect(sequences(four)).toEqual([1n, 2n]);
      expect(await four.own.settlement.step()).toBe(true);
      expect(await four.own.settlement.step()).toBe(false);
      expect(four.chain.settled).toEqual(before);
      expect(readChannel(four.own.store, payer.address)).toEqual(booked);
    });

    it('continues with the next batch', async () => {
      const { four } = await settleThree();
      four.chain.settled.splice(2);
      await four.own.deliver(3);
      await four.certifyAll();
      await four.own.runAudits();
      while (await four.own.settlement.step());
      expect(sequences(four)).toEqual([1n, 2n, 3n, 4n]);
    });

    it('leaves it if the transaction comes back by itself', async () => {
      const { four } = await settleThree();
      four.chain.settled.splice(2);
      const { settle } = four.chain;
      four.chain.settle = async (call) => {
        await settle(call);
        throw new ChainError('reverted', 'WrongSequence', { revert: { name: 'WrongSequence', args: [] } });
      };
      expect(await four.own.settlement.step()).toBe(true);
      four.chain.settle = settle;
      expect(await four.own.settlement.step()).toBe(false);
      expect(sequences(four)).toEqual([1n, 2n, 3n]);
    });

    it('asks a chain that is quiet for a quarter of an hour, and no longer', async () => {
      const { four } = await settleThree();
      four.clock.advance(899_000);
      four.chain.settled.splice(2);
      expect(await four.own.settlement.step()).toBe(true);
      four.clock.advance(2_000);
      four.chain.settled.splice(2);
      expect(await four.own.settlement.step()).toBe(false);
    });

    it('sends nothing of a log that is not the one of the chain', async () => {
      const { four } = await settleThree();
      const { anchorOf } = four.chain;
      four.chain.anchorOf = async (validator) => ({ ...(await anchorOf(validator)), sequence: 1n, logLength: 9n });
      await four.own.deliver(3);
      await four.certifyAll();
      await four.own.runAudits();
      await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'anchor-mismatch' });
      expect(sequences(four)).toEqual([1n, 2n, 3n]);
    });
  });
});
