import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { testModelRegistry } from '@ogong/testing/chain/model-registry-compliance';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { sign } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChainClient } from './client.ts';
import { defaultTests } from './deploy/deploy.ts';
import { ChainError } from './errors.ts';
import { equivocationAbi, validatorRegistryAbi } from './generated/abi.ts';
import type { Hex } from './hex.ts';
import { computeAddress, generatePrivateKey } from './keys.ts';
import { waitForNextBlock } from './next-block.ts';

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`;
const zeroAddress: Hex = `0x${'00'.repeat(20)}`;

async function refusalOf(promise: Promise<unknown>): Promise<ChainError> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ChainError);
  return error as ChainError;
}

const wordOf = (address: Hex): string => address.slice(2).padStart(64, '0');

/** Makes a validator accept two records for one order. */
async function contradict(ledger: TestLedger, privateKey: Hex) {
  const { transactor, deployment } = ledger.governor;
  const { timestamp } = await transactor.client.getBlock();
  const say = async (record: string) => {
    const members: Hex = `0x${wordOf(computeAddress(privateKey))}${'01'.repeat(32)}${record.repeat(32)}${'00'.repeat(32)}`;
    const contract = { address: deployment.equivocation, abi: equivocationAbi } as const;
    const call = { ...contract, functionName: 'read', args: [1, members] } as const;
    const [, , , digest] = await transactor.client.readContract(call);
    return { members, signature: await sign({ hash: digest, privateKey, to: 'hex' }), time: timestamp };
  };
  const statements = [await say('a1'), await say('a2')] as const;
  return { kind: 'intake', accused: computeAddress(privateKey), statements } as const;
}

const NOTICE_SECONDS = 86_400;

const startLedger = (): Promise<TestLedger> =>
  startTestLedger({ limits: { withdrawalDelay: 0 }, delays: { notice: NOTICE_SECONDS } });

describe('chain client', () => {
  let ledger: TestLedger;
  beforeAll(async () => {
    ledger = await startLedger();
  });
  afterAll(() => ledger.stop());

  testModelRegistry(() => ledger.createMember(5_000n * unit));

  it('takes a name only for the fee', async () => {
    const { client } = await ledger.createMember();
    expect(await refusalOf(client.claimMaker('unpaid'))).toMatchObject({
      revert: { name: 'ERC20InsufficientBalance' },
    });
  });

  it('reads the parameters that were deployed', async () => {
    const { shares, limits, recipients } = await ledger.governor.parameters();
    expect(shares).toEqual({
      router: 100,
      validator: 100,
      verification: 100,
      treasury: 100,
      license: 2,
      recycle: 0,
      maker: 0,
    });
    expect(limits).toMatchObject({ alpha: 1_000_000, withdrawalDelay: 0, minimumValidatorBond: 100n * unit });
    expect(recipients.treasury).toBe(ledger.treasury);
  });

  it('takes an address back under its old VRF key alone, and lets anybody evict who lost its bond', async () => {
    const member = await ledger.createValidator();
    const entry = (key: string) => ({ endpoint: 'v:1', certHash: hash('e1'), vrfKey: hash(key) });
    const before = (await member.client.validators()).find(({ account }) => account === member.address);
    await member.client.deregisterValidator();
    await expect(member.client.registerValidator(entry('e2'))).rejects.toMatchObject({
      code: 'reverted',
      revert: { name: 'VrfKeyFixed' },
    });
    await member.client.registerValidator({ ...entry('e3'), vrfKey: before?.vrfKey as `0x${string}` });
    const anybody = await ledger.createMember();
    await expect(anybody.client.evictValidator(member.address)).rejects.toMatchObject({
      revert: { name: 'BondSuffices' },
    });
    const reporter = await ledger.createMember();
    const proof = await contradict(ledger, member.privateKey);
    const secret = new Uint8Array(32).fill(7);
    await waitForNextBlock(reporter.client.transactor, await reporter.client.announceEquivocation(proof, secret));
    await reporter.client.proveEquivocation(proof, secret);
    expect(await reporter.client.caseOf(0)).toMatchObject({
      ...{ accused: member.address, reporter: reporter.address, offence: 'contradiction', amount: 100n * unit },
    });
    await anybody.client.evictValidator(member.address);
    expect((await member.client.validators()).some(({ account }) => account === member.address)).toBe(false);
  });

  it('names a signing key with its consent, and takes it back', async () => {
    const { client, address } = await ledger.createValidator();
    expect(await client.signingKeyOf(address)).toEqual({ current: address, named: address, from: 0n });
    const [key, other] = [generatePrivateKey(), generatePrivateKey()];
    const signingKey = computeAddress(key);
    const consentOf = async (privateKey: Hex) => {
      const registry = { address: client.deployment.registry, abi: validatorRegistryAbi } as const;
      const call = { ...registry, functionName: 'signerDigest', args: [address, signingKey] } as const;
      return sign({ hash: await client.transactor.client.readContract(call), privateKey, to: 'hex' });
    };
    await expect(client.setSigningKey(signingKey, await consentOf(other))).rejects.toMatchObject({
      revert: { name: 'NoConsent' },
    });
    expect(() => client.setSigningKey(signingKey, '0x')).toThrow(expect.objectContaining({ code: 'bad-input' }));
    await client.setSigningKey(signingKey, await consentOf(key));
    const named = await client.signingKeyOf(address);
    expect(named).toMatchObject({ current: signingKey, named: signingKey });
    expect(named.from).toBeGreaterThan(0n);
    expect((await client.validators()).find(({ account }) => account === address)).toMatchObject({ signingKey });
    expect(await client.votesOf([address])).toMatchObject({ each: [100n * unit], signingKeys: [signingKey] });
    await client.setSigningKey(address, '0x');
    expect(await client.signingKeyOf(address)).toMatchObject({ current: address, named: address });
  });

  it('leaves gas for what a second stores anew: a key named again in the second after its estimate', async () => {
    const { address, privateKey } = await ledger.createValidator();
    const { client } = ledger.governor.transactor;
    const ask = (method: string, ...params: unknown[]) => client.request({ method, params } as never);
    let isLast = false;
    const beforeSend = async () => {
      if (!isLast) return;
      const { timestamp } = await client.getBlock();
      await ask('evm_setNextBlockTimestamp', Number(timestamp) + 1);
    };
    const { chain, deployment } = ledger;
    const account = await createChainClient({
      ...{ rpcUrl: chain.rpcUrl, deployment, privateKey, pollIntervalMs: 20, beforeSend },
    });
    const keys = [generatePrivateKey(), generatePrivateKey()] as const;
    const name = async (key: Hex) => {
      const call = { functionName: 'signerDigest', args: [address, computeAddress(key)] } as const;
      const registry = { address: deployment.registry, abi: validatorRegistryAbi } as const;
      const consent = await sign({
        hash: await client.readContract({ ...registry, ...call }),
        privateKey: key,
        to: 'hex',
      });
      return account.setSigningKey(computeAddress(key), consent);
    };
    await ask('anvil_setBlockTimestampInterval', 0);
    try {
      for (const key of [...keys, keys[0]]) await name(key);
      isLast = true;
      await name(keys[1]);
    } finally {
      await ask('anvil_removeBlockTimestampInterval').catch(() => undefined);
    }
    expect(await account.signingKeyOf(address)).toMatchObject({ current: computeAddress(keys[1]) });
  });

  it('reads the stake of many at one block, in their order', async () => {
    const seen: unknown[] = [];
    const proxy = createServer(async (request, response) => {
      const body = await text(request);
      for (const { method, params } of [JSON.parse(body)].flat()) if (method === 'eth_call') seen.push(params[1]);
      const answer = await fetch(ledger.chain.rpcUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      response.end(await answer.text());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const rpcUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const client = await createChainClient({ rpcUrl, deployment: ledger.deployment });
    const staked = await ledger.createMember(50n);
    await staked.client.stake(30n);
    const payees = Array.from({ length: 40 }, (_, i) =>
      i === 33 ? staked.address : computeAddress(hash(`a${i % 9}`)),
    );
    const expected = payees.map((payee) => (payee === staked.address ? 30n : 0n));
    expect(await client.stakesOf(payees)).toEqual(expected);
    expect(seen).toHaveLength(40);
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).toMatch(/^0x[0-9a-f]+$/);
    expect(await client.stakesOf([])).toEqual([]);
    proxy.closeAllConnections();
    proxy.close();
  });

  it('names a drift table, newer each time, by the owner alone', async () => {
    expect((await ledger.governor.parameters()).driftTable).toEqual({ hash: hash('00'), version: 0n });
    await ledger.governor.setDriftTable({ hash: hash('AB'), version: 2n });
    expect((await ledger.governor.parameters()).driftTable).toEqual({ hash: hash('ab'), version: 2n });
    const stale = await refusalOf(ledger.governor.setDriftTable({ hash: hash('cd'), version: 2n }));
    expect(stale).toMatchObject({ code: 'reverted', revert: { name: 'VersionNotNewer', args: [2n, 2n] } });
    const member = await ledger.createMember();
    const stranger = await refusalOf(member.client.setDriftTable({ hash: hash('cd'), version: 3n }));
    expect(stranger).toMatchObject({ code: 'reverted', revert: { name: 'OwnableUnauthorizedAccount' } });
    expect(() => ledger.governor.setDriftTable({ hash: '0x12', version: 3n })).toThrow(/hash has 1 bytes, expected 32/);
  });

  it('asks verifiers for a stake, by the owner alone, after a notice', async () => {
    const { limits, verifierStakes } = await ledger.governor.parameters();
    expect(limits.minimumVerifierStake).toBe(0n);
    expect(verifierStakes).toEqual({ now: 0n, least: 0n, greatest: 0n });
    await ledger.governor.setLimits({ ...limits, minimumVerifierStake: 7n * unit });
    const asked = await ledger.governor.parameters();
    expect(asked.limits.minimumVerifierStake).toBe(7n * unit);
    // It is announced, and nobody is asked for it before its notice is over.
    expect(asked.verifierStakes).toEqual({ now: 0n, least: 0n, greatest: 0n });
    expect(asked.verifierStakeFrom).toBeGreaterThan(0);
    const tooMuch = await refusalOf(
      ledger.governor.setLimits({ ...limits, minimumVerifierStake: 1_000_000n * unit + 1n }),
    );
    expect(tooMuch).toMatchObject({
      code: 'reverted',
      revert: { name: 'OutOfRange', args: ['minimumVerifierStake'] },
    });
    await ledger.governor.setLimits(limits);
    expect((await ledger.governor.parameters()).verifierStakeFrom).toBe(0);
  });

  it('names the rates of tests, by the owner alone, and remembers the greatest of a day', async () => {
    const before = await ledger.governor.parameters();
    expect(before.tests).toEqual(defaultTests);
    const { canaryRate, timedRate } = defaultTests;
    // Rates that are named in one second replace each other, and the chain may be younger than a second.
    await ledger.governor.transactor.client.request({ method: 'evm_increaseTime', params: [1] } as never);
    await ledger.governor.setTests({ canaryRate: 7, timedRate: 11, slowestRate: 90 });
    const { tests, greatestRates } = await ledger.governor.parameters();
    expect(tests).toEqual({ canaryRate: 7, timedRate: 11, slowestRate: 90 });
    expect(greatestRates).toEqual({ canary: Math.max(canaryRate, 7), timed: Math.max(timedRate, 11) });
    const tooOften = await refusalOf(ledger.governor.setTests({ ...tests, timedRate: 4_000_001 }));
    expect(tooOften).toMatchObject({ code: 'reverted', revert: { name: 'OutOfRange', args: ['timedRate'] } });
    const member = await ledger.createMember();
    const stranger = await refusalOf(member.client.setTests(defaultTests));
    expect(stranger).toMatchObject({ code: 'reverted', revert: { name: 'OwnableUnauthorizedAccount' } });
  });

  it('announces shares and recipients before they are in force', async () => {
    const { shares, recipients, announced } = await ledger.governor.parameters();
    expect(announced).toEqual({ shares, recipients, from: 0n });
    const cheaper = { shares: { ...shares, treasury: 50 }, recipients };
    await ledger.governor.setDistribution(cheaper);
    const changed = await ledger.governor.parameters();
    expect(changed).toMatchObject({ shares, announced: cheaper });
    expect(changed.announced.from).toBeGreaterThan(BigInt(NOTICE_SECONDS));
    const member = await ledger.createMember();
    const stranger = await refusalOf(member.client.setDistribution(cheaper));
    expect(stranger).toMatchObject({ code: 'reverted', revert: { name: 'OwnableUnauthorizedAccount' } });
  });

  it('names a refusal by a contract behind the called one', async () => {
    const [validator, payer] = await Promise.all([ledger.createValidator(), ledger.createMember()]);
    const debit = await ledger.signDebit(payer.privateKey, validator.address, 1n, 1n);
    const call = await ledger.signBatch(
      {
        batch: {
          validator: validator.address,
          sequence: 1n,
          logHead: hash('aa'),
          logLength: 1n,
          recordsRoot: hash('bb'),
          replies: 1,
        },
        debits: [debit],
        lines: [],
        ejections: [],
        tallies: [],
      },
      [payer.privateKey],
    );
    const stranger = await refusalOf(validator.client.settle(call));
    expect(stranger.revert).toEqual({ name: 'NoQuorum', args: [0n, await ledger.governor.totalStake()] });
  });

  it('sends the calls of one account one after the other', async () => {
    const { client, address } = await ledger.createMember(10n * unit);
    const receivers = Array.from({ length: 4 }, () => computeAddress(generatePrivateKey()));
    const receipts = await Promise.all(receivers.map((to) => client.transfer(to, unit)));
    expect(new Set(receipts.map(({ transactionHash }) => transactionHash)).size).toBe(4);
    expect(await client.balanceOf(address)).toBe(6n * unit);
  });

  it('goes on after a refused call', async () => {
    const { client } = await ledger.createMember(unit);
    const [refused, done] = await Promise.allSettled([client.requestUnstake(1n), client.stake(unit)]);
    expect(refused).toMatchObject({ reason: { code: 'reverted', revert: { name: 'InsufficientStake' } } });
    expect(done.status).toBe('fulfilled');
  });

  it('refuses another chain and a chain without the contracts', async () => {
    const { rpcUrl } = ledger.chain;
    const elsewhere = { ...ledger.deployment, chainId: 1 };
    expect(await refusalOf(createChainClient({ rpcUrl, deployment: elsewhere }))).toMatchObject({
      code: 'wrong-chain',
    });
    const missing = { ...ledger.deployment, settlement: computeAddress(generatePrivateKey()) };
    expect(await refusalOf(createChainClient({ rpcUrl, deployment: missing }))).toMatchObject({ code: 'wrong-chain' });
  });

  it('tells an unreachable endpoint from a refusal', async () => {
    const rpcUrl = 'http://127.0.0.1:9';
    const error = await refusalOf(createChainClient({ rpcUrl, deployment: ledger.deployment }));
    expect(error).toMatchObject({ code: 'rpc-unreachable', retryable: true });
  });

  it('does not write without a key, and names a malformed field', async () => {
    const reader = await createChainClient({ rpcUrl: ledger.chain.rpcUrl, deployment: ledger.deployment });
    expect(await refusalOf(reader.claim())).toMatchObject({ code: 'no-account' });
    expect(() => reader.isEjected('0x12')).toThrow(/providerId has 1 bytes, expected 32/);
  });
});

describe('chain client of the only validator', () => {
  let ledger: TestLedger;
  beforeAll(async () => {
    ledger = await startLedger();
  });
  afterAll(() => ledger.stop());

  it('carries a reply from the deposit to the claim', async () => {
    const [validator, payer, provider] = await Promise.all([
      ledger.createValidator(),
      ledger.createMember(100n * unit),
      ledger.createMember(),
    ]);
    expect(await ledger.governor.validators()).toMatchObject([
      { account: validator.address, signingKey: validator.address, stake: 100n * unit },
    ]);
    expect(await ledger.governor.totalStake()).toBe(100n * unit);
    await payer.client.deposit(100n * unit);
    await payer.client.admit(validator.address, 60n * unit);
    expect(await payer.client.freeOf(payer.address)).toBe(40n * unit);

    const debit = await ledger.signDebit(payer.privateKey, validator.address, 10n * unit, 20n * unit);
    const call = await ledger.signBatch(
      {
        batch: {
          validator: validator.address,
          sequence: await payer.client.nextSequence(validator.address),
          logHead: hash('aa'),
          logLength: 3n,
          recordsRoot: hash('bb'),
          replies: 3,
        },
        debits: [debit],
        lines: [{ providerId: hash('ab'), payee: provider.address, router: zeroAddress, gross: 10n * unit }],
        ejections: [hash('cc')],
        tallies: [{ payee: provider.address, credits: 1, refuted: 0 }],
      },
      [validator.privateKey],
    );
    await validator.client.settle(call);
    expect(await payer.client.channelOf(payer.address, validator.address)).toMatchObject({
      admitted: 60n * unit,
      spent: 10n * unit,
      spendable: 60n * unit,
    });
    const { nextBlock } = await payer.client.paidTo(provider.address, validator.address, undefined);
    // Blocks come while this test reads.
    const later = { nextBlock: expect.toSatisfy((block: number) => block >= nextBlock) };
    expect(await payer.client.paidTo(provider.address, validator.address, 0)).toEqual({
      ...{ grossAtomic: 10n * unit, ...later },
    });
    expect(await payer.client.paidTo(provider.address, payer.address, 0)).toMatchObject({ grossAtomic: 0n });
    expect(await payer.client.paidTo(provider.address, validator.address, nextBlock)).toEqual({
      ...{ grossAtomic: 0n, ...later },
    });
    const earned = (10n * unit * 9_698n) / 10_000n;
    expect(await payer.client.earningsOf(hash('ab'), provider.address)).toEqual({
      ...{ earned, held: 0n, withdrawable: earned, collectable: 0n, paid: 0n, collected: 0n, bonded: 0n },
    });
    // This network holds nothing.
    expect(await payer.client.unvested()).toBeUndefined();
    expect(await payer.client.isEjected(hash('cc'))).toBe(true);
    expect(await payer.client.isEjected(hash('dd'))).toBe(false);
    expect(await payer.client.anchorOf(validator.address)).toEqual({
      sequence: 1n,
      logLength: 3n,
      logHead: hash('aa'),
    });
    await payer.client.withdrawEarnings(hash('ab'), provider.address);
    expect(await payer.client.balanceOf(provider.address)).toBe(earned);
    const nothing = await refusalOf(provider.client.withdrawEarnings(hash('ab'), provider.address));
    expect(nothing).toMatchObject({ code: 'reverted', revert: { name: 'NothingToWithdraw' } });

    const again = await refusalOf(validator.client.settle(call));
    expect(again).toMatchObject({
      code: 'reverted',
      retryable: false,
      revert: { name: 'WrongSequence', args: [2n, 1n] },
    });

    const delegate = await ledger.createMember();
    const byKey = await ledger.signDebit(delegate.privateKey, validator.address, unit, 21n * unit, payer.address);
    const second = await ledger.signBatch(
      {
        ...call,
        ...{ batch: { ...call.batch, sequence: 2n, logLength: 4n }, debits: [byKey], ejections: [], tallies: [] },
        lines: [{ providerId: hash('ab'), payee: provider.address, router: zeroAddress, gross: unit }],
      },
      [validator.privateKey],
    );
    const unknown = await refusalOf(validator.client.settle(second));
    expect(unknown.revert?.name).toBe('BadPayerSignature');
    const allowed = { payer: payer.address, key: delegate.address, cumulative: 21n * unit, consent: '0x' } as const;
    const stranger = await refusalOf(delegate.client.allowKey(validator.address, allowed));
    expect(stranger.revert?.name).toBe('NoConsent');
    await payer.client.allowKey(validator.address, allowed);
    expect(await payer.client.keyLimitOf(payer.address, validator.address, delegate.address)).toBe(21n * unit);
    expect(await payer.client.keyLimitOf(payer.address, delegate.address, delegate.address)).toBe(0n);
    await validator.client.settle(second);
    expect(await payer.client.channelOf(payer.address, validator.address)).toMatchObject({ spent: 11n * unit });

    await payer.client.requestRelease(validator.address, 49n * unit);
    await payer.client.finishRelease(validator.address);
    const rooms = async (fromMs: bigint) => {
      const changes = await payer.client.channelChanges(payer.address, validator.address, fromMs);
      return changes.map(({ roomAtomic }) => roomAtomic / unit);
    };
    expect(await rooms(0n)).toEqual([0n, 60n, 50n, 49n, 0n, 0n]);
    // From a time on that no block has, nothing but what is there now.
    expect(await rooms(BigInt(Date.now()) + 86_400_000n)).toEqual([0n]);
    expect((await payer.client.channelChanges(provider.address, validator.address, 0n)).at(-1)?.roomAtomic).toBe(0n);
    await payer.client.withdraw(89n * unit);
    expect(await payer.client.balanceOf(payer.address)).toBe(89n * unit);
  });
});
