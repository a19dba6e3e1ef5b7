import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { DRAW_KINDS } from '@ogong/protocol/audit/secret-draw';
import type { Test } from '@ogong/protocol/audit/test-report';
import { concatBytes, equalBytes, fromHex, toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { pass } from '@ogong/protocol/base/checks';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { computeReplyFee, splitFee } from '@ogong/protocol/exchange/fee';
import { encodeCandidates } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { parseTicket, signTicket } from '@ogong/protocol/exchange/ticket';
import { FALLBACK_THRESHOLDS } from '@ogong/protocol/modality/text/drift/thresholds';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { splitJudged } from '@ogong/protocol/settlement/cosigned-pot';
import {
  appendVerdict,
  computeGenesisPosition,
  type VerdictEntry,
  verifyChain,
} from '@ogong/protocol/settlement/verdict-log';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import { createSyntheticReceipt, type SyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { SYNTHETIC_MODEL } from '@ogong/testing/synthetic/synthetic-reply';
import { runTamperProbes } from './claims/tamper-probes.ts';
import type {
  Account,
  AskedReply,
  Books,
  Member,
  MoneyRecord,
  ReachRecord,
  RunRecord,
  SlashRecord,
  SplitRecord,
} from './run-record.ts';

const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const address = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;

const ledger = { chainId: 31_337n, verifyingContract: fill(0xe5, 20) };
const payer = createNodeLedgerSigner(fill(1));
const routerAddress = fill(0xa1, 20);
const shares = {
  ...{ routerBps: 100, validatorBps: 100, verificationBps: 100, treasuryBps: 100, licenseBps: 2, recycleBps: 0 },
};
/** Atomic units of each of four validators. */
const BOND = 100n;
const pricePer1kAtomic = 2_000_003n;

const routerKey = createNodeHybridSigner(fill(9, 64));
const providerKeys = [2, 3, 4, 5].map((seed) => createNodeHybridSigner(fill(seed, 64)));
const providerIds = providerKeys.map(({ publicKey }) => hashHybridKey(crypto, publicKey));
const payees = [fill(0xc1, 20), fill(0xc2, 20), fill(0xc3, 20), fill(0xc4, 20)];
const cheatIndex = 3;
/** The number of the reply that came through a relay. */
const RELAYED = 6;
const served = [0, 1, 2, 0, 1, 2].map((provider, i) => createReply(i + 1, provider));
const [first] = served as [Served];
const caught = createReply(7, cheatIndex);
/** The receipt of the relayed reply names the beacon's key as well. */
const { trust, nowMs } = served[RELAYED - 1] as Served;
const modelRoot = caught.order.modelRoot;
const validatorAddresses = trust.validators.map((validator) => validator.address);

/**
 * A complete run without processes, for the tests of the claims: real receipts, a real log, correct sums. Every claim holds on
 * it, so a claim fails only because of the fault that a test injects.
 */
export async function createSyntheticRun(): Promise<RunRecord> {
  const log = createLog([...served, caught]);
  const owed = log.entries.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n);
  const lines = payees.flatMap((payee) => {
    const grossAtomic = log.entries
      .filter((entry) => equalBytes(entry.payee, payee))
      .reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n);
    return grossAtomic === 0n
      ? []
      : [{ provider: address(payee), router: address(routerAddress), grossAtomic, fineAtomic: 0n }];
  });
  const cheatId = toHex(providerIds[cheatIndex] as Uint8Array);
  const members = createMembers();
  const signers = members.flatMap(({ name, address: of, bondAtomic }) =>
    bondAtomic === undefined ? [] : [{ name, address: of, bondAtomic }],
  );
  return {
    crypto,
    trust,
    cheat: 'prefill',
    members,
    replies: [
      ...served.map(({ asked }) => asked),
      { ...caught.asked, number: 5, receipts: undefined, error: 'ogong_check_failed' },
    ],
    probes: await runTamperProbes(crypto, trust, { ...first.asked, receipt: first.receipt }),
    cheatProof: {
      replyId: toHex(caught.order.replyId),
      recordBytes: caught.receipt.record.bytes,
      isSignedByCheat: true,
      stage1: [{ id: 'draw-replay', status: 'fail', detail: 'position 3: the key draws another token' }],
      stage2: {
        outcome: 'accept',
        checks: [{ id: 'equality', status: 'pass', detail: FALLBACK_THRESHOLDS.source }],
        comparison: undefined,
      },
    },
    logs: [log],
    settlements: [
      {
        transaction: '0xaa',
        validator: 'validator-1',
        sequence: 1n,
        logLength: BigInt(log.entries.length),
        replies: served.length,
        signers: signers.slice(0, 3),
        totalBondAtomic: 4n * BOND,
        debits: [{ payer: address(payer.address), amountAtomic: owed }],
        lines,
        tallies: [{ payee: address(payees[0] as Uint8Array), credits: served.length + 1 }],
        cosignedAtomic: 0n,
        blockNumber: 40,
      },
    ],
    ejections: [{ providerId: cheatId, validator: address(validatorAddresses[0] as Uint8Array), transaction: '0xbb' }],
    money: createMoney(),
    slash: createSlash(),
    split: createSplit(),
    books: createBooks(owed, lines),
    shares,
    firstAfterEjection: 6,
    chaos: {
      killed: ['validator-1', 'validator-2'],
      aliveBondAtomic: 21n,
      totalBondAtomic: 46n,
      downSinceMs: 1_700_000_000_500,
      firstBlock: 20,
      lastBlock: 30,
      answered: [2, 3],
    },
    failover: {
      ...{ killed: 'provider-2', killedId: toHex(providerIds[1] as Uint8Array) },
      ...{ number: 1, shownBytes: 3, signedBytes: 0 },
      shown: utf8Decode(first.asked.response.subarray(0, 3)),
    },
    reach: createReach(served[5] as Served),
    tests: DRAW_KINDS.map((kind) => ({
      ...{ validator: 'validator-1', kind },
      ...{ checks: [pass('tests', '2 tests were drawn')], tests: createTests(cheatId) },
    })),
    nowMs,
  };
}

/** Two bytes streams as a relay has them, and a ticket by latency for the same reply. */
function createReach({ asked, receipt, provider }: Served): ReachRecord {
  const line = crypto.sha256(fill(1));
  const candidates = encodeCandidates({
    modelId: SYNTHETIC_MODEL,
    asked: { sort: 'latency', maxPricePer1kAtomic: pricePer1kAtomic, contextSize: 100, minHeldTokens: 0n },
    candidates: [
      {
        ...{ providerId: providerIds[provider] as Uint8Array, payee: payees[provider] as Uint8Array },
        ...{ pricePer1kAtomic, contextSize: 4096, stakeTokens: 1_000n, heldTokens: 10n, reputationPpm: 500_000 },
        figures: { latencyMs: 80, milliTokensPerSecond: 9_000 },
      },
    ],
  });
  const ticket = { ...parseTicket(receipt.ticket.bytes), candidatesHash: crypto.sha256(candidates) };
  return {
    relayed: {
      ...{ number: asked.number, providerId: toHex(providerIds[provider] as Uint8Array) },
      line: concatBytes(...Array.from({ length: 100 }, () => line)),
      inside: concatBytes(line, utf8Encode('ogong-sealed-request-v1\n'), line),
    },
    fastest: { number: asked.number, ticket: signTicket(routerKey, ticket), candidates },
  };
}

/** An honest provider answered, the cheat did not. */
const createTests = (cheatId: string): Test[] => [
  { epoch: 3n, providerId: providerIds[0] as Uint8Array, modelRoot, arrival: 0, isMissed: false },
  { epoch: 4n, providerId: fromHex(cheatId), modelRoot, arrival: 0, isMissed: true },
];

interface Served {
  readonly asked: AskedReply;
  readonly receipt: Receipt;
  readonly order: NamedOrder;
  readonly provider: number;
  readonly feeAtomic: bigint;
  readonly trust: SyntheticReceipt['trust'];
  readonly nowMs: number;
}

/** The order of the relayed reply is of an epoch of the beacon's key, that of any other reply of the first epoch. */
function createReply(number: number, provider: number): Served {
  const prompt = `Once upon a time ${number}`;
  const { receipt, reply, trust, nowMs } = createSyntheticReceipt({
    ...{ crypto, provider: providerKeys[provider] as HybridSigner, router: routerKey, payer, ledger },
    ...(number === RELAYED
      ? { isThreshold: true, bendTicket: (ticket) => ({ ...ticket, providerEndpoint: 'relay/127.0.0.1:4547' }) }
      : { isGenesis: true }),
    text: `story ${number} of a heron`,
    parameters: { messages: [{ role: 'user', content: prompt }] },
    bend: {
      order: (order) => ({
        ...{ ...order, nonce: fill(number), payee: payees[provider] as Uint8Array },
        ...{ router: routerAddress, pricePer1kAtomic },
      }),
    },
  });
  const { order, request, response, header, openingBytes: fetched } = reply;
  const compact = { ...receipt, opening: { url: '/v1/receipts/x/opening' } };
  return {
    ...{ receipt, order, provider, trust, nowMs },
    feeAtomic: computeReplyFee(order, boundTextTokens(parseRequest(request, 'chat')), header),
    asked: {
      ...{ number, prompt, isStreamed: false, request, response, error: undefined },
      ...{ receipts: { full: receipt, compact, fetched }, firstTextMs: undefined, durationMs: 1 },
    },
  };
}

function createLog(replies: readonly Served[]) {
  const validator = validatorAddresses[0] as Uint8Array;
  const from = computeGenesisPosition(crypto, { chainId: ledger.chainId, settlement: trust.settlement, validator });
  const bytes: Uint8Array[] = [];
  const entries: VerdictEntry[] = [];
  let position = from;
  for (const { order, receipt, provider, feeAtomic } of replies) {
    const isCaught = provider === cheatIndex;
    const appended = appendVerdict(crypto, position, {
      replyId: order.replyId,
      recordHash: crypto.sha256(receipt.record.bytes),
      providerId: order.providerId,
      payee: payees[provider] as Uint8Array,
      verdict: isCaught ? 'reject' : 'accept',
      evidence: isCaught ? 'exact' : 'statistical',
      feeAtomic: isCaught ? 0n : feeAtomic,
      fineAtomic: 0n,
      payer: order.payer,
      router: order.router,
      verifiers: [
        { verifierId: providerIds[0] as Uint8Array, payee: payees[0] as Uint8Array, outcome: 'credited', tokens: 12 },
      ],
      beaconEpoch: 1n,
      evidenceHash: fill(0xef),
      step: 'reply',
      eValuePpm: isCaught ? 45_000_000 : 102_040,
      ejects: isCaught,
      timeMs: 1_700_000_001_000,
    });
    bytes.push(appended.bytes);
    entries.push(appended.entry);
    position = appended.position;
  }
  const { checks } = verifyChain(crypto, { from, entries: bytes, expected: position });
  return { validator: 'validator-1', checks, isAnchored: true, entries };
}

/** One tally of 100 recycled units. 70 of its 80 units belong to the first provider, which claims. The payer withdraws. */
function createMoney(): MoneyRecord {
  const entries = [
    { account: address(payees[0] as Uint8Array), units: 70n },
    { account: address(validatorAddresses[0] as Uint8Array), units: 10n },
  ];
  const root = address(fill(0x77));
  return {
    recycledAtomic: 100n,
    tallies: [{ number: 0, root, computedRoot: root, units: 80n, budgetAtomic: 72n, recycledAtomic: 100n, entries }],
    claimant: {
      ...{ name: 'provider-1', address: address(payees[0] as Uint8Array), creditAtomic: 5n, claimedAtomic: 68n },
      refused: { more: 'NotInTally', again: 'ClaimedAlready' },
    },
    withdrawal: { name: 'gateway', freeAtomic: 900n, withdrawnAtomic: 900n, more: 'InsufficientFree' },
  };
}

/** The last validator called an honest reply forged: a tenth of its bond, a quarter of that for the reporter. */
function createSlash(): SlashRecord {
  return {
    ...{
      accused: 'validator-4',
      signers: ['validator-1', 'validator-2', 'validator-3'],
      replyId: toHex(fill(0x21, 16)),
    },
    checks: [pass('receipt', 'the receipt of the reply passes')],
    heldAtomic: 100n,
    answers: { alone: 'NoQuorum', convicted: 'taken', again: 'ConvictedAlready', closed: 'taken' },
    before: { bondAtomic: 1_000n, treasuryAtomic: 7n, reporterAtomic: 0n },
    after: { bondAtomic: 900n, treasuryAtomic: 82n, reporterAtomic: 25n },
  };
}

/** Three shards of a fee of 100, and a batch that gives the second one a unit more. */
function createSplit(): SplitRecord {
  const { before: books } = createBooks(0n, []);
  return {
    feeAtomic: 100n,
    shards: [
      { name: 'provider-1', amountAtomic: 33n, askedAtomic: 33n },
      { name: 'provider-2', amountAtomic: 37n, askedAtomic: 38n },
      { name: 'provider-3', amountAtomic: 30n, askedAtomic: 30n },
    ],
    answers: { builder: 'malformed', refused: 'Unbalanced', conserving: 'taken' },
    ...{ before: books, after: books },
  };
}

function createMembers(): Member[] {
  const shareHolders = ['verification', 'treasury', 'license'] as const;
  return [
    ...providerIds.map((id, i) => ({
      name: `provider-${i + 1}`,
      role: 'provider' as const,
      address: address(payees[i] as Uint8Array),
      providerId: toHex(id),
      isCheat: i === cheatIndex,
    })),
    ...validatorAddresses.map((bytes, i) => ({
      name: `validator-${i + 1}`,
      role: 'validator' as const,
      address: address(bytes),
      isCheat: false,
      bondAtomic: BOND,
    })),
    ...shareHolders.map((role, i) => ({ name: role, role, address: address(fill(0xd1 + i, 20)), isCheat: false })),
    { name: 'router', role: 'router', address: address(routerAddress), isCheat: false },
    { name: 'gateway', role: 'payer', address: address(payer.address), isCheat: false },
  ];
}

function createBooks(
  owed: bigint,
  lines: readonly { provider: string; grossAtomic: bigint }[],
): { before: Books; after: Books } {
  const deposit = 1_000_000_000n;
  const credits = new Map<string, bigint>();
  const credit = (to: string, amount: bigint): unknown => credits.set(to, (credits.get(to) ?? 0n) + amount);
  let judged = 0n;
  for (const { provider, grossAtomic } of lines) {
    const split = splitFee(grossAtomic, shares);
    judged += split.validator;
    credit(provider, split.provider);
    credit(address(routerAddress), split.router);
    // The first provider's verifier earned all of it.
    credit(address(payees[0] as Uint8Array), split.verification);
    credit(address(fill(0xd2, 20)), split.treasury);
    credit(address(fill(0xd3, 20)), split.license);
  }
  const { handler, others } = splitJudged(judged);
  credit(address(validatorAddresses[0] as Uint8Array), handler);
  // Without a roster the verification recipient gets the part of the co-signers.
  credit(address(fill(0xd1, 20)), others);
  const account = (of: string, isAfter: boolean): Account => {
    const isPayer = of === address(payer.address);
    return {
      address: of,
      tokensAtomic: 0n,
      freeAtomic: 0n,
      reservedAtomic: isPayer ? deposit - (isAfter ? owed : 0n) : 0n,
      spentAtomic: isPayer && isAfter ? owed : 0n,
      creditAtomic: isAfter ? (credits.get(of) ?? 0n) : 0n,
      heldAtomic: isAfter && of === lines[0]?.provider ? (credits.get(of) ?? 0n) : 0n,
    };
  };
  const books = (isAfter: boolean): Books => ({
    supplyAtomic: 5n * deposit,
    escrowTokensAtomic: deposit,
    heldUntilS: 1_750_000_060,
    accounts: createMembers().map((member) => account(member.address, isAfter)),
  });
  return { before: books(false), after: books(true) };
}
