// The models, the properties to check and the depth of each search. A broken twin is a model without one rule. Its search must find a
// counterexample.

interface CheckBase {
  /** Of the command line. */
  readonly name: string;
  readonly file: string;
  /** The property that holds, or the rule that the twin lacks. */
  readonly says: string;
  readonly expect: 'holds' | 'broken';
  /** Too long for CI. */
  readonly nightly?: true;
}

export interface QuintCheck extends CheckBase {
  readonly tool: 'quint';
  /** Module of the file: the model, or a twin. */
  readonly module: string;
  readonly invariants: readonly string[];
  /** States that the sampled runs must reach, so that no property holds only because nothing happened. */
  readonly witnesses?: readonly string[];
  readonly samples: number;
  readonly steps: number;
  /** CI starts a twin's search where it was found before; a deep run starts at 7 and has to find it anew. */
  readonly seed: string;
}

export interface SpinCheck extends CheckBase {
  readonly tool: 'spin';
  readonly defines: readonly string[];
  /**
   * - `safety` explores every state for a failed assertion.
   * - `ends` explores every fair run for an epoch that does not end.
   * - `stops` explores every state for a standstill in which a validator still seeks an epoch. If no state repeats, this equals `ends` with
   *   far fewer states.
   * - `advances` checks that no state repeats.
   */
  readonly mode: 'safety' | 'ends' | 'stops' | 'advances';
}

export type ModelCheck = QuintCheck | SpinCheck;

/** Samples of a deep run for each of CI's. */
export const DEEP_FACTOR = 20;
export const DEEP_SEED = '7';

type Twin = readonly [module: string, seed: string, invariant: string, says: string];

function quint(
  file: string,
  module: string,
  invariants: readonly string[],
  witnesses: readonly string[],
  samples: number,
  says: string,
  twins: readonly Twin[],
): readonly QuintCheck[] {
  const base = { tool: 'quint', file: `${file}.qnt`, steps: 30 } as const;
  return [
    { ...base, name: `${file}`, module, invariants, witnesses, samples, seed: DEEP_SEED, says, expect: 'holds' },
    ...twins.map(
      ([twin, seed, invariant, lacks]): QuintCheck => ({
        ...base,
        name: `${file}.${twin}`,
        module: twin,
        invariants: [invariant],
        samples: 1_000,
        seed,
        says: lacks,
        expect: 'broken',
      }),
    ),
  ];
}

const spin = (
  file: string,
  name: string,
  defines: readonly string[],
  expect: 'holds' | 'broken',
  says: string,
  more: { readonly mode?: SpinCheck['mode']; readonly nightly?: true } = {},
): SpinCheck => ({
  tool: 'spin',
  name: `${file}-spin${name === '' ? '' : `.${name}`}`,
  file: `${file}.pml`,
  defines,
  expect,
  says,
  mode: more.mode ?? 'safety',
  ...(more.nightly && { nightly: true }),
});

export const CHECKS: readonly ModelCheck[] = [
  spin(
    'beacon',
    '',
    ['AGREEMENT'],
    'holds',
    'no two values of one epoch; no view before an honest timer; any one of four lies, three views',
  ),
  spin('beacon', 'restarts', ['AGREEMENT', 'RESTARTS=1'], 'holds', 'the same, with a restart at any moment', {
    nightly: true,
  }),
  spin('beacon', 'ends-two-views', ['VIEWS=2'], 'holds', 'every fair run ends the epoch, two views', { mode: 'ends' }),
  spin('beacon', 'ends', [], 'holds', 'every fair run ends the epoch, three views', { mode: 'ends', nightly: true }),
  spin('beacon', 'follow', ['AGREEMENT', 'FOLLOW'], 'broken', 'a message of a proposer moves others to its view'),
  spin('beacon', 'amnesia', ['AGREEMENT', 'RESTARTS=1', 'AMNESIA'], 'broken', 'a restart forgets vote and lock'),
  spin('beacon', 'unlocked', ['AGREEMENT', 'UNLOCKED'], 'broken', 'a lock binds no validator'),
  spin('beacon', 'half', ['AGREEMENT', 'HALF'], 'broken', 'half of the votes are a quorum'),
  spin('beacon', 'deaf', ['DEAF', 'LIAR=0'], 'broken', 'a proposer learns of no lock, so the epoch need not end', {
    mode: 'ends',
  }),
  ...quint(
    'beacon',
    'beacon',
    ['oneValueAView', 'noDoubleVote'],
    ['somethingPrepared'],
    120,
    'one value is prepared a view, and nobody honest votes twice, whenever machines stop',
    [
      ['sendsBeforeSync', '0x38b', 'noDoubleVote', 'a vote is sent before it is on the disk'],
      ['amnesia', '0xd0db', 'noDoubleVote', 'a restarted validator votes again in the view of its last vote'],
      ['halfPrepares', DEEP_SEED, 'oneValueAView', 'half of the votes prepare a value'],
    ],
  ),
  spin(
    'threshold',
    '',
    ['LAST=2'],
    'holds',
    'one kind of certificate an epoch: shares change and a key is retired at any moment, one of four lies',
  ),
  spin('threshold', 'ends', ['LAST=2'], 'holds', 'every epoch ends, whenever shares change and a key is retired', {
    mode: 'stops',
  }),
  spin('threshold', 'ends-three', [], 'holds', 'the same over three epochs, with both in one epoch or in two', {
    mode: 'stops',
    nightly: true,
  }),
  spin(
    'threshold',
    'advances',
    ['LAST=2'],
    'holds',
    'no state comes twice, so a run that does not end an epoch stands',
    {
      mode: 'advances',
      nightly: true,
    },
  ),
  spin(
    'threshold',
    'ends-fair',
    ['LAST=2', 'KEEPS_SHARES'],
    'holds',
    'every fair run ends every epoch, whenever a key is retired',
    {
      mode: 'ends',
    },
  ),
  spin('threshold', 'all-tickets', ['LAST=2', 'ALL_TICKETS'], 'broken', 'every ticket is needed', { mode: 'stops' }),
  spin(
    'threshold',
    'no-late',
    ['LAST=2', 'NO_LATE'],
    'broken',
    'a validator that missed an epoch never gets its certificate',
    {
      mode: 'stops',
    },
  ),
  spin(
    'threshold',
    'no-last',
    ['LAST=2', 'NO_LAST'],
    'broken',
    'a validator that missed the last certificate before a key never gets it',
    {
      mode: 'stops',
    },
  ),
  spin(
    'threshold',
    'erases',
    ['LAST=2', 'ERASES'],
    'broken',
    'old shares go when the chain has new ones, which sign nothing older',
    {
      mode: 'stops',
    },
  ),
  spin(
    'threshold',
    'leaves-one',
    ['LAST=2', 'LEAVES_ONE'],
    'broken',
    'a liar leaves one without new shares, agrees on them, and is silent',
    {
      mode: 'stops',
    },
  ),
  spin(
    'threshold',
    'one-change',
    ['ONE_CHANGE'],
    'broken',
    'a reader of the chain takes one change in an epoch, and misses the other',
    {
      mode: 'stops',
    },
  ),
  spin('threshold', 'no-notice', ['LAST=2', 'NO_NOTICE'], 'broken', 'a key is retired with the epoch that runs'),
  ...quint(
    'tickets',
    'tickets',
    ['unknownBeforeSeal', 'unknownBeforeItsTime', 'nobodyStops'],
    ['somethingSealed', 'somethingKnown'],
    150,
    'nobody fixes an intake after learning the value, or knows it before its time; silent liars stop nothing',
    [
      ['thresholdOfAThird', '0x3c8', 'unknownBeforeSeal', 'a third of the tickets make the value'],
      ['thresholdOfAHalf', '0x3c8', 'unknownBeforeSeal', 'half of the tickets make the value'],
      ['earlySigning', '0x5f3', 'unknownBeforeItsTime', 'an epoch is signed before the own clock reaches it'],
      [
        'attestsLate',
        '0x9433',
        'unknownBeforeSeal',
        'a validator that has signed an epoch still attests an intake for it',
      ],
      ['allTickets', DEEP_SEED, 'nobodyStops', 'every ticket is needed'],
    ],
  ),
  ...quint(
    'keygen',
    'keygen',
    ['oneOutcome', 'honestHoldShares', 'noHonestOut', 'noHonestSlashed', 'honestCanSign'],
    ['someKey'],
    40,
    'one outcome an attempt; the honest hold its shares, keep their places and can sign at any time',
    [
      ['halfCertifies', '0xb0e', 'oneOutcome', 'half of the parties certify an outcome'],
      ['outOnComplaint', DEEP_SEED, 'noHonestOut', 'a complaint alone puts a dealer out'],
      ['dealsAnew', DEEP_SEED, 'noHonestSlashed', 'a restarted dealer makes a new deal'],
      ['dealsUnseen', '0x1ccf', 'honestHoldShares', 'nobody compares the deals that a dealer signed'],
      ['erasesEarly', '0x961', 'honestCanSign', 'old shares go before the new key is final'],
      ['answersSome', '0x15a3a', 'honestCanSign', 'nobody gives a complainer what its dealer showed to others alone'],
    ],
  ),
  ...quint(
    'eras',
    'eras',
    ['oneSet', 'keysBeforeInputs', 'oneKey', 'certificatesLast'],
    ['setsChange'],
    80,
    'one set an epoch; its keys are older than its draws; the statements of a quorum settle, even if members leave',
    [
      [
        'readsUnfinal',
        '0x1dd',
        'oneSet',
        'sets are read from blocks that may be taken back, and no hash agrees on them',
      ],
      ['readsLate', '0x1005', 'keysBeforeInputs', 'the set of an epoch is read when it begins'],
      ['freshKey', '0x105', 'oneKey', 'an address that comes back brings a new key'],
      ['liveVotes', DEEP_SEED, 'certificatesLast', 'signatures are counted by who is listed at the moment'],
    ],
  ),
  ...quint(
    'settlement',
    'settlement',
    ['settlesOnce', 'authentic', 'rejectExcludesRelease', 'oneLog', 'orderFree'],
    ['paidSome', 'twoLogs'],
    60,
    'paid once, only what was served, never what was rejected; a restored database harms nobody; logs settle in any order',
    [
      ['anyRecord', DEEP_SEED, 'authentic', "nobody asks for the provider's signed record"],
      ['twoVerdicts', '0x421e', 'rejectExcludesRelease', 'a log may name a reply twice'],
    ],
  ),
  spin('settlement', '', [], 'holds', 'the same, every state of two logs of two entries'),
  spin(
    'settlement',
    'no-notes',
    ['NO_NOTES'],
    'broken',
    'signing keys keep no notes: a restored validator gets a second log signed',
  ),
  spin('settlement', 'any-record', ['ANY_RECORD'], 'broken', "nobody asks for the provider's signed record"),
  spin('settlement', 'two-verdicts', ['TWO_VERDICTS'], 'broken', 'a log may name a reply twice'),
  spin('settlement', 'no-sequence', ['NO_SEQUENCE'], 'broken', 'the chain takes a batch twice'),
  spin(
    'settlement',
    'one-deposit',
    ['ONE_DEPOSIT'],
    'broken',
    'validators draw from one deposit: the order of their batches decides',
  ),
  spin('settlement', 'id-without-validator', ['ID_WITHOUT_VALIDATOR'], 'broken', 'a reply id names no validator'),
];
