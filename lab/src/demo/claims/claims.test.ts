import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { concatBytes, equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { fail, pass } from '@ogong/protocol/base/checks';
import { type CandidateList, encodeCandidates, parseCandidates } from '@ogong/protocol/exchange/match';
import { NO_FIGURES } from '@ogong/protocol/exchange/preference';
import { parseTicket, signTicket } from '@ogong/protocol/exchange/ticket';
import { describe, expect, it } from 'vitest';
import type { Account, MintRecord, ProviderTests, RunRecord } from '../run-record.ts';
import { createSyntheticRun } from '../synthetic-run.ts';
import { type DemoClaim, evaluateClaims } from './claims.ts';

const run = await createSyntheticRun();
const failing = async (broken: RunRecord): Promise<string[]> =>
  (await evaluateClaims(broken)).filter(({ ok }) => !ok).map(({ id }) => id);
const find = (claims: readonly DemoClaim[], id: string): DemoClaim =>
  claims.find((claim) => claim.id === id) as DemoClaim;

const first = run.replies[0]!;
const receipts = first.receipts!;
const { stage2 } = run.cheatProof!;
const log = run.logs[0]!;
const batch = run.settlements[0]!;
const caughtAt = log.entries.findIndex(({ verdict }) => verdict === 'reject');
const withLog = (change: object): RunRecord => ({ ...run, logs: [{ ...log, ...change }] });
const withEntry = (at: number, change: object): RunRecord =>
  withLog({ entries: log.entries.map((entry, i) => (i === at ? { ...entry, ...change } : entry)) });
const withReply = (at: number, change: object): RunRecord => ({
  ...run,
  replies: run.replies.map((reply, i) => (i === at ? { ...reply, ...change } : reply)),
});
const withReceipts = (change: object): RunRecord => withReply(0, { receipts: { ...receipts, ...change } });
const withProof = (change: object): RunRecord => ({ ...run, cheatProof: { ...run.cheatProof!, ...change } });
const withProbe = (change: object): RunRecord => ({
  ...run,
  probes: [{ what: 'a byte', expected: 'draw-replay', failed: [], ...change }],
});
const withAfter = (change: object): RunRecord => ({
  ...run,
  books: { ...run.books, after: { ...run.books.after, ...change } },
});
const withChaos = (change: object): RunRecord => ({ ...run, chaos: { ...run.chaos!, ...change } });
const withBatch = (change: object): RunRecord => ({ ...run, settlements: [{ ...batch, ...change }] });
const withFailover = (change: object): RunRecord => ({ ...run, failover: { ...run.failover!, ...change } });
const withAccount = (role: string, change: (account: Account) => Partial<Account>): RunRecord => {
  const { address } = run.members.find((member) => member.role === role)!;
  const accounts = run.books.after.accounts.map((account) =>
    account.address === address ? { ...account, ...change(account) } : account,
  );
  return withAfter({ accounts });
};
const [drawn, timed] = run.tests as [ProviderTests, ProviderTests];
const withTests = (change: object): RunRecord => ({ ...run, tests: [{ ...drawn, ...change }, timed] });
const withTimed = (change: object): RunRecord => ({ ...run, tests: [drawn, { ...timed, ...change }] });
const { relayed, fastest } = run.reach!;
const withRelayed = (change: object): RunRecord => ({ ...run, reach: { fastest, relayed: { ...relayed, ...change } } });
const withFastest = (change: object): RunRecord => ({ ...run, reach: { relayed, fastest: { ...fastest, ...change } } });
/** The router's list with another content, signed by it as if it were the one. */
const listAgain = (change: (list: CandidateList) => CandidateList): RunRecord => {
  const candidates = encodeCandidates(change(parseCandidates(fastest.candidates)));
  const ticket = { ...parseTicket(fastest.ticket.ticket), candidatesHash: run.crypto.sha256(candidates) };
  return withFastest({ candidates, ticket: signTicket(createNodeHybridSigner(new Uint8Array(64).fill(9)), ticket) });
};
const withCandidates = (change: object): RunRecord =>
  listAgain((list) => ({ ...list, candidates: list.candidates.map((one) => ({ ...one, ...change })) }));
const secret = run.replies.find(({ number }) => number === relayed.number)!;
const missed = (arrival: number) => ({ ...drawn.tests[0]!, epoch: 9n, arrival, isMissed: true });
const money = run.money!;
const DOLLAR = 10n ** 18n;
const withTally = (change: object): RunRecord => ({
  ...run,
  money: { ...money, tallies: [{ ...money.tallies[0]!, ...change }] },
});
const withClaimant = (change: object): RunRecord => ({
  ...run,
  money: { ...money, claimant: { ...money.claimant!, ...change } },
});
const withWithdrawal = (change: object): RunRecord => ({
  ...run,
  money: { ...money, withdrawal: { ...money.withdrawal, ...change } },
});
const slash = run.slash!;
const withSlash = (change: object): RunRecord => ({ ...run, slash: { ...slash, ...change } });
const withVerdictOf = (change: object): RunRecord => withSlash({ answers: { ...slash.answers, ...change } });
const split = run.split!;
const withSplit = (change: object): RunRecord => ({ ...run, split: { ...split, ...change } });
const [rich, ...others] = split.after.accounts;
const withSplitAccounts = (accounts: readonly object[]): RunRecord =>
  withSplit({ after: { ...split.after, accounts } });
const withSplitAnswer = (change: object): RunRecord => withSplit({ answers: { ...split.answers, ...change } });
const spent: MintRecord = {
  pricesPosted: 2,
  epoch: {
    number: 9,
    dollars: 100n * DOLLAR,
    burnedAtomic: 1_010n * DOLLAR,
    mintedAtomic: 950n * DOLLAR,
    highPrice: DOLLAR / 10n,
  },
  claimant: {
    ...{ name: 'provider-1', dollars: 75n * DOLLAR, paidStable: 71_000_000n, leastStable: 70_537_500n },
    refused: { again: 'NothingToClaim', early: 'NotClosed' },
  },
  withdrawal: money.withdrawal,
};
const withMint = (change: Partial<MintRecord> = {}): RunRecord => ({
  ...run,
  money: undefined,
  mint: { ...spent, ...change },
});
const withEpoch = (change: object): RunRecord => withMint({ epoch: { ...spent.epoch!, ...change } });
const withPayee = (change: object): RunRecord => withMint({ claimant: { ...spent.claimant!, ...change } });
const flipLast = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

/** The epoch stands behind the tag and the generation. */
const flipEpoch = (certificate: Uint8Array): Uint8Array =>
  Uint8Array.from(certificate, (byte, i) => (i === certificate.length - 97 ? byte ^ 1 : byte));
/** The key with the other sign of its y. */
const negate = (key: Uint8Array): Uint8Array => Uint8Array.from(key, (byte, i) => (i === 0 ? byte ^ 0x20 : byte));

describe('claims of the demo', () => {
  it('all hold on a run without faults', async () => {
    const claims = await evaluateClaims(run);
    expect(claims.filter(({ ok }) => !ok)).toEqual([]);
    expect(claims.map(({ id }) => id).join(' ')).toBe(
      'receipts tampering beacon cheat-prefill ejection refunds honest-paid quorum conservation tests failover relayed ' +
        'sealed fastest below-quorum exactly-once emission withdrawal bad-split slash',
    );
  });

  it('leave out a cheat, a crash, a relay or a key of the beacon that the run lacks', async () => {
    const { generations: _, ...bootstrap } = run.trust;
    const ids = (
      await evaluateClaims({
        ...run,
        ...{ trust: bootstrap, cheat: 'none', chaos: undefined, reach: undefined, failover: undefined },
        ...{ money: undefined, slash: undefined, split: undefined },
      })
    ).map(({ id }) => id);
    expect(ids).toEqual(['receipts', 'tampering', 'refunds', 'honest-paid', 'quorum', 'conservation', 'tests']);
  });

  it('are about prices and minting where the network burns and mints', async () => {
    const claims = await evaluateClaims(withMint());
    expect(claims.filter(({ ok }) => !ok)).toEqual([]);
    expect(claims.map(({ id }) => id).filter((id) => /mint|emission|withdrawal/.test(id))).toEqual([
      'mint',
      'withdrawal',
    ]);
  });

  const [key] = run.trust.generations as [NonNullable<RunRecord['trust']['generations']>[number]];
  const withKey = (change: object): RunRecord => ({
    ...run,
    trust: { ...run.trust, generations: [{ ...key, ...change }] },
  });
  const signed = run.replies.findIndex(({ receipts: of }) => of && of.full.beacon.length > 0);
  const signedReceipts = run.replies[signed]!.receipts!;
  const withCertificate = (beacon: Uint8Array): RunRecord =>
    withReply(signed, { receipts: { ...signedReceipts, full: { ...signedReceipts.full, beacon } } });
  const broken: [string, string, RunRecord][] = [
    ['beacon', 'no answer under the key', withCertificate(new Uint8Array(0))],
    ['beacon', 'a signature of another message', withCertificate(flipEpoch(signedReceipts.full.beacon))],
    ['beacon', 'another key than the chain lists', withKey({ key: negate(key.key) })],
    ['beacon', 'a key that counts later', withKey({ firstEpoch: key.firstEpoch + 1_000n })],
    ['beacon', 'a generation that the chain does not list', withKey({ generation: 2 })],
    ['slash', 'a lie that settles under one signature', withVerdictOf({ alone: 'taken' })],
    ['slash', 'a conviction that the chain refuses', withVerdictOf({ convicted: 'NoQuorum' })],
    ['slash', 'two convictions on one day', withVerdictOf({ again: 'taken' })],
    ['slash', 'a case that does not end', withVerdictOf({ closed: 'TooEarly' })],
    ['slash', 'a bond that keeps what was taken', withSlash({ after: { ...slash.after, bondAtomic: 1_000n } })],
    ['slash', 'a case that takes more than a tenth', withSlash({ heldAtomic: 101n })],
    ['slash', 'a case that takes nothing', withSlash({ heldAtomic: 0n, after: slash.before })],
    ['slash', 'a reporter without its share', withSlash({ after: { ...slash.after, reporterAtomic: 0n } })],
    ['slash', 'money of a case that reaches no account', withSlash({ after: { ...slash.after, treasuryAtomic: 81n } })],
    ['slash', 'evidence that does not convict', withSlash({ checks: [fail('receipt', 'does not pass')] })],
    ['slash', 'evidence that no validator checked', withSlash({ checks: [] })],
    ['slash', 'an accused that signs its own conviction', withSlash({ signers: [slash.accused] })],
    ['bad-split', 'a split that the contract takes', withSplitAnswer({ refused: 'taken' })],
    ['bad-split', 'a builder that makes its lines', withSplitAnswer({ builder: 'built' })],
    ['bad-split', 'another reason for the refusal', withSplitAnswer({ conserving: 'BadPayerSignature' })],
    [
      'bad-split',
      'a split that does conserve',
      withSplit({ shards: split.shards.map((one) => ({ ...one, askedAtomic: one.amountAtomic })) }),
    ],
    ['bad-split', 'shards that do not sum to the fee', withSplit({ feeAtomic: 101n })],
    ['bad-split', 'a balance that changed', withSplitAccounts([{ ...rich, creditAtomic: 1n }, ...others])],
    ['bad-split', 'an account that is gone', withSplitAccounts([])],
    ['emission', 'a tally that the events do not have', withTally({ computedRoot: '0x88' })],
    ['emission', 'units that no account has', withTally({ entries: money.tallies[0]!.entries.slice(0, 1) })],
    ['emission', 'more given than nine tenths of what was recycled', withTally({ budgetAtomic: 91n })],
    ['emission', 'work that no tally has', { ...run, money: { ...money, recycledAtomic: 101n } }],
    ['emission', 'no tally', { ...run, money: { ...money, tallies: [] } }],
    ['emission', 'a claim that pays too much', withClaimant({ claimedAtomic: 69n })],
    [
      'emission',
      'a claim of more units that is paid',
      withClaimant({ refused: { more: 'taken', again: 'ClaimedAlready' } }),
    ],
    ['emission', 'a claim that is paid twice', withClaimant({ refused: { more: 'NotInTally', again: 'taken' } })],
    ['mint', 'no price of a daemon', withMint({ pricesPosted: 0 })],
    ['mint', 'an epoch that is not closed', withMint({ epoch: undefined })],
    ['mint', 'an epoch that mints nothing', withEpoch({ mintedAtomic: 0n })],
    ['mint', 'more minted than 0.95 of what was burned', withEpoch({ burnedAtomic: 999n * DOLLAR })],
    ['mint', 'more minted than 0.95 of the dollars', withEpoch({ dollars: 99n * DOLLAR })],
    ['mint', 'no claimant', withMint({ claimant: undefined })],
    ['mint', 'a claimant that earned nothing', withPayee({ dollars: 0n })],
    ['mint', 'a sale below the bound', withPayee({ paidStable: 70_537_499n })],
    ['mint', 'a claim that is paid twice', withPayee({ refused: { again: 'taken', early: 'NotClosed' } })],
    ['mint', 'a claim before the epoch is over', withPayee({ refused: { again: 'NothingToClaim', early: 'taken' } })],
    ['withdrawal', 'too little of the credits', withMint({ withdrawal: { ...money.withdrawal, withdrawnAtomic: 1n } })],
    ['withdrawal', 'a withdrawal that pays less', withWithdrawal({ withdrawnAtomic: 899n })],
    ['withdrawal', 'a unit more that is paid', withWithdrawal({ more: 'taken' })],
    ['withdrawal', 'nothing to withdraw', withWithdrawal({ freeAtomic: 0n, withdrawnAtomic: 0n })],
    ['receipts', 'an answer that differs from what was signed', withReply(0, { response: flipLast(first.response) })],
    ['receipts', 'an answer without a receipt', withReply(6, { error: undefined })],
    ['receipts', 'a full receipt without its opening', withReceipts({ full: receipts.compact })],
    ['receipts', 'a compact receipt that names no address', withReceipts({ compact: receipts.full })],
    ['receipts', 'a model root that is not published', { ...run, trust: { ...run.trust, modelRoots: {} } }],
    ['receipts', 'an address that serves another opening', withReceipts({ fetched: new Uint8Array(8) })],
    ['tampering', 'a change that goes unnoticed', withProbe({})],
    ['tampering', 'a change that only another check notices', withProbe({ expected: 'ticket', failed: ['format'] })],
    ['tampering', 'no change tried', { ...run, probes: [] }],
    [
      'cheat-prefill',
      'a reply of the cheat that is accepted',
      withEntry(0, { providerId: log.entries[caughtAt]!.providerId }),
    ],
    ['cheat-prefill', 'a record that the log does not name', withEntry(caughtAt, { recordHash: new Uint8Array(32) })],
    ['cheat-prefill', 'a proof that is missing', { ...run, cheatProof: undefined }],
    ['cheat-prefill', 'values that stage 2 rejects by itself', withProof({ stage2: { ...stage2, outcome: 'reject' } })],
    ['cheat-prefill', 'draws that replay', withProof({ stage1: [pass('draw-replay', '')] })],
    ['cheat-prefill', 'a record that another key signed', withProof({ isSignedByCheat: false })],
    ['ejection', 'no ejection on the chain', { ...run, ejections: [] }],
    ['ejection', 'a verdict log without it', withEntry(caughtAt, { ejects: false })],
    ['ejection', 'a later request that fails', withReply(5, { receipts: undefined, error: 'no provider' })],
    ['ejection', 'no later request', { ...run, firstAfterEjection: 100 }],
    ['refunds', 'a fee for a rejected reply', withEntry(caughtAt, { feeAtomic: 1n })],
    [
      'refunds',
      'one unit more drawn than owed',
      withAccount('payer', ({ spentAtomic }) => ({ spentAtomic: spentAtomic + 1n })),
    ],
    ['refunds', 'a log that the chain does not know', withLog({ isAnchored: false })],
    [
      'honest-paid',
      'an honest provider that is ejected',
      { ...run, ejections: [...run.ejections, { ...run.ejections[0]!, providerId: run.members[0]!.providerId! }] },
    ],
    ['honest-paid', 'an honest reply that is rejected', withEntry(0, { verdict: 'reject' })],
    ['refunds', 'no verdict', { ...run, logs: [] }],
    ['honest-paid', 'nothing paid', withBatch({ lines: [] })],
    [
      'honest-paid',
      'one unit less credited',
      withAccount('provider', ({ creditAtomic }) => ({ creditAtomic: creditAtomic - 1n })),
    ],
    ['quorum', 'two thirds and not more', withBatch({ totalBondAtomic: 450n })],
    ['quorum', 'a signer counted twice', withBatch({ signers: [...batch.signers, batch.signers[0]!] })],
    ['quorum', 'no batch at all', { ...run, settlements: [] }],
    [
      'conservation',
      'a debit that no share explains',
      withBatch({ debits: [{ ...batch.debits[0]!, amountAtomic: batch.debits[0]!.amountAtomic + 1n }] }),
    ],
    [
      'conservation',
      'one unit in a wrong account',
      withAccount('treasury', ({ creditAtomic }) => ({ creditAtomic: creditAtomic + 1n })),
    ],
    [
      'conservation',
      "the co-signers' part, which no roster names, anywhere but with verification",
      withAccount('verification', ({ creditAtomic }) => ({ creditAtomic: creditAtomic - 1n })),
    ],
    ['conservation', "a pot that is not the co-signers' part", withBatch({ cosignedAtomic: 1n })],
    ['conservation', 'tokens from nowhere', withAfter({ supplyAtomic: 1n })],
    ['conservation', 'an escrow that holds less than it owes', withAfter({ escrowTokensAtomic: 1n })],
    ['tests', 'a test that was not drawn', withTests({ checks: [fail('tests', 'it was not drawn')], tests: [] })],
    ['tests', 'no test that was answered', withTests({ tests: drawn.tests.slice(1) })],
    ['tests', 'no job with a deadline that was done', withTimed({ tests: timed.tests.slice(1) })],
    ['tests', 'a job that was not drawn', withTimed({ checks: [fail('tests', 'it was not drawn')], tests: [] })],
    [
      'tests',
      'an honest provider that answers no test',
      { ...withTests({ tests: [...drawn.tests, missed(0), missed(1)] }), chaos: undefined },
    ],
    ['failover', 'no answer that was cut off', withFailover({ shownBytes: 0 })],
    ['failover', 'an answer that the killed provider signed', withFailover({ number: 2 })],
    [
      'failover',
      'an answer that ends where its provider was killed',
      withFailover({ shownBytes: first.response.length, shown: new TextDecoder().decode(first.response) }),
    ],
    ['failover', 'an answer that does not begin with the shown text', withFailover({ shown: '???' })],
    ['failover', 'a shown text that is shorter than its length', withFailover({ shown: '' })],
    ['failover', 'a request without an answer', withFailover({ number: 99 })],
    ['relayed', 'a reply by another provider', withRelayed({ providerId: '00'.repeat(32) })],
    ['relayed', 'a reply over a direct way', withRelayed({ number: 1, providerId: run.members[0]!.providerId! })],
    ['relayed', 'a relay without traffic', withRelayed({ line: new Uint8Array(500) })],
    ['relayed', 'no answer', withRelayed({ number: 100 })],
    ['sealed', 'a prompt on the line', withRelayed({ line: concatBytes(relayed.line, utf8Encode(secret.prompt)) })],
    ['sealed', 'a prompt within TLS', withRelayed({ inside: concatBytes(relayed.inside, utf8Encode(secret.prompt)) })],
    ['sealed', 'an answer within TLS', withRelayed({ inside: concatBytes(relayed.inside, secret.response) })],
    ['sealed', 'nothing sealed', withRelayed({ inside: relayed.line })],
    ['sealed', 'no answer', withRelayed({ number: 100 })],
    ['fastest', 'a list that the ticket does not name', withFastest({ candidates: flipLast(fastest.candidates) })],
    ['fastest', 'another order', listAgain((list) => ({ ...list, asked: { ...list.asked, sort: 'price' } }))],
    ['fastest', 'no provider measured', withCandidates({ figures: NO_FIGURES })],
    ['fastest', 'a list in which another provider is drawn', withCandidates({ providerId: new Uint8Array(32) })],
    [
      'fastest',
      'a ticket of another router',
      withFastest({
        ticket: signTicket(createNodeHybridSigner(new Uint8Array(64).fill(8)), parseTicket(fastest.ticket.ticket)),
      }),
    ],
    ['fastest', 'no answer', withFastest({ number: 100 })],
    ['below-quorum', 'a batch in the meantime', withBatch({ blockNumber: 25 })],
    ['below-quorum', 'enough validators left', withChaos({ aliveBondAtomic: 31n })],
    ['below-quorum', 'nothing served in the meantime', withChaos({ answered: [] })],
    ['exactly-once', 'a reply in two log entries', withLog({ entries: [...log.entries, log.entries[0]!] })],
    ['exactly-once', 'an answer that never settled', withLog({ entries: log.entries.slice(1) })],
    ['exactly-once', 'a sequence settled twice', { ...run, settlements: [batch, batch] }],
  ];
  it.each(broken)('%s: false on %s', async (id, _what, record) => {
    expect(await evaluateClaims(record, id)).toMatchObject([{ id, ok: false }]);
  });

  it('accept a batch of earlier verdicts that is mined without a quorum', async () => {
    const downSinceMs = Math.max(...log.entries.map(({ timeMs }) => timeMs));
    const late = { ...withBatch({ blockNumber: 25 }), chaos: { ...run.chaos!, downSinceMs } };
    const judge = async (chaos: RunRecord['chaos']) =>
      (await evaluateClaims({ ...late, chaos }, 'below-quorum'))[0]?.ok;
    expect([await judge(late.chaos), await judge({ ...late.chaos, downSinceMs: downSinceMs - 1 })]).toEqual([
      true,
      false,
    ]);
  });

  it('decide about substitution by stage 2', async () => {
    const stages = { stage1: [pass('draw-replay', '')], stage2: { ...stage2, outcome: 'reject' } };
    const substituted: RunRecord = { ...withProof(stages), cheat: 'substitute' };
    expect(find(await evaluateClaims(substituted), 'cheat-substitute').ok).toBe(true);
    expect(await failing({ ...run, cheat: 'substitute' })).toContain('cheat-substitute');
  });

  it('probe every leaf of an answer', () => {
    const leaves = run.probes.filter(({ what }) => what.includes('leaf'));
    expect(leaves.map(({ expected }) => expected)).toEqual(leaves.map(() => 'commitment-root'));
    // Header, and draws and sketch of two windows.
    expect(leaves).toHaveLength(5);
    expect(equalBytes(first.request, run.replies[0]!.request)).toBe(true);
  });
});
