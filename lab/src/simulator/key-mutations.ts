import type { Mutation } from './mutation.ts';

const DRIVER = 'packages/validator/src/beacon/beacon-driver.ts';
const DEAL_STEPS = 'packages/protocol/src/beacon/threshold/deal-steps.ts';
const OUTCOME_STEPS = 'packages/protocol/src/beacon/threshold/outcome-steps.ts';
const KEY_DRIVER = 'packages/validator/src/beacon/key-driver.ts';
const KEY_STATE = 'packages/protocol/src/beacon/threshold/key-state.ts';

/** Bugs in the making, storage and use of the threshold beacon's key. */
export const KEY_MUTATIONS: readonly Mutation[] = [
  {
    name: 'signs-early',
    meaning: 'an epoch of the threshold beacon is signed before the own clock reaches it',
    file: 'packages/protocol/src/beacon/threshold/epoch-machine.ts',
    from: 'if (epochAt(schedule, nowMs) < epoch) return;',
    to: '',
    given: { liars: 0 },
  },
  {
    name: 'signs-late',
    meaning: 'an epoch of the threshold beacon is signed once it is over',
    file: 'packages/protocol/src/beacon/threshold/epoch-machine.ts',
    from: 'if (epochAt(schedule, nowMs) < epoch) return;',
    to: 'if (epochAt(schedule, nowMs) <= epoch) return;',
    given: { liars: 0, faultsPerMinute: 0 },
  },
  {
    name: 'erases-early',
    meaning:
      'shares of an era are forgotten as soon as the chain has the next one, and those of the next one sign nothing older',
    file: 'packages/validator/src/beacon/threshold-driver.ts',
    from: 'if (epochAt(scheduleOf(reading), nowMs) <= newest.firstEpoch || archive.latest().epoch < newest.firstEpoch) return;',
    to: '',
    also: [
      {
        file: 'packages/validator/src/beacon/threshold-state.ts',
        from: 'return found === undefined && newest?.generation === generation ? lookUpEra(state, newest) : found;',
        to: 'return found;',
      },
    ],
    given: { liars: 0, only: ['leave'], faultsPerMinute: 4 },
  },
  {
    name: 'out-on-complaint',
    meaning: 'a complaint puts a dealer out although it was answered',
    file: KEY_STATE,
    from: '.filter(([, one]) => one.answer === undefined && one.heardMs <= since)',
    to: '.filter(([, one]) => one.heardMs <= since)',
    given: { lie: 'complains', faultsPerMinute: 0 },
  },
  {
    name: 'signs-without-shares',
    meaning: 'committee members sign an outcome without own shares, and ignore complaints',
    file: KEY_STATE,
    from: "if (dealer.shares === undefined && (ownSeatOf(state)?.tickets ?? 0) > 0) return 'no-shares';",
    to: '',
    also: [
      {
        file: KEY_STATE,
        from: "return listUnanswered(state, at).length > 0 ? 'unanswered' : undefined;",
        to: 'return undefined;',
      },
    ],
    given: { lie: 'withholds-shares', faultsPerMinute: 0 },
  },
  {
    name: 'keeps-answers',
    meaning: 'a validator that sees the shares for a complainer does not pass them on',
    file: DEAL_STEPS,
    from: 'else if (known.answer !== undefined) send(state, from, known.answer);',
    to: '',
    given: { lie: 'answers-others', faultsPerMinute: 0 },
  },
  {
    name: 'votes-early',
    meaning: 'an outcome is voted on while complaints of the first phase do not count yet',
    file: OUTCOME_STEPS,
    from: 'if (current < 0) return;',
    to: '',
    given: { lie: 'proposes-early', faultsPerMinute: 0 },
  },
  {
    name: 'deals-anew',
    meaning: 'a dealer that was killed deals something else, and its signer keeps no notes',
    file: KEY_DRIVER,
    from: '...own }, eras.listEntries(of));',
    to: '...own }, []);',
    also: [
      {
        file: 'packages/protocol/src/beacon/threshold/key-machine.ts',
        from: 'nowMs >= startedMs + 2 * plan.resendMs',
        to: 'true',
      },
      {
        file: 'packages/validator/src/signer/signing-guard.ts',
        from: "else if (statement.kind === 'beacon-key') guardDeal(crypto, store, statement);",
        to: '',
      },
    ],
    given: { liars: 0, only: ['crash'], faultsPerMinute: 60 },
  },
  {
    name: 'hands-in-nothing',
    meaning: 'nobody hands a key that is made to the chain',
    file: KEY_DRIVER,
    from: 'if (current.activated === undefined || reading === undefined || nowMs < current.submitsAtMs) return;',
    to: 'if (current.activated === undefined || reading !== undefined) return;',
    given: { liars: 0, faultsPerMinute: 0 },
  },
  {
    name: 'goes-by-its-own-clock',
    meaning: 'the bootstrap beacon goes on by the own clock, however far ahead of the chain that is',
    file: 'packages/validator/src/beacon/threshold-driver.ts',
    from: 'if (reading === undefined || reading.epoch + 1n < epoch) return false;',
    to: 'if (reading === undefined) return false;',
    given: { liars: 0, only: ['ahead'], faultsPerMinute: 8 },
  },
  {
    name: 'signs-by-an-unsettled-key',
    meaning: 'a key signs although a reorganisation may still take it back',
    file: 'packages/validator/src/beacon/threshold-state.ts',
    from: 'if (reading === undefined || !isSettled(reading, epoch)) return undefined;',
    to: 'if (reading === undefined) return undefined;',
    given: { beacon: 'threshold', liars: 0, only: ['reorg'], faultsPerMinute: 12 },
  },
  {
    name: 'lets-a-send-fail',
    meaning: 'nobody minds that a message of the bootstrap beacon was not delivered',
    file: DRIVER,
    from: 'void send(action.to, encodeBeaconMessage(action.message)).catch(onUndelivered);',
    to: 'void send(action.to, encodeBeaconMessage(action.message));',
    given: { beacon: 'vrf' },
  },
];
