import { KEY_MUTATIONS } from './key-mutations.ts';
import type { Mutation } from './mutation.ts';
import { LOW_ENTRANCE_ATOMIC } from './plan.ts';

const STEPS = 'packages/protocol/src/beacon/beacon-steps.ts';
const DRIVER = 'packages/validator/src/beacon/beacon-driver.ts';
const GUARD_OFF = {
  file: 'packages/validator/src/signer/signing-guard.ts',
  from: "else if (statement.kind === 'beacon-vote') guardVote(crypto, store, statement);",
  to: '',
};

const BEACON: readonly Mutation[] = [
  {
    name: 'half-is-a-quorum',
    meaning: 'half of the stake certifies',
    file: 'packages/protocol/src/crypto/quorum.ts',
    from: 'return 3n * signedStake > 2n * totalStake;',
    to: 'return 2n * signedStake >= totalStake;',
    given: { lie: 'twin' },
  },
  {
    name: 'forgets-durable-vote',
    meaning: 'a vote is not written before it is sent, and the signer keeps no notes',
    file: DRIVER,
    from: 'await group.write((store) => archive.putVote(store, action.vote));',
    to: '',
    also: [GUARD_OFF],
    given: { lie: 'two-minds', sieve: 0.8, epochMs: 1_000, faultsPerMinute: 60 },
  },
  {
    name: 'ignores-lock',
    meaning: 'a validator that has committed prepares another value without proof',
    file: STEPS,
    from: 'if (lock !== undefined && !isSameChoice(lock, choice) && (justify === undefined || justify.view < lock.view)) return;',
    to: '',
    given: { lie: 'two-minds', sieve: 0.8, epochMs: 1_000, faultsPerMinute: 0 },
  },
  {
    name: 'prepares-twice',
    meaning: 'a validator prepares two values in one view, and the signer keeps no notes',
    file: STEPS,
    from: 'if (state.vote !== undefined && state.vote.view === state.view && !isSameChoice(state.vote, choice)) return;',
    to: '',
    also: [GUARD_OFF],
    given: { lie: 'two-heads', sieve: 0.8, epochMs: 1_000 },
  },
  {
    name: 'never-changes-view',
    meaning: 'validators wait for a silent proposer without end',
    file: 'packages/protocol/src/beacon/beacon-machine.ts',
    from: 'if (nowMs - state.viewStartedMs >= patience) enterView(state, state.view + 1, nowMs);',
    to: '',
  },
  {
    name: 'waits-eightfold',
    meaning:
      'every view is waited for as long as the eighth: each epoch of a silent proposer comes 16 s late, and most epochs come',
    file: 'packages/protocol/src/beacon/beacon-machine.ts',
    from: 'state.options.viewTimeoutMs * Math.min(state.view + 1, MAX_PATIENCE)',
    to: 'state.options.viewTimeoutMs * MAX_PATIENCE',
    given: { lie: 'withholds', faultsPerMinute: 0 },
  },
  {
    name: 'never-repeats',
    meaning: 'a message that is lost is not sent again',
    file: 'packages/protocol/src/beacon/beacon-machine.ts',
    from: 'const isDue = nowMs - state.round.sentMs >= state.options.resendMs;',
    to: 'const isDue = false;',
  },
  {
    name: 'no-certificate-for-the-late',
    meaning: 'a validator that missed a certificate never gets it',
    file: 'packages/protocol/src/beacon/beacon-machine.ts',
    from: "if (certificate !== undefined) send(state, from, { kind: 'certificate', epoch: certificate.epoch, certificate });",
    to: '',
  },
];

const COSIGN = 'packages/validator/src/settlement/cosign/cosign.ts';
const NO_CHECK = {
  file: COSIGN,
  from: 'await checkEntry(state, batch.validator, entry, messages[i] as BatchEntry, balances.get(entry.index));',
  to: '',
};

const MONEY: readonly Mutation[] = [
  {
    name: 'cosigns-any-fee',
    meaning: 'co-signers check no entry, and a validator bills twice the fee',
    ...NO_CHECK,
    given: { lie: 'overcharges', faultsPerMinute: 0 },
  },
  {
    name: 'cosigns-any-payee',
    meaning: 'co-signers check no entry, and a validator has fees paid to itself',
    ...NO_CHECK,
    given: { lie: 'pays-itself', faultsPerMinute: 0 },
  },
  {
    name: 'cosigns-any-verdict',
    meaning: 'co-signers check no entry, and a validator rejects what was accepted',
    ...NO_CHECK,
    given: { lie: 'rejects-accepted', faultsPerMinute: 0 },
  },
  {
    name: 'pays-the-router-alone',
    meaning: 'every validator has the line of a reply pay its router in place of its payee',
    file: 'packages/protocol/src/settlement/batch.ts',
    from: '({ ...part, router: entry.router, modelRoot })',
    to: '({ ...part, payee: entry.router, router: entry.router, modelRoot })',
  },
  {
    name: 'credits-each-report-alike',
    meaning: 'every validator counts a token for a report, whatever its pass took',
    file: 'packages/protocol/src/settlement/batch.ts',
    from: "const tokens = outcome === 'credited' ? mark.tokens : 0;",
    to: "const tokens = outcome === 'credited' ? 1 : 0;",
  },
  {
    name: 'keeps-what-was-reserved',
    meaning: 'a gateway keeps the largest cost of an order reserved after it knows the real cost',
    file: 'packages/gateway/src/books/channel-ledger.ts',
    from: 'outstandingAtomic: channel.outstandingAtomic - row.maxFeeAtomic,',
    to: 'outstandingAtomic: channel.outstandingAtomic,',
    given: { liars: 0, faultsPerMinute: 0 },
  },
  {
    name: 'owes-twice-the-fee',
    meaning: 'every validator adds a fee to a debt twice',
    file: 'packages/protocol/src/settlement/batch.ts',
    from: '(debts.get(toHex(payer))?.amount ?? 0n) + feeAtomic }',
    to: '(debts.get(toHex(payer))?.amount ?? 0n) + 2n * feeAtomic }',
  },
  {
    name: 'forgets-a-lost-receipt',
    meaning: 'a batch that the chain took, and whose receipt was lost, is sent again for ever',
    file: 'packages/validator/src/settlement/settlement.ts',
    from: 'if (proposed && anchor.sequence >= proposed.sequence) {',
    to: 'if (proposed && anchor.sequence > proposed.sequence) {',
    given: { liars: 0, only: ['mute'], faultsPerMinute: 6 },
  },
  {
    name: 'judges-what-it-was-handed',
    meaning:
      'a record is audited that differs from the payer’s; payers’ statements are ignored, and payers hand over no opening',
    file: 'packages/validator/src/intake/accept-delivery.ts',
    from: 'if (other && !equalBytes(other.record, bound.record)) return { contradicts: other };',
    to: "if (other && !equalBytes(other.record, bound.record)) return { outcome: 'late' };",
    also: [
      {
        file: COSIGN,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it stands there so
        from: 'demand(delivery === undefined, `entry ${entry.index} is not about the record that the payer has`);',
        to: '',
      },
      {
        file: 'packages/gateway/src/gateway-books.ts',
        from: "if (stored === undefined || 'url' in stored.receipt.opening) return;",
        to: 'return;',
      },
    ],
    given: { lie: 'two-records', faultsPerMinute: 0 },
  },
  {
    name: 'never-sits-again',
    meaning: 'a reply that waits for an audit retry is never drawn again',
    file: 'packages/validator/src/store/audit-attempt-store.ts',
    from: 'wait_epoch <= ? ORDER BY',
    to: 'wait_epoch < 0 * ? ORDER BY',
    given: { lie: 'never-commits' },
  },
  {
    name: 'draws-nothing-of-payers',
    meaning: 'every validator finds that no payer can be drawn from',
    file: 'packages/validator/src/settlement/collect.ts',
    from: 'return amount <= admitted - spent && (await isCovered(payer, spent + amount));',
    to: 'return amount <= 0n && (await isCovered(payer, spent + amount));',
    given: { liars: 0, only: ['reorg'], faultsPerMinute: 8 },
  },
  {
    name: 'outbox-keeps-records',
    meaning: 'a provider never delivers its records',
    file: 'packages/provider/src/provider/provider.ts',
    from: '      state.outbox.start();',
    to: '',
  },
];

/** Bugs in access, in trust in statements, and in the position of a log. */
const ROLES: readonly Mutation[] = [
  {
    name: 'refuses-those-who-left',
    meaning: 'beacon messages of a validator that left the registry are refused, though an epoch counts on it',
    file: 'packages/validator/src/access.ts',
    from: 'if (method === BEACON_METHOD) return chain.recallByCertHash(peer) !== undefined;',
    to: 'if (method === BEACON_METHOD) return chain.findByCertHash(peer) !== undefined;',
    given: { gateways: 0, liars: 0, only: ['leave', 'loss', 'crash'], faultsPerMinute: 20 },
  },
  {
    name: 'rejects-on-one-word',
    meaning: 'one verifier alone has a reply rejected, while others could be asked',
    file: 'packages/protocol/src/verdict/audit-attempts-check.ts',
    from: 'const isLone = isAlone && (asked.length > 1 || hasOutsider(crypto, context, audit));',
    to: 'const isLone = false;',
    also: [
      {
        file: 'packages/protocol/src/verdict/report-combination.ts',
        from: 'wantsAnother: true,',
        to: 'wantsAnother: false,',
      },
    ],
    given: { lie: 'frames', faultsPerMinute: 0 },
  },
  {
    name: 'minds-no-difference',
    meaning: 'a reply is accepted whose values differ from the verifier’s in their exact class',
    file: 'packages/protocol/src/modality/text/adjudicate.ts',
    from: "const outcome = isRefuted() ? 'reject' : accepted;",
    to: 'const outcome = accepted;',
    given: { lie: 'substitute', faultsPerMinute: 0 },
  },
  {
    name: 'begins-where-it-began',
    meaning: 'a validator has its next batch begin where the last one began',
    file: 'packages/validator/src/store/batch-store.ts',
    from: 'SELECT to_position AS length FROM batches',
    to: 'SELECT from_position AS length FROM batches',
    given: { liars: 0, faultsPerMinute: 0 },
  },
  {
    name: 'gives-no-epoch-to-the-late',
    meaning: 'a validator that missed an epoch of the threshold beacon never gets its certificate',
    file: 'packages/protocol/src/beacon/threshold/epoch-machine.ts',
    from: "if (certificates.length > 0) send(to, { kind: 'certificates', certificates });",
    to: '',
    given: { gateways: 0, beacon: 'threshold', faultsPerMinute: 10 },
  },
];

const VALIDATOR_CHOICE = 'packages/gateway/src/buy/validator-choice.ts';
const COUNTS_NO_REFUSAL = { file: VALIDATOR_CHOICE, from: 'if (isChosen(address)) refused++;', to: '' };

/** Bugs that the simulator found, which have been fixed. */
const FOUND: readonly Mutation[] = [
  {
    name: 'blames-for-those-who-left',
    meaning: 'a gateway blames a provider for a certificate whose validators have left since',
    file: 'packages/gateway/src/buy/check/check-reply.ts',
    from: 'const checks = verdict.checks.map((one) => (isOut(one) ? read : one));',
    to: 'const checks = verdict.checks.map((one) => (isOut(one) ? { ...read, status: one.status } : one));',
    given: { liars: 0, only: ['leave'], faultsPerMinute: 10 },
  },
  {
    name: 'orders-at-who-is-behind',
    meaning: 'a gateway orders at a validator that has not caught up since it started, however often it refuses',
    file: VALIDATOR_CHOICE,
    from: 'if (own < latest && !isEpochNear(latest, own))',
    to: 'if (false)',
    also: [COUNTS_NO_REFUSAL],
    given: { beacon: 'threshold', lie: 'answers-others', only: ['crash'], faultsPerMinute: 20 },
  },
  {
    name: 'stays-where-nothing-is-admitted',
    meaning: 'a gateway orders at a validator that answers it, however often providers say that it admits nothing',
    ...COUNTS_NO_REFUSAL,
    given: { lie: 'admits-nothing', faultsPerMinute: 0 },
  },
  {
    name: 'forgets-what-it-booked',
    meaning: 'a settlement that was booked and that a reorganisation loses for good is never sent again',
    file: 'packages/validator/src/settlement/settlement.ts',
    from: 'const lost = findLost(state, anchor);',
    to: 'const lost: ReturnType<typeof findLost> = undefined;',
    given: { liars: 0, only: ['reorg'], faultsPerMinute: 8 },
  },
  {
    name: 'keeps-the-last-certificate',
    meaning: 'a validator does not pass on the last certificate of the bootstrap beacon once a key has taken over',
    file: DRIVER,
    from: '() => answerLate(from, message),',
    to: '() => undefined,',
    given: { beacon: 'threshold', gateways: 0, lie: 'favours' },
  },
  {
    name: 'parts-of-milliseconds',
    meaning: 'a time with a fraction of a millisecond is written, and the reply cannot be read again',
    file: 'packages/validator/src/store/audit-attempt-store.ts',
    from: '.run(Math.ceil(untilMs), addedMs, addedMs, replyId);',
    to: '.run(untilMs, addedMs, addedMs, replyId);',
    given: { lie: 'never-opens' },
  },
];

/** An old rule that hid the two bugs below: a shown record also counted against a claim about its opening. */
const SHOWN_SPEAKS = {
  file: 'packages/validator/src/store/witness-store.ts',
  from: "outcome = 'found' AND asked IN ('opening', ?)\"",
  to: "outcome = 'found' AND asked IN ('opening', 'record', ?)\"",
};

/** Epochs begin again with another set. */
const MANY_LEAVE: Mutation['given'] = {
  ...{ gateways: 0, lie: 'favours', only: ['leave', 'loss', 'delay'], faultsPerMinute: 20 },
};

/** Bugs in receipts for records, and in locks that outlive their set. */
const RECEIPTS: readonly Mutation[] = [
  {
    name: 'takes-no-receipt',
    meaning:
      'a provider takes no receipt from a caller that asks for texts, and a record that was shown proves its opening',
    file: 'packages/provider/src/provider/serving/read-opening.ts',
    from: 'if (!(await isDecided(state, kept.intake ? kept : await takeReceipt(state, replyId, { ...kept, intake })))) {',
    to: 'if (!(await isDecided(state, kept))) {',
    also: [SHOWN_SPEAKS],
    given: { lie: 'keeps-records', faultsPerMinute: 0 },
  },
  {
    name: 'asks-without-receipt',
    meaning:
      'validators and witnesses ask for texts without the receipt, and a record that was shown proves its opening',
    file: 'packages/validator/src/wire-messages.ts',
    from: '  ...(intake && { intake }),\n});',
    to: '  ...(intake && {}),\n});',
    also: [SHOWN_SPEAKS],
    given: { lie: 'keeps-records', faultsPerMinute: 0 },
  },
  {
    name: 'keeps-locks-across-sets',
    meaning: 'a lock on a value of the set before holds where an epoch begins again with another set',
    file: 'packages/protocol/src/beacon/beacon-machine.ts',
    from: 'state.vote = isRestart ? unlockFrom(options.vote, state.fixed.set) : options.vote;',
    to: 'state.vote = options.vote;',
    given: MANY_LEAVE,
  },
  {
    name: 'refuses-the-set-before',
    meaning: 'a validator that restarted an epoch refuses a certificate by the set before',
    file: STEPS,
    from: "isAgreed(state, 'commit', certificate) || isOfSetBefore(state, certificate)",
    to: "isAgreed(state, 'commit', certificate)",
    given: MANY_LEAVE,
  },
];

const NEWCOMERS = ['provider-0', 'provider-1', 'provider-2'];

/** Of tests that validators buy, and of keys that have nothing to lose. */
const ENTRANCE: readonly Mutation[] = [
  {
    name: 'counts-no-miss',
    meaning: 'a validator says of a provider that gives no answer that it answered',
    file: 'packages/validator/src/canary/drawn-tests.ts',
    from: "arrival, isMissed: outcome === 'missed' };",
    to: 'arrival, isMissed: false };',
    given: { lie: 'silent', faultsPerMinute: 0, rules: { canaryRate: 200_000 } },
  },
  {
    name: 'minds-no-test',
    meaning: 'a router draws a provider as often, whatever tests of it say',
    file: 'packages/protocol/src/audit/liveness.ts',
    from: 'return Math.max(LEAST_LIVENESS_PPM, PPM - missed);',
    to: 'return Math.max(PPM, PPM - missed);',
    given: { lie: 'silent', faultsPerMinute: 0, rules: { canaryRate: 200_000 } },
  },
  {
    name: 'samples-newcomers',
    meaning: 'replies of keys that hold nothing are audited as seldom as any',
    file: 'packages/validator/src/audit/deterrence.ts',
    from: 'if (heldAtomic === undefined) return 0;',
    to: 'if (heldAtomic !== 1n) return 0;',
    given: { liars: 0, faultsPerMinute: 0, rules: { alpha: 0.3, newcomers: NEWCOMERS } },
  },
  {
    name: 'pays-newcomers-anything',
    meaning: 'an order may pay a key that holds nothing as much as any',
    file: 'packages/protocol/src/audit/fee-bound.ts',
    from: 'return entranceAtomic === 0n ? undefined :',
    to: 'return entranceAtomic >= 0n ? undefined :',
    given: { liars: 0, faultsPerMinute: 0, rules: { newcomers: ['provider-0'], entranceAtomic: LOW_ENTRANCE_ATOMIC } },
  },
];

const HUB_GIVEN = { hasHub: true, gateways: 0, validators: 1, faultsPerMinute: 0 } as const;

/** Of providers that fetch models by demand, and of pins. */
const HUB: readonly Mutation[] = [
  {
    name: 'believes-one-router',
    meaning: 'a provider fetches the models that any router names',
    file: 'packages/provider/src/provider/hub/wanted-models.ts',
    from: 'Math.floor((weights.length - 1) / 2)',
    to: 'weights.length - 1',
    given: HUB_GIVEN,
  },
  {
    name: 'forgets-failed-downloads',
    meaning: 'a model that failed after its download costs nothing of the budget',
    file: 'packages/provider/src/provider/hub/downloads.ts',
    from: 'else sum += bytes;',
    to: '',
    given: HUB_GIVEN,
  },
  {
    name: 'draws-by-pin-alone',
    meaning: 'each epoch of a pin draws the same chunks',
    file: 'packages/hub/src/pin-tree.ts',
    from: 'words.set(seed);',
    to: '',
    given: HUB_GIVEN,
  },
];

export const MUTATIONS: readonly Mutation[] = [
  ...BEACON.map((one) => ({ ...one, given: { gateways: 0, ...one.given } })),
  ...KEY_MUTATIONS.map((one) => ({ ...one, given: { gateways: 0, beacon: 'threshold', ...one.given } as const })),
  ...MONEY,
  ...ROLES,
  ...FOUND,
  ...RECEIPTS,
  ...ENTRANCE,
  ...HUB,
].map((one) => ({ ...one, given: { beacon: 'vrf', ...one.given } }));
