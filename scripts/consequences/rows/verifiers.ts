import { type Consequence, OPEN } from '../consequence.ts';

export const VERIFIER_ROWS: readonly Consequence[] = [
  {
    cause: 'A verifier does not answer a job at all, or opens nothing after its commitment.',
    control: 'verifier; its network',
    cost: 'From the fifth half hour of a day on, each costs 2 % of the stake and halves its weight.',
    effect: 'The audit takes longer, and another verifier is drawn.',
    bound:
      'Only [statements of witnesses](#what-it-costs) count. A day costs a tenth at most, and a quorum can pardon it.',
    places: [
      'packages/protocol/src/verdict/attempt-review.ts#markSilence',
      'packages/protocol/src/verdict/judge.ts#markSilence',
      'packages/protocol/src/settlement/silence-count.ts#lowerStake',
      'packages/protocol/src/settlement/log-tests.ts#countSilence',
      'packages/protocol/src/settlement/batch.ts#countSilence',
      'packages/validator/src/store/candidates.ts#lowerStake',
      'contracts/src/Settlement.sol#penalize',
      'contracts/src/Staking.sol#penalize',
    ],
  },
  {
    cause: 'A verifier refuses a job.',
    control: 'verifier; a provider, by its request',
    cost: 'The pay for this job.',
    effect: 'The audit takes longer, and another verifier is drawn.',
    bound:
      'A refusal is an [answer](#what-it-costs): neither validator nor log marks it. So nobody can spend the stake of others by jobs that they have to refuse.',
    places: [
      'packages/host/src/link/verifier-call.ts#isRefusedJob',
      'packages/validator/src/audit/finish-round.ts#isRefusedJob',
      'packages/validator/src/audit/ask-honeypot.ts#giveUp',
    ],
  },
  {
    cause: "Verifiers with most of a model's stake leave all replies of a rival without a report.",
    control: 'verifiers in league',
    cost: 'By refusals only their pay. By silence a tenth of their stake a day, after two free hours.',
    effect: "The rival's replies are unjudged and unpaid, and one of forty costs it 60 fees.",
    bound: `${OPEN} an accept needs as much stake as the verifiers without a report. [Rounds](audit-selection.md#rounds) that grow stop a single payee with less. See [open problem 1](../open-problems.md#1-silence-of-verifiers-is-counted-by-each-log-alone).`,
    places: [
      'packages/protocol/src/verdict/report-combination.ts#isOutweighedBySilence',
      'packages/protocol/src/verdict/audit-attempts-check.ts#isOutweighedBySilence',
    ],
  },
  {
    cause: 'Validators with a third of the stake state a false silence.',
    control: 'validators in league',
    cost: 'Nothing.',
    effect: 'In 35 % of the audits that one of them handles, a verifier is marked or a provider called absent.',
    bound: `${OPEN} the beacon draws the [witnesses](#witnesses). A verifier loses a tenth of its stake a day at most. See [open problem 1](../open-problems.md#1-silence-of-verifiers-is-counted-by-each-log-alone).`,
    places: [
      'packages/protocol/src/audit/witness-draw.ts#drawWitnesses',
      'packages/protocol/src/verdict/witnessed.ts#findSilenceProblem',
    ],
  },
  {
    cause: 'A verifier opens garbage, or refuses to open a report to which it has committed.',
    control: 'verifier',
    cost: 'A reject in the test of this validator, which draws it no more after some.',
    effect: 'Another verifier is drawn.',
    bound:
      "The verifier's own commitment binds it. The [record](validator-audits.md#record-of-a-verifier) is one validator's, and co-signers refuse lists that lack half of the stake.",
    places: [
      'packages/validator/src/audit/finish-round.ts#recordVerifier',
      'packages/validator/src/store/verifier-store.ts#recordVerifier',
      'packages/validator/src/store/verifier-store.ts#advanceSequentialTest',
    ],
  },
  {
    cause: 'A verifier does not answer one validator.',
    control: 'verifier; the network between them',
    cost: 'It is deferred there, twice as long each time in a row, a day at most.',
    effect: 'Others are drawn in its place.',
    bound:
      'It is left out only while four others with three quarters of the stake remain. Time that the validator lost itself does not [count](validator-audits.md#record-of-a-verifier).',
    places: [
      'packages/validator/src/audit/honeypot-state.ts#recordVerifier',
      'packages/validator/src/store/candidates.ts#deferredUntilMs',
    ],
  },
  {
    cause: 'The other reports of an audit, or a honeypot, refute a report.',
    control: 'verifier; a league that outvotes it',
    cost: '2 % of the stake, a tenth a day at most, and a reject in the tests of validators.',
    effect: 'The reply is decided without this report.',
    bound: `${OPEN} lying costs more than it gains ([penalties](stakes.md#penalties)), but three verifiers in league refute an honest one. See [open problem 2](../open-problems.md#2-three-verifiers-in-league-agree-on-a-lie).`,
    places: [
      'packages/validator/src/store/verifier-store.ts#recordMarks',
      'packages/validator/src/store/verdict-store.ts#recordMarks',
      'packages/validator/src/settlement/cosign/count-log.ts#recordMarks',
    ],
  },
  {
    cause: "A verifier's answer to a honeypot is in doubt, or cannot be read.",
    control: 'verifier',
    cost: "Its pay for this job, and a reject in one validator's test. No stake.",
    effect: 'None.',
    bound:
      'The right answer needs two equal reports of others, and doubt a row of the [drift table](honeypots.md#marks).',
    places: ['packages/validator/src/store/honeypot-store.ts#recordVerifier'],
  },
];
